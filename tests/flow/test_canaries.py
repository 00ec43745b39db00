"""A code is tried out beside the published files: a sample, a report, then promoted or discarded."""

from __future__ import annotations

import datetime as dt
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dbproc.cli import main
from dbproc.core.errors import ConflictError
from tests.kit.mission import Mission, chain, kill, name_of, optional, process, product, wait_for

DAYS = (1, 2, 3)
RAW = [name_of("raw", day) for day in DAYS]
DATES = "2020-01-01,2020-01-02..2020-01-02"
NEW = [name_of("clean", day, "1.1.0") for day in DAYS]

HELD = """#!/bin/sh
echo $$ > STARTED
while [ ! -e GATE ]; do sleep 0.05; done
printf 'held(%s)' "$(cat "$1")" > "$2"
"""

FIELD = """#!/usr/bin/env python
import sys, time, netCDF4
with netCDF4.Dataset(sys.argv[-1], "w") as file:
    file.history = str(time.time_ns())
    file.createDimension("n", 4)
    file.createVariable("field", "f8", ("n",))[:] = [1, 2, 3, VALUE]
"""

PICTURE = """#!/usr/bin/env python
import sys
from PIL import Image
Image.new("RGB", (8, 6), COLOUR).save(sys.argv[-1], "PNG")
"""


def built(mission: Mission, *blocks: str, **keys: object) -> Mission:
    """The chain with three days, and a better code beside the present one."""
    mission.code("better.sh")
    mission.create(*(blocks or chain()), **keys)
    mission.deliver(*RAW)
    mission.run()
    return mission


def canary(mission: Mission, *arguments: str, status: int = 0) -> Any:
    words = ("canary", "to_clean", "--version", "1.1.0", "--file", "better.sh", *arguments)
    return mission.dbproc(*words, "--json", status=status)


def refused(mission: Mission, capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 2) -> str:
    """What a command that is refused says."""
    capsys.readouterr()
    assert main(["canary", *arguments, "-m", mission.database]) == status
    return capsys.readouterr().err


def looks_sound(mission: Mission) -> None:
    assert main(["check", "-m", mission.database]) == 0


def sample_of(mission: Mission, number: int = 1) -> Path:
    return mission.root / ".dbproc" / "canary" / str(number)


def as_utc(time: Any) -> dt.datetime:
    """A time as either database gives it."""
    return time if isinstance(time, dt.datetime) else dt.datetime.fromisoformat(time).replace(tzinfo=dt.UTC)


def test_a_sample_is_built_beside_the_published_files_and_nothing_else_changes(mission: Mission) -> None:
    built(mission)
    before = mission.tables()
    facts = canary(mission, "--dates", DATES, "-n", "2").json
    assert mission.tables() == before
    assert facts["status"] == "built"
    assert [(row["filename"], row["published"], row["verdict"]) for row in facts["sample"]] == [
        (NEW[0], name_of("clean", 1), "differs"),
        (NEW[1], name_of("clean", 2), "differs"),
    ]
    assert facts["sample"][0]["report"]["differences"][0]["what"].endswith("first difference at byte 0")
    report = Path(facts["report"]).read_text()
    assert NEW[0] in report
    assert "first difference at byte 0" in report
    looks_sound(mission)
    mission.run()
    assert mission.tables("logging") == {name: rows for name, rows in before.items() if name != "logging"}


