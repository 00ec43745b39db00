"""Releasing codes and rolling them back, codes for ranges of dates, and bytes that change under a version."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dbproc.cli import main
from tests.kit.mission import Done, Mission, chain, name_of, process, product

RAW = [name_of("raw", day) for day in (1, 2, 3)]
BETTER = '#!/bin/sh\nprintf "better(%s)" "$(cat "$1")" > "$2"\n'
EDITED = '#!/bin/sh\nprintf "edited(%s)" "$(cat "$1")" > "$2"\n'
OLD, NEW = "clean(raw_2020010{})", "better(raw_2020010{})"

Ask = Callable[..., Done]


@pytest.fixture
def ask(capfd: pytest.CaptureFixture[str]) -> Ask:
    """Run a command in this process, which is to end with `status`."""

    def asked(mission: Mission, *words: str, status: int = 0) -> Done:
        capfd.readouterr()
        done = Done(main([*words, "-m", mission.database]), *capfd.readouterr())
        assert done.status == status, f"exit status {done.status}\n{done.out}\n{done.err}"
        assert "Traceback" not in done.err
        return done

    return asked


def only_clean(**code: Any) -> list[str]:
    return [product("raw", 0), product("clean", 1), process("to_clean", "clean", ["raw"], **code)]


def built(mission: Mission, days: int, **code: Any) -> Mission:
    """A mission whose code has made so many days."""
    mission.create(*only_clean(**code))
    mission.deliver(*RAW[:days])
    assert main(["run", "-m", mission.database]) == 0
    return mission


def newest(mission: Mission, product: str = "clean") -> dict[str, str]:
    """Content by name of the newest files of a product."""
    rows = mission.rows(f"SELECT filename FROM newest_file WHERE filename LIKE '{product}%'")
    return {name: mission.content(name) for (name,) in rows}


def codes(mission: Mission) -> list[tuple[Any, ...]]:
    """Version, dates and state of every code."""
    rows = mission.rows(
        "SELECT interface_version, quality_version, revision_version, code_start_date, code_stop_date, active_code "
        "FROM code ORDER BY code_id"
    )
    return [(".".join(map(str, row[:3])), str(row[3]), str(row[4]), bool(row[5])) for row in rows]


def events(mission: Mission) -> list[tuple[str, str]]:
    return mission.rows("SELECT event, reason FROM codeevent ORDER BY codeevent_id")


# --- releasing ---


@pytest.mark.thorough
@pytest.mark.both_databases
def test_a_release_has_the_same_effect_as_the_edited_mission_file(mission: Mission, ask: Ask) -> None:
    mission.create(*chain())
    mission.deliver(RAW[0])
    mission.run()
    mission.code("to_clean.sh", BETTER)
    said = ask(mission, "code", "release", "to_clean", "--version", "1.1.0", "--reason", "it is better").out
    assert '[process.to_clean.code]\nfile = "to_clean.sh"\nversion = "1.1.0"' in said
    mission.run()
    assert newest(mission) == {name_of("clean", 1, "1.1.0"): "better(raw_20200101)"}
    assert list(newest(mission, "smooth")) == [name_of("smooth", 1, "1.1.0")]
    assert codes(mission)[0] == ("1.0.0", "1900-01-01", "2100-12-31", False)
    assert codes(mission)[-1] == ("1.1.0", "1900-01-01", "2100-12-31", True)
    assert events(mission)[-1] == ("released", "it is better")
    before = mission.tables("logging")
    mission.write(*chain(version="1.1.0"))
    assert "nothing to change" in ask(mission, "apply", str(mission.file)).out
    assert mission.tables("logging") == before


@pytest.mark.thorough
def test_a_dry_release_says_the_same_and_changes_nothing(sqlite_mission: Mission, ask: Ask) -> None:
    sqlite_mission.create(*only_clean())
    before = sqlite_mission.everything()
    words = ("code", "release", "to_clean", "--version", "2.0.0", "--output-interface", "2", "--json")
    dry = ask(sqlite_mission, *words, "--dry-run").json
    assert sqlite_mission.everything() == before
    assert ask(sqlite_mission, *words).json == {**dry, "dry_run": False}
    assert [change["kind"] for change in dry["changes"]] == ["release"]


REFUSED = {
    "not above": (["to_clean", "--version", "1.1.0"], "1.1.0 is not above 1.1.0, the present version of to_clean"),
    "lower": (["to_clean", "--version", "1.0.0"], "or roll back to an earlier one with --rollback: 1.0.0"),
    "no process": (["to_claen", "--version", "2.0.0"], "no process to_claen; did you mean to_clean?"),
    "no version": (["to_clean", "--version", "2"], "'2' is not a version"),
    "reversed": (
        ["to_clean", "--version", "2.0.0", "--start", "2020-02-01", "--end", "2020-01-01"],
        "--start 2020-02-01 is after --end 2020-01-01",
    ),
    "no file": (["to_clean", "--version", "2.0.0", "--file", "to_claen.sh"], "did you mean 'to_clean.sh'?"),
    "never there": (
        ["to_clean", "--version", "1.0.1", "--rollback"],
        "there is no such earlier version; there are: 1.0.0",
    ),
    "no rollback": (
        ["to_clean", "--version", "2.0.0", "--rollback"],
        "there is no such earlier version; there are: 1.0.0",
    ),
}


def test_what_cannot_be_released_is_refused_with_what_is_possible(sqlite_mission: Mission, ask: Ask) -> None:
    sqlite_mission.create(*only_clean())
    sqlite_mission.define(*only_clean(version="1.1.0"))
    before = sqlite_mission.tables("logging")
    for words, said in REFUSED.values():
        assert said in ask(sqlite_mission, "code", "release", *words, status=2).err
    assert sqlite_mission.tables("logging") == before


def test_a_version_that_was_there_with_other_bytes_is_refused_by_both_ways(sqlite_mission: Mission, ask: Ask) -> None:
    mission = sqlite_mission.create(*only_clean())
    mission.code("to_clean.sh", BETTER)
    mission.define(*only_clean(version="1.1.0"))
    ask(mission, "code", "release", "to_clean", "--version", "1.0.0", "--rollback")
    mission.code("to_clean.sh", EDITED)
    known = mission.one("SELECT DISTINCT shasum FROM code WHERE quality_version = 1")
    said = ask(mission, "code", "release", "to_clean", "--version", "1.1.0", status=2).err
    assert "version 1.1.0 is there already since 2" in said
    assert f"with other bytes: {known}" in said
    mission.write(*only_clean(version="1.1.0"))
    assert f"with other bytes: {known}" in ask(mission, "apply", str(mission.file), status=2).err
    assert codes(mission)[-1][0] == "1.0.0"


# --- rolling back ---


@pytest.mark.parametrize("way", ["command", "mission file"])
def test_a_rollback_runs_the_bytes_of_the_earlier_version(way: str, sqlite_mission: Mission, ask: Ask) -> None:
    mission = built(sqlite_mission, 1)
    mission.code("to_clean.sh", BETTER)
    mission.define(*only_clean(version="1.1.0"))
    ask(mission, "run")
    assert newest(mission) == {name_of("clean", 1, "1.1.0"): NEW.format(1)}
    mission.write(*only_clean(version="1.0.0"))
    if way == "command":
        ask(mission, "code", "release", "to_clean", "--version", "1.0.0", "--rollback", "--reason", "too good")
    else:
        assert "or say that it is a rollback" in ask(mission, "apply", str(mission.file), status=2).err
        ask(mission, "apply", str(mission.file), "--rollback")
    assert events(mission)[-1] == ("rolled back", "too good" if way == "command" else "")
    mission.run()
    assert newest(mission) == {name_of("clean", 1, "1.2.0"): OLD.format(1)}
    assert (mission.codes / "to_clean.sh").read_text() == BETTER
    assert "nothing to change" in ask(mission, "apply", str(mission.file)).out
    ask(mission, "code", "release", "to_clean", "--version", "1.1.0")
    ask(mission, "run")
    assert newest(mission) == {name_of("clean", 1, "1.3.0"): NEW.format(1)}
    assert [code[0] for code in codes(mission)] == ["1.0.0", "1.1.0", "1.0.0", "1.1.0"]


@pytest.mark.thorough
def test_a_rollback_before_anything_was_made_rebuilds_nothing(mission: Mission, ask: Ask) -> None:
    built(mission, 2)
    ask(mission, "code", "release", "to_clean", "--version", "1.1.0")
    ask(mission, "code", "release", "to_clean", "--version", "1.0.0", "--rollback")
    ask(mission, "run")
    assert len(mission.attempts()) == 2


def test_a_rollback_from_an_edit_that_a_run_took_up_runs_what_was_there_before(
    sqlite_mission: Mission, ask: Ask
) -> None:
    mission = built(sqlite_mission, 1)
    mission.code("to_clean.sh", EDITED)
    ask(mission, "run")
    ask(mission, "code", "release", "to_clean", "--version", "1.0.0", "--rollback")
    ask(mission, "run")
    assert newest(mission) == {name_of("clean", 1, "1.0.2"): OLD.format(1)}


@pytest.mark.parametrize(
    ("first", "second", "version"),
    [("1.0.0", "2.0.0", "1.2.0"), ("1.0.0", "1.0.1", "1.0.2")],
)
def test_what_the_newer_code_made_rises_by_the_part_that_fell(
    first: str, second: str, version: str, sqlite_mission: Mission, ask: Ask
) -> None:
    mission = built(sqlite_mission, 1, version=first)
    ask(mission, "code", "release", "to_clean", "--version", second)
    ask(mission, "run")
    ask(mission, "code", "release", "to_clean", "--version", first, "--rollback")
    ask(mission, "run")
    assert list(newest(mission)) == [name_of("clean", 1, version)]


@pytest.mark.thorough
def test_a_rollback_whose_bytes_are_kept_no_more_is_refused(sqlite_mission: Mission, ask: Ask) -> None:
    mission = sqlite_mission.create(*only_clean())
    mission.code("to_clean.sh", BETTER)
    mission.define(*only_clean(version="1.1.0"))
    for path in (mission.root / ".dbproc" / "codes").rglob("*.sh"):
        path.write_text("other")
    words = ("code", "release", "to_clean", "--version", "1.0.0", "--rollback")
    assert "are neither in its file nor in the copy" in ask(mission, *words, status=2).err


# --- ranges of dates ---


def test_a_release_for_some_dates_rebuilds_those_and_leaves_the_others_with_their_code(
    mission: Mission, ask: Ask
) -> None:
    built(mission, 3)
    mission.code("to_clean.sh", BETTER)
    words = ("code", "release", "to_clean", "--version", "1.1.0", "--start", "2020-01-02", "--end", "2020-01-02")
    tables = ask(mission, *words, "--json").json["mission_file"]
    assert codes(mission) == [
        ("1.0.0", "1900-01-01", "2020-01-01", True),
        *sorted([("1.0.0", "2020-01-03", "2100-12-31", True), ("1.1.0", "2020-01-02", "2020-01-02", True)]),
    ]
    ask(mission, "run")
    assert newest(mission) == {
        name_of("clean", 1): OLD.format(1),
        name_of("clean", 2, "1.1.0"): NEW.format(2),
        name_of("clean", 3): OLD.format(3),
    }
    assert len(mission.attempts()) == 4
    mission.deliver(name_of("raw", 3, "1.0.1"), content="raw_20200103")
    ask(mission, "run")
    assert mission.content(name_of("clean", 3, "1.0.1")) == OLD.format(3)
    blocks = only_clean()
    blocks[2] = blocks[2][: blocks[2].index("[process.to_clean.code]")] + tables
    mission.write(*blocks)
    assert "nothing to change" in ask(mission, "apply", str(mission.file)).out
    ask(mission, "code", "release", "to_clean", "--version", "1.2.0", "--start", "2020-01-01")
    assert [code for code in codes(mission) if code[3]] == [
        ("1.0.0", "1900-01-01", "2019-12-31", True),
        ("1.2.0", "2020-01-01", "2100-12-31", True),
    ]


@pytest.mark.thorough
def test_the_mission_file_may_divide_the_dates_of_a_code(sqlite_mission: Mission, ask: Ask) -> None:
    mission = built(sqlite_mission, 3)
    mission.code("new.sh", BETTER)
    head = only_clean()[2].split("[process.to_clean.code]")[0]
    tables = """
