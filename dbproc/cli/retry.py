"""``dbproc retry``: have the next run try failed jobs again."""

from __future__ import annotations

from collections.abc import Sequence

import click

from dbproc.changes.retry import Armed, retry
from dbproc.cli.common import (
    json_option,
    mission_option,
    names_in,
    only_option,
    open_own_mission,
    show,
    slot_options,
)
from dbproc.core.model import Period
from dbproc.core.slot_text import choice_of


@click.command("retry")
@mission_option
@only_option
@slot_options
@click.option("--dismissed", is_flag=True, help="Those that were dismissed, instead of the open ones.")
@json_option
def retry_command(
    mission: str,
    only: str | None,
    start: Period | None,
    end: Period | None,
    keys: Sequence[str],
    dismissed: bool,
    as_json: bool,
) -> int:
    """Have the next run try again what failed or was given up, at once."""
    choice = choice_of(start, end, keys)
    with open_own_mission(mission) as store, store.begin() as connection:
        armed = retry(connection, names_in(only), choice, dismissed=dismissed)
    show(armed, as_json, _print)
    return 0


def _print(armed: Armed) -> None:
    click.echo(f"{armed.jobs} failed jobs are tried again by the next run")
    for note in armed.notes:
        click.echo(note)
    if armed.dismissed:
        click.echo(f"{armed.dismissed} dismissed ones are not tried; to try these: dbproc retry --dismissed")
