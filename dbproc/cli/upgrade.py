"""``dbproc upgrade``: bring an older database to this schema."""

from __future__ import annotations

import click

from dbproc.cli import output
from dbproc.cli.common import mission_option
from dbproc.database.store import upgrade_database


@click.command("upgrade")
@mission_option
def upgrade_command(mission: str) -> None:
    """Bring an older database to this dbproc's schema. Make a copy of it first."""
    output.report_work()
    before, after = upgrade_database(mission)
    click.echo(f"schema {before} is up to date" if before == after else f"upgraded from schema {before} to {after}")