[[process.to_clean.code]]
file = "to_clean.sh"
version = "1.0.0"
to = 2020-01-01
[[process.to_clean.code]]
file = "new.sh"
version = "1.0.0"
from = 2020-01-02
to = 2020-01-02
[[process.to_clean.code]]
file = "to_clean.sh"
version = "1.0.0"
from = 2020-01-03
"""
    mission.write(*only_clean()[:2], head + tables)
    assert "with other bytes" in ask(mission, "apply", str(mission.file), status=2).err
    mission.define(
        *only_clean()[:2], head + tables.replace('"new.sh"\nversion = "1.0.0"', '"new.sh"\nversion = "1.0.1"')
    )
    ask(mission, "run")
    assert sorted(newest(mission).values()) == sorted([NEW.format(2), OLD.format(1), OLD.format(3)])
    assert len(mission.attempts()) == 4
    said = ask(mission, "code", "release", "to_clean", "--version", "3.0.0", status=2).err
    assert "process to_clean has several codes" in said
    mission.code("to_clean.sh", EDITED)
    ask(mission, "run")
    assert sorted(newest(mission)) == [name_of("clean", day, "1.0.1") for day in (1, 2, 3)]
    assert {code[0] for code in codes(mission)[-2:]} == {"1.0.2"}


# --- silent edits ---

CAT = '#!/bin/sh\ncat "$1" "$(dirname "$0")"/lib/* > "$2"\n'
EDITS: dict[str, Callable[[Path], object]] = {
    "own": lambda home: (home / "code.sh").write_text(CAT + "# one more\n"),
    "used": lambda home: (home / "lib" / "a.txt").write_text("b"),
    "new": lambda home: (home / "lib" / "b.txt").write_text("b"),
    "removed": lambda home: (home / "lib" / "a.txt").unlink(),
}


def using(**code: Any) -> list[str]:
    """One process for each kind of edit, each with a code that uses files, and one whose code stays."""
    made = [product("raw", 0)]
    for kind in (*EDITS, "plain"):
        uses: dict[str, Any] = {"file": f"{kind}/code.sh", "uses": ["lib/*.txt"], **code}
        made += [product(kind, 1), process(f"to_{kind}", kind, ["raw"], **(uses if kind != "plain" else {}))]
    return made


def with_used_files(mission: Mission, **code: object) -> Mission:
    for kind in EDITS:
        (mission.codes / kind / "lib").mkdir(parents=True)
        for name in ("a.txt", "keep.txt"):
            (mission.codes / kind / "lib" / name).write_text("a")
        mission.code(f"{kind}/code.sh", CAT)
    mission.create(*using(**code))
    mission.deliver(RAW[0])
    assert main(["run", "-m", mission.database]) == 0
    return mission


def versions(mission: Mission) -> dict[str, str]:
    rows = mission.rows("SELECT filename FROM newest_file WHERE filename NOT LIKE 'raw%'")
    return {name.split("_")[0]: name.split("_v")[1].removesuffix(".txt") for (name,) in rows}


@pytest.mark.parametrize("policy", ["bump", "refuse", "accept"])
def test_a_changed_byte_in_a_code_or_in_what_it_uses_is_noticed(policy: str, sqlite_mission: Mission, ask: Ask) -> None:
    mission = with_used_files(sqlite_mission, on_code_edit=policy)
    for kind, edit in EDITS.items():
        edit(mission.codes / kind)
    edited = ask(mission, "status", "--json").json["edited_codes"]
    assert {each["of"] for each in edited} == {f"to_{kind}" for kind in EDITS}
    assert ask(mission, "plan", "--json").json["edited_codes"] == edited
    mission.deliver(RAW[1])
    done = ask(mission, "run", status=1 if policy == "refuse" else 0)
    said = done.err if policy == "refuse" else done.out
    assert all(f"{kind}/code.sh: changed under version 1.0.0" in said for kind in EDITS)
    assert mission.names("plain") == [name_of("plain", 1), name_of("plain", 2)]
    rebuilt = "1.0.1" if policy == "bump" else "1.0.0"
    first = {kind: name_of(kind, 1, rebuilt) for kind in EDITS}
    assert all(name in mission.names(kind) for kind, name in first.items())
    assert all((len(mission.names(kind)) == 1) == (policy == "refuse") for kind in EDITS)
    happened = {"bump": ["bumped"] * 4, "refuse": [], "accept": ["accepted"] * 4}
    assert [event for event, _ in events(mission)[5:]] == happened[policy]
    if policy != "refuse":
        assert ask(mission, "status", "--json").json["edited_codes"] == []


def test_an_accepted_edit_rebuilds_nothing_and_the_next_one_is_noticed(mission: Mission, ask: Ask) -> None:
    mission.create(*only_clean(on_code_edit="refuse"))
    mission.deliver(RAW[0])
    ask(mission, "run")
    mission.code("to_clean.sh", EDITED)
    mission.deliver(RAW[1])
    ask(mission, "run", status=1)
    said = ask(mission, "code", "accept", "to_clean", "--reason", "only words").out
    assert f"accepted {mission.codes / 'to_clean.sh'}: sha256:" in said
    ask(mission, "run")
    assert newest(mission) == {name_of("clean", 1): OLD.format(1), name_of("clean", 2): "edited(raw_20200102)"}
    assert events(mission)[-1] == ("accepted", "only words")
    assert "nothing to accept" in ask(mission, "code", "accept", "to_clean", "--reason", "x", status=2).err
    mission.code("to_clean.sh", BETTER)
    assert "to_clean.sh: changed under version 1.0.0" in ask(mission, "run", status=1).err
    ask(mission, "code", "release", "to_clean", "--version", "1.0.1")
    ask(mission, "run")
    assert sorted(newest(mission).values()) == [NEW.format(1), NEW.format(2)]


INSPECTOR = """
from dbprocessing import inspector


