"""Which files in quarantine the inspectors confirm by now."""

from __future__ import annotations

import os
import tempfile

from dbproc.core.filenames import companion_of
from dbproc.core.model import Definition
from dbproc.core.states import RefusalReason
from dbproc.database import quarantine
from dbproc.database.quarantine import QuarantineRow
from dbproc.database.store import Store
from dbproc.products.inspection import Identity, Inspection

MAY_PASS = frozenset({RefusalReason.NO_PRODUCT, RefusalReason.TWO_PRODUCTS, RefusalReason.INSPECTOR_FAILED})
"""The reasons that a corrected definition may have ended."""


def would_pass(store: Store, definition: Definition) -> list[QuarantineRow]:
    """The entries whose files one product confirms now, in the order of their numbers.

    Each is looked at under the name that it came with, by a link in a directory for temporary files.
    """
    with store.begin() as connection:
        rows = [row for row in quarantine.open_entries(connection) if row.reason in MAY_PASS]
    if not rows:
        return []
    with tempfile.TemporaryDirectory(prefix="dbproc-") as directory, Inspection(definition) as inspection:
        paths = [_named(definition, row, directory) for row in rows]
        there = [(row, path) for row, path in zip(rows, paths, strict=True) if path is not None]
        answers = inspection.identify([path for _, path in there])
    return [row for (row, _), answer in zip(there, answers, strict=True) if isinstance(answer, Identity)]


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
