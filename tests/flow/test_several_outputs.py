"""A process with more than one output product: all are registered, or none."""

from __future__ import annotations

import os
import signal

import pytest

from tests.kit.mission import Mission, kill, name_of, process, product, wait_for

SPLIT = """#!/bin/sh
for last; do :; done
eval "first=\\${$(($# - 1))}"
cat "$1" > "$first"; rev "$1" > "$last"
"""
BLOCKS = [
    product("raw", 0),
    product("left", 1),
    product("right", 1),
    process("split", ["left", "right"], ["raw"]),
    product("after", 2),
    process("to_after", "after", ["right"]),
]


def split(mission: Mission, *blocks: str, code: str = SPLIT, days: int = 1) -> Mission:
    mission.code("split.sh", code)
    mission.create(*(blocks or BLOCKS))
    mission.deliver(*(name_of("raw", day) for day in range(1, days + 1)))
    return mission


def both(day: int, version: str = "1.0.0") -> tuple[str, str]:
    return name_of("left", day, version), name_of("right", day, version)


def outputs(mission: Mission) -> list[str]:
    return mission.names("left") + mission.names("right")


def homes(mission: Mission) -> list[str]:
    places = (mission.root / "data" / name for name in ("left", "right"))
    return sorted(name for place in places if place.exists() for name in os.listdir(place))


@pytest.mark.thorough
@pytest.mark.both_databases
def test_both_have_lineage_and_what_comes_of_either_is_built(mission: Mission) -> None:
    split(mission, days=2)
    for _ in ("in incoming", "ingested"):
        assert f"would build {', '.join(both(1))}: no output yet" in mission.dbproc("plan").out
        mission.run("-i")
    mission.run()
    left, right = both(1)
    for name in (left, right):
        assert (mission.files()[name].inputs, mission.files()[name].code) == (frozenset({name_of("raw", 1)}), "1.0.0")
    assert mission.content(right).strip() == "10100202_war"
    assert mission.content(name_of("after", 1)).startswith("after(10100202_war")
    assert [row[0] for row in mission.attempts()].count("split") == 2
    assert f"together with {left}" in mission.dbproc("why", right).out
    assert mission.dbproc("why", "right", "2020-01-01", "--json").json["state"] == "up to date"
    mission.dbproc("check", "--deep")
    mission.deliver(name_of("raw", 1, "1.1.0"), content="new")
    mission.run()
    assert set(both(1, "1.1.0")) <= set(outputs(mission))
    assert name_of("after", 1, "1.1.0") in mission.names("after")
    mission.run()
    assert len(outputs(mission)) == 6


def test_a_job_without_one_of_them_has_failed_and_leaves_nothing(sqlite_mission: Mission) -> None:
    mission = split(sqlite_mission)
    for code, message in (
        ('#!/bin/sh\ncp "$1" "$2"\n', f"its output {name_of('right', 1)} is not there"),
        ('#!/bin/sh\ncp "$1" "$2"; : > "$3"\n', f"its output {name_of('right', 1)} is empty"),
    ):
        mission.code("split.sh", code)
        mission.dbproc("retry")
        assert message in mission.run(status=1).err
        assert (outputs(mission), homes(mission)) == ([], [])
    assert "split 2020-01-01" in mission.dbproc("status").out
    mission.code("split.sh", SPLIT)
    mission.run()
    assert outputs(mission) == list(both(1))


def test_one_that_its_inspector_refuses_spoils_the_other(sqlite_mission: Mission) -> None:
    mission = sqlite_mission
    mission.inspector(
        "picky.py",
        "from dbproc.products.base import Inspector, NotMine\n"
        "class Picky(Inspector):\n"
        "    def inspect(self, path, name):\n"
        "        raise NotMine('too plain')\n",
    )
    split(mission, *BLOCKS[:2], product("right", 1, inspector="picky.py"), BLOCKS[3])
    assert f"its output {name_of('right', 1)} is not what was promised" in mission.run(status=1).err
    assert (outputs(mission), homes(mission)) == ([], [])


@pytest.mark.thorough
def test_a_place_that_is_taken_or_cannot_be_written_leaves_neither(sqlite_mission: Mission) -> None:
    mission = split(sqlite_mission)
    place = mission.root / "data" / "right"
    place.mkdir(parents=True)
    mine = place / name_of("right", 1)
    mine.write_text("mine")
    assert f"{mine} is in its place, and the catalogue has no file of product right" in mission.run(status=1).err
    assert (outputs(mission), homes(mission)) == ([], [mine.name])
    assert mine.read_text() == "mine"
    mine.unlink()
    place.rmdir()
    place.write_text("no directory")
    mission.dbproc("retry")
    mission.run(status=1)
    assert (outputs(mission), os.listdir(mission.root / "data" / "left")) == ([], [])
    place.unlink()
    mission.dbproc("retry")
    mission.run()
    assert outputs(mission) == list(both(1))


