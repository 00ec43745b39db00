#!/usr/bin/env python3
"""Convert whatever holds an array to an IDX dataset, and ask nothing: ``[--sensor NAME] INPUT... OUTPUT.idx``.

A file, several, a directory or an archive: what they are is told by their content. What is converted of them, what
becomes timesteps and what is left out is chosen, and told: in the last line, in the metadata, by ``dbproc idx info``.
"""

from __future__ import annotations

import sys
from pathlib import Path

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[2])

import argparse
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dbproc.codes.automatic import sensors, steps
from dbproc.codes.automatic.choice import Choice, either, first, in_time, size
from dbproc.codes.conversion.converter import Converter
from dbproc.codes.conversion.source import Source, witness
from dbproc.codes.formats.field_names import distinct_axes
from dbproc.codes.formats.selection import few
from dbproc.codes.idx.description import Axis, Description
from dbproc.codes.idx.refusal import Refusal

if TYPE_CHECKING:
    from dbproc.codes.automatic.content import Content
    from dbproc.codes.idx.slabs import Box
    from dbproc.codes.idx.values import Values

NAME = "to_idx"
CONVERTER = Converter(NAME, f"dbproc.codes.{NAME}:open_source", (), joins=False)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; returns its exit status."""
    parser = CONVERTER.parser("Convert whatever holds an array to IDX, exactly; nothing is asked.")
    parser.add_argument("--sensor", type=_sensor, metavar="NAME", help=f"one of {', '.join(sensors.SENSORS)}")
    parser.add_argument(
        "--variable",
        action="append",
        metavar="NAME",
        help="what is converted instead of what would be chosen: a variable, dataset, HDU or series; may be repeated",
    )
    parser.add_argument("--xs", default="", metavar="PATH", help="the dataset with the positions of a scan along x")
    parser.add_argument("--ys", default="", metavar="PATH", help="the dataset with its positions along y")
    return CONVERTER.main(parser, arguments, _options)


@contextmanager
def open_source(inputs: Sequence[Path], options: Mapping[str, Any]) -> Iterator[Chosen]:
    """Look at the files, choose, and open what is chosen; ``options`` are those of the command line."""
    from dbproc.codes.automatic import content

    sensor = sensors.SENSORS[options.get("sensor") or "OTHER"]
    found = content.told(inputs, sensor.kinds)
    with ExitStack() as stack:
        choice, source = _largest(found, sensor, options, stack)
        yield Chosen(source, choice, found, options)


TRIES = 8
"""So many times files are taken without those that came first among them."""


def _largest(
    found: Content, sensor: sensors.Sensor, options: Mapping[str, Any], stack: ExitStack, tries: int = TRIES
) -> tuple[Choice, Source]:
    """What is chosen by the first file; where more bytes are left out then, by those left out, if that gives more."""
    ways = (in_time(_within(each, options.get("memory"))) for each in _choices(found, sensor, options))
    try:
        choice, source = first(ways, stack)
    except Refusal as refusal:
        if not (found.files[1:] and tries):
            raise
        with suppress(Refusal):
            choice, source = _largest(replace(found, files=found.files[1:]), sensor, options, stack, tries - 1)
            return choice.leaving(f"{found.files[0].name}: {refusal.what}"), source
        raise
    rest = tuple(path for path in found.files if path not in choice.files)
    if found.kind in UNNAMED or not (rest and tries) or _bytes(rest) <= _bytes(choice.files):
        return choice, source
    with suppress(Refusal), ExitStack() as trial:
        other, larger = _largest(replace(found, files=rest), sensor, options, trial, tries - 1)
        if size(larger.description) > size(source.description):
            stack.push(trial.pop_all())
            return other.leaving(*(f"{path.name}: it is unlike most" for path in choice.files)), larger
    return choice, source


def _bytes(files: Sequence[Path]) -> int:
    return sum(path.stat().st_size for path in files)


UNNAMED = ("picture", "raw")
"""Kinds of files that hold one thing alone."""


class Chosen:
    """What was chosen, as the writer wants it: with its timesteps, and with what is to be said of the choice."""

    def __init__(self, source: Source, choice: Choice, found: Content, options: Mapping[str, Any]) -> None:
        self._source = source
        description = replace(source.description, axes=_axes(source.description, choice))
        name = "" if options.get("timesteps") else steps.chosen(description)
        left = (*choice.left_out, *found.others)
        notes = (
            f"chosen: {choice.command(description.axes[0])}" + (f", timesteps {name}" if name else ""),
            *choice.why,
            *_doubts(found, options.get("sensor") or "OTHER"),
            *([f"left out: {', '.join(few(left, 8))}"] if left else []),
            *description.notes,
        )
        self.description = replace(
            description,
            timesteps=name or description.timesteps,
            notes=notes,
            attributes={
                **description.attributes,
                **choice.places,
                NAME: {
                    "converter": choice.program,
                    "options": [dict(each) for each in choice.openings],
                    "sensor": options.get("sensor") or "",
                    "kind": found.kind,
                    "timesteps": name,
                    "left_out": list(left),
                },
            },
        )

    def read(self, field: str, box: Box) -> Values:
        """The stored values of a field inside ``box``."""
        return self._source.read(field, box)

    def plain(self, field: str, box: Box) -> Iterator[tuple[Box, Values]]:
        """Parts of a box read by another way."""
        yield from witness(self._source)(field, box)


def _doubts(found: Content, sensor: str) -> list[str]:
    """A note on files that are not of the sensor's kinds."""
    kinds = sensors.SENSORS[sensor].kinds
    if not kinds or found.kind in kinds:
        return []
    return [f"it is {found.kind}, which the sensor {sensor} does not stand for"]


