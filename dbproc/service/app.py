"""The application: every dialect is a router of its own."""

from __future__ import annotations

from fastapi import FastAPI

from dbproc import __version__
from dbproc.service import health, openapi, preparedata, problems
from dbproc.service.api import (
    actions,
    audit,
    campaigns,
    definition,
    failures,
    files,
    foresight,
    history,
    imports,
    keeping,
    quarantine,
    stages,
    status,
    transfers,
    uploads,
)
from dbproc.service.context import Context
from dbproc.service.door import Door
from dbproc.service.guard import Guard
from dbproc.service.page import views
from dbproc.service.page.kept import Kept
from dbproc.service.page.parts import PAGES
from dbproc.service.previews import Previews
from dbproc.service.scientistcloud import jobs, large
from dbproc.service.traffic import Counting
from dbproc.service.uploads import tus

ROUTERS = (
    health.router,
    status.router,
    failures.router,
    files.router,
    definition.router,
    history.router,
    audit.router,
    quarantine.router,
    transfers.router,
    campaigns.router,
    keeping.router,
    stages.router,
    imports.router,
    foresight.router,
    actions.router,
    tus.router,
    uploads.router,
    jobs.router,
    large.router,
    preparedata.router,
    *PAGES,
)
"""Those of the parts, in the order in which paths are looked up."""


def create_app(context: Context) -> FastAPI:
    """The application that serves a mission."""
    app = FastAPI(
        title="dbproc",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/v1/openapi.json",
    )
    app.root_path = context.root_path  # whether the proxy leaves it in the path or not
    app.state.context = context
    app.state.door = Door(context)
    app.state.kept = Kept()
    app.state.previews = Previews()
    problems.install(app)
    views.install(app)
    openapi.install(app)
    for router in ROUTERS:
        app.include_router(router)
    app.add_middleware(Counting, traffic=context.traffic)
    app.add_middleware(Guard, door=app.state.door)  # the outermost: the one that is added last
    return app
