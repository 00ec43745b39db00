"""MIDX files: lists of datasets that lie beside or below them."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from xml.etree import ElementTree

from dbproc.codes.idx.refusal import GET_AGAIN, Refusal

SUFFIX = ".midx"
MOST_PARTS = 10_000
HERE = "file://", "$(CurrentFileDirectory)/"
"""What may stand before the path of a part."""


def parts(path: Path) -> tuple[dict[str, Path], list[str]]:
    """The datasets of a MIDX file by name, and the names of those that lie elsewhere.

    Raises
    ------
    Refusal
        When it is no such list, or all of them lie elsewhere.
    """
    found: dict[str, Path] = {}
    refusals: dict[str, Refusal] = {}
    for name, url in urls(path).items():
        try:
            found[name] = place(path, url)
        except Refusal as refusal:
            refusals[name] = refusal
    if not found:
        raise next(iter(refusals.values()))
    return found, list(refusals)


def urls(path: Path) -> dict[str, str]:
    """Where a MIDX file says that its datasets are, by name; one whose name is taken has a number behind it.

    Raises
    ------
    Refusal
        When it is no such list.
    """
    text = path.read_text(errors="replace")
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise Refusal(path, "it declares entities, which no MIDX file needs", "Do not trust it")
    try:
        listed = [each for each in ElementTree.fromstring(text).iter("dataset") if "url" in each.attrib]
    except ElementTree.ParseError as error:
        raise Refusal(path, f"it is no XML: {error}", GET_AGAIN) from error
    if not 0 < len(listed) <= MOST_PARTS:
        raise Refusal(path, f"it names {len(listed)} datasets", "Name a MIDX file of .idx files")
    names = [each.attrib.get("name", str(i)) for i, each in enumerate(listed)]
    found: dict[str, str] = {}
    for name, each in zip(names, listed, strict=True):
        numbers = (f"{name}_{number}" for number in count(2))
        own = name if name not in found else next(other for other in numbers if other not in {*names, *found})
        found[own] = each.attrib["url"]
    return found


def place(path: Path, url: str) -> Path:
    """The dataset that a MIDX file means; refused where it is not beside or below it."""
    name = url
    for each in HERE:
        name = name.removeprefix(each)
    found = (path.parent / name).resolve()
    if "://" in name or not found.is_relative_to(path.parent.resolve()) or found.suffix != ".idx":
        raise Refusal(path, f"its dataset {url!r} is no .idx beside or below it", "Copy that one here first")
    return found
