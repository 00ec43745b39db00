"""How the pages of a TIFF file belong together: series of pages with axes, as the file's own metadata tell it.

OME-TIFF, ImageJ's hyperstacks and plain pages alike; pyramids count by their full resolution.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import prod
from typing import Any
from xml.etree import ElementTree

from dbproc.codes.formats import georeference
from dbproc.codes.formats.selection import Candidate, Candidates
from dbproc.codes.formats.tiff_file import Tiff
from dbproc.codes.formats.tiff_pages import DAMAGED, Page
from dbproc.codes.idx.description import Axis, Regular, plain
from dbproc.codes.idx.refusal import Refusal

NAMES = {"T": "time", "Z": "z", "C": "channel", "S": "sample", "R": "tile", "P": "position", "A": "angle", "H": "phase"}
"""Axis names by tifffile's letters; other outer axes are called ``page``."""
UPRIGHT = "TOPLEFT"
"""The orientation of pages that tell none."""
MOST_NAMES = 5
"""So many pages are named in a message at most."""
VIRTUAL = ("imagej", "shaped")
"""Kinds of series whose first page may stand for all, whose pixels follow one another."""


@dataclass(frozen=True)
class Plane:
    """One image: a page, or what lies ``shift`` bytes behind its pixels; of a page of several planes the ``layer``."""

    page: int
    shift: int = 0
    layer: int = 0


@dataclass(frozen=True)
class Series:
    """Images of one kind along outer axes, slowest first; ``letters`` are tifffile's for these axes.

    ``told`` is its number among tifffile's series, None where its pages were put together here.

    ``facts`` are the axes as the file's metadata tell them, by letter, the axes of rows and columns included.
    """

    name: str
    letters: str
    shape: tuple[int, ...]
    planes: tuple[Plane, ...]
    masks: tuple[int, ...] = ()
    facts: Mapping[str, Axis] = field(default_factory=dict)
    channels: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict)
    told: int | None = None

    def axis(self, position: int) -> Axis:
        """An outer axis."""
        letter, size = self.letters[position], self.shape[position]
        known = self.facts.get(letter)
        return known if known is not None and known.size == size else Axis(NAMES.get(letter, "page"), size)


def chosen(tiff: Tiff, number: int | None, *, plain_pages: bool) -> Series:
    """The series that is wanted: number ``number``, counted from 1, or the only one; the pages as they are if plain."""
    found = [_as_they_come(tiff)] if plain_pages else _told(tiff)
    if number is not None:
        (wanted,) = _candidates(tiff, found).chosen([str(number)])
        return found[int(wanted.name) - 1]
    if len(found) > 1:
        raise _several(tiff, found)
    return found[0]


def _told(tiff: Tiff) -> list[Series]:
    """The series as the file tells of them, every page of the file in one of them."""
    with tiff.library(lambda: f"{DAMAGED}, or {_lower(_plain_way(tiff))}") as told:
        ome = _ome(tiff, told.ome_metadata) if told.is_ome else []
        imagej = dict(told.imagej_metadata or {}) if told.is_imagej else {}
        if told.is_ome and len(ome) != len(told.series):
            what = "its OME-XML does not tell which page is what"
            raise Refusal(tiff.path, what, _plain_way(tiff))
        described = list(enumerate(told.series))
        parts = [
            (i, _series(tiff, each, ome[i] if ome else None, imagej)) for i, each in described if _main(tiff, each)
        ]
        found = [replace(each, told=i) for i, each in parts]
        seen = {page for _, each in described for page in _covered(tiff, each)}
        plain_kind = {each.kind for _, each in described} == {"generic"}
    lost = [page for page in tiff.pages if page.number not in seen]
    if lost and plain_kind:
        found, lost = _completed(tiff, found, lost)
    lost = [page for page in lost if not (page.reduced or page.mask)]
    if lost:
        what = f"its metadata tell nothing of {_named(lost)}"
        raise Refusal(tiff.path, what, _plain_way(tiff))
    if not found:
        raise Refusal(tiff.path, "it holds but reduced images and masks", _plain_way(tiff))
    return _masked(tiff, [part for each in found for part in _of_one_place(tiff, each)])


