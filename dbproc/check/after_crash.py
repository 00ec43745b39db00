"""What a run looks for after a crash, of its own accord: that every file and every row is still what it should be."""

from __future__ import annotations

from dbproc.check.faults import Kind
from dbproc.check.look import look
from dbproc.core.events import Event, Report
from dbproc.database.store import Store

_OF_A_CRASH = frozenset(
    {
        Kind.MOVED,
        Kind.TRUNCATED,
        Kind.GROWN,
        Kind.LINK,
        Kind.NOT_A_FILE,
        Kind.MEMBER_MISSING,
        Kind.MEMBER_SIZE,
        Kind.NO_ATTEMPT,
        Kind.NO_CODE,
        Kind.NO_INPUTS,
        Kind.OTHER_LINKS,
        Kind.NO_OUTPUT,
        Kind.STALE,
        Kind.QUARANTINE_LOST,
    }
)
"""What the end of a machine may do to a mission. What is missing each run
looks for (:mod:`dbproc.run.lost`); other faults are a matter for a person and ``dbproc check``."""


_SHOWN = 20


def check_after_crash(store: Store, report: Report) -> None:
    """Look quickly at all that a crash may have damaged, and say what is wrong; no file is read through."""
    faults = [fault for fault in look(store).faults if fault.kind in _OF_A_CRASH]
    for fault in faults[:_SHOWN]:
        report.add(Event.PROBLEM, f"{fault.kind} {fault.place}", f"{fault.text}; {fault.remedy}")
    if len(faults) > _SHOWN:
        report.add(Event.PROBLEM, "check", f"{len(faults) - _SHOWN} more faults; to see them all: dbproc check")
