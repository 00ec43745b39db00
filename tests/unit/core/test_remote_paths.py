"""Which files of a source are meant, and which directories need not be listed."""

from __future__ import annotations

import datetime as dt

import pytest

from dbproc.core.errors import FormatError
from dbproc.core.remote_paths import RemotePath, Spot, compile_path, last_day, name_fault


def names_taken(path: str, *names: str) -> list[str]:
    part = compile_path(path).name
    return [name for name in names if part.read(name, {}) is not None]


def walked(path: RemotePath, *names: str) -> Spot | None:
    spot: Spot | None = path.start()
    for name in names:
        assert spot is not None
        spot = path.below(spot, name)
    return spot


def test_directories_that_are_written_as_they_are_are_gone_into_without_being_looked_for() -> None:
    path = compile_path("/data/raw/{Y}/day/{m}/*.cdf")
    assert path.start() == Spot("data/raw", 2)
    assert walked(path, "2024") == Spot("data/raw/2024/day", 4, {"Y": "2024"})
    spot = walked(path, "2024", "05")
    assert spot == Spot("data/raw/2024/day/05", 5, {"Y": "2024", "m": "05"})
    assert path.is_last(spot)
    assert not path.is_last(path.start())


def test_a_directory_that_is_no_date_leads_nowhere() -> None:
    path = compile_path("{Y}/{m}/*")
    assert [walked(path, name) for name in ("24", "2024a", "latest", "1024")] == [None] * 4
    assert walked(path, "2024", "13") is None


def test_the_last_day_of_a_directory_is_known_as_far_as_its_fields_tell() -> None:
    path = compile_path("{Y}/{m}/{d}/*")
    assert path.start().last_day is None
    days = [walked(path, *names) for names in (["2024"], ["2024", "02"], ["2024", "02", "03"], ["2024", "02", "31"])]
    assert [spot and spot.last_day for spot in days] == [
        *(dt.date(2024, 12, 31), dt.date(2024, 2, 29), dt.date(2024, 2, 3), None)
    ]


def test_a_field_has_one_value_wherever_it_stands() -> None:
    path = compile_path("{Y}/{m}/raw_{Y}{m}{d}.cdf")
    spot = walked(path, "2024", "05")
    assert spot is not None
    assert path.name.read("raw_20240507.cdf", spot.values) == {"Y": "2024", "m": "05", "d": "07"}
    assert path.name.read("raw_20240607.cdf", spot.values) is None
    assert last_day({"Y": "2024", "m": "05", "d": "07"}) == dt.date(2024, 5, 7)


def test_patterns_are_those_of_a_shell() -> None:
    assert names_taken("*.cdf", "a.cdf", ".cdf", "a.cdf.md5", "aXcdf", "a/b.cdf", "a\n.cdf") == [
        *("a.cdf", ".cdf", "a\n.cdf")
    ]
    assert names_taken("a?.[ch]", "ab.c", "a.c", "ab.h", "ab.x") == ["ab.c", "ab.h"]
    assert names_taken("[!a-c]*", "a", "d", "/") == ["d"]
    assert names_taken("[]x]1", "]1", "x1", "1") == ["]1", "x1"]
    assert names_taken("a+(b).{{x}}", "a+(b).{x}", "aa+b.x") == ["a+(b).{x}"]


def test_a_name_without_fields_and_patterns_is_that_one() -> None:
    path = compile_path("{Y}/data.nc")
    assert path.name.pattern is None
    assert path.name.text == "data.nc"


@pytest.mark.parametrize(
    "text", ["", "/", "a//b", "../x", "a/../b", "./a", "a/", "**/x", "{station}.txt", "{Y", "{Y:04d}", "[z-a].txt"]
)
def test_a_path_that_leads_out_or_means_nothing_is_refused(text: str) -> None:
    with pytest.raises(FormatError):
        compile_path(text)


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../x", "a/b", "a\\b", "a\0b", "a\nb", "a\x1bb", "x" * 256, "ü" * 128, "a\udcff"]
)
def test_a_name_that_no_file_may_have_is_refused(name: str) -> None:
    assert name_fault(name)


@pytest.mark.parametrize("name", ["a.cdf", "x" * 255, "ü" * 127, "a b", "CON", "a.", "-rf", "~", "$(x)"])
def test_an_odd_name_is_one(name: str) -> None:
    assert name_fault(name) is None
