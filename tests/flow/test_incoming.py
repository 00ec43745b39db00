"""What arrives: taken home, left alone, dropped as a duplicate, or put into quarantine with a reason."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.kit.mission import PROCESS_QUEUE, Mission, chain, name_of, process, product

RAW = [name_of("raw", day) for day in (1, 2, 3)]

WRITE_COMPANION = """#!/bin/sh
stem="${2%.idx}"
mkdir -p "$stem/deep"
cp "$1" "$stem/0.bin"; printf more > "$stem/deep/1 x.bin"
printf 'idx of %s' "$(cat "$1")" > "$2"
"""


def idx(name: str, level: float) -> str:
    return product(name, level, name + "_{Y}{m}{d}_v{VERSION}.idx", inspector="filename", companion=True)


# --- the same again, or nearly ---


def test_the_same_bytes_again_are_a_duplicate_and_no_error(mission: Mission) -> None:
    mission.create(*chain())
    mission.deliver(*RAW)
    mission.run()
    before = mission.tables("logging")
    mission.deliver(*RAW)
    done = mission.dbproc("run", "--json")
    assert done.json["counts"] == {"duplicate": 3}
    assert mission.tables("logging") == before
    assert mission.waiting() == []


def test_other_bytes_under_a_known_name_go_to_quarantine_with_both_digests(mission: Mission) -> None:
    mission.create(*chain())
    mission.deliver(RAW[0], content="first")
    mission.run()
    mission.deliver(RAW[0], content="second")
    done = mission.run(status=1)
    assert RAW[0] in done.err
    (row,) = mission.rows("SELECT reason, shasum, other_shasum, stored_name FROM quarantine")
    reason, digest, other, stored = row
    assert reason == "same_name"
    assert other == mission.files()[RAW[0]].digest != digest
    assert (mission.quarantine / stored).read_text() == "second"
    assert mission.content(RAW[0]) == "first"


@pytest.mark.thorough
def test_files_that_are_refused_again_and_again_do_not_collide_in_quarantine(mission: Mission) -> None:
    mission.create(*chain())
    for content in ("a", "b", "b"):
        mission.deliver("nothing.known", content=content)
        mission.run(status=1)
    held = sorted(path.read_text() for path in mission.quarantine.iterdir())
    assert held == ["a", "b", "b"]


def test_a_second_file_of_a_date_and_version_is_refused(mission: Mission) -> None:
    mission.create(product("raw", 0))
    mission.deliver("raw_20200101_v1.0.0.txt", "raw_20200101_v01.0.0.txt")
    assert "is already raw of 2020-01-01" in mission.run(status=1).err
    assert list(mission.quarantined().values()) == ["same_version"]
    assert len(mission.names("raw")) == 1


@pytest.mark.thorough
def test_a_duplicate_of_a_file_that_is_missing_at_home_takes_its_place(mission: Mission) -> None:
    mission.create(*chain())
    mission.deliver(RAW[0])
    mission.run()
    mission.files()[RAW[0]].path.unlink()
    mission.deliver(RAW[0])
    mission.run()
    assert mission.content(RAW[0]) == "raw_20200101"


# --- unknown, or known twice ---


def test_an_unknown_file_is_refused_and_the_others_are_taken(mission: Mission) -> None:
    mission.create(*chain())
    mission.deliver("raw_2020010_v1.0.0.txt", "raw_20200230_v1.0.0.txt", "other.dat", *RAW)
    done = mission.run(status=1)
    assert mission.quarantined() == {
        "raw_2020010_v1.0.0.txt": "no_product",
        "raw_20200230_v1.0.0.txt": "no_product",
        "other.dat": "no_product",
    }
    assert "date does not exist" in done.err
    assert len(mission.names("smooth")) == 3
    assert mission.waiting() == []


def test_a_file_of_two_products_is_refused_with_both_names(mission: Mission) -> None:
    mission.create(product("one", 0, "{Y}{m}{d}_v{VERSION}.txt"), product("two", 0, "{DATE}_v{VERSION}.txt"))
    mission.deliver("20200101_v1.0.0.txt")
    done = mission.run(status=1)
    assert "one and two" in done.err
    assert mission.quarantined() == {"20200101_v1.0.0.txt": "two_products"}


# --- unfinished ---


def test_hidden_and_unfinished_files_are_left_for_later(sqlite_mission: Mission) -> None:
    sqlite_mission.create(*chain())
    names = [f".{RAW[0]}", f"{RAW[0]}.part", f"{RAW[0]}.tmp", f"{RAW[0]}.PART", f"{RAW[0]}~"]
    sqlite_mission.deliver(*names)
    sqlite_mission.run()
    assert sqlite_mission.waiting() == sorted(names)


def test_a_file_that_changed_a_moment_ago_is_left_whatever_time_it_bears(sqlite_mission: Mission) -> None:
    sqlite_mission.create(*chain(), settle_seconds=3600)
    sqlite_mission.deliver(*RAW[:2])
    os.utime(sqlite_mission.incoming / RAW[1], (1, 1))
    sqlite_mission.run()
    assert sqlite_mission.waiting() == RAW[:2]
    sqlite_mission.environment["DBPROC_SETTLE_SECONDS"] = "0"
    sqlite_mission.run()
    assert sqlite_mission.waiting() == []


def test_a_settle_time_that_is_no_number_is_refused(sqlite_mission: Mission) -> None:
    sqlite_mission.create(*chain())
    sqlite_mission.environment["DBPROC_SETTLE_SECONDS"] = "soon"
    assert "soon" in sqlite_mission.run(status=2).err


def test_only_files_of_the_pattern_are_taken(sqlite_mission: Mission) -> None:
    sqlite_mission.create(*chain())
    sqlite_mission.deliver(*RAW, "unknown")
    sqlite_mission.run("--glb", "raw_2020010[12]*")
    assert sqlite_mission.waiting() == [RAW[2], "unknown"]


# --- links ---


def test_a_link_to_a_file_at_its_place_takes_it_in_and_leaves_it_there(mission: Mission) -> None:
    mission.create(*chain())
    home = mission.root / "data" / "raw"
    home.mkdir(parents=True)
    (home / RAW[0]).write_text("linked")
    (mission.incoming / RAW[0]).symlink_to(home / RAW[0])
    mission.run()
    assert mission.content(name_of("clean", 1)) == "clean(linked)"
    assert not (home / RAW[0]).is_symlink()
    assert mission.waiting() == []
    (mission.incoming / RAW[0]).symlink_to(home / RAW[0])
    mission.run()
    assert (home / RAW[0]).read_text() == "linked"
    assert mission.waiting() == []


def test_links_that_lead_elsewhere_or_nowhere_are_refused_and_what_they_name_is_untouched(mission: Mission) -> None:
    mission.create(*chain())
    elsewhere = mission.root / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / RAW[0]).write_text("elsewhere")
    (mission.incoming / RAW[0]).symlink_to(elsewhere / RAW[0])
    (mission.incoming / RAW[1]).symlink_to("nowhere")
    (mission.incoming / RAW[2]).symlink_to(elsewhere)
    (mission.incoming / "loop").symlink_to("loop")
    done = mission.run(status=1)
    assert mission.quarantined() == {
        RAW[0]: "link_elsewhere",
        RAW[1]: "dangling_link",
        RAW[2]: "dangling_link",
        "loop": "dangling_link",
    }
    assert str(elsewhere / RAW[0]) in done.err
    assert (elsewhere / RAW[0]).read_text() == "elsewhere"
    assert mission.files() == {}


def test_a_link_to_a_path_that_is_not_utf8_is_refused_like_any_other(mission: Mission) -> None:
    mission.create(*chain())
    os.symlink(b"nowhere\xff", bytes(mission.incoming / RAW[0]))
    mission.deliver(RAW[1])
    mission.run(status=1)
    assert mission.quarantined() == {RAW[0]: "dangling_link"}
    assert mission.names("clean") == [name_of("clean", 2)]


# --- no files at all, and names that are hard to bear ---


def test_directories_and_fifos_are_refused_unopened(mission: Mission) -> None:
    mission.create(*chain())
    (mission.incoming / "folder").mkdir()
    (mission.incoming / "folder" / RAW[0]).write_text("inside")
    os.mkfifo(mission.incoming / RAW[1])
    mission.deliver(RAW[2])
    mission.run(status=1)
    assert mission.quarantined() == {"folder": "directory", RAW[1]: "not_a_file"}
    assert mission.names("raw") == [RAW[2]]


STRANGE = ["two words", 'it\'s "quoted"', "new\nline", "über-日本", "-rf", "--help", "$(reboot)", "*", "%s"]
LONG = ["a" * 250, "x." + "y" * 250, "日" * 80, "z." + "日" * 80]


def test_strange_names_are_refused_with_their_names_kept(mission: Mission) -> None:
    mission.create(*chain())
    mission.deliver(*STRANGE, RAW[0], content="strange")
    (Path(os.fsdecode(bytes(mission.incoming) + b"/not\xffutf8"))).write_text("strange")
    done = mission.run(status=1)
    assert mission.waiting() == []
    assert set(mission.quarantined()) == {*STRANGE, "not\\xffutf8"}
    assert mission.names("clean") == [name_of("clean", 1)]
    assert all(line.startswith("quarantined ") for line in done.err.splitlines())
    stored = [name for (name,) in mission.rows("SELECT stored_name FROM quarantine")]
    assert all((mission.quarantine / name).read_text() == "strange" for name in stored)


def test_the_longest_names_are_refused_too(mission: Mission) -> None:
    mission.create(*chain())
    mission.deliver(*LONG, content="long")
    mission.run(status=1)
    assert mission.waiting() == []
    assert set(mission.quarantined()) == set(LONG)


@pytest.mark.thorough
@pytest.mark.in_processes
def test_what_is_told_of_a_name_that_is_not_utf8_is_still_json(sqlite_mission: Mission) -> None:
    sqlite_mission.create(*chain())
    sqlite_mission.environment["PYTHONIOENCODING"] = "utf-8"
    (Path(os.fsdecode(bytes(sqlite_mission.incoming) + b"/not\xffutf8"))).write_text("strange")
    for command, status in ((["plan", "--json"], 0), (["run", "--json"], 1)):
        assert sqlite_mission.dbproc(*command, status=status).json
    assert sqlite_mission.dbproc("status", "--json").json


@pytest.mark.thorough
def test_names_with_blanks_and_quotes_are_built_from_like_any_other(mission: Mission) -> None:
    blocks = [
        product("raw", 0, "-raw {station}; $(x) {Y}{m}{d}.txt"),
        product("clean", 1, "it's {station} {Y}{m}{d} v{VERSION}.txt"),
        process("to_clean", "clean", ["raw"], "FILE"),
    ]
    mission.create(*blocks)
    stations = ("a=b c", "ü%20", "'\"")
    names = [f"-raw {station}; $(x) 20200101.txt" for station in stations]
    mission.deliver(*names, content="x")
    mission.run()
    assert mission.names("clean") == sorted(f"it's {station} 20200101 v1.0.0.txt" for station in stations)
    before = mission.state()
    mission.run()
    assert mission.state() == before


def test_a_file_that_cannot_be_read_is_refused_and_the_others_are_taken(sqlite_mission: Mission) -> None:
    sqlite_mission.create(*chain())
    sqlite_mission.deliver(*RAW)
    (sqlite_mission.incoming / RAW[1]).chmod(0)
    done = subprocess.run(
        [*without_privileges(), sys.executable, PROCESS_QUEUE, "-m", sqlite_mission.database],
        env=sqlite_mission.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert sqlite_mission.quarantined() == {RAW[1]: "unreadable"}
    assert sqlite_mission.names("clean") == [name_of("clean", 1), name_of("clean", 3)]


def without_privileges() -> list[str]:
    """How root runs a program that the permissions of files hold for."""
    return ["unshare", "--user", "--map-user=65534"] if os.geteuid() == 0 else []


# --- places ---


def test_a_file_at_home_that_nobody_knows_is_not_overwritten(mission: Mission) -> None:
    mission.create(*chain())
    home = mission.root / "data" / "raw"
    home.mkdir(parents=True)
    (home / RAW[0]).write_text("was here before")
    (home / RAW[1]).write_text("raw_20200102")
    mission.deliver(*RAW[:2])
    mission.run(status=1)
    assert (home / RAW[0]).read_text() == "was here before"
    assert mission.quarantined() == {RAW[0]: "place_taken"}
    assert mission.names("raw") == [RAW[1]]
    assert mission.waiting() == []
    (home / RAW[0]).unlink()


def test_files_go_to_the_directories_of_their_dates(mission: Mission) -> None:
    mission.create(product("raw", 0, directory="data/{Y}/{m}-{b}/{j}/v{VERSION}"))
    mission.deliver(name_of("raw", "20201231"), name_of("raw", 1, "2.0.0"))
    mission.run()
    places = {str(file.path.parent.relative_to(mission.root)) for file in mission.files().values()}
    assert places == {"data/2020/12-Dec/366/v1.0.0", "data/2020/01-Jan/001/v2.0.0"}


def test_a_missing_incoming_directory_is_named(sqlite_mission: Mission) -> None:
    sqlite_mission.create(*chain())
    sqlite_mission.incoming.rmdir()
    assert str(sqlite_mission.incoming) in sqlite_mission.run(status=2).err


# --- companion directories ---


def test_a_companion_directory_that_a_code_makes_is_part_of_its_file(mission: Mission) -> None:
    mission.code("to_cube.sh", WRITE_COMPANION)
    mission.create(product("raw", 0), idx("cube", 1), process("to_cube", "cube", ["raw"]))
    mission.deliver(*RAW[:2])
    mission.run()
    members = mission.rows("SELECT file_id, member_path, member_size FROM filemember ORDER BY file_id, member_path")
    assert [tuple(row[1:]) for row in members] == [("0.bin", 12), ("deep/1 x.bin", 4)] * 2
    assert len({row[0] for row in members}) == 2
    assert (mission.root / "data/cube/cube_20200101_v1.0.0/deep/1 x.bin").read_text() == "more"


@pytest.mark.both_databases
def test_a_companion_directory_is_delivered_with_its_file(mission: Mission) -> None:
    mission.create(idx("cube", 0))
    deliver_cube(mission, "one")
    mission.run()
    assert (mission.root / "data/cube/cube_20200101_v1.0.0/0.bin").read_text() == "one"
    assert mission.waiting() == []
    before = mission.tables("logging")
    deliver_cube(mission, "one")
    mission.run()
    assert mission.tables("logging") == before
    assert mission.waiting() == []


def test_a_file_whose_companion_directory_differs_is_no_duplicate(mission: Mission) -> None:
    mission.create(idx("cube", 0))
    deliver_cube(mission, "one")
    mission.run()
    deliver_cube(mission, "two")
    mission.run(status=1)
    assert mission.quarantined() == {"cube_20200101_v1.0.0.idx": "same_name"}
    assert (mission.root / "data/cube/cube_20200101_v1.0.0/0.bin").read_text() == "one"
    assert sorted(path.read_text() for path in mission.quarantine.rglob("0.bin")) == ["two"]


def test_a_refused_file_takes_its_companion_directory_along(mission: Mission) -> None:
    mission.create(idx("cube", 0))
    deliver_cube(mission, "one")
    for path in sorted(mission.incoming.iterdir()):
        path.rename(path.with_name(path.name.replace("cube", "tube")))
    mission.run(status=1)
    assert mission.waiting() == []
    assert [path.read_text() for path in mission.quarantine.rglob("0.bin")] == ["one"]


def deliver_cube(mission: Mission, content: str) -> None:
    stem = mission.incoming / "cube_20200101_v1.0.0"
    stem.mkdir()
    (stem / "0.bin").write_text(content)
    Path(f"{stem}.idx").write_text("idx")


# --- inspectors ---

INSPECTORS = {
    "raises": "raise RuntimeError('it is broken')",
    "returns nonsense": "return 17",
    "exits": "import sys; sys.exit(0)",
    "kills itself": "import os; os.kill(os.getpid(), 9)",
    "prints and closes": "import os; print('x' * 100_000, flush=True); os.close(1); raise ValueError",
}


@pytest.mark.parametrize("fault", INSPECTORS)
@pytest.mark.thorough
def test_a_file_whose_inspector_fails_is_refused_and_the_others_are_taken(fault: str, sqlite_mission: Mission) -> None:
    mission = sqlite_mission
    mission.inspector(
        "own.py",
        f"""
