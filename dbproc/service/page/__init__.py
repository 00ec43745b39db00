"""The page: what commands say, in a browser; whole without JavaScript, with nothing from elsewhere."""

from dbproc.service.page import attempts, coverage, deliveries, files, home, products, static_files, work

PAGES = tuple(each.router for each in (static_files, home, files, products, coverage, attempts, deliveries, work))
"""The routers of its parts."""
