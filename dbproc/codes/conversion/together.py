"""Several sources of one shape as one: the fields of all of them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from dbproc.codes.conversion.joined_axes import measure
from dbproc.codes.conversion.source import Source, witness
from dbproc.codes.idx.attributes import own, shared
from dbproc.codes.idx.description import Axis, Description, Part
from dbproc.codes.idx.refusal import Refusal

if TYPE_CHECKING:
    from dbproc.codes.idx.slabs import Box
    from dbproc.codes.idx.values import Values

PLACE = re.compile(
    r"(CTYPE|CRVAL|CRPIX|CDELT|CUNIT|CROTA)\d+|(CD|PC)\d+_\d+|RADESYS|EQUINOX"
    r"|Model(Transformation|Tiepoint|PixelScale)Tag|(?!.*Citation).+GeoKey"
)
"""Attributes of FITS and GeoTIFF that tell where an image lies."""


T = TypeVar("T", bound=Source)


def each_named(names: Any) -> list[Any]:
    """What an option names that may be repeated, each once; None alone where it is left out."""
    return list(dict.fromkeys(names if isinstance(names, list) and names else [names or None]))


def together(where: object, sources: Sequence[T]) -> T | Together:
    """One source as it is, several with the fields of all."""
    return sources[0] if len(sources) == 1 else Together(where, sources)


class Together:
    """The fields of sources, whose axes are those of the first.

    Parameters
    ----------
    where
        The input, for messages.
    sources
        What there is to convert, all of one shape.
    titles
        What tells fields of one name apart; else they are numbered.
    """

    def __init__(self, where: object, sources: Sequence[Source], titles: Sequence[str] = ()) -> None:
        found = [source.description for source in sources]
        for each in found[1:]:
            if what := apart(each, found[0]):
                raise Refusal(where, f"what is to be taken together differs: {what}", "Convert them one at a time")
        names = _names(found, titles)
        self._fields = {new: (source, old) for (source, old), new in zip(_all(sources), names, strict=True)}
        fields = [field for each in found for field in each.fields]
        attributes, of_fields = _attributes(found)
        self.description = replace(
            found[0],
            fields=tuple(
                replace(field, name=name, attributes={**each, **field.attributes})
                for field, name, each in zip(fields, names, of_fields, strict=True)
            ),
            parts=_parts(found, names),
            origins=tuple(dict.fromkeys(origin for each in found for origin in each.origins)),
            notes=(*dict.fromkeys(note for each in found for note in each.notes), *_doubts(found)),
            attributes=attributes,
        )

    def read(self, field: str, box: Box) -> Values:
        """The stored values of a field inside ``box``."""
        source, name = self._fields[field]
        return source.read(name, box)

    def plain(self, field: str, box: Box) -> Iterator[tuple[Box, Values]]:
        """Parts of a box read by another way."""
        source, name = self._fields[field]
        yield from witness(source)(name, box)


def _attributes(found: Sequence[Description]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The attributes of all sources, and those of each field: what its source alone tells, where it has no other."""
    attributes = [each.attributes for each in found]
    if all(len(each.fields) == 1 for each in found):
        common = shared(attributes)
        return common, [own(each, common) for each in attributes]
    others = [{key: v for key, v in each.items() if attributes[0].get(key) != v} for each in attributes[1:]]
    return {**attributes[0], "of_the_others": others}, [{} for each in found for _ in each.fields]


def _parts(found: Sequence[Description], names: Sequence[str]) -> tuple[Part, ...]:
    """The parts of the first source, with what those of others say of their own after the name of their field."""
    first, *others = found
    fields = iter(names[len(first.fields) :])
    parts = list(first.parts)
    for each in others:
        name, *_ = [next(fields) for _ in each.fields]
        if [(part.start, part.stop) for part in each.parts] != [(part.start, part.stop) for part in parts]:
            continue
        for i, (mine, theirs) in enumerate(zip(parts, each.parts, strict=True)):
            told = {key: v for key, v in theirs.attributes.items() if v != first.parts[i].attributes.get(key)}
            parts[i] = replace(mine, attributes={**mine.attributes, **{f"{name}:{key}": v for key, v in told.items()}})
    return tuple(parts)


def _all(sources: Sequence[Source]) -> list[tuple[Source, str]]:
    return [(source, field.name) for source in sources for field in source.description.fields]


def _names(found: Sequence[Description], titles: Sequence[str]) -> list[str]:
    """The names of all fields; those that come again have their source's title, or are numbered."""
    names = [(i, field.name) for i, each in enumerate(found) for field in each.fields]
    counts = Counter(name.lower() for _, name in names)
    if len(titles) == len(found) == len(names) and all(titles):
        told = [_safe(title) for title in titles]
    elif len(titles) == len(found) and all(titles):
        told = [_safe(f"{titles[i]}_{name}") if counts[name.lower()] > 1 else name for i, name in names]
    else:
        seen, told = Counter[str](), []
        for _, name in names:
            seen[name.lower()] += 1
            told.append(name if counts[name.lower()] == 1 else f"{name}_{seen[name.lower()]}")
    return told if len({each.lower() for each in told}) == len(told) else [f"field_{i}" for i in range(len(told))]


def apart(found: Description, first: Description) -> str:
    """Why a source is not one with the first: its shape, its place or its direction; empty where it is."""
    if found.shape != first.shape:
        return f"its shape is {found.shape}, that of the first {first.shape}"
    for mine, other in zip(found.axes, first.axes, strict=True):
        if not (mine.is_placed and other.is_placed):
            continue
        if (mine.name, measure(mine)) != (other.name, measure(other)):
            return f"its axis {_axis(mine)} is {_axis(other)} in the first"
        if mine.positions() != other.positions():
            return f"its coordinates of {mine.name} are not those of the first"
    for key, value in found.attributes.items():
        if PLACE.fullmatch(key) and first.attributes.get(key, value) != value:
            return f"its {key} is not that of the first"
    return "" if found.top_first == first.top_first else "its rows run the other way than those of the first"


def _axis(axis: Axis) -> str:
    return " ".join(each for each in (axis.name, axis.units, axis.calendar) if each)


def _doubts(found: Sequence[Description]) -> list[str]:
    """A note on axes that are told for some fields alone."""
    names = {
        mine.name
        for each in found[1:]
        for mine, other in zip(found[0].axes, each.axes, strict=True)
        if mine.is_placed != other.is_placed
    }
    return [f"coordinates of {name} are told for some fields alone" for name in sorted(names)]


def _safe(name: str) -> str:
    """A name that OpenVisus can hold."""
    return re.sub(r"[^A-Za-z0-9_.-]", "_", name if name[:1].isalpha() else f"v_{name}")
