"""Whether the bytes of what is out of its place are where they are kept."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from dbproc.check.faults import Fault, Kind
from dbproc.core.model import Mission
from dbproc.database.audit import FileRow
from dbproc.storage.digest import algorithm_of, digest_file
from dbproc.storage.layout import TRASH, WITHDRAWN, kept_path


@dataclass(frozen=True, slots=True)
class Kept:
    """Bytes that are kept aside, of a file out of its place."""

    filename: str
    path: str
    size: int | None
    digest: str

    def fault(self, text: str) -> Fault:
        """That they are not what was recorded."""
        return Fault(
            kind=Kind.KEPT_MISSING,
            place=self.path,
            text=f"{self.filename} is out of its place, and {text}",
            remedy="put them here again from a copy, to be able to restore it",
        )


def kept(mission: Mission, rows: Iterable[tuple[FileRow, bool]]) -> Iterator[Kept]:
    """Every file whose bytes should be kept aside; with each row goes whether it was reaped."""
    for row, is_reaped in rows:
        if row.exists:
            path = kept_path(mission, row.file_id, row.digest, row.filename, TRASH if is_reaped else WITHDRAWN)
            yield Kept(row.filename, path, row.size, row.digest)


def kept_faults(all_kept: Iterable[Kept], *, deep: bool) -> Iterator[Fault]:
    """Those that are not there, or with `deep` have other bytes than were recorded."""
    for each in all_kept:
        found = _size(each.path)
        if found is None or each.size not in (None, found):
            yield each.fault("its bytes are not here")
        elif deep and digest_file(each.path, algorithm_of(each.digest)) != each.digest:
            yield each.fault("these are not its bytes")


def _size(path: str) -> int | None:
    try:
        return os.lstat(path).st_size
    except OSError:
        return None
