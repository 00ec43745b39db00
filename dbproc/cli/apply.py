"""``dbproc apply``: apply a mission file to the database."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import click

from dbproc.changes.apply import Plan, carry_out, plan
from dbproc.changes.relocation import MovedFile, Relocation
from dbproc.cli.common import (
    cell,
    dry_run_option,
    echo_folded,
    json_option,
    mission_access,
    mission_option,
    open_mission,
    print_json,
)
from dbproc.core.answers import OPTIONAL
from dbproc.core.errors import InspectionError, UserError
from dbproc.core.spec import Change, CodeSpec, Kind, ProcessSpec, ProductSpec, Template
from dbproc.database import lock, root
from dbproc.database.definition.load import load_definition, load_mission
from dbproc.database.store import Store
from dbproc.mission.apply import warnings
from dbproc.mission.links import links_outside
from dbproc.mission.read import read_mission_file, require_loadable
from dbproc.storage.permissions import make_directories

_KINDS: dict[type, str] = {ProductSpec: "product", ProcessSpec: "process", CodeSpec: "process"}
"""The kind of the table of what is changed."""


@click.command("apply")
@click.argument("mission_file", type=click.Path(path_type=Path))
@mission_option
@dry_run_option
@click.option("--rollback", is_flag=True, help="A lowered version of a code takes up that earlier version again.")
@click.option("--adopt", is_flag=True, help="Take the root over from the database that it belonged to.")
@json_option
def apply_command(mission_file: Path, mission: str, dry_run: bool, rollback: bool, adopt: bool, as_json: bool) -> None:
    """Check MISSION_FILE (TOML, or dbprocessing's INI), show how it differs from the database, and apply it."""
    apply(mission_file, mission, dry_run=dry_run, rollback=rollback, adopt=adopt, as_json=as_json)


def apply(
    mission_file: Path,
    mission: str,
    *,
    dry_run: bool,
    rollback: bool = False,
    adopt: bool = False,
    as_json: bool = False,
) -> None:
    """Apply a mission file and say what changed."""
    definition = read_mission_file(mission_file)
    require_loadable(definition)
    for warning in warnings(definition):
        click.echo(f"warning: {warning}", err=True)
    with open_mission(mission, read_only=dry_run) as store:
        wanted = plan(store, definition, rollback=rollback)
        if not dry_run and (wanted.changes or adopt or not root.require(store)):
            with lock.applying(store, definition.mission, adopt=adopt) as run_id:
                wanted = carry_out(store, definition, run_id, rollback=rollback)
        made = None if dry_run else _make_incoming(store)
        passing = _passing(store) if wanted.changes and not dry_run else 0
        unknown = _half_moved(store) if not dry_run else None
        problem = root.refusal(store, definition.mission) if dry_run and not adopt else None
    if problem:
        click.echo(f"it would be refused: {problem}", err=True)
    if unknown:
        click.echo(f"note: {unknown}", err=True)
    if as_json:
        print_json([_with_moves(told(change, definition.templates), wanted) for change in wanted.changes])
        return
    for template in definition.templates:
        click.echo(template.sentence)
    for link in links_outside(definition):
        click.echo(link.sentence)
    for change in wanted.changes:
        echo_folded(change.sentence)
    _print_moves(wanted)
    if made:
        click.echo(f"made the directory {made}")
    if adopt and not dry_run:
        click.echo(f"{definition.mission.root} belongs to this database now")
    if passing:
        click.echo(f"{passing} files in quarantine would be accepted now: dbproc quarantine release --would-pass")
    if not wanted.changes:
        click.echo("nothing to change")
    elif dry_run:
        moves = f", {_counted(wanted)} carried along" if wanted.moves else ""
        click.echo(f"{len(wanted.changes)} changes would be made{moves}; nothing was changed")


def _print_moves(wanted: Plan) -> None:
    """What is carried along: of each product how many files, and the first of them."""
    for each in wanted.relocations:
        if each.places:
            click.echo(f"move: product {each.product}: {_files(len(each.places))}")
        for moved in each.examples:
            click.echo(f"  {cell(moved.was)}\n    → {cell(moved.becomes)}")
        if len(each.places) > len(each.examples):
            click.echo(f"  … and {len(each.places) - len(each.examples)} more")
        for file, why in each.stays[:1]:
            click.echo(f"stay: product {each.product}: {_files(len(each.stays))}, what they are of is made anew")
            click.echo(f"  {cell(file.filename)}: {cell(why)}")
    if wanted.quarantined:
        click.echo(f"move: what is in quarantine: {wanted.quarantined}")


def _counted(wanted: Plan) -> str:
    return _files(sum(len(each.places) for each in wanted.relocations) + wanted.quarantined)


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count} files"


def _with_moves(change: ChangeTold, wanted: Plan) -> ChangeTold:
    moved = next((each for each in wanted.relocations if change.place == f"product {each.product}"), None)
    return replace(change, moves=_moves_told(moved)) if moved else change


def _moves_told(moved: Relocation) -> MovesTold:
    stay = tuple(StaysTold(file=file.filename, reason=why) for file, why in moved.stays)
    return MovesTold(count=len(moved.places), examples=moved.examples, stay=stay)


def _passing(store: Store) -> int:
    """How many files in quarantine would be accepted by the definition that was applied."""
    from dbproc.ingest.second_look import would_pass

    with store.begin() as connection:
        definition = load_definition(connection)
    try:
        return len(would_pass(store, definition))
    except (OSError, InspectionError):
        return 0  # it is a hint; the command that does it says what is wrong


def _half_moved(store: Store) -> str | None:
    """What lies in the directories of products that have no file in the catalogue."""
    from dbproc.run.unknown_files import half_moved

    with store.begin() as connection:
        definition = load_definition(connection)
    return half_moved(store, definition)


def _make_incoming(store: Store) -> str | None:
    """Make the mission's incoming directory if missing; return its path if made."""
    with store.begin() as connection:
        incoming = load_mission(connection).incoming
    if os.path.isdir(incoming):
        return None
    with mission_access(store):
        try:
            make_directories(incoming)
        except OSError as error:
            raise UserError(f"the mission is applied, but cannot make {incoming}: {error.strerror}") from error
    return incoming


@dataclass(frozen=True, slots=True, kw_only=True)
class StaysTold:
    """A file that is made, and stays as it is; what it is of is made anew."""

    file: str  #: its name
    reason: str  #: why it cannot have a new one


@dataclass(frozen=True, slots=True, kw_only=True)
class MovesTold:
    """The files of a product that are carried along."""

    count: int  #: how many
    examples: tuple[MovedFile, ...]  #: the first of them
    stay: tuple[StaysTold, ...]  #: those that are not


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeTold:
    """A change of a definition."""

    kind: Kind  #: what happens
    place: str  #: to what, in words
    name: str  #: the name of the mission, product or process; of a code that of its process
    details: tuple[str, ...]  #: how it differs
    sentence: str  #: all of it in a sentence
    template: str | None = field(default=None, metadata=OPTIONAL)  #: the name of the template that it is of
    moves: MovesTold | None = field(default=None, metadata=OPTIONAL)  #: the files that are carried along


def told(change: Change, templates: Sequence[Template] = ()) -> ChangeTold:
    """A change for ``--json``."""
    kind = _KINDS.get(type(change.new))
    return ChangeTold(
        kind=change.kind,
        place=change.place,
        name=change.name,
        details=change.details,
        sentence=change.sentence,
        template=next((each.name for each in templates if each.kind == kind and change.name in each.names), None),
    )
