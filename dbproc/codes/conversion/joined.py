"""Several files as one source: joined along an axis that each of them has, or along a new one."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dbproc.codes.conversion.joined_axes import PACKING, joined_axis, measure
from dbproc.codes.conversion.source import Opener, Source, witness
from dbproc.codes.conversion.writing import reading
from dbproc.codes.idx.attributes import own, shared
from dbproc.codes.idx.description import Axis, Description, Field, Part
from dbproc.codes.idx.refusal import Refusal

if TYPE_CHECKING:
    from dbproc.codes.idx.slabs import Box
    from dbproc.codes.idx.values import Values

Open = Callable[[Path], AbstractContextManager[Source]]

MEANING = ("photometric", "flag_values", "flag_masks", "flag_meanings")
"""Attributes of a field that say what its numbers mean."""
SYSTEMS = ("ProjectedCSTypeGeoKey", "GeographicTypeGeoKey")
"""Attributes of a GeoTIFF that say of which system its coordinates are."""
TURNED = ("ModelTransformationTag", "ModelTiepointTag")
"""Those that place an image whose axes have no coordinates, as it is turned."""
MOST_WORDS = 80
FILL, SCALE = "fill and valid range", "scale, offset and units"
TIME = "time"
"""Name or standard name of the axis along which files are joined unless told otherwise, where it is their first."""


@contextmanager
def joined(opener: Opener, inputs: Sequence[Path], options: Mapping[str, Any], axis: str, new: str) -> Iterator[Source]:
    """Open one file as it is, several as one source.

    Parameters
    ----------
    opener
        Opens one file.
    inputs
        The files, in the order in which they are joined.
    options
        What the opener is told.
    axis
        The axis to join along. When the files have it, they follow one another on it; else it is a new first axis with
        one index for each file. Empty: along the first axis where it is time, else along a new one.
    new
        The name of a new axis that is not named by ``axis``.

    Raises
    ------
    Refusal
        Naming the first file that differs from those before it in anything but what it holds on that axis.
    """
    if len(inputs) == 1 and not axis:
        with opener(inputs, options) as source:
            yield source
        return
    with ExitStack() as stack:

        def opened(path: Path) -> AbstractContextManager[Source]:
            return opener([path], options)

        yield Joined(opened, inputs, axis, new, stack)


class Joined:
    """Files that are opened one at a time, as they are needed.

    Parameters
    ----------
    opened
        Opens one file.
    inputs
        The files, in order.
    axis
        The axis to join along; see :func:`joined`.
    new
        The name of a new axis, where ``axis`` is empty.
    stack
        Closes the file that is open last.
    """

    def __init__(self, opened: Open, inputs: Sequence[Path], axis: str, new: str, stack: ExitStack) -> None:
        import numpy as np

        self._open, self._inputs = opened, inputs
        self._current: tuple[int, Source] | None = None
        self._closing = stack.enter_context(ExitStack())
        _require_once(inputs)
        descriptions = [self._source(i).description for i in range(len(inputs))]
        first = descriptions[0]
        self._place = _place(first, axis)
        for path, each in zip(inputs, descriptions, strict=True):
            require_alike(path, each, inputs[0], first, axis)
        self._sizes = [1 if self._place is None else each.shape[self._place] for each in descriptions]
        self._starts, self._ends = [0, *accumulate(self._sizes)], np.cumsum(self._sizes)  # the latter to compare by
        self.description = _whole(inputs, descriptions, self._starts, self._place, axis or new)

    def read(self, field: str, box: Box) -> Values:
        """The stored values of a field inside ``box``, from as many files as it touches."""
        import numpy as np

        place = self._place or 0
        pieces = [self._piece(field, box, i) for i in self._touched(box[place])]
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces, axis=place)

    def runs(self, box: Box) -> Iterator[Box]:
        """What each file has of a box."""
        place = self._place or 0
        for i in self._touched(box[place]):
            start, stop = max(box[place].start, self._starts[i]), min(box[place].stop, self._starts[i + 1])
            yield (*box[:place], slice(start, stop), *box[place + 1 :])

    def plain(self, field: str, box: Box) -> Iterator[tuple[Box, Values]]:
        """Parts of a box read by another way, file after file."""
        part = box[self._place or 0]
        first, last = self._ends.searchsorted((part.start, part.stop - 1), side="right")
        for index in range(int(first), int(last) + 1):
            end = int(self._ends[index])
            begin = end - self._sizes[index]
            yield from self._plain_part(index, field, box, (begin, max(begin, part.start), min(end, part.stop)))

    def _plain_part(self, index: int, field: str, box: Box, run: tuple[int, int, int]) -> Iterator[tuple[Box, Values]]:
        """What one file, which begins at ``run[0]``, has of ``run[1]`` to ``run[2]``."""
        begin, low, high = run
        plain, place = witness(self._source(index)), self._place
        if place is None:
            for inside, values in plain(field, box[1:]):
                yield (slice(low, high), *inside), values[None]
            return
        wanted = [*box]
        wanted[place] = slice(low - begin, high - begin)
        for inside, values in plain(field, tuple(wanted)):
            found = [*inside]
            found[place] = slice(found[place].start + begin, found[place].stop + begin)
            yield tuple(found), values

    def _touched(self, part: slice) -> range:
        return range(bisect_right(self._starts, part.start) - 1, bisect_right(self._starts, part.stop - 1))

    def _piece(self, field: str, box: Box, index: int) -> Values:
        """What one file gives of a box."""
        import numpy as np

        source = self._source(index)
        with reading(str(self._inputs[index]), field=field if len(self.description.fields) > 1 else ""):
            if self._place is None:
                return np.asarray(source.read(field, box[1:]))[np.newaxis]
            start, stop = self._starts[index], self._starts[index + 1]
            part = box[self._place]
            inside = slice(max(part.start, start) - start, min(part.stop, stop) - start)
            return source.read(field, (*box[: self._place], inside, *box[self._place + 1 :]))

    def _source(self, index: int) -> Source:
        if self._current is None or self._current[0] != index:
            self._closing.close()
            self._current = (index, self._closing.enter_context(self._open(self._inputs[index])))
        return self._current[1]


def _place(description: Description, axis: str) -> int | None:
    """Where the axis is in each file; None for a new one."""
    names = [each.name for each in description.axes]
    if not axis:
        return 0 if _is_time(description.axes[0]) else None
    return names.index(axis) if axis in names else None


def _is_time(axis: Axis) -> bool:
    return axis.name.lower() == TIME or axis.standard_name == TIME or " since " in axis.units


def _require_once(inputs: Sequence[Path]) -> None:
    for path, count in Counter(inputs).items():
        if count > 1:
            raise Refusal(path, "it is given twice", "Name each file once")


def require_alike(path: Path, found: Description, first_path: Path, first: Description, axis: str) -> None:
    """Refuse a file that cannot follow the first: other fields, or other axes than the one that is joined along."""
    place = _place(first, axis)
    mine, theirs = _kept(found, place), _kept(first, place)
    for name in {**theirs, **mine}:
        here, there = mine.get(name), theirs.get(name)
        if here != there and not (name in SYSTEMS and None in (here, there)):
            what = f"it cannot be joined to {first_path.name}: its {name} {_difference(here, there)}"
            raise Refusal(path, what, _advice(found, first, place, name))


def _advice(found: Description, first: Description, place: int | None, name: str) -> str:
    """What to do about files that are not alike: join them along the one axis in which they differ, if there is one."""
    if name.startswith(FILL):
        return "Convert them apart, or give all files one fill value and valid range first (cdo setmissval, ncatted)"
    units = [[field.units for field in each.fields] for each in (found, first)]
    if name.startswith(SCALE) and found.code == "netcdf_to_idx" and units[0] == units[1]:
        return "Convert them apart, or --unpack their values"
    pairs = enumerate(zip(found.axes, first.axes, strict=False))
    other = [i for i, (mine, theirs) in pairs if i != place and mine != theirs and mine.name == theirs.name]
    for i in other:
        if _kept(found, i) == _kept(first, i):
            axis = found.axes[i].name
            return f"If they follow one another on {axis}, --join {axis}; else convert them apart"
    return "Convert them apart: the files of one dataset must be alike"


def _kept(description: Description, place: int | None) -> dict[str, object]:
    """What must be the same in all files, by the words for it."""
    facts: dict[str, object] = {"number of axes": len(description.axes)}
    facts["colour map"] = description.attributes.get("ColorMap")
    for i, axis in enumerate(description.axes):
        packing = [axis.attributes.get(key) for key in PACKING]
        if i == place:
            facts[f"packing of axis {axis.name}"] = packing
        else:
            facts[f"axis {i}"] = f"{axis.name} of size {axis.size}"
            facts[f"units of axis {axis.name}"] = measure(axis)
            facts[f"packing of axis {axis.name}"] = packing
            facts[f"coordinates of axis {axis.name}"] = axis.coordinates or axis.regular
    for field in description.fields:
        facts[f"field {field.name}"] = field.openvisus_dtype
        facts[f"{FILL} of {field.name}"] = (field.fills, field.valid_min, field.valid_max, field.unsigned)
        facts[f"{SCALE} of {field.name}"] = (field.scale_factor, field.add_offset, field.units)
        facts[f"meaning of {field.name}"] = {key: field.attributes[key] for key in MEANING if key in field.attributes}
    facts |= {key: description.attributes.get(key) for key in SYSTEMS}
    is_placed = any(axis.is_placed for axis in description.axes[-2:])
    facts |= {key: None if is_placed else description.attributes.get(key) for key in TURNED}
    facts["orientation"] = description.top_first if is_placed else (description.orientation, description.top_first)
    return facts


def _difference(here: object, there: object) -> str:
    """What a fact is and what it should be; of sequences where they begin to differ."""
    if isinstance(here, tuple) and isinstance(there, tuple) and len(here) == len(there):
        i = next(i for i, (a, b) in enumerate(zip(here, there, strict=True)) if a != b)
        return f"at index {i} is {_shown(here[i])}, not {_shown(there[i])}"
    return f"is {_shown(here)}, not {_shown(there)}"


def _shown(fact: object) -> str:
    words = "nothing" if fact is None else str(fact)
    return words if len(words) < MOST_WORDS else f"{words[:MOST_WORDS]}…"


def _whole(
    inputs: Sequence[Path], descriptions: Sequence[Description], starts: Sequence[int], place: int | None, axis: str
) -> Description:
    """The description of all files as one."""
    first = descriptions[0]
    new = (
        Axis(axis, len(descriptions))
        if place is None
        else joined_axis(inputs, [each.axes[place] for each in descriptions])
    )
    axes = (new, *first.axes) if place is None else (*first.axes[:place], new, *first.axes[place + 1 :])
    common = shared([each.attributes for each in descriptions])
    of_fields = [shared([each.fields[i].attributes for each in descriptions]) for i in range(len(first.fields))]
    fields = tuple(replace(field, attributes=own) for field, own in zip(first.fields, of_fields, strict=True))
    origins = tuple(origin for each in descriptions for origin in each.origins)
    heads = [0, *accumulate(len(each.origins) for each in descriptions)]
    parts = tuple(
        Part(heads[i], starts[i], starts[i + 1], _own(each, common, fields)) for i, each in enumerate(descriptions)
    )
    return replace(
        first,
        origins=origins,
        shape=tuple(each.size for each in axes),
        axes=axes,
        fields=fields,
        attributes=common,
        notes=_notes(descriptions, place, new),
        parts=parts if not place else (),
    )


def _own(description: Description, common: Mapping[str, Any], fields: Sequence[Field]) -> dict[str, Any]:
    """What a file says that others do not; of a field after its name and a colon."""
    found = own(description.attributes, common)
    for mine, joint in zip(description.fields, fields, strict=True):
        found |= {f"{mine.name}:{key}": v for key, v in own(mine.attributes, joint.attributes).items()}
    return found


def _is_monotonic(axis: Axis) -> bool:
    """Whether coordinates rise, or fall, all along an axis."""
    import numpy as np

    steps = np.diff(np.asarray(axis.positions() or []))
    return bool(np.all(steps > 0) or np.all(steps < 0))


def _notes(descriptions: Sequence[Description], place: int | None, axis: Axis) -> tuple[str, ...]:
    found = [note for each in descriptions for note in each.notes]
    units = [] if place is None else [each.axes[place].units for each in descriptions]
    if axis.is_placed and not _is_monotonic(axis):
        found.append(f"coordinates of {axis.name} go to and fro: the files overlap or are not in order")
    if len(set(units)) > 1:
        found.append(f"coordinates of all files are told in {units[0]!r}")
    if place is None:
        found.append(f"{axis.name} is a new axis, with an index for each file")
    return tuple(dict.fromkeys(found))
