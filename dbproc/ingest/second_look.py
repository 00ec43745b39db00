"""Which files in quarantine a run would take by now."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence

from dbproc.core.filenames import companion_of
from dbproc.core.model import Definition
from dbproc.core.states import RefusalReason
from dbproc.database import quarantine
from dbproc.database.moves import members_of
from dbproc.database.quarantine import QuarantineRow
from dbproc.database.store import Store
from dbproc.ingest.incoming import Arrival, Kind
from dbproc.ingest.triage import Refused, Seen, Triage
from dbproc.products.inspection import Identity, Inspection
from dbproc.storage.digest import state_of
from dbproc.storage.fingerprint import Measured

MAY_PASS = frozenset({RefusalReason.NO_PRODUCT, RefusalReason.TWO_PRODUCTS, RefusalReason.INSPECTOR_FAILED})
"""The reasons that a corrected definition may have ended."""


def would_pass(store: Store, definition: Definition) -> list[QuarantineRow]:
    """The entries whose files a run would take now, in the order of their numbers; of several of one name the first,
    as incoming has room for one.

    Each is looked at under the name that it came with, by a link in a directory for temporary files.
    """
    with store.begin() as connection:
        rows = [row for row in quarantine.open_entries(connection) if row.reason in MAY_PASS and row.shasum]
    incoming = definition.mission.incoming
    rows = [row for row in rows if not os.path.lexists(os.path.join(incoming, row.filename))]
    if not rows:
        return []
    with tempfile.TemporaryDirectory(prefix="dbproc-") as directory, Inspection(definition) as inspection:
        paths = [_named(definition, row, directory) for row in rows]
        there = [(row, path) for row, path in zip(rows, paths, strict=True) if path is not None]
        answers = inspection.identify([path for _, path in there])
        seen = [
            (row, _seen(row, path, answer))
            for (row, path), answer in zip(there, answers, strict=True)
            if isinstance(answer, Identity)
        ]
        decisions = Triage(store, definition, inspection).judge([each for _, each in seen])
    passing = [row for (row, _), each in zip(seen, decisions, strict=True) if not isinstance(each, Refused)]
    return _first_of_each(passing)


def _first_of_each(rows: Sequence[QuarantineRow]) -> list[QuarantineRow]:
    """The first entry of each name."""
    by_name: dict[str, QuarantineRow] = {}
    for row in rows:
        by_name.setdefault(row.filename, row)
    return list(by_name.values())


def _seen(row: QuarantineRow, path: str, answer: Identity) -> Seen:
    """An entry as what a run would see of it; its bytes were measured when they came."""
    status = os.stat(path)
    state, size = state_of(status), status.st_size
    arrival = Arrival(path, row.filename, Kind.FILE, size, state, answer.product.companion, status.st_ctime)
    return arrival, answer, Measured(size, row.shasum or "", members_of(row.members), state, status.st_mtime)


def _named(definition: Definition, row: QuarantineRow, directory: str) -> str | None:
    """A link to a file under its former name; None when it is not there, or no regular file."""
    source = os.path.abspath(os.path.join(definition.mission.quarantine, row.stored_name))
    if not os.path.isfile(source) or os.path.islink(source):
        return None
    path = os.path.join(directory, str(row.quarantine_id), row.filename)
    os.mkdir(os.path.dirname(path))
    os.symlink(source, path)
    if os.path.isdir(companion_of(source)):
        os.symlink(companion_of(source), companion_of(path))
    return path
