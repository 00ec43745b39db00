"""What a camera tells of a picture: orientation, place, time and itself. Tags as tifffile names them."""

from __future__ import annotations

import importlib
import io
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from dbproc.codes.formats import xmp
from dbproc.codes.idx.description import plain

if TYPE_CHECKING:
    from dbproc.codes.idx.values import Values

LONGEST = 1000
"""Values of more characters or numbers are left out of the metadata: makers' notes and small pictures."""
PICTURE = ("Make", "Model", "Software", "Artist", "Copyright", "DateTime", "ImageDescription", "Orientation")
"""The tags of the picture itself that are kept."""


@dataclass(frozen=True)
class Orientation:
    """How stored rows and columns become those of the picture: transposed first, then flipped."""

    transposed: bool = False
    rows_flipped: bool = False
    columns_flipped: bool = False

    def shape(self, stored: tuple[int, int]) -> tuple[int, int]:
        """Rows and columns of the picture."""
        return (stored[1], stored[0]) if self.transposed else stored

    def stored(self, rows: slice, columns: slice, shape: tuple[int, int]) -> tuple[slice, slice]:
        """The stored box of a picture's box; ``shape`` is the picture's."""
        if self.rows_flipped:
            rows = slice(shape[0] - rows.stop, shape[0] - rows.start)
        if self.columns_flipped:
            columns = slice(shape[1] - columns.stop, shape[1] - columns.start)
        return (columns, rows) if self.transposed else (rows, columns)

    def applied(self, pixels: Values) -> Values:
        """Stored pixels (row, column, component) as the picture has them."""
        turned = pixels.swapaxes(0, 1) if self.transposed else pixels
        return turned[:: -1 if self.rows_flipped else 1, :: -1 if self.columns_flipped else 1]


ORIENTATIONS = {
    1: Orientation(),
    2: Orientation(columns_flipped=True),
    3: Orientation(rows_flipped=True, columns_flipped=True),
    4: Orientation(rows_flipped=True),
    5: Orientation(transposed=True),
    6: Orientation(transposed=True, columns_flipped=True),
    7: Orientation(transposed=True, rows_flipped=True, columns_flipped=True),
    8: Orientation(transposed=True, rows_flipped=True),
}
"""By the value of the tag Orientation."""


def tags(block: bytes) -> dict[str, Any]:
    """The tags of an EXIF block, which is a TIFF file without pixels; of a damaged one which way is up."""
    tifffile = importlib.import_module("tifffile")
    try:
        with tifffile.TiffFile(io.BytesIO(block)) as tiff:
            return tags_of(tiff.pages[0])
    except (tifffile.TiffFileError, ValueError, TypeError, LookupError, OSError, struct.error):
        return _upright(block)


def _upright(block: bytes) -> dict[str, Any]:
    """The tag Orientation by the bytes of its entry in the first directory."""
    order: Literal["big", "little"] = "big" if block[:2] == b"MM" else "little"
    start = int.from_bytes(block[4:8], order)
    end = start + 2 + 12 * int.from_bytes(block[start : start + 2], order)
    entry = b"".join(number.to_bytes(size, order) for number, size in ((0x0112, 2), (3, 2), (1, 4)))
    place = block.find(entry, start + 2, end)
    value = block[place + 8 : place + 10]
    if block[:2] not in (b"II", b"MM") or place < 0 or (place - start - 2) % 12 or len(value) < 2:
        return {}
    return {"Orientation": int.from_bytes(value, order)}


def tags_of(page: Any) -> dict[str, Any]:
    """The tags of a page of tifffile's that are about the picture, those of EXIF and GPS below their names."""
    found = {tag.name: tag.value for tag in page.tags}
    return {name: found[name] for name in (*PICTURE, "ExifTag", "GPSTag", "XMP") if name in found}


