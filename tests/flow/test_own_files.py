"""A file owns what its row lists: strangers beside it stay, what a code moved away comes back, and nothing that was
changed on its way is taken for what was looked at."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from dbproc.cli import main
from dbproc.core.model import Move
from dbproc.storage import moves
from tests.kit.mission import PROCESS_QUEUE, Mission, chain, kill, name_of, process, product, wait_for

RAW = [name_of("raw", day) for day in (1, 2, 3)]
YEARS = [
    product("raw", 0, "raw_{Y}{m}{d}.txt", directory="data/raw/{Y}"),
    product("total", 0, "{Y}.txt", directory="data/raw"),
]
BOTH = """#!/bin/sh
for word; do last2="$last"; last="$word"; done
cat "$1" > "$last2"; cat "$1" > "$last"
"""
MOVES = """#!/bin/sh
mv "$1" "$2"
"""
HIDES = """#!/bin/sh
mkdir -p deep; mv "$1" deep/kept; exit 3
"""
SPOILS = """#!/bin/sh
mv "$1" taken; echo more >> taken; exit 3
"""
RENAMES = """#!/bin/sh
mv "$1" "$1.done"; echo made > "$2"
"""
LINKS = """#!/bin/sh
mv "$1" kept; ln -s "$PWD/kept" "$1"; cat kept > "$2"
"""
LINKS_TO_OUTPUT = """#!/bin/sh
mv "$1" "$2"; ln -s "$2" "$1"
"""
EDITS = """#!/bin/sh
mv "$1" orig; sed s/raw/RAW/ orig > "$1"; cp "$1" "$2"
"""
PUTS_A_FIFO = """#!/bin/sh
mv "$1" orig; mkfifo "$1"; exit 1
"""
MOVES_THE_DIRECTORY = """#!/bin/sh
d=$(dirname "$1"); mv "$d" here; ln -s "$PWD/here" "$d"; cat here/* > "$2"
"""
MOVES_BESIDE = """#!/bin/sh
mv "$1" ../kept; exit 1
"""
MOVES_TO_LOGS = """#!/bin/sh
mv "$1" ../../jobs/kept; exit 1
"""
KEEPS_THE_TIME = """#!/bin/sh
cp -p "$1" ref; printf X | dd of="$1" conv=notrunc 2> dd; touch -r ref "$1"; cat "$1" > "$2"
"""
TAKES_THE_NEIGHBOUR = """#!/bin/sh
case "$1" in *0101*) mv "$(dirname "$1")/raw_20200102_v1.0.0.txt" .;; esac; cat "$1" > "$2"
"""
HANGS = """#!/bin/sh
mv "$1" kept; touch ROOT/moved; exec sleep 60
"""
REPLACES = """
import os
from dbproc.products import Facts, Inspector


class Replacing(Inspector):
    def inspect(self, path, name):
        status = os.stat(path)
        with open(path + ".new", "w") as new:
            new.write("b" * status.st_size)
        os.utime(path + ".new", ns=(status.st_atime_ns, status.st_mtime_ns))
        os.replace(path + ".new", path)
        return Facts()
"""


def run(mission: Mission, status: int = 0) -> None:
    assert main(["run", "-m", mission.database]) == status


def contents(place: Path) -> dict[str, str]:
    return {str(path.relative_to(place)): path.read_text() for path in place.rglob("*") if path.is_file()}


def everything(mission: Mission) -> list[str]:
    """The bytes of every file below the root, sorted."""
    return sorted(contents(mission.root).values())


def sound(mission: Mission) -> None:
    assert main(["check", "--deep", "-m", mission.database]) == 0


# --- strangers of the same stem ---


def test_an_output_that_is_moved_back_leaves_another_products_directory(sqlite_mission: Mission) -> None:
    mission = sqlite_mission
    mission.code("both.sh", BOTH)
    mission.create(
        YEARS[0],
        product("total", 1, "{Y}.txt", directory="data/raw"),
        product("index", 1, "index_{Y}.txt"),
        process("yearly", ["total", "index"], ["raw"], "YEARLY", file="both.sh"),
    )
    (mission.root / "data/index").mkdir(parents=True)
    (mission.root / "data/index/index_2020.txt").write_text("somebody's")
    mission.deliver("raw_20200101.txt", "raw_20200102.txt")
    run(mission, status=1)
    assert sorted(contents(mission.root / "data/raw")) == ["2020/raw_20200101.txt", "2020/raw_20200102.txt"]
    (mission.root / "data/index/index_2020.txt").unlink()
    assert main(["retry", "-m", mission.database]) == 0
    run(mission)
    assert sorted(contents(mission.root / "data/raw")) == ["2020.txt", "2020/raw_20200101.txt", "2020/raw_20200102.txt"]
    assert mission.rows("SELECT * FROM filemember") == []
    sound(mission)


def test_a_file_that_comes_again_is_compared_without_the_directory_of_its_stem(mission: Mission) -> None:
    mission.create(*YEARS)
    for _ in range(2):
        mission.deliver("2020.txt", "raw_20200101.txt")
        run(mission)
        assert (mission.waiting(), mission.quarantined()) == ([], {})
    assert mission.rows("SELECT * FROM filemember") == []
    sound(mission)


def test_a_directory_beside_a_file_in_incoming_is_refused_by_itself(mission: Mission) -> None:
    mission.create(*YEARS)
    mission.deliver("2020.txt")
    (mission.incoming / "2020").mkdir()
    (mission.incoming / "2020" / "theirs").write_text("theirs")
    run(mission, status=1)
    assert mission.quarantined() == {"2020": "directory"}
    assert sorted(contents(mission.root / "data")) == ["raw/2020.txt"]
    assert "theirs" in everything(mission)


@pytest.mark.parametrize("stage", ["before", "after"])
def test_a_sample_and_an_output_elsewhere_take_no_directory_along(
    stage: str, sqlite_mission: Mission, tmp_path: Path
) -> None:
    mission = sqlite_mission
    mission.code("better.sh")
    mission.create(
        product("raw", 0), product("clean", 1, "clean_{Y}{m}{d}_v{VERSION}.txt"), process("to_clean", "clean", ["raw"])
    )
    mission.deliver(RAW[0])
    run(mission)
    theirs = [tmp_path / "here" / "clean_20200101_v1.0.1" / "a", mission.root / "data/clean/clean_20200101_v1.1.0/a"]
    words = ("to_clean", "--start", "2020-01-01", "--end", "2020-01-01", "--output", str(tmp_path / "here"))
    if stage == "before":
        write(theirs)
    assert main(["run-process", *words, "-m", mission.database]) == 0
    started = ("to_clean", "--version", "1.1.0", "--file", "better.sh", "--dates", "2020-01-01")
    assert main(["canary", *started, "-m", mission.database]) == 0
    assert main(["canary", "promote", "1", "-m", mission.database]) == 0
    if stage == "after":
        write(theirs)
    assert [path.read_text() for path in theirs] == ["theirs"] * 2
    assert (tmp_path / "here" / "clean_20200101_v1.0.1.txt").read_text() == "clean(raw_20200101)"
    assert mission.names("clean") == [name_of("clean", 1), name_of("clean", 1, "1.1.0")]
    assert mission.rows("SELECT * FROM filemember") == []
    theirs[1].unlink()
    theirs[1].parent.rmdir()


def write(paths: list[Path]) -> None:
    for path in paths:
        path.parent.mkdir(parents=True)
        path.write_text("theirs")


# --- codes that move their inputs ---


@pytest.mark.parametrize("code", [MOVES, HIDES, RENAMES])
def test_an_input_that_a_code_moved_is_put_back(code: str, mission: Mission) -> None:
    mission.code("to_clean.sh", code)
    mission.create(*chain()[:2], process("to_clean", "clean", ["raw"]))
    mission.deliver(RAW[0])
    run(mission, status=1)
    assert contents(mission.root / "data") == {f"raw/{RAW[0]}": "raw_20200101"}
    ((message,),) = mission.rows("SELECT message FROM attempt")
    assert "it moved its input" in message
    sound(mission)


@pytest.mark.parametrize(
    "code",
    [LINKS, LINKS_TO_OUTPUT, EDITS, PUTS_A_FIFO, MOVES_THE_DIRECTORY, MOVES_BESIDE, MOVES_TO_LOGS, KEEPS_THE_TIME],
)
def test_whatever_takes_the_place_of_an_input_it_is_put_back(code: str, mission: Mission) -> None:
    mission.code("to_clean.sh", code)
    mission.create(*chain()[:2], process("to_clean", "clean", ["raw"]))
    mission.deliver(RAW[0])
    run(mission, status=1)
    path = mission.root / "data/raw" / RAW[0]
    assert (path.is_symlink(), path.parent.is_symlink(), path.read_text()) == (False, False, "raw_20200101")
    assert mission.names("clean") == []
    sound(mission)


def test_a_file_that_is_no_input_of_the_job_that_took_it_is_put_back(sqlite_mission: Mission) -> None:
    mission = sqlite_mission
    mission.create(product("raw", 0))
    mission.deliver(*RAW[:2])
    run(mission)
    mission.code("to_clean.sh", TAKES_THE_NEIGHBOUR)
    mission.define(*chain()[:2], process("to_clean", "clean", ["raw"]))
    assert main(["run", "-n", "1", "-m", mission.database]) in (0, 1)
    assert (mission.root / "data/raw" / RAW[1]).read_text() == "raw_20200102"
    assert main(["retry", "-m", mission.database]) == 0
    run(mission)
    assert len(mission.names("clean")) == 2
    sound(mission)


def test_an_input_that_a_code_moved_and_changed_is_kept_aside_and_named(mission: Mission) -> None:
    mission.code("to_clean.sh", SPOILS)
    mission.create(*chain()[:2], process("to_clean", "clean", ["raw"]))
    mission.deliver(RAW[0])
    run(mission, status=1)
    assert list(mission.quarantined().values()) == ["input_missing"]
    assert list(contents(mission.quarantine).values()) == ["raw_20200101more\n"]
    ((message,),) = mission.rows("SELECT message FROM quarantine")
    assert str(mission.root / "data/raw" / RAW[0]) in message
    (mission.root / "data/raw" / RAW[0]).write_text("raw_20200101")


def test_an_input_that_a_dead_run_left_in_a_jobs_directory_is_put_back(mission: Mission) -> None:
    mission.code("to_clean.sh", HANGS.replace("ROOT", str(mission.root)))
    mission.create(*chain()[:2], process("to_clean", "clean", ["raw"]))
    mission.deliver(RAW[0])
    started = mission.start()
    wait_for(lambda: (mission.root / "moved").exists(), "the input to be moved")
    kill(started)
    mission.code("to_clean.sh")
    run(mission)
    assert (mission.root / "data/raw" / RAW[0]).read_text() == "raw_20200101"
    assert len(mission.names("clean")) == 1
    sound(mission)


def test_an_output_elsewhere_puts_an_input_back_too(sqlite_mission: Mission, tmp_path: Path) -> None:
    mission = sqlite_mission
    mission.code("to_clean.sh", MOVES)
    mission.create(*chain()[:2], process("to_clean", "clean", ["raw"]))
    mission.deliver(RAW[0])
    run(mission, status=1)
    words = ("to_clean", "--start", "2020-01-01", "--end", "2020-01-01", "--output", str(tmp_path / "here"))
    assert main(["run-process", *words, "-m", mission.database]) == 1
    assert contents(mission.root / "data") == {f"raw/{RAW[0]}": "raw_20200101"}


# --- bytes that are not those that were looked at ---


def test_an_input_that_was_edited_on_disk_is_not_used(mission: Mission) -> None:
    mission.create(*chain())
    mission.deliver(*RAW)
    run(mission)
    path = mission.root / "data/raw" / RAW[1]
    status = path.stat()
    path.write_text("RAW_20200102")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    mission.code("newer.sh")
    mission.define(*chain()[:3], process("to_clean", "clean", ["raw"], version="1.1.0", file="newer.sh"), *chain()[4:])
    run(mission, status=1)
    ((message,),) = mission.rows("SELECT message FROM attempt WHERE status = 'failed'")
    assert f"{path} does not have the bytes that were recorded: somebody changed it on disk" in message
    assert f"; made from it: {name_of('clean', 2)}, " in message
    assert name_of("clean", 2, "1.1.0") not in mission.names("clean")
    path.write_text("raw_20200102")
    run(mission)
    assert name_of("clean", 2, "1.1.0") in mission.names("clean")


def test_a_file_that_was_only_touched_is_used_and_not_read_again_the_next_time(sqlite_mission: Mission) -> None:
    mission = sqlite_mission
    mission.create(*chain()[:2], process("to_clean", "clean", ["raw"]))
    mission.deliver(RAW[0])
    run(mission)
    before = mission.rows(f"SELECT stat FROM file WHERE filename = '{RAW[0]}'")
    (mission.root / "data/raw" / RAW[0]).touch()
    mission.code("newer.sh")
    mission.define(*chain()[:2], process("to_clean", "clean", ["raw"], version="1.1.0", file="newer.sh"))
    run(mission)
    assert len(mission.names("clean")) == 2
    assert mission.rows(f"SELECT stat FROM file WHERE filename = '{RAW[0]}'") != before


def test_a_file_that_is_replaced_while_it_is_inspected_waits_for_the_next_run(sqlite_mission: Mission) -> None:
    mission = sqlite_mission
    mission.inspector("own.py", REPLACES)
    mission.create(product("raw", 0, inspector="own.py"))
    mission.deliver(RAW[0])
    run(mission)
    assert (mission.waiting(), mission.files()) == ([RAW[0]], {})
    mission.inspector("own.py", REPLACES.replace('os.replace(path + ".new", path)', 'os.unlink(path + ".new")'))
    run(mission)
    assert mission.files()[RAW[0]].digest == f"sha256:{hashlib.sha256(b'b' * 12).hexdigest()}"


def test_a_sender_who_kept_a_name_of_his_file_writes_into_his_own(mission: Mission, tmp_path: Path) -> None:
    mission.create(product("raw", 0))
    mission.deliver(RAW[0])
    (tmp_path / "his").hardlink_to(mission.incoming / RAW[0])
    run(mission)
    with (tmp_path / "his").open("a") as stream:
        stream.write("more")
    sound(mission)


# --- datasets that somebody changes in this moment ---

SET = {"set_20200101.idx": "main", "set_20200101/0": "zero", "set_20200101/deep/1": "one"}


def deliver_set(mission: Mission) -> None:
    for name, text in SET.items():
        (mission.incoming / name).parent.mkdir(parents=True, exist_ok=True)
        (mission.incoming / name).write_text(text)


def sets(mission: Mission) -> Mission:
    mission.create(product("set", 0, "set_{Y}{m}{d}.idx", companion=True))
    deliver_set(mission)
    return mission


def before_sync(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Have something done once, when the files of a run have been moved."""
    sync, acts = moves.sync, [act]

    def syncing(moved: Iterable[Move]) -> None:
        sync(moved)
        while acts:
            acts.pop()()

    monkeypatch.setattr(moves, "sync", syncing)


def test_a_dataset_that_is_written_to_while_it_is_moved_is_in_incoming_again_whole(
    sqlite_mission: Mission, monkeypatch: pytest.MonkeyPatch
) -> None:
    mission = sets(sqlite_mission)
    before_sync(monkeypatch, lambda: (mission.root / "data/set/set_20200101/0").write_text("written to"))
    run(mission, status=1)
    written = {**SET, "set_20200101/0": "written to"}
    assert (contents(mission.incoming), contents(mission.root / "data"), mission.files()) == (written, {}, {})
    run(mission)
    assert contents(mission.root / "data/set") == written
    sound(mission)


def test_an_output_that_is_written_to_while_it_is_moved_goes_back_whole(
    sqlite_mission: Mission, monkeypatch: pytest.MonkeyPatch
) -> None:
    mission = sqlite_mission
    mission.code("to_set.sh", '#!/bin/sh\ncp "$1" "$2"; mkdir "${2%.idx}"; echo block > "${2%.idx}/0"\n')
    mission.create(
        product("raw", 0),
        product("set", 1, "set_{Y}{m}{d}_v{VERSION}.idx", companion=True),
        process("to_set", "set", ["raw"]),
    )
    mission.deliver(RAW[0])
    sync = moves.sync

    def syncing(moved: Iterable[Move]) -> None:
        sync(moved)
        for path in mission.root.glob("data/set/*/0"):
            path.write_text("written to")

    monkeypatch.setattr(moves, "sync", syncing)
    run(mission, status=1)
    assert contents(mission.root / "data") == {f"raw/{RAW[0]}": "raw_20200101"}
    monkeypatch.undo()
    assert main(["retry", "-m", mission.database]) == 0
    run(mission)
    sound(mission)


