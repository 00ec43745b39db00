"""The commands: what they print, what they leave alone, what they refuse, and with which exit status."""

from __future__ import annotations

import datetime as dt
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import psutil
import pytest

from dbproc.cli import COMMANDS, dbproc, main
from dbproc.cli.dbprocessing import commands as legacy
from dbproc.cli.dbprocessing import processqueue
from dbproc.database import lock
from dbproc.database.store import open_store
from tests.kit.mission import (
    JOIN,
    Done,
    Mission,
    chain,
    kill,
    mission_table,
    name_of,
    process,
    product,
    wait_for,
    window,
)
from tests.kit.stores import with_places

RAW = [name_of("raw", day) for day in (1, 2, 3)]
CLEAN = [name_of("clean", day) for day in (1, 2, 3)]
CLEANER = name_of("clean", 1, "1.1.0")
FAILING_ON_DAY_2 = JOIN.replace("printf", 'case "$1" in *20200102*) echo no >&2; exit 3;; esac; printf', 1)

Ask = Callable[..., Done]


@pytest.fixture
def ask(capfd: pytest.CaptureFixture[str]) -> Ask:
    """Run a command in this process; commands that only ask do not need one of their own."""

    def asked(*words: str, status: int = 0, name: str = "dbproc") -> Done:
        capfd.readouterr()
        if name == "dbproc":
            result = main(words)
        elif name == "ProcessQueue.py":
            result = processqueue.main(words)
        else:
            result = legacy.main(name, words)
        done = Done(result, *capfd.readouterr())
        assert done.status == status, f"exit status {done.status}\n{done.out}\n{done.err}"
        return done

    return asked


def in_every_state(mission: Mission) -> Mission:
    """Files of every kind: built, stale, queued, failed, arrived, refused, and an edited code."""
    mission.code("to_clean.sh", FAILING_ON_DAY_2)
    mission.create(*chain())
    mission.deliver(*RAW[:2])
    mission.run(status=1)
    mission.deliver(name_of("raw", 1, "1.0.1"), content="good")
    mission.run("-o", "to_clean")
    mission.deliver(name_of("raw", 1, "1.1.0"), content="better")
    mission.run("-i")
    mission.deliver("unknown.txt", content="?")
    mission.run("-i", status=1)
    mission.deliver(RAW[2], "nobody.txt", ".hidden", content="x")
    mission.code("to_smooth.sh", JOIN + "# edited\n")
    return mission


# --- only some processes ---


def test_only_named_processes_are_run_and_the_others_are_not_forgotten(mission: Mission) -> None:
    mission.create(*chain())
    mission.deliver(*RAW[:2])
    mission.run("-o", "to_clean")
    assert mission.names("clean") == CLEAN[:2]
    assert mission.names("smooth") == []
    assert mission.queued() == 2
    number = mission.one("SELECT process_id FROM process WHERE process_name = 'to_smooth'")
    mission.run("-p", "-o", f"{number}, to_clean")
    assert mission.names("smooth") == [name_of("smooth", 1), name_of("smooth", 2)]
    assert mission.queued() == 0


def test_a_mission_and_products_are_named_in_one_way_everywhere(sqlite_mission: Mission, ask: Ask) -> None:
    mission = sqlite_mission.create(*chain())
    mission.deliver(RAW[0])
    mission.run()
    named = ("-m", mission.database)
    for words in ((*named, "quarantine", "list"), ("quarantine", *named, "list"), ("quarantine", "list", *named)):
        assert ask(*words).out == "the quarantine is empty\n"
    for name in ("files", "coverage"):
        assert ask(name, "--product", "clean", *named).out == ask(name, "clean", *named).out
    for wrong in (["b.txt"], ["to", "b.txt"], ["with"]):
        assert "dbproc replace FILE with PATH" in ask("replace", RAW[0], *wrong, "--reason", "x", *named, status=2).err


def test_an_unknown_process_is_answered_with_those_that_there_are(sqlite_mission: Mission, ask: Ask) -> None:
    mission = sqlite_mission.create(*chain())
    mission.deliver(RAW[0])
    before = mission.tables("logging")
    for words in (["run", "-o", "to_claen"], ["plan", "-o", "to_claen"], ["retry", "-o", "to_claen"]):
        done = ask(*words, "-m", mission.database, status=2)
        assert "no process to_claen; did you mean to_clean?" in done.err
    assert mission.tables("logging") == before
    done = ask("-i", "-o", "to_clean", "-m", mission.database, status=2, name="ProcessQueue.py")
    assert "-o needs -p" in done.err


# --- commands that change nothing ---


@pytest.mark.both_databases
def test_a_dry_run_and_a_plan_tell_everything_and_change_nothing(mission: Mission) -> None:
    in_every_state(mission)
    before = untouched(mission)
    dry = mission.run("-d")
    assert untouched(mission) == before
    plan = mission.dbproc("plan")
    assert untouched(mission) == before
    assert plan.out == dry.out
    for words in (
        "incoming nobody.txt: ",
        f"incoming {RAW[2]}: ",
        f"would build {CLEANER}: input {name_of('raw', 1, '1.0.1')} replaced by {name_of('raw', 1, '1.1.0')}",
        f"would then build {name_of('smooth', 1, '1.1.0')}: code to_smooth.sh changed from 1.0.0 to 1.0.1; input ",
        "failed to_clean 2020-01-02: ",
        "edited ",
    ):
        assert words in plan.out, plan.out


