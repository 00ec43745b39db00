"""``dbproc inspect``: every product's verdict on a file."""

from __future__ import annotations

import datetime as dt
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from dbproc.cli.common import asking_options, cell, open_mission, print_json
from dbproc.cli.selection import product_option
from dbproc.core.answers import entries
from dbproc.explain.inspection import Candidate, ProductVerdict, inspected


@click.command("inspect")
@click.argument("file", type=click.Path(path_type=Path))
@product_option
@click.option("--inspector", metavar="PATH", help="Try this one, which need not be applied yet, for --product.")
@click.option("--arguments", default="", metavar="TEXT", help="Its arguments: 'name=value name=value'.")
@asking_options
def inspect_command(
    file: Path, products: Sequence[str], inspector: str | None, arguments: str, mission: str, as_json: bool
) -> int:
    """Ask every product about FILE, or those given, and print each verdict. Exit status 1 when it is of no product.

    With --inspector the product is asked as if that were its inspector: a Python file, or a built-in one by its name.
    """
    if inspector is not None and not products:
        raise click.UsageError("say for which product the inspector is: --product PRODUCT")
    if arguments and inspector is None:
        raise click.UsageError("--arguments are those of --inspector")
    candidate = None if inspector is None else Candidate(inspector, _read(arguments))
    with open_mission(mission, read_only=True) as store:
        answer = inspected(store, str(file.absolute()), products, candidate)
    if as_json:
        print_json(answer)
    else:
        for verdict in answer.verdicts:
            click.echo(f"{verdict.product}: {_words(verdict)}")
        click.echo(f"{cell(answer.file)}: {cell(answer.conclusion)}")
    return 0 if answer.identified else 1


def _read(arguments: str) -> Mapping[str, str]:
    """Arguments as they are typed."""
    found: dict[str, str] = {}
    for word in shlex.split(arguments):
        name, equals, value = word.partition("=")
        if not (name and equals):
            raise click.UsageError(f"{word!r} is no argument; write NAME=VALUE, several with blanks between them")
        found[name] = value
    return found


def _words(verdict: ProductVerdict) -> str:
    if verdict.facts is None:
        return f"no: {cell(verdict.reason)}"
    return "yes: " + ", ".join(f"{name} {_value(value)}" for name, value in entries(verdict.facts) if value)


def _value(value: object) -> str:
    return value.isoformat() if isinstance(value, dt.date) else cell(value)