def test_when_one_goes_from_disk_both_are_made_again_each_with_its_next_version(sqlite_mission: Mission) -> None:
    mission = split(sqlite_mission)
    mission.run()
    lost = mission.files()[name_of("right", 1)].path
    lost.unlink()
    mission.dbproc("check", "--repair")
    done = mission.run()
    assert f"built {', '.join(both(1, '1.0.1'))}: {lost.name} is gone from disk" in done.out
    mission.run()
    assert len(outputs(mission)) == 4


@pytest.mark.in_processes
def test_a_run_killed_between_the_two_moves_is_put_right(sqlite_mission: Mission) -> None:
    mission = split(sqlite_mission)
    mission.run("-i")
    killer = mission.root / "killer"
    killer.mkdir()
    (killer / "sitecustomize.py").write_text(
        "import os, signal, sys\n"
        "def killing(name, given):\n"
        "    if name == 'os.rename' and os.path.basename(os.fsdecode(given[1])).startswith('right_'):\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "sys.addaudithook(killing)\n"
    )
    path = mission.environment["PYTHONPATH"]
    mission.environment["PYTHONPATH"] = f"{killer}:{path}"
    mission.run(status=-signal.SIGKILL)
    assert homes(mission) == [name_of("left", 1)]
    mission.environment["PYTHONPATH"] = path
    mission.run()
    assert outputs(mission) == list(both(1)) == homes(mission)
    assert [row[2] for row in mission.attempts() if row[0] == "split"] == ["interrupted", "succeeded"]
    mission.dbproc("check", "--deep")


@pytest.mark.thorough
def test_a_run_killed_in_the_job_leaves_nothing(sqlite_mission: Mission) -> None:
    mission = split(sqlite_mission, code="#!/bin/sh\ncp $1 $2\ntouch ../../../half\nexec sleep 60\n")
    run = mission.start()
    wait_for((mission.root / "half").exists, "the first output")
    kill(run)
    mission.code("split.sh", SPLIT)
    mission.run()
    assert sorted(homes(mission)) == sorted(outputs(mission)) != []


@pytest.mark.thorough
def test_files_with_keywords_and_companion_directories(sqlite_mission: Mission) -> None:
    mission = sqlite_mission
    code = '#!/bin/sh\ncp "$1" "$2"; cp "$1" "$3"; mkdir "${3%.txt}"; echo block > "${3%.txt}/0"\n'
    mission.code("split.sh", code)
    formats = {name: name + "_{station}_{Y}{m}{d}_v{VERSION}.txt" for name in ("left", "right")}
    mission.create(
        product("raw", 0, "raw_{station}_{Y}{m}{d}.txt"),
        product("left", 1, formats["left"]),
        product("right", 1, formats["right"], companion=True),
        process("split", ["left", "right"], ["raw"], "FILE"),
    )
    mission.deliver("raw_a_20200101.txt", "raw_b_20200101.txt")
    mission.run()
    assert mission.names("left") == ["left_a_20200101_v1.0.0.txt", "left_b_20200101_v1.0.0.txt"]
    assert mission.files()["right_b_20200101_v1.0.0.txt"].inputs == {"raw_b_20200101.txt"}
    assert (mission.root / "data/right/right_a_20200101_v1.0.0" / "0").read_text() == "block\n"
    mission.dbproc("check", "--deep")


@pytest.mark.thorough
def test_two_outputs_cannot_own_one_companion_directory(sqlite_mission: Mission) -> None:
    mission = sqlite_mission
    mission.code("split.sh", '#!/bin/sh\ncp "$1" "$2"; cp "$1" "$3"; mkdir "${3%.dat}"; echo block > "${3%.dat}/0"\n')
    mission.create(
        product("raw", 0),
        product("left", 1, "both_{Y}{m}{d}.txt", companion=True),
        product("right", 1, "both_{Y}{m}{d}.dat", companion=True),
        BLOCKS[3],
    )
    mission.deliver(name_of("raw", 1))
    assert "the directory both_20200101/ would belong to both" in mission.run(status=1).err
    assert homes(mission) == []


@pytest.mark.thorough
def test_the_definition_comes_out_as_it_went_in_and_the_list_of_outputs_may_change(sqlite_mission: Mission) -> None:
    mission = split(sqlite_mission)
    assert "nothing to change" in mission.dbproc("apply", str(mission.file)).out
    exported = mission.dbproc("export").out
    assert 'output = ["left", "right"]' in exported
    mission.file.write_text(exported)
    assert "nothing to change" in mission.dbproc("apply", str(mission.file)).out
    mission.run()
    only_left = [BLOCKS[0], BLOCKS[1], BLOCKS[2], process("split", "left", ["raw"])]
    mission.code("split.sh", '#!/bin/sh\ncat "$1" > "$2"\n' + "test $# -lt 3 || cp $1 $3\n")
    mission.define(*only_left)
    mission.run()
    assert len(mission.names("right")) == 1
    mission.define(*only_left[:3], product("third", 1), process("split", ["third", "left", "right"], ["raw"]))
    mission.code("split.sh", '#!/bin/sh\ncp "$1" "$2"; cp "$1" "$3"; cp "$1" "$4"\n')
    done = mission.run()
    assert mission.names("third") == [name_of("third", 1)]
    assert "no output yet" in done.out
    assert len(mission.names("right")) == 2
    mission.run()
    mission.dbproc("check")
