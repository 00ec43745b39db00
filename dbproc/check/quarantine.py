"""The quarantine directory against its records."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator

from dbproc.check.faults import Fault, Kind
from dbproc.check.tree import Directory, Ground
from dbproc.core.filenames import companion_of
from dbproc.database.audit import Records


def quarantine_faults(
    directory: str, found: Directory, records: Records, ground: Ground, announced: Collection[str]
) -> Iterator[Fault]:
    """Entries without a file, and what has no entry."""
    stored = {entry.stored_name: entry.filename for entry in records.quarantined}
    present = {*found.names(), *found.directories}
    for name in sorted(stored.keys() - present):
        path = os.path.join(directory, name)
        if path not in announced and not os.path.lexists(path):
            yield Fault(
                kind=Kind.QUARANTINE_LOST,
                place=path,
                text=f"the entry of {stored[name]} says that it is here",
                remedy="put it back; or discard the entry: dbproc quarantine discard",
            )
    companions = {companion_of(entry.stored_name) for entry in records.quarantined if entry.has_companion}
    for name in sorted(present - stored.keys() - companions):
        path = os.path.join(directory, name)
        if path not in announced and not ground.holds_ours(path) and os.path.lexists(path):
            yield Fault(
                kind=Kind.QUARANTINE_UNKNOWN,
                place=path,
                text="there is no entry for it",
                remedy="move it to incoming to have it, or away",
            )
