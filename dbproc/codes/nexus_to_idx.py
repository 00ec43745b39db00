#!/usr/bin/env python3
"""Convert the data of a NeXus file to an IDX dataset: ``[--data PATH] [--signal NAME]... INPUT OUTPUT.idx``.

The default path is followed to an NXdata; its signal is converted with its axes, exactly as it is stored. Every axis
stays one, slowest first, but time where the NXdata has it: that becomes the timesteps.
"""

from __future__ import annotations

import sys
from pathlib import Path

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[2])

import argparse
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from dbproc.codes.conversion.converter import Converter
from dbproc.codes.idx.description import Axis, Description, Field
from dbproc.codes.idx.refusal import Refusal

if TYPE_CHECKING:
    from dbproc.codes.formats.hdf5 import Tree
    from dbproc.codes.formats.nexus import Data
    from dbproc.codes.idx.slabs import Box
    from dbproc.codes.idx.values import Values

NAME = "nexus_to_idx"
CONVERTER = Converter(NAME, f"dbproc.codes.{NAME}:open_source", (".nxs", ".nx5", ".nexus", ".h5", ".hdf5", ".hdf"))
SPACE = (2, 3)
"""How many axes space may have."""
NO_TIMESTEPS = "none"
"""What is given for ``--timesteps`` when no axis is to become timesteps."""
TIME_NAMES = ("time", "times", "timestamp", "timestamps", "epoch", "frame_time", "elapsed_time")
"""Names of axes that are time."""
TIME_UNITS = re.compile(r"(?:ms|s|sec|secs|seconds?|min|mins|minutes?|h|hrs?|hours?|d|days?)", re.IGNORECASE)
"""Units which make the slowest axis time, unless its name says that it is the time something takes."""
DURATIONS = re.compile(r"flight|tof|delay|exposure|count|dwell|period|lifetime", re.IGNORECASE)
LENGTHS = re.compile(r"(?:[munpck]?m|[µμ]m|microns?|(?:milli|micro|nano|centi)?met(?:er|re)s?|angstroms?|Å|pixels?|px)")
"""Units of axes in space."""
SPACE_NAMES = ("x", "y", "z", "row", "rows", "column", "columns")
"""Names of axes in space."""
ABOUT = ("title", "start_time", "end_time", "definition", "run_number", "entry_identifier", "experiment_identifier")
"""What an NXentry says of itself in datasets."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; returns its exit status."""
    parser = CONVERTER.parser("Convert the data of a NeXus file to IDX, exactly.")
    parser.add_argument(
        "--data", default="", metavar="PATH", help="the group with the data (default: as the file says)"
    )
    parser.add_argument(
        "--signal", action="append", metavar="NAME", help="a signal of the group (default: its own); may be repeated"
    )
    parser.add_argument(
        "--space", type=_names, default=[], metavar="NAMES", help="the two or three axes that are space, with commas"
    )
    return CONVERTER.main(parser, arguments, _options)


@contextmanager
def open_source(inputs: Sequence[Path], options: Mapping[str, Any]) -> Iterator[NexusSource]:
    """Open a NeXus file.

    ``options`` may have ``data`` (path of a group), ``signals``, ``space`` and ``timesteps`` (names of axes), and
    ``memory``, what the conversion may take.
    """
    from dbproc.codes.formats.hdf5 import cache_size, opened
    from dbproc.codes.formats.nexus import default_data

    (path,) = inputs
    signals = options.get("signals") or []
    with opened(path, cache_size(options, len(signals))) as tree:
        data = default_data(tree, options.get("data") or "")
        yield NexusSource(tree, data, signals, options)


class NexusSource:
    """Signals of one group in an open NeXus file, as the writer wants them."""

    def __init__(self, tree: Tree, data: Data, names: Sequence[str], options: Mapping[str, Any]) -> None:
        from dbproc.codes.formats.hdf5_fields import field_names
        from dbproc.codes.formats.nexus import datasets

        found = datasets(tree, data, names)
        self._tree = tree
        self._datasets = dict(zip(field_names(list(found)), found.values(), strict=True))
        self.description = _describe(tree, data, found, options)

    def read(self, field: str, box: Box) -> Values:
        """The stored values of a signal inside ``box``, components last."""
        from dbproc.codes.formats.hdf5_fields import read

        return read(self._tree, self._datasets[field], box)

    def plain(self, field: str, box: Box) -> Iterator[tuple[Box, Values]]:
        """The values that the library has in ``box``, from the file opened anew."""
        return self._tree.plain().read(self.description.named(field).variable, box)


@dataclass(frozen=True)
class Roles:
    """Which axes are space (none where nobody said so), and which one is time ("" for none)."""

    space: tuple[str, ...] = ()
    time: str = ""


def roles(axes: Sequence[Axis], interpretation: str, space: Sequence[str], timesteps: str) -> Roles:
    """Which axes are what: as declared, else as they say themselves.

    Parameters
    ----------
    axes
        All of them, slowest first.
    interpretation
        What the signal says of itself: ``image`` when its last two axes are space.
    space, timesteps
        What was declared; empty for nothing.

    Raises
    ------
    ValueError
        When what was declared does not fit.
    """
    names = [axis.name for axis in axes]
    unknown = [name for name in space if name not in names]
    if unknown or (space and len(set(space)) not in SPACE) or timesteps in space:
        raise ValueError(f"two or three axes can be space, other than time: not {', '.join(space)}")
    declared = "" if timesteps == NO_TIMESTEPS else timesteps
    time = declared or ("" if timesteps else _time([axis for axis in axes if axis.name not in space], len(axes)))
    others = [axis for axis in axes if axis.name != time]
    return Roles(tuple(space) or _space(others, interpretation), time)


