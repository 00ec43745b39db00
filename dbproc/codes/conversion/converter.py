"""What every converter's command line has in common: inputs, an output, and how the dataset is to be stored."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dbproc.codes.conversion.idx_writer import MEMORY, Conversion, convert
from dbproc.codes.conversion.ranged import Range, parsed
from dbproc.codes.idx.idx_reader import read_metadata
from dbproc.codes.idx.refusal import Refusal, run
from dbproc.codes.idx.supervision import PATIENCE

MOST = 1e8
"""Mebibytes or seconds that may be asked for: more than there are, and few enough for every system call."""


@dataclass(frozen=True)
class Converter:
    """A program that converts files of one kind to IDX.

    Parameters
    ----------
    name
        The program's name, such as ``netcdf_to_idx``.
    opener
        ``module:function`` that opens the inputs: a :data:`dbproc.codes.conversion.source.Opener`.
    suffixes
        The endings, in lower case and with their dot, of the files that are meant in a directory or an archive.
    joins
        Whether several inputs are joined along an axis; else the opener takes them all together.
    new_axis
        The name of the axis along which several inputs are joined, where they have none in common.
    companions
        Whether the files that are meant have other files beside them.
    """

    name: str
    opener: str
    suffixes: tuple[str, ...]
    joins: bool = True
    new_axis: str = "file"
    companions: bool = False

    def parser(self, summary: str) -> argparse.ArgumentParser:
        """A parser of what all converters have; a converter adds its own options to it."""
        parser = argparse.ArgumentParser(prog=self.name, description=summary)
        parser.add_argument("inputs", type=Path, nargs="+", metavar="INPUT", help="a file, directory or archive")
        parser.add_argument(
            "output", type=Path, metavar="OUTPUT.idx [OUTPUT.png]", help="the dataset to write, and a picture of it"
        )
        stored = parser.add_argument_group("how it is stored")
        if self.joins:
            stored.add_argument(
                "--join",
                default="",
                metavar="AXIS",
                help="the axis along which several inputs are joined, one that they have or a new one",
            )
        stored.add_argument(
            "--timesteps",
            default="",
            metavar="AXIS[,AXIS]",
            help="the axis, or axes, that become the timesteps of the IDX; none for no axis, leading for all but three",
        )
        stored.add_argument(
            "--keep-rows",
            action="store_true",
            help="store rows as the source has them (default: bottom row first, latitudes rising: as viewers draw)",
        )
        stored.add_argument(
            "--range",
            type=_range,
            action="append",
            metavar="AXIS=START:STOP",
            help="convert these indices of an axis only; may be repeated for other axes",
        )
        stored.add_argument("--codec", default="zip", help="raw, zip (default), zfp or zfp-accuracy=E")
        stored.add_argument(
            "--reuse",
            default="",
            metavar="IDX",
            help="share equal timesteps with this dataset, or the last that matches a pattern",
        )
        stored.add_argument(
            "--memory",
            type=_mebibytes,
            default=MEMORY,
            metavar="MIB",
            help="most memory to use, at least 512 (default: 1024)",
        )
        stored.add_argument("--slab", type=_mebibytes, metavar="MIB", help="size of a slab (default: as memory allows)")
        stored.add_argument(
            "--patience",
            type=_seconds,
            default=PATIENCE,
            metavar="SECONDS",
            help="how long a step may take, besides the time its size asks for (default: %(default)s)",
        )
        return parser

    def main(
        self,
        parser: argparse.ArgumentParser,
        arguments: Sequence[str] | None,
        options: Callable[[argparse.Namespace], Mapping[str, Any]],
    ) -> int:
        """Run the program; ``options`` picks what the opener is told. Returns the exit status."""
        given = parser.parse_intermixed_args(arguments)

        def program() -> None:
            picture = _picture(given)
            _program(self._conversion(given, options(given)), picture)

        return run(self.name, program)

    def _conversion(self, given: argparse.Namespace, options: Mapping[str, Any]) -> Conversion:
        return Conversion(
            opener=self.opener,
            inputs=given.inputs,
            output=given.output,
            options=options,
            memory=given.memory,
            slab=given.slab,
            join=given.join if self.joins else "",
            new_axis=self.new_axis,
            is_whole=not self.joins,
            timesteps=given.timesteps,
            ranges=given.range or (),
            keep_rows=given.keep_rows,
            suffixes=self.suffixes,
            companions=self.companions,
            codec=given.codec,
            reuse=given.reuse,
            patience=given.patience,
        )


def _picture(given: argparse.Namespace) -> Path | None:
    """The picture that is asked for: a ``.png`` behind the ``.idx``, which is the output then."""
    if given.output.suffix.lower() != ".png" or len(given.inputs) < 2 or given.inputs[-1].suffix != ".idx":
        _require_picture(given)
        return None
    picture: Path = given.output
    *given.inputs, given.output = given.inputs
    return picture


def _require_picture(given: argparse.Namespace) -> None:
    """Refuse something else than a picture behind the dataset."""
    if given.output.suffix != ".idx" and given.inputs[-1].suffix == ".idx" and len(given.inputs) > 1:
        raise Refusal(given.output, "a picture's name ends in .png", "Name it something.png, or leave it out")


def _program(conversion: Conversion, picture: Path | None) -> None:
    if picture:
        _require_free(picture)
    print(convert(conversion), flush=True)
    if picture:
        _draw(conversion.output, picture)


def _require_free(picture: Path) -> None:
    if os.path.lexists(picture):
        raise Refusal(picture, "it exists already, and nothing is overwritten", "Remove it or choose another name")
    if not picture.absolute().parent.is_dir():
        raise Refusal(picture.parent, "there is no such directory", "Make it first, or name another one")


def _draw(idx: Path, output: Path) -> None:
    """Draw the first field of a dataset that was just made; where that fails, the dataset stays."""
    from dbproc.codes.drawing.figure import Options
    from dbproc.codes.picture import draw

    metadata = read_metadata(idx)
    assert metadata is not None
    try:
        draw(idx, output, Options(metadata.description.fields[0].name), verify=False)
    except (Exception, KeyboardInterrupt) as error:
        why = error.what if isinstance(error, Refusal) else f"{type(error).__name__} {error}".rstrip()
        todo = f"Draw it by: dbproc idx picture {idx.name} OUT.png"
        raise Refusal(output, f"{idx.name} is complete, but no picture of it was drawn: {why}", todo) from error


def _range(text: str) -> Range:
    try:
        return parsed(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _mebibytes(text: str) -> int:
    return max(1, int(_amount(text) * (1 << 20)))


def _seconds(text: str) -> float:
    return _amount(text)


def _amount(text: str) -> float:
    amount = float(text)
    if not 0 < amount <= MOST:
        raise argparse.ArgumentTypeError(f"must be more than 0 and at most {MOST:.0f}")
    return amount
