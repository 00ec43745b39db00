"""Pictures, FITS and raw values are held against what libraries read whole: a fault in the reading here is found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from astropy.io import fits

from dbproc.codes import fits_to_idx, image_to_idx, mapir_to_idx, raw_to_idx, tiff_to_idx
from dbproc.codes.conversion.witness import require_same
from dbproc.codes.formats import array_file, bands, exif, jpeg, plain_raw, plain_tiff, png, tiff_file, tiff_pixels
from dbproc.codes.idx import slabs
from dbproc.codes.idx.refusal import Refusal
from dbproc.codes.idx.values import native
from tests.codes.conftest import require_plain, wild
from tests.codes.test_image_to_idx import photograph, smooth
from tests.codes.test_tiff_to_idx import grey, nested

Patch = pytest.MonkeyPatch


def compared(program: Any, paths: Sequence[Path], options: dict[str, Any]) -> None:
    with program.open_source(paths, options) as source:
        shape = source.description.shape
        for field in source.description.fields:
            for box in slabs.plan(shape, 1, int(np.prod(shape)) // 2):
                require_same(source, field, box, native(source.read(field.name, box)), "in")


def stack(path: Path) -> tuple[Any, list[Path], dict[str, Any]]:
    return tiff_to_idx, [grey(path / "in.tif", wild("uint16", (3, 40, 40)), tile=(16, 16), compression="zlib")], {}


def below(path: Path) -> tuple[Any, list[Path], dict[str, Any]]:
    values = wild("uint8", (2, 6, 5))
    return tiff_to_idx, [nested(path / "in.tif", (values[0], (2,), 0, 0), (values[1], (), 0, 0))], {}


def colours(path: Path) -> tuple[Any, list[Path], dict[str, Any]]:
    tifffile.imwrite(path / "in.tif", wild("uint8", (20, 24, 3)), photometric="rgb", metadata=None)
    return tiff_to_idx, [path / "in.tif"], {"channels": "fields"}


def turned(path: Path) -> tuple[Any, list[Path], dict[str, Any]]:
    return image_to_idx, [photograph(path / "in.jpg", smooth(16, 24), 6)], {}


def grain(path: Path) -> tuple[Any, list[Path], dict[str, Any]]:
    (path / "in.png").write_bytes(imagecodecs.png_encode(wild("uint16", (9, 8, 3))))
    return image_to_idx, [path / "in.png"], {}


def mosaic(path: Path) -> tuple[Any, list[Path], dict[str, Any]]:
    tiles = [grey(path / f"t_{row}_{column}.tif", wild("uint8", (8, 8), row * 2 + column))
             for row in range(2) for column in range(2)]  # fmt: skip
    return image_to_idx, tiles, {"tiles": "t_{row}_{column}", "mask": True}


def survey(path: Path) -> tuple[Any, list[Path], dict[str, Any]]:
    tifffile.imwrite(path / "in.tif", wild("uint16", (20, 24, 3)), photometric="rgb", metadata=None)
    return mapir_to_idx, [path / "in.tif"], {"camera": "RGN", "calibrate": ["red=2,1", "green=1,0", "nir=3,0"]}


def unsigned(path: Path) -> tuple[Any, list[Path], dict[str, Any]]:
    fits.writeto(path / "in.fits", wild("uint16", (3, 5, 7)))
    return fits_to_idx, [path / "in.fits"], {}


def columns_first(path: Path) -> tuple[Any, list[Path], dict[str, Any]]:
    (path / "in.raw").write_bytes(wild("uint16", (3, 5, 7)).tobytes())
    told = {"shape": [3, 5, 7], "dtype": "uint16", "order": "F", "offset": 0, "components": 1, "axes": None}
    return raw_to_idx, [path / "in.raw"], {**told, "axis_units": None, "name": "v", "units": "", "fill": None}


def first_page(patch: Patch) -> None:
    patch.setattr(tiff_file.Tiff, "_page", lambda tiff, number: tiff._tiff.pages[0])


def first_tile(patch: Patch) -> None:
    decoded = tiff_pixels._decoded
    patch.setattr(tiff_pixels, "_decoded", lambda page, known, index: decoded(page, known, 0))


def first_component(patch: Patch) -> None:
    patch.setattr(tiff_to_idx, "Band", lambda channel=None, component=None, mask=False: FIRST)


def other_turn(patch: Patch) -> None:
    patch.setitem(exif.ORIENTATIONS, 6, exif.Orientation(transposed=True, rows_flipped=True))


def other_decoder(patch: Patch) -> None:
    whole = jpeg.require_whole
    patch.setattr(jpeg, "require_whole", lambda where, data, decode: whole(where, data, decode)[..., ::-1])


def swapped_bytes(patch: Patch) -> None:
    pixels = png.pixels
    patch.setattr(png, "pixels", lambda found, read: pixels(found, read).byteswap())


def lost_tile(patch: Patch) -> None:
    inside = image_to_idx._inside
    patch.setattr(image_to_idx, "_inside", lambda tile, *box: None if tile.column else inside(tile, *box))


def other_line(patch: Patch) -> None:
    patch.setattr(bands.Line, "applied", lambda line, values: (line.gain * values + line.gain).astype(np.float32))


def no_flip(patch: Patch) -> None:
    patch.setattr(fits_to_idx.FitsSource, "read", lambda source, field, box: native(source._reader(box)).view("u2"))


def other_order(patch: Patch) -> None:
    read = array_file.ArrayFile.read
    patch.setattr(array_file.ArrayFile, "read", lambda file, box: read(file, box)[::-1])


FIRST = tiff_to_idx.Band(component=0)


@pytest.mark.parametrize(
    ("made", "fault"),
    [
        (stack, first_page),
        (stack, first_tile),
        (below, first_page),
        (colours, first_component),
        (turned, other_turn),
        (turned, other_decoder),
        (grain, swapped_bytes),
        (mosaic, lost_tile),
        (survey, other_line),
        (unsigned, no_flip),
        (columns_first, other_order),
    ],
    ids=lambda function: function.__name__,
)
def test_a_fault_of_reading_is_found(
    tmp_path: Path, made: Callable[[Path], Any], fault: Callable[[Patch], None], monkeypatch: Patch
) -> None:
    program, paths, options = made(tmp_path)
    compared(program, paths, options)
    fault(monkeypatch)
    with pytest.raises(Refusal, match="reads otherwise by its format's own library"):
        compared(program, paths, options)


@pytest.mark.parametrize("options", [
    {"tile": (16, 16), "compression": "zlib"},
    {"rowsperstrip": 7, "compression": "lzw"},
    {},
    {"planarconfig": "separate", "tile": (16, 16), "compression": "zlib"},
    {"planarconfig": "separate"},
])  # fmt: skip
@pytest.mark.parametrize("orientation", [1, 6])
def test_large_pages_are_compared_part_by_part(
    tmp_path: Path, options: dict[str, Any], orientation: int, monkeypatch: Patch
) -> None:
    shape = (3, 37, 45) if "planarconfig" in options else (37, 45, 3)
    tags = [(274, "H", 1, orientation, True)]
    tifffile.imwrite(tmp_path / "in.tif", wild("uint8", shape), photometric="rgb", extratags=tags, **options)
    monkeypatch.setattr(plain_tiff, "WHOLE", 0)
    with image_to_idx.open_source([tmp_path / "in.tif"], {}) as source:
        whole = tuple(slice(0, size) for size in source.description.shape)
        values = source.read("image", whole)
        for box in (whole, (slice(5, 30), slice(3, 31))):
            require_plain(source, "image", box, values)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shape", [(7,), (5, 9), (3, 4, 5), (2, 3, 4, 5)])
@pytest.mark.parametrize("runs", [1, 4, 10**6])
def test_runs_of_raw_values_lie_where_numpy_has_them(
    tmp_path: Path, order: Any, shape: tuple[int, ...], runs: int, monkeypatch: Patch
) -> None:
    monkeypatch.setattr(plain_raw, "RUNS", runs)
    monkeypatch.setattr(plain_raw, "RUN", 3)
    values = wild("int16", shape)
    (tmp_path / "in.raw").write_bytes(b"head" + values.tobytes(order))
    plain = plain_raw.PlainRaw(tmp_path / "in.raw", values.dtype, 4, shape, order, 1)
    seen = np.zeros(shape, int)
    for box, found in plain.read(slabs.whole(shape)):
        assert np.array_equal(found, values[box])
        seen[box] += 1
    assert seen.max() == 1
    assert seen.any(axis=tuple(range(1, len(shape)))).all() or runs < 10**6
    assert runs < 10**6 or (seen == 1).all()
