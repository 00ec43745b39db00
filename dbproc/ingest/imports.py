"""Files that clients of the service have named by a URL: asked for there, fetched into incoming by runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection

from dbproc.core.errors import NotFoundError, PermanentError, QuotaError, StorageError, UserError
from dbproc.core.events import Event, Report
from dbproc.core.imports import RULE, URL, name_in, shown, url_read
from dbproc.core.model import Mission
from dbproc.core.places import INCOMING
from dbproc.core.text import size_words
from dbproc.core.transfers import Order, Spot, Task, Transfer, TransferState
from dbproc.core.uploads import name_fault, plain_name
from dbproc.database import transfers
from dbproc.database.definition.load import load_mission
from dbproc.database.store import Store, Transaction
from dbproc.storage.stores.opening import missing
from dbproc.transfers.endings import link_taken
from dbproc.transfers.work import work

_BUDGET = 300.0  # seconds that a run spends on them; what is left waits for the next


def ask(
    store: Store,
    url: str,
    *,
    user: str,
    filename: str = "",
    expected: Collection[str] = (),
    besides: Callable[[Transaction, int], None] = lambda _, __: None,
) -> Transfer:
    """Ask for the file at a URL; the next run fetches it.

    Parameters
    ----------
    store
        The mission's database.
    url
        Where the file is.
    user
        Who asks.
    filename
        The name that it is to have; nothing: the last part of the URL.
    expected
        Digests that it must have, each with the name of its algorithm.
    besides
        Enters what else belongs to it, in the same transaction, by its number.

    Raises
    ------
    UserError
        The URL may not be asked for, or there can be no file of this name.
    QuotaError
        The user has as many at work as is allowed.
    """
    with store.begin() as connection:
        mission = load_mission(connection)
    order = _order(mission, url, user, filename, expected)
    with store.begin() as connection:
        if transfers.held_by(connection, RULE, user) >= mission.service.uploads:
            raise QuotaError(f"{user} has {mission.service.uploads} imports at work, as many as are allowed")
        (number,) = transfers.ask(connection, [order])
        besides(connection, number)
        (transfer,) = transfers.numbered(connection, [number])
    return transfer


def imported(store: Store, number: int) -> Transfer:
    """An import.

    Raises
    ------
    NotFoundError
        There is none of this number.
    """
    with store.begin() as connection:
        found = transfers.numbered(connection, [number])
    if not found or found[0].order.task is not Task.IMPORT:
        raise NotFoundError(f"no import {number}")
    return found[0]


def fetch_imports(store: Store, mission: Mission, report: Report, run_id: int) -> None:
    """Fetch what clients have asked for, within some time; how each ended is told."""
    try:
        worked = work(store, mission, RULE, run_id=run_id, until=time.monotonic() + _BUDGET)
    except (StorageError, OSError) as error:
        report.add(Event.PROBLEM, RULE, f"nothing is fetched: {error}")
        return
    for each in worked.ended:
        _tell(report, each)
    link_taken(store, mission, [each for each in worked.ended if each.state.is_complete])
    for why in worked.away.values():
        report.add(Event.NOTE, RULE, why)


def _order(mission: Mission, url: str, user: str, filename: str, expected: Collection[str]) -> Order:
    asked = url_read(url, mission.service.hosts)
    name = plain_name(filename or name_in(asked))
    fault = name_fault(name)
    if fault is not None:
        raise UserError(f"the name {name[:80]!r} {fault}" + ("" if filename else "; give another one: filename"))
    lacking = missing(asked.partition(":")[0])
    if lacking is not None:
        raise PermanentError(lacking)
    return Order(
        task=Task.IMPORT,
        rule=RULE,
        origin=Spot(URL + asked, name, shown(asked)),
        target=Spot(INCOMING, name, f"file://{mission.incoming}/{name}"),
        user=user,
        expected=tuple(expected),
        expected_of="who asks" if expected else "",
    )


def _tell(report: Report, transfer: Transfer) -> None:
    """Say how an import ended; one that failed is its client's matter, and no failure of the run."""
    name, url = transfer.filename, transfer.order.origin.url
    if transfer.state.is_complete:
        doubt = f"unverified: {transfer.reason}" if transfer.reason else "verified"
        report.add(Event.FETCHED, name, f"{size_words(transfer.order.size)} from {url}, {doubt}")
    elif transfer.state is TransferState.FAILED:
        again = f"to try it again: dbproc transfers retry {transfer.transfer_id}"
        report.add(Event.NOTE, name, f"not fetched: {transfer.reason}; from {url}; {again}")