from dbproc.products import Facts, Inspector

class Own(Inspector):
    def inspect(self, path, name):
        if "20200102" in path:
            {INSPECTORS[fault]}
        return Facts()
""",
    )
    mission.create(*chain()[1:], product("raw", 0, inspector="own.py"))
    mission.deliver(*RAW)
    done = mission.run(status=1)
    assert mission.quarantined() == {RAW[1]: "inspector_failed"}
    assert RAW[1] in done.err
    assert mission.names("clean") == [name_of("clean", 1), name_of("clean", 3)]
    assert not list((mission.root / "inspectors").glob("__pycache__"))


def test_an_output_that_its_inspector_refuses_has_failed(sqlite_mission: Mission) -> None:
    mission = sqlite_mission
    mission.inspector(
        "own.py",
        """
from dbproc.products import Facts, Inspector

class Own(Inspector):
    def inspect(self, path, name):
        text = open(path).read()
        return "it says bad" if "bad" in text else Facts()
""",
    )
    blocks = chain()
    mission.create(*blocks[:1], product("clean", 1, inspector="own.py"), *blocks[2:])
    mission.deliver(RAW[0], content="bad")
    mission.deliver(RAW[1], content="good")
    done = mission.run(status=1)
    assert "it says bad" in done.err
    assert mission.names("clean") == [name_of("clean", 2)]
    assert not (mission.root / "data" / "clean" / name_of("clean", 1)).exists()
