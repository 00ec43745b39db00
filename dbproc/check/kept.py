"""Whether the bytes of what is out of its place are where they are kept."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from dbproc.check.faults import Fault, Kind
from dbproc.core.model import Mission
from dbproc.database.audit import FileRow
from dbproc.storage.layout import TRASH, WITHDRAWN, kept_path


def kept_faults(mission: Mission, rows: Iterable[tuple[FileRow, bool]]) -> Iterator[Fault]:
    """Every file whose bytes should be kept aside, and are not; with each row goes whether it was reaped."""
    for row, is_reaped in rows:
        path = kept_path(mission, row.file_id, row.digest, row.filename, TRASH if is_reaped else WITHDRAWN)
        if row.exists and _size(path) != row.size:
            yield Fault(
                kind=Kind.KEPT_MISSING,
                place=path,
                text=f"{row.filename} is out of its place, and its bytes are not here",
                remedy="put them here again from a copy, to be able to restore it",
            )


def _size(path: str) -> int | None:
    try:
        return os.lstat(path).st_size
    except OSError:
        return None
