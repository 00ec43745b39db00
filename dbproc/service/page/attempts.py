"""What failed, and each attempt with what its job wrote."""

from __future__ import annotations

from fastapi import Response

from dbproc.database import attempts, files
from dbproc.database.attempts import AttemptRow
from dbproc.database.definition.load import load_definition
from dbproc.explain.definition import process_names
from dbproc.explain.failures import FailureGroup, failures_by_cause, page_of_failures
from dbproc.explain.status import waiting_for
from dbproc.service.page.views import Viewing, page_router
from dbproc.storage.tail import tail_of

router = page_router()

_ROWS = 100
_LOG_BYTES = 200_000


@router.get("/failures")
def failure_list(view: Viewing) -> Response:
    """What failed and was not made good since, by its causes and one by one."""
    process, dismissed, after = view.asked.text("process"), view.asked.flag("dismissed"), view.asked.number("after")
    choice = view.asked.choice()

    def found() -> tuple[list[AttemptRow], list[FailureGroup]]:
        rows = page_of_failures(view.store, choice, process, after, _ROWS + 1, dismissed=dismissed)
        return rows, [] if dismissed or after else failures_by_cause(view.store, choice)

    answer = view.kept("failures", found)
    if answer is None:
        return view.later()
    rows, groups = answer.value
    return view.show(
        "failures.html",
        groups=groups,
        age=answer.age,
        rows=rows[:_ROWS],
        after=rows[_ROWS - 1].attempt_id if len(rows) > _ROWS else None,
        processes=process_names(view.store),
    )


@router.get("/attempts/{number:int}")
def attempt_page(view: Viewing, number: int) -> Response:
    """One attempt: why it was due, what came of it, what waits for it, what its job wrote."""
    with view.store.begin() as connection:
        attempt = attempts.attempt_numbered(connection, number)
        made = files.outputs_of_attempt(connection, number)
        inputs = files.inputs_of_attempt(connection, number)
        waiting = () if made else waiting_for(load_definition(connection), attempt)
    return view.show(
        "attempt.html",
        attempt=attempt,
        moment=_moment(attempt),
        made=made,
        inputs=inputs,
        waiting=waiting,
        log=None if attempt.log is None else tail_of(attempt.log, _LOG_BYTES),
    )


def _moment(attempt: AttemptRow) -> str:
    """A moment of its slot, as actions take it."""
    period = attempt.slot.period
    return str(attempt.slot.date) if period is None else f"{period.start:%Y-%m-%dT%H:%M:%S}"
