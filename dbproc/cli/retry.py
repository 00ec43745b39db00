"""``dbproc retry``: have the next run try failed jobs again."""

from __future__ import annotations

import datetime as dt

import click

from dbproc.cli.common import mission_option, names_in, only_option, open_own_mission
from dbproc.database import attempts
from dbproc.database.definition.load import load_definition
from dbproc.explain.status import standing_failures
from dbproc.run import selection
from dbproc.run.selection import Options


@click.command("retry")
@mission_option
@only_option
@click.option("--date", type=click.DateTime(["%Y-%m-%d"]), help="Only this date.")
def retry_command(mission: str, only: str | None, date: dt.datetime | None) -> int:
    """Have the next run try again what failed or was given up, at once."""
    with open_own_mission(mission) as store, store.begin() as connection:
        definition = load_definition(connection)
        processes = selection.allowed_processes(definition, Options(only=names_in(only)))
        standing = standing_failures(connection, definition)
        count = attempts.arm(connection, processes, None if date is None else date.date(), standing)
    click.echo(f"{count} failed jobs are tried again by the next run")
    return 0
