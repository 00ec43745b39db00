"""``dbproc dismiss``: say of failures that nobody will mend them."""

from __future__ import annotations

from collections.abc import Sequence

import click

from dbproc.cli.common import (
    choice_of,
    dry_run_option,
    mission_option,
    names_in,
    only_option,
    open_own_mission,
    slot_options,
)
from dbproc.cli.correcting import reason_option
from dbproc.core.model import Period
from dbproc.core.slot_text import fields_of_processes, require_fields
from dbproc.database import attempts
from dbproc.database.definition.load import load_definition
from dbproc.explain.status import standing_failures
from dbproc.run import selection
from dbproc.run.selection import Options


@click.command("dismiss")
@mission_option
@only_option
@slot_options
@reason_option
@dry_run_option
def dismiss_command(
    mission: str,
    only: str | None,
    start: Period | None,
    end: Period | None,
    keys: Sequence[str],
    reason: str,
    dry_run: bool,
) -> int:
    """Say of failures that nobody will mend them: status lists them no more, and no run tries them again.

    What depends on them is told as before. When the inputs or the code change, the next run tries, and a failure of
    that is open again. To see them: dbproc status --dismissed; to take it back: dbproc retry --dismissed.

    For example: dbproc dismiss -o to_clean --start 2024-05-06 --end 2024-05-07 --reason "the detector was off"
    """
    choice = choice_of(start, end, keys)
    if only is None and choice.is_empty:
        raise click.UsageError("say which failures: -o PROCESS, --start, --end, --key; to see them: dbproc status")
    with open_own_mission(mission, read_only=dry_run) as store, store.begin() as connection:
        definition = load_definition(connection)
        processes = selection.allowed_processes(definition, Options(only=names_in(only)))
        require_fields(choice.key, fields_of_processes(definition, processes), "what failed")
        rows = attempts.attempts_numbered(connection, standing_failures(connection, definition, choice))
        rows = [row for row in rows if row.process_id in processes]
        for row in rows:
            click.echo(f"{'would dismiss' if dry_run else 'dismissed'} {row.process} {row.slot}")
        if not dry_run:
            attempts.dismiss(connection, [row.attempt_id for row in rows], reason)
    if not rows:
        click.echo("no open failure is meant by that; to see them: dbproc status")
    return 0