class Inspector(inspector.inspector):
    code_name = "raw.py"

    def inspect(self, kwargs):
        self.diskfile.params["utc_file_date"] = inspector.extract_YYYYMMDD(self.basename).date()
        self.diskfile.params["utc_start_time"] = inspector.extract_YYYYMMDD(self.basename)
        self.diskfile.params["utc_stop_time"] = inspector.extract_YYYYMMDD(self.basename)
        self.diskfile.params["version"] = inspector.extract_Version(self.basename)
        return True
"""


@pytest.mark.parametrize("policy", ["bump", "refuse", "accept"])
def test_an_edited_inspector_is_noticed_by_the_next_run(policy: str, sqlite_mission: Mission, ask: Ask) -> None:
    sqlite_mission.inspector("raw.py", INSPECTOR)
    blocks = [product("raw", 0, inspector="raw.py"), *only_clean()[1:]]
    mission = sqlite_mission.create(*blocks, on_code_edit=policy)
    mission.inspector("raw.py", INSPECTOR + "# edited\n")
    assert [each["of"] for each in ask(mission, "status", "--json").json["edited_codes"]] == ["raw"]
    done = ask(mission, "run", status=1 if policy == "refuse" else 0)
    assert "the inspector of raw changed" in (done.err if policy == "refuse" else done.out)
    mission.deliver(RAW[0])
    if policy == "refuse":
        ask(mission, "run", status=1)
        assert mission.waiting() == [RAW[0]]
        ask(mission, "code", "accept", "--inspector", "raw", "--reason", "a remark")
    ask(mission, "run")
    assert mission.names("clean") == [name_of("clean", 1)]
    assert [event for event, _ in events(mission)[1:]] == ["bumped" if policy == "bump" else "accepted"]
    assert "nothing to change" in ask(mission, "apply", str(mission.file)).out


def test_an_edited_inspector_is_taken_up_once_however_often_a_run_looks(sqlite_mission: Mission, ask: Ask) -> None:
    sqlite_mission.inspector("raw.py", INSPECTOR)
    blocks = [product("raw", 0, inspector="raw.py"), *only_clean()[1:]]
    mission = sqlite_mission.create(*blocks)
    mission.deliver(RAW[0])
    ask(mission, "run")
    ask(mission, "reprocess", "--product", "clean", "--force", "2")  # while a campaign is at work, a run looks again
    mission.inspector("raw.py", INSPECTOR + "# edited\n")
    assert ask(mission, "run").out.count("the inspector of raw changed") == 1
    assert [event for event, _ in events(mission)].count("bumped") == 1


def test_a_pattern_that_nothing_is_like_is_refused(sqlite_mission: Mission, ask: Ask) -> None:
    sqlite_mission.create(*only_clean())
    sqlite_mission.write(*only_clean(uses=["lib/*.py"]))
    said = ask(sqlite_mission, "apply", str(sqlite_mission.file), status=2).err
    assert f"no file matches 'lib/*.py' in {sqlite_mission.codes}" in said


def test_a_code_that_vanished_stops_no_other_and_is_the_same_when_it_is_back(sqlite_mission: Mission, ask: Ask) -> None:
    mission = with_used_files(sqlite_mission)
    for kind in EDITS:
        (mission.codes / kind / "code.sh").rename(mission.codes / kind / "away")
    mission.deliver(RAW[1])
    assert ask(mission, "run", status=1).err.count("code.sh does not exist") == len(EDITS)
    assert mission.names("plain") == [name_of("plain", 1), name_of("plain", 2)]
    for kind in EDITS:
        (mission.codes / kind / "away").rename(mission.codes / kind / "code.sh")
    mission.execute("UPDATE attempt SET next_try_time = created_time WHERE status = 'failed'")
    ask(mission, "run")
    assert set(versions(mission).values()) == {"1.0.0"}
    assert len(mission.names("used")) == 2


# --- looking ---


def test_the_versions_of_a_code_are_listed_shown_and_compared(sqlite_mission: Mission, ask: Ask) -> None:
    mission = built(sqlite_mission, 2)
    mission.code("to_clean.sh", BETTER)
    ask(mission, "code", "release", "to_clean", "--version", "1.1.0", "--reason", "better words")
    mission.code("to_clean.sh", EDITED)
    before = mission.everything()
    listed = ask(mission, "code", "list", "--json").json
    assert [(each["version"], each["active"], each["files"]) for each in listed] == [
        ("1.0.0", False, 2),
        ("1.1.0", True, 0),
    ]
    assert "to_clean.sh" in ask(mission, "code", "list", "to_clean").out
    shown = ask(mission, "code", "show", "to_clean", "--json").json
    assert (shown["text"], shown["events"][0]["reason"]) == (BETTER, "better words")
    assert "clean" in ask(mission, "code", "show", "to_clean", "--version", "1.0.0").out
    assert "has no file lib.py" in ask(mission, "code", "show", "to_clean", "--file", "lib.py", status=2).err
    assert '+printf "edited(%s)" "$(cat "$1")" > "$2"' in ask(mission, "code", "diff", "to_clean").out.splitlines()
    compared = ask(mission, "code", "diff", "to_clean", "1.0.0", "--json").json["lines"]
    assert '+printf "better(%s)" "$(cat "$1")" > "$2"' in compared
    assert "there are: 1.0.0, 1.1.0" in ask(mission, "code", "diff", "to_clean", "3.0.0", status=2).err
    assert mission.everything() == before


@pytest.mark.thorough
def test_files_that_came_to_a_code_and_went_are_told(sqlite_mission: Mission, ask: Ask) -> None:
    mission = with_used_files(sqlite_mission)
    EDITS["new"](mission.codes / "new")
    EDITS["removed"](mission.codes / "removed")
    ask(mission, "run")
    assert ask(mission, "code", "diff", "to_new", "--json").json["added"] == ["lib/b.txt"]
    assert ask(mission, "code", "diff", "to_removed", "1.0.0", "1.0.1", "--json").json["removed"] == ["lib/a.txt"]
