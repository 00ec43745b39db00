"""What was made from a file is left as it is when the file is made again with the same contents."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dbproc.cli import main
from tests.kit.mission import Mission, chain, kill, name_of, process, product, wait_for

RAW = name_of("raw", 1)
CLEAN_1, CLEAN_2, CLEAN_3 = (name_of("clean", 1, version) for version in ("1.0.0", "1.1.0", "1.2.0"))
SMOOTH = name_of("smooth", 1)

CONFIRMED = """
SELECT r.filename, o.filename, s.filename FROM confirmation c JOIN file r ON r.file_id = c.resulting_file
JOIN file o ON o.file_id = c.replaced_file JOIN file s ON s.file_id = c.source_file ORDER BY r.filename, s.filename
"""

TIMESTAMPED = {
    "netcdf": """#!/usr/bin/env python
import sys, time, netCDF4
with netCDF4.Dataset(sys.argv[-1], "w") as file:
    file.history = f"made at {time.time_ns()}"
    file.createDimension("n", 1)
    file.createVariable("v", "i4", ("n",))[:] = VALUE
""",
    "hdf5": """#!/usr/bin/env python
import sys, time, h5py
with h5py.File(sys.argv[-1], "w") as file:
    file.attrs["date_created"] = str(time.time_ns())
    file["v"] = [VALUE]
