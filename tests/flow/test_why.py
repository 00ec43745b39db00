"""dbproc why: how a file stands, and the cause of what is not there, through all levels."""

from __future__ import annotations

import inspect
import sys
import time
from typing import Any

import pytest

from dbproc.cli import main
from tests.kit.mission import Mission, chain, name_of, optional, process, product, window


def tree(mission: Mission, name: str, date: str = "2020-01-01") -> str:
    return mission.dbproc("why", name, date).out


def facts(mission: Mission, name: str, date: str = "2020-01-01") -> Any:
    return mission.dbproc("why", name, date, "--json").json


def levels() -> list[str]:
    """Raw and side → clean → smooth → map."""
    return [
        product("raw", 0),
        product("side", 0),
        product("clean", 1),
        product("smooth", 2),
        product("map", 3),
        process("to_clean", "clean", ["raw", "side"]),
        process("to_smooth", "smooth", ["clean"]),
        process("to_map", "map", ["smooth"]),
    ]


@pytest.mark.both_databases
def test_what_was_not_delivered_is_found_through_all_levels(mission: Mission) -> None:
    mission.create(*levels())
    mission.deliver(name_of("side", 1))
    mission.run()
    lines = tree(mission, "map").splitlines()
    assert lines == [
        "map 2020-01-01: not due: no file of the required input smooth for 2020-01-01",
        "  smooth 2020-01-01: not due: no file of the required input clean for 2020-01-01",
        "    clean 2020-01-01: not due: no file of the required input raw for 2020-01-01",
        "      raw 2020-01-01: not delivered: no process makes this product, and no file of it was delivered",
    ]
    assert "map is a product; say of which day, hour or minute: dbproc why map 2024-05-06" in (
        mission.dbproc("why", "map", status=2).err
    )
    nested = facts(mission, "map")
    for name in ("smooth", "clean", "raw"):
        (nested,) = nested["because"]
        assert nested["product"] == name
    assert nested["state"] == "not delivered"


def test_files_that_have_not_settled_or_were_refused_are_named_where_they_fit(sqlite_mission: Mission) -> None:
    mission = sqlite_mission
    mission.inspector(
        "picky.py",
        "from dbproc.products.base import Inspector, NotMine\n"
        "class Picky(Inspector):\n"
        "    def inspect(self, path, name):\n"
        "        raise NotMine('the header is torn')\n",
    )
    mission.create(product("raw", 0, inspector="picky.py"), *levels()[1:])
    mission.deliver(name_of("raw", 1), name_of("raw", 2))
    mission.run(status=1)
    mission.deliver(name_of("raw", 1, "1.1.0"), name_of("raw", 1, "1.2.0") + ".part", name_of("raw", 3))
    cause = facts(mission, "clean")["because"][0]
    assert [entry["filename"] for entry in cause["quarantined"]] == [name_of("raw", 1)]
    assert [entry["file"] for entry in cause["incoming"]] == [
        name_of("raw", 1, "1.2.0") + ".part",
        name_of("raw", 1, "1.1.0"),
    ]
    text = tree(mission, "clean")
    assert f"in quarantine: 1 {name_of('raw', 1)}: no_product: raw: the header is torn" in text
    assert f"in incoming: {name_of('raw', 1, '1.1.0')} has settled; the next run takes it" in text
    assert f"{name_of('raw', 1, '1.2.0')}.part has not settled yet" in text


def test_a_failed_job_is_named_with_its_message_log_and_next_try(sqlite_mission: Mission) -> None:
    mission = sqlite_mission
    mission.code("to_clean.sh", "#!/bin/sh\necho no calibration; exit 3\n")
    mission.create(*levels())
    mission.deliver(name_of("raw", 1), name_of("side", 1))
    mission.run(status=1)
    (smooth,) = facts(mission, "map")["because"]
    (clean,) = smooth["because"]
    assert clean["state"] == "delayed"
    assert clean["last_attempt"]["message"] == "exit status 3: no calibration"
    assert clean["last_attempt"]["next_try"] > clean["last_attempt"]["ended"]
    text = tree(mission, "map")
    assert "failed, tried again after" in text
    assert f"    log: {clean['last_attempt']['log']}" in text
    mission.execute("UPDATE attempt SET next_try_time = NULL")
    assert "given up; to try again: dbproc retry" in tree(mission, "map")


