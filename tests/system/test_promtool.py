"""Prometheus' own tool reads the numbers and the rules for alerts, and these fire."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.kit.commands import REPOSITORY
from tests.kit.mission import Mission, chain, name_of
from tests.kit.service import client

RULES = REPOSITORY / "docs" / "prometheus"


def promtool(*arguments: str, given: str = "") -> str:
    done = subprocess.run(["promtool", *arguments], input=given, cwd=RULES, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_alerts_fire_when_they_should() -> None:
    promtool("check", "rules", "dbproc-alerts.yml")
    promtool("test", "rules", "dbproc-alerts-test.yml")


def test_the_numbers_are_named_and_told_as_prometheus_wants_it(tmp_path: Path) -> None:
    mission = Mission(tmp_path / "mission", str(tmp_path / "mission.sqlite")).create(*chain())
    mission.deliver(name_of("raw", 1))
    mission.run()
    with client(mission.database) as asking:
        asking.get("/api/v1/status")
        assert promtool("check", "metrics", given=asking.get("/metrics").text) == ""