def test_what_was_planned_is_what_is_done(sqlite_mission: Mission) -> None:
    mission = in_every_state(sqlite_mission)
    planned = mission.dbproc("process", "-d", "--json").json["tasks"]
    assert [task["output"] for task in planned] == [CLEANER, name_of("smooth", 1, "1.1.0")]
    mission.dbproc("process")
    for task in planned:
        assert sorted(mission.files()[task["output"]].inputs) == task["inputs"]


@pytest.mark.both_databases
def test_commands_that_ask_change_nothing(mission: Mission, ask: Ask) -> None:
    in_every_state(mission)
    before = untouched(mission)
    for words in asking(mission):
        ask(*words, "-m", mission.database, status=1 if words[0] == "inspect" else 0)
        assert untouched(mission) == before, words
    ask("apply", str(mission.file), "-d", "-m", mission.database)
    ask(mission.database, name="printProcessQueue.py")
    ask("-v", "-m", mission.database, str(mission.file), name="addFromConfig.py")
    assert untouched(mission) == before


def untouched(mission: Mission) -> object:
    """Every byte of the mission. SQLite maps the file -shm as it reads; it holds nothing of its own."""
    everything = mission.everything()
    return drop_shared(everything) if mission.is_sqlite else (everything[0], drop_shared(everything[1]))  # type: ignore[index]


def drop_shared(tree: Any) -> object:
    return {path: fact for path, fact in tree.items() if not path.name.endswith("-shm")}


def asking(mission: Mission) -> list[list[str]]:
    return [
        ["status"],
        ["plan"],
        ["queue"],
        ["why", CLEAN[0]],
        ["why", "clean", "2020-01-02"],
        ["lineage", name_of("smooth", 1)],
        ["run-process", "to_clean", "--start", "2020-01-01", "--end", "2020-01-02", "--dry-run"],
        ["inspect", str(mission.incoming / "nobody.txt")],
        ["quarantine", "list"],
        ["quarantine", "show", "1"],
        ["code", "list"],
        ["code", "show", "to_smooth"],
        ["code", "diff", "to_smooth"],
        ["adopt", "--dry-run"],
        ["links"],
        ["show", "mission"],
        ["show", "products"],
        ["show", "processes"],
        ["export"],
    ]


# --- JSON ---


def test_json_of_every_command_parses(sqlite_mission: Mission, ask: Ask) -> None:
    mission = in_every_state(sqlite_mission)
    mission.deliver(RAW[0], content="other bytes for entry 3")
    words = [*(words for words in asking(mission) if words[0] != "export"), ["apply", str(mission.file)]]
    words += [["code", "accept", "to_smooth", "--reason", "x"], ["run", "-d"], ["ingest"], ["process"], ["run"]]
    words += [["code", "release", "to_clean", "--version", "2.0.0"], *changing(), *correcting(mission)]
    words += [["compare", mission.database, mission.database]]
    seen = set()
    for each in words:
        named = [] if each[0] in ("init", "compare") else ["-m", mission.database]
        done = ask(*each, "--json", *named, status=1 if each[0] in ("inspect", "ingest") else 0)
        assert isinstance(json.loads(done.out), dict | list), each
        seen.add(" ".join(word for word in each[:2] if word in COMMANDS or each[0] in GROUPS))
    of_missions = {name for name, command in every_command() if not name.startswith("idx ") and takes_json(command)}
    elsewhere = {name for name in of_missions if name.split()[0] in (*OF_PLACES, "audit", "token")}
    assert seen == of_missions - elsewhere - {"check", "import dbprocessing"}  # all of these have tests of their own


OF_PLACES = ("fetch", "offload", "recall", "stage", "stages", "stores", "transfers", "whereis")


def test_json_of_every_command_about_places_parses(sqlite_mission: Mission, ask: Ask, tmp_path: Path) -> None:
    mission = sqlite_mission.create(*chain(), *with_places(tmp_path, "raw"))
    mission.deliver(RAW[0])
    mission.run()
    (tmp_path / "far" / RAW[1]).write_text("raw")
    seen = set()
    for words in of_places():
        done = ask(*words, "--json", "-m", mission.database)
        assert isinstance(json.loads(done.out), dict | list), words
        seen.add(
            " ".join(word for word in words[:2] if word in COMMANDS or words[0] in ("stages", "stores", "transfers"))
        )
    every = {name for name, command in every_command() if name.split()[0] in OF_PLACES and takes_json(command)}
    assert seen == every


def of_places() -> list[list[str]]:
    """Commands about files in other places, in an order in which most of them have something to tell."""
    return [
        ["fetch"],
        ["whereis", RAW[0]],
        *(["stores", verb] for verb in ("list", "check", "heal")),
        ["stores", "adopt", "nas"],
        ["offload", RAW[0]],
        ["recall", RAW[0]],
        ["stage", RAW[0], "--to", "users/ada"],
        *(["stages", *words] for words in (["list"], ["show", "1"], ["usage"], ["end", "1"])),
        *(["transfers", *words] for words in (["list", "--all"], ["show", "1"])),
        ["transfers", "retry", "--failed"],
        ["transfers", "cancel", "--waiting"],
    ]


