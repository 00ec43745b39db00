"""Files of the catalogue, listed as people ask for them: by product, time, key, standing, bytes, words and run."""

from __future__ import annotations

import csv
import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest

from dbproc.cli import terminal
from dbproc.database.selection import Selection, page_of, selected
from dbproc.database.store import open_store
from tests.kit.mission import Mission, name_of, process, product

RAW = "raw_{station}_{Y}{m}{d}_v{VERSION}.txt"
STATIONS = ("ANK", "BOL", "bol")


def raw(station: str, day: int, version: str = "1.0.0") -> str:
    return f"raw_{station}_202001{day:02d}_v{version}.txt"


def listed(mission: Mission, *arguments: str) -> list[str]:
    return [row["filename"] for row in json.loads(mission.dbproc("files", *arguments, "--json").out)]


@pytest.fixture
def made(mission: Mission) -> Mission:
    """Two days of three stations with a sum of each day; one file came in two versions."""
    mission.create(
        product("raw", 0, RAW, expect="daily", keys=["ANK", "BOL"], late_after="1 day"),
        product("sum", 1),
        process("to_sum", "sum", ["raw"]),
        retry_seconds=0,
    )
    mission.deliver(*(raw(station, day) for station in STATIONS for day in (1, 2)))
    mission.run()
    mission.deliver(raw("ANK", 1, "1.1.0"))
    mission.run()
    return mission


@pytest.mark.both_databases
def test_files_are_found_by_all_that_tells_them_from_others(made: Mission, tmp_path: Path) -> None:
    assert listed(made, "raw") == [
        *(raw("ANK", 1), raw("ANK", 1, "1.1.0"), raw("BOL", 1), raw("bol", 1)),
        *(raw("ANK", 2), raw("BOL", 2), raw("bol", 2)),
    ]
    assert listed(made, "--newest", "--end", "2020-01-01") == [
        *(raw("ANK", 1, "1.1.0"), raw("BOL", 1), raw("bol", 1)),
        name_of("sum", 1, "1.1.0"),
    ]
    assert listed(made, "raw", "--key", "station=BOL") == [raw("BOL", 1), raw("BOL", 2)]
    assert listed(made, "raw", "--start", "2020-01-02T12", "--text", "RAW_BOL") == [raw("BOL", 2), raw("bol", 2)]
    assert listed(made, "--run", str(made.one("SELECT max(logging_id) FROM attempt"))) == [
        *(raw("ANK", 1, "1.1.0"), name_of("sum", 1, "1.1.0"))
    ]
    assert "no keyword band" in made.dbproc("files", "--key", "band=red", status=2).err
    assert "no product rau; did you mean raw?" in made.dbproc("files", "rau", status=2).err
    with open_store(made.database) as store, store.begin() as connection:
        whole, some = list(selected(connection, Selection())), page_of(connection, Selection(), None, 2)
        while some[-1] != whole[-1]:
            some += page_of(connection, Selection(), some[-1], 2)
        assert some == whole
        assert len(whole) == 10


@pytest.mark.both_databases
def test_what_is_out_of_its_place_is_found_with_the_place_of_its_bytes(made: Mission, tmp_path: Path) -> None:
    former = made.files()[raw("BOL", 1)]
    (tmp_path / "other").write_text("other")
    made.dbproc("replace", raw("BOL", 1), "with", str(tmp_path / "other"), "--reason", "gaps")
    made.dbproc("withdraw", raw("bol", 2), "--reason", "noise")
    (gone := made.files()[raw("ANK", 2)].path).unlink()
    made.dbproc("check", "--repair")
    assert raw("bol", 2) in listed(made, "--withdrawn")
    assert raw("bol", 2) not in listed(made)
    assert raw("ANK", 2) in listed(made, "--missing")
    assert str(gone) not in made.dbproc("files", "--paths").out
    assert listed(made, "--former") == [raw("BOL", 1)]
    (kept,) = made.dbproc("files", "--digest", former.digest, "--paths").out.splitlines()
    assert Path(kept).read_text() == "raw_BOL_20200101"
    assert "replaced" in made.dbproc("files", "--digest", former.digest[:20]).out
    (aside,) = made.dbproc("files", "raw", "--withdrawn", "--paths").out.splitlines()
    assert Path(aside).read_text() == "raw_bol_20200102"
    made.deliver(raw("ANK", 2))
    made.run()
    assert listed(made, "raw", "--missing") == []
    assert "in their places" in made.dbproc("files", "--newest", "--former", status=2).err


def test_the_answer_is_a_table_or_csv_and_tells_when_a_delivery_came(made: Mission) -> None:
    before = dt.datetime.now(dt.UTC)
    lines = made.dbproc("files", "sum").out.splitlines()
    assert lines[0].split() == ["file", "time", "version", "size", "arrived", "note"]
    assert lines[-1].startswith("3 files, ")
    rows: list[dict[str, Any]] = list(csv.DictReader(made.dbproc("files", "--csv").out.splitlines()))
    assert [row["filename"] for row in rows] == listed(made)
    for row in rows:
        came = row["arrived"]
        assert (came == "") == (row["product"] == "sum")
        assert not came or dt.timedelta() < before - dt.datetime.fromisoformat(came) < dt.timedelta(hours=1)
    assert ", came 2" in made.dbproc("why", raw("ANK", 1)).out
    assert list(csv.reader(made.dbproc("files", "raw", "--end", "2019-01-01", "--csv").out.splitlines()))[1:] == []
    assert json.loads(made.dbproc("files", "raw", "--end", "2019-01-01", "--json").out) == []


def test_what_should_have_come_is_listed_as_late(made: Mission, monkeypatch: pytest.MonkeyPatch) -> None:
    late = json.loads(
        made.dbproc("files", "raw", "--late", "--end", "2020-01-04", "--key", "station=BOL", "--json").out
    )
    assert [(row["date"], row["key"], row["due"]) for row in late] == [
        ("2020-01-03", "station=BOL", "2020-01-05T00:00:00+00:00"),
        ("2020-01-04", "station=BOL", "2020-01-06T00:00:00+00:00"),
    ]
    monkeypatch.setattr(terminal, "room", lambda: 80)
    told = made.dbproc("status").out.partition("late:\n")[2].splitlines()
    assert len(told) > 1
    assert max(map(len, told)) <= 80
    assert "late is no file" in made.dbproc("files", "--late", "--newest", status=2).err
