"""The axes of an image's rows and columns from GeoTIFF tags, and the names of its bands from GDAL's. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

from dbproc.codes.idx.description import Axis, Regular

GEOGRAPHIC = 2
"""GTModelType of latitude and longitude."""
AREA = 1
"""GTRasterType of pixels that are areas: the tie point is a pixel's corner."""
SYSTEMS = ("ProjectedCSTypeGeoKey", "GeographicTypeGeoKey")
"""Which system the coordinates are of."""


def axes(attributes: Mapping[str, Any], rows: int, columns: int) -> tuple[Axis, Axis] | None:
    """The axes with the coordinates of pixel centres; None where the tags tell none, or the image is rotated."""
    lines = _lines(attributes)
    if lines is None:
        return None
    half = 0.5 if attributes.get("GTRasterTypeGeoKey", AREA) == AREA else 0.0
    y, x = (Regular(line.start + half * line.step, line.step) for line in lines)
    if attributes.get("GTModelTypeGeoKey") == GEOGRAPHIC:
        return _placed("latitude", "degrees_north", rows, y), _placed("longitude", "degrees_east", columns, x)
    return _placed("y", "", rows, y), _placed("x", "", columns, x)


def other_system(attributes: Mapping[str, Any], first: Mapping[str, Any]) -> str:
    """The system of coordinates, in words, where another one is told than for the first; else empty."""
    pairs = [(key, attributes.get(key), first.get(key)) for key in SYSTEMS]
    return next(
        (f"its {key} is {mine}" for key, mine, other in pairs if None not in (mine, other) and mine != other), ""
    )


def band_names(attributes: Mapping[str, Any], count: int) -> tuple[str, ...]:
    """What GDAL's metadata call the bands; none where they do not name each of them."""
    try:
        root = ElementTree.fromstring(str(attributes.get("GDAL_METADATA", "")).strip("\0 \n"))
    except ElementTree.ParseError:
        return ()
    told = {each.get("sample"): each.text or "" for each in root if each.get("role") == "description"}
    found = tuple(told.get(str(band), "").strip() for band in range(count))
    return found if all(found) else ()


def _lines(attributes: Mapping[str, Any]) -> tuple[Regular, Regular] | None:
    """Where row and column 0 begin, and the steps."""
    matrix = attributes.get("ModelTransformationTag")
    if matrix and len(matrix) == 16:
        if matrix[1] or matrix[4] or not matrix[0] or not matrix[5]:
            return None
        return Regular(matrix[7], matrix[5]), Regular(matrix[3], matrix[0])
    scale, tie = attributes.get("ModelPixelScaleTag"), attributes.get("ModelTiepointTag")
    if not scale or not tie or len(tie) != 6 or not all(scale[:2]):
        return None
    return Regular(tie[4] + tie[1] * scale[1], -scale[1]), Regular(tie[3] - tie[0] * scale[0], scale[0])


def _placed(name: str, units: str, size: int, line: Regular) -> Axis:
    coordinates = tuple(line.start + line.step * i for i in range(size))
    return Axis(name, size, units=units, coordinates=coordinates, regular=line)
