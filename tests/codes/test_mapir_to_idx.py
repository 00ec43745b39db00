"""Multispectral pictures to IDX: bands by name, calibrated where told, with indices of them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image, PngImagePlugin

from dbproc.codes.formats import bands
from dbproc.codes.idx.description import Description
from dbproc.codes.idx.idx_reader import open_idx
from dbproc.codes.idx.refusal import Refusal
from dbproc.codes.mapir_to_idx import open_source
from tests.codes.conftest import require_plain, same_bits, wild

Convert = Callable[..., "subprocess.CompletedProcess[str]"]


def opened(*paths: Path, **options: Any) -> tuple[Description, dict[str, np.ndarray[Any, Any]]]:
    with open_source(paths, options) as source:
        told = source.description
        box = tuple(slice(0, size) for size in told.shape)
        found = {field.name: np.ascontiguousarray(source.read(field.name, box)) for field in told.fields}
        for name, values in found.items():
            require_plain(source, name, box, values)
        return told, found


def survey(path: Path, values: np.ndarray[Any, Any], model: str = "Survey3W_RGN") -> Path:
    """A picture as such a camera leaves it: 16 bits in three channels, with its make and model."""
    tags = [(271, "s", 0, "MAPIR", True), (272, "s", 0, model, True)]
    tifffile.imwrite(path, values, photometric="rgb", extratags=tags, metadata=None)
    return path


def photograph(path: Path, model: str) -> Path:
    tags = Image.Exif()
    tags[0x010F], tags[0x0110], tags[0x0112] = "MAPIR", model, 6
    gps = tags.get_ifd(0x8825)
    gps[1], gps[2], gps[3], gps[4], gps[6] = "N", (40.0, 30.0, 0.0), "E", (10.0, 15.0, 0.0), 120.5
    Image.fromarray(wild("uint8", (16, 24, 3))).save(path, exif=tags, quality=95)
    return path


def test_the_camera_tells_the_bands(tmp_path: Path) -> None:
    values = wild("uint16", (12, 9, 3))
    told, found = opened(survey(tmp_path / "in.tif", values))
    assert list(found) == ["red", "green", "nir"]
    assert all(same_bits(found[name], np.ascontiguousarray(values[:, :, i])) for i, name in enumerate(found))
    assert "not calibrated: the stored numbers" in told.notes
    assert told.attributes["model"] == "Survey3W_RGN"


@pytest.mark.parametrize(("camera", "names"), list(bands.CAMERAS.items()))
def test_a_declared_camera_counts(tmp_path: Path, camera: str, names: tuple[str, ...]) -> None:
    path = survey(tmp_path / "in.tif", wild("uint16", (4, 5, 3)), "Survey3W")
    assert tuple(opened(path, camera=camera)[1]) == names


def test_a_camera_that_does_not_tell_is_refused_with_the_choices(tmp_path: Path) -> None:
    path = survey(tmp_path / "in.tif", wild("uint16", (4, 5, 3)), "Survey3W")
    with pytest.raises(Refusal, match=r"Survey3W.*RGN \(red green nir\), OCN"):
        opened(path)


def test_place_and_orientation_are_kept(tmp_path: Path) -> None:
    told, found = opened(photograph(tmp_path / "in.jpg", "Survey3N_OCN"))
    assert found["orange"].shape == (24, 16)
    assert (told.attributes["latitude"], told.attributes["longitude"], told.attributes["altitude"]) == (
        40.5,
        10.25,
        120.5,
    )


def test_coefficients_make_reflectance(tmp_path: Path) -> None:
    values = wild("uint16", (7, 8, 3))
    lines = ["red=0.00123,-0.05", "green=0.002,0", "nir=1e-5,0.25"]
    told, found = opened(survey(tmp_path / "in.tif", values), calibrate=lines)
    assert same_bits(found["red"], (0.00123 * values[:, :, 0].astype("f8") - 0.05).astype("f4"))
    about = told.named("nir").attributes
    assert (about["gain"], about["offset"], about["formula"]) == (1e-5, 0.25, "gain * stored + offset")
    assert told.named("nir").dtype == "float32"


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"red": {"gain": 2, "offset": 1}, "green": [3, 0], "nir": {"gain": 4, "offset": -1}}),
        "band,gain,offset\nred,2,1\ngreen,3,0\nnir,4,-1\n",
    ],
)
def test_a_table_holds_coefficients(tmp_path: Path, text: str) -> None:
    (tmp_path / "table").write_text(text)
    values = wild("uint16", (3, 4, 3))
    _, found = opened(survey(tmp_path / "in.tif", values), calibration=str(tmp_path / "table"))
    assert np.array_equal(found["nir"], values[:, :, 2].astype("f4") * 4 - 1)


@pytest.mark.parametrize(
    ("lines", "match"),
    [
        (["red=1,0"], "'green' has no coefficients"),
        (["red=1,0", "green=1,0", "nir=1,0", "blue=1,0"], "no band 'blue'"),
        (["red=one,0"], "no gain and offset"),
        (["red=nan,0"], "no use"),
        (["red=1"], "no gain and offset"),
    ],
)
def test_coefficients_that_do_not_fit_are_refused(tmp_path: Path, lines: list[str], match: str) -> None:
    path = survey(tmp_path / "in.tif", wild("uint16", (3, 4, 3)))
    with pytest.raises(Refusal, match=match):
        opened(path, calibrate=lines)


def test_an_index_is_a_field(tmp_path: Path, convert: Convert) -> None:
    values = wild("uint16", (6, 5, 3))
    values[0, 0] = 0
    survey(tmp_path / "in.tif", values)
    convert("mapir_to_idx", "--ndvi", "in.tif", "out.idx")
    dataset = open_idx(tmp_path / "out.idx")
    red, nir = values[:, :, 0].astype("f8"), values[:, :, 2].astype("f8")
    with np.errstate(invalid="ignore", divide="ignore"):
        wanted = ((nir - red) / (nir + red)).astype("f4")
    assert np.isnan(wanted[0, 0])
    assert np.array_equal(dataset.read("ndvi"), wanted, equal_nan=True)
    assert same_bits(dataset.read("green"), np.ascontiguousarray(values[:, :, 1]))
    assert dataset.field("ndvi").attributes["formula"] == "(nir - red) / (nir + red)"


def test_an_index_of_missing_bands_is_refused(tmp_path: Path) -> None:
    path = survey(tmp_path / "in.tif", wild("uint16", (6, 5, 3)))
    with pytest.raises(Refusal, match="it needs bands nir and red or orange; there are nir, green, blue"):
        opened(path, camera="NGB", ndvi=True)


def test_orange_stands_for_red_where_there_is_no_red(tmp_path: Path) -> None:
    values = wild("uint16", (6, 5, 3))
    told, found = opened(survey(tmp_path / "in.tif", values, "Survey3W_OCN"), ndvi=True)
    orange, nir = values[:, :, 0].astype("f8"), values[:, :, 2].astype("f8")
    assert np.array_equal(found["ndvi"], ((nir - orange) / (nir + orange)).astype("f4"))
    assert told.named("ndvi").attributes["formula"] == "(nir - orange) / (nir + orange)"


def test_one_file_for_each_band(tmp_path: Path) -> None:
    values, paths = wild("uint16", (3, 6, 5)), []
    for i, name in enumerate(["Blue", "NIR", "Red edge"], 1):
        paths.append(tmp_path / f"IMG_0000_{i}.tif")
        xmp = f"<x><Camera:BandName>{name}</Camera:BandName></x>".encode()
        tags = [(700, "B", len(xmp), xmp, True)]
        tifffile.imwrite(paths[-1], values[i - 1], photometric="minisblack", extratags=tags, metadata=None)
    told, found = opened(*paths)
    assert list(found) == ["blue", "nir", "red_edge"]
    assert all(same_bits(each, values[i]) for i, each in enumerate(found.values()))
    assert any("not registered" in note for note in told.notes)
    assert list(opened(*paths, bands="a,b,c")[1]) == ["a", "b", "c"]
    with pytest.raises(Refusal, match="2 bands are named"):
        opened(*paths, bands="a,b")


def test_bands_of_another_size_are_refused_by_name(tmp_path: Path) -> None:
    for name, shape in (("a", (6, 5)), ("b", (6, 4))):
        tifffile.imwrite(tmp_path / f"{name}.tif", wild("uint16", shape), photometric="minisblack")
    with pytest.raises(Refusal, match=r"b\.tif: it is of another kind"):
        opened(tmp_path / "a.tif", tmp_path / "b.tif", bands="red,nir")


@pytest.mark.parametrize("text", ["red,red", "red,", "ndvi,red", "1st,red"])
def test_names_of_bands_are_checked(text: str) -> None:
    with pytest.raises(Refusal):
        bands.names(text)


@pytest.mark.parametrize(
    ("model", "names"),
    [
        ("Survey3W_RGN", bands.CAMERAS["RGN"]),
        ("Survey3N OCN 3.37mm", bands.CAMERAS["OCN"]),
        ("Survey2_NDVI", ("red", "red_nir", "nir")),
        ("Survey2 NIR", ("nir", "nir_2", "nir_3")),
        ("Survey3", None),
        ("RGB/RGN", None),
        ("EPIC RED", None),
    ],
)
def test_a_model_tells_its_bands_or_none(model: str, names: tuple[str, ...] | None) -> None:
    assert bands.camera(model) == names


PACKET = """<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:cam="http://pix4d.com/camera/1.0" xmlns:drone-dji="http://www.dji.com/drone-dji/1.0/"
 drone-dji:BandName="{name}" drone-dji:SensorGain="1.{number}"><cam:RadiometricCalibration><rdf:Seq><rdf:li>0.{number}