def test_dates_without_a_code_tell_which_dates_have_one(sqlite_mission: Mission) -> None:
    mission = sqlite_mission
    mission.create(*chain(**{"from": __import__("datetime").date(2020, 2, 1)}))
    mission.deliver(name_of("raw", 1))
    mission.run()
    assert tree(mission, "smooth").splitlines()[1:3] == [
        "  clean 2020-01-01: no code: no active code of process to_clean is valid for 2020-01-01",
        "    to_clean.sh 1.0.0 is for 2020-02-01 to 2100-12-31",
    ]
    mission.define(*chain(active=False))
    assert "to_clean.sh 1.0.0 is for 1900-01-01 to 2100-12-31, and not active" in tree(mission, "clean")


def test_retired_processes_and_products_are_said_to_be(sqlite_mission: Mission) -> None:
    mission = sqlite_mission
    mission.create(*chain())
    mission.deliver(name_of("raw", 1))
    mission.run()
    mission.define(*chain()[:3])
    assert facts(mission, "clean", "2020-01-05")["state"] == "retired process"
    mission.define(product("raw", 0))
    assert "product smooth is retired" in tree(mission, "smooth", "2020-01-05")


@pytest.mark.thorough
def test_what_is_stale_tells_when_it_is_built(sqlite_mission: Mission) -> None:
    mission = sqlite_mission
    mission.create(*chain(on_code_edit="refuse"))
    mission.deliver(name_of("raw", 1))
    mission.run("-i")
    assert tree(mission, "clean").splitlines()[:2] == [
        "clean 2020-01-01: stale: no output yet",
        "  the next run builds it",
    ]
    mission.dbproc("queue", "--flush")
    assert "no queued file leads to it; dbproc check --repair queues its inputs" in tree(mission, "clean")
    mission.code("to_clean.sh", "#!/bin/sh\ncat $1 > $2\n")
    assert "was edited, and is not run until it is released or accepted" in tree(mission, "clean")


@pytest.mark.thorough
def test_what_is_refused_and_what_has_no_inputs_and_what_is_gone(sqlite_mission: Mission) -> None:
    mission = sqlite_mission
    mission.create(
        product("raw", 0),
        product("plain", 1, "plain_{Y}{m}{d}.txt"),
        product("sun", 1),
        process("to_plain", "plain", ["raw"]),
        process("to_sun", "sun", []),
    )
    mission.deliver(name_of("raw", 1))
    mission.run()
    mission.deliver(name_of("raw", 1, "1.1.0"), content="new")
    mission.run(status=1)
    assert facts(mission, "plain")["state"] == "refused"
    assert "add {VERSION} to the format" in tree(mission, "plain")
    assert "dbproc run-process to_sun --start 2020-01-01 --end 2020-01-01" in tree(mission, "sun")
    mission.files()[name_of("raw", 1, "1.1.0")].path.rename(mission.incoming / name_of("raw", 1, "1.1.0"))
    mission.dbproc("check", "--repair")
    assert f"there is {name_of('raw', 1, '1.1.0')}, gone from disk" in tree(mission, "raw")
    mission.run(status=1)


def test_of_a_week_the_first_days_are_looked_at_and_nothing_is_told_twice(sqlite_mission: Mission) -> None:
    mission = sqlite_mission
    mission.create(
        product("raw", 0),
        product("clean", 1),
        product("week", 2),
        process("to_clean", "clean", ["raw"]),
        process("to_week", "week", ["clean", window("raw", 1, 1)], "WEEKLY"),
    )
    text = tree(mission, "week", "2020-01-08")
    assert text.startswith(
        "week 2020-01-06 to 2020-01-12: not due: no file of the required input clean for 2020-01-06 to 2020-01-12"
    )
    assert "  of the 7 dates of clean the first 3 are looked at" in text
    assert text.count("no file of it was delivered") == 3
    assert "raw 2020-01-06: told above" in text


@pytest.mark.parametrize(
    ("keys", "delivered", "told"),
    [
        ({"valid": "latest"}, "", "cal 2020-01-06: not delivered"),
        ({"valid": "latest"}, "cal_20200107_v1.0.0.txt", "cal 2020-01-06: not delivered"),
        (
            {"valid": "latest", "max_age": "2 days"},
            "cal_20200103_v1.0.0.txt",
            "cal_20200103_v1.0.0.txt, the latest, starts more than 2 days before it",
        ),
        ({"valid": "covers"}, "", "cal 2020-01-06 to 2020-01-12: not delivered"),
        ({"valid": "covers"}, "cal_20200107_v1.0.0.txt", "cal_20200107_v1.0.0.txt does not hold for the whole of it"),
    ],
)
def test_a_calibration_that_is_not_valid_is_told_with_the_reason(
    sqlite_mission: Mission, keys: dict[str, object], delivered: str, told: str
) -> None:
    mission = sqlite_mission
    mission.create(
        product("raw", 0),
        product("cal", 0),
        product("week", 1),
        process("to_week", "week", ["raw", {"product": "cal", **keys}], "WEEKLY"),
    )
    mission.deliver(name_of("raw", 8), *([delivered] if delivered else []))
    mission.run()
    lines = tree(mission, "week", "2020-01-08").splitlines()
    assert lines[0].endswith("not due: no file of the required input cal for 2020-01-06 to 2020-01-12")
    assert [line for line in lines[1:] if line.startswith(f"  {told}")] == lines[1:]


