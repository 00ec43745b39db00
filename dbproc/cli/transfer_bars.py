"""How far files are that move now, as bars on a terminal."""

from __future__ import annotations

import datetime as dt
import shutil
import time
from collections.abc import Sequence

from dbproc.cli.progress import Screen
from dbproc.core.text import one_line, size_words
from dbproc.core.transfers import expected_end
from dbproc.transfers.work import Live, Worked

_MOST = 5
_WIDTH = 20
_PAUSE = 0.5  # seconds


class Bars:
    """Shows what moves on a screen, not more often than eyes see."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._last = 0.0

    def observe(self, moving: Sequence[Live], worked: Worked) -> None:
        """Show it now, if it is time."""
        now = time.monotonic()
        if now - self._last >= _PAUSE:
            self._last = now
            done = sum(count for state, count in worked.counts.items() if state.is_complete)
            self._screen.lines(bar_lines(moving, done, worked.bytes, shutil.get_terminal_size().columns))


def bar_lines(moving: Sequence[Live], done: int, count: int, width: int) -> list[str]:
    """A line for each of the files that move, the largest first, and one for all."""
    shown = sorted(moving, key=lambda each: -(each.total or each.came))[:_MOST]
    lines = [_line(each, width - 1) for each in shown]
    more = f", {len(moving)} on their way" if moving else ""
    return [*lines, f"{done} done, {size_words(count)}{more}"]


def _line(live: Live, width: int) -> str:
    """The bar of one file, how much of it came, how fast, and how long it takes still."""
    came = max(live.came, live.durable)
    amount = f"{size_words(came)} of {size_words(live.total)}" if live.total else size_words(came)
    rate = f" {size_words(live.bytes_per_second)}/s" if live.bytes_per_second else ""
    words = f"{bar(came, live.total)}{amount}{rate}{rest_words(came, live)}"
    room = max(width - len(words) - 1, 8)
    name = one_line(live.filename)
    return f"{name if len(name) <= room else name[: room - 1] + '…'} {words}"


def bar(came: int, total: int | None) -> str:
    """A bar; nothing where the whole is not known."""
    if not total:
        return ""
    full = _WIDTH * min(came, total) // total
    return f"[{'#' * full}{'.' * (_WIDTH - full)}] "


def rest_words(came: int, live: Live) -> str:
    """How long it takes still, where that can be told."""
    now = dt.datetime.now(dt.UTC)
    end = expected_end(now, came, live.total, live.bytes_per_second)
    return "" if end is None else f", {dt.timedelta(seconds=round((end - now).total_seconds()))} left"
