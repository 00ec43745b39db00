"""The answers of ``dbproc coverage`` and ``dbproc stats`` as pictures."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Sequence
from typing import Any

from dbproc.core.coverage import Mark
from dbproc.explain.coverage import Coverage
from dbproc.explain.statistics import Values

_COLORS = {
    Mark.NOT_DUE: "#d8d8d8",
    Mark.THERE: "#3a9a4b",
    Mark.WAITING: "#4aa8c9",
    Mark.STALE: "#7a7f1e",
    Mark.MISSING: "#e0a800",
    Mark.LATE: "#d9541e",
    Mark.GONE: "#8a4b2a",
    Mark.WITHDRAWN: "#9b59b6",
    Mark.DISMISSED: "#d98880",
    Mark.FAILED: "#c0142c",
}
_MOST_ROWS = 200
_DOTS = 100
_ROW_INCHES = 0.28
_MOST_VERSIONS = 20
_BINS = 30
_MEGABYTE = 1_000_000


def coverage_picture(answer: Coverage) -> bytes:
    """PNG: a line for each product and key, of so many at most, time to the right."""
    from matplotlib import dates
    from matplotlib.figure import Figure

    locate: Any = dates.AutoDateLocator
    formatter: Any = dates.ConciseDateFormatter
    series = answer.series[:_MOST_ROWS]
    figure = Figure(figsize=(10, 1.4 + _ROW_INCHES * max(len(series), 3)), dpi=_DOTS, layout="constrained")
    axes: Any = figure.subplots()
    used: set[Mark] = set()
    for place, each in enumerate(series):
        for part in each.stretches:
            used.add(part.mark)
            length = part.stop - part.start + dt.timedelta(microseconds=1)
            axes.broken_barh([(part.start, length)], (place - 0.4, 0.8), color=_COLORS[part.mark])
    more = len(answer.series) - len(series)
    axes.set_yticks(range(len(series)), [_plain(each.words) for each in series])
    axes.set_ylim(max(len(series), 1) - 0.5, -0.5)
    if answer.span is not None:
        axes.set_xlim(*answer.span)
        locator = locate()
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(formatter(locator))
    axes.set_title(_plain(f"{answer.mission}: coverage{f' ({more} more lines)' if more else ''}"), loc="left")
    for mark in Mark:
        if mark in used:
            axes.plot([], [], linewidth=8, color=_COLORS[mark], label=str(mark))
    if used:
        figure.legend(loc="outside lower left", ncols=len(used), frameon=False)
    return _png(figure)


def distribution_picture(found: Sequence[Values]) -> bytes:
    """PNG: for each version of a code how many jobs took how long, and made how much; of so many at most."""
    from matplotlib.figure import Figure

    shown = found[:_MOST_VERSIONS]
    figure = Figure(figsize=(10, 0.6 + 1.6 * max(len(shown), 1)), dpi=_DOTS, layout="constrained")
    rows: Any = figure.subplots(max(len(shown), 1), 2, squeeze=False)
    for (left, right), each in zip(rows, shown, strict=False):
        left.hist(each.seconds, bins=_BINS, color=_COLORS[Mark.THERE])
        right.hist([size / _MEGABYTE for size in each.output_bytes], bins=_BINS, color=_COLORS[Mark.WAITING])
        left.set_title(_plain(each.words), loc="left", fontsize="medium")
        left.set_xlabel("seconds a job")
        right.set_xlabel("MB of output a job")
        left.set_ylabel("jobs")
    if len(found) > len(shown):
        figure.suptitle(f"the first {len(shown)} of {len(found)} versions")
    return _png(figure)


def _png(figure: Any) -> bytes:
    content = io.BytesIO()
    figure.savefig(content, format="png")
    return content.getvalue()


def _plain(text: str) -> str:
    """Text in which no character means mathematics."""
    return text.replace("$", r"\$")
