"""``dbproc upgrade``: bring an older database to this schema."""

from __future__ import annotations

from dataclasses import dataclass

import click

from dbproc.cli import output
from dbproc.cli.common import asking_options, show
from dbproc.database.store import upgrade_database


@dataclass(frozen=True, slots=True)
class Upgraded:
    """A database that has the schema of this dbproc."""

    before: str  #: the version of its schema until now
    after: str  #: the one that it has now


@click.command("upgrade")
@asking_options
def upgrade_command(mission: str, as_json: bool) -> None:
    """Bring an older database to this dbproc's schema. Make a copy of it first."""
    output.report_work()
    show(Upgraded(*upgrade_database(mission)), as_json, _print)


def _print(done: Upgraded) -> None:
    before, after = done.before, done.after
    click.echo(f"schema {before} is up to date" if before == after else f"upgraded from schema {before} to {after}")
