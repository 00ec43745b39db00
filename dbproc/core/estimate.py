"""How long jobs take on some slots, by how long such jobs took before. Pure."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Work:
    """A job to come: its seconds, the slots that it takes, and the jobs before it in the list that it is made from."""

    seconds: float
    cpu: int = 1
    after: Sequence[int] = ()


def seconds_of(jobs: Iterable[Work], slots: int) -> float:
    """The seconds from the first job's start to the last one's end; each starts as soon as it can, in the order given.

    A job that takes more slots than there are takes all.
    """
    free = [0.0] * max(slots, 1)
    ends: list[float] = []
    for job in jobs:
        taken = [heapq.heappop(free) for _ in range(min(max(job.cpu, 1), len(free)))]
        end = max([taken[-1], *(ends[number] for number in job.after)]) + job.seconds
        for _ in taken:
            heapq.heappush(free, end)
        ends.append(end)
    return max(ends, default=0.0)