def _of_one_place(tiff: Tiff, series: Series) -> list[Series]:
    """A series, or one for each way its pages lie: turned otherwise, or elsewhere on a map."""
    places: dict[Hashable, list[Page]] = {}
    for plane in series.planes:
        page = tiff.pages[plane.page]
        places.setdefault(_place(page, tiff.pages[series.planes[0].page]), []).append(page)
    if len(places) == 1:
        return [series]
    if len(series.letters) > 1:
        raise _elsewhere(*(pages[0] for pages in reversed(list(places.values())[:2])))
    return [replace(_of_pages(pages), name=series.name, attributes=series.attributes) for pages in places.values()]


def _place(page: Page, first: Page) -> Hashable:
    """How a page is turned and where it lies; where it tells none, as the first page does."""
    turned = page.attributes.get("Orientation", UPRIGHT)
    axes = [georeference.axes(each.attributes, each.rows, each.columns) for each in (page, first)]
    told = page if axes[0] else first
    lines = tuple((axis.name, axis.regular) for axis in axes[0] or axes[1] or ())
    return turned, lines, tuple(told.attributes.get(key) for key in georeference.SYSTEMS) if lines else ()


def _elsewhere(page: Page, first: Page) -> Refusal:
    what = f"it is turned otherwise, or lies elsewhere, than {first.where}"
    return Refusal(page.where, what, "Save such pages apart")


def _are_alike(tiff: Tiff) -> bool:
    """Whether the pages can be taken as they come."""
    try:
        _as_they_come(tiff)
    except Refusal:
        return False
    return True


def _plain_way(tiff: Tiff) -> str:
    """What to do where the pages cannot be taken as the file tells."""
    return "Take the pages as they come with --plain" if _are_alike(tiff) else "Save its pages apart, each kind alone"


def _lower(sentence: str) -> str:
    return sentence[0].lower() + sentence[1:]


def _completed(tiff: Tiff, found: list[Series], lost: list[Page]) -> tuple[list[Series], list[Page]]:
    """Series of pages that are but alike, with those like them that tifffile does not see; and the others.

    It looks into the SubIFDs of the main chain, not into what is chained to them or below them.
    """
    kinds = {tiff.pages[each.planes[0].page].kind: i for i, each in enumerate(found)}
    for page in lost:
        if page.kind in kinds:
            number = kinds[page.kind]
            pages = {plane.page for plane in found[number].planes} | {page.number}
            found[number] = replace(_of_pages([tiff.pages[i] for i in sorted(pages)]), notes=found[number].notes)
    return found, [page for page in lost if page.kind not in kinds]


def _named(pages: Sequence[Page]) -> str:
    more = f" and {len(pages) - MOST_NAMES} more" if len(pages) > MOST_NAMES else ""
    return ", ".join(page.name for page in pages[:MOST_NAMES]) + more


def _covered(tiff: Tiff, told: Any) -> Iterator[int]:
    """The pages of a series and those of its levels, which must be smaller than its own to be levels."""
    numbers = _numbers(tiff, told)
    yield from numbers
    most = {_size(tiff.pages[number]) for number in numbers}
    for level in told.levels[1:]:
        yield from (number for number in _numbers(tiff, level) if _size(tiff.pages[number]) not in most)


def _main(tiff: Tiff, told: Any) -> bool:
    """Whether a series is an image, no mask and no reduced copy."""
    pages = [tiff.pages[number] for number in _numbers(tiff, told)]
    return not (pages and all(page.mask or page.reduced for page in pages))


def _masked(tiff: Tiff, found: list[Series]) -> list[Series]:
    """The series with the masks of their size; a note on what is left out."""
    if len(found) > 1:
        return found
    (only,) = found
    first = tiff.pages[only.planes[0].page]
    masks = [page for page in tiff.pages if page.mask and not page.reduced and _size(page) == _size(first)]
    if len(masks) != len(only.planes):
        masks = []
    numbers = {page.number for page in masks} | {plane.page for plane in only.planes}
    others = [page for page in tiff.pages if page.number not in numbers]
    notes = (f"{len(others)} reduced images or masks are left out",) if others else ()
    return [replace(only, masks=tuple(page.number for page in masks), notes=(*only.notes, *notes))]


def _size(page: Page) -> tuple[int, int]:
    return page.rows, page.columns


def _as_they_come(tiff: Tiff) -> Series:
    """The pages of the main chain, and those of SubIFDs that are like the first; a note on others there."""
    first, *rest = tiff.pages
    nested = [page for page in rest if page.is_nested]
    others = [page for page in nested if page.reduced or page.mask or page.kind != first.kind]
    series = _of_pages([page for page in tiff.pages if page not in others])
    return replace(series, notes=(f"{len(others)} images in SubIFDs are left out",) if others else ())


def _of_pages(pages: Sequence[Page]) -> Series:
    """All pages one after another; refused where one is of another kind."""
    for page in pages[1:]:
        if page.kind != pages[0].kind:
            what = f"it is of another kind ({page}) than {pages[0].where} ({pages[0]})"
            raise Refusal(page.where, what, "A stack needs pages of one size and type")
        if _place(page, pages[0]) != _place(pages[0], pages[0]):
            raise _elsewhere(page, pages[0])
    planes = tuple(Plane(page.number, layer=layer) for page in pages for layer in range(page.depth))
    return Series("", "I" if planes[1:] else "", (len(planes),) if planes[1:] else (), planes)


def _series(tiff: Tiff, told: Any, ome: _Ome | None, imagej: Mapping[str, Any]) -> Series:
    numbers = _numbers(tiff, told)
    page = tiff.pages[numbers[0]]
    for number in numbers[1:]:
        if tiff.pages[number].kind != page.kind:
            what = f"it is of another kind ({tiff.pages[number]}) than {page.where} ({page})"
            raise Refusal(tiff.pages[number].where, what, "A stack needs pages of one size and type")
    depth = len(page.shape)
    shape, letters = tuple(int(size) for size in told.shape), str(told.axes)
    if "S" in letters and "S" not in page.axes and shape[letters.index("S")] == 1:
        shape = shape[: letters.index("S")] + shape[letters.index("S") + 1 :]
        letters = letters.replace("S", "")
    outer = [(letter, size) for letter, size in zip(letters[:-depth], shape[:-depth], strict=True) if size > 1]
    planes = _planes(tiff, told, numbers, prod(size for _, size in outer))
    if shape[-depth:] != page.shape or planes is None:
        what = f"it tells of {letters} {shape}, but holds {len(numbers)} pages like {page}"
        raise Refusal(tiff.path, what, _plain_way(tiff))
    return Series(
        name=str(told.name or ""),
        letters="".join(letter for letter, _ in outer),
        shape=tuple(size for _, size in outer),
        planes=planes,
        facts=ome.axes if ome else _imagej_axes(page, dict(outer), imagej),
        channels=ome.channels if ome else (),
        attributes=ome.attributes if ome else plain({k: v for k, v in imagej.items() if k not in ("LUTs", "Info")}),
    )


def _planes(tiff: Tiff, told: Any, numbers: Sequence[int], count: int) -> tuple[Plane, ...] | None:
    """The images of a series in order; None where their number is not what its axes ask for."""
    depth = tiff.pages[numbers[0]].depth
    if len(numbers) * depth == count:
        return tuple(Plane(number, layer=layer) for number in numbers for layer in range(depth))
    if len(numbers) == 1 and told.kind in VIRTUAL and tiff.contiguous(numbers[0], count):
        return tuple(Plane(numbers[0], i * tiff.pages[numbers[0]].nbytes) for i in range(count))
    return None


def _numbers(tiff: Tiff, told: Any) -> list[int]:
    """The pages of a series in its order, found by where their directories lie: no two have the same place."""
    found = [None if page is None else tiff.number_at(page.offset) for page in told.pages]
    if None in found:
        what = "its metadata tell of pages that are not in it"
        raise Refusal(tiff.path, what, f"Get the missing files, or {_lower(_plain_way(tiff))}")
    return [number for number in found if number is not None]


def _several(tiff: Tiff, found: Sequence[Series]) -> Refusal:
    first, other = (tiff.pages[each.planes[0].page] for each in found[:2])
    what = f"it is of another kind ({other}) than {first.where} ({first})"
    if other.kind == first.kind:
        what = f"it begins another series than {first.where}"
    return Refusal(other.where, what, _candidates(tiff, found).choices)


def _candidates(tiff: Tiff, found: Sequence[Series]) -> Candidates:
    by_number = {str(i): _candidate(tiff, each, i) for i, each in enumerate(found, 1)}
    return Candidates(tiff.path, "--series", "series", lambda: list(by_number.values()), by_number.get)


def _candidate(tiff: Tiff, series: Series, number: int) -> Candidate:
    page = tiff.pages[series.planes[0].page]
    kind = f"{(*series.shape, *page.shape)} {page.dtype}"
    return Candidate(str(number), f"{number} {kind}" + (f" {series.name!r}" if series.name else ""), kind)


@dataclass(frozen=True)
class _Ome:
    axes: Mapping[str, Axis]
    channels: tuple[str, ...]
    attributes: Mapping[str, Any]


def _ome(tiff: Tiff, text: str) -> list[_Ome]:
    """What the OME-XML tells of each image; refused where other files hold a part of them."""
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise Refusal(tiff.path, f"its OME-XML cannot be read: {error}", _plain_way(tiff)) from error
    own = root.get("UUID")
    for each in root.iter():
        other = each.tag.endswith("}BinaryOnly") or (each.tag.endswith("}UUID") and (each.text or "") != (own or ""))
        if other and each.get("FileName", each.get("MetadataFile", "")) != tiff.path.name:
            name = each.get("FileName", each.get("MetadataFile", "another file"))
            what = f"it is one of several files of an OME-TIFF: {name} belongs to it"
            alone = "convert each file's pages alone with --plain" if _are_alike(tiff) else "convert another one"
            raise Refusal(tiff.path, what, f"Save the set as one file, or {alone}")
    return [_ome_image(image, each) for image in _below(root, "Image") for each in _below(image, "Pixels")]


def _ome_image(image: ElementTree.Element, pixels: ElementTree.Element) -> _Ome:
    given = dict(pixels.attrib)
    channels = [each.get("Name") or "" for each in _below(pixels, "Channel")]
    axes = {letter: _measured(letter, given) for letter in "XYZT"}
    axes["C"] = Axis("channel", int(given["SizeC"]), attributes={"names": channels} if any(channels) else {})
    date = [each.text for each in _below(image, "AcquisitionDate")]
    named = {"Name": image.get("Name", ""), "AcquisitionDate": date[0] if date else ""}
    details = [dict(each.attrib) for each in _below(pixels, "Channel")]
    return _Ome(axes, tuple(channels), {"ome": plain({**given, **named, "Channels": details})})


def _measured(letter: str, given: Mapping[str, str]) -> Axis:
    """An axis with the distance of its samples, where the metadata tell one; the first is at 0."""
    name = NAMES.get(letter, letter.lower())
    size = int(given[f"Size{letter}"])
    key = "TimeIncrement" if letter == "T" else f"PhysicalSize{letter}"
    if not float(given.get(key) or 0) > 0:
        return Axis(name, size)
    units = given.get(f"{key}Unit", "s" if letter == "T" else "µm")
    return _even(name, size, float(given[key]), units)


def _imagej_axes(page: Page, outer: Mapping[str, int], imagej: Mapping[str, Any]) -> dict[str, Axis]:
    """ImageJ's distances: of columns and rows as a resolution in samples per unit, of slices and frames as they are."""
    units = str(imagej.get("unit", "")).replace("\\u00B5", "µ")
    found = {}
    for letter, name, size in (("X", "XResolution", page.columns), ("Y", "YResolution", page.rows)):
        resolution = page.attributes.get(name)
        if units and resolution and all(resolution):
            found[letter] = _even(letter.lower(), size, resolution[1] / resolution[0], units)
    for letter, key, unit in (("Z", "spacing", units), ("T", "finterval", str(imagej.get("tunit", "s")))):
        if letter in outer and isinstance(imagej.get(key), int | float) and imagej[key] > 0:
            found[letter] = _even(NAMES[letter], outer[letter], float(imagej[key]), unit)
    return found


def _even(name: str, size: int, step: float, units: str) -> Axis:
    return Axis(name, size, units=units, coordinates=tuple(i * step for i in range(size)), regular=Regular(0.0, step))


def _below(element: ElementTree.Element, name: str) -> list[ElementTree.Element]:
    return [each for each in element if each.tag.rpartition("}")[2] == name]
