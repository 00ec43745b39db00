"""``dbproc init``: an empty mission database."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from dbproc.cli import output
from dbproc.cli.common import json_option, show
from dbproc.cli.mission_name import FILE
from dbproc.database.store import create_database, database_url, server_url, shown_name
from dbproc.mission import example


@dataclass(frozen=True, slots=True, kw_only=True)
class Created:
    """A database that was created."""

    database: str  #: as commands take it, without its password
    files: Sequence[str]  #: the paths of what was written of the example
    next: str  #: the command to give next


@click.command("init")
@click.argument("database", default=FILE)
@click.option(
    "-d",
    "--dialect",
    type=click.Choice(["sqlite", "postgresql"]),
    help="What a name without a scheme means.  [default: sqlite]",
)
@click.option("--example", "is_example", is_flag=True, help="Write a small mission beside it: its file, a code, data.")
@json_option
def init_command(database: str, dialect: str | None, is_example: bool, as_json: bool) -> None:
    """Create an empty mission DATABASE: a SQLite file, mission.sqlite if not named, or a PostgreSQL database.

    A first mission to try: dbproc init --example
    """
    is_server = dialect == "postgresql" and "://" not in database
    name = server_url(database).render_as_string(hide_password=False) if is_server else database
    url = database_url(name, creating=True)
    place = Path(url.database or "").parent if url.get_backend_name() == "sqlite" else Path.cwd()
    if is_example:
        example.require_room(place)
    output.report_work()
    create_database(name)
    written = example.write(place) if is_example else []
    shown = shlex.quote(database) if "://" not in database else "DATABASE"
    file = shlex.quote(str(place / "mission.toml")) if is_example else "MISSION.toml"
    then = f"dbproc apply {file} -m {shown}"
    done = Created(database=shown_name(url), files=[str(path) for path in written], next=then)
    show(done, as_json, _print)


def _print(done: Created) -> None:
    for path in done.files:
        click.echo(f"wrote {path}")
    click.echo(f"created {done.database}; define the mission with: {done.next}")
    if done.files:
        click.echo("then see what it would do, and have it done: dbproc plan; dbproc run")
