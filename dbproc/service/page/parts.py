"""All parts of the page."""

from dbproc.service.page import (
    actions,
    attempts,
    coverage,
    deliveries,
    files,
    home,
    login,
    pictures,
    products,
    static_files,
    uploads,
    work,
)

PAGES = tuple(
    each.router
    for each in (
        static_files,
        login,
        home,
        files,
        pictures,
        products,
        coverage,
        attempts,
        deliveries,
        work,
        uploads,
        actions,
    )
)
"""The routers of the parts of the page."""
