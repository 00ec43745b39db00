"""What of TIFF files is converted: the largest series of images and its equals, bands as fields."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import Any

from dbproc.codes.automatic import names
from dbproc.codes.automatic.choice import Choice, first
from dbproc.codes.formats.selection import few
from dbproc.codes.idx.description import Description
from dbproc.codes.idx.refusal import Refusal

PROGRAM = "tiff_to_idx"
COLOURS = ("RGB", "YCBCR", "CIELAB", "ICCLAB", "ITULAB", "SEPARATED", "PALETTE")
"""Photometric interpretations of which the components are one colour."""
MOST_SERIES = 200
CHANNEL = "channel"
"""How the axis of channels is called."""


def choices(files: Sequence[Path], wanted: Sequence[str] = ()) -> Iterator[Choice]:
    """The ways to convert TIFF files, by what the first holds; ``wanted`` are series by number, or bands of names."""
    bands = names.bands([path.name for path in files])
    if wanted and set(wanted) <= set(bands):
        kept = [(path, band) for path, band in zip(files, bands, strict=True) if band in wanted]
        files, bands, wanted = [path for path, _ in kept], [band for _, band in kept] if len(kept) > 1 else [], ()
    _require_numbers(files[0], wanted, bands)
    bands = [] if wanted else bands
    for choice in _of_file(files[0], wanted):
        if bands and len(choice.openings) == 1:
            sets = tuple((path,) for path in files)
            openings = choice.openings * len(files)
            yield replace(choice, files=tuple(files), openings=openings, sets=sets, titles=tuple(bands))
        yield replace(choice, files=tuple(files), new_axis="page")


def _require_numbers(path: Path, wanted: Sequence[str], bands: Sequence[str]) -> None:
    """Refuse to choose what is no number of a series."""
    for each in wanted:
        if not each.isdecimal():
            told = f", or among the bands of the files: {', '.join(bands)}" if bands else ""
            raise Refusal(path, f"it has no series {each!r}", f"Choose one by its number, counted from 1{told}")


def _of_file(path: Path, wanted: Sequence[str]) -> Iterator[Choice]:
    found = _series(path, [int(each) for each in wanted if each.isdecimal()])
    sizes = {number: _size(description) for number, (_, description) in found.items()}
    left = list(found)
    while left:
        best = max(left, key=lambda number: (sizes[number], -number))
        shape = found[best][1].shape
        chosen = [number for number in left if found[number][1].shape == shape]
        others = [
            f"series {number} {each.shape}{_reason(each, found[best][1])}"
            for number, (_, each) in found.items()
            if number not in chosen
        ]
        yield Choice(PROGRAM, (path,), tuple(found[number][0] for number in chosen), left_out=tuple(few(others)))
        left = [number for number in left if number not in chosen]
    if wanted:  # nothing else is what was asked for; where it is not there, the converter says so
        yield Choice(PROGRAM, (path,), tuple({"series": int(each)} for each in wanted))
        return
    for options in ({"plain": True}, {"plain": True, "channels": "fields"}):
        yield Choice(PROGRAM, (path,), (options,), why=("the pages are taken as they come",))
    yield Choice("image_to_idx", (path,), axis=None, why=("the first page is taken as a picture",))


def _reason(found: Description, chosen: Description) -> str:
    """Why pages of the size of those that are chosen are not among them."""
    if found.shape[-2:] != chosen.shape[-2:]:
        return ""
    if found.orientation != chosen.orientation:
        return f": its {found.orientation}, that of the others {chosen.orientation.removeprefix('first row ')}"
    if any(
        mine.positions() != other.positions() for mine, other in zip(found.axes[-2:], chosen.axes[-2:], strict=True)
    ):
        return ": it lies elsewhere"
    types = [[(field.dtype, field.components) for field in each.fields] for each in (found, chosen)]
    return ": its pixels are of another type" if types[0] != types[1] else ""


def _series(path: Path, wanted: Sequence[int]) -> dict[int, tuple[Mapping[str, Any], Description]]:
    """The series that can be converted, by number, with the options for each; number 0 is the only one."""
    found: dict[int, tuple[Mapping[str, Any], Description]] = {}
    for number in wanted or range(MOST_SERIES):
        try:
            found[number] = _one(path, {"series": number} if number else {})
        except Refusal as refusal:
            if number and "it has no series" in refusal.what:
                break
            continue
        if not number:
            break
    return found


def _one(path: Path, options: Mapping[str, Any]) -> tuple[Mapping[str, Any], Description]:
    """A series with its channels as fields, where they are not a colour."""
    refusal: Refusal | None = None
    split = {**options, "channels": "fields"}
    try:
        description = _described(path, options)
    except Refusal as error:
        refusal = error
    else:
        field = description.fields[0]
        is_complex = str(field.attributes.get("tiff_dtype")).startswith("complex")
        bands = field.components > 1 and not is_complex and field.attributes.get("photometric") not in COLOURS
        if not bands and all(axis.name != CHANNEL for axis in description.axes):
            return options, description
    try:
        return split, _described(path, split)
    except Refusal:
        if refusal is not None:
            raise refusal from None
        return options, description


def _described(path: Path, options: Mapping[str, Any]) -> Description:
    with ExitStack() as stack:
        _, source = first([Choice(PROGRAM, (path,), (options,))], stack)
        return source.description


def _size(description: Description) -> int:
    return prod(description.shape)