def orientation(found: Mapping[str, Any]) -> int:
    """The value of the tag Orientation; 1, as stored, where there is none or none of the eight."""
    value = found.get("Orientation", 1)
    return int(value) if value in ORIENTATIONS else 1


def facts(found: Mapping[str, Any]) -> dict[str, Any]:
    """Place in degrees and metres, time and camera, and the tags and the properties of XMP as they are."""
    camera = {name: found[name] for name in PICTURE if name in found}
    exif, gps = _short(found.get("ExifTag")), _short(found.get("GPSTag"))
    told = {"make": camera.get("Make"), "model": camera.get("Model"), "date": date(found), **place(gps)}
    packet = found.get("XMP") or b""
    raw = {"picture": _short(camera), "exif": exif, "gps": gps, "xmp": _short(xmp.properties(packet))}
    return plain({name: value for name, value in {**told, **raw}.items() if value not in (None, {}, "")})  # type: ignore[no-any-return]


def place(gps: Mapping[str, Any]) -> dict[str, float]:
    """Latitude and longitude in degrees, north and east positive, and altitude in metres; what is told of them."""
    latitude = _degrees(gps.get("GPSLatitude"), gps.get("GPSLatitudeRef"), "NS")
    longitude = _degrees(gps.get("GPSLongitude"), gps.get("GPSLongitudeRef"), "EW")
    height = _rational(gps.get("GPSAltitude"), 0)
    below = gps.get("GPSAltitudeRef", 0) in (1, b"\x01")
    altitude = None if height is None else -height if below else height
    found = {"latitude": latitude, "longitude": longitude, "altitude": altitude}
    return {name: value for name, value in found.items() if value is not None}


def date(found: Mapping[str, Any]) -> str | None:
    """When the picture was taken, as ISO 8601, with an offset where it is told; None where it is not."""
    exif = _short(found.get("ExifTag"))
    told = (exif.get("DateTimeOriginal"), exif.get("DateTimeDigitized"), found.get("DateTime"))
    moment = next((each for text in told if (each := _moment(str(text or "")))), None)
    if moment is None:
        return None
    fraction = str(exif.get("SubsecTimeOriginal") or exif.get("SubSecTimeOriginal") or "").strip()
    offset = str(exif.get("OffsetTimeOriginal") or exif.get("OffsetTime") or "").strip()
    tail = (f".{fraction}" if fraction.isdigit() else "") + (offset if re.fullmatch(r"[+-]\d\d:\d\d", offset) else "")
    return f"{moment}{tail}"


def _moment(text: str) -> str:
    """A date and a clock as ISO 8601; empty for what is none, as clocks have it that were never set."""
    parts = re.match(r"(\d{4}):(\d\d):(\d\d)[ T](\d\d:\d\d:\d\d)", text)
    if parts is None:
        return ""
    told = f"{parts[1]}-{parts[2]}-{parts[3]}T{parts[4]}"
    try:
        datetime.fromisoformat(told)
    except ValueError:
        return ""
    return told


def _degrees(value: Any, reference: Any, signs: str) -> float | None:
    parts = [_rational(value, i) for i in range(3)]
    mark = str(reference or "").strip("\0 ").upper()
    if parts[0] is None or mark not in tuple(signs):
        return None
    angle = parts[0] + (parts[1] or 0) / 60 + (parts[2] or 0) / 3600
    return -angle if mark == signs[1] else angle


def _rational(value: Any, index: int) -> float | None:
    """Rational number ``index`` of a tag's value: numerators and denominators by turns."""
    numbers = value if isinstance(value, tuple | list) else ()
    if len(numbers) < 2 * index + 2 or not numbers[2 * index + 1]:
        return None
    return float(numbers[2 * index]) / float(numbers[2 * index + 1])


def _short(tags: Any) -> dict[str, Any]:
    found = tags if isinstance(tags, Mapping) else {}
    return {str(name): value for name, value in found.items() if not hasattr(value, "__len__") or len(value) <= LONGEST}
