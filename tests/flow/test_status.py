"""``dbproc status``: what runs now, what is not as it was, and the condition for monitors."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest

from tests.kit.mission import Mission, chain, kill, name_of, process, product, wait_for

WAITS = """#!/bin/sh
case "$1" in *20200102*) while [ ! -e "$(dirname "$0")/go" ]; do sleep 0.05; done;; esac
cp "$1" "$2"
"""


@pytest.mark.in_processes
def test_what_runs_now_is_told_from_anywhere(mission: Mission) -> None:
    mission.code("to_clean.sh", WAITS)
    mission.create(*chain())
    mission.deliver(name_of("raw", 1), name_of("raw", 2), name_of("raw", 3))
    running = mission.start("-i", "-p", "-n", "1")
    at_work = "SELECT jobs_done, jobs_known FROM logging WHERE currently_processing"
    wait_for(lambda: mission.rows(at_work) == [(1, 3)], "the second of three jobs")
    told = json.loads(mission.dbproc("status", "--json").out)["running"]
    assert (told["done"], told["known"]) == (1, 3)
    assert told["expected_end"] > told["since"]
    assert (told["jobs"][0]["process"], told["jobs"][0]["date"]) == ("to_clean", "2020-01-02")
    shown = mission.dbproc("status").out
    assert f"run {told['run']} at work since " in shown
    assert ": 1 of 3 jobs done, all of them by about 20" in shown
    assert "\n  to_clean 2020-01-02, since 20" in shown or "\n  to_clean day 2020-01-02, since 20" in shown
    (mission.codes / "go").touch()
    running.communicate(timeout=60)
    jobs = mission.one("SELECT count(*) FROM attempt")
    assert mission.rows("SELECT jobs_done, jobs_known FROM logging WHERE jobs_done IS NOT NULL") == [(jobs, jobs)]
    assert json.loads(mission.dbproc("status", "--json").out)["running"] is None


def test_a_monitor_is_told_how_the_mission_is(mission: Mission) -> None:
    mission.create(*chain())
    mission.deliver(name_of("raw", 1))
    mission.run()
    assert mission.dbproc("status", "--check").out == "fine: test\n"
    mission.code("to_clean.sh", "#!/bin/sh\nexit 3\n")
    mission.deliver("stray.txt", name_of("raw", 2))
    mission.run(status=1)
    assert mission.dbproc("status", "--check", status=1).out.startswith("failures or late: test: ")
    told = json.loads(mission.dbproc("status", "--check", "--json", status=1).out)
    assert told["condition"] == "failures or late"
    assert told["findings"][-1] == "1 in quarantine"
    (mission.root / ".dbproc").rename(mission.root / "elsewhere")
    assert mission.dbproc("status", "--check", status=2).out.startswith("critical: test: ")
    (mission.root / "elsewhere").rename(mission.root / ".dbproc")
    assert mission.dbproc("status", "--check", "-m", str(mission.root / "nowhere"), status=2).out.startswith(
        "critical: "
    )


def test_what_is_out_of_use_is_marked(sqlite_mission: Mission) -> None:
    mission = sqlite_mission
    mission.create(*chain())
    mission.deliver(name_of("raw", 1))
    mission.run()
    mission.dbproc("reprocess", "--product", "clean", "--force", "1", "--campaign", "again")
    mission.dbproc("campaign", "pause", "again")
    mission.define(product("raw", 0), product("clean", 1), process("to_clean", "clean", ["raw"], active=False))
    shown = mission.dbproc("status").out
    assert "\nsmooth (retired)  2.0" in shown
    assert "\nwithout a code in use: to_clean\n" in shown
    assert "\ncampaigns:\n  again: paused: 1 waiting\n" in shown


@pytest.mark.in_processes
def test_a_watch_goes_on_until_it_is_ended(sqlite_mission: Mission) -> None:
    mission = sqlite_mission
    mission.create(*chain())
    assert "neither with --check" in mission.dbproc("status", "--watch", "--json", status=2).err
    command = [sys.executable, "-m", "dbproc", "status", "--watch", "-m", mission.database]
    watching = subprocess.Popen(command, env=mission.environment, stdout=subprocess.PIPE, text=True)
    assert watching.stdout is not None
    heads = 0
    for line in watching.stdout:
        heads += line.startswith("mission test")
        if heads == 2:
            break
    kill(watching, signal.SIGINT)
    assert watching.returncode == 130
