"""FITS to IDX: images as stored, checksums compared, what is cut or no image refused."""

from __future__ import annotations

import gzip
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from dbproc.codes.fits_to_idx import open_source
from dbproc.codes.formats import array_file
from dbproc.codes.idx.description import Description
from dbproc.codes.idx.idx_reader import open_idx
from dbproc.codes.idx.refusal import Refusal
from dbproc.codes.idx.slabs import plan, whole
from dbproc.codes.idx.values import native
from tests.codes.conftest import same_bits, wild

Convert = Callable[..., "subprocess.CompletedProcess[str]"]
Refused = Callable[..., str]

TYPES = ["uint8", "int16", "int32", "int64", "float32", "float64", "int8", "uint16", "uint32", "uint64"]


def write(path: Path, *images: Any, **options: Any) -> Path:
    """A FITS file of images, the first as the primary one."""
    first, *rest = (each if hasattr(each, "header") else fits.ImageHDU(each) for each in images)
    primary = fits.PrimaryHDU(first.data, first.header) if type(first) is fits.ImageHDU else fits.PrimaryHDU()
    others = rest if type(first) is fits.ImageHDU else [first, *rest]
    fits.HDUList([primary, *others]).writeto(path, **options)
    return path


def image(values: np.ndarray[Any, Any], **cards: Any) -> Any:
    return fits.ImageHDU(values, fits.Header(list(cards.items())))


def refusal(path: Path, hdu: str | None = None) -> str:
    with pytest.raises(Refusal) as caught:
        read(path, hdu)
    return str(caught.value)


def read(path: Path, hdu: str | None = None) -> np.ndarray[Any, Any]:
    """All values, as a conversion reads them."""
    with open_source([path], {"hdu": hdu}) as source:
        return np.asarray(source.read(source.description.fields[0].name, whole(source.description.shape)))


def described(path: Path, hdu: str | None = None) -> Description:
    with open_source([path], {"hdu": hdu}) as source:
        return source.description


@pytest.mark.parametrize("dtype", TYPES)
def test_every_type_is_read_whatever_the_boxes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dtype: str) -> None:
    monkeypatch.setattr(array_file, "WINDOW", 500)
    values = wild(dtype, (3, 7, 11))
    path = write(tmp_path / "in.fits", values)
    with open_source([path], {"hdu": None}) as source:
        assert source.description.fields[0].dtype == dtype
        assert not source.description.fields[0].packed
        for budget in (10**9, 300, 30):
            for box in plan(values.shape, values.itemsize, budget):
                assert same_bits(source.read("image", box), values[box])


@pytest.mark.parametrize("shape", [(9,), (4, 5), (2, 3, 4, 5), (2, 3, 4, 5, 2)])
def test_one_to_five_axes_are_read(tmp_path: Path, shape: tuple[int, ...]) -> None:
    values = wild("float32", shape)
    assert same_bits(read(write(tmp_path / "in.fits", values)), values)


@pytest.mark.parametrize("method", ["RICE_1", "GZIP_1", "GZIP_2", "PLIO_1", "HCOMPRESS_1"])
def test_tiles_are_read_as_astropy_reads_them(tmp_path: Path, method: str) -> None:
    values = np.random.default_rng(0).integers(0, 4000, (40, 50)).astype("uint16" if method == "RICE_1" else "int16")
    path = write(tmp_path / "in.fits", fits.CompImageHDU(values, compression_type=method, tile_shape=(16, 20)))
    with open_source([path], {"hdu": None}) as source:
        name = source.description.fields[0].name
        for box in plan(values.shape, 2, 700):
            assert same_bits(source.read(name, box), values[box])
        assert source.description.notes == ()


def test_what_the_source_keeps_with_loss_is_told(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=(40, 50)).astype("float32")
    path = write(tmp_path / "in.fits", fits.CompImageHDU(values, compression_type="RICE_1", quantize_level=4))
    with fits.open(path) as opened:
        wanted = np.asarray(opened[1].data)
    assert same_bits(read(path), wanted.astype("=f4"))
    assert "with loss (RICE_1)" in described(path).notes[0]


