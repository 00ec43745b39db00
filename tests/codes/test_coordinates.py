"""Coordinates are kept one by one, or by start and step; too many others are left out, and that is told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import pytest

from dbproc.codes.conversion.ranged import ranged
from dbproc.codes.idx import coordinates
from dbproc.codes.idx.coordinates import LEFT_OUT, kept, of_a_part, placed
from dbproc.codes.idx.description import Axis
from dbproc.codes.netcdf_to_idx import open_source
from tests.codes.test_stepped import Numbered


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coordinates, "LISTED", 4)
    monkeypatch.setattr(coordinates, "MOST", 8)


def axis(values: Any, fills: tuple[float, ...] = (), **attributes: Any) -> Axis:
    return placed(Axis("x", len(values), attributes=attributes), np.asarray(values), fills)


@pytest.mark.usefixtures("small")
def test_regular_coordinates_that_start_and_step_tell_exactly_are_not_listed() -> None:
    for values in (np.arange(9) * 0.02, np.arange(5) + (1 << 60), np.arange(6, dtype="u1"), -np.arange(20.0)):
        found = axis(values)
        assert found.coordinates is None
        assert np.array_equal(np.asarray(found.positions()), values)
        assert LEFT_OUT not in found.attributes
    assert axis(np.arange(5), scale_factor=0.5).positions() == [0, 0.5, 1, 1.5, 2]


@pytest.mark.usefixtures("small")
def test_few_coordinates_and_those_that_are_not_quite_regular_are_listed() -> None:
    off = np.arange(7) + np.array([0, 1e-9, 0, 0, 0, 0, 0])
    for values in (np.arange(4.0), off, np.arange(8) ** 2):
        assert axis(values).coordinates == tuple(values.tolist())
    assert axis(off).regular is not None


@pytest.mark.usefixtures("small")
def test_of_too_many_start_and_step_are_kept_with_what_they_are_off_or_nothing_and_why() -> None:
    found = axis(np.arange(10) + np.array([0, 1e-9, 0, 0, 0, 0, 0, 0, 0, 0]))
    assert found.regular is not None
    assert found.attributes["coordinates_within"] == pytest.approx(1e-9)
    found = axis(np.arange(10) ** 2)
    assert (found.coordinates, found.regular) == (None, None)
    assert "convert them as a field of their own" in found.attributes[LEFT_OUT]


def test_fill_values_are_no_coordinates() -> None:
    found = axis(np.array([10, -1, 30], "i2"), (-1,), scale_factor=0.5)
    assert (found.is_placed, found.positions()) == (False, None)
    assert found.attributes[LEFT_OUT] == "1 of 3 are fill values"
    assert found.attributes["source_coordinates"] == [10, -1, 30]


@pytest.mark.usefixtures("small")
def test_a_long_regular_axis_of_a_file_needs_no_list(tmp_path: Path) -> None:
    with netCDF4.Dataset(tmp_path / "in.nc", "w") as file:
        file.createDimension("time", 3000)
        file.createVariable("time", "f8", ("time",))[:] = np.arange(3000) / 64
        file.createVariable("odd", "f8", ("time",))[:] = np.arange(3000) ** 2
        file.createVariable("v", "f4", ("time",))[:] = 1
    with open_source([tmp_path / "in.nc"], {"variables": ["v", "odd"]}) as source:
        (found,) = source.description.axes
    assert found.coordinates is None
    assert found.positions() == (np.arange(3000) / 64).tolist()


@pytest.mark.usefixtures("small")
def test_a_part_of_too_many_has_those_of_the_part() -> None:
    values = np.arange(20) ** 2
    with of_a_part(True):
        whole = axis(values)
    assert len(whole.coordinates or ()) == 20
    assert LEFT_OUT in kept(whole).attributes
    source = Numbered("x", 20)
    source.description = replace(source.description, axes=(whole,))
    assert ranged(source, [("x", 3, 7)], "in").description.axes[0].coordinates == (9, 16, 25, 36)
    assert axis(values).coordinates is None