def _time(axes: Sequence[Axis], rank: int) -> str:
    """The axis that is time, where two others at least remain: by its name, its units, or both."""
    named = [axis.name for axis in axes if axis.name.lower() in TIME_NAMES or " since " in axis.units]
    slowest = [axis.name for axis in axes[:1] if TIME_UNITS.fullmatch(axis.units) and not DURATIONS.search(axis.name)]
    found = named or slowest
    return found[0] if len(found) == 1 and rank > min(SPACE) else ""


def _space(axes: Sequence[Axis], interpretation: str) -> tuple[str, ...]:
    """The axes that say themselves that they are space, where they are two or three."""
    if interpretation == "image" and len(axes) >= min(SPACE):
        return tuple(axis.name for axis in axes[-2:])
    found = tuple(axis.name for axis in axes if _is_space(axis))
    return found if len(found) in SPACE else ()


def _is_space(axis: Axis) -> bool:
    moved = axis.attributes.get("transformation_type") == "translation"
    return moved or axis.name.lower() in SPACE_NAMES or bool(LENGTHS.fullmatch(axis.units))


def _describe(tree: Tree, data: Data, found: Mapping[str, Any], options: Mapping[str, Any]) -> Description:
    from dbproc.codes.formats import scan_positions
    from dbproc.codes.formats.hdf5 import attributes, surroundings, text
    from dbproc.codes.formats.hdf5_fields import notes
    from dbproc.codes.formats.hdf5_storage import require_readable
    from dbproc.codes.formats.nexus import data_axes

    first, signal = next(iter(found.items()))
    unwritten = [note for name, each in found.items() for note in require_readable(tree, each, name)]
    told = [note for name, each in found.items() for note in notes(name, each)]
    axes, doubts = data_axes(tree, data, first, signal)
    parts = _roles(tree, axes, text(attributes(signal).get("interpretation")), options)
    others = [axis.name for axis in axes if axis.name not in (*parts.space, parts.time)]
    positions = scan_positions.found(tree, f"{data.path}/{first}", signal.shape)
    about = {"data": f"/{data.path}", "space": parts.space, "timesteps": parts.time, "other_axes": others}
    return Description(
        code=NAME,
        shape=tuple(int(size) for size in signal.shape),
        axes=axes,
        fields=_fields(tree, data, found),
        orientation="as the coordinates say",
        notes=(*told, *_unplaced(data, doubts, positions), *_left(tree, data, found), *unwritten),
        attributes={
            "nexus": about,
            **surroundings(tree, [f"{data.path}/{first}"]),
            **_about(tree, data),
            **({"scan_positions": positions} if positions else {}),
        },
        timesteps=parts.time,
        origins=tree.origins(),
    )


def _unplaced(data: Data, doubts: Sequence[str], positions: Mapping[str, Any]) -> list[str]:
    """The doubts about axes, without those about coordinates that are kept as positions of a scan."""
    kept = {each["dataset"].removeprefix(f"{data.path}/") for each in positions.values()}
    return [each for each in doubts if not any(each.startswith(f"axis {name} ") for name in kept)]


def _roles(tree: Tree, axes: Sequence[Axis], interpretation: str, options: Mapping[str, Any]) -> Roles:
    try:
        return roles(axes, interpretation, options.get("space") or [], options.get("timesteps") or "")
    except ValueError as error:
        told = ", ".join(f"{axis.name} {axis.size}{f' {axis.units}' if axis.units else ''}" for axis in axes)
        todo = f"Say --space NAMES, --timesteps AXIS, or --timesteps none, with these axes: {told}"
        raise Refusal(tree.path, str(error), todo) from None


def _fields(tree: Tree, data: Data, found: Mapping[str, Any]) -> tuple[Field, ...]:
    from dbproc.codes.formats.hdf5_fields import field, field_names
    from dbproc.codes.formats.nexus import scaled, uncertainties

    fields = []
    for short, (name, each) in zip(field_names(list(found)), found.items(), strict=True):
        one = scaled(tree, data, field(short, f"{data.path}/{name}", each), name)
        beside = uncertainties(tree, data, name)
        fields.append(replace(one, attributes={**one.attributes, "uncertainties": beside}) if beside else one)
    return tuple(fields)


def _left(tree: Tree, data: Data, found: Mapping[str, Any]) -> list[str]:
    """Notes on signals and uncertainties that belong to what is converted and are not themselves."""
    from dbproc.codes.formats.nexus import auxiliary, uncertainties

    beside = [*auxiliary(data), *(uncertainties(tree, data, name) for name in found)]
    left = [name for name in dict.fromkeys(beside) if name and name not in found]
    return [f"not converted, but there: {', '.join(left)} (--signal)"] if left else []


def _about(tree: Tree, data: Data) -> dict[str, Any]:
    """What the entry of the data says of itself, by path."""
    from dbproc.codes.formats.hdf5 import is_dataset
    from dbproc.codes.idx.description import plain

    found = {}
    for place in (f"{data.path.split('/')[0]}/{name}" for name in ABOUT):
        try:
            told: Any = tree.find(place)
        except KeyError:
            continue
        if is_dataset(told) and told.size == 1 and told.dtype.kind in "iufSO":
            value = told[()] if told.shape == () else told[...].reshape(-1)[0]
            found[f"/{place}"] = value.decode("utf-8", "replace") if isinstance(value, bytes) else plain(value)
    return found


def _options(given: argparse.Namespace) -> dict[str, Any]:
    return {
        "data": given.data,
        "signals": given.signal,
        "space": given.space,
        "memory": given.memory,
        "timesteps": getattr(given, "timesteps", ""),
    }


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


if __name__ == "__main__":
    sys.exit(main())
