"""``dbproc init``: an empty mission database."""

from __future__ import annotations

import shlex

import click

from dbproc.cli import output
from dbproc.database.store import create_database, database_url, server_url, shown_name


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
    output.report_work()
    create_database(name)
    shown = shlex.quote(database) if "://" not in database else "DATABASE"
    created = shown_name(database_url(name, creating=True))
    click.echo(f"created {created}; define the mission with: dbproc apply MISSION.toml -m {shown}")
