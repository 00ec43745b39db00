"""Timing several things in turn, so that what else the machine does falls on all of them alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

Timed = Callable[[], float]
"""Does its work and gives the seconds that count: what it prepares or removes is its own affair."""


def in_turn(measured: Mapping[str, Timed], rounds: int) -> dict[str, list[float]]:
    """The seconds of each in each of `rounds` rounds."""
    seconds: dict[str, list[float]] = {name: [] for name in measured}
    for _ in range(rounds):
        for name, timed in measured.items():
            seconds[name].append(timed())
    return seconds


def seconds_of(work: Callable[[], object]) -> float:
    """How long `work` takes."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun
