"""How pictures belong together: a mosaic by their places, timesteps by their times, else a stack; or bands of one."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dbproc.codes.automatic import names
from dbproc.codes.automatic.choice import Choice
from dbproc.codes.formats import georeference
from dbproc.codes.formats.bands import camera, of_file
from dbproc.codes.idx.description import Axis, Regular
from dbproc.codes.idx.refusal import GET_AGAIN, Refusal

if TYPE_CHECKING:
    from dbproc.codes.formats.image_file import Facts

PROGRAM, BANDS = "image_to_idx", "mapir_to_idx"
KEPT = ("latitude", "longitude", "altitude")
"""What is kept of each of several pictures."""
MOST_ALIKE = 0.75
"""Pictures of several times that cover less than this part of their pixels show one place several times."""
OF_CAPTURE = re.compile(r"(_MS)?_[A-Za-z]+$|_\d{1,2}$|\d$")
"""What is behind the name of a capture in those of its bands."""
SPARSEST = 16
"""A mosaic has at least one pixel in so many."""


def choices(files: Sequence[Path]) -> Iterator[Choice]:
    """The ways to convert pictures that can be told by their sizes, coordinates, names and times."""
    facts, left = _facts(files)
    if _are_bands(facts):
        yield from band_choices(list(facts))
    yield from (choice.leaving(*left) for choice in (*_placed(facts), *_stacked(facts)))


def of_tiff(files: Sequence[Path]) -> Iterator[Choice]:
    """The ways to convert TIFF files as tiles of a mosaic or as bands, where they say themselves that they are."""
    first = _first(files[0])
    if first is None or not (names.tiles([path.name for path in files]) or first.axes or _band(files[0], first)):
        return
    facts, left = _facts(files)
    if _are_bands(facts):
        yield from band_choices(list(facts))
    yield from (choice.leaving(*left) for choice in _placed(facts))


def band_choices(files: Sequence[Path]) -> Iterator[Choice]:
    """The ways to convert multispectral pictures: bands become fields, several pictures timesteps."""
    facts, left = _facts(files)
    alike, others = _largest(facts)
    left = [*left, *others]
    if all(each.components == 1 for each in alike.values()) and len(alike) > 1:
        yield from (each.leaving(*left) for each in _sets_of_bands(alike))
    ordered, told = _in_time(alike)
    count = next(iter(alike.values())).components
    numbered = {"bands": ",".join(f"band_{i}" for i in range(1, count + 1))}
    why = "which bands the channels are is told neither by the camera nor otherwise"
    for options, words in (({}, ()), (numbered, (why,))):
        if len(ordered) == 1:
            yield Choice(BANDS, tuple(ordered), (options,), axis=None, left_out=tuple(left), why=words)
        else:
            yield (
                _joined(BANDS, ordered, told, alike, options).leaving(*left)
                if not words
                else _joined(BANDS, ordered, told, alike, options).leaving(*left).saying(*words)
            )


def _first(path: Path) -> Facts | None:
    """What is known of a picture; None where it is none, of which whoever converts it says why."""
    from dbproc.codes.formats import image_file

    try:
        with image_file.opened(path) as picture:
            return picture.facts
    except Exception:
        return None


def _are_bands(facts: Mapping[Path, Facts]) -> bool:
    """Whether pictures say themselves that they are bands: by their camera, or each by its name in XMP or its own."""
    told = [camera(str(each.attributes.get("model", ""))) for each in facts.values()]
    singles = {path: each for path, each in facts.items() if each.components == 1}
    return all(told) or (len(singles) > 1 and all(_band(path, each) for path, each in singles.items()))


def _band(path: Path, facts: Facts) -> str:
    """The band that a picture of one says that it is; empty where it does not."""
    from dbproc.codes.mapir_to_idx import BAND_NAME

    text = facts.tags.get("XMP", b"")
    match = BAND_NAME.search(text if isinstance(text, bytes) else str(text).encode())
    if match is None:
        return of_file(path.stem, str(facts.attributes.get("model", ""))) or ""
    return (match[1] or match[2]).decode("utf-8", "replace").strip()


def _sets_of_bands(facts: Mapping[Path, Facts]) -> Iterator[Choice]:
    """Pictures of one band each: all of one capture, or those of several captures as timesteps of each band."""
    bands = {path: _band(path, each) for path, each in facts.items()}
    captures = _captures(bands)
    if "" in bands.values() or not captures:
        return
    whole = {path for capture in captures for path in capture.values()}
    left = [f"{path.name}: its capture lacks bands" for path in bands if path not in whole]
    if len(captures) == 1:
        yield Choice(BANDS, tuple(path for path in facts if path in whole), axis=None, left_out=tuple(left))
        return
    first, *others = captures[0]
    by_first = {capture[first]: capture for capture in captures}
    ordered, told = _in_time({path: facts[path] for path in by_first})
    sets = tuple(tuple(by_first[path][band] for path in ordered) for band in (first, *others))
    joint = _joined(BANDS, ordered, told, facts, {})
    files = tuple(path for each in sets for path in each)
    yield replace(joint, files=files, openings=({},) * len(sets), sets=sets).leaving(*left)


def _captures(bands: Mapping[Path, str]) -> list[dict[str, Path]]:
    """The pictures of each capture by their bands, as their names tell, where it has all of them."""
    found: dict[str, dict[str, Path]] = {}
    for path, band in bands.items():
        found.setdefault(OF_CAPTURE.sub("", path.stem), {}).setdefault(band, path)
    order = list(dict.fromkeys(bands.values()))
    if sum(map(len, found.values())) < len(bands):  # names tell otherwise: one after another in each band
        sets = [[path for path in bands if bands[path] == band] for band in order]
        together = zip(*sets, strict=True) if len({len(each) for each in sets}) == 1 else ()
        return [dict(zip(order, each, strict=True)) for each in together]
    return [{band: each[band] for band in order} for each in found.values() if len(each) == len(order)]


def _facts(files: Sequence[Path]) -> tuple[dict[Path, Facts], list[str]]:
    """What is known of each picture that can be opened; of the others why they cannot."""
    from dbproc.codes.formats import image_file

    found: dict[Path, Facts] = {}
    left: dict[Path, Refusal] = {}
    for path in files:
        try:
            with ExitStack() as stack:
                found[path] = stack.enter_context(image_file.opened(path)).facts
        except Refusal as refusal:
            left[path] = refusal
        except Exception as error:
            left[path] = Refusal(
                path, f"it seems damaged, it cannot be read: {type(error).__name__}: {error}", GET_AGAIN
            )
    if not found:
        raise next(iter(left.values()))
    return found, [f"{path.name}: {refusal.what}" for path, refusal in left.items()]


def _placed(facts: Mapping[Path, Facts]) -> Iterator[Choice]:
    """Tiles of a mosaic: by their coordinates, where these differ; by the rows and columns in their names."""
    ways: list[tuple[dict[str, Any], Mapping[Path, Facts], list[str]]] = []
    alike, left = _of_one_kind(facts, _grid)
    are_apart = all(each.axes for each in alike.values()) and len({_corner(each) for each in alike.values()}) > 1
    if are_apart and _is_filled(alike):
        ways.append(({"by_coordinates": True}, alike, left))
    alike, left = _of_one_kind(facts, _pixels)
    pattern = names.tiles([path.name for path in alike])
    if pattern:
        ways.append(({"tiles": pattern}, alike, left))
    for way, tiles, others in ways:
        if len(tiles) > 1:
            options = {**way, "overlap": "first"}
            yield Choice(PROGRAM, tuple(tiles), (options,), axis=None, left_out=tuple(others))
            options = {**options, "fill": 0.0, "mask": True}
            yield Choice(PROGRAM, tuple(tiles), (options,), axis=None, left_out=tuple(others))


def _pixels(facts: Facts) -> Hashable:
    """What must be the same in tiles of one picture."""
    return facts.components, facts.dtype


def _grid(facts: Facts) -> Hashable:
    """The same of those that are placed by their coordinates."""
    steps = tuple((axis.name, round(axis.regular.step, 9)) for axis in facts.axes or () if axis.regular)
    return _pixels(facts), steps, tuple(facts.attributes.get(key) for key in georeference.SYSTEMS)


def _is_filled(facts: Mapping[Path, Facts]) -> bool:
    """Whether pictures lie near enough to each other for a mosaic, and are not of the same place at several times."""
    from dbproc.codes.formats import mosaic

    try:
        found = mosaic.plan(mosaic.from_coordinates({str(path): each for path, each in facts.items()}))
    except Refusal:
        return True  # which the converter tells
    pixels = found.rows * found.columns
    covered, given = pixels - found.gaps, sum(each.rows * each.columns for each in facts.values())
    is_repeated = covered < given * MOST_ALIKE and _in_time(facts)[1] is not None
    return covered * SPARSEST >= pixels and not is_repeated


def _stacked(facts: Mapping[Path, Facts]) -> Iterator[Choice]:
    """Pictures of one size, one after another: in the order of their times, else of their names."""
    alike, left = _largest(facts)
    ordered, told = _in_time(alike)
    if len(ordered) == 1:
        yield Choice(PROGRAM, tuple(ordered), axis=None, left_out=tuple(left))
        return
    yield _joined(PROGRAM, ordered, told, alike, {}).leaving(*left)


def _joined(
    program: str, ordered: Sequence[Path], told: Axis | None, facts: Mapping[Path, Facts], options: Mapping[str, Any]
) -> Choice:
    axis = told or Axis("page", len(ordered))
    places = {name: [facts[path].attributes.get(name) for path in ordered] for name in KEPT}
    kept = {name: values for name, values in places.items() if any(value is not None for value in values)}
    axis = replace(axis, attributes={**axis.attributes, "files": [path.name for path in ordered], **kept})
    why = (f"places of cameras are kept with {axis.name}; they place no pixel, so no mosaic is made of them",)
    is_told = len({each for each in places["latitude"] if each is not None}) > 1
    choice = Choice(program, tuple(ordered), (options,), axis="", new_axis=axis.name, told=axis)
    return replace(choice, why=why) if is_told else choice


def _in_time(facts: Mapping[Path, Facts]) -> tuple[list[Path], Axis | None]:
    """Pictures in the order of the times that they or their names tell, and these; else in their own order."""
    paths = list(facts)
    dates = [facts[path].attributes.get("date") for path in paths]
    told = names.moments([str(each) if each else None for each in dates]) or names.times([path.name for path in paths])
    if told is None or told.coordinates is None:
        return paths, None
    order = sorted(range(len(paths)), key=lambda i: float((told.coordinates or ())[i]))
    values = tuple(told.coordinates[i] for i in order)
    if values == told.coordinates:
        return paths, told
    steps = {after - before for before, after in pairwise(map(float, values))}
    regular = Regular(float(values[0]), float(next(iter(steps)))) if len(steps) == 1 else None
    return [paths[i] for i in order], replace(told, coordinates=values, regular=regular)


def _largest(facts: Mapping[Path, Facts]) -> tuple[dict[Path, Facts], list[str]]:
    """The pictures of the size and kind that most of them have, and the others in words."""
    return _of_one_kind(facts, lambda each: (each.rows, each.columns, str(each.kind)))


def _of_one_kind(facts: Mapping[Path, Facts], kind: Callable[[Facts], Hashable]) -> tuple[dict[Path, Facts], list[str]]:
    """The pictures of the kind that most of them have, and the others in words."""
    kinds = {path: kind(each) for path, each in facts.items()}
    usual = Counter(kinds.values()).most_common(1)[0][0]
    alike = {path: each for path, each in facts.items() if kinds[path] == usual}
    told = {str(each) for each in alike.values()}
    return alike, [
        f"{path.name}: it is {each}, the others are not"
        if str(each) not in told
        else f"{path.name}: its grid is another"
        for path, each in facts.items()
        if path not in alike
    ]


def _corner(facts: Facts) -> tuple[Any, ...]:
    return tuple(axis.regular for axis in facts.axes or ())
