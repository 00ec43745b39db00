"""Several sources of one shape as one: the fields of all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from dbproc.codes.conversion.source import Source
from dbproc.codes.idx.description import Description
from dbproc.codes.idx.refusal import Refusal

if TYPE_CHECKING:
    from dbproc.codes.idx.slabs import Box
    from dbproc.codes.idx.values import Values


class Together:
    """The fields of sources, whose axes are those of the first.

    Parameters
    ----------
    where
        The input, for messages.
    sources
        What there is to convert, all of one shape.
    """

    def __init__(self, where: object, sources: Sequence[Source]) -> None:
        found = [source.description for source in sources]
        for each in found[1:]:
            if each.shape != found[0].shape:
                what = f"what is to be taken together has different shapes: {found[0].shape} and {each.shape}"
                raise Refusal(where, what, "Convert them one at a time")
        names = _names(found)
        self._fields = {new: (source, old) for (source, old), new in zip(_all(sources), names, strict=True)}
        fields = [field for each in found for field in each.fields]
        own = [{key: v for key, v in each.attributes.items() if found[0].attributes.get(key) != v} for each in found]
        self.description = replace(
            found[0],
            fields=tuple(replace(field, name=name) for field, name in zip(fields, names, strict=True)),
            origins=tuple(dict.fromkeys(origin for each in found for origin in each.origins)),
            notes=(*dict.fromkeys(note for each in found for note in each.notes), *_doubts(found)),
            attributes={**found[0].attributes, "of_the_others": own[1:]},
        )

    def read(self, field: str, box: Box) -> Values:
        """The stored values of a field inside ``box``."""
        source, name = self._fields[field]
        return source.read(name, box)


def _all(sources: Sequence[Source]) -> list[tuple[Source, str]]:
    return [(source, field.name) for source in sources for field in source.description.fields]


def _names(found: Sequence[Description]) -> list[str]:
    """The names of all fields; those that come again are numbered."""
    names = [field.name for each in found for field in each.fields]
    counts, seen, told = Counter(name.lower() for name in names), Counter[str](), []
    for name in names:
        seen[name.lower()] += 1
        told.append(name if counts[name.lower()] == 1 else f"{name}_{seen[name.lower()]}")
    return told if len({each.lower() for each in told}) == len(told) else [f"field_{i}" for i in range(len(told))]


def _doubts(found: Sequence[Description]) -> list[str]:
    """A note on axes that differ from those of the first."""
    differing = {
        mine.name
        for each in found[1:]
        for mine, other in zip(found[0].axes, each.axes, strict=True)
        if (mine.name, mine.units, mine.coordinates) != (other.name, other.units, other.coordinates)
    }
    return [f"coordinates of {name} are those of the first field, others differ" for name in sorted(differing)]
