"""TIFF to IDX: every page accounted for, exact, or refused by name."""

from __future__ import annotations

import struct
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from dbproc.codes.formats import plain_tiff, tiff_file
from dbproc.codes.idx.description import Description
from dbproc.codes.idx.idx_reader import open_idx, read_field
from dbproc.codes.idx.refusal import Refusal
from dbproc.codes.tiff_to_idx import open_source
from tests.codes.conftest import require_plain, same_bits, wild

Convert = Callable[..., "subprocess.CompletedProcess[str]"]
Refused = Callable[..., str]


def grey(path: Path, values: np.ndarray[Any, Any], **options: Any) -> Path:
    tifffile.imwrite(path, values, **{"photometric": "minisblack", "metadata": None, **options})
    return path


def opened(path: Path, **options: Any) -> tuple[Description, dict[str, np.ndarray[Any, Any]]]:
    """What the source says and holds, without OpenVisus; boxes must agree with the whole."""
    with open_source([path], options) as source:
        told = source.description
        whole = tuple(slice(0, size) for size in told.shape)
        found = {field.name: np.ascontiguousarray(source.read(field.name, whole)) for field in told.fields}
        for field in told.fields:
            assert found[field.name].shape == (*told.shape, *((field.components,) if field.components > 1 else ()))
        half = tuple(slice(size // 3, size // 3 + (size + 1) // 2) for size in told.shape)
        for name, values in found.items():
            assert np.ascontiguousarray(source.read(name, half)).tobytes() == values[half].tobytes()
            for box in (whole, half):
                require_plain(source, name, box, values)
        return told, found


@pytest.mark.parametrize(
    "dtype", ["uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "float16", "float32", "float64"]
)
def test_every_dtype_is_read_bit_for_bit(tmp_path: Path, dtype: str) -> None:
    values = wild(dtype, (19, 23))
    grey(tmp_path / "in.tif", values)
    told, found = opened(tmp_path / "in.tif")
    assert told.fields[0].dtype == dtype
    assert same_bits(found["image"], values)


@pytest.mark.parametrize("dtype", ["uint16", "float64"])
def test_a_dtype_comes_back_bit_for_bit(tmp_path: Path, convert: Convert, dtype: str) -> None:
    values = wild(dtype, (19, 23))
    grey(tmp_path / "in.tif", values)
    convert("tiff_to_idx", "in.tif", "out.idx")
    assert same_bits(read_field(tmp_path / "out.idx"), values)


@pytest.mark.parametrize(
    "options",
    [
        {"byteorder": ">"},
        {"bigtiff": True},
        {"tile": (16, 32)},
        {"compression": "zlib", "predictor": True},
        {"compression": "lzw", "rowsperstrip": 3},
        {"compression": "packbits"},
        {"compression": "zstd"},
    ],
)
def test_every_layout_of_pixels_is_read(tmp_path: Path, options: dict[str, Any]) -> None:
    values = wild("uint16", (5, 37, 41))
    grey(tmp_path / "in.tif", values, **options)
    found = opened(tmp_path / "in.tif")[1]["image"]
    assert np.array_equal(found, values)


def test_pages_become_a_stack_whatever_the_slabs(tmp_path: Path, convert: Convert) -> None:
    values = wild("float32", (7, 33, 29))
    grey(tmp_path / "in.tif", values)
    convert("tiff_to_idx", "--slab", 0.001, "in.tif", "out.idx")
    assert same_bits(read_field(tmp_path / "out.idx"), values)


def test_files_become_a_stack_in_the_order_given(tmp_path: Path, convert: Convert) -> None:
    values = wild("uint8", (3, 6, 5))
    names = [grey(tmp_path / f"{name}.tif", page).name for name, page in zip("zax", values, strict=True)]
    convert("tiff_to_idx", *names, "out.idx")
    assert same_bits(read_field(tmp_path / "out.idx"), values)
    origins = open_idx(tmp_path / "out.idx").description.origins
    assert [origin.name for origin in origins] == ["z.tif", "a.tif", "x.tif"]


def test_a_directory_is_taken_in_natural_order(tmp_path: Path, convert: Convert) -> None:
    (tmp_path / "slices").mkdir()
    values = wild("uint16", (12, 6, 5))
    for i, page in enumerate(values):
        grey(tmp_path / "slices" / f"s{i}.tiff", page)
    (tmp_path / "slices" / ".hidden").touch()
    convert("tiff_to_idx", "slices", "out.idx")
    assert same_bits(read_field(tmp_path / "out.idx"), values)


def test_a_directory_of_one_slice_is_a_stack_of_one(tmp_path: Path, convert: Convert) -> None:
    grey(tmp_path / "s1.tif", wild("uint16", (6, 5)))
    convert("tiff_to_idx", "s1.tif", "out.idx")
    assert open_idx(tmp_path / "out.idx").shape == (6, 5)


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize(("dtype", "components"), [("uint8", 3), ("uint8", 4), ("uint16", 3), ("uint16", 4)])
def test_colours_stay_together(tmp_path: Path, planar: str, dtype: str, components: int) -> None:
    values = wild(dtype, (11, 13, components))
    stored = values if planar == "contig" else np.moveaxis(values, -1, 0).copy()
    extra = ["unassalpha"] if components == 4 else None
    tifffile.imwrite(tmp_path / "in.tif", stored, photometric="rgb", planarconfig=planar, extrasamples=extra)
    told, found = opened(tmp_path / "in.tif")
    assert told.shape == (11, 13)
    assert told.fields[0].components == components
    assert same_bits(found["image"], values)


def test_a_stack_of_colour_pages_comes_back(tmp_path: Path, convert: Convert) -> None:
    values = wild("uint8", (4, 11, 13, 3))
    tifffile.imwrite(tmp_path / "in.tif", values, photometric="rgb")
    convert("tiff_to_idx", "in.tif", "out.idx")
    assert same_bits(read_field(tmp_path / "out.idx"), values)


def test_truth_values_become_bytes_of_0_and_1(tmp_path: Path) -> None:
    values = wild("uint8", (9, 17)) > 100
    grey(tmp_path / "in.tif", values)
    told, found = opened(tmp_path / "in.tif")
    assert same_bits(found["image"], values.astype("uint8"))
    assert told.fields[0].attributes["tiff_dtype"] == "bool"


def test_a_geotiff_keeps_its_place(tmp_path: Path) -> None:
    keys = (1, 1, 0, 2, 1024, 0, 1, 2, 1025, 0, 1, 1)
    tags = [
        (33550, "d", 3, (0.5, 0.25, 0.0), True),
        (33922, "d", 6, (0.0, 0.0, 0.0, -10.0, 50.0, 0.0), True),
        (34735, "H", len(keys), keys, True),
    ]
    grey(tmp_path / "in.tif", wild("uint8", (3, 2)), extratags=tags)
    rows, columns = opened(tmp_path / "in.tif")[0].axes
    assert (rows.name, rows.positions()) == ("latitude", [49.875, 49.625, 49.375])
    assert (columns.name, columns.positions()) == ("longitude", [-9.75, -9.25])


def test_slices_of_another_size_are_refused_by_name(tmp_path: Path, refused: Refused) -> None:
    for name, shape in (("a", (6, 5)), ("b", (6, 5)), ("c", (7, 5))):
        grey(tmp_path / f"{name}.tif", wild("uint8", shape))
    said = refused("tiff_to_idx", "a.tif", "b.tif", "c.tif", "out.idx")
    assert "c.tif: it cannot be joined to a.tif: its axis 0 is y of size 7, not y of size 6" in said


def test_slices_of_another_type_are_refused_by_name(tmp_path: Path, refused: Refused) -> None:
    grey(tmp_path / "a.tif", wild("uint8", (6, 5)))
    grey(tmp_path / "b.tif", wild("uint16", (6, 5)))
    said = refused("tiff_to_idx", "a.tif", "b.tif", "out.idx")
    assert "b.tif: it cannot be joined to a.tif: its field image is uint16, not uint8" in said


def test_pages_of_another_size_are_refused_by_name(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "in.tif") as writer:
        writer.write(wild("uint8", (6, 5)), photometric="minisblack")
        writer.write(wild("uint8", (3, 5)), photometric="minisblack")
    with pytest.raises(Refusal, match=r"in\.tif page 2"):
        opened(tmp_path / "in.tif")


def test_several_files_of_several_pages_are_refused(tmp_path: Path, refused: Refused) -> None:
    grey(tmp_path / "a.tif", wild("uint8", (6, 5)))
    grey(tmp_path / "b.tif", wild("uint8", (2, 6, 5)))
    said = refused("tiff_to_idx", "a.tif", "b.tif", "out.idx")
    assert "b.tif: it cannot be joined to a.tif: its number of axes is 3, not 2" in said


def test_an_ome_tiff_keeps_its_axes(tmp_path: Path, convert: Convert) -> None:
    values = wild("uint16", (3, 2, 4, 6, 5))
    about = {"axes": "TCZYX", "PhysicalSizeX": 0.25, "PhysicalSizeXUnit": "µm", "TimeIncrement": 2.0}
    about["Channel"] = {"Name": ["DAPI", "GFP"]}
    tifffile.imwrite(tmp_path / "in.ome.tif", values, photometric="minisblack", metadata=about)
    convert("tiff_to_idx", "in.ome.tif", "out.idx")
    dataset = open_idx(tmp_path / "out.idx")
    assert same_bits(dataset.read(), values)
    axes = dataset.description.axes
    assert [axis.name for axis in axes] == ["time", "channel", "z", "y", "x"]
    assert axes[1].attributes["names"] == ["DAPI", "GFP"]
    assert (axes[4].units, axes[4].positions()) == ("µm", [0, 0.25, 0.5, 0.75, 1])
    assert axes[0].positions() == [0, 2, 4]
    _, fields = opened(tmp_path / "in.ome.tif", channels="fields")
    assert list(fields) == ["DAPI", "GFP"]
    assert same_bits(fields["GFP"], np.ascontiguousarray(values[:, 1]))


@pytest.mark.parametrize("entries", ["all", "one"])
def test_an_imagej_hyperstack_keeps_its_axes(tmp_path: Path, entries: str) -> None:
    """ImageJ writes large stacks with a single page entry; the rest of the pixels follow without one."""
    values = wild("uint16", (2, 3, 2, 6, 5))
    about = {"axes": "TZCYX", "spacing": 3.0, "unit": "um", "finterval": 0.5}
    tifffile.imwrite(tmp_path / "in.tif", values, imagej=True, resolution=(4.0, 2.0), metadata=about)
    if entries == "one":
        content = bytearray((tmp_path / "in.tif").read_bytes())
        with tifffile.TiffFile(tmp_path / "in.tif") as tiff:
            first, order = tiff.pages[0].offset, {">": "big", "<": "little"}[tiff.byteorder]
        count = int.from_bytes(content[first : first + 2], order)  # type: ignore[arg-type]
        content[first + 2 + 12 * count : first + 6 + 12 * count] = bytes(4)
        (tmp_path / "in.tif").write_bytes(content)
    told, found = opened(tmp_path / "in.tif")
    assert same_bits(found["image"], values)
    assert [axis.name for axis in told.axes] == ["time", "z", "channel", "y", "x"]
    assert told.axes[1].positions() == [0, 3, 6]
    assert told.axes[4].positions() == [0, 0.25, 0.5, 0.75, 1]


def test_an_imagej_stack_that_is_cut_is_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "in.tif", wild("uint8", (40, 60, 50)), imagej=True)
    whole = (tmp_path / "in.tif").read_bytes()
    for keep in (0.3, 0.9, 0.999):
        (tmp_path / "in.tif").write_bytes(whole[: int(len(whole) * keep)])
        with pytest.raises(Exception, match=r"in\.tif|TiffFileError|IFD"):
            opened(tmp_path / "in.tif")


def test_a_pyramid_counts_by_its_full_resolution(tmp_path: Path) -> None:
    values = wild("uint8", (64, 48))
    with tifffile.TiffWriter(tmp_path / "in.tif") as writer:
        writer.write(values, photometric="minisblack", tile=(16, 16), metadata=None)
        writer.write(values[::2, ::2], photometric="minisblack", tile=(16, 16), subfiletype=1, metadata=None)
    told, found = opened(tmp_path / "in.tif")
    assert same_bits(found["image"], values)
    assert told.notes == ("1 reduced images or masks are left out",)


def test_several_series_need_a_choice(tmp_path: Path) -> None:
    first, second = wild("uint8", (6, 5)), wild("uint16", (2, 3, 5), 1)
    with tifffile.TiffWriter(tmp_path / "in.tif") as writer:
        writer.write(first, photometric="minisblack")
        writer.write(second, photometric="minisblack")
    with pytest.raises(Refusal, match=r"page 2: .* --series: 1 \(6, 5\) uint8, 2 \(2, 3, 5\) uint16"):
        opened(tmp_path / "in.tif")
    assert same_bits(opened(tmp_path / "in.tif", series=2)[1]["image"], second)


def test_a_mask_is_a_field_of_its_own(tmp_path: Path) -> None:
    values, mask = wild("uint8", (20, 30)), wild("uint8", (20, 30), 1) > 90
    with tifffile.TiffWriter(tmp_path / "in.tif") as writer:
        writer.write(values, photometric="minisblack", metadata=None)
        writer.write(mask, photometric="minisblack", subfiletype=4, metadata=None)
    found = opened(tmp_path / "in.tif")[1]
    assert same_bits(found["image"], values)
    assert same_bits(found["mask"], mask.astype("uint8"))


def test_bands_are_fields_and_very_many_an_axis(tmp_path: Path) -> None:
    values = wild("uint16", (7, 9, 6))
    items = "".join(f'<Item name="DESCRIPTION" sample="{i}" role="description">B {i + 1}</Item>' for i in range(6))
    tag = (42112, "s", 0, f"<GDALMetadata>{items}</GDALMetadata>", True)
    options = {"photometric": "minisblack", "planarconfig": "contig", "metadata": None}
    tifffile.imwrite(tmp_path / "in.tif", values, extrasamples=[0] * 5, extratags=[tag], **options)
    fields = opened(tmp_path / "in.tif")[1]
    assert list(fields) == [f"B_{i}" for i in range(1, 7)]
    assert same_bits(fields["B_5"], np.ascontiguousarray(values[:, :, 4]))
    assert same_bits(opened(tmp_path / "in.tif", channels="components")[1]["image"], values)
    told, found = opened(tmp_path / "in.tif", channels="axis")
    assert told.axes[0].name == "band"
    assert same_bits(found["image"], np.ascontiguousarray(np.moveaxis(values, -1, 0)))
    tifffile.imwrite(tmp_path / "many.tif", wild("uint8", (4, 3, 33)), extrasamples=[0] * 32, **options)
    assert opened(tmp_path / "many.tif")[0].shape == (33, 4, 3)


def test_axes_are_named_on_request(tmp_path: Path) -> None:
    grey(tmp_path / "in.tif", wild("uint8", (4, 6, 5)))
    assert opened(tmp_path / "in.tif", stack=["time"])[0].axes[0].name == "time"
    with pytest.raises(Refusal, match="2 axes are named, it has 1"):
        opened(tmp_path / "in.tif", stack=["time", "z"])


@pytest.mark.parametrize("bits", [1, 2, 4, 12, 24])
def test_packed_numbers_are_unpacked(tmp_path: Path, bits: int) -> None:
    dtype = "uint8" if bits <= 8 else "uint16" if bits <= 16 else "uint32"
    values = wild(dtype, (9, 15)) & ((1 << bits) - 1)
    grey(
        tmp_path / "in.tif",
        values.astype(bool) if bits == 1 else values,
        **({} if bits == 1 else {"bitspersample": bits}),
    )
    assert same_bits(opened(tmp_path / "in.tif")[1]["image"], values)


@pytest.mark.parametrize(
    "options",
    [
        {"compression": "lzma"},
        {"compression": "lerc"},
        {"compression": "jpeg2000", "tile": (16, 16)},
        {"compression": "deflate", "predictor": True, "tile": (32, 16)},
        {"compression": "png", "tile": (16, 16)},
        {"compression": "jpegxl", "compressionargs": {"lossless": True}},
        {"compression": "webp", "compressionargs": {"lossless": True}},
        {"compression": "jpeg", "tile": (16, 16)},
        {"compression": "jpeg", "photometric": "ycbcr", "subsampling": (2, 2)},
        {"tile": (32, 32), "planarconfig": "separate"},
        {"compression": "lzw", "rowsperstrip": 7, "planarconfig": "separate"},
        {"bigtiff": True, "byteorder": ">", "rowsperstrip": 5},
    ],
)
def test_every_codec_gives_what_the_library_reads(tmp_path: Path, options: dict[str, Any]) -> None:
    y, x = np.mgrid[:61, :45]
    values = np.stack([y + x, y * 2, x * 3], axis=-1).astype("uint8")
    stored = np.moveaxis(values, -1, 0).copy() if options.get("planarconfig") == "separate" else values
    tifffile.imwrite(tmp_path / "in.tif", stored, **{"photometric": "rgb", "metadata": None, **options})
    wanted = tifffile.imread(tmp_path / "in.tif")
    wanted = np.moveaxis(wanted, 0, -1) if wanted.shape[0] == 3 else wanted
    assert same_bits(opened(tmp_path / "in.tif")[1]["image"], np.ascontiguousarray(wanted))


def test_predicted_floats_come_back(tmp_path: Path) -> None:
    values = wild("float32", (33, 17))
    grey(tmp_path / "in.tif", values, compression="zlib", predictor=3)
    assert same_bits(opened(tmp_path / "in.tif")[1]["image"], values)


def test_a_page_larger_than_memory_is_read_in_parts(tmp_path: Path) -> None:
    """A sparse file of 8 GiB in one strip: only the rows that a box needs are touched."""
    grey(tmp_path / "in.tif", np.zeros((1, 1 << 16), "uint16"), bigtiff=True)
    with tifffile.TiffFile(tmp_path / "in.tif", mode="r+b") as tiff:
        page, rows = tiff.pages[0], 1 << 16
        start = page.dataoffsets[0]
        for name, value in (("ImageLength", rows), ("RowsPerStrip", rows), ("StripByteCounts", rows << 17)):
            page.tags[name].overwrite(value, dtype="Q" if name == "StripByteCounts" else None)
        tiff.filehandle.seek(start + (40000 << 17))
        tiff.filehandle.write(b"\x01\x02")
    with (tmp_path / "in.tif").open("r+b") as stream:
        stream.truncate(start + (rows << 17))
    with tiff_file.opened(tmp_path / "in.tif") as found:
        values = found.read(0, slice(39999, 40002), slice(0, 3))[:, :, 0]
    assert values.tolist() == [[0, 0, 0], [0x0201, 0, 0], [0, 0, 0]]


def test_left_out_tiles_are_nodata_or_refused(tmp_path: Path) -> None:
    values = wild("uint8", (32, 32))
    for name, extra in (("plain", []), ("nodata", [(42113, "s", 0, "200", True)])):
        grey(tmp_path / f"{name}.tif", values, tile=(16, 16), compression="zlib", extratags=extra)
        with tifffile.TiffFile(tmp_path / f"{name}.tif", mode="r+b") as tiff:
            tags = tiff.pages[0].tags
            for tag in ("TileOffsets", "TileByteCounts"):
                tags[tag].overwrite((*tags[tag].value[:3], 0))
    with pytest.raises(Refusal, match=r"1 of its 4 strips or tiles are left out.*--sparse VALUE"):
        opened(tmp_path / "plain.tif")
    wanted = values.copy()
    wanted[16:, 16:] = 200
    told, found = opened(tmp_path / "nodata.tif")
    assert same_bits(found["image"], wanted)
    assert told.fields[0].fills == (200,)
    assert told.notes == ("1 strips or tiles are left out of the file: they are filled with 200",)
    assert (opened(tmp_path / "plain.tif", sparse=7.0)[1]["image"][16:, 16:] == 7).all()


def test_a_palette_is_kept_beside_its_indices(tmp_path: Path) -> None:
    values, colours = wild("uint8", (6, 5)), wild("uint16", (3, 256))
    tifffile.imwrite(tmp_path / "in.tif", values, photometric="palette", colormap=colours, metadata=None)
    told, found = opened(tmp_path / "in.tif")
    assert same_bits(found["image"], values)
    assert told.attributes["ColorMap"] == colours.tolist()


def test_one_of_several_ome_files_is_refused_by_name(tmp_path: Path) -> None:
    xml = (
        '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="urn:uuid:1"><Image ID="Image:0">'
        '<Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint8" SizeX="5" SizeY="6" SizeZ="2" SizeC="1" SizeT="1">'
        '<TiffData IFD="0" FirstZ="0"><UUID FileName="a.ome.tif">urn:uuid:1</UUID></TiffData>'
        '<TiffData IFD="0" FirstZ="1"><UUID FileName="b.ome.tif">urn:uuid:2</UUID></TiffData></Pixels></Image></OME>'
    )
    values = wild("uint8", (6, 5))
    grey(tmp_path / "a.ome.tif", values, description=xml)
    with pytest.raises(Refusal, match=r"one of several files of an OME-TIFF: b\.ome\.tif"):
        opened(tmp_path / "a.ome.tif")
    assert same_bits(opened(tmp_path / "a.ome.tif", plain=True)[1]["image"], values)


def test_a_matrix_places_an_image(tmp_path: Path) -> None:
    matrix = (10.0, 0.0, 0.0, 500.0, 0.0, -20.0, 0.0, 900.0, *(0.0,) * 7, 1.0)
    keys = (34735, "H", 8, (1, 1, 0, 1, 1024, 0, 1, 1), True)
    grey(tmp_path / "in.tif", wild("uint8", (2, 3)), extratags=[(34264, "d", 16, matrix, True), keys])
    y, x = opened(tmp_path / "in.tif")[0].axes
    assert (y.positions(), x.positions()) == ([890, 870], [505, 515, 525])


@pytest.mark.parametrize("compression", ["zlib", "lzma", "lerc"])
def test_changed_bytes_of_a_checked_codec_are_refused(tmp_path: Path, compression: str) -> None:
    y, x = np.mgrid[:64, :64]
    grey(tmp_path / "in.tif", (y * 3 + x * 5).astype("uint8"), compression=compression)
    with tifffile.TiffFile(tmp_path / "in.tif") as tiff:
        offset, size = tiff.pages[0].dataoffsets[0], tiff.pages[0].databytecounts[0]
    whole = (tmp_path / "in.tif").read_bytes()
    for place in range(offset, offset + size, size // 20):
        (tmp_path / "in.tif").write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
        with pytest.raises(Exception, match=r"Error|in\.tif|returned|decode"):
            opened(tmp_path / "in.tif")


def test_a_jpeg_strip_with_a_part_missing_is_refused(tmp_path: Path) -> None:
    grey(tmp_path / "in.tif", wild("uint8", (64, 64)), compression="jpeg")
    with tifffile.TiffFile(tmp_path / "in.tif") as tiff:
        offset, size = tiff.pages[0].dataoffsets[0], tiff.pages[0].databytecounts[0]
    whole = (tmp_path / "in.tif").read_bytes()
    middle = offset + size // 2
    moved = whole[offset:middle] + whole[middle + 500 : offset + size]
    (tmp_path / "in.tif").write_bytes(whole[:offset] + moved.ljust(size, b"\0") + whole[offset + size :])
    assert tifffile.imread(tmp_path / "in.tif").shape == (64, 64)  # the library sees nothing wrong
    with pytest.raises(Refusal, match="JPEG data"):
        opened(tmp_path / "in.tif")


def test_a_fax_is_refused_by_name(tmp_path: Path) -> None:
    Image.fromarray(wild("uint8", (16, 16)) > 99).save(tmp_path / "in.tif", compression="group4")
    with pytest.raises(Refusal, match="as a fax"):
        opened(tmp_path / "in.tif")


@pytest.mark.parametrize("compression", [None, "zlib", "lzw", "packbits", "zstd", "jpeg"])
@pytest.mark.parametrize("keep", [0.1, 0.5, 0.95])
def test_cut_pixels_are_refused(tmp_path: Path, compression: str | None, keep: float) -> None:
    grey(tmp_path / "in.tif", wild("uint8", (64, 64)), compression=compression)
    whole = (tmp_path / "in.tif").read_bytes()
    (tmp_path / "in.tif").write_bytes(whole[: int(len(whole) * keep)])
    with pytest.raises((Refusal, tifffile.TiffFileError)):
        opened(tmp_path / "in.tif")


def test_a_cut_file_is_refused_in_one_line(tmp_path: Path, refused: Refused) -> None:
    grey(tmp_path / "in.tif", wild("uint8", (64, 64)), compression="zlib")
    whole = (tmp_path / "in.tif").read_bytes()
    (tmp_path / "in.tif").write_bytes(whole[: len(whole) // 2])
    assert "in.tif page 1: the file is cut" in refused("tiff_to_idx", "in.tif", "out.idx")


def test_a_broken_chain_of_pages_is_refused(tmp_path: Path, refused: Refused) -> None:
    """The library stops at a page offset that leads nowhere and goes on with the pages before it."""
    grey(tmp_path / "in.tif", wild("uint8", (4, 6, 5)))
    with tifffile.TiffFile(tmp_path / "in.tif") as tiff:
        place = tiff.pages[1].offset
    content = bytearray((tmp_path / "in.tif").read_bytes())
    entries = int.from_bytes(content[place : place + 2], "little")
    content[place + 2 + 12 * entries : place + 6 + 12 * entries] = b"\xf0\xff\xff\x7f"
    (tmp_path / "in.tif").write_bytes(bytes(content))
    assert "in.tif" in refused("tiff_to_idx", "in.tif", "out.idx")


@pytest.mark.parametrize("content", [b"", b"II*\0", b"II*\0\x08\0\0\0\xff\xff", b"no image"])
def test_what_is_no_tiff_is_refused(tmp_path: Path, refused: Refused, content: bytes) -> None:
    (tmp_path / "in.tif").write_bytes(content)
    assert "in.tif" in refused("tiff_to_idx", "in.tif", "out.idx")


@pytest.mark.parametrize("options", [{}, {"tile": (16, 16), "compression": "zlib", "byteorder": ">"}])
def test_complex_pixels_are_two_components(tmp_path: Path, options: dict[str, Any]) -> None:
    values = wild("complex64", (3, 19, 23))
    grey(tmp_path / "in.tif", values.astype(f"{options.get('byteorder', '<')}c8"), **options)
    told, found = opened(tmp_path / "in.tif")
    assert (told.fields[0].dtype, told.fields[0].components) == ("float32", 2)
    assert found["image"].view("c8")[..., 0].tobytes() == values.tobytes()
    assert "real and imaginary" in told.notes[0]
    grey(tmp_path / "in.tif", values, planarconfig="separate", **options)
    assert found["image"][1].tobytes() == opened(tmp_path / "in.tif")[1]["band_1"].tobytes()
    assert opened(tmp_path / "in.tif", channels="axis")[0].shape == (3, 19, 23)
    with pytest.raises(Refusal, match="its bands are complex"):
        opened(tmp_path / "in.tif", channels="components")


@pytest.mark.parametrize("whole", [1, 1 << 20])
@pytest.mark.parametrize("options", [{}, {"tile": (16, 16, 16)}, {"compression": "zlib"}])
def test_a_page_of_several_planes_is_a_volume(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], whole: int
) -> None:
    monkeypatch.setattr(plain_tiff, "WHOLE", whole)
    values = wild("uint16", (18, 19, 23))
    grey(tmp_path / "in.tif", values, volumetric=True, **options)
    told, found = opened(tmp_path / "in.tif")
    assert [axis.name for axis in told.axes] == ["z", "y", "x"]
    assert same_bits(found["image"], values)
    assert same_bits(opened(tmp_path / "in.tif", plain=True)[1]["image"], values)
    colours = wild("uint8", (3, 19, 23, 3))
    grey(tmp_path / "in.tif", colours, volumetric=True, **{**options, "photometric": "rgb"})
    assert same_bits(opened(tmp_path / "in.tif")[1]["image"], colours)
    if "tile" in options:
        grey(tmp_path / "in.tif", wild("uint8", (3, 4, 19, 23)), volumetric=True, planarconfig="separate", **options)
        with pytest.raises(Refusal, match=r"SZYX \(3, 4, 19, 23\), which is not supported"):
            opened(tmp_path / "in.tif")


def test_a_directory_with_other_things_is_refused(tmp_path: Path, refused: Refused) -> None:
    (tmp_path / "slices").mkdir()
    assert "holds no files that end in .tif, .tiff" in refused("tiff_to_idx", "slices", "out.idx")
    grey(tmp_path / "slices" / "a.tif", wild("uint8", (6, 5)))
    (tmp_path / "slices" / "notes.dat").touch()
    assert "notes.dat" in refused("tiff_to_idx", "slices", "out.idx")


def directory(
    image: np.ndarray[Any, Any], place: int, below: Sequence[int] = (), behind: int = 0, kind: int = 0
) -> bytes:
    """A page of grey pixels at a place of a little-endian TIFF: its directory, what it refers to, its pixels."""
    count = 11 if below else 10
    extra = place + 2 + 12 * count + 4
    pixels = extra + 4 * len(below)
    bits = image.dtype.itemsize * 8
    tags = [(254, kind), (256, image.shape[1]), (257, image.shape[0]), (258, bits), (259, 1), (262, 1), (273, pixels)]
    tags += [(277, 1), (278, image.shape[0]), (279, image.nbytes)]
    entries = [struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags]
    if below:
        entries.append(struct.pack("<HHII", 330, 4, len(below), below[0] if len(below) == 1 else extra))
    head = struct.pack("<H", count) + b"".join(entries) + struct.pack("<I", behind)
    return head + struct.pack(f"<{len(below)}I", *below) + image.tobytes()


def nested(path: Path, *pages: tuple[np.ndarray[Any, Any], Sequence[int], int, int]) -> Path:
    """A TIFF of pages, each with the numbers of those in its SubIFDs, of the one behind it, and its kind; 0 is none."""
    sizes = [len(directory(image, 0, below)) for image, below, _, _ in pages]
    places = [8 + sum(sizes[:i]) for i in range(len(pages))]
    at = [0, *places]
    content = [
        directory(p[0], place, [at[i] for i in p[1]], at[p[2]], p[3]) for p, place in zip(pages, places, strict=True)
    ]
    path.write_bytes(b"II*\0" + struct.pack("<I", 8) + b"".join(content))
    return path


def test_every_page_of_every_subifd_is_its_own(tmp_path: Path, convert: Convert) -> None:
    values = wild("uint16", (6, 5, 7))
    tree = [((2, 4), 6), ((3,), 0), ((), 0), ((), 5), ((), 0), ((), 0)]  # 4 and 5 are chained below 1, 3 lies below 2
    pages = [(image, below, behind, 0) for image, (below, behind) in zip(values, tree, strict=True)]
    convert("tiff_to_idx", nested(tmp_path / "in.tif", *pages).name, "out.idx")
    assert same_bits(read_field(tmp_path / "out.idx"), values)
    assert same_bits(opened(tmp_path / "in.tif", plain=True)[1]["image"], values)


def test_a_page_that_is_listed_twice_is_there_once(tmp_path: Path) -> None:
    image = wild("uint8", (3, 8, 8))
    nested(tmp_path / "in.tif", (image[0], (3,), 2, 0), (image[1], (1,), 3, 0), (image[2], (), 0, 0))
    assert same_bits(opened(tmp_path / "in.tif")[1]["image"], image[[0, 2, 1]])


def test_a_page_in_a_subifd_that_fits_nowhere_is_named(tmp_path: Path) -> None:
    image, other = wild("uint8", (2, 8, 8)), wild("uint8", (5, 3))
    nested(tmp_path / "in.tif", (image[0], (2,), 0, 0), (image[1], (), 3, 0), (other, (), 0, 0))
    with pytest.raises(Refusal, match=r"nothing of page 1 SubIFD 1\.2\. Take the pages as they come with --plain"):
        opened(tmp_path / "in.tif")
    told, found = opened(tmp_path / "in.tif", plain=True)
    assert same_bits(found["image"], image)
    assert told.notes == ("1 images in SubIFDs are left out",)


def test_a_raw_picture_below_its_small_copy_is_the_one(tmp_path: Path) -> None:
    small, raw = wild("uint8", (5, 7)), wild("uint16", (10, 14))
    nested(tmp_path / "in.dng", (small, (2, 3), 0, 1), (raw, (), 0, 0), (wild("uint8", (8, 9)), (), 0, 1))
    told, found = opened(tmp_path / "in.dng")
    assert same_bits(found["image"], raw)
    assert told.notes == ("2 reduced images or masks are left out",)


@pytest.mark.parametrize("kind", [0, 1])
def test_levels_in_subifds_are_left_out_and_told(tmp_path: Path, kind: int) -> None:
    values = wild("uint8", (2, 16, 16))
    levels = [image[::2, ::2].copy() for image in values]
    nested(
        tmp_path / "in.tif",
        *((values[0], (2,), 3, 0), (levels[0], (), 0, kind)),
        *((values[1], (4,), 0, 0), (levels[1], (), 0, kind)),
    )
    told, found = opened(tmp_path / "in.tif")
    assert same_bits(found["image"], values)
    assert told.notes == ("2 reduced images or masks are left out",)


@pytest.mark.parametrize(
    ("tag", "value", "told"),
    [
        (259, 32766, "its compression NEXT is not supported"),
        (259, 64999, "its compression 64999 is not supported"),
        (258, 48, "pixels of 48 bits and sample format 1 are not supported"),
        (262, 99, "it holds a value that is not known"),
    ],
)
def test_what_is_not_supported_is_not_called_damaged(tmp_path: Path, tag: int, value: int, told: str) -> None:
    path = nested(tmp_path / "in.tif", (wild("uint8", (8, 9)), (), 0, 0))
    content = path.read_bytes()
    place = content.index(struct.pack("<HHI", tag, 4, 1)) + 8
    path.write_bytes(content[:place] + struct.pack("<I", value) + content[place + 4 :])
    with pytest.raises(Refusal) as caught:
        opened(path)
    assert told in str(caught.value)
    assert "seems damaged" not in str(caught.value)


def test_pages_in_subifds_that_ome_takes_for_levels_are_named_unless_smaller(tmp_path: Path) -> None:
    values = wild("uint8", (2, 9, 8))
    with tifffile.TiffWriter(tmp_path / "in.ome.tif", ome=True) as writer:
        writer.write(values, subifds=1, metadata={"axes": "ZYX"})
        writer.write(values ^ 1)
    with pytest.raises(Refusal, match=r"nothing of page 1 SubIFD 1, page 2 SubIFD 1.*--plain"):
        opened(tmp_path / "in.ome.tif")
    found = opened(tmp_path / "in.ome.tif", plain=True)[1]["image"]
    assert same_bits(found, np.stack([values, values ^ 1], axis=1).reshape(4, 9, 8))


def test_a_raw_picture_without_loss_is_not_said_to_have_some(tmp_path: Path) -> None:
    values = np.arange(64 * 64, dtype="uint16").reshape(64, 64)
    lossless = {"lossless": True, "bitspersample": 14}
    grey(tmp_path / "in.tif", values, photometric="cfa", compression="jpeg", compressionargs=lossless,
         extratags=[(33421, "H", 2, (2, 2), True), (33422, "B", 4, b"\0\1\1\2", True)])  # fmt: skip
    told, found = opened(tmp_path / "in.tif")
    assert same_bits(found["image"], values)
    assert told.notes == ()
    assert told.attributes["CFAPattern"] == [0, 1, 1, 2]


def test_plain_pages_are_advised_only_where_they_can_be_had(tmp_path: Path) -> None:
    image, other = wild("uint8", (2, 8, 8)), wild("uint8", (5, 3))
    nested(tmp_path / "in.tif", (image[0], (3,), 2, 0), (other, (), 0, 0), (image[1], (), 4, 0), (other[1:], (), 0, 0))
    with pytest.raises(Refusal, match=r"nothing of page 1 SubIFD 1\.2\. Save its pages apart, each kind alone"):
        opened(tmp_path / "in.tif")


@pytest.mark.parametrize(("orientation", "told"), [(1, ()), (4, ()), (6, ("RIGHTTOP",))])
def test_what_lies_on_its_side_is_told(tmp_path: Path, orientation: int, told: tuple[str, ...]) -> None:
    values = np.arange(12, dtype="u1").reshape(3, 4)
    tifffile.imwrite(tmp_path / "x.tif", values, extratags=[(274, "H", 1, orientation, False)])
    description, found = opened(tmp_path / "x.tif")
    assert same_bits(found["image"], values)
    assert [word in note for word, note in zip(told, description.notes, strict=True)] == [True] * len(told)
