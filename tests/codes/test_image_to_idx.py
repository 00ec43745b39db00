"""Pictures to IDX: upright, exact, all of them there; mosaics of their tiles."""

from __future__ import annotations

import io
import subprocess
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageOps

from dbproc.codes.formats import jpeg, mosaic
from dbproc.codes.idx.description import Description
from dbproc.codes.idx.idx_reader import open_idx, read_field
from dbproc.codes.idx.refusal import Refusal
from dbproc.codes.image_to_idx import open_source
from tests.codes.conftest import require_plain, same_bits, wild

Convert = Callable[..., "subprocess.CompletedProcess[str]"]
Refused = Callable[..., str]


def opened(*paths: Path, **options: Any) -> tuple[Description, dict[str, np.ndarray[Any, Any]]]:
    """What the source says and holds, without OpenVisus."""
    with open_source(paths, options) as source:
        told = source.description
        box = tuple(slice(0, size) for size in told.shape)
        found = {field.name: np.ascontiguousarray(source.read(field.name, box)) for field in told.fields}
        for name, values in found.items():
            require_plain(source, name, box, values)
        return told, found


def chunk(name: bytes, body: bytes) -> bytes:
    return len(body).to_bytes(4, "big") + name + body + zlib.crc32(name + body).to_bytes(4, "big")


