"""``dbproc idx convert | verify | info | picture | slice | compare``: make IDX datasets, and look at them."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import click

from dbproc import codes
from dbproc.cli.common import json_option, print_json
from dbproc.cli.groups import Group
from dbproc.cli.output import report_work
from dbproc.core.errors import EXIT_DONE, EXIT_SOME_FAILED, DbprocError
from dbproc.core.text import one_line, size_words

PATH = click.Path(path_type=Path)
SHOWN = 20
"""Damages of a dataset, and differences of metadata, that are shown as text."""


@click.group("idx", cls=Group)
def idx_command() -> None:
    """Make IDX datasets, verify them, look at them and compare them; no mission is needed."""


@idx_command.command("convert", context_settings={"allow_interspersed_args": False})
@click.option("--converter", metavar="NAME", help="Let this program convert, by its own strict rules and options.")
@click.argument("given", nargs=-1, required=True, type=click.UNPROCESSED, metavar="IN... OUT.idx [OUT.png] [OPTION...]")
def convert_command(converter: str | None, given: tuple[str, ...]) -> int:
    """Convert files, directories or archives to the dataset OUT.idx, and ask nothing.

    What they are is told by their content; what of it is converted, and what is left out, stands in the last line, and
    in what "dbproc idx info" tells.

    An OPTION stands behind the files: --sensor NAME for the ways of ScientistCloud's sensors, --variable NAME for what
    is to be converted instead of what would be chosen, --xs and --ys for the positions of a scan, or one that all
    programs have, such as --codec zfp or --timesteps AXIS.
    """
    if converter is not None and converter not in _converters():
        raise click.UsageError(f"there is no converter {converter}: name one of {', '.join(_converters())}")
    report_work()
    try:
        return int(importlib.import_module(f"dbproc.codes.{converter or 'to_idx'}").main(given))
    except SystemExit as end:  # how argparse refuses
        return int(end.code or EXIT_DONE)


def _converters() -> list[str]:
    """The programs that convert, by name."""
    return sorted(path.stem for path in Path(codes.__path__[0]).glob("*_to_idx.py"))


@idx_command.command("verify")
@click.argument("paths", nargs=-1, required=True, type=PATH, metavar="PATH...")
@json_option
def verify_command(paths: tuple[Path, ...], as_json: bool) -> int:
    """Read all of each dataset PATH and name every missing, cut or changed file and block.

    A directory stands for all datasets below it. Of a dataset that was made elsewhere, without a manifest, missing,
    cut and undecodable blocks are found; changed values of uncompressed blocks cannot be.

    Exit status: 0 all are whole, 1 something is damaged.
    """
    from dbproc.codes.idx.verification import verify

    with _refusals():
        verdicts = [verify(path) for path in _datasets(paths)]
    if as_json:
        print_json([{"whole": each.whole, **asdict(each)} for each in verdicts])
    else:
        for each in verdicts:
            count = len(each.damages)
            told = "whole" if each.whole else f"damaged in {count} place{'s' if count > 1 else ''}"
            click.echo(one_line(f"{each.path}: {told} ({each.files} files, {size_words(each.bytes)})"))
            for line in [*each.damages[:SHOWN], *each.notes]:
                click.echo(one_line(f"  {line}"))
            if len(each.damages) > SHOWN:
                click.echo(f"  … and {len(each.damages) - SHOWN} more (--json lists all)")
    return EXIT_DONE if all(each.whole for each in verdicts) else EXIT_SOME_FAILED


@idx_command.command("info")
@click.argument("path", type=PATH)
@json_option
def info_command(path: Path, as_json: bool) -> None:
    """Describe the dataset PATH: shape, axes, fields, timesteps, codec, size, and what it was made from.

    No values are read and nothing is verified.
    """
    from dbproc.codes.idx.facts import facts, lines

    with _refusals():
        found = facts(path)
    if as_json:
        print_json(found)
        return
    for line in lines(found):
        click.echo(one_line(line))


_field_option = click.option("--field", metavar="NAME", help="The field, where there are several.")


@idx_command.command("picture")
@click.argument("path", type=PATH)
@click.argument("output", type=PATH, metavar="OUT.png")
@_field_option
@click.option(
    "--at", "cuts", multiple=True, metavar="AXIS=INDEX", help="Cut an axis there.  [default: middle of all but two]"
)
@click.option("--cmap", default="viridis", show_default=True, metavar="MAP", help="A colour map of matplotlib.")
@click.option("--range", "span", nargs=2, type=float, metavar="LO HI", help="The values that colours span.")
@click.option("--title", default="", help="The picture's title.")
def picture_command(
    path: Path,
    output: Path,
    field: str | None,
    cuts: tuple[str, ...],
    cmap: str,
    span: tuple[float, float] | None,
    title: str,
) -> None:
    """Draw a field of the dataset PATH as PNG: two axes with a colour bar, or one as a line."""
    from dbproc.codes.drawing.figure import Options
    from dbproc.codes.picture import draw

    report_work()
    with _refusals():
        click.echo(one_line(draw(path, output, Options(field, _cuts(cuts), cmap, span, title))))


@idx_command.command("slice")
@click.argument("path", type=PATH)
@click.argument("output", type=PATH, metavar="OUT")
@click.option("--at", "cuts", multiple=True, metavar="AXIS=INDEX", help="Cut an axis there; may be repeated.")
@_field_option
def slice_command(path: Path, output: Path, cuts: tuple[str, ...], field: str | None) -> None:
    """Write the stored values of a slice of the dataset PATH: OUT is .npy, .csv, or .png for a picture."""
    from dbproc.codes.drawing.figure import Options
    from dbproc.codes.idx.slicing import extract
    from dbproc.codes.picture import draw

    report_work()
    with _refusals():
        if output.suffix.lower() == ".png":
            click.echo(one_line(draw(path, output, Options(field, _cuts(cuts)))))
        else:
            click.echo(one_line(extract(path, output, _cuts(cuts), field)))


@idx_command.command("compare")
@click.argument("old", type=PATH)
@click.argument("new", type=PATH)
@json_option
def compare_command(old: Path, new: Path, as_json: bool) -> int:
    """Compare two datasets: fields, shapes, types, every value bit for bit, and what their metadata say.

    Exit status: 0 all values are the same, 1 some differ.
    """
    from dbproc.codes.idx.comparing import compare

    with _refusals():
        found = compare(old, new)
    if as_json:
        print_json({"same": found.same, **asdict(found)})
    else:
        for each in found.fields:
            click.echo(one_line(str(each)))
        for name, (before, after) in list(found.metadata.items())[:SHOWN]:
            click.echo(one_line(f"{name}: {_short(before)} → {_short(after)}"))
        if len(found.metadata) > SHOWN:
            click.echo(f"… and {len(found.metadata) - SHOWN} more (--json lists all)")
    return EXIT_DONE if found.same else EXIT_SOME_FAILED


@contextmanager
def _refusals() -> Iterator[None]:
    """Report a code's refusal like any other error of the user."""
    from dbproc.codes.idx.refusal import Refusal

    try:
        yield
    except Refusal as refusal:
        raise DbprocError(str(refusal)) from refusal


def _cuts(texts: tuple[str, ...]) -> tuple[tuple[str, int], ...]:
    from dbproc.codes.idx.slicing import parse

    try:
        return tuple(parse(text) for text in texts)
    except ValueError as error:
        raise click.UsageError(str(error)) from error


def _datasets(paths: tuple[Path, ...]) -> list[Path]:
    """The datasets: those named, and those below directories."""
    found: list[Path] = []
    for path in paths:
        below = sorted(path.rglob("*.idx")) if path.is_dir() else [path]
        if not path.exists():
            raise click.UsageError(f"there is no file {path}")
        if not below:
            raise click.UsageError(f"there is no .idx below {path}")
        found += below
    return found


def _short(value: object, most: int = 80) -> str:
    text = str(value)
    return text if len(text) <= most else f"{text[:most]}…"
