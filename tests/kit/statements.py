"""Statements that SQLAlchemy compiled for one mission serve the next ones, too.

It compiles a statement once for each engine. A process has one engine, a process of many tests one for each command,
which would spend most of its time on compiling the same again.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import URL, Engine
from sqlalchemy.util import LRUCache

from dbproc.database.store import opening

_MANY = 5000
_engine = opening._engine
_first: dict[object, Engine] = {}


def outlive_engines() -> None:
    """From now on engines of SQLite files share what was compiled, and those of one server."""
    opening._engine = _sharing


def _sharing(url: URL, **options: Any) -> Engine:
    engine = _engine(url, **options)
    first = _first.setdefault((url.get_backend_name(), *sorted(url.query.items())), engine)
    if first is engine:
        engine._compiled_cache = LRUCache(_MANY)
    elif first.dialect.server_version_info is not None:  # it was connected, and knows what it speaks to
        engine.dialect, engine._compiled_cache = first.dialect, first._compiled_cache
    return engine
