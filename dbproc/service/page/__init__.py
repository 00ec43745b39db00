"""The page: what commands say, in a browser; whole without JavaScript, with nothing from elsewhere."""

from dbproc.service.page import home, static_files

PAGES = (static_files.router, home.router)
"""The routers of its parts."""