def test_scaled_values_stay_stored_and_say_what_they_mean(tmp_path: Path, convert: Convert) -> None:
    values = np.array([[1, -2, -99], [300, 4, 5]], dtype="int16")
    path = write(tmp_path / "in.fits", values)
    with fits.open(path, mode="update", do_not_scale_image_data=True) as opened:
        opened[0].header.update(BSCALE=0.5, BZERO=100.0, BLANK=-99, BUNIT="K", OBJECT="M 13", HISTORY="made")
    convert("fits_to_idx", "in.fits", "out.idx")
    dataset = open_idx(tmp_path / "out.idx")
    field, tally = dataset.field(), dataset.metadata.tallies["image"]
    assert same_bits(dataset.read(), values)
    assert (field.scale_factor, field.add_offset, field.fills, field.units) == (0.5, 100.0, (-99,), "K")
    assert (tally.fill, tally.minimum, tally.maximum) == (1, -2, 300)
    assert dataset.description.attributes["HISTORY"] == ["made"]
    assert dataset.description.orientation.startswith("first row at the bottom")


def test_blank_of_unsigned_numbers_is_unsigned(tmp_path: Path) -> None:
    path = write(tmp_path / "in.fits", np.array([[1, 40000], [0, 7]], dtype="uint16"))
    with fits.open(path, mode="update", do_not_scale_image_data=True) as opened:
        opened[0].header["BLANK"] = -32768
    assert described(path).fields[0].fills == (0,)


LINEAR = {"CTYPE1": "WAVE", "CUNIT1": "nm", "CRVAL1": 500.0, "CDELT1": 0.25, "CRPIX1": 3.0}


def test_linear_axes_have_coordinates_and_projected_ones_have_none(tmp_path: Path) -> None:
    projected = {"CTYPE2": "DEC--TAN", "CRVAL2": 10.0, "CDELT2": 0.1, "CRPIX2": 1.0, "CUNIT2": "deg"}
    path = write(tmp_path / "in.fits", image(wild("float32", (4, 5)), **LINEAR, **projected))
    rows, columns = described(path).axes
    assert (columns.name, columns.units) == ("WAVE", "nm")
    assert columns.coordinates == (499.5, 499.75, 500.0, 500.25, 500.5)
    assert columns.regular is not None
    assert (rows.name, rows.coordinates) == ("DEC", None)
    assert described(path).attributes["axes_without_coordinates"] == ["DEC"]
    assert described(path).attributes["CTYPE2"] == "DEC--TAN"


@pytest.mark.parametrize("turned", [{"PC1_2": 0.1}, {"CROTA2": 5.0}, {"CD2_1": 0.2}, {"A_ORDER": 2}, {"CDELT1": 0.0}])
def test_turned_or_curved_axes_have_no_coordinates(tmp_path: Path, turned: dict[str, float]) -> None:
    path = write(tmp_path / "in.fits", image(wild("float32", (4, 5)), **{**LINEAR, **turned}))
    assert described(path).axes[1].coordinates is None


def test_columns_of_a_table_are_arrays(tmp_path: Path) -> None:
    images = wild("float32", (6, 4, 5))
    columns = [
        fits.Column("text", "4A", array=["a"] * 6),
        fits.Column("IMG", "20E", dim="(5,4)", array=images, unit="adu"),
        fits.Column("N", "I", bzero=32768, array=np.arange(6, dtype="u2"), null=-32768),
        fits.Column("BYTE", "B", array=np.arange(6)),
        fits.Column("VAR", "PE()", array=np.array([np.arange(i + 1.0) for i in range(6)], object)),
    ]
    path = tmp_path / "in.fits"
    table = fits.BinTableHDU.from_columns(columns, name="EVENTS")
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(path, checksum=True)
    for names, values in ((["IMG"], [images]), (["N", "BYTE"], [np.arange(6, dtype="u2"), np.arange(6, dtype="u1")])):
        with open_source([path], {"columns": names, "hdu": "EVENTS"}) as source:
            told = source.description
            assert [(field.name, field.dtype) for field in told.fields] == [
                (name, each.dtype.name) for name, each in zip(names, values, strict=True)
            ]
            assert told.axes[0].name == "row"
            box = (slice(1, 5), *(slice(1, size) for size in told.shape[1:]))
            for name, each in zip(names, values, strict=True):
                assert same_bits(np.ascontiguousarray(native(source.read(name, box))), np.ascontiguousarray(each[box]))
                ((inside, plain),) = source.plain(name, box)
                assert inside == box
                assert np.ascontiguousarray(native(plain)).tobytes() == np.ascontiguousarray(each[box]).tobytes()
    assert (told.fields[0].fills, told.fields[0].attributes["bzero"]) == ((0,), 32768)
    for name, words in (("text", "column 'text' holds no numbers: text"), ("none", "it has no column 'none'")):
        with pytest.raises(Refusal, match=words), open_source([path], {"columns": [name]}):
            pass


