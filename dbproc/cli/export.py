"""``dbproc export``: write the definition as a mission file."""

from __future__ import annotations

from pathlib import Path

import click

from dbproc.cli.common import mission_option, open_mission
from dbproc.core.errors import NO_MISSION, NotFoundError, UserError
from dbproc.database.definition.specs import current_definition
from dbproc.mission.export import export_toml


@click.command("export")
@mission_option
@click.option("--output", type=click.Path(path_type=Path), help="Write a file instead of the screen.")
def export_command(mission: str, output: Path | None) -> None:
    """Write the definition that the database holds as a mission file (TOML)."""
    with open_mission(mission, read_only=True) as store, store.begin() as connection:
        definition = current_definition(connection)
    if definition is None:
        raise NotFoundError(NO_MISSION)
    text = export_toml(definition)
    if output is None:
        click.echo(text, nl=False)
    else:
        try:
            with open(output, "x", encoding="utf-8") as stream:
                stream.write(text)
        except OSError as error:
            raise UserError(f"cannot write {output}: {error.strerror}; name another file") from error
