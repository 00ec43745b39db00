"""``dbproc unlock``: clear the lock of a dead run."""

from __future__ import annotations

import click

from dbproc.cli.common import mission_option, open_mission
from dbproc.database import lock


@click.command("unlock")
@mission_option
@click.argument("reason")
def unlock_command(mission: str, reason: str) -> None:
    """Clear the lock of a dead run, for REASON. Where it is known to be dead, the next run does so by itself."""
    clear_lock(mission, reason)


def clear_lock(mission: str, reason: str) -> None:
    """Clear the lock and say what was cleared."""
    with open_mission(mission) as store:
        holder = lock.clear(store, f"cleared: {reason}")
    click.echo("the lock was free" if holder is None else f"lock removed: {holder}; the next run repairs what it left")
