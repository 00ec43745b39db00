"""``dbproc dismiss``: say of failures that nobody will mend them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import click

from dbproc.cli.common import (
    asking_options,
    dry_run_option,
    names_in,
    only_option,
    open_own_mission,
    show,
    slot_options,
)
from dbproc.cli.correcting import reason_option
from dbproc.core.answers import INLINE
from dbproc.core.model import Period
from dbproc.core.slot_text import SlotShown, choice_of, fields_of_processes, require_fields
from dbproc.database import attempts
from dbproc.database.definition.load import load_definition
from dbproc.explain.status import standing_failures
from dbproc.run import selection
from dbproc.run.selection import Options


@dataclass(frozen=True, slots=True, kw_only=True)
class DismissedFailure:
    """A failure that nobody will mend."""

    attempt_id: int  #: the number of the attempt that failed
    process: str  #: the name of the process
    slot: SlotShown = field(metadata=INLINE)
    message: str | None  #: what had failed


@dataclass(frozen=True, slots=True)
class Dismissals:
    """What is dismissed."""

    reason: str  #: why
    failures: tuple[DismissedFailure, ...]  #: which ones
    is_done: bool  #: whether it was done, not only foreseen


@click.command("dismiss")
@asking_options
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
    as_json: bool,
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
        if not dry_run:
            attempts.dismiss(connection, [row.attempt_id for row in rows], reason)
    failures = tuple(
        DismissedFailure(attempt_id=row.attempt_id, process=row.process, slot=row.slot, message=row.message)
        for row in rows
    )
    show(Dismissals(reason=reason, failures=failures, is_done=not dry_run), as_json, _print)
    return 0


def _print(done: Dismissals) -> None:
    for each in done.failures:
        click.echo(f"{'dismissed' if done.is_done else 'would dismiss'} {each.process} {each.slot}")
    if not done.failures:
        click.echo("no open failure is meant by that; to see them: dbproc status")
