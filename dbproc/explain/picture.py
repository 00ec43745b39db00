"""The answer of ``dbproc coverage`` as a picture."""

from __future__ import annotations

import datetime as dt
import io
from typing import Any

from dbproc.core.coverage import Mark
from dbproc.explain.coverage import Coverage

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
    content = io.BytesIO()
    figure.savefig(content, format="png")
    return content.getvalue()


def _plain(text: str) -> str:
    """Text in which no character means mathematics."""
    return text.replace("$", r"\$")
