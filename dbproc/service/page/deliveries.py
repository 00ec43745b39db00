"""What comes in: what is in incoming and in quarantine, what waits for its time, what is late."""

from __future__ import annotations

from itertools import islice

from fastapi import Response

from dbproc.core.errors import UserError
from dbproc.core.states import RefusalReason
from dbproc.database import queue
from dbproc.database.definition.load import load_definition
from dbproc.explain import quarantine
from dbproc.explain.definition import product_names
from dbproc.explain.expectations import overdue_files, waiting_slots
from dbproc.explain.incoming import incoming_files
from dbproc.service.page.views import ROWS, Viewing, page_router

router = page_router()


@router.get("/incoming")
def incoming_page(view: Viewing) -> Response:
    """What is in incoming."""
    asked = view.asked
    settled = asked.flag("settled") if asked.text("settled") else None
    with view.store.begin() as connection:
        queued = queue.length(connection)
    try:
        found, problem = incoming_files(view.store, asked.text("text") or "", settled), None
    except UserError as error:
        found, problem = None, str(error)
    return view.show(
        "incoming.html",
        **view.part(found.files if found else ()),
        problem=problem,
        queued=queued,
        directory=found and found.directory,
    )


@router.get("/queue")
def queue_list(view: Viewing) -> Response:
    """The files that are to be looked at as inputs of new work."""
    with view.store.begin() as connection:
        count = queue.length(connection)
        rows = queue.entries(connection, view.asked.many("product"), view.most)
    return view.show("queue.html", **view.part(rows), count=count, products=product_names(view.store))


@router.get("/quarantine")
def quarantine_list(view: Viewing) -> Response:
    """What was refused and is still there, the latest first."""
    asked = view.asked
    reasons, text = asked.words("reason", RefusalReason), asked.text("text") or ""
    rows = quarantine.entries(view.store, ROWS + 1, asked.number("after"), reasons, text)
    after = rows[ROWS - 1].quarantine_id if len(rows) > ROWS else None
    return view.show("quarantine.html", rows=rows[:ROWS], after=after, reasons=list(RefusalReason))


@router.get("/quarantine/{number:int}")
def quarantine_page(view: Viewing, number: int) -> Response:
    """One entry, and what each product said of the file."""
    return view.show("refused.html", entry=quarantine.entry(view.store, number))


@router.get("/waiting")
def waiting_list(view: Viewing) -> Response:
    """What is to be made later."""
    choice = view.asked.choice()
    with view.store.begin() as connection:
        rows = list(islice(waiting_slots(connection, load_definition(connection), choice), view.most))
    return view.show("waiting.html", **view.part(rows))


@router.get("/late")
def late_list(view: Viewing) -> Response:
    """What should have come and has not."""
    rows = list(islice(overdue_files(view.store, view.asked.many("product"), view.asked.choice()), view.most))
    return view.show("late.html", **view.part(rows), products=product_names(view.store))
