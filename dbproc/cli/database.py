"""init, upgrade, unlock."""

from __future__ import annotations

import shlex

import click

from dbproc.cli import output
from dbproc.cli.common import mission_option, open_mission
from dbproc.database import lock
from dbproc.database.store import create_database, database_url, server_url, shown_name, upgrade_database


@click.command("init")
@click.argument("database")
@click.option(
    "-d",
    "--dialect",
    type=click.Choice(["sqlite", "postgresql"]),
    help="What a name without a scheme means.  [default: sqlite]",
)
def init_command(database: str, dialect: str | None) -> None:
    """Create an empty mission DATABASE: a SQLite file, or a PostgreSQL database."""
    is_server = dialect == "postgresql" and "://" not in database
    name = server_url(database).render_as_string(hide_password=False) if is_server else database
    output.tell_of_work()
    create_database(name)
    shown = shlex.quote(database) if "://" not in database else "DATABASE"
    created = shown_name(database_url(name, creating=True))
    click.echo(f"created {created}; define the mission with: dbproc apply MISSION.toml -m {shown}")


@click.command("upgrade")
@mission_option
def upgrade_command(mission: str) -> None:
    """Bring an older database to this dbproc's schema. Make a copy of it first."""
    output.tell_of_work()
    before, after = upgrade_database(mission)
    click.echo(f"schema {before} is up to date" if before == after else f"upgraded from schema {before} to {after}")


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
