"""Which files in quarantine the mission would accept as it is defined now."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Sequence

from dbproc.core.filenames import companion_of
from dbproc.core.model import Definition
from dbproc.core.states import RefusalReason
from dbproc.database import quarantine
from dbproc.database.quarantine import QuarantineRow
from dbproc.database.store import Store
from dbproc.ingest.incoming import Arrival, Kind
from dbproc.ingest.triage import Accepted, Restored, Triage
from dbproc.products.inspection import Inspection
from dbproc.storage.digest import state_of
from dbproc.storage.layout import PRIVATE

MAY_PASS = frozenset(
    {
        RefusalReason.NO_PRODUCT,
        RefusalReason.TWO_PRODUCTS,
        RefusalReason.INSPECTOR_FAILED,
        RefusalReason.BAD_PLACE,
        RefusalReason.PLACE_TAKEN,
        RefusalReason.SAME_VERSION,
        RefusalReason.UNREADABLE,
    }
)
"""The reasons that a corrected definition, or what was tidied since, may have ended."""


def would_pass(store: Store, definition: Definition) -> list[QuarantineRow]:
    """The entries whose files would be accepted if they arrived now, in the order of their numbers.

    Each is looked at under the name that it came with, by a second name of it in a directory of its own.
    """
    with store.begin() as connection:
        rows = [row for row in quarantine.open_entries(connection) if row.reason in MAY_PASS]
    if not rows:
        return []
    place = os.path.join(definition.mission.root, PRIVATE)
    os.makedirs(place, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="look-", dir=place) as directory:
        arrivals = {row.quarantine_id: _named(definition, row, directory) for row in rows}
        found = {number: arrival for number, arrival in arrivals.items() if arrival is not None}
        passing = _passing(store, definition, list(found.values()))
    return [row for row in rows if row.quarantine_id in found and found[row.quarantine_id].path in passing]


def _named(definition: Definition, row: QuarantineRow, directory: str) -> Arrival | None:
    """The file under its former name; None when it is not there, or no regular file."""
    source = os.path.join(definition.mission.quarantine, row.stored_name)
    if not os.path.isfile(source) or os.path.islink(source):
        return None
    own = os.path.join(directory, str(row.quarantine_id))
    os.mkdir(own)
    path = os.path.join(own, row.filename)
    _link(source, path)
    has_companion = os.path.isdir(companion_of(source))
    if has_companion:
        shutil.copytree(companion_of(source), companion_of(path), symlinks=True, copy_function=_link)
    status = os.lstat(path)
    return Arrival(path, row.filename, Kind.FILE, status.st_size, state_of(status), has_companion)


def _link(source: str, path: str) -> None:
    """Give a file a second name, or a copy where that is another filesystem."""
    try:
        os.link(source, path, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, path, follow_symlinks=False)


def _passing(store: Store, definition: Definition, arrivals: Sequence[Arrival]) -> set[str]:
    with Inspection(definition) as inspection:
        decisions = Triage(store, definition, inspection).decide(arrivals)
    return {decision.arrival.path for decision in decisions if isinstance(decision, Accepted | Restored)}
