"""``dbproc retry``: have the next run try failed jobs again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import click

from dbproc.cli.common import (
    choice_of,
    json_option,
    mission_option,
    names_in,
    only_option,
    open_own_mission,
    show,
    slot_options,
)
from dbproc.core.model import Period
from dbproc.core.slot_text import fields_of_processes, require_fields
from dbproc.database import attempts
from dbproc.database.definition.load import load_definition
from dbproc.explain.status import standing_failures
from dbproc.run import selection
from dbproc.run.selection import Options


@dataclass(frozen=True, slots=True)
class Armed:
    """Failed jobs that are to be tried again."""

    jobs: int  #: how many the next run tries


@click.command("retry")
@mission_option
@only_option
@slot_options
@json_option
def retry_command(
    mission: str, only: str | None, start: Period | None, end: Period | None, keys: Sequence[str], as_json: bool
) -> int:
    """Have the next run try again what failed or was given up, at once."""
    choice = choice_of(start, end, keys)
    with open_own_mission(mission) as store, store.begin() as connection:
        definition = load_definition(connection)
        processes = selection.allowed_processes(definition, Options(only=names_in(only)))
        require_fields(choice.key, fields_of_processes(definition, processes), "what failed")
        count = attempts.arm(connection, processes, standing_failures(connection, definition, choice))
    show(Armed(jobs=count), as_json, _print)
    return 0


def _print(armed: Armed) -> None:
    click.echo(f"{armed.jobs} failed jobs are tried again by the next run")