</rdf:li><rdf:li>1e-7</rdf:li></rdf:Seq></cam:RadiometricCalibration></rdf:Description></rdf:RDF></x:xmpmeta>"""


def single(path: Path, seed: int, name: str) -> Path:
    """A band in a file of its own, with a black level, and a packet of XMP where it has a name."""
    packet = PACKET.format(name=name, number=seed).encode()
    tags = [(271, "s", 0, "DJI", True), (272, "s", 0, "FC6360", True), (50714, "H", 1, 4800 + seed, True)]
    tags += [(700, "B", len(packet), packet, True)] if name else []
    tifffile.imwrite(path, wild("uint16", (6, 5), seed), photometric="minisblack", extratags=tags, metadata=None)
    return path


def test_each_band_keeps_what_its_own_picture_tells(tmp_path: Path) -> None:
    paths = [single(tmp_path / f"{name}.tif", i, name) for i, name in enumerate(("Green", "RedEdge", "NIR"))]
    told, _ = opened(*paths)
    assert [field.name for field in told.fields] == ["green", "red_edge", "nir"]
    assert told.attributes["make"] == "DJI"
    assert "BlackLevel" not in told.attributes
    for i, field in enumerate(told.fields):
        own = field.attributes["picture"]
        assert own["BlackLevel"] == 4800 + i
        assert own["xmp"]["drone-dji:SensorGain"] == f"1.{i}"
        assert own["xmp"]["cam:RadiometricCalibration"] == [f"0.{i}", "1e-7"]


@pytest.mark.parametrize(
    ("files", "names"),
    [
        (["DJI_0001_MS_G", "DJI_0001_MS_R", "DJI_0001_MS_RE", "DJI_0001_MS_NIR"], ["green", "red", "red_edge", "nir"]),
        (["DJI_0011", "DJI_0012", "DJI_0013"], ["blue", "green", "red"]),
    ],
)
def test_files_of_dji_tell_their_bands_by_their_names(tmp_path: Path, files: list[str], names: list[str]) -> None:
    paths = [single(tmp_path / f"{name}.TIF", i, "") for i, name in enumerate(files)]
    assert list(opened(*paths)[1]) == names


@pytest.mark.parametrize("kind", ["jpg", "png", "tif"])
def test_exif_and_xmp_of_a_picture_are_kept(tmp_path: Path, kind: str) -> None:
    tags, packet = Image.Exif(), PACKET.format(name="x", number=7)
    tags[0x010F], tags[0x0110] = "MAPIR", "Survey3W_RGN"
    tags.get_ifd(0x8769)[0x829A] = 0.002
    picture = Image.fromarray(wild("uint8", (8, 9, 3)))
    if kind == "png":
        info = PngImagePlugin.PngInfo()
        info.add_itxt("XML:com.adobe.xmp", packet)
        picture.save(tmp_path / "in.png", exif=tags, pnginfo=info)
    elif kind == "jpg":
        picture.save(tmp_path / "in.jpg", exif=tags, xmp=packet.encode())
    else:
        tags[700] = packet.encode()
        picture.save(tmp_path / "in.tif", exif=tags)
    told = opened(tmp_path / f"in.{kind}")[0].attributes
    assert kind == "tif" or told["exif"]["ExposureTime"] in ([1, 500], 0.002)  # Pillow writes none into a TIFF
    assert told["xmp"]["drone-dji:SensorGain"] == "1.7"