GROUPS = ("campaign", "canary", "code", "quarantine", "release", "show", "whatif")


def changing() -> list[list[str]]:
    """Commands about changes, in an order in which all of them have something to tell."""
    canary = ["canary", "start", "to_clean", "--version", "3.0.0", "--dates", "2020-01-01"]
    return [
        ["stats"],
        ["whatif", "release", "to_clean", "--version", "3.0.0"],
        ["whatif", "reprocess", "--product", "clean", "--force", "2"],
        ["whatif", "file", RAW[1]],
        ["reprocess", "--product", "clean", "--force", "2", "--campaign", "again"],
        ["campaign", "list"],
        *(["campaign", verb, "again"] for verb in ("show", "pause", "resume", "cancel")),
        canary,
        ["canary", "list"],
        ["canary", "show", "1"],
        ["canary", "discard", "1"],
        canary,
        ["canary", "promote", "2"],
    ]


def correcting(mission: Mission) -> list[list[str]]:
    """Commands that mend a mission, in an order in which all of them have something to tell."""
    other = mission.root / "other.txt"
    other.write_text("other bytes")
    return [
        ["files"],
        ["log"],
        ["coverage"],
        ["report"],
        ["mark", RAW[0], "--quality", "ok"],
        ["quarantine", "accept", "3"],
        *(["release", "tag", name, "raw"] for name in ("a", "b")),
        *(["release", *words] for words in (["list"], ["files", "a"], ["diff", "a", "b"])),
        ["withdraw", RAW[0], "--reason", "x"],
        ["restore", RAW[0]],
        ["replace", RAW[0], "with", str(other), "--reason", "x"],
        ["reinspect", RAW[1]],
        ["reap"],
        ["mark", RAW[1], "--quality", "ok"],
        ["coverage"],
        ["log"],
        ["report", "--output", str(mission.root / "report.html")],
        ["graph"],
        ["dismiss", "-o", "to_clean", "--reason", "x"],
        ["retry"],
        ["queue", "--flush"],
        ["quarantine", "release", "1"],
        ["quarantine", "discard", "2", "--reason", "x"],
        ["quarantine", "release", "--would-pass"],
        ["unlock", "--reason", "x"],
        ["upgrade"],
        ["init", str(mission.root / "new.sqlite")],
    ]


def every_command() -> Iterator[tuple[str, click.Command]]:
    with click.Context(dbproc) as context:
        for name in COMMANDS:
            command = dbproc.get_command(context, name)
            if isinstance(command, click.Group):
                yield from ((f"{name} {inner}", command.commands[inner]) for inner in command.commands)
            elif command is not None:
                yield name, command


def takes_json(command: click.Command) -> bool:
    return any("--json" in parameter.opts for parameter in command.params)


def test_the_facts_of_a_run_are_told_as_json(sqlite_mission: Mission) -> None:
    mission = sqlite_mission.create(*chain())
    mission.deliver(*RAW[:2], "unknown.txt")
    facts = mission.run("--json", status=1).json
    assert facts["exit_status"] == 1
    keys = {each["event"]: list(each)[3:] for each in facts["events"]}
    job = ["process", "date", "period", "key", "output", "reasons", "seconds"]
    assert keys == {"ingested": ["product", "date"], "quarantined": ["reason"], "built": job}
    assert facts["counts"] == {"ingested": 2, "quarantined": 1, "built": 4}
    assert mission.dbproc("status", "--json").json["queue"] == 0
    why = mission.dbproc("why", CLEAN[0], "--json").json
    assert why["state"] == "up to date"
    assert why["attempt"]["reasons"] == ["no output yet"]


# --- wrong usage ---


def test_a_misspelt_database_is_named_with_what_was_tried(tmp_path: Path, ask: Ask, postgres_server: Any) -> None:
    missing = tmp_path / "mision.sqlite"
    for words in (["status"], ["run"], ["plan"], ["upgrade"], ["export"]):
        assert f"there is no database {missing}" in ask(*words, "-m", str(missing), status=2).err
    assert not missing.exists()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in postgres_server.environment().items():
            patch.setenv(name, value)
        said = ask("status", "-m", "mision", status=2).err
    assert "no file 'mision' here, and PostgreSQL mision: " in said
    assert "does not exist" in said


def test_without_a_database_the_option_and_the_variable_are_named(ask: Ask) -> None:
    for name, words in (("dbproc", ["status"]), ("ProcessQueue.py", []), ("addFromConfig.py", ["x.toml"])):
        assert "give -m DATABASE, or set DBPROC_MISSION" in ask(*words, status=2, name=name).err


