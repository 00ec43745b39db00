"""How far a conversion is, on a terminal and elsewhere."""

from __future__ import annotations

import io
import json
import os
import pty

import pytest

from dbproc.codes.conversion import progress
from dbproc.codes.conversion.progress import Progress, line
from dbproc.codes.idx import reports
from dbproc.codes.idx.reports import Reports
from tests.kit.terminals import shown_on


@pytest.mark.parametrize(
    ("done", "seconds", "told"),
    [
        (0, 0.0, "x.idx: writing 0 of 200 MB"),
        (50_000_000, 2.0, "x.idx: writing 50 of 200 MB, 25 MB/s, 6 s left"),
        (200_000_000, 4.0, "x.idx: writing 200 of 200 MB, 50 MB/s"),
    ],
)
def test_a_line_tells_what_is_done_how_quickly_and_how_long_it_takes(done: int, seconds: float, told: str) -> None:
    assert line("x.idx", "writing", done, 200_000_000, seconds) == told


def report(done: int) -> dict[str, object]:
    return {"phase": "writing", "done": done, "total": 10_000_000}


def test_a_terminal_has_one_line_that_is_rewritten_and_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "OFTEN", 0.0)
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w") as terminal:
        shown = Progress("x.idx", terminal)
        shown.show(report(0))
        shown.show(report(5_000_000))
        shown.clear()
    said = shown_on(ours)
    assert said.count("\r") == 3
    assert "\n" not in said
    assert "writing 5 of 10 MB" in said
    assert said.endswith("\r\033[K")


def test_elsewhere_lines_are_plain_and_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    quiet = io.StringIO()
    shown = Progress("x.idx", quiet)
    shown.show(report(1_000_000))
    assert quiet.getvalue() == ""
    monkeypatch.setattr(progress, "SELDOM", 0.0)
    shown.show(report(2_000_000))
    shown.clear()
    assert quiet.getvalue().startswith("x.idx: writing 2 of 10 MB")
    assert quiet.getvalue().endswith("\n")
    assert "\033" not in quiet.getvalue()


def test_many_small_steps_are_told_together_and_longer_ones_and_the_end_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reports, "OFTEN", 3600.0)
    pipe = io.BytesIO()
    told = Reports(pipe, 60)
    told.begin("packing", 100 << 20)
    for _ in range(100):
        told.step(1 << 20)
        told.advance(1 << 20)
    told.step(2 << 20)
    said = [json.loads(line) for line in pipe.getvalue().splitlines()]
    assert [each["seconds"] for each in said if "seconds" in each] == [3661.0, 3662.0]
    assert [each["progress"]["done"] >> 20 for each in said if "progress" in each] == [0, 1, 100]
