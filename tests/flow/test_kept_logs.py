"""The logs of jobs that succeeded: kept as long as the mission says, and found by ``why``."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.kit.mission import Mission, chain, name_of

CODE = '#!/bin/sh\necho what it did\ncp "$1" "$2"\n'


def test_the_log_of_a_job_that_succeeded_is_kept_for_so_long(mission: Mission) -> None:
    mission.code("to_clean.sh", CODE)
    mission.create(*chain(), keep_logs="30 days")
    mission.deliver(name_of("raw", 1))
    mission.run()
    log = Path(mission.one("SELECT log_path FROM attempt ORDER BY attempt_id LIMIT 1"))
    assert log.read_text().endswith("what it did\n")
    assert f"log: {log}" in mission.dbproc("why", name_of("clean", 1)).out
    assert not list((mission.root / ".dbproc" / "jobs").iterdir())

    jobs = mission.root / ".dbproc" / "jobs"
    log.rename(jobs / log.name)  # as if the run had been killed before it moved it there
    (mission.root / ".dbproc" / "work" / "left").mkdir()
    mission.run()
    assert log.read_text().endswith("what it did\n")

    shutil.move(log.parent, old := log.parent.with_name("2001-02-03"))
    mission.run()
    assert not old.exists()
    assert "log:" not in mission.dbproc("why", name_of("clean", 1)).out


def test_without_the_key_no_log_is_kept_and_none_is_removed(sqlite_mission: Mission) -> None:
    mission = sqlite_mission
    mission.create(*chain())
    mission.deliver(name_of("raw", 1))
    mission.run()
    assert mission.rows("SELECT log_path FROM attempt WHERE log_path IS NOT NULL") == []
    (old := mission.root / ".dbproc" / "kept-logs" / "2001-02-03").mkdir(parents=True)
    mission.run()
    assert old.exists()