@pytest.mark.parametrize("name", ["set_20200101/0", "set_20200101/deep/more", "set_20200101.idx"])
def test_a_duplicate_of_which_a_part_changes_in_this_moment_stays(
    name: str, sqlite_mission: Mission, monkeypatch: pytest.MonkeyPatch
) -> None:
    mission = sets(sqlite_mission)
    run(mission)
    deliver_set(mission)
    before_sync(monkeypatch, lambda: (mission.incoming / name).write_text("their newer one"))
    run(mission)
    assert contents(mission.incoming) == {**SET, name: "their newer one"}
    assert contents(mission.root / "data/set") == SET
    deliver_set(mission)
    (mission.incoming / "set_20200101/deep/more").unlink(missing_ok=True)
    run(mission)
    assert list(mission.incoming.iterdir()) == []


def test_a_restored_file_that_is_written_to_while_it_is_moved_is_not_taken_for_the_recorded_one(
    mission: Mission, monkeypatch: pytest.MonkeyPatch
) -> None:
    mission.create(product("raw", 0))
    mission.deliver(RAW[0])
    run(mission)
    home = mission.root / "data/raw" / RAW[0]
    home.unlink()
    mission.deliver(RAW[0])
    before_sync(monkeypatch, lambda: home.write_text("written to"))
    run(mission, status=1)
    assert ((mission.incoming / RAW[0]).read_text(), home.exists()) == ("written to", False)
    mission.deliver(RAW[0])
    run(mission)
    sound(mission)


