"""Values of dbprocessing's tables as Python's: SQLite has dates as text and truth as numbers."""

from __future__ import annotations

import datetime as dt
from typing import Any


def time_of(value: Any) -> dt.datetime | None:
    """A time without a zone, in UTC where it names one. ValueError for what is none."""
    if value is None or value == "":
        return None
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return dt.datetime.combine(value, dt.time())
    time = value if isinstance(value, dt.datetime) else dt.datetime.fromisoformat(str(value))
    return time if time.tzinfo is None else time.astimezone(dt.UTC).replace(tzinfo=None)


def date_of(value: Any) -> dt.date | None:
    """A date. ValueError for what is none."""
    time = time_of(value)
    return None if time is None else time.date()


def is_true(value: Any) -> bool:
    """A truth value; null is false."""
    return str(value).strip().lower() in ("1", "true", "t", "yes") if isinstance(value, str) else bool(value)


def utc(time: dt.datetime) -> dt.datetime:
    """A time of dbprocessing's, which are UTC without saying so."""
    return time.replace(tzinfo=dt.UTC)


def text_of(value: Any) -> str:
    """A text; null is the empty one, and bytes are what they spell."""
    text = spelt(value) if isinstance(value, bytes) else value
    return "" if text is None else str(text)


def spelt(content: bytes) -> str:
    """Bytes as text: UTF-8, or Latin-1 where they are none, as programs wrote it that did not say."""
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content.decode("latin-1")