""",
}

WITH_COMPANION = """#!/bin/sh
while [ $# -gt 1 ]; do shift; done
mkdir "${1%.idx}"; printf BLOCK > "${1%.idx}/0.bin"; printf idx > "$1"
"""

TWO = """#!/bin/sh
printf 'one' > "$2"; printf 'TEXT' > "$3"
"""


def cutting(mission: Mission, **clean: object) -> None:
    """The chain with the switch on, and with these keywords of the code that cleans."""
    mission.define(*chain(**clean), early_cutoff=True)


def built_once(mission: Mission) -> Mission:
    mission.create(*chain(), early_cutoff=True)
    mission.deliver(RAW)
    mission.run()
    return mission


def looks_sound(mission: Mission) -> None:
    assert main(["check", "-m", mission.database]) == 0


@pytest.mark.both_databases
def test_what_comes_from_identical_bytes_is_confirmed_and_not_made_again(mission: Mission) -> None:
    built_once(mission)
    cutting(mission, version="1.1.0")
    mission.run()
    assert mission.names("clean") == [CLEAN_1, CLEAN_2]
    assert mission.names("smooth") == [SMOOTH]
    assert mission.rows(CONFIRMED) == [(SMOOTH, CLEAN_1, CLEAN_2)]
    assert mission.queued() == 0
    looks_sound(mission)

    why = mission.dbproc("why", SMOOTH).out
    assert f"from {CLEAN_1}" in why
    assert f"confirmed with {CLEAN_2}, which equals {CLEAN_1}" in why
    assert f"up to date: {SMOOTH} is up to date: {CLEAN_2} equals {CLEAN_1}" in why
    assert mission.dbproc("why", SMOOTH, "--json").json["confirmed"][0]["source"] == CLEAN_2
    assert f"confirmed with {CLEAN_2}, which equals {CLEAN_1}" in mission.dbproc("lineage", SMOOTH).out
    assert f"confirmed with {CLEAN_2}" in mission.dbproc("lineage", RAW).out

    before = mission.state()
    mission.run()
    assert mission.state() == before


def test_without_the_switch_everything_is_made_again(sqlite_mission: Mission) -> None:
    mission = sqlite_mission.create(*chain())
    mission.deliver(RAW)
    mission.run()
    mission.define(*chain(version="1.1.0"))
    mission.run()
    assert mission.names("smooth") == [SMOOTH, name_of("smooth", 1, "1.1.0")]
    assert mission.rows(CONFIRMED) == []


@pytest.mark.thorough
@pytest.mark.parametrize(("mission_wide", "own", "is_rebuilt"), [(True, False, True), (False, True, False)])
def test_a_process_has_a_switch_of_its_own(
    mission_wide: bool, own: bool, is_rebuilt: bool, sqlite_mission: Mission
) -> None:
    def blocks(version: str) -> list[str]:
        smooth = process("to_smooth", "smooth", ["clean"], keys={"early_cutoff": own})
        return [*chain(version=version)[:-1], smooth]

    mission = sqlite_mission.create(*blocks("1.0.0"), early_cutoff=mission_wide)
    mission.deliver(RAW)
    mission.run()
    mission.define(*blocks("1.1.0"), early_cutoff=mission_wide)
    mission.run()
    assert (len(mission.names("smooth")) == 2) is is_rebuilt
    assert (mission.rows(CONFIRMED) == []) is is_rebuilt
    assert "early_cutoff = " + json.dumps(own) in mission.dbproc("export").out
    looks_sound(mission)


@pytest.mark.thorough
def test_switched_off_what_was_confirmed_is_made_again(sqlite_mission: Mission) -> None:
    mission = built_once(sqlite_mission)
    cutting(mission, version="1.1.0")
    mission.run()
    mission.define(*chain(version="1.1.0"))
    mission.run()
    assert mission.files()[name_of("smooth", 1, "1.1.0")].inputs == {CLEAN_2}
    looks_sound(mission)


def test_a_difference_two_versions_later_rebuilds_once(sqlite_mission: Mission) -> None:
    mission = built_once(sqlite_mission)
    cutting(mission, version="1.1.0")
    mission.run()
    mission.code("washed.sh")
    cutting(mission, version="1.2.0", file="washed.sh")
    mission.run()
    assert mission.names("smooth") == [SMOOTH, name_of("smooth", 1, "1.1.0")]
    assert mission.files()[name_of("smooth", 1, "1.1.0")].inputs == {CLEAN_3}
    assert "washed" in mission.content(name_of("smooth", 1, "1.1.0"))
    looks_sound(mission)


@pytest.mark.thorough
def test_equality_reaches_over_several_versions(sqlite_mission: Mission) -> None:
    mission = built_once(sqlite_mission)
    for version in ("1.1.0", "1.2.0"):
        cutting(mission, version=version)
        mission.run()
    assert mission.names("smooth") == [SMOOTH]
    assert mission.rows(CONFIRMED) == [(SMOOTH, CLEAN_1, CLEAN_2), (SMOOTH, CLEAN_1, CLEAN_3)]
    first = mission.one(f"SELECT file_id FROM file WHERE filename = '{CLEAN_1}'")
    assert mission.rows("SELECT same_as FROM file WHERE filename LIKE 'clean%' ORDER BY file_id") == [
        (None,),
        (first,),
        (first,),
    ]


@pytest.mark.thorough
def test_an_equal_input_does_not_raise_what_another_one_makes_stale(sqlite_mission: Mission) -> None:
    def blocks(a: str, b: str, b_file: str = "to_b.sh") -> list[str]:
        return [
            *(product(name, level) for name, level in (("raw", 0), ("a", 1), ("b", 1), ("c", 2))),
            process("to_a", "a", ["raw"], version=a),
            process("to_b", "b", ["raw"], version=b, file=b_file),
            process("to_c", "c", ["a", "b"]),
        ]

    mission = sqlite_mission.create(*blocks("1.0.0", "1.0.0"), early_cutoff=True)
    mission.deliver(RAW)
    mission.run()
    mission.define(*blocks("1.1.0", "1.0.1", "to_bb.sh"), early_cutoff=True)
    mission.run()
    made = name_of("c", 1, "1.0.1")
    assert mission.names("c") == [name_of("c", 1), made]
    assert mission.files()[made].inputs == {name_of("a", 1, "1.1.0"), name_of("b", 1, "1.0.1")}
    reasons = json.loads(mission.rows("SELECT reasons FROM attempt ORDER BY attempt_id DESC LIMIT 1")[0][0])
    assert reasons == [f"input {name_of('b', 1)} replaced by {name_of('b', 1, '1.0.1')}"]
    looks_sound(mission)


@pytest.mark.parametrize("kind", TIMESTAMPED)
@pytest.mark.thorough
def test_a_declared_comparison_of_contents_overlooks_the_time_of_writing(kind: str, sqlite_mission: Mission) -> None:
    def blocks(version: str, value: int) -> list[str]:
        sqlite_mission.code(f"make_{value}.py", TIMESTAMPED[kind].replace("VALUE", str(value)))
        return [
            product("raw", 0),
            product("clean", 1, "clean_{Y}{m}{d}_v{VERSION}.h5", comparison=kind),
            product("smooth", 2),
            process("to_clean", "clean", ["raw"], version=version, file=f"make_{value}.py"),
            process("to_smooth", "smooth", ["clean"], file="size.sh"),
        ]

    sqlite_mission.code("size.sh", "#!/bin/sh\nwc -c < $1 > $2\n")
    mission = sqlite_mission.create(*blocks("1.0.0", 5), early_cutoff=True)
    mission.deliver(RAW)
    mission.run()
    mission.define(*blocks("1.1.0", 5), early_cutoff=True)
    mission.run()
    assert len({file.digest for file in mission.files().values() if file.product == "clean"}) == 2
    assert mission.names("smooth") == [SMOOTH]
    mission.define(*blocks("1.2.0", 6), early_cutoff=True)
    mission.run()
    assert mission.names("smooth") == [SMOOTH, name_of("smooth", 1, "1.1.0")]
    looks_sound(mission)


def test_a_companion_directory_is_part_of_the_contents(sqlite_mission: Mission) -> None:
    def blocks(version: str, block: str) -> list[str]:
        sqlite_mission.code(f"make_{block}.sh", WITH_COMPANION.replace("BLOCK", block))
        return [
            product("raw", 0),
            product("clean", 1, "clean_{Y}{m}{d}_v{VERSION}.idx", companion=True),
            product("smooth", 2),
            process("to_clean", "clean", ["raw"], version=version, file=f"make_{block}.sh"),
            process("to_smooth", "smooth", ["clean"]),
        ]

    mission = sqlite_mission.create(*blocks("1.0.0", "x"), early_cutoff=True)
    mission.deliver(RAW)
    mission.run()
    mission.define(*blocks("1.1.0", "x"), early_cutoff=True)
    mission.run()
    assert mission.names("smooth") == [SMOOTH]
    mission.define(*blocks("1.2.0", "y"), early_cutoff=True)
    mission.run()
    assert mission.names("smooth") == [SMOOTH, name_of("smooth", 1, "1.1.0")]


@pytest.mark.thorough
def test_a_run_killed_in_between_leaves_the_rest_to_the_next(mission: Mission, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    mission.code("hold.sh", f'#!/bin/sh\nwhile [ ! -e {gate} ]; do sleep 0.05; done\nprintf x > "$2"\n')
    blocks = [product("slow", 1), process("to_slow", "slow", ["raw"], file="hold.sh")]
    mission.create(*chain(), early_cutoff=True)
    mission.deliver(RAW)
    mission.run()
    mission.define(*chain(version="1.1.0"), *blocks, early_cutoff=True)
    run = mission.start("-p")
    wait_for(lambda: CLEAN_2 in mission.files(), "the file that is made again")
    kill(run)
    gate.touch()
    mission.run()
    assert mission.names("smooth") == [SMOOTH]
    assert mission.rows(CONFIRMED) == [(SMOOTH, CLEAN_1, CLEAN_2)]
    looks_sound(mission)


@pytest.mark.thorough
def test_of_several_outputs_each_is_compared_by_itself(sqlite_mission: Mission) -> None:
    def blocks(version: str, text: str) -> list[str]:
        sqlite_mission.code(f"two_{text}.sh", TWO.replace("TEXT", text))
        return [
            *(product(name, level) for name, level in (("raw", 0), ("a", 1), ("b", 1), ("from_a", 2), ("from_b", 2))),
            process("to_two", None, ["raw"], version=version, file=f"two_{text}.sh", keys={"output": ["a", "b"]}),
            process("to_from_a", "from_a", ["a"]),
            process("to_from_b", "from_b", ["b"]),
        ]

    mission = sqlite_mission.create(*blocks("1.0.0", "two"), early_cutoff=True)
    mission.deliver(RAW)
    mission.run()
    mission.define(*blocks("1.1.0", "three"), early_cutoff=True)
    mission.run()
    assert mission.names("from_a") == [name_of("from_a", 1)]
    assert mission.names("from_b") == [name_of("from_b", 1), name_of("from_b", 1, "1.1.0")]
    assert mission.rows(CONFIRMED) == [(name_of("from_a", 1), name_of("a", 1), name_of("a", 1, "1.1.0"))]
    looks_sound(mission)


@pytest.mark.thorough
def test_what_has_several_outputs_is_confirmed_with_all_of_them(sqlite_mission: Mission) -> None:
    def blocks(version: str) -> list[str]:
        return [
            *(product(name, level) for name, level in (("raw", 0), ("clean", 1), ("a", 2), ("b", 2))),
            process("to_clean", "clean", ["raw"], version=version),
            process("to_two", None, ["clean"], file="two.sh", keys={"output": ["a", "b"]}),
        ]

    sqlite_mission.code("two.sh", TWO)
    mission = sqlite_mission.create(*blocks("1.0.0"), early_cutoff=True)
    mission.deliver(RAW)
    mission.run()
    mission.define(*blocks("1.1.0"), early_cutoff=True)
    mission.run()
    assert mission.rows(CONFIRMED) == [
        (name_of("a", 1), CLEAN_1, CLEAN_2),
        (name_of("b", 1), CLEAN_1, CLEAN_2),
    ]
    looks_sound(mission)
