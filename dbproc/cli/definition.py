"""apply, export."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import click

from dbproc import lock
from dbproc.catalogue.specs import current_definition
from dbproc.cli.common import json_option, mission_option, print_json
from dbproc.errors import NO_MISSION, NotFoundError
from dbproc.mission.apply import apply_definition
from dbproc.mission.export import export_toml
from dbproc.mission.read import read_mission_file
from dbproc.store import open_store


@click.command("apply")
@click.argument("mission_file", type=click.Path(path_type=Path))
@mission_option
@click.option("--dry-run", is_flag=True, help="Show the difference, and change nothing.")
@json_option
def apply_command(mission_file: Path, mission: str, dry_run: bool, as_json: bool) -> None:
    """Check MISSION_FILE (TOML, or dbprocessing's INI), show how it differs from the database, and apply it."""
    apply(mission_file, mission, dry_run=dry_run, as_json=as_json)


def apply(mission_file: Path, mission: str, *, dry_run: bool, as_json: bool = False) -> None:
    """Apply a mission file and say what changed."""
    definition = read_mission_file(mission_file)
    with open_store(mission, read_only=dry_run) as store:
        keep_runs_away = nullcontext() if dry_run else lock.holding(store, "mission file applied")
        with keep_runs_away:
            changes = apply_definition(store, definition, dry_run=dry_run)
    if as_json:
        print_json([_facts(change) for change in changes])
        return
    for change in changes:
        click.echo(change.sentence)
    if not changes:
        click.echo("nothing to change")
    elif dry_run:
        click.echo(f"{len(changes)} changes would be made; nothing was changed")


def _facts(change: Any) -> dict[str, Any]:
    return {
        "kind": str(change.kind),
        "place": change.place,
        "name": change.name,
        "details": list(change.details),
        "sentence": change.sentence,
    }


@click.command("export")
@mission_option
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write a file instead of the screen.")
def export_command(mission: str, output: Path | None) -> None:
    """Write the definition that the database holds as a mission file (TOML)."""
    with open_store(mission, read_only=True) as store, store.begin() as connection:
        definition = current_definition(connection)
    if definition is None:
        raise NotFoundError(NO_MISSION)
    text = export_toml(definition)
    if output is None:
        click.echo(text, nl=False)
    else:
        with open(output, "x", encoding="utf-8") as stream:
            stream.write(text)
