"""What is kept of an origin's file, to know it again."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping

from dbproc.storage.stores.base import Entry


def facts_of(entry: Entry) -> str:
    """What is kept of an origin's file, to know it again: JSON."""
    return json.dumps(
        {
            "size": entry.size,
            "modified": None if entry.modified is None else entry.modified.isoformat(),
            "etag": entry.etag,
            "version": entry.version,
        }
    )


def entry_of(facts: str, path: str) -> Entry | None:
    """The reverse of :func:`facts_of`; None where nothing is kept."""
    kept: Mapping[str, object] = json.loads(facts or "{}")
    if not kept:
        return None
    modified, size = kept.get("modified"), kept.get("size")
    return Entry(
        path=path,
        size=size if isinstance(size, int) else None,
        modified=dt.datetime.fromisoformat(modified) if isinstance(modified, str) else None,
        etag=str(kept.get("etag") or ""),
        version=str(kept.get("version") or ""),
    )
