"""kill -9 at random bytes of one transfer: the short form of ``python -m tests.crash.transfer``."""

from __future__ import annotations

from pathlib import Path

from tests.crash.transfer import MIB, Case, bear


def test_a_transfer_survives_kills_at_random_bytes(database: str, tmp_path: Path) -> None:
    figures = bear(tmp_path, database, Case(size=48 * MIB, kills=5))
    assert figures.faults == []
    assert figures.kills >= 3