def test_a_companion_directory_that_is_a_link_is_not_taken_for_a_dataset(
    sqlite_mission: Mission, tmp_path: Path
) -> None:
    mission = sets(sqlite_mission)
    (mission.incoming / "set_20200101").rename(tmp_path / "his")
    (mission.incoming / "set_20200101").symlink_to(tmp_path / "his")
    run(mission, status=1)
    assert (mission.files(), contents(mission.root / "data")) == ({}, {})
    assert mission.quarantined()["set_20200101.idx"] == "unreadable"
    assert sorted(contents(tmp_path / "his")) == ["0", "deep/1"]


# --- what cannot be looked at ---


def test_what_cannot_be_looked_into_stops_nothing_else(sqlite_mission: Mission) -> None:
    mission = sqlite_mission
    mission.create(*chain())
    mission.deliver(RAW[0])
    (mission.incoming / "lost+found").mkdir()
    (mission.incoming / "theirs").mkdir()
    (mission.incoming / "theirs" / "x").write_text("x")
    (mission.incoming / "theirs").chmod(0o444)
    words = ["unshare", "--user", "--map-user=65534"] if os.geteuid() == 0 else []
    done = subprocess.run(
        [*words, sys.executable, PROCESS_QUEUE, "-m", mission.database],
        env=mission.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    (mission.incoming / "theirs").chmod(0o755)
    assert done.returncode == 1
    assert "problem theirs: cannot look into" in done.stderr
    assert "Traceback" not in done.stderr
    assert len(mission.names("smooth")) == 1
    assert sorted(mission.waiting()) == ["lost+found", "theirs"]
