"""Answers as comma-separated values: the keys of their JSON are the head. Pure."""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import is_dataclass

from dbproc.core.answers import entries, key_of, shown_fields
from dbproc.core.json_text import json_text
from dbproc.core.text import one_line
from dbproc.core.version import Version


def csv_keys(kind: type) -> list[str]:
    """The head for a kind of answers."""
    return [key_of(field) for field, _ in shown_fields(kind)]


def csv_values(answer: object, keys: Sequence[str]) -> Iterator[str]:
    """The values of an answer in the order of the head: null is empty, control characters are escaped as everywhere,
    and what has parts is JSON on one line."""
    known = dict(entries(answer))
    return (one_line(_text(known.get(key))) for key in keys)


def csv_line(values: Sequence[str] | Iterator[str]) -> str:
    """A line, without its end."""
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(values)
    return line.getvalue()


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool | dt.date):
        return json_text(value).strip('"')
    if isinstance(value, Mapping | list | tuple) or (is_dataclass(value) and not isinstance(value, Version)):
        return " ".join(line.strip() for line in json_text(value).splitlines()) if value else ""
    return str(value)