@pytest.mark.both_databases
def test_promoted_the_sample_is_taken_and_only_the_rest_is_built(mission: Mission) -> None:
    built(mission)
    canary(mission, "--dates", DATES)
    records = [row[0] for row in mission.rows("SELECT record FROM canaryfile")]
    (recorded,) = (each for each in records if NEW[0] in each)  # two jobs at once end in any order
    facts = mission.dbproc("canary", "promote", "1", "--reason", "it is better", "--json").json
    assert facts == {"canary_id": 1, "taken": NEW[:2], "left": {}}
    assert mission.content(NEW[0]) == "better(raw_20200101)"
    made = mission.files()[NEW[0]]
    assert (made.code, made.inputs) == ("1.1.0", frozenset({RAW[0]}))
    looks_sound(mission)

    attempt = mission.rows(
        "SELECT status, start_time, command_line, reasons FROM attempt WHERE output_filename = '" + NEW[0] + "'"
    )[0]
    assert attempt[0] == "succeeded"
    assert as_utc(attempt[1]) == dt.datetime.fromisoformat(json.loads(recorded)["started"])
    assert json.loads(attempt[2]) == json.loads(recorded)["command"]
    assert json.loads(attempt[3])[-1] == "taken from canary 1"
    events = "SELECT event, reason FROM codeevent WHERE event <> 'added' ORDER BY codeevent_id"
    assert mission.rows(events) == [("released", "it is better"), ("promoted", "canary 1")]

    tried = len(mission.attempts())
    mission.run()
    new = mission.attempts()[tried:]
    assert [each for each in new if each[0] == "to_clean"] == [("to_clean", "2020-01-03", "succeeded")]
    assert mission.names("clean") == sorted([*(name_of("clean", day) for day in DAYS), *NEW])
    assert mission.files()[name_of("smooth", 1, "1.1.0")].inputs == set(NEW[:2])
    looks_sound(mission)
    assert os.listdir(sample_of(mission)) != []
    assert not (sample_of(mission) / "work").exists()


@pytest.mark.thorough
def test_discarded_it_leaves_no_trace_but_the_report(
    sqlite_mission: Mission, capsys: pytest.CaptureFixture[str]
) -> None:
    mission = built(sqlite_mission)
    before = mission.state()
    canary(mission, "--dates", DATES)
    assert main(["canary", "discard", "to_clean", "-m", mission.database]) == 0
    assert sorted(path.name for path in sample_of(mission).iterdir()) == ["pictures", "report.html"]
    assert list((sample_of(mission) / "pictures").iterdir()) == []
    report = {path for path in mission.tree() if ".dbproc/canary" in str(path)}
    rows, tree = mission.state()
    assert (rows, set(tree) - report) == (before[0], set(before[1]))
    assert "canary 1 was discarded already" in refused(mission, capsys, "discard", "1")
    assert "canary 1 was discarded already" in refused(mission, capsys, "promote", "1")
    assert main(["canary", "list", "-m", mission.database]) == 0
    assert "discarded" in capsys.readouterr().out


@pytest.mark.thorough
def test_what_has_changed_since_is_left_to_the_next_run(sqlite_mission: Mission) -> None:
    mission = built(sqlite_mission)
    canary(mission, "--dates", "2020-01-01..2020-01-03")
    mission.deliver(name_of("raw", 1, "1.0.1"), content="newer")
    mission.run()
    (sample_of(mission) / "work" / "2" / NEW[1]).write_text("forged")
    facts = mission.dbproc("canary", "promote", "1", "--json").json
    assert facts["taken"] == [NEW[2]]
    assert facts["left"] == {
        NEW[0]: "its inputs are no longer those that it was built from",
        NEW[1]: "its bytes are no longer those that were recorded",
    }
    mission.run()
    assert mission.content(name_of("clean", 1, "1.1.0")) == "better(newer)"
    assert mission.content(NEW[1]) == "better(raw_20200102)"
    looks_sound(mission)


@pytest.mark.thorough
def test_a_revision_that_was_published_meanwhile_stays_below_the_sample(sqlite_mission: Mission) -> None:
    mission = built(sqlite_mission)
    canary(mission, "--dates", "2020-01-01")
    with (mission.codes / "to_clean.sh").open("a") as stream:
        stream.write("# edited, so that it counts as version 1.0.1\n")
    mission.deliver(name_of("raw", 4))
    mission.run()
    facts = mission.dbproc("canary", "promote", "1", "--json").json
    assert facts["taken"] == [NEW[0]]
    assert mission.names("clean")[:3] == [name_of("clean", 1), name_of("clean", 1, "1.0.1"), NEW[0]]
    looks_sound(mission)


@pytest.mark.thorough
def test_the_sample_takes_the_name_that_is_free_by_now(sqlite_mission: Mission) -> None:
    """A version that is published from the same inputs after the sample was built raises that of the sample."""
    mission = built(sqlite_mission)
    canary(mission, "--dates", "2020-01-01")
    mission.define(*chain(version="1.0.5"))
    mission.execute("UPDATE processqueue SET version_bump = 1 WHERE file_id = (SELECT MIN(file_id) FROM file)")
    mission.run()
    assert NEW[0] in mission.names("clean")
    facts = mission.dbproc("canary", "promote", "1", "--json").json
    assert facts["taken"] == [name_of("clean", 1, "1.2.0")]
    assert mission.content(name_of("clean", 1, "1.2.0")) == "better(raw_20200101)"
    looks_sound(mission)


