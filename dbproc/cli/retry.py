"""``dbproc retry``: have the next run try failed jobs again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import click

from dbproc.cli.common import (
    cell,
    json_option,
    mission_option,
    names_in,
    only_option,
    open_own_mission,
    show,
    slot_options,
)
from dbproc.core.model import Period, Timebase
from dbproc.core.slot_text import choice_of, fields_of_processes, require_fields
from dbproc.core.states import AttemptStatus
from dbproc.database import attempts, lock
from dbproc.database.attempts import AttemptRow
from dbproc.database.definition.load import load_definition
from dbproc.database.log import RETRY
from dbproc.explain.status import standing_failures
from dbproc.run import selection
from dbproc.run.selection import Options

_MOST_NAMED = 3


@dataclass(frozen=True, slots=True)
class Armed:
    """Failed jobs that are to be tried again."""

    jobs: int  #: how many the next run tries
    notes: tuple[str, ...]  #: what is to be known of those that it does not try, in sentences
    dismissed: int  #: how many are left out because they were dismissed


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
        definition = load_definition(connection)
        processes = selection.allowed_processes(definition, Options(only=names_in(only)))
        require_fields(choice.key, fields_of_processes(definition, processes), "what failed")
        meant = standing_failures(connection, definition, choice, dismissed=dismissed)
        rows = [row for row in attempts.attempts_numbered(connection, meant) if row.process_id in processes]
        count = attempts.arm(connection, processes, meant)
        if count:
            lock.note(connection, RETRY, _meant(rows))
        others = 0 if dismissed else len(standing_failures(connection, definition, choice, dismissed=True))
    notes = tuple(note for row in rows if (note := _note(row)))
    show(Armed(jobs=count, notes=notes, dismissed=others), as_json, _print)
    return 0


def _meant(rows: Sequence[AttemptRow]) -> str:
    """Which failures are tried again."""
    armed = [f"{row.process} {row.slot}".rstrip() for row in rows if row.timebase != Timebase.STARTUP]
    more = f" and {len(armed) - _MOST_NAMED} more" if len(armed) > _MOST_NAMED else ""
    return ", ".join(armed[:_MOST_NAMED]) + more


def _note(row: AttemptRow) -> str:
    """Why a failure is not tried by being armed; nothing of one that is."""
    if row.timebase == Timebase.STARTUP:
        return f"not {row.process}: every run begins with it anyhow"
    if row.status == AttemptStatus.REFUSED:
        return f"{row.process} {row.slot} was not run, and will not be until this is mended: {cell(row.message)}"
    return ""


def _print(armed: Armed) -> None:
    click.echo(f"{armed.jobs} failed jobs are tried again by the next run")
    for note in armed.notes:
        click.echo(note)
    if armed.dismissed:
        click.echo(f"{armed.dismissed} dismissed ones are not tried; to try these: dbproc retry --dismissed")