def test_several_images_are_listed_and_tables_refused(tmp_path: Path, refused: Refused) -> None:
    table = fits.BinTableHDU.from_columns([fits.Column("a", "J", array=[1, 2])], name="EVENTS")
    science = image(wild("int16", (3, 4)), EXTNAME="SCI")
    error = image(wild("float32", (3, 4)), EXTNAME="ERR")
    path = write(tmp_path / "in.fits", science, error, table)
    said = refused("fits_to_idx", "in.fits", "out.idx")
    assert "several HDUs could be meant" in said
    assert "--hdu: 0 SCI (3, 4), 1 ERR (3, 4). Not supported: 2 EVENTS (table)" in said
    assert "no image: table" in refusal(path, "EVENTS")
    assert "no HDU 'x'" in refusal(path, "x")
    assert same_bits(read(path, "err"), read(path, "1"))


def test_wrong_checksums_are_refused(tmp_path: Path) -> None:
    values = wild("int16", (30, 40))
    path = write(tmp_path / "in.fits", values, checksum=True)
    assert same_bits(read(path), values)
    content = bytearray(path.read_bytes())
    content[2880 + 77] ^= 4
    path.write_bytes(content)
    assert "DATASUM of HDU 0 is wrong" in refusal(path)
    content[2880 + 77] ^= 4
    place = content.index(b"BITPIX")
    content[place + 40] = ord("x")
    path.write_bytes(content)
    assert "CHECKSUM of HDU 0 is wrong" in refusal(path)


@pytest.mark.parametrize("compressed", [False, True])
def test_a_file_without_its_last_padding_is_whole_and_said_to_lack_it(tmp_path: Path, compressed: bool) -> None:
    values = wild("int16", (30, 41))
    made = fits.CompImageHDU(values, name="A") if compressed else fits.ImageHDU(values, name="A")
    fits.HDUList([fits.PrimaryHDU(), made]).writeto(tmp_path / "in.fits", checksum=True)
    content = (tmp_path / "in.fits").read_bytes()
    with fits.open(tmp_path / "in.fits", disable_image_compression=True) as units:
        end = units.info(output=False) and units[1]._data_offset + units[1].size
    (tmp_path / "in.fits").write_bytes(content[:end])
    assert same_bits(read(tmp_path / "in.fits", "A"), values)
    assert f"lacks the last {len(content) - end} bytes of padding" in described(tmp_path / "in.fits", "A").notes[-1]
    (tmp_path / "in.fits").write_bytes(content[: end - 1])
    assert "it is cut or damaged" in refusal(tmp_path / "in.fits", "A")


def test_a_file_cut_anywhere_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "in.fits", wild("int16", (30, 40)), wild("int16", (3, 4)))
    content = path.read_bytes()
    for keep in (7, 1000, 2880, 3000, 5279, 6000, 2880 * 3 + 9, len(content) - 2880, len(content) - 2857):
        path.write_bytes(content[:keep])
        assert "in.fits" in refusal(path, "0")
    path.write_bytes(content + bytes(2880) + b" \n")
    assert read(path, "0").shape == (30, 40)
    path.write_bytes(content + b"more")
    assert "behind HDU 1 is no further one" in refusal(path, "0")


def test_a_gzipped_file_is_inflated_and_a_cut_one_refused(tmp_path: Path) -> None:
    values = wild("int16", (30, 40))
    content = gzip.compress(write(tmp_path / "in.fits", values).read_bytes())
    (tmp_path / "in.fits.gz").write_bytes(content)
    assert same_bits(read(tmp_path / "in.fits.gz"), values)
    for damaged in (content[:-9], content[:-8] + b"\x00" * 8):
        (tmp_path / "in.fits.gz").write_bytes(damaged)
        assert "does not inflate" in refusal(tmp_path / "in.fits.gz")


def test_what_is_no_fits_is_refused(tmp_path: Path) -> None:
    (tmp_path / "in.fits").write_bytes(b"SIMPLE" * 600)
    assert "it is no FITS file" in refusal(tmp_path / "in.fits")