@pytest.mark.thorough
def test_netcdf_is_compared_variable_by_variable_whatever_the_product_says(sqlite_mission: Mission) -> None:
    mission = sqlite_mission
    for name, value in (("old", 4), ("equal", 4), ("new", 9)):
        mission.code(f"{name}.py", FIELD.replace("VALUE", str(value)))
    clean = product("clean", 1, "clean_{Y}{m}{d}_v{VERSION}.nc")
    mission.create(product("raw", 0), clean, process("to_clean", "clean", ["raw"], file="old.py"))
    mission.deliver(RAW[0])
    mission.run()
    verdicts = {}
    for name in ("equal", "new"):
        words = ("canary", "to_clean", "--version", "1.1.0", "--file", f"{name}.py", "--sample", "1", "--json")
        (row,) = mission.dbproc(*words).json["sample"]
        verdicts[name] = row["verdict"], [each["what"] for each in row["report"]["differences"]]
    assert verdicts == {"equal": ("same", []), "new": ("differs", ["1 of 4 values differ, by 5.0 at most"])}


@pytest.mark.thorough
def test_images_are_shown_side_by_side(sqlite_mission: Mission) -> None:
    mission = sqlite_mission
    for name, colour in (("old", "(10, 20, 30)"), ("new", "(10, 20, 90)")):
        mission.code(f"{name}.py", PICTURE.replace("COLOUR", colour))
    clean = product("clean", 1, "clean_{Y}{m}{d}_v{VERSION}.png")
    mission.create(product("raw", 0), clean, process("to_clean", "clean", ["raw"], file="old.py"))
    mission.deliver(RAW[0])
    mission.run()
    words = ("canary", "to_clean", "--version", "1.1.0", "--file", "new.py", "--sample", "1", "--json")
    facts = mission.dbproc(*words).json
    picture = sample_of(mission) / "pictures" / facts["sample"][0]["report"]["picture"]
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert f"pictures/{picture.name}" in Path(facts["report"]).read_text()


@pytest.mark.thorough
def test_several_outputs_are_taken_together(sqlite_mission: Mission) -> None:
    def two(version: str, file: str) -> list[str]:
        names = (("raw", 0), ("extra", 0), ("a", 1), ("b", 1))
        keys = {"output": ["a", "b"]}
        made = process("to_two", None, ["raw", optional("extra")], version=version, file=file, keys=keys)
        return [*(product(name, level) for name, level in names), made]

    mission = sqlite_mission
    for name in ("one", "other"):
        mission.code(f"{name}.sh", f"#!/bin/sh\nprintf {name} > $2\nprintf b > $3\n")
    mission.create(*two("1.0.0", "one.sh"))
    mission.deliver(RAW[0])
    mission.run()
    words = ("canary", "to_two", "--version", "1.0.1", "--file", str(mission.codes / "other.sh"), "--sample", "3")
    facts = mission.dbproc(*words, "--json").json
    assert [(row["product"], row["verdict"]) for row in facts["sample"]] == [("a", "differs"), ("b", "same")]
    facts = mission.dbproc("canary", "promote", "to_two", "--json").json
    assert facts["taken"] == [name_of("a", 1, "1.0.1"), name_of("b", 1, "1.0.1")]
    before = mission.tables("logging", "processqueue")
    mission.run()
    assert mission.tables("logging", "processqueue") == before
    looks_sound(mission)


@pytest.mark.thorough
def test_a_job_that_fails_is_told_and_keeps_the_canary_from_being_promoted(
    sqlite_mission: Mission, capsys: pytest.CaptureFixture[str]
) -> None:
    mission = built(sqlite_mission)
    mission.code("better.sh", "#!/bin/sh\necho it is worse >&2\nexit 3\n")
    facts = canary(mission, "--sample", "2", status=1).json
    assert [row["verdict"] for row in facts["sample"]] == ["failed", "failed"]
    assert "exit status 3: it is worse" in facts["sample"][0]["report"]["problem"]
    assert "could not make" in refused(mission, capsys, "promote", "1")
    assert mission.attempts() == [each for each in mission.attempts() if each[2] == "succeeded"]