def test_a_database_is_named_before_the_command_too_and_found_below_its_root(
    mission: Mission, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    mission.create(*chain())
    mission.deliver(RAW[0])
    mission.run()
    assert ask("-m", mission.database, "queue").out == "the queue is empty\n"
    (below := mission.root / "notes").mkdir()
    monkeypatch.chdir(below)
    assert ask("queue").out == "the queue is empty\n"
    assert "there is no database" in ask("-m", mission.database, "queue", "-m", "gone.sqlite", status=2).err


def test_misspelt_products_files_and_dates_are_named(sqlite_mission: Mission, ask: Ask) -> None:
    mission = sqlite_mission.create(*chain())
    mission.deliver(RAW[0])
    mission.run()
    for words, said in (
        (["why", "claen", "2020-01-01"], "no product claen; did you mean clean?"),
        (["why", "clean", "2020-1-1"], "'2020-1-1' is not a date or time; write 2024-05-06"),
        (["why", "clean_20200131_v1.0.0.txt"], f"did you mean {CLEAN[0]}?"),
        (["lineage", "nothing.txt"], "no file nothing.txt in the catalogue"),
        (["inspect", str(mission.root / "gone.txt")], "there is no file"),
        (["quarantine", "show", "7"], "7"),
        (["quarantine", "release", "7"], "7"),
        (["explain"], "No such command 'explain'"),
        (["run", "-n", "0"], "-n"),
    ):
        done = ask(*words, *([] if words == ["explain"] else ["-m", mission.database]), status=2)
        assert said in done.err, done.err


def test_a_mission_file_that_is_missing_or_no_mission_file_is_named(sqlite_mission: Mission, ask: Ask) -> None:
    mission = sqlite_mission.create(*chain())
    before = mission.tables("logging")
    wrong = mission.root / "wrong.toml"
    wrong.write_text("[mission\n")
    for path in (mission.root / "mision.toml", wrong, mission.root):
        for words in (["apply", str(path)], ["apply", "-d", str(path)]):
            assert str(path) in ask(*words, "-m", mission.database, status=2).err
    assert mission.tables("logging") == before


def test_every_problem_of_a_mission_file_is_told_with_its_place(sqlite_mission: Mission, ask: Ask) -> None:
    mission = sqlite_mission.create(*chain())
    mission.write(
        product("raw", 0, "raw_{Y", levle=1),
        product("clean", 1),
        process("to_clean", "claen", ["row"], "DAYLY"),
    )
    said = ask("apply", str(mission.file), "-m", mission.database, status=2).err
    for wrong in ("raw_{Y", "levle", "claen", "row", "DAYLY"):
        assert wrong in said, said


def test_a_process_that_feeds_itself_is_refused_with_the_circle(sqlite_mission: Mission, ask: Ask) -> None:
    mission = sqlite_mission.create(*chain())
    before = mission.tables("logging")
    mission.write(
        product("raw", 0),
        product("clean", 1),
        product("smooth", 2),
        process("to_clean", "clean", ["raw", {"product": "smooth", "optional": True}]),
        process("to_smooth", "smooth", [window("clean", 1)]),
    )
    said = ask("apply", str(mission.file), "-m", mission.database, status=2).err
    assert "the definition is circular: " in said
    for name in ("to_clean", "to_smooth", "clean", "smooth"):
        assert name in said
    assert mission.tables("logging") == before


def test_a_database_without_a_mission_says_how_to_define_one(tmp_path: Path, ask: Ask) -> None:
    database = str(tmp_path / "new.sqlite")
    ask("init", database)
    for words in (["run"], ["plan"], ["status"], ["export"]):
        assert "dbproc apply MISSION.toml" in ask(*words, "-m", database, status=2).err
    assert "exists and is not overwritten" in ask("init", database, status=2).err


# --- products without version ---


def test_a_product_without_version_that_needs_a_second_one_is_named_and_built_no_more(mission: Mission) -> None:
    mission.create(
        product("raw", 0),
        product("clean", 1, "clean_{Y}{m}{d}.txt"),
        product("smooth", 2),
        process("to_clean", "clean", ["raw"]),
        process("to_smooth", "smooth", ["clean"]),
    )
    mission.deliver(*RAW[:2])
    mission.run()
    mission.deliver(name_of("raw", 1, "1.1.0"), content="better")
    done = mission.run(status=1)
    assert "product clean has no {VERSION} in its format 'clean_{Y}{m}{d}.txt'" in done.err
    assert "clean_20200101.txt" in done.err
    assert mission.content("clean_20200101.txt") == "clean(raw_20200101)"
    assert [status for _, _, status in mission.attempts()] == ["succeeded"] * 4 + ["refused"]
    assert mission.queued() == 0
    before = mission.state()
    mission.run()
    assert mission.state() == before
    assert "no {VERSION}" in mission.dbproc("why", "clean", "2020-01-01").out
    assert "no {VERSION}" in mission.dbproc("status").out


def test_a_product_that_gets_its_version_is_built_in_the_next_run(sqlite_mission: Mission) -> None:
    blocks = [product("raw", 0), product("clean", 1, "clean_{Y}{m}{d}.txt"), process("to_clean", "clean", ["raw"])]
    mission = sqlite_mission.create(*blocks)
    mission.deliver(RAW[0])
    mission.run()
    mission.deliver(name_of("raw", 1, "1.1.0"), content="better")
    mission.run(status=1)
    mission.define(blocks[0], product("clean", 1), blocks[2])
    mission.run()
    assert mission.names("clean") == [name_of("clean", 1), name_of("clean", 1, "1.1.0")]
    assert mission.content(name_of("clean", 1, "1.1.0")) == "clean(better)"


# --- own inspectors that hang or raise ---

INSPECTOR = """
import time
from dbproc.products import Facts, Inspector

class Own(Inspector):
    def inspect(self, path, name):
        WHAT
        return Facts()
"""


def test_an_inspector_that_raises_is_told_of_by_inspect_and_by_plan(sqlite_mission: Mission) -> None:
    mission = sqlite_mission
    mission.inspector("own.py", INSPECTOR.replace("WHAT", "raise KeyError('no such thing')"))
    mission.create(product("raw", 0, inspector="own.py"))
    mission.deliver(RAW[0])
    for words, status in (["inspect", str(mission.incoming / RAW[0])], 1), (["plan"], 0):
        done = mission.dbproc(*words, status=status)
        assert "own.py" in done.out + done.err
        assert "no such thing" in done.out + done.err
    assert mission.waiting() == [RAW[0]]


def test_a_run_in_an_inspector_that_hangs_is_ended_at_once_and_nothing_is_lost(sqlite_mission: Mission) -> None:
    mission = sqlite_mission
    here = mission.root / "here"
    mission.inspector("own.py", INSPECTOR.replace("WHAT", f"open({str(here)!r}, 'w'); time.sleep(1000)"))
    mission.create(product("raw", 0, inspector="own.py"))
    mission.deliver(RAW[0])
    run = mission.start()
    wait_for(here.exists, "the inspector")
    children = psutil.Process(run.pid).children(recursive=True)
    assert children
    kill(run, 15)
    assert run.returncode == 130
    wait_for(lambda: not any(child.is_running() for child in children), "the inspector's end")
    assert mission.waiting() == [RAW[0]]
    mission.inspector("own.py", INSPECTOR.replace("WHAT", ""))
    mission.run()
    assert mission.names("raw") == [RAW[0]]


# --- quarantine ---


@pytest.fixture
def refused(mission: Mission) -> Mission:
    """A mission with two files in quarantine: other bytes under a known name, and of no product."""
    mission.create(*chain())
    mission.deliver(RAW[0])
    mission.run()
    mission.deliver(RAW[0], content="other bytes")
    mission.run(status=1)
    mission.deliver("clean 20200101.csv", content="?")
    mission.run(status=1)
    return mission


def test_quarantine_is_listed_and_shown(refused: Mission, ask: Ask) -> None:
    database = refused.database
    listed = ask("quarantine", "list", "--json", "-m", database).json
    assert [(row["filename"], row["reason"]) for row in listed] == [
        ("clean 20200101.csv", "no_product"),
        (RAW[0], "same_name"),
    ]
    assert len(ask("quarantine", "list", "--json", "--limit", "1", "-m", database).json) == 1
    text = ask("quarantine", "list", "-m", database).out
    assert all(name in text for name in ("clean 20200101.csv", RAW[0], "same_name", "no_product"))
    shown = ask("quarantine", "show", "1", "--json", "-m", database).json
    assert shown["shasum"] != shown["other_shasum"]
    assert "no product's filename format fits" in ask("quarantine", "show", "2", "-m", database).out
    assert "reason: same_name" in ask("quarantine", "show", "1", "-m", database).out


@pytest.mark.both_databases
def test_a_released_file_goes_through_ingest_again(refused: Mission, ask: Ask) -> None:
    done = ask("quarantine", "release", "2", "--reason", "try again", "-m", refused.database)
    assert done.out == f"released {refused.incoming}/clean 20200101.csv\n"
    assert refused.waiting() == ["clean 20200101.csv"]
    assert (refused.incoming / "clean 20200101.csv").read_text() == "?"
    said = ask("quarantine", "release", "2", "-m", refused.database, status=2).err
    assert "was released already" in said
    refused.define(*chain(), product("table", 1, "clean {Y}{m}{d}.csv"))
    refused.run()
    assert refused.names("table") == ["clean 20200101.csv"]
    assert refused.one("SELECT comment FROM quarantine WHERE quarantine_id = 2") == "try again"


def test_a_release_that_would_overwrite_is_refused(refused: Mission, ask: Ask) -> None:
    refused.deliver(RAW[0], content="a third")
    said = ask("quarantine", "release", "1", "-m", refused.database, status=2).err
    assert f"{refused.incoming}/{RAW[0]} exists" in said
    assert (refused.incoming / RAW[0]).read_text() == "a third"
    assert refused.one("SELECT count(*) FROM quarantine WHERE released_time IS NULL") == 2


def test_a_discarded_file_is_gone_and_its_entry_stays(refused: Mission, ask: Ask) -> None:
    assert "--reason" in ask("quarantine", "discard", "1", "-m", refused.database, status=2).err
    (stored,) = refused.rows("SELECT stored_name FROM quarantine WHERE quarantine_id = 1")
    ask("quarantine", "discard", "1", "--reason", "a test", "-m", refused.database)
    assert not (refused.quarantine / stored[0]).exists()
    (row,) = refused.rows("SELECT comment, discarded_time IS NOT NULL FROM quarantine WHERE quarantine_id = 1")
    assert (row[0], bool(row[1])) == ("a test", True)
    assert [entry["quarantine_id"] for entry in ask("quarantine", "list", "--json", "-m", refused.database).json] == [2]
    for name in ("release", "discard"):
        words = ["--reason", "again"]
        said = ask("quarantine", name, "1", *words, "-m", refused.database, status=2).err
        assert "was discarded already" in said
    refused.execute("DELETE FROM quarantine WHERE quarantine_id = 1")  # its file is meant to be gone


# --- what failed ---


@pytest.mark.both_databases
def test_status_says_what_waits_for_a_failed_job_and_when_it_is_tried_again(mission: Mission, ask: Ask) -> None:
    mission.code("to_clean.sh", '#!/bin/sh\necho no luck\ncase "$1" in *0102*) exit 3;; esac; cp "$1" "$2"\n')
    mission.code("announce.sh", "#!/bin/sh\n")
    mission.create(*chain(), process("announce", None, ["smooth"], "RUN"), retry_seconds=3600)
    mission.deliver(*RAW[:3])
    mission.run(status=1)
    (failure,) = ask("status", "--json", "-m", mission.database).json["failures"]
    assert [(each["waiting"], each["date"]) for each in failure["waiting"]] == [
        *(("smooth", f"2020-01-0{day}") for day in (1, 2, 3)),
        *(("announce", f"2020-01-0{day}") for day in (1, 2, 3)),
    ]
    said = ask("status", "-m", mission.database).out
    assert "to_clean 2020-01-02: exit status 3: no luck (failed 1 time, tried again after " in said
    assert "waiting for it: smooth 2020-01-01, smooth 2020-01-02, " in said
    assert "announce 2020-01-02 and 1 more" in said


def without_its_process(mission: Mission) -> None:
    mission.define(product("raw", 0), product("clean", 1))


def without_its_product(mission: Mission) -> None:
    mission.define(product("raw", 0))


def with_a_code_for_other_dates(mission: Mission) -> None:
    mission.define(*chain(**{"from": dt.date(2020, 1, 3)}))


def without_its_input(mission: Mission) -> None:
    mission.files()[RAW[1]].path.unlink()
    assert main(["check", "--repair", "-m", mission.database]) in (0, 1)


@pytest.mark.parametrize(
    "change", [without_its_process, without_its_product, with_a_code_for_other_dates, without_its_input]
)
def test_what_failed_and_is_no_more_vanishes(
    change: Callable[[Mission], None], sqlite_mission: Mission, ask: Ask
) -> None:
    mission = sqlite_mission
    mission.code("to_clean.sh", FAILING_ON_DAY_2)
    mission.create(*chain(), retry_seconds=3600)
    mission.deliver(*RAW[:2])
    mission.run(status=1)
    asked = ("-m", mission.database)
    assert [each["date"] for each in ask("status", "--json", *asked).json["failures"]] == ["2020-01-02"]
    change(mission)
    assert ask("status", "--json", *asked).json["failures"] == []
    assert "\nfailed:" not in ask("status", *asked).out
    assert ask("plan", "--json", *asked).json["failures"] == []
    assert ask("retry", *asked).out.startswith("0 failed jobs")


def test_what_failed_is_there_again_when_its_input_is(sqlite_mission: Mission, ask: Ask) -> None:
    mission = sqlite_mission
    mission.code("to_clean.sh", FAILING_ON_DAY_2)
    mission.create(*chain(), retry_seconds=3600)
    mission.deliver(RAW[1])
    mission.run(status=1)
    without_its_input(mission)
    mission.deliver(RAW[1])
    mission.run("-i")
    (failure,) = ask("status", "--json", "-m", mission.database).json["failures"]
    assert failure["process"] == "to_clean"
    assert ask("retry", "-m", mission.database).out.startswith("1 failed jobs")


def test_a_failure_that_was_forced_stays_though_the_output_is_up_to_date(sqlite_mission: Mission, ask: Ask) -> None:
    mission = sqlite_mission
    mission.code("to_clean.sh", JOIN.replace("printf", f"[ ! -e {mission.root}/broken ] || exit 3; printf", 1))
    mission.create(product("raw", 0), product("clean", 1), process("to_clean", "clean", ["raw"]), retry_seconds=3600)
    mission.deliver(RAW[0])
    mission.run()
    (mission.root / "broken").touch()
    ask("reprocess", "--process", "to_clean", "--force", "1", "-m", mission.database)
    mission.run(status=1)
    (failure,) = ask("status", "--json", "-m", mission.database).json["failures"]
    assert failure["reasons"] == ["forced to raise quality"]


def test_status_counts_what_is_there(mission: Mission, ask: Ask) -> None:
    mission.create(*chain())
    mission.deliver(*RAW)
    mission.deliver("nobody.txt", "noone.txt")
    mission.run(status=1)
    facts = ask("status", "--json", "-m", mission.database).json
    assert [(row["product"], row["files"]) for row in facts["products"]] == [("raw", 3), ("clean", 3), ("smooth", 3)]
    assert (facts["quarantine"], facts["quarantine_gone"]) == (2, 0)
    mission.files()[RAW[2]].path.unlink()
    (refused,) = mission.quarantine.glob("nobody*")
    refused.unlink()
    ask("check", "--repair", "-m", mission.database, status=1)
    mission.define(product("raw", 0), product("clean", 1), product("other", 1))
    facts = ask("status", "--json", "-m", mission.database).json
    rows = {row["product"]: (row["files"], row["first"], row["last"]) for row in facts["products"]}
    assert rows["raw"] == (2, "2020-01-01", "2020-01-02")
    assert rows["smooth"][0] == 3, "it is retired, and its files are there"
    assert rows["other"] == (0, None, None)
    mission.define(product("raw", 0))
    assert "other" not in ask("status", "-m", mission.database).out
    assert (facts["quarantine"], facts["quarantine_gone"]) == (1, 1)
    assert [entry["filename"] for entry in facts["quarantined"]] == ["noone.txt"]
    assert "gone from quarantine: 1" in ask("status", "-m", mission.database).out
    refused.touch()


def test_an_incoming_directory_that_is_gone_is_said_and_the_rest_is_shown(sqlite_mission: Mission, ask: Ask) -> None:
    mission = in_every_state(sqlite_mission)
    said = {words: ask(*words.split(), "-m", mission.database).out for words in ("status", "plan")}
    mission.incoming.rename(mission.root / "elsewhere")
    for words, before in said.items():
        now = ask(*words.split(), "-m", mission.database)
        assert f"cannot read the incoming directory {mission.incoming}: No such file or directory" in now.out
        assert [line for line in before.splitlines() if "failed" in line or "edited" in line] == [
            line for line in now.out.splitlines() if "failed" in line or "edited" in line
        ]
    assert ask("plan", "--json", "-m", mission.database).json["incoming_problem"].startswith("cannot read")
    assert str(mission.incoming) in ask("check", "-m", mission.database, status=1).out
    (mission.root / "elsewhere").rename(mission.incoming)


# --- retry ---


def test_retry_has_the_next_run_try_what_failed_at_once(mission: Mission, ask: Ask) -> None:
    mission.code("to_clean.sh", JOIN.replace("printf", f"[ -e {mission.root}/mended ] || exit 3; printf", 1))
    mission.create(*chain(), retry_seconds=3600)
    mission.deliver(*RAW[:2])
    mission.run(status=1)
    (mission.root / "mended").touch()
    mission.run()
    assert mission.names("clean") == []
    one = ask("retry", "-o", "to_clean", "--start", "2020-01-02", "--end", "2020-01-02", "-m", mission.database)
    assert one.out == "1 failed jobs are tried again by the next run\n"
    mission.run()
    assert mission.names("clean") == [CLEAN[1]]
    assert ask("retry", "-o", "to_smooth", "-m", mission.database).out.startswith("0 failed jobs")
    assert ask("retry", "-m", mission.database).out.startswith("1 failed jobs")
    mission.run()
    assert mission.names("clean") == CLEAN[:2]
    assert name_of("smooth", 1) in mission.files()


# --- dbprocessing's scripts ---


@pytest.fixture
def queued(mission: Mission) -> Mission:
    """A mission with three queued files, of two products."""
    mission.create(product("aux", 0.5), *chain())
    mission.deliver(RAW[1], name_of("aux", 1), RAW[0])
    mission.run("-i")
    return mission


def test_print_process_queue_prints_what_is_queued(queued: Mission, ask: Ask) -> None:
    def printed(*words: str, status: int = 0) -> Done:
        return ask(*words, queued.database, status=status, name="printProcessQueue.py")

    lines = printed().out.splitlines()
    assert (lines[0], lines[2]) == ("test", "ProcessQueue")
    assert lines[3:] == [f"0\t{RAW[0]}\traw", f"1\t{RAW[1]}\traw", f"2\t{name_of('aux', 1)}\taux"]
    assert [line.split("\t")[1] for line in printed("-s").out.splitlines()[3:]] == [name_of("aux", 1), *RAW[:2]]
    assert printed("-p", "aux", "clean", "-s").out.splitlines()[-1] == f"0\t{name_of('aux', 1)}\taux"
    assert printed("-c", "-q", status=3).out == ""
    assert printed("-p", "raw", "-c", status=2).out.count("\traw\n") == 3
    assert printed("-e", "-q").out == ""
    assert printed("-p", "clean", "-e", "-q", status=1).out == ""
    html = printed("--html").out
    assert html.startswith("<!DOCTYPE html>")
    assert f"<td>{RAW[0]}</td>" in html
    target = queued.root / "queue.txt"
    assert printed("-o", str(target)).out == ""
    assert target.read_text().splitlines()[3:] == lines[3:]
    assert "exclude each other" in printed("-c", "-e", status=2).err
    for words in (["--html"], ["-o", str(target)], ["-s"]):
        assert "useless with -q" in printed("-q", *words, status=2).err
    assert "no product claen" in printed("-p", "claen", "-s", status=2).err


def test_flush_process_queue_empties_the_queue(queued: Mission) -> None:
    assert queued.script("flushProcessQueue.py", queued.database).out == "Flushed 3 items from queue\n"
    assert queued.queued() == 0
    queued.run()
    assert queued.names("clean") == []
    assert queued.script("printProcessQueue.py", "-e", "-q", queued.database, status=1).out == ""


@pytest.mark.in_processes
def test_clear_processing_flag_clears_the_lock_of_a_dead_run_and_of_no_live_one(
    sqlite_mission: Mission, ask: Ask
) -> None:
    mission = sqlite_mission
    here = mission.root / "here"
    mission.code("to_clean.sh", JOIN.replace("printf", f": > {here}; sleep 60; printf", 1))
    mission.create(*chain())
    mission.deliver(RAW[0])
    assert ask(mission.database, "free", name="clearProcessingFlag.py").out == "the lock was free\n"
    run = mission.start()
    wait_for(here.exists, "the job")
    assert f"kill {run.pid}" in mission.script("clearProcessingFlag.py", mission.database, "why", status=75).err
    kill(run)
    done = mission.script("clearProcessingFlag.py", mission.database, "the machine room was cold")
    assert "lock removed" in done.out
    assert mission.one("SELECT comment FROM logging ORDER BY logging_id DESC LIMIT 1").endswith("room was cold")
    mission.code("to_clean.sh")
    mission.run()
    assert mission.names("clean") == CLEAN[:1]


@pytest.mark.in_processes
def test_create_db_and_add_from_config_set_a_mission_up(sqlite_mission: Mission, ask: Ask) -> None:
    mission = sqlite_mission
    mission.write(*chain())
    assert mission.script("CreateDB.py", "-d", "sqlite", mission.database).out.startswith("created ")
    verified = ask("-v", "-m", mission.database, str(mission.file), name="addFromConfig.py")
    assert verified.out == f"{mission.file} is correct\n"
    assert mission.rows("SELECT * FROM product") == []
    mission.script("addFromConfig.py", "-m", mission.database, str(mission.file))
    assert mission.one("SELECT count(*) FROM product") == 3
    mission.file.write_text(mission_table() + "[product.x]\n")
    assert "product" in ask("-v", "-m", mission.database, str(mission.file), name="addFromConfig.py", status=2).err


def test_create_db_creates_a_database_on_the_server(postgres_server: Any, ask: Ask) -> None:
    name = f"created_{os.getpid()}"
    with pytest.MonkeyPatch.context() as patch:
        for key, value in postgres_server.environment().items():
            patch.setenv(key, value)
        assert ask("-d", "postgresql", name, name="CreateDB.py").out.startswith(f"created {name}; ")
        assert "holds no mission yet" in ask("status", "-m", name, status=2).err
    postgres_server.drop(name)


# --- where a command is called, and by whom ---


def test_a_directory_that_is_gone_is_named_where_it_is_needed(
    sqlite_mission: Mission, ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mission = sqlite_mission.create(*chain())
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    for command in ("status", "plan", "check", "run"):
        ask(command, "-m", mission.database)
    for words in (["status", "-m", "mission.sqlite"], ["init", "x.sqlite"]):
        assert (
            "there is no current directory (No such file or directory); write the whole path"
            in ask(*words, status=2).err
        )
    done = ask("inspect", "x", "-m", mission.database, status=1)
    assert done.err == "dbproc: the current directory does not exist any more, or cannot be read; cd to another one\n"


def test_a_user_who_does_not_exist_is_named(sqlite_mission: Mission, ask: Ask) -> None:
    mission = sqlite_mission.create(*chain())
    for words in (["status", "-m", "~nobody0/m.sqlite"], ["init", "~nobody0/m.sqlite"]):
        assert "~nobody0/m.sqlite means nothing here: there is no user nobody0" in ask(*words, status=2).err
    mission.write(*chain(), incoming="~nobody0/incoming")
    done = ask("apply", str(mission.file), "-m", mission.database, status=2)
    assert "there is no user nobody0" in done.err


def test_what_the_system_refuses_is_one_line(sqlite_mission: Mission, ask: Ask) -> None:
    mission = sqlite_mission.create(*chain())
    done = ask("-o", "/proc/nowhere/at/all", mission.database, status=1, name="printProcessQueue.py")
    assert (
        done.err
        == "printProcessQueue.py: /proc/nowhere/at/all: No such file or directory; see to it, then run it again\n"
    )


# --- another run is at work ---


@pytest.mark.in_processes
def test_a_run_of_cron_that_finds_another_at_work_says_nothing(mission: Mission, ask: Ask) -> None:
    mission.create(*chain())
    commands = [("run",), ("ingest",), ("process",), ("run", "--json")]
    with open_store(mission.database) as store, lock.holding(store, "test"):
        for words in commands:
            done = ask(*words, "--quiet-if-busy", "-m", mission.database, status=75)
            assert (done.out, done.err) == ("", "")
        done = ask("--quiet-if-busy", "-m", mission.database, status=75, name="ProcessQueue.py")
        assert (done.out, done.err) == ("", "")
        assert "another run" in ask("run", "-m", mission.database, status=75).err
    mission.dbproc("run", "--quiet-if-busy")