@pytest.mark.both_databases
@pytest.mark.parametrize(
    ("valid", "named", "cal"), [("latest", "{Y}{m}{d}", name_of("cal", 1)), ("covers", "{Y}", "cal_2020_v1.0.0.txt")]
)
def test_a_calibration_that_is_not_in_its_place_is_named_with_what_brings_it_back(
    mission: Mission, valid: str, named: str, cal: str
) -> None:
    mission.create(
        product("raw", 0),
        product("cal", 0, f"cal_{named}_v{{VERSION}}.txt"),
        product("clean", 1),
        process("to_clean", "clean", ["raw", {"product": "cal", "valid": valid}]),
    )
    mission.deliver(name_of("raw", 8), cal)
    mission.run()
    mission.dbproc("withdraw", cal, "--reason", "wrong lamp")
    mission.run()
    restore = f"{cal} is withdrawn; to have it back: dbproc restore {cal}"
    assert restore in tree(mission, "clean", "2020-01-08")
    assert restore in tree(mission, "cal", "2020-01-08")
    mission.dbproc("restore", cal)
    mission.run()
    mission.files()[cal].path.unlink()
    mission.dbproc("check", "--repair")
    mission.deliver(name_of("raw", 9))
    mission.run()
    lost = f"{cal} is missing from disk; deliver it again"
    assert lost in tree(mission, "clean", "2020-01-09")
    assert lost in tree(mission, "cal", "2020-01-09")


@pytest.mark.thorough
def test_files_with_keywords_have_each_their_own_cause(sqlite_mission: Mission) -> None:
    mission = sqlite_mission
    mission.code("to_clean.sh", "#!/bin/sh\ngrep -v b $1 > $2\n")
    mission.create(
        product("raw", 0, "raw_{station}_{Y}{m}{d}.txt"),
        product("clean", 1, "clean_{station}_{Y}{m}{d}_v{VERSION}.txt"),
        process("to_clean", "clean", ["raw"], "FILE"),
    )
    mission.deliver("raw_a_20200101.txt", content="a")
    mission.deliver("raw_b_20200101.txt", content="b")
    mission.run(status=1)
    found = facts(mission, "clean")
    assert (found["state"], found["explanation"]) == (None, "2 of it, by period and key: 1 up to date, 1 delayed")
    assert {part["key"]: part["state"] for part in found["because"]} == {
        "station=a": "up to date",
        "station=b": "delayed",
    }


def frames() -> list[str]:
    """Frames named to the second → cleaned → sharp, which needs the dark of the same second, too."""
    time = "{camera}_{Y}{m}{d}T{H}{M}{S}"
    return [
        product("frame", 0, f"frame_{time}.txt", covers="30 s"),
        product("dark", 0, f"dark_{time}.txt"),
        product("bias", 0, "bias_{Y}{m}{d}.txt"),
        product("clean", 1, f"clean_{time}_v{{VERSION}}.txt"),
        product("sharp", 2, f"sharp_{time}_v{{VERSION}}.txt"),
        process("to_clean", "clean", ["frame", "bias"], "FILE"),
        process("to_sharp", "sharp", ["clean", "dark"], "FILE"),
    ]


