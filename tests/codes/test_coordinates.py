"""Coordinates are all kept, or too many of them refused before they are read."""

from __future__ import annotations

from pathlib import Path

import netCDF4
import pytest

from dbproc.codes.idx import coordinates
from dbproc.codes.idx.refusal import Refusal
from dbproc.codes.netcdf_to_idx import open_source


def test_too_many_coordinates_are_refused_by_the_name_of_their_axis(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with netCDF4.Dataset(tmp_path / "in.nc", "w") as file:
        file.createDimension("x", 9)
        file.createVariable("x", "f8", ("x",))[:] = range(9)
        file.createVariable("v", "f4", ("x",))[:] = range(9)
    monkeypatch.setattr(coordinates, "MOST", 9)
    with open_source([tmp_path / "in.nc"], {"variables": ["v"]}) as source:
        assert len(source.description.axes[0].coordinates or ()) == 9
    monkeypatch.setattr(coordinates, "MOST", 8)
    with (
        pytest.raises(Refusal, match="axis x: it has 9 coordinates; 8 can be kept"),
        open_source([tmp_path / "in.nc"], {"variables": ["v"]}),
    ):
        pass
