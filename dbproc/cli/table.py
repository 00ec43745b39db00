"""Tables: columns of aligned text within the room that there is, made line by line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice, zip_longest
from textwrap import wrap

_AT_ONCE = 1000
_GAP = "  "
_LEAST = 10
"""A column is made no narrower: a date fits."""


def table_lines(head: Sequence[str], rows: Iterable[Sequence[str]], room: int | None = None) -> Iterator[str]:
    """The lines of a table, its columns as wide as the first thousand rows need.

    With `room`, what would be longer is continued below in its column, the widest columns first and the first one last,
    and words and times stay whole; where there are too many columns for that, each row is a paragraph with a line for
    each value.
    """
    left = iter(rows)
    first = list(islice(left, _AT_ONCE))
    columns = list(zip(head, *first, strict=True))
    needed = [max(map(len, column)) for column in columns]
    lines = chain(first, left)
    if room is None:
        yield from (_joined(row, needed) for row in chain([head], lines))
        return
    widths = _fitted(needed, [max(map(_least, column)) for column in columns], room)
    if widths is None:
        yield from _paragraphs(head, lines, room)
        return
    for row in chain([head], lines):
        yield from _wrapped(row, widths)


def folded(text: str, room: int | None, indent: str = "    ") -> list[str]:
    """A line, continued below where it is too long; words, such as names and paths, and times stay whole."""
    if room is None or len(text) <= room:
        return [text]
    before = text[: len(text) - len(text.lstrip(" "))]
    lines = wrap(
        _TIME.sub(_HELD, text),
        room,
        subsequent_indent=before + indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line.replace(_NO_BREAK, " ") for line in lines]


_NO_BREAK = "\xa0"
_TIME = re.compile(r"(\d{4}-\d\d-\d\d) (\d\d:\d\d)")
_HELD = rf"\1{_NO_BREAK}\2"


def _least(text: str) -> int:
    """The width that a text needs at least."""
    indent = len(text) - len(text.lstrip(" "))
    longest = max(map(len, _TIME.sub(_HELD, text).split(" ")))
    return min(len(text), max(_LEAST, indent + longest))


def _fitted(needed: Sequence[int], least: Sequence[int], room: int) -> list[int] | None:
    """Widths that fit; None when columns would be too narrow to be read."""
    widths = list(needed)
    excess = sum(widths) + len(_GAP) * (len(widths) - 1) - room
    if excess > sum(width - own for width, own in zip(widths, least, strict=True)):
        return None
    for _ in range(excess):
        spare = [place for place in range(1, len(widths)) if widths[place] > least[place]]
        widths[max(spare, key=widths.__getitem__, default=0)] -= 1
    return widths


def _joined(texts: Iterable[str], widths: Sequence[int]) -> str:
    return _GAP.join(text.ljust(width) for text, width in zip(texts, widths, strict=True)).rstrip()


def _wrapped(row: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    """A row as one line, or as many as its longest cell needs."""
    cells = [folded(text, width, "") for text, width in zip(row, widths, strict=True)]
    for texts in zip_longest(*cells, fillvalue=""):
        yield _joined(texts, widths)


def _paragraphs(head: Sequence[str], rows: Iterable[Sequence[str]], room: int) -> Iterator[str]:
    before: list[str] = []
    for row in rows:
        yield from before
        for name, text in zip(head, row, strict=True):
            yield from folded(f"{name}: {text}", room)
        before = [""]
