"""Uploads that a service left as they were: finished by the next run, or ended."""

from __future__ import annotations

from dbproc.core.events import Event, Report
from dbproc.core.model import Mission
from dbproc.core.text import size_words
from dbproc.core.transfers import TransferState
from dbproc.database.store import Store
from dbproc.transfers.receiving import Desk
from dbproc.transfers.uploads import put_right


def settle(store: Store, mission: Mission, report: Report) -> None:
    """Put them right, and say what came of them."""
    done = put_right(Desk(reading=store, writing=store, mission=mission))
    for each in done.finished:
        state, reason = each.transfer.state, each.transfer.reason
        if state.is_complete:
            text = f"{size_words(each.size)} from {each.owner}, {f'unverified: {reason}' if reason else 'verified'}"
            report.add(Event.FETCHED, each.transfer.filename, text)
        elif state is TransferState.FAILED:
            report.add(Event.FAILED, each.transfer.filename, f"{reason}; sent by {each.owner}")
    for each in done.ended:
        report.add(
            Event.NOTE, each.transfer.filename, f"the upload {each.word} of {each.owner} is given up, as no byte came"
        )
