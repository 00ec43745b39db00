"""What is unlikely of the dates and times of files."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace

import pytest

from dbproc.core.model import File, Inspector, Product
from dbproc.core.plausibility import doubts
from dbproc.core.version import Version

NOW = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
RAW = Product(
    product_id=1,
    name="raw",
    level=0,
    directory="data",
    format="raw_{station}_{Y}{m}{d}_v{VERSION}.txt",
    instrument="",
    satellite="",
    mission="",
    inspector=Inspector(inspector_id=1, name="filename"),
)


def file(day: int, hours: float = 24, *, station: str = "A", version: str = "1.0.0", name: str = "") -> File:
    date = dt.date(2020, 1, 1) + dt.timedelta(days=day - 1)
    start = dt.datetime.combine(date, dt.time(), dt.UTC)
    called = name or f"raw_{station}_{date:%Y%m%d}_v{version}.txt"
    stop = start + dt.timedelta(hours=hours) - dt.timedelta(microseconds=1)
    return File(day, 1, called, date, start, stop, Version.parse(version), f"station={station}", "data")


def found(*files: File) -> list[tuple[str, str]]:
    return [(each.filename, text) for each, text in doubts(RAW, files, NOW)]


def test_regular_files_of_any_number_and_key_are_likely() -> None:
    assert found() == []
    assert found(file(1), file(9, 2)) == []  # too few to say what is usual
    assert found(*(file(day, station=station) for day in range(1, 30) for station in "AB")) == []
    assert found(*(file(day) for day in range(1, 30, 3))) == []


@pytest.mark.parametrize(
    ("odd", "text"),
    [
        (lambda: file(3, 1), "its data last 60 min, where 24 h is usual"),
        (lambda: file(3, 24 * 8), "its data last 8 days, where 24 h is usual"),
        (lambda: file(3, name="raw_A_20200104_v1.0.0.txt"), "its name says 2020-01-04, and its date is 2020-01-03"),
        (lambda: file(3, name="raw_A_20200103_v2.0.0.txt"), "its name says version 2.0.0, and it has 1.0.0"),
        (lambda: file(20), "before it nothing is there from 2020-01-07 23:59 to 2020-01-20 00:00, where one follows"),
        (lambda: file(3, 24 * 365 * 10), "its data end in the future"),
    ],
)
def test_what_stands_out_is_told_of_its_file_alone(odd: Callable[[], File], text: str) -> None:
    one = odd()
    told = found(*(file(day) for day in (1, 2, 4, 5, 6, 7)), one)
    assert {name for name, _ in told} == {one.filename}
    assert any(each.startswith(text) for _, each in told)


def test_a_date_outside_of_the_data_is_unlikely() -> None:
    moved = replace(file(3), date=dt.date(2020, 2, 1))
    assert "its date is 2020-02-01, and its data are of 2020-01-03 00:00 to 2020-01-03 23:59" in [
        text for _, text in found(moved)
    ]
