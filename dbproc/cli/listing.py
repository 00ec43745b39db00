"""Answers of any number, printed as they come: as lines, JSON or CSV; never all in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import TypeVar

import click

from dbproc.core.csv_text import csv_keys, csv_line, csv_values
from dbproc.core.json_text import json_text

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


def list_csv(kind: type, rows: Iterable[object]) -> None:
    """Print answers of a kind as CSV with a head."""
    keys = csv_keys(kind)
    list_lines(chain([csv_line(keys)], (csv_line(csv_values(row, keys)) for row in rows)))
