"""What is unlikely of the dates and times of files: against their names, and against those of other files. Pure."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from statistics import median

from dbproc.core.durations import rough_text
from dbproc.core.model import File, Product
from dbproc.core.slots import without_clock

_ENOUGH = 5
"""Of fewer files nobody can say what is usual."""

_MUCH = 4
"""So many times more, or less, than usual is unlikely."""

_SLACK = dt.timedelta(days=1)


def doubts(product: Product, files: Sequence[File], now: dt.datetime) -> Iterator[tuple[File, str]]:
    """The newest files of a product of which something is unlikely, each with what."""
    for file in files:
        yield from ((file, text) for text in _of_itself(product, file, now))
    by_key: dict[str, list[File]] = defaultdict(list)
    for file in files:
        by_key[without_clock(file.keywords)].append(file)
    usual = _usual([file.stop - file.start for file in files])
    for some in by_key.values():
        in_time = sorted(some, key=lambda file: (file.start, file.stop))
        yield from _spans(in_time, usual)
        yield from _gaps(in_time)


def _of_itself(product: Product, file: File, now: dt.datetime) -> Iterator[str]:
    if not file.start.date() <= file.date <= file.stop.date():
        yield f"its date is {file.date}, and its data are of {_time(file)}"
    if file.stop > now + _SLACK:
        yield f"its data end in the future: {_time(file)}"
    name = product.read(file.filename)
    if name is None:
        return
    if name.date is not None and name.date != file.date:
        yield f"its name says {name.date}, and its date is {file.date}"
    if name.version is not None and name.version != file.version:
        yield f"its name says version {name.version}, and it has {file.version}"


def _spans(files: Sequence[File], usual: dt.timedelta | None) -> Iterator[tuple[File, str]]:
    """The files that last much longer, or much shorter, than is usual."""
    if not usual:
        return
    for file in files:
        span = file.stop - file.start
        if span > usual * _MUCH or span * _MUCH < usual:
            yield file, f"its data last {_words(span)}, where {_words(usual)} is usual"


def _gaps(files: Sequence[File]) -> Iterator[tuple[File, str]]:
    """The files before which much more time has no file than is usual."""
    usual = _usual([later.start - earlier.start for earlier, later in pairwise(files)])
    if not usual:
        return
    for earlier, later in pairwise(files):
        if later.start - earlier.start > usual * _MUCH:
            gap = f"{earlier.stop:%Y-%m-%d %H:%M} to {later.start:%Y-%m-%d %H:%M}"
            yield later, f"before it nothing is there from {gap}, where one follows another after {_words(usual)}"


def _usual(lengths: Iterable[dt.timedelta]) -> dt.timedelta | None:
    seconds = [length.total_seconds() for length in lengths]
    return dt.timedelta(seconds=median(seconds)) if len(seconds) >= _ENOUGH else None


def _time(file: File) -> str:
    return f"{file.start:%Y-%m-%d %H:%M} to {file.stop:%Y-%m-%d %H:%M}"


def _words(length: dt.timedelta) -> str:
    return rough_text(round(length.total_seconds()))
