"""A stand-in that can be imported; an inspector gets its ``dbu`` handed in and opens no database."""

from __future__ import annotations

from typing import Any


class DBError(Exception):
    """The database has a fault."""


class DBNoData(DBError):
    """The database has no such entry."""


def __getattr__(name: str) -> Any:
    raise AttributeError(f"dbprocessing.DButils.{name} is not available: an inspector run by dbproc has no database")
