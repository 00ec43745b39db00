"""Tables: columns of aligned text within the room that there is, made line by line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice, zip_longest
from textwrap import wrap

_AT_ONCE = 1000
_GAP = "  "
_LEAST = 10
"""A column is made no narrower: a date fits."""


def table_lines(head: Sequence[str], rows: Iterable[Sequence[str]], room: int | None = None) -> Iterator[str]:
    """The lines of a table, its columns as wide as the first thousand rows need.

    With `room`, what would be longer is continued below in its column, the widest columns first and the first one last;
    where there are too many columns for that, each row is a paragraph with a line for each value.
    """
    left = iter(rows)
    first = list(islice(left, _AT_ONCE))
    needed = [max(map(len, column)) for column in zip(head, *first, strict=True)]
    widths = needed if room is None else _fitted(needed, room)
    lines = chain(first, left)
    if widths is None:
        yield from _paragraphs(head, lines)
        return
    for row in chain([head], lines):
        yield from [_joined(row, widths)] if room is None else _wrapped(row, widths)


def _fitted(needed: Sequence[int], room: int) -> list[int] | None:
    """Widths that fit; None when columns would be too narrow to be read."""
    widths = list(needed)
    excess = sum(widths) + len(_GAP) * (len(widths) - 1) - room
    if excess > sum(max(0, width - _LEAST) for width in widths):
        return None
    for _ in range(excess):
        widest = max(range(1, len(widths)), key=widths.__getitem__, default=0)
        widths[widest if widths[widest] > _LEAST else 0] -= 1
    return widths


def _joined(texts: Iterable[str], widths: Sequence[int]) -> str:
    return _GAP.join(text.ljust(width) for text, width in zip(texts, widths, strict=True)).rstrip()


def _wrapped(row: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    """A row as one line, or as many as its longest cell needs."""
    cells = [wrap(text, width, break_on_hyphens=False) for text, width in zip(row, widths, strict=True)]
    for texts in zip_longest(*cells, fillvalue=""):
        yield _joined(texts, widths)


def _paragraphs(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    before: list[str] = []
    for row in rows:
        yield from before
        yield from (f"{name}: {text}" for name, text in zip(head, row, strict=True))
        before = [""]
