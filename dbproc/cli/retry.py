"""``dbproc retry``: have the next run try failed jobs again."""

from __future__ import annotations

from collections.abc import Sequence

import click

from dbproc.cli.common import (
    TIME,
    cell,
    choice_of,
    key_option,
    mission_option,
    names_in,
    only_option,
    open_own_mission,
)
from dbproc.core.model import Period, Timebase
from dbproc.core.slot_text import fields_of_processes, require_fields
from dbproc.core.states import AttemptStatus
from dbproc.database import attempts
from dbproc.database.definition.load import load_definition
from dbproc.explain.status import standing_failures
from dbproc.run import selection
from dbproc.run.selection import Options


@click.command("retry")
@mission_option
@only_option
@click.option("--date", type=TIME, metavar="WHEN", help="Only this day, hour, minute or second.")
@key_option
@click.option("--dismissed", is_flag=True, help="Those that were dismissed, instead of the open ones.")
def retry_command(mission: str, only: str | None, date: Period | None, keys: Sequence[str], dismissed: bool) -> int:
    """Have the next run try again what failed or was given up, at once."""
    choice = choice_of(date, date, keys)
    with open_own_mission(mission) as store, store.begin() as connection:
        definition = load_definition(connection)
        processes = selection.allowed_processes(definition, Options(only=names_in(only)))
        require_fields(choice.key, fields_of_processes(definition, processes), "what failed")
        meant = standing_failures(connection, definition, choice, dismissed=dismissed)
        rows = [row for row in attempts.attempts_numbered(connection, meant) if row.process_id in processes]
        count = attempts.arm(connection, processes, meant)
        others = 0 if dismissed else len(standing_failures(connection, definition, choice, dismissed=True))
    click.echo(f"{count} failed jobs are tried again by the next run")
    for row in rows:
        if row.timebase == Timebase.STARTUP:
            click.echo(f"not {row.process}: every run begins with it anyhow")
        elif row.status == AttemptStatus.REFUSED:
            click.echo(
                f"{row.process} {row.slot} was not run, and will not be until this is mended: {cell(row.message)}"
            )
    if others:
        click.echo(f"{others} dismissed ones are not tried; to try these: dbproc retry --dismissed")
    return 0
