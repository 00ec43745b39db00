"""What runs and people did, told from the catalogue."""

from __future__ import annotations

import pytest

from tests.kit.mission import Mission, chain, name_of

RAW, CLEAN = name_of("raw", 1), name_of("clean", 1)


@pytest.mark.both_databases
def test_the_log_tells_in_order_what_runs_and_people_did(mission: Mission) -> None:
    mission.create(*chain(), retry_seconds=0)
    mission.deliver(RAW, "nobody_knows.dat")
    mission.run(status=1)
    mission.dbproc("withdraw", RAW, "--reason", "noise")
    mission.dbproc("restore", RAW)
    mission.code("to_clean.sh", "#!/bin/sh\nexit 3\n")
    mission.deliver(name_of("raw", 2))
    mission.run(status=1)
    told = [(row["event"], row["subject"]) for row in mission.dbproc("log", "--json").json]
    wanted = [
        *(("ingested", RAW), ("quarantined", "nobody_knows.dat"), ("made", CLEAN), ("withdrawn", RAW)),
        *(("restored", RAW), ("ingested", name_of("raw", 2)), ("failed", "to_clean 2020-01-02")),
    ]
    assert [each for each in told if each in wanted] == wanted
    assert ("run", "run") in told
    assert not {"withdraw", "restore"} & {subject for _, subject in told}
    of_file = mission.dbproc("log", "--file", RAW).out.splitlines()
    assert [line.split()[2] for line in of_file] == ["ingested", "withdrawn", "restored"]
    assert of_file[1].endswith(": noise")
    (mission.root / "other").write_text("other")
    mission.dbproc("replace", RAW, "with", str(mission.root / "other"), "--reason", "better")
    mission.dbproc("reinspect", RAW)
    mission.dbproc("restore", RAW)
    of_file = mission.dbproc("log", "--file", RAW).out.splitlines()
    assert [line.split()[2] for line in of_file][3:] == ["replaced", "restored"]
    events = {row["event"] for row in mission.dbproc("log", "--process", "to_clean", "--json").json}
    assert events == {"made", "failed"}
    assert mission.dbproc("log", "--since", "2090-01-01", "--json").json == []
    assert "no process x" in mission.dbproc("log", "--process", "x", status=2).err


@pytest.mark.both_databases
def test_the_log_has_what_people_said_of_failures_and_nothing_of_what_was_only_asked(mission: Mission) -> None:
    mission.create(*chain(), retry_seconds=0)
    mission.code("to_clean.sh", "#!/bin/sh\nexit 3\n")
    mission.deliver(RAW)
    mission.run(status=1)
    mission.dbproc("dismiss", "-o", "to_clean", "--reason", "the detector was off")
    mission.dbproc("withdraw", RAW, "--reason", "noise", "--dry-run")
    mission.dbproc("withdraw", "nonsense", "--reason", "noise", status=2)
    told = mission.dbproc("log").out.splitlines()
    assert [line.split(" ", 2)[2] for line in told][-1].startswith("dismissed to_clean 2020-01-01: by ")
    assert told[-1].endswith(": the detector was off")
    assert " run 1 by " in told[0]
    assert "withdraw" not in "".join(told)
    mission.dbproc("retry", "--dismissed")
    *before, last = mission.dbproc("log").out.splitlines()
    assert before == told
    assert " retried to_clean 2020-01-01: by " in last
    why = mission.dbproc("why", "clean", "2020-01-01").out
    assert "(tried again by the next run)" in why
    assert "dismissed" not in why + mission.dbproc("status", "--dismissed").out + mission.dbproc("coverage").out
    assert "to_clean 2020-01-01" in mission.dbproc("status").out
