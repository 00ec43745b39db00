"""The plottable data of a NeXus file: default paths, signals, and the axes that belong to them, in all three styles."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from dbproc.codes.formats.cf import alone
from dbproc.codes.formats.field_names import distinct_axes
from dbproc.codes.formats.hdf5 import Tree, attributes, is_dataset, is_group, text
from dbproc.codes.formats.hdf5_fields import axes, axis, candidate, shape
from dbproc.codes.formats.hdf5_links import MOST_LINKS, names
from dbproc.codes.formats.selection import Candidate, Candidates
from dbproc.codes.idx.coordinates import LEFT_OUT, left_out
from dbproc.codes.idx.description import Axis, Field
from dbproc.codes.idx.refusal import Refusal

UNCERTAINTIES = ("{}_errors", "{}_uncertainties", "{}_error")
"""How the uncertainties of a signal are called."""


@dataclass(frozen=True)
class Data:
    """A group with plottable data.

    ``path`` has no slash at its ends; ``signal`` is its default one.
    """

    path: str
    group: Any
    signal: str


def default_data(tree: Tree, start: str = "") -> Data:
    """The data that the ``default`` attributes lead to from ``start``, or the only data there are below.

    Raises
    ------
    Refusal
        Where the path breaks off, or several data could be meant: with the choices.
    """
    place = start.strip("/")
    for _ in range(MOST_LINKS):
        (named,) = _groups(tree).chosen([place])
        group = tree.find(named.name)
        found = attributes(group)
        if text(found.get("NX_class")) == "NXdata" or "signal" in found:
            return Data(place, group, _default_signal(tree, group))
        name = text(found.get("default"))
        if name in ("", "."):
            return _only(tree, place)
        place = name.strip("/") if name.startswith("/") else f"{place}/{name}".strip("/")
    raise _groups(tree).refusal(f"its default path leads in a circle, by {place!r}")


def datasets(tree: Tree, data: Data, names: Sequence[str]) -> dict[str, Any]:
    """The signals of those names, of no name the default one, or a refusal that lists the choices."""
    signals = _signals(tree, data)
    if not (names or data.signal):
        raise signals.refusal(f"{data.path} does not say which of its datasets is the signal")
    return {each.name: _child(tree, data.group, each.name) for each in signals.chosen(names or [data.signal])}


def auxiliary(data: Data) -> list[str]:
    """The names of the signals that go with the default one."""
    return _names(attributes(data.group).get("auxiliary_signals"))


def uncertainties(tree: Tree, data: Data, name: str) -> str:
    """The name of the dataset with the uncertainties of a signal; empty when there is none."""
    told = text(attributes(tree.find(name, data.group)).get("uncertainties"))
    usual = [each.format(name) for each in UNCERTAINTIES] + (["errors"] if name == data.signal else [])
    return next((each for each in (told, *usual) if each and is_dataset(_child(tree, data.group, each))), "")


def scaled(tree: Tree, data: Data, field: Field, name: str) -> Field:
    """A field with its scaling factor and offset: what it means is (stored + offset) * factor."""
    found = scaling(tree, data, name)
    if not found or field.packed:
        return field
    return replace(
        field,
        scale_factor=found.get("scale_factor"),
        add_offset=found.get("add_offset"),
        attributes={**field.attributes, "nexus_scaling": found["nexus_scaling"]},
    )


def scaling(tree: Tree, data: Data, name: str) -> dict[str, Any]:
    """Scale and offset as stored values are to be scaled and moved by; the numbers of the file with them."""
    prefixes = (f"{name}_", "") if name == data.signal else (f"{name}_",)
    for prefix in prefixes:
        factor = _value(tree, data.group, f"{prefix}scaling_factor")
        offset = _value(tree, data.group, f"{prefix}offset")
        if factor is None and offset is None:
            continue
        found: dict[str, Any] = {"nexus_scaling": {"scaling_factor": factor, "offset": offset}}
        if factor is not None:
            found["scale_factor"] = factor
        if offset is not None:
            found["add_offset"] = offset if factor is None else offset * factor
        return found
    return {}


def data_axes(tree: Tree, data: Data, name: str, signal: Any) -> tuple[tuple[Axis, ...], tuple[str, ...]]:
    """The axes of a signal, and notes on what the file says of them that does not fit together."""
    names, notes = _axis_names(tree, data, name, signal)
    if names is None:
        return axes(tree, f"{data.path}/{name}", signal), notes
    found = [
        _axis(tree, data, each, i, int(size)) for i, (each, size) in enumerate(zip(names, signal.shape, strict=True))
    ]
    return distinct_axes(found), (*notes, *left_out(found))


def axis_names(tree: Tree, data: Data) -> list[str]:
    """The names of the axes of the default signal, where the file tells them."""
    found, _ = _axis_names(tree, data, data.signal, _child(tree, data.group, data.signal))
    return found or []


def numbered(
    by_number: Mapping[int, str], sizes: Mapping[str, tuple[int, ...]], shape: Sequence[int]
) -> list[str] | None:
    """Names by axis of what ``axis=N`` attributes number from 1: the quickest axis first, as the manual has it, or
    the slowest, as others do, whichever fits; None when neither does.
    """
    rank = len(shape)

    def fits(order: Sequence[int]) -> bool:
        return all(_fits(sizes[name], shape[order[number - 1]]) for number, name in by_number.items())

    if any(not 1 <= number <= rank for number in by_number):
        return None
    for order in (range(rank - 1, -1, -1), range(rank)):
        if fits(order):
            places = {order[number - 1]: name for number, name in by_number.items()}
            return [places.get(i, "") for i in range(rank)]
    return None


def split_names(value: Any) -> list[str]:
    """The names in an ``axes`` attribute: a list, or one text in which colons or commas part them."""
    if isinstance(value, list) and len(value) != 1:
        return [text(each) for each in value]
    told = text(value).strip().strip("[]")
    return [each.strip() for each in re.split(r"[:,]", told)] if told else []


def _only(tree: Tree, place: str) -> Data:
    (chosen,) = _groups(tree, place).chosen([])
    group = tree.find(chosen.name)
    return Data(chosen.name, group, _default_signal(tree, group))


def _all(tree: Tree) -> dict[str, Any]:
    """The NXdata groups of the file that have a signal."""
    return {
        path.strip("/"): each
        for path, each in tree.entries()
        if is_group(each) and text(attributes(each).get("NX_class")) == "NXdata" and _default_signal(tree, each)
    }


def _groups(tree: Tree, place: str = "") -> Candidates:
    """The groups of data, to be chosen from those below a place."""

    def listed() -> list[Candidate]:
        start = f"{place}/" if place else ""
        return [_candidate(tree, path, each, not f"{path}/".startswith(start)) for path, each in _all(tree).items()]

    def named(path: str) -> Candidate | None:
        try:
            found = tree.find(path)
        except KeyError:
            return None
        return Candidate(path, path, (), unfit="" if is_group(found) else "is no group")

    return Candidates(tree.path, "--data", "group", listed, named, "Use hdf5_to_idx, and name a dataset")


def _candidate(tree: Tree, path: str, group: Any, is_elsewhere: bool) -> Candidate:
    name = _default_signal(tree, group)
    signal = _child(tree, group, name)
    told = f"{path} ({name} {shape(signal) if is_dataset(signal) else 'is missing'})"
    return Candidate(path, told, (), serves=is_elsewhere)


def _default_signal(tree: Tree, group: Any) -> str:
    """The name of the default signal: what the group says, or the dataset that says so itself; empty for none."""
    told = _names(attributes(group).get("signal"))
    if told:
        return told[0]
    marked = [name for name, each in linked(tree, group).items() if text(attributes(each).get("signal")) == "1"]
    return marked[0] if len(marked) == 1 else ""


def _signals(tree: Tree, data: Data) -> Candidates:
    """The signals of a group, to be chosen from."""

    def listed() -> list[Candidate]:
        return [candidate(name, each) for name, each in linked(tree, data.group).items()]

    def named(name: str) -> Candidate | None:
        found = _child(tree, data.group, name)
        return candidate(name, found) if is_dataset(found) else None

    none = "It has no dataset of numbers"
    return Candidates(tree.path, "--signal", "signal", listed, named, none, "different shapes")


def _axis_names(tree: Tree, data: Data, name: str, signal: Any) -> tuple[list[str] | None, tuple[str, ...]]:
    """A name for each axis of a signal ("" for none); None when the file names none."""
    rank = len(signal.shape)
    ways = [split_names(attributes(data.group).get("axes")), split_names(attributes(signal).get("axes"))]
    told = [names for names in (ways if name == data.signal else reversed(ways)) if names]
    whole = next((names for names in told if len(names) == rank), None)
    if whole is not None:
        return ["" if each == "." else each for each in whole], tuple(_contradictions(data, whole))
    placed = _by_indices(data, told[0], rank) if told else None
    if placed is not None:
        return placed, ()
    if told:
        return None, (f"{len(told[0])} axes are named for {rank}, {', '.join(told[0])}: the names are not used",)
    return _by_number(tree, data, signal)


def _contradictions(data: Data, names: Sequence[str]) -> list[str]:
    found = ((name, i, _indices(data, name)) for i, name in enumerate(names))
    return [
        f"{name}_indices says {indices}, but it is named for axis {i}, where it was taken"
        for name, i, indices in found
        if indices and i not in indices
    ]


def _by_indices(data: Data, names: Sequence[str], rank: int) -> list[str] | None:
    """Names placed by ``AXISNAME_indices`` alone, where each has one of its own."""
    places = {indices[0]: name for name in names if len(indices := _indices(data, name)) == 1}
    if len(places) != len(names) or not all(0 <= i < rank for i in places):
        return None
    return [places.get(i, "") for i in range(rank)]


def _by_number(tree: Tree, data: Data, signal: Any) -> tuple[list[str] | None, tuple[str, ...]]:
    """Names by the ``axis`` and ``primary`` attributes of the datasets beside the signal."""
    marked = [(name, attributes(each), each) for name, each in linked(tree, data.group).items()]
    numbers = [(text(told.get("axis")), text(told.get("primary")) != "1", name) for name, told, _ in marked]
    usable = sorted(each for each in numbers if each[0].isdigit())
    by_number = {int(number): name for number, _, name in reversed(usable)}
    if not by_number:
        return None, ()
    sizes = {name: each.shape or () for name, _, each in marked}
    names = numbered(by_number, sizes, signal.shape)
    if names is None:
        return None, (f"the axes that are numbered, {', '.join(by_number.values())}, do not fit {signal.shape}",)
    return names, ()


def _axis(tree: Tree, data: Data, name: str, i: int, size: int) -> Axis:
    """The axis called ``name``, with other coordinates that the group has for it."""
    if not name:
        return Axis(f"dim_{i}", size)
    scale = _child(tree, data.group, name)
    if not is_dataset(scale):
        return Axis(name, size, attributes={LEFT_OUT: f"there is no dataset {name}"})
    found = axis(tree, name, size, scale, name, scaling(tree, data, name))
    others = {other: _coordinates(tree, data, other, size) for other in _alternatives(data, name, i)}
    kept = {other: told for other, told in others.items() if told}
    return replace(found, attributes={**found.attributes, "alternatives": kept}) if kept else found


def _alternatives(data: Data, name: str, i: int) -> list[str]:
    """Other datasets that the group says belong to axis ``i`` alone."""
    named = [key.removesuffix("_indices") for key in attributes(data.group) if key.endswith("_indices")]
    used = set(split_names(attributes(data.group).get("axes")))
    return [other for other in named if other != name and other not in used and _indices(data, other) == [i]]


def _coordinates(tree: Tree, data: Data, name: str, size: int) -> dict[str, Any]:
    scale = _child(tree, data.group, name)
    if not is_dataset(scale):
        return {}
    found = axis(tree, name, size, scale, name)
    return {"units": found.units, "coordinates": found.coordinates, **found.attributes}


def _indices(data: Data, name: str) -> list[int]:
    told = attributes(data.group).get(f"{name}_indices")
    each = told if isinstance(told, list) else [] if told is None else re.split(r"[,:\s]+", str(told))
    return [int(one) for one in each if str(one).strip().isdigit()]


def _names(value: Any) -> list[str]:
    return [str(each) for each in (value if isinstance(value, list) else [value]) if each]


def linked(tree: Tree, group: Any) -> dict[str, Any]:
    """The datasets of a group by name, links to others among them; those that cannot be followed left out."""
    found: dict[str, Any] = {}
    for name in names(group):
        with suppress(Refusal):
            found[name] = _child(tree, group, name)
    return {name: each for name, each in found.items() if is_dataset(each)}


def _child(tree: Tree, group: Any, name: str) -> Any:
    try:
        return tree.find(name, group) if name else None
    except KeyError:
        return None


def _value(tree: Tree, group: Any, name: str) -> Any:
    """The number that a dataset of a group holds alone."""
    found = _child(tree, group, name)
    if not is_dataset(found) or found.size != 1 or found.dtype.kind not in "iuf":
        return None
    return alone(found[()].reshape(-1).tolist() if found.shape else [found[()].item()])


def _fits(sizes: tuple[int, ...], size: int) -> bool:
    return sizes in ((size,), (size + 1,))
