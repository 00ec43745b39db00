"""``dbproc unlock``: clear the lock of a dead run."""

from __future__ import annotations

from dataclasses import dataclass

import click

from dbproc.cli.common import asking_options, open_mission, show
from dbproc.cli.correcting import reason_option
from dbproc.database import lock


@dataclass(frozen=True, slots=True)
class Unlocked:
    """A lock that was cleared."""

    holder: str | None  #: the run that held it; null: it was free


@click.command("unlock")
@asking_options
@reason_option
def unlock_command(mission: str, as_json: bool, reason: str) -> None:
    """Clear the lock of a dead run. Where it is known to be dead, the next run does so by itself."""
    show(clear_lock(mission, reason), as_json, say_cleared)


def clear_lock(mission: str, reason: str) -> Unlocked:
    """Clear the lock."""
    with open_mission(mission) as store:
        holder = lock.clear(store, f"cleared: {reason}")
    return Unlocked(None if holder is None else str(holder))


def say_cleared(cleared: Unlocked) -> None:
    """Say what was cleared."""
    holder = cleared.holder
    click.echo("the lock was free" if holder is None else f"lock removed: {holder}; the next run repairs what it left")
