"""``dbproc dismiss``: say of failures that nobody will mend them."""

from __future__ import annotations

from collections.abc import Sequence

import click

from dbproc.changes.dismiss import Dismissals, dismiss
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
from dbproc.core.model import Period
from dbproc.core.slot_text import choice_of


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
        done = dismiss(connection, names_in(only), choice, reason=reason, only_look=dry_run)
    show(done, as_json, _print)
    return 0


def _print(done: Dismissals) -> None:
    for each in done.failures:
        click.echo(f"{'dismissed' if done.is_done else 'would dismiss'} {each.process} {each.slot}")
    if not done.failures:
        click.echo("no open failure is meant by that; to see them: dbproc status")
