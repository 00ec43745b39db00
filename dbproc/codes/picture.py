#!/usr/bin/env python3
"""Draw a field of an IDX dataset as PNG: ``[--field F] [--slice AXIS=INDEX]... INPUT.idx OUTPUT.png``.

Two axes of a field, with units and a colour bar, or one as a line; the other axes are cut, in the middle where no
``--slice`` says otherwise. Missing values stay blank. Colours span the values' range, or where a few extremes would
wash out the rest, their 2nd to 98th percentile.
"""

from __future__ import annotations

import sys
from pathlib import Path

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[2])

import argparse
from collections.abc import Sequence

from dbproc.codes.drawing.figure import Options, figure
from dbproc.codes.drawing.view import view
from dbproc.codes.idx import slicing
from dbproc.codes.idx.files import placed
from dbproc.codes.idx.idx_reader import open_idx
from dbproc.codes.idx.refusal import Refusal, run
from dbproc.codes.idx.slicing import Cut

NAME = "picture"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; returns its exit status."""
    given = _parser().parse_args(arguments)
    span = tuple(given.range) if given.range else None
    options = Options(given.field, tuple(given.slice), given.cmap, span, given.title or "")
    return run(NAME, lambda: print(draw(given.input, given.output, options)))


def draw(path: Path, output: Path, options: Options, *, verify: bool = True) -> str:
    """Draw a field of a dataset; returns one line that says what was drawn.

    Parameters
    ----------
    path
        The ``.idx``.
    output
        The ``.png``, which is not there yet.
    options
        How to draw it.
    verify
        Whether to read all of the dataset first; see :func:`dbproc.codes.idx.idx_reader.open_idx`.

    Raises
    ------
    Refusal
        When there is nothing to draw, or the picture is there already.
    """
    if output.suffix.lower() != ".png":
        raise Refusal(output, "the output's name does not end in .png", "Name it something.png")
    with placed(output) as place:
        dataset = open_idx(path, verify=verify)
        field = dataset.field(options.field)
        seen = view(dataset, field, options.cuts)
        figure(seen, field, options, dataset).savefig(place, format="png", metadata={"Software": None})
    return f"{output.name}: {field.name}{seen.slice}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=NAME, description="Draw a field of an IDX dataset as PNG.")
    parser.add_argument("--field", metavar="NAME", help="the field, where there are several")
    parser.add_argument(
        "--slice",
        type=_slice,
        action="append",
        default=[],
        metavar="AXIS=INDEX",
        help="cut an axis there; may be repeated (default: the middle of all but two)",
    )
    parser.add_argument("--cmap", default="viridis", metavar="MAP", help="a colour map (default: %(default)s)")
    parser.add_argument("--range", type=float, nargs=2, metavar=("LO", "HI"), help="the values that colours span")
    parser.add_argument("--title", metavar="TEXT", help="the picture's title")
    parser.add_argument("input", type=Path, metavar="INPUT.idx")
    parser.add_argument("output", type=Path, metavar="OUTPUT.png")
    return parser


def _slice(text: str) -> Cut:
    try:
        return slicing.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


if __name__ == "__main__":
    sys.exit(main())
