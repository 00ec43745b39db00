"""What docs/coverage.md tells the reader to type prints what it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kit.sessions import COVERAGE, LONGEST_SECONDS, make_home, played, settled


@pytest.mark.timeout(LONGEST_SECONDS)
def test_the_page_on_coverage_works_as_written(tmp_path: Path) -> None:
    steps = COVERAGE.steps()
    assert sum(step.told is not None for step in steps) >= 6
    for step, printed in zip(steps, played(steps, make_home(tmp_path)), strict=True):
        if step.told is not None:
            assert settled(printed) == settled(step.told), step.commands
    for name in ("coverage.html", "report.html"):
        assert (tmp_path / "network" / name).read_text().startswith("<!DOCTYPE html>")
    assert (tmp_path / "network" / "coverage.png").read_bytes().startswith(b"\x89PNG")