def png(size: tuple[int, int], depth: int, colour: int, rows: list[bytes], *extra: bytes) -> bytes:
    head = size[0].to_bytes(4, "big") + size[1].to_bytes(4, "big") + bytes([depth, colour, 0, 0, 0])
    data = zlib.compress(b"".join(b"\0" + row for row in rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + b"".join(extra) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def smooth(rows: int, columns: int) -> np.ndarray[Any, Any]:
    y, x = np.mgrid[:rows, :columns]
    grain = np.random.default_rng(0).integers(0, 9, (rows, columns, 3))
    return (np.stack([y * 3 + x, y + x * 2, y * 2 - x], axis=-1) % 240 + grain).astype(np.uint8)


def photograph(path: Path, pixels: np.ndarray[Any, Any], orientation: int = 1, **options: Any) -> Path:
    tags = Image.Exif()
    tags[0x010F], tags[0x0110], tags[0x0112] = "Maker", "Model 1", orientation
    tags.get_ifd(0x8769)[0x9003] = "2024:05:06 07:08:09"
    gps = tags.get_ifd(0x8825)
    gps[1], gps[2], gps[3], gps[4], gps[5], gps[6] = "S", (33.0, 30.0, 36.0), "W", (151.0, 12.0, 0.0), b"\x01", 12.5
    Image.fromarray(pixels).save(path, exif=tags, **options)
    return path


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("components", [1, 2, 3, 4])
def test_a_png_keeps_its_depth_and_components(tmp_path: Path, dtype: str, components: int) -> None:
    values = wild(dtype, (11, 13) if components == 1 else (11, 13, components))
    (tmp_path / "in.png").write_bytes(imagecodecs.png_encode(values))
    told, found = opened(tmp_path / "in.png")
    assert told.fields[0].components == components
    assert same_bits(found["image"], values)


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_a_png_of_few_bits_keeps_its_numbers(tmp_path: Path, depth: int) -> None:
    values = wild("uint8", (5, 13)) & ((1 << depth) - 1)
    bits = np.unpackbits(values[:, :, np.newaxis], axis=-1)[:, :, 8 - depth :].reshape(5, -1)
    (tmp_path / "in.png").write_bytes(png((13, 5), depth, 0, [np.packbits(row).tobytes() for row in bits]))
    assert same_bits(opened(tmp_path / "in.png")[1]["image"], values)


def test_a_transparent_colour_does_not_change_pixels(tmp_path: Path) -> None:
    values = wild("uint16", (4, 6, 3))
    rows = [row.astype(">u2").tobytes() for row in values]
    (tmp_path / "in.png").write_bytes(png((6, 4), 16, 2, rows, chunk(b"tRNS", bytes(6))))
    told, found = opened(tmp_path / "in.png")
    assert same_bits(found["image"], values)
    assert told.attributes["transparent"] == [0] * 6


def test_the_colours_of_a_palette_are_stored(tmp_path: Path) -> None:
    picture = Image.fromarray(smooth(9, 8)).quantize(16)
    picture.save(tmp_path / "in.png")
    told, found = opened(tmp_path / "in.png")
    assert same_bits(found["image"], np.asarray(picture.convert("RGB")))
    assert "palette" in told.notes[0]


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_stands_upright(tmp_path: Path, suffix: str, orientation: int) -> None:
    path = photograph(tmp_path / f"in.{suffix}", smooth(21, 34), orientation)
    wanted = np.asarray(ImageOps.exif_transpose(Image.open(path)))
    told, found = opened(path)
    assert same_bits(found["image"], wanted)
    assert any("turned upright" in note for note in told.notes) == (orientation > 1)
    with open_source([path], {}) as source:
        assert np.array_equal(source.read("image", (slice(2, 7), slice(3, 11))), wanted[2:7, 3:11])


def test_a_picture_whose_exif_is_cut_stands_upright(tmp_path: Path) -> None:
    path = photograph(tmp_path / "in.jpg", smooth(21, 34), 6)
    whole, block = path.read_bytes(), path.read_bytes().index(b"Exif")
    length = int.from_bytes(whole[block - 2 : block], "big")
    cut = whole[: block - 2] + (70).to_bytes(2, "big") + whole[block : block + 68] + whole[block - 2 + length :]
    wanted = opened(path)[1]["image"]
    path.write_bytes(cut)
    told, found = opened(path)
    assert "latitude" not in told.attributes
    assert same_bits(found["image"], wanted)


def test_an_orientation_in_xmp_alone_turns_nothing(tmp_path: Path) -> None:
    packet = b'<x xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/>'
    Image.fromarray(smooth(21, 34)).save(tmp_path / "in.jpg", xmp=packet)
    assert opened(tmp_path / "in.jpg")[1]["image"].shape == (21, 34, 3)


def test_place_time_and_camera_are_kept(tmp_path: Path) -> None:
    told, _ = opened(photograph(tmp_path / "in.jpg", smooth(16, 16)))
    assert told.attributes["latitude"] == pytest.approx(-33.51)
    assert told.attributes["longitude"] == pytest.approx(-151.2)
    assert told.attributes["altitude"] == -12.5
    assert (told.attributes["date"], told.attributes["make"]) == ("2024-05-06T07:08:09", "Maker")
    assert told.attributes["gps"]["GPSLatitudeRef"] == "S"
    tags = Image.Exif()
    tags[0x8769] = {0x9003: "0000:00:00 00:00:00", 0x9004: "2024:05:06 07:08:09"}
    rdf = 'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:c="http://c/"'
    packet = f'<rdf:RDF {rdf}><rdf:Description c:Unit="°C"/></rdf:RDF>'.encode("latin-1")
    Image.fromarray(smooth(16, 16)).save(tmp_path / "unset.jpg", exif=tags, xmp=packet)
    told, _ = opened(tmp_path / "unset.jpg")
    assert told.attributes["date"] == "2024-05-06T07:08:09"
    assert told.attributes["xmp"] == {"c:Unit": "°C"}


@pytest.mark.parametrize("options", [{"progressive": True}, {"subsampling": 0}, {"subsampling": 2}, {"quality": 100}])
def test_a_jpeg_is_what_its_decoder_makes_of_it(tmp_path: Path, options: dict[str, Any]) -> None:
    path = photograph(tmp_path / "in.jpg", smooth(50, 61), **options)
    assert same_bits(opened(path)[1]["image"], np.asarray(Image.open(path)))


def test_a_jpeg_of_four_inks_keeps_them_and_says_so(tmp_path: Path) -> None:
    Image.fromarray(smooth(16, 16)).convert("CMYK").save(tmp_path / "in.jpg")
    told, found = opened(tmp_path / "in.jpg")
    assert found["image"].shape == (16, 16, 4)
    assert any("cyan" in note for note in told.notes)


@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_a_tiff_in_colour_is_interleaved(tmp_path: Path, planar: str) -> None:
    values = wild("uint16", (11, 13, 3))
    stored = values if planar == "contig" else np.moveaxis(values, -1, 0).copy()
    tifffile.imwrite(tmp_path / "in.tif", stored, photometric="rgb", planarconfig=planar)
    assert same_bits(opened(tmp_path / "in.tif")[1]["image"], values)


@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_a_picture_cut_anywhere_is_refused(tmp_path: Path, suffix: str) -> None:
    path = photograph(tmp_path / f"in.{suffix}", smooth(64, 64))
    whole = path.read_bytes()
    for keep in (*range(0, len(whole) - 1, len(whole) // 40), len(whole) - 1):
        path.write_bytes(whole[:keep])
        with pytest.raises(Refusal):
            opened(path)


def test_a_png_with_any_changed_byte_is_refused(tmp_path: Path) -> None:
    path = photograph(tmp_path / "in.png", smooth(24, 24))
    whole = path.read_bytes()
    for place in range(8, len(whole), len(whole) // 60):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 16]) + whole[place + 1 :])
        with pytest.raises(Refusal):
            opened(path)


@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_with_a_part_missing_in_its_middle_is_refused(tmp_path: Path, progressive: bool) -> None:
    path = photograph(tmp_path / "in.jpg", smooth(64, 64), progressive=progressive)
    whole = path.read_bytes()
    half = len(whole) * 2 // 5
    path.write_bytes(whole[:half] + whole[half + 200 :])
    imagecodecs.jpeg_decode(path.read_bytes())  # a decoder says nothing
    with pytest.raises(Refusal, match=r"JPEG data|it reads as"):
        opened(path)


@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_that_ends_too_early_is_refused(tmp_path: Path, progressive: bool) -> None:
    path = photograph(tmp_path / "in.jpg", smooth(64, 64), progressive=progressive)
    path.write_bytes(path.read_bytes()[:-202] + b"\xff\xd9")
    with pytest.raises(Refusal, match=r"the JPEG data|JPEG data are missing"):
        opened(path)


@pytest.mark.parametrize("marker", [b"\xff\xd9", b"\xff\xd0", b"\xff\xd1"])
def test_fill_bytes_before_a_marker_are_no_damage(tmp_path: Path, marker: bytes) -> None:
    path = photograph(tmp_path / "in.jpg", smooth(64, 64), restart_marker_rows=1)
    whole, wanted = path.read_bytes(), opened(path)[1]["image"]
    assert marker in whole
    path.write_bytes(whole.replace(marker, b"\xff\xff" + marker))
    assert same_bits(opened(path)[1]["image"], wanted)


@pytest.mark.parametrize("options", [{}, {"restart_marker_blocks": 3}, {"restart_marker_blocks": 3, "quality": 20}])
def test_a_sound_jpeg_of_any_number_of_runs_is_decoded_three_times(options: dict[str, Any]) -> None:
    stream, times = io.BytesIO(), []
    Image.fromarray(smooth(90, 110)).save(stream, "JPEG", **options)

    def decode(data: bytes) -> Any:
        times.append(data)
        return imagecodecs.jpeg_decode(data)

    jpeg.require_whole("in.jpg", stream.getvalue(), decode)
    assert len(times) == 3


@pytest.mark.parametrize("blocks", [1, 3, 7])
def test_bytes_left_over_in_any_run_of_a_jpeg_are_found(tmp_path: Path, blocks: int) -> None:
    path = photograph(tmp_path / "in.jpg", smooth(50, 61), restart_marker_blocks=blocks)
    whole = path.read_bytes()
    runs = jpeg.structure(path, whole).runs
    for end in runs[:: max(1, len(runs) // 9)]:
        path.write_bytes(whole[:end] + b"\x12\x34\x56\x78" + whole[end:])
        with pytest.raises(Refusal, match="JPEG data are left over"):
            opened(path)


@pytest.mark.parametrize("marker", [0xC5, 0xCB, 0xF7])
def test_a_jpeg_of_another_coding_is_not_called_damaged(tmp_path: Path, marker: int) -> None:
    path = photograph(tmp_path / "in.jpg", smooth(16, 16))
    whole = path.read_bytes()
    frame = whole.rindex(b"\xff\xc0\x00\x11")
    path.write_bytes(whole[: frame + 1] + bytes([marker]) + whole[frame + 2 :])
    with pytest.raises(Refusal, match=rf"not supported \(marker FF{marker:X}\). Save it as"):
        opened(path)


def test_bytes_behind_a_jpeg_are_told(tmp_path: Path) -> None:
    path = photograph(tmp_path / "in.jpg", smooth(16, 16))
    path.write_bytes(path.read_bytes() + b"preview")
    assert any("7 bytes behind" in note for note in opened(path)[0].notes)


def test_a_bomb_is_refused_by_its_header(tmp_path: Path) -> None:
    (tmp_path / "in.png").write_bytes(png((1 << 20, 1 << 20), 8, 2, [b""]))
    with pytest.raises(Refusal, match="take 3298"):
        opened(tmp_path / "in.png")


def test_what_is_no_picture_is_refused(tmp_path: Path) -> None:
    (tmp_path / "in.png").write_bytes(b"GIF89a and so on")
    with pytest.raises(Refusal, match="no TIFF, JPEG or PNG"):
        opened(tmp_path / "in.png")


def test_a_picture_comes_back_from_idx(tmp_path: Path, convert: Convert) -> None:
    path = photograph(tmp_path / "in.jpg", smooth(40, 30), 6)
    convert("image_to_idx", "in.jpg", "out.idx")
    assert same_bits(read_field(tmp_path / "out.idx"), np.asarray(ImageOps.exif_transpose(Image.open(path))))
    assert open_idx(tmp_path / "out.idx").description.attributes["altitude"] == -12.5


def tiles(directory: Path, values: np.ndarray[Any, Any], places: list[tuple[int, int, int, int]]) -> list[Path]:
    """Cut ``(row, column, rows, columns)`` out of an image and save each."""
    found = []
    for i, (row, column, rows, columns) in enumerate(places):
        part = values[row : row + rows, column : column + columns]
        found.append(directory / f"t{i}.tif")
        tifffile.imwrite(found[-1], part, photometric="rgb" if values.ndim == 3 else "minisblack", metadata=None)
    lines = [f"t{i}.tif,{column + 100},{row - 7}" for i, (row, column, _, _) in enumerate(places)]
    (directory / "table.csv").write_text("\n".join(["file,x,y", *lines]))
    return found


def test_tiles_of_a_table_become_one_picture(tmp_path: Path, convert: Convert) -> None:
    values = wild("uint16", (20, 30, 3))
    tiles(tmp_path, values, [(0, 0, 12, 30), (10, 0, 10, 18), (10, 18, 10, 12)])
    said = convert("image_to_idx", "--mosaic", "table.csv", "--slab", 0.0005, "t0.tif", "t1.tif", "t2.tif", "out.idx")
    assert same_bits(read_field(tmp_path / "out.idx"), values)
    assert "their pixels agree" in said.stdout


def test_tiles_that_differ_where_they_overlap_need_a_word(tmp_path: Path) -> None:
    values = wild("uint8", (8, 8))
    paths = tiles(tmp_path, values, [(0, 0, 8, 5), (0, 3, 8, 5)])
    tifffile.imwrite(paths[1], values[:, 3:8] ^ 1, photometric="minisblack", metadata=None)
    table = str(tmp_path / "table.csv")
    with pytest.raises(Refusal, match="--overlap first or last"):
        opened(*paths, mosaic=table)
    first, last = (opened(*paths, mosaic=table, overlap=word)[1]["image"] for word in ("first", "last"))
    assert np.array_equal(first[:, :5], values[:, :5])
    assert np.array_equal(last[:, 3:], values[:, 3:] ^ 1)


def test_gaps_need_a_fill_and_can_be_masked(tmp_path: Path) -> None:
    values = wild("uint8", (8, 8))
    paths = tiles(tmp_path, values, [(0, 0, 8, 3), (0, 5, 8, 3)])
    table = str(tmp_path / "table.csv")
    with pytest.raises(Refusal, match="16 of the mosaic's 64 pixels"):
        opened(*paths, mosaic=table)
    told, found = opened(*paths, mosaic=table, fill=7, mask=True)
    assert np.array_equal(np.delete(found["image"], [3, 4], axis=1), np.delete(values, [3, 4], axis=1))
    assert (found["image"][:, 3:5] == 7).all()
    assert found["mask"].sum() == 48
    assert told.fields[0].fills == (7,)
    with pytest.raises(Refusal, match="no value of uint8"):
        opened(*paths, mosaic=table, fill=-1)


def test_tiles_of_another_type_are_refused_by_name(tmp_path: Path) -> None:
    paths = tiles(tmp_path, wild("uint8", (8, 8)), [(0, 0, 8, 4), (0, 4, 8, 4)])
    tifffile.imwrite(paths[1], wild("uint16", (8, 4)), photometric="minisblack")
    with pytest.raises(Refusal, match=r"t1\.tif: it is of another kind"):
        opened(*paths, mosaic=str(tmp_path / "table.csv"))


def test_names_tell_rows_and_columns(tmp_path: Path) -> None:
    values = wild("uint8", (9, 10))
    for row, (top, rows) in enumerate([(0, 4), (4, 5)]):
        for column, (left, columns) in enumerate([(0, 7), (7, 3)]):
            part = values[top : top + rows, left : left + columns]
            tifffile.imwrite(tmp_path / f"a_{row}_{column}.tif", part, photometric="minisblack")
    _, found = opened(*sorted(tmp_path.iterdir()), tiles="*_{row}_{column}")
    assert same_bits(found["image"], values)


def test_coordinates_tell_places(tmp_path: Path) -> None:
    values, paths = wild("float32", (6, 9)), []
    for i, left in enumerate((0, 5)):
        part = values[:, left : left + (5 if i == 0 else 4)]
        tags = [
            (33550, "d", 3, (2.0, 2.0, 0.0), True),
            (33922, "d", 6, (0.0, 0.0, 0.0, 100.0 + 2 * left, 50.0, 0.0), True),
        ]
        keys = (34735, "H", 8, (1, 1, 0, 1, 1024, 0, 1, 1), True)
        paths.append(tmp_path / f"t{i}.tif")
        tifffile.imwrite(paths[-1], part, photometric="minisblack", extratags=[*tags, keys])
    told, found = opened(*reversed(paths), by_coordinates=True)
    assert same_bits(found["image"], values)
    assert told.axes[1].positions() == [101.0 + 2 * i for i in range(9)]


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("x,y\n", "first line"),
        ("file,x,y\na,0,0\n", "no line for b"),
        ("file,x,y\na,0,0\na,1,1\n", "has a place already"),
        ("file,x,y\na,0.5,0\nb,0,0\n", "no place in whole pixels"),
        ("file,x,y\nc,0,0\n", "none of the inputs"),
        ("file,x,y\na,0\n", "2 columns"),
    ],
)
def test_a_table_is_checked_line_by_line(text: str, match: str) -> None:
    with pytest.raises(Refusal, match=match):
        mosaic.from_table("t.csv", text, {"a": (1, 1), "b": (1, 1)})


def test_several_pictures_without_a_word_are_refused(tmp_path: Path) -> None:
    paths = tiles(tmp_path, wild("uint8", (8, 8)), [(0, 0, 8, 4), (0, 4, 8, 4)])
    with pytest.raises(Refusal, match="--mosaic TABLE"):
        opened(*paths)


def test_more_tiles_than_are_kept_open_are_read_all_the_same(tmp_path: Path) -> None:
    values = wild("uint8", (40, 6))
    paths = tiles(tmp_path, values, [(row, 0, 1, 6) for row in range(40)])
    assert same_bits(opened(*paths, mosaic=str(tmp_path / "table.csv"))[1]["image"], values)


def test_a_damaged_picture_is_refused_in_one_line(tmp_path: Path, refused: Refused) -> None:
    stream = io.BytesIO()
    Image.fromarray(smooth(64, 64)).save(stream, "jpeg")
    (tmp_path / "in.jpg").write_bytes(stream.getvalue()[:-300])
    assert "in.jpg: the JPEG data are cut" in refused("image_to_idx", "in.jpg", "out.idx")
