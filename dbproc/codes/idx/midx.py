"""MIDX files: lists of datasets that lie beside or below them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

from dbproc.codes.idx.refusal import GET_AGAIN, Refusal

SUFFIX = ".midx"
MOST_PARTS = 10_000
HERE = "file://"
"""What may stand before the path of a part."""


def parts(path: Path) -> dict[str, Path]:
    """The datasets of a MIDX file by name.

    Raises
    ------
    Refusal
        When it is no such list, or one of them lies elsewhere.
    """
    return dict(_parts(path))


def _parts(path: Path) -> Iterator[tuple[str, Path]]:
    text = path.read_text(errors="replace")
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise Refusal(path, "it declares entities, which no MIDX file needs", "Do not trust it")
    try:
        found = [each for each in ElementTree.fromstring(text).iter("dataset") if "url" in each.attrib]
    except ElementTree.ParseError as error:
        raise Refusal(path, f"it is no XML: {error}", GET_AGAIN) from error
    if not 0 < len(found) <= MOST_PARTS:
        raise Refusal(path, f"it names {len(found)} datasets", "Name a MIDX file of .idx files")
    for i, each in enumerate(found):
        url = each.attrib["url"]
        name = url.removeprefix(HERE)
        place = (path.parent / name).resolve()
        if "://" in name or not place.is_relative_to(path.parent.resolve()) or place.suffix != ".idx":
            raise Refusal(path, f"its dataset {url!r} is no .idx beside or below it", "Copy that one here first")
        yield each.attrib.get("name", str(i)), place
