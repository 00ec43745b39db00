"""What comes in: what is in incoming and in quarantine, what waits for its time, what is late."""

from __future__ import annotations

from itertools import islice

from fastapi import Response

from dbproc.core.errors import UserError
from dbproc.database import queue
from dbproc.database.definition.load import load_definition
from dbproc.explain import quarantine
from dbproc.explain.definition import product_names
from dbproc.explain.expectations import overdue_files, waiting_slots
from dbproc.ingest.incoming import scan_mission
from dbproc.service.page.views import Viewing, page_router

router = page_router()

_ROWS = 100
_SHOWN = 500


@router.get("/incoming")
def incoming_page(view: Viewing) -> Response:
    """What is in incoming and what is queued."""
    with view.store.begin() as connection:
        definition = load_definition(connection)
        queued, first = queue.length(connection), queue.entries(connection, limit=_ROWS)
    try:
        found, problem = scan_mission(view.store, definition), None
    except UserError as error:
        found, problem = None, str(error)
    return view.show(
        "incoming.html",
        directory=definition.mission.incoming,
        problem=problem,
        settled=found.settled[:_SHOWN] if found else (),
        count=len(found.settled) if found else 0,
        unsettled=found.names[:_SHOWN] if found else (),
        queued=queued,
        first=first,
    )


@router.get("/quarantine")
def quarantine_list(view: Viewing) -> Response:
    """What was refused and is still there, the latest first."""
    rows = quarantine.entries(view.store, _ROWS + 1, view.asked.number("after"))
    after = rows[_ROWS - 1].quarantine_id if len(rows) > _ROWS else None
    return view.show("quarantine.html", rows=rows[:_ROWS], after=after)


@router.get("/quarantine/{number:int}")
def quarantine_page(view: Viewing, number: int) -> Response:
    """One entry, and what each product said of the file."""
    return view.show("refused.html", entry=quarantine.entry(view.store, number))


@router.get("/waiting")
def waiting_list(view: Viewing) -> Response:
    """What is to be made later."""
    choice = view.asked.choice()
    with view.store.begin() as connection:
        rows = list(islice(waiting_slots(connection, load_definition(connection), choice), _SHOWN + 1))
    return view.show("waiting.html", rows=rows[:_SHOWN], is_more=len(rows) > _SHOWN)


@router.get("/late")
def late_list(view: Viewing) -> Response:
    """What should have come and has not."""
    rows = list(islice(overdue_files(view.store, view.asked.many("product"), view.asked.choice()), _SHOWN + 1))
    names = product_names(view.store)
    return view.show("late.html", rows=rows[:_SHOWN], is_more=len(rows) > _SHOWN, products=names)
