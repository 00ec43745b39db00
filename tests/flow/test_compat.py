"""dbprocessing's missions run unchanged and give what dbprocessing gave: see compat/README.md.

The expected results were recorded from dbprocessing 0.1.0. Where it builds less, more or older than its inputs ask
for, ``exact_NAME.json`` says which files differ and why, and dbproc is held to that.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.flow.compat.legacy import DATABASE, HERE, Mission, load, write_release

REPOSITORY = Path(__file__).resolve().parents[2]
SCENARIOS = sorted(path.stem.partition("_")[2] for path in HERE.glob("scenario_*.json"))


@pytest.mark.parametrize(
    "name",
    [each if each == "chain" else pytest.param(each, marks=pytest.mark.thorough) for each in SCENARIOS],
)
def test_a_legacy_mission_gives_what_dbprocessing_gave(name: str, tmp_path: Path) -> None:
    mission = Mission(load("scenario", name), tmp_path / "home")
    appeared: dict[str, int] = {}
    dbproc(mission, "scripts/CreateDB.py", DATABASE)
    dbproc(mission, "scripts/addFromConfig.py", "-m", DATABASE, mission.config.name)
    for number, step in enumerate(mission.scenario["steps"], 1):
        mission.deliver(step["deliver"])
        if "release" in step:
            release(mission, step["release"])
        refused = step.get("refused", [])
        dbproc(mission, "ProcessQueue.py", "-i", "-p", "-m", DATABASE, status=1 if refused else 0)
        assert mission.waiting() == []
        for file in mission.files():
            appeared.setdefault(file, number)
        assert not appeared.keys() & set(refused)

    got = ordered({file: {"step": appeared[file], **facts} for file, facts in mission.files().items()})
    wanted = load("expected", name)
    files = ordered(after_changes(name, wanted["files"]))
    assert sorted(got) == sorted(files)
    for file, facts in files.items():
        assert got[file] == facts, file
    assert mission.other_files() == wanted["other_files"]


@pytest.mark.parametrize("name", sorted(path.stem.partition("_")[2] for path in HERE.glob("exact_*.json")))
def test_each_difference_from_dbprocessing_is_one(name: str) -> None:
    assert after_changes(name, load("expected", name)["files"]) != without_commands(load("expected", name)["files"])
    assert all(change["why"] for change in load("exact", name)["changes"])


def after_changes(name: str, files: dict[str, Any]) -> dict[str, Any]:
    """What dbprocessing recorded, with the differences that ``exact_NAME.json`` states, if there is one."""
    files = without_commands(files)
    if (HERE / f"exact_{name}.json").exists():
        for change in load("exact", name)["changes"]:
            files[change["file"]] = change["facts"]
    return {file: facts for file, facts in files.items() if facts is not None}


def ordered(files: dict[str, Any]) -> dict[str, Any]:
    """Keywords in the order of their names: dbproc compares them as a set, dbprocessing letter by letter."""
    return {file: {**facts, "keywords": " ".join(sorted(facts["keywords"].split()))} for file, facts in files.items()}


def without_commands(files: dict[str, Any]) -> dict[str, Any]:
    """The recorded command lines are for the reader; what matters in them shows in the digests."""
    return {file: {key: facts[key] for key in facts if key != "command"} for file, facts in files.items()}


def release(mission: Mission, code: dict[str, Any]) -> None:
    """Give a code a new version in the configuration, as its author would, and apply that."""
    write_release(mission, code)
    dbproc(mission, "-m", "dbproc", "apply", "-m", DATABASE, mission.config.name)


def dbproc(mission: Mission, *arguments: str, status: int = 0) -> None:
    """Run one of dbproc's commands in the mission folder."""
    words = [str(REPOSITORY / word) if word.endswith(".py") else word for word in arguments]
    done = subprocess.run(
        [sys.executable, *words],
        cwd=mission.root,
        env={**mission.environment(), "DBPROC_SETTLE_SECONDS": "0"},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == status, f"{arguments} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
