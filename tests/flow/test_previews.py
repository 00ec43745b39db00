"""What is in files, seen on the page: each pixel is what another reader finds; words say what is not shown."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import h5py
import matplotlib as mpl
import netCDF4
import numpy as np
import pytest
import tifffile
from PIL import Image
from starlette.testclient import TestClient

from dbproc.codes.previews.program import _chosen
from dbproc.codes.previews.variables import hdf5, netcdf
from dbproc.core.access import Scope
from dbproc.service import previews
from tests.kit.mission import Mission, process, product
from tests.kit.service import bearer, client

Array = np.ndarray[Any, Any]
SHAPE = (3, 4, 20, 30)
"""Time, z, y, x."""


def wind(path: Path) -> Array:
    """Values of which one is missing, with latitudes that fall, and what cannot be drawn beside."""
    values = np.random.default_rng(16).normal(size=SHAPE).astype("f4")
    values[1, 2, 5, 7] = np.nan
    with netCDF4.Dataset(path, "w") as file:
        for name, size in zip(("time", "z", "y", "x"), SHAPE, strict=True):
            file.createDimension(name, size)
        variable = file.createVariable("uwnd", "f4", ("time", "z", "y", "x"))
        variable.units = "m/s"
        variable[...] = values
        file.createVariable("y", "f8", ("y",)).setncatts({"units": "degrees_north", "standard_name": "latitude"})
        file["y"][:] = np.linspace(40, 21, SHAPE[2])
        file.createVariable("gust", "f8", ("x",)).units = "m/s"
        file["gust"][:] = np.arange(SHAPE[3]) ** 2
        file.createVariable("note", str, ())[0] = "<b>calm</b>"
    return values


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Mission, Array, Array]:
    directory = tmp_path_factory.mktemp("previews")
    mission = Mission(directory / "mission", str(directory / "mission.sqlite"))
    mission.create(
        product("wind", 0, "wind_{Y}{m}{d}_v{VERSION}.nc", inspector="netcdf"),
        product("cube", 1, "cube_{Y}{m}{d}_v{VERSION}.idx", inspector="idx"),
        product("photo", 0, "photo_{Y}{m}{d}_v{VERSION}.tif"),
        product("outside", 0, "outside_{Y}{m}{d}_v{VERSION}.h5"),
        product("broken", 0, "broken_{Y}{m}{d}_v{VERSION}.nc"),
        process("to_idx", "cube", ["wind"], file="dbproc:netcdf_to_idx", arguments=["--variable", "uwnd"]),
    )
    values = wind(mission.incoming / "wind_20240501_v1.0.0.nc")
    pixels = np.arange(2 * 30 * 40, dtype="u2").reshape(2, 30, 40) * 20
    tifffile.imwrite(mission.incoming / "photo_20240501_v1.0.0.tif", pixels)
    (mission.incoming / "broken_20240501_v1.0.0.nc").write_bytes(b"\x89HDF\r\n\x1a\n and no more")
    with h5py.File(mission.incoming / "outside_20240501_v1.0.0.h5", "w") as file:
        file.create_dataset("hosts", (2, 4), "u1", external=[("/etc/hosts", 0, 8)])
    mission.run()
    return mission, values, pixels


@pytest.fixture(scope="module")
def service(made: tuple[Mission, Array, Array]) -> Iterator[TestClient]:
    with client(made[0].database) as service:
        yield service


def number_of(mission: Mission, product: str) -> int:
    return int(mission.one(f"SELECT file_id FROM file WHERE filename LIKE '{product}%'"))


def shown(service: TestClient, path: str, **query: object) -> Array:
    """The pixels of a picture."""
    answer = service.get(f"{path}/picture.png", params={name: str(each) for name, each in query.items()})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png"), answer.text
    return np.asarray(Image.open(io.BytesIO(answer.content)))


def words(service: TestClient, path: str, **query: object) -> str:
    """The page around it, without tags."""
    answer = service.get(f"{path}/picture", params={name: str(each) for name, each in query.items()})
    assert answer.status_code == 200, answer.text
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", answer.text)))


def coloured(values: Array, low: float, high: float, name: str = "viridis") -> Array:
    """The colours of values with the first row on top; none where there is no value."""
    pixels = mpl.colormaps[name]((np.nan_to_num(values, nan=low) - low) / (high - low), bytes=True)
    pixels[np.isnan(values)] = 0
    return pixels


def blocks(pixels: Array, shape: tuple[int, int]) -> Array:
    """One pixel for each value; that all of a block are the same is made sure."""
    down, along = pixels.shape[0] // shape[0], pixels.shape[1] // shape[1]
    assert pixels.shape[:2] == (shape[0] * down, shape[1] * along)
    found = pixels[::down, ::along]
    assert np.array_equal(found.repeat(down, 0).repeat(along, 1), pixels)
    return found


@pytest.mark.parametrize("name", ["wind", "cube"])
def test_a_slice_has_the_values_that_are_there_north_on_top(
    made: tuple[Mission, Array, Array], service: TestClient, name: str
) -> None:
    mission, values, _ = made
    path, plane = f"/files/{number_of(mission, name)}", values[1, 2].astype("f8")
    assert f"{path}/picture" in service.get(path).text
    found = blocks(shown(service, path, at0=1, at1=2, field="uwnd"), SHAPE[2:])
    assert np.array_equal(found, coloured(plane, np.nanmin(plane), np.nanmax(plane)))
    told = words(service, path, at0=1, at1=2, field="uwnd")
    assert f"Values from {np.nanmin(plane):g} to {np.nanmax(plane):g} m/s" in told
    assert "1 value missing" in told
    assert "Top to bottom: y=0 (40 degrees_north) to y=19 (21 degrees_north) Left to right: x=0 to x=29" in told
    across = blocks(shown(service, path, at0=0, at3=4, axes="1-2", field="uwnd"), SHAPE[1:3])
    plane = values[0, :, :, 4].astype("f8")[::-1]  # z upwards, y as it lies: from the first
    assert {each.tobytes() for each in (across, across[:, ::-1])} & {
        coloured(plane, plane.min(), plane.max()).tobytes()
    }


def test_colours_span_all_of_a_dataset_where_that_is_asked_for(
    made: tuple[Mission, Array, Array], service: TestClient
) -> None:
    mission, values, _ = made
    path = f"/files/{number_of(mission, 'cube')}"
    found = blocks(shown(service, path, at0=0, at1=0, colours="all"), SHAPE[2:])
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    assert np.array_equal(found, coloured(values[0, 0].astype("f8"), low, high))
    assert f"Colours span {low:g} to {high:g} m/s" in words(service, path, at0=0, at1=0, colours="all")


def test_pages_of_an_image_come_as_they_are_stored_and_in_parts(
    made: tuple[Mission, Array, Array], service: TestClient
) -> None:
    mission, _, pixels = made
    path = f"/files/{number_of(mission, 'photo')}"
    for page in range(2):
        found = blocks(shown(service, path, at0=page), (30, 40))
        plane = pixels[page].astype("f8")
        assert np.array_equal(found, coloured(plane, plane.min(), plane.max(), "gray"))
    part = blocks(shown(service, path, zoom=2, at1=0, at2=39), (15, 20))
    plane = pixels[0, :15, 20:].astype("f8")
    assert np.array_equal(part, coloured(plane, plane.min(), plane.max(), "gray"))


def test_what_is_in_a_file_is_listed_and_what_cannot_be_shown_says_why(
    made: tuple[Mission, Array, Array], service: TestClient
) -> None:
    mission, _, _ = made
    path = f"/files/{number_of(mission, 'wind')}"
    told = words(service, path)
    assert "uwnd 3 × 4 × 20 × 30 float32 m/s" in told
    assert "no picture: it holds no numbers" in told
    assert "Values from 0 to 841 m/s" in words(service, path, field="gust")
    assert shown(service, path, field="gust").shape[2] == 4
    assert "it has no field 'nosuch'" in words(service, path, field="nosuch")
    assert service.get(f"{path}/picture.png?field=note").status_code == 422
    broken = f"/files/{number_of(mission, 'broken')}"
    assert "There is no picture: it " in words(service, broken)
    assert service.get(f"{broken}/picture.png").status_code == 422
    assert "'hosts' lies in another file" in words(service, f"/files/{number_of(mission, 'outside')}")
    assert service.get(f"{path}/picture?axes=../..").status_code == 422
    assert service.get("/files/999/picture").status_code == 404


def test_values_are_drawn_before_the_places_that_they_are_at(tmp_path: Path) -> None:
    path = tmp_path / "curve.nc"
    with netCDF4.Dataset(path, "w") as file:
        file.createDimension("time", 3)
        for name in ("time", "wind"):
            file.createVariable(name, "f4", ("time",))[:] = 1, 2, 3
    for content in (netcdf(path), hdf5(path)):
        chosen = _chosen(content, "")
        assert chosen is not None
        assert chosen.name == "wind"


def test_files_beside_a_dataset_that_nobody_entered_are_not_read(
    made: tuple[Mission, Array, Array], service: TestClient
) -> None:
    mission, _, _ = made
    path = f"/files/{number_of(mission, 'cube')}"
    (companion,) = (each for each in (mission.root / "data" / "cube").iterdir() if each.is_dir())
    bin_of = next(companion.rglob("*.bin"))
    kept = bin_of.with_name("kept")
    bin_of.rename(kept)
    bin_of.symlink_to("/etc/passwd")
    assert "is a link, which is not followed" in words(service, path, at0=2, at1=3)
    bin_of.unlink()
    assert "is not of the catalogue" in words(service, path, at0=2, at1=3)
    kept.rename(bin_of)
    assert "Values from" in words(service, path, at0=2, at1=3)


def test_a_picture_is_drawn_once_and_known_by_its_tag(
    made: tuple[Mission, Array, Array], service: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    mission, _, _ = made
    path = f"/files/{number_of(mission, 'photo')}/picture.png?at0=1"
    first = service.get(path)
    monkeypatch.setattr(previews, "_PROGRAM", "nosuch")
    again = service.get(path)
    assert (again.content, again.headers["etag"]) == (first.content, first.headers["etag"])
    assert service.get(path, headers={"If-None-Match": first.headers["etag"]}).status_code == 304
    assert "ended with 1" in service.get(f"{path}&zoom=2&colours=all").text
    assert not list((mission.root / ".dbproc" / "pictures").glob("part-*"))


def test_a_process_that_takes_too_long_is_ended_and_not_many_wait(
    made: tuple[Mission, Array, Array], service: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"/files/{number_of(made[0], 'photo')}"
    monkeypatch.setattr(previews, "TIME_LIMIT", 0.0)
    assert "takes longer than 0 s" in words(service, path, zoom=2, at1=3)
    monkeypatch.setattr(previews, "_WAITING", 0)
    assert service.get(f"{path}/picture?zoom=2&at1=3").status_code == 503


def test_who_may_not_read_sees_nothing(made: tuple[Mission, Array, Array]) -> None:
    mission = made[0]
    path = f"/files/{number_of(mission, 'photo')}/picture.png"
    with client(mission.database, is_open=False) as service:
        assert service.get(path, follow_redirects=False).status_code == 303
        assert service.get(path, headers=bearer(mission.database, "bob", Scope.UPLOAD)).status_code == 403
        assert service.get(path, headers=bearer(mission.database, "eve", Scope.READ)).status_code == 200
