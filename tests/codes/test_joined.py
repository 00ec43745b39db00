"""Several files as one source."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import pytest

from dbproc.codes import netcdf_to_idx
from dbproc.codes.conversion import writing
from dbproc.codes.conversion.joined import joined
from dbproc.codes.conversion.source import Source
from dbproc.codes.conversion.stepped import arranged
from dbproc.codes.idx.description import Description
from dbproc.codes.idx.refusal import Refusal
from dbproc.codes.idx.slabs import plan, whole
from tests.codes.conftest import same_bits, wild, write_netcdf

UNITS = "hours since 2019-01-{:02d} 00:00:00"


def day(
    directory: Path,
    number: int,
    hours: Sequence[float] = (0.0, 6.0, 18.0),
    units: str = UNITS.format(1),
    heights: Sequence[float] = (1.0, 2.5),
    **attributes: Any,
) -> Path:
    values = wild("float32", (len(hours), len(heights)), seed=number)
    return write_netcdf(
        directory / f"day{number}.nc",
        {"time": len(hours), "height": len(heights)},
        {
            "time": (("time",), np.array(hours), {"units": units}),
            "height": (("height",), np.array(heights), {"units": "m"}),
            "T": (("time", "height"), values, {"units": "K", **attributes}),
        },
    )


@contextmanager
def opened(files: Sequence[Path], axis: str = "", new: str = "file") -> Iterator[Source]:
    with joined(netcdf_to_idx.open_source, files, {"variables": ["T"]}, axis, new) as source:
        yield source


def described(files: Sequence[Path], axis: str = "") -> Description:
    with opened(files, axis) as source:
        return source.description


def refused(files: Sequence[Path], axis: str = "") -> str:
    with pytest.raises(Refusal) as caught:
        described(files, axis)
    return str(caught.value)


def stored(number: int, length: int = 3) -> np.ndarray[Any, Any]:
    return wild("float32", (length, 2), seed=number)


@pytest.mark.parametrize("budget", [1, 20, 10**6])
def test_files_follow_one_another_on_time_however_they_are_cut(tmp_path: Path, budget: int) -> None:
    files = [day(tmp_path, 1), day(tmp_path, 2, [24.0]), day(tmp_path, 3, [30.0, 36.0])]
    wanted = np.concatenate([stored(1), stored(2, 1), stored(3, 2)])
    with opened(files) as source:
        assert source.description.shape == wanted.shape
        found = np.empty_like(wanted)
        for box in plan(wanted.shape, 4, budget):
            found[box] = source.read("T", box)
        assert same_bits(found, wanted)
        assert source.description.axes[0].coordinates == (0.0, 6.0, 18.0, 24.0, 30.0, 36.0)
        assert [(part.start, part.stop) for part in source.description.parts] == [(0, 3), (3, 4), (4, 6)]
        assert [each.name for each in source.description.origins] == ["day1.nc", "day2.nc", "day3.nc"]


def test_files_are_stacked_along_a_new_axis_that_is_named(tmp_path: Path) -> None:
    files = [day(tmp_path, 1), day(tmp_path, 2)]
    with opened(files, "member") as source:
        assert [axis.name for axis in source.description.axes] == ["member", "time", "height"]
        assert same_bits(source.read("T", whole((2, 3, 2))), np.stack([stored(1), stored(2)]))


def test_files_follow_one_another_on_an_axis_that_is_not_the_first(tmp_path: Path) -> None:
    files = [day(tmp_path, 1), day(tmp_path, 2, heights=[3.0, 4.0])]
    with opened(files, "height") as source:
        assert source.description.axes[1].coordinates == (1.0, 2.5, 3.0, 4.0)
        assert source.description.parts == ()
        assert same_bits(source.read("T", whole((3, 4))), np.concatenate([stored(1), stored(2)], axis=1))
        box = (slice(1, 3), slice(1, 3))
        assert same_bits(source.read("T", box), np.concatenate([stored(1), stored(2)], axis=1)[box])


def test_times_are_told_in_the_units_of_the_first_file(tmp_path: Path) -> None:
    files = [day(tmp_path, number, units=UNITS.format(number)) for number in (1, 2)]
    found = described(files)
    assert found.axes[0].coordinates == (0.0, 6.0, 18.0, 24.0, 30.0, 42.0)
    assert found.axes[0].units == UNITS.format(1)
    assert any("told in" in note for note in found.notes)


def test_what_differs_between_files_is_told_of_each(tmp_path: Path) -> None:
    found = described([day(tmp_path, 1, comment="calm", site="C1"), day(tmp_path, 2, comment="windy", site="C1")])
    assert found.fields[0].attributes["site"] == "C1"
    assert "comment" not in found.fields[0].attributes
    assert [part.attributes["T:comment"] for part in found.parts] == ["calm", "windy"]


@pytest.mark.parametrize("calendar", [None, "gregorian", "standard"])
def test_times_in_other_units_of_one_calendar_are_told_in_the_first_ones_exactly(
    tmp_path: Path, calendar: str | None
) -> None:
    first = day(tmp_path, 1, (0.0, 6.0, 18.0))
    second = day(tmp_path, 2, (1.0, 1.25, 1.5), units="days since 2019-01-01 12:00")
    with netCDF4.Dataset(second, "a") as dataset:
        if calendar:
            dataset["time"].calendar = calendar
    found = described([first, second])
    assert found.axes[0].coordinates == (0.0, 6.0, 18.0, 36.0, 42.0, 48.0)
    assert "coordinates of all files are told in 'hours since 2019-01-01 00:00:00'" in found.notes


@pytest.mark.parametrize(
    ("date", "expected"),
    [
        ("2019-01-02 00:00 -6:00", 30.0),
        ("2019-01-02 00:00:00.0+0230", 21.5),
        ("2019-01-02T00:00:00Z", 24.0),
        ("2019-01-02 +2", 22.0),
        ("2019-01-02 00:00 EST", None),
    ],
)
def test_the_zone_of_a_date_counts(tmp_path: Path, date: str, expected: float | None) -> None:
    files = [day(tmp_path, 1), day(tmp_path, 2, (0.0,), units=f"days since {date}")]
    if expected is None:
        assert f"its axis time is in 'days since {date}'" in refused(files)
        return
    told = described(files).axes[0].coordinates
    assert told is not None
    assert told[-1] == expected


@pytest.mark.parametrize(
    ("since", "hours", "expected"),
    [("2019-01-01", 24.0, 24.0), ("0001-01-01", 24.0 * 737060, 24.0 * 1), ("1582-01-01", -24.0, None)],
)
def test_the_proleptic_calendar_is_the_standard_one_after_the_reform(
    tmp_path: Path, since: str, hours: float, expected: float | None
) -> None:
    first, second = day(tmp_path, 1), day(tmp_path, 2, (hours,), units=f"hours since {since}")
    with netCDF4.Dataset(second, "a") as dataset:
        dataset["time"].calendar = "proleptic_gregorian"
    if expected is None:
        assert "its axis time is in 'hours since 1582-01-01' (proleptic_gregorian)" in refused([first, second])
        return
    told = described([first, second]).axes[0].coordinates
    assert told is not None
    assert told[-1] == expected


def test_another_calendar_is_refused(tmp_path: Path) -> None:
    first, second = day(tmp_path, 1), day(tmp_path, 2)
    with netCDF4.Dataset(second, "a") as dataset:
        dataset["time"].calendar = "noleap"
    assert "its axis time is in" in refused([first, second])


def test_advice_offers_nothing_that_was_just_refused(tmp_path: Path) -> None:
    fills = [day(tmp_path, i, (6.0 * i,), _FillValue=np.float32(fill)) for i, fill in ((1, -999), (2, -9999))]
    said = refused(fills, "time")
    assert "its fill and valid range of T" in said
    assert "--join" not in said
    assert "one fill value and valid range first" in said
    scales = [day(tmp_path, i, (6.0 * i,), scale_factor=0.5 * i) for i in (3, 4)]
    assert "its scale, offset and units of T" in refused(scales, "time")
    assert refused(scales, "time").endswith("Convert them apart, or --unpack their values")


CHANGES: list[tuple[Mapping[str, Any], str]] = [
    ({"heights": [1.0, 2.0]}, "coordinates of axis height at index 1 is 2.0, not 2.5"),
    ({"heights": [1.0, 2.0, 3.0]}, "axis 1"),
    ({"units": "hours since yesterday"}, "its axis time is in"),
    ({"units": "months since 2019-01-01"}, "its axis time is in"),
    ({"scale_factor": 2.0}, "scale, offset and units of T"),
    ({"missing_value": np.float32(-1)}, "fill and valid range of T"),
    ({"flag_meanings": "good bad"}, "meaning of T"),
]


@pytest.mark.parametrize(("change", "words"), CHANGES)
def test_a_file_that_means_something_else_is_refused_by_name(
    tmp_path: Path, change: Mapping[str, Any], words: str
) -> None:
    told = refused([day(tmp_path, 1), day(tmp_path, 2), day(tmp_path, 3, **change)])
    assert "day3.nc" in told
    assert words in told


def test_a_file_that_is_given_twice_is_refused(tmp_path: Path) -> None:
    first, second = day(tmp_path, 1), day(tmp_path, 2, units=UNITS.format(2))
    assert f"{first}: it is given twice" in refused([first, second, first])


def test_files_that_overlap_or_are_out_of_order_are_noted(tmp_path: Path) -> None:
    days = [day(tmp_path, number, units=UNITS.format(number)) for number in (1, 2, 3)]
    noted = "coordinates of time go to and fro: the files overlap or are not in order"
    assert noted not in described(days).notes
    assert noted in described([days[0], days[2], days[1]]).notes
    assert noted in described([days[0], day(tmp_path, 4)]).notes


@pytest.mark.parametrize("turned", ["", "height"])
@pytest.mark.parametrize(("axis", "timesteps"), [("time", "time"), ("time", "none"), ("height", "time"), ("", "")])
def test_a_slab_of_several_files_opens_each_once(tmp_path: Path, axis: str, timesteps: str, turned: str) -> None:
    opened_files: list[Path] = []

    @contextmanager
    def opener(inputs: Sequence[Path], options: Mapping[str, Any]) -> Iterator[Source]:
        opened_files.extend(inputs)
        with netcdf_to_idx.open_source(inputs, options) as source:
            yield source

    days = [day(tmp_path, i, heights=(2.0 * i, 2.0 * i + 1) if axis == "height" else (1.0, 2.5)) for i in range(4)]
    with joined(opener, days, {"variables": ["T"]}, axis, "file") as found:
        source = arranged(found, timesteps, "in")
        opened_files.clear()
        described = replace(source.description, reversed=(turned,))
        slab = writing._slab(
            source, writing.Plan(described, 1 << 20), whole(described.shape), described.fields[0], "in"
        )
        once = [*opened_files]
        values = source.read("T", whole(described.shape))
    assert once == days
    wanted = np.flip(values, [i for i, each in enumerate(described.axes) if each.name == turned])
    assert same_bits(np.concatenate([each.values.reshape(-1) for each in slab.layers]), wanted.reshape(-1))
    assert 0 < len(slab.spots) <= 4


def test_a_file_of_which_nothing_is_read_is_noticed(tmp_path: Path) -> None:
    with opened([day(tmp_path, i) for i in range(3)]) as source:
        source.runs = lambda box: [(slice(0, 3), *box[1:]), (slice(6, 9), *box[1:])]  # type: ignore[attr-defined]
        shape, (field,) = source.description.shape, source.description.fields
        with pytest.raises(AssertionError, match="bytes read where"):
            writing._slab(source, writing.Plan(source.description, 1 << 20), whole(shape), field, "in")
