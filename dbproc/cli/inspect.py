"""``dbproc inspect``: every product's verdict on a file."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import click

from dbproc.cli.common import asking_options, cell, open_mission, print_json
from dbproc.core.answers import entries
from dbproc.explain.inspection import ProductVerdict, inspected


@click.command("inspect")
@click.argument("file", type=click.Path(path_type=Path))
@asking_options
def inspect_command(file: Path, mission: str, as_json: bool) -> int:
    """Ask every product about FILE, and print each verdict. Exit status 1 when it is of no product."""
    with open_mission(mission, read_only=True) as store:
        answer = inspected(store, str(file.absolute()))
    if as_json:
        print_json(answer)
    else:
        for verdict in answer.verdicts:
            click.echo(f"{verdict.product}: {_words(verdict)}")
        click.echo(f"{cell(answer.file)}: {cell(answer.conclusion)}")
    return 0 if answer.identified else 1


def _words(verdict: ProductVerdict) -> str:
    if verdict.facts is None:
        return f"no: {cell(verdict.reason)}"
    return "yes: " + ", ".join(f"{name} {_value(value)}" for name, value in entries(verdict.facts) if value)


def _value(value: object) -> str:
    return value.isoformat() if isinstance(value, dt.date) else cell(value)