def _within(choice: Choice, memory: int | None) -> Choice:
    """A choice that tells converters of HDF5 how much memory they may take."""
    if not memory or choice.program not in ("hdf5_to_idx", "nexus_to_idx"):
        return choice
    return replace(choice, openings=tuple({**each, "memory": memory} for each in choice.openings))


def _axes(description: Description, choice: Choice) -> tuple[Axis, ...]:
    first, *rest = description.axes
    if (
        choice.told is not None
        and first.name == choice.new_axis
        and first.size == choice.told.size
        and not first.is_placed
    ):
        first = choice.told
    return distinct_axes((first, *rest))


def _choices(found: Content, sensor: sensors.Sensor, options: Mapping[str, Any]) -> Iterator[Choice]:
    """The ways to convert what there is, the best first."""
    from dbproc.codes.automatic import cdf, content, fits, hdf5, idx, netcdf, pictures, raw

    files, wanted = found.files, options.get("variables") or ()
    xs, ys = options.get("xs") or "", options.get("ys") or ""
    if wanted and found.kind in UNNAMED:
        what = f"it has nothing that --variable could choose from: it is {found.kind}"
        raise Refusal(files[0], what, "Leave out --variable")
    is_hdf5 = found.kind in ("NetCDF", "HDF5") and content.is_hdf5(files[0])
    if (xs or ys) and not is_hdf5:
        what = f"it has no datasets that --xs and --ys could name: it is {found.kind}"
        raise Refusal(files[0], what, "Leave them out")
    if sensor.way in ("bands", "pictures") and found.kind in ("picture", "TIFF"):
        way = pictures.band_choices if sensor.way == "bands" else pictures.choices
        yield from either(way(files), *([_tiff(files, wanted)] if found.kind == "TIFF" else [pictures.choices(files)]))
    elif found.kind == "picture":
        yield from pictures.choices(files)
    elif found.kind == "TIFF":
        yield from _tiff(files, wanted)
    elif found.kind == "NetCDF" and is_hdf5 and (sensor.way == "scan" or xs or ys):
        yield from hdf5.choices(files, wanted, xs, ys, is_scan=True)
    elif found.kind == "NetCDF":
        others = [hdf5.choices(files, wanted)] if is_hdf5 else []
        yield from either(netcdf.choices(files, wanted), *others)
    elif found.kind == "HDF5":
        yield from hdf5.choices(files, wanted, xs, ys, is_scan=sensor.way == "scan")
    elif found.kind == "IDX":
        yield idx.choice(files[0], wanted)
    elif found.kind == "CDF":
        yield from cdf.choices(files, wanted)
    elif found.kind == "FITS":
        yield from fits.choices(files, wanted)
    else:
        yield from raw.choices(files)


def _tiff(files: Sequence[Path], wanted: Sequence[str]) -> Iterator[Choice]:
    """TIFF files: tiles of a mosaic or bands where they say so themselves, else one after another."""
    from dbproc.codes.automatic import pictures, tiff

    if len(files) > 1 and not wanted:
        yield from pictures.of_tiff(files)
    yield from tiff.choices(files, wanted)


def _options(given: argparse.Namespace) -> dict[str, Any]:
    return {
        "sensor": given.sensor,
        "variables": given.variable,
        "xs": given.xs,
        "ys": given.ys,
        "timesteps": given.timesteps,
        "memory": given.memory,
    }


def _sensor(text: str) -> str:
    try:
        return sensors.named(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


if __name__ == "__main__":
    sys.exit(main())
