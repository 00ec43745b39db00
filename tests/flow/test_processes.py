"""Every command, as a process of its own: it imports what it needs, does its work, and says what it says in here."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbproc.cli import COMMANDS
from tests.kit.commands import call_command
from tests.kit.mission import Mission, chain, name_of
from tests.kit.stores import with_places

RAW = name_of("raw", 1)
CLEAN = name_of("clean", 1)

ASKING = [
    "plan",
    "queue",
    "files",
    "graph",
    "show processes",
    "log",
    f"why {CLEAN}",
    f"lineage {CLEAN}",
    f"inspect ROOT/data/raw/{RAW}",
    "whatif release to_clean --version 1.1.0",
    "stats",
    "campaign list",
    "quarantine list",
    "code list to_clean",
    "check",
    "export",
    "coverage",
    "completion bash",
    "idx --help",
    "serve --help",
    "canary list",
    "compare DATABASE DATABASE",
    "links",
    "release list",
    "import --help",
    f"whereis {RAW}",
    "stages list",
    "transfers list",
    "audit list",
]
WORKING = [
    "init ROOT/../mission_other.sqlite",
    "apply ROOT/mission.toml",
    "ingest",
    "process",
    "run",
    "run-process to_clean --start 2020-01-01 --end 2020-01-01 --output ROOT/..",
    "fetch",
    "stores check",
    f"stage {RAW} --to users/ada",
    f"offload {RAW}",
    f"recall {RAW}",
    "status",
    "retry",
    "dismiss --only to_clean --reason gone",
    f"mark {RAW} --quality ok",
    f"replace {RAW} with ROOT/mission.toml --reason why",
    f"withdraw {RAW} --reason why",
    f"restore {RAW}",
    f"reinspect {RAW}",
    "reap",
    "adopt",
    "report --output ROOT/../report.html",
    "reprocess --product clean",
    "run",
    "token create laptop",
    "unlock --reason why",
    "upgrade",
]
SCRIPTS = [
    "CreateDB.py ROOT/../mission_third.sqlite",
    "addFromConfig.py ROOT/mission.toml -m DATABASE",
    "printProcessQueue.py DATABASE",
    "flushProcessQueue.py DATABASE",
    "reprocessByCode.py to_clean -m DATABASE",
    "reprocessByDate.py -s 2020-01-01 -e 2020-01-02 -m DATABASE",
    "reprocessByInstrument.py test -m DATABASE",
    "reprocessByProduct.py raw -m DATABASE",
    "DBRunner.py to_clean -s 2020-01-01 -m DATABASE",
    "clearProcessingFlag.py DATABASE why",
]


@pytest.mark.in_processes
def test_every_command_works_as_a_process_of_its_own(sqlite_mission: Mission, tmp_path: Path) -> None:
    mission = sqlite_mission.create(*chain(), *with_places(tmp_path / "places", "raw"))
    mission.deliver(RAW)
    for words in [*WORKING, *ASKING]:
        done = mission.dbproc(*filled(mission, words))
        if words in ASKING:
            environment = {**mission.environment, "DBPROC_MISSION": mission.database}
            assert call_command("dbproc", filled(mission, words), mission.root, environment) == done
    for words in SCRIPTS:
        script, *arguments = filled(mission, words)
        mission.script(script, *arguments)
    mission.run()


def filled(mission: Mission, words: str) -> list[str]:
    return words.replace("ROOT", str(mission.root)).replace("DATABASE", mission.database).split()


def test_each_command_is_among_them() -> None:
    assert {words.split()[0] for words in [*WORKING, *ASKING]} == set(COMMANDS)
