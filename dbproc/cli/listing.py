"""Answers of any number, printed as they come: as lines, JSON or CSV; never all in memory."""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import TypeVar

import click

from dbproc.core.answers import entries
from dbproc.core.json_text import json_text
from dbproc.core.text import one_line

_Row = TypeVar("_Row")
_AT_ONCE = 1000


def _pages(rows: Iterable[_Row]) -> Iterator[list[_Row]]:
    """The rows, so many at once that printing them costs little."""
    left = iter(rows)
    while page := list(islice(left, _AT_ONCE)):
        yield page


def list_lines(lines: Iterable[str]) -> None:
    """Print lines."""
    for page in _pages(lines):
        click.echo("\n".join(page))


def list_json(rows: Iterable[object]) -> None:
    """Print answers as a list of JSON."""
    between = "[\n  "
    for page in _pages(rows):
        texts = (json_text(row).replace("\n", "\n  ") for row in page)
        click.echo(between + ",\n  ".join(texts), nl=False)
        between = ",\n  "
    click.echo("[]" if between.startswith("[") else "\n]")


def list_csv(keys: Sequence[str], rows: Iterable[object]) -> None:
    """Print answers as CSV with a head; null is empty, control characters are escaped as everywhere."""
    list_lines(map(_csv_line, chain([keys], (_values(row) for row in rows))))


def _values(row: object) -> Iterator[object]:
    for _, value in entries(row):
        yield one_line(json_text(value).strip('"')) if isinstance(value, bool | dt.date) else one_line(str(value or ""))


def _csv_line(values: Iterable[object]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(values)
    return line.getvalue()