@pytest.mark.parametrize(
    ("when", "lines"),
    [
        (
            "2024-05-06T22",
            [
                "sharp 2024-05-06T22 camera=R: not due: no file of the required input clean for 2024-05-06T22 camera=R",
                "  clean 2024-05-06T22 camera=R: not due: no file of the required input frame for"
                " 2024-05-06T22 camera=R",
                "    frame 2024-05-06T22 camera=R: not delivered: no process makes this product, and no file of it was"
                " delivered",
                "  dark 2024-05-06T22 camera=R: not delivered: no process makes this product, and no file of it was"
                " delivered",
            ],
        ),
        (
            "2024-05-06T23:59",
            [
                "sharp 2024-05-06T23:59 camera=R: not due: its inputs have no files that begin in"
                " 2024-05-06T23:59 camera=R and agree in their keywords",
                "  there is clean_R_20240506T235930_v1.0.0.txt",
                "  there is dark_R_20240506T235950.txt",
            ],
        ),
        (
            "2024-05-06T23:59:31",
            [
                "sharp 2024-05-06T23:59:31 camera=R: not due: no file of the required input clean for"
                " 2024-05-06T23:59:31 camera=R",
                "  clean 2024-05-06T23:59:31 camera=R: not due: its inputs have no files that begin in"
                " 2024-05-06T23:59:31 camera=R and agree in their keywords",
                "    there is frame_R_20240506T235930.txt",
                "    there is bias_20240506.txt",
                "  dark 2024-05-06T23:59:31 camera=R: not delivered: no process makes this product, and no file of it"
                " was delivered",
            ],
        ),
    ],
)
def test_a_time_of_day_for_which_no_file_came_is_told_by_itself(
    sqlite_mission: Mission, when: str, lines: list[str]
) -> None:
    mission = sqlite_mission.create(*frames())
    mission.deliver(
        "frame_R_20240506T235930.txt", "frame_L_20240506T220000.txt", "bias_20240506.txt", "dark_R_20240506T235950.txt"
    )
    mission.run()
    assert mission.dbproc("why", "sharp", when, "camera=R").out.splitlines() == lines


def test_of_a_file_every_component_that_changed_is_named(sqlite_mission: Mission) -> None:
    mission = sqlite_mission
    (mission.codes / "lib").mkdir()
    (mission.codes / "lib" / "a.txt").write_text("a")
    (mission.codes / "lib" / "b.txt").write_text("b")
    blocks = [
        product("raw", 0),
        product("side", 0),
        product("clean", 1),
        process("to_clean", "clean", ["raw", optional("side")], uses=["lib/*.txt"]),
        product("map", 2),
        process("to_map", "map", ["clean"]),
    ]
    mission.create(*blocks)
    mission.deliver(name_of("raw", 1))
    mission.run()
    made = name_of("clean", 1)
    assert mission.dbproc("why", made, "--json").json["changes"] == []
    (mission.codes / "lib" / "a.txt").write_text("other")
    edited = mission.dbproc("why", made, "--json").json["changes"]
    assert any("was edited under its version 1.0.0" in change for change in edited)
    assert "the code's file lib/a.txt changed" in edited
    assert not any("b.txt" in change for change in edited)
    time.sleep(0.01)
    (mission.codes / "lib" / "b.txt").unlink()
    mission.write(
        *blocks[:3],
        process("to_clean", "clean", ["raw", optional("side")], version="1.1.0", uses=["lib/*.txt"]),
        *blocks[4:],
    )
    mission.dbproc("apply", str(mission.file))
    mission.deliver(name_of("raw", 1, "1.1.0"), name_of("side", 1), content="new")
    mission.run("-i")
    changes = mission.dbproc("why", made, "--json").json["changes"]
    assert changes == [
        "code to_clean.sh changed from 1.0.0 to 1.1.0",
        f"input {name_of('raw', 1)} replaced by {name_of('raw', 1, '1.1.0')}",
        f"input {name_of('side', 1)} added",
        "the code's file lib/a.txt changed",
        "the code's file lib/b.txt was removed",
    ]
    above = mission.dbproc("why", name_of("map", 1))
    assert "now: up to date" in above.out
    assert f"it came from {made}, which is stale: code to_clean.sh changed" in above.out
    mission.run()
    assert mission.dbproc("why", name_of("clean", 1, "1.1.0"), "--json").json["changes"] == []
    assert f"is replaced by {name_of('clean', 1, '1.1.0')}" in mission.dbproc("why", made).out


def test_causes_may_be_many_levels_down(sqlite_mission: Mission, capsys: pytest.CaptureFixture[str]) -> None:
    steps = range(1, 101)
    blocks = [product(f"p{step}", step) for step in (0, *steps)]
    blocks += [process(f"q{step}", f"p{step}", [f"p{step - 1}"], file="q.sh") for step in steps]
    mission = sqlite_mission.create(*blocks)
    capsys.readouterr()
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack(0)) + 190)  # less than two calls for each level
    try:
        assert main(["why", "p100", "2020-01-01", "-m", mission.database]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert main(["why", "p100", "2020-01-01", "--json", "-m", mission.database]) == 0
        text = capsys.readouterr().out
    finally:
        sys.setrecursionlimit(limit)
    assert len(lines) == 101
    assert lines[-1].strip().startswith("[100] p0 2020-01-01: not delivered")
    assert text.count('"because"') == 101
