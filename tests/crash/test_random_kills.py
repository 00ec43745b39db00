"""kill -9 of a whole run at random moments, while slow writers deliver: what is complete is taken once, and built.

The short form of ``python -m tests.crash.load``, which ``make crash`` runs.
"""

from __future__ import annotations

from tests.crash.held import Held
from tests.crash.load import Load, bear


def test_nothing_is_lost_doubled_or_truncated(held: Held) -> None:
    load = Load(rounds=6, files=16, seed=1)
    figures = bear(held, load)
    assert figures.faults == []
    assert figures.kills_at_work > 0