def test_an_input_that_is_missing_is_the_fault_of_its_date_alone(sqlite_mission: Mission) -> None:
    mission = built(sqlite_mission)
    place = mission.files()[RAW[1]].path
    away = place.rename(mission.root / "away")
    facts = canary(mission, "--sample", "3", status=1).json
    away.rename(place)
    assert [row["verdict"] for row in facts["sample"]] == ["differs", "failed", "differs"]
    report = facts["sample"][1]["report"]
    assert f"{RAW[1]} is missing from disk; put it back" in report["problem"]
    assert report["log"] is None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nobody", "--version", "2.0.0", "--sample", "1"), "the mission has: to_clean, to_run, to_smooth"),
        (("to_run", "--version", "2.0.0", "--sample", "1"), "makes no files that could be compared"),
        (("to_clean", "--version", "1.0.0", "--sample", "1"), "1.0.0 is not above 1.0.0, the present version"),
        (("to_clean", "--version", "0.1", "--sample", "1"), "is not a version"),
        (("to_clean", "--version", "2.0.0"), "say what to build"),
        (("to_clean", "--version", "2.0.0", "--dates", "2020-01-03..2020-01-01"), "the times are reversed"),
        (("to_clean", "--version", "2.0.0", "--dates", "soon"), "'soon' is not a date"),
        (("to_clean", "--version", "2.0.0", "--dates", "2021-01-01"), "there are some from 2020-01-01 to 2020-01-03"),
        (("to_clean", "--version", "2.0.0", "--file", "plain.txt", "--sample", "1"), "is not executable"),
        (("to_clean", "--version", "2.0.0", "--file", "gone.sh", "--sample", "1"), "does not exist"),
        (("show", "7"), "no canary 7; there are: none"),
        (("promote", "to_clean"), "no canary to_clean; there are: none"),
        (("discard", "7"), "no canary 7; there are: none"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
@pytest.mark.thorough
def test_what_cannot_be_is_refused_with_what_is_possible(
    arguments: tuple[str, ...], words: str, defined: Mission, capsys: pytest.CaptureFixture[str]
) -> None:
    before = defined.tables()
    assert words in refused(defined, capsys, *arguments)
    assert defined.tables() == before
    assert defined.rows("SELECT * FROM canary") == []


@pytest.fixture(scope="module")
def defined(tmp_path_factory: pytest.TempPathFactory) -> Mission:
    """A mission that the tests of refusals share: they change nothing."""
    directory = tmp_path_factory.mktemp("defined")
    mission = Mission(directory / "mission", str(directory / "mission.sqlite"))
    (mission.codes / "plain.txt").write_text("x")
    mission.code("to_run.sh", "#!/bin/sh\n")
    return built(mission, *chain(), process("to_run", None, ["raw"], "RUN"))


@pytest.mark.thorough
def test_promoting_twice_is_refused(sqlite_mission: Mission, capsys: pytest.CaptureFixture[str]) -> None:
    mission = built(sqlite_mission)
    canary(mission, "--dates", DATES)
    assert main(["canary", "promote", "1", "-m", mission.database]) == 0
    assert "canary 1 was promoted already" in refused(mission, capsys, "promote", "1")
    assert "canary 1 was promoted already" in refused(mission, capsys, "discard", "1")


@pytest.mark.thorough
def test_a_code_that_changed_since_is_not_promoted(sqlite_mission: Mission, capsys: pytest.CaptureFixture[str]) -> None:
    mission = built(sqlite_mission)
    canary(mission, "--dates", DATES)
    mission.code("better.sh", "#!/bin/sh\nexit 1\n")
    assert "is not what the sample was built with" in refused(mission, capsys, "promote", "1")
    assert mission.names("clean") == [name_of("clean", day) for day in DAYS]


def start_held(mission: Mission, tmp_path: Path) -> subprocess.Popen[str]:
    """A canary whose job waits for the file `gate`."""
    mission.code("better.sh", HELD.replace("GATE", str(tmp_path / "gate")).replace("STARTED", str(tmp_path / "pid")))
    words = ["canary", "to_clean", "--version", "1.1.0", "--file", "better.sh", "--dates", "2020-01-01"]
    building = subprocess.Popen(
        [sys.executable, "-m", "dbproc", *words],
        cwd=mission.root,
        env={**mission.environment, "DBPROC_MISSION": mission.database},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text().strip(), "the job of the canary")
    return building


@pytest.mark.thorough
def test_runs_go_on_while_a_sample_is_built(
    sqlite_mission: Mission, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mission = built(sqlite_mission)
    building = start_held(mission, tmp_path)
    mission.deliver(name_of("raw", 4))
    mission.run()
    assert name_of("smooth", 4) in mission.names("smooth")
    assert "canary 1 is being worked on" in refused(mission, capsys, "discard", "1", status=75)
    assert "is not finished" in refused(mission, capsys, "promote", "1")
    (tmp_path / "gate").touch()
    assert building.wait(60) == 0
    building.communicate()
    looks_sound(mission)


@pytest.mark.thorough
@pytest.mark.parametrize("then", ["discard", "start"])
def test_killed_in_building_it_can_be_discarded_or_built_again(
    then: str, sqlite_mission: Mission, tmp_path: Path
) -> None:
    mission = built(sqlite_mission)
    kill(start_held(mission, tmp_path))
    job = int((tmp_path / "pid").read_text())
    mission.run()
    assert mission.rows("SELECT status FROM canary") == [("building",)]
    (tmp_path / "gate").touch()
    if then == "discard":
        assert main(["canary", "discard", "1", "-m", mission.database]) == 0
        assert not sample_of(mission).exists()
    else:
        facts = canary(mission, "--dates", "2020-01-01").json
        assert (facts["canary_id"], facts["status"], len(facts["sample"])) == (1, "built", 1)
    wait_for(lambda: not os.path.exists(f"/proc/{job}") or "Z (" in Path(f"/proc/{job}/status").read_text(), "its end")


@pytest.mark.parametrize(("owner", "moment"), [("promotion", "place"), ("promotion.Register", "enter")])
def test_killed_in_promoting_everything_is_undone_by_the_next_run(
    owner: str, moment: str, sqlite_mission: Mission, tmp_path: Path
) -> None:
    mission = built(sqlite_mission)
    canary(mission, "--dates", DATES)
    program = tmp_path / "promote.py"
    program.write_text(
        "import os, signal\n"
        "from dbproc.changes.canary import promotion\n"
        f"done = {owner}.{moment}\n"
        "def kill(*arguments):\n"
        "    done(*arguments)\n"
        f"    os.kill(os.getpid(), {int(signal.SIGKILL)})\n"
        f"{owner}.{moment} = kill\n"
        "from dbproc.cli import main\n"
        f"main(['canary', 'promote', '1', '-m', {mission.database!r}])\n"
    )
    ended = subprocess.run([sys.executable, program], env=mission.environment, check=False)
    assert ended.returncode == -signal.SIGKILL
    mission.run()
    assert mission.names("clean") == [name_of("clean", day) for day in DAYS]
    looks_sound(mission)
    assert main(["canary", "promote", "1", "-m", mission.database]) == 0
    assert mission.names("clean") == sorted([*(name_of("clean", day) for day in DAYS), *NEW[:2]])
    looks_sound(mission)


@pytest.mark.thorough
def test_a_promotion_that_the_database_refuses_puts_everything_back(
    sqlite_mission: Mission, monkeypatch: pytest.MonkeyPatch
) -> None:
    mission = built(sqlite_mission)
    canary(mission, "--dates", DATES)
    before = mission.tables("logging")

    def refuse(*_: object, **__: object) -> None:
        raise ConflictError("no")

    monkeypatch.setattr("dbproc.changes.canary.promotion.codes.record_event", refuse)
    assert main(["canary", "promote", "1", "-m", mission.database]) == 1
    assert mission.tables("logging") == before
    assert sorted(path.name for path in (mission.root / "data" / "clean").iterdir()) == mission.names("clean")
    monkeypatch.undo()
    assert main(["canary", "promote", "1", "-m", mission.database]) == 0
    looks_sound(mission)
