"""Failures that nobody will mend: out of sight, not tried again, and back when they fail anew."""

from __future__ import annotations

import pytest

from tests.kit.mission import JOIN, Mission, chain, name_of

BROKEN = "#!/bin/sh\necho no >&2; exit 3\n"


@pytest.fixture
def failed(mission: Mission) -> Mission:
    """Two days of raw that a code fails for, a retry of which is due at once."""
    mission.code("to_clean.sh", BROKEN)
    mission.create(*chain(), retry_seconds=0)
    mission.deliver(name_of("raw", 1), name_of("raw", 2))
    mission.run(status=1)
    return mission


@pytest.mark.both_databases
def test_a_dismissed_failure_is_out_of_sight_until_it_fails_anew(failed: Mission) -> None:
    words = ("dismiss", "-o", "to_clean", "--end", "2020-01-01", "--reason", "the detector was off")
    assert failed.dbproc(*words, "--dry-run").out == "would dismiss to_clean 2020-01-01\n"
    foretold = failed.dbproc(*words, "--dry-run", "--json").json
    assert [(each["process"], each["date"]) for each in foretold["failures"]] == [("to_clean", "2020-01-01")]
    assert not foretold["is_done"]
    assert failed.dbproc(*words).out == "dismissed to_clean 2020-01-01\n"
    status = failed.dbproc("status").out
    assert "to_clean 2020-01-02" in status
    assert "to_clean 2020-01-01" not in status
    shown = failed.dbproc("status", "--dismissed").out
    assert "the detector was off" in shown
    assert "to_clean 2020-01-02" not in shown
    why = failed.dbproc("why", "clean", "2020-01-01").out
    assert "clean 2020-01-01: delayed: failed, and a person said that nobody will mend it" in why
    assert ": the detector was off; to try again: dbproc retry --dismissed)" in why
    (gap,) = (gap for gap in failed.dbproc("coverage", "clean", "--json").json["gaps"] if gap["mark"] == "dismissed")
    assert gap["why"].endswith(": the detector was off")
    span = "--start 2020-01-01 --end 2020-01-01"
    assert gap["command"] == f"dbproc retry --dismissed --only to_clean {span}"
    assert "no open failure" in failed.dbproc(*words).out
    count = len(failed.attempts())
    failed.run(status=1)
    assert len(failed.attempts()) == count + 1  # the other one
    out = failed.dbproc("retry").out
    assert out == (
        "1 failed jobs are tried again by the next run\n"
        "1 dismissed ones are not tried; to try these: dbproc retry --dismissed\n"
    )
    failed.deliver(name_of("raw", 1, "1.1.0"))
    failed.run(status=1)
    assert "to_clean 2020-01-01" in failed.dbproc("status").out
    assert "to_clean 2020-01-01" not in failed.dbproc("status", "--dismissed").out
    failed.dbproc(*words)
    assert "1 failed jobs" in failed.dbproc("retry", "--dismissed").out
    (failed.codes / "to_clean.sh").write_text(JOIN.replace("NAME", "clean"))
    failed.run()
    assert "failed:" not in failed.dbproc("status").out + failed.dbproc("status", "--dismissed").out


def test_a_failure_whose_slot_exists_no_more_vanishes_and_nothing_is_dismissed_by_mistake(failed: Mission) -> None:
    failed.dbproc("withdraw", name_of("raw", 1), "--reason", "noise")
    failed.run(status=1)
    assert "to_clean 2020-01-01" not in failed.dbproc("status").out
    assert "say which failures" in failed.dbproc("dismiss", "--reason", "x", status=2).err
    assert "no keyword band" in failed.dbproc("dismiss", "--key", "band=red", "--reason", "x", status=2).err
