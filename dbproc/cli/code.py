"""``dbproc code release | list | show | diff | accept``."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import click

from dbproc.changes import edits, release
from dbproc.cli.apply import ChangeTold, told
from dbproc.cli.common import (
    asking_options,
    cell,
    dry_run_option,
    mission_access,
    open_mission,
    optional_process,
    print_json,
    process_argument,
    show_rows,
)
from dbproc.cli.groups import Group
from dbproc.cli.mission_name import before_option
from dbproc.cli.numbers import NUMBER, VERSION
from dbproc.core.errors import NotFoundError
from dbproc.core.likeness import no_such
from dbproc.core.lookup import product_named
from dbproc.core.text import size_words
from dbproc.core.version import Version
from dbproc.database import lock
from dbproc.database.definition.load import load_definition
from dbproc.database.store import Store
from dbproc.explain import codes

_LISTED = ("process", "file", "version", "first", "last", "active", "files", "released", "digest")
_SHOWN = (*_LISTED, "inputs_by", "runs")


DATE = click.DateTime(["%Y-%m-%d"])


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseTold:
    """A release of a code."""

    changes: tuple[ChangeTold, ...]  #: what was changed, or would be
    mission_file: str  #: the tables that the mission file must have from now on
    dry_run: bool  #: whether nothing was changed


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """An edited code or inspector that was accepted."""

    file: str  #: its path
    digest: str  #: of its bytes, with the name of the algorithm in front


@click.group("code", cls=Group)
@before_option
def code_command() -> None:
    """Release codes, roll them back, look at their versions, and accept edited ones."""


@code_command.command("release", short_help="Release a new version of a code, or an earlier one.")
@process_argument
@click.option("--version", required=True, type=VERSION, metavar="X.Y.Z", help="The version that is released.")
@click.option("--file", metavar="PROGRAM", help="The program, as in the mission file.  [default: as before]")
@click.option("--start", "first", type=DATE, help="The first date of data that it is for.  [default: as before]")
@click.option("--end", "last", type=DATE, help="The last date of data that it is for.  [default: as before]")
@click.option("--output-interface", type=NUMBER, metavar="N", help="The interface of its output.  [default: as before]")
@click.option("--reason", default="", help="Why; kept with the release.")
@click.option("--rollback", is_flag=True, help="Take up an earlier version again, with its bytes.")
@dry_run_option
@asking_options
def release_command(
    process: str,
    version: Version,
    file: str | None,
    first: dt.datetime | None,
    last: dt.datetime | None,
    output_interface: int | None,
    reason: str,
    rollback: bool,
    dry_run: bool,
    mission: str,
    as_json: bool,
) -> None:
    """Release a version of the code of PROCESS: what the one before made is rebuilt by the next runs.

    For example: dbproc code release clean --version 2.1.0 --start 2024-01-01 --reason "better limits"
    """
    request = release.Request(
        process=process,
        version=version,
        file=file,
        first=first.date() if first else None,
        last=last.date() if last else None,
        output_interface=output_interface,
        is_rollback=rollback,
        reason=reason,
    )
    with open_mission(mission, read_only=dry_run) as store, mission_access(store):
        released = release.release(store, request, dry_run=dry_run)
    if as_json:
        changes = tuple(told(change) for change in released.changes)
        print_json(ReleaseTold(changes=changes, mission_file=released.tables, dry_run=dry_run))
        return
    for change in released.changes:
        click.echo(change.sentence)
    click.echo("nothing was changed; it would be released" if dry_run else "the next run rebuilds what is stale by it")
    click.echo(f"bring the mission file up to date too, or its next apply is compared with this:\n\n{released.tables}")


@code_command.command("list")
@optional_process
@asking_options
def list_command(process: str | None, mission: str, as_json: bool) -> None:
    """List the versions of all codes, or of those of PROCESS: file, dates, files made, and since when."""
    with open_mission(mission, read_only=True) as store:
        rows = codes.list_codes(store, process)
    show_rows(rows, as_json, _LISTED)


@code_command.command("show")
@process_argument
@click.option("--version", type=VERSION, metavar="X.Y.Z", help="That version.  [default: the active one]")
@click.option("--file", "part", metavar="PART", help="Print that file of it.  [default: its own file]")
@asking_options
def show_command(process: str, version: Version | None, part: str | None, mission: str, as_json: bool) -> None:
    """Show a version of the code of PROCESS: facts, what happened to it, its files, and its text as it was kept."""
    with open_mission(mission, read_only=True) as store:
        facts = codes.show_code(store, process, version, part)
    if as_json:
        print_json(facts)
        return
    for name in _SHOWN:
        click.echo(f"{name}: {cell(getattr(facts, name))}")
    for event in facts.events:
        why = f": {cell(event.reason)}" if event.reason else ""
        click.echo(f"{event.event} {cell(event.event_time)} by {cell(event.user)}{why}")
    for each in facts.parts:
        click.echo(f"{each.path}: {size_words(each.size)}, {each.digest}")
    click.echo(f"\n--- {facts.file_shown}")
    click.echo(facts.text, nl=False)


@code_command.command("diff")
@process_argument
@click.argument("old", type=VERSION, required=False)
@click.argument("new", type=VERSION, required=False)
@asking_options
def diff_command(process: str, old: Version | None, new: Version | None, mission: str, as_json: bool) -> None:
    """Show how two versions of the code of PROCESS differ: the one before and the active one, if not named.

    A file that was edited since it was recorded is compared with what was recorded.
    """
    with open_mission(mission, read_only=True) as store:
        found = codes.compare_codes(store, process, old, new)
    if as_json:
        print_json(found)
        return
    click.echo(f"{found.old} → {found.new}")
    for word, paths in (("added", found.added), ("removed", found.removed)):
        for path in paths:
            click.echo(f"{word}: {path}")
    for line in found.lines:
        click.echo(line)


@code_command.command("accept")
@optional_process
@click.option("--inspector", "product", metavar="PRODUCT", help="The inspector of that product, in place of a code.")
@click.option("--reason", required=True, help="Why nothing needs to be rebuilt; it is kept.")
@asking_options
def accept_command(process: str | None, product: str | None, reason: str, mission: str, as_json: bool) -> None:
    """Take the edited code of PROCESS, or an edited inspector, for the same as before: nothing is rebuilt.

    For example: dbproc code accept clean --reason "only comments"
    """
    if (process is None) == (product is None):
        raise click.UsageError("name a PROCESS, or a product with --inspector PRODUCT")
    with open_mission(mission) as store, mission_access(store), lock.holding(store, "code accept"):
        accepted = _accept(store, process, product, reason)
    if as_json:
        print_json(accepted)
        return
    for each in accepted:
        click.echo(f"accepted {each.file}: {each.digest}")


def _accept(store: Store, process: str | None, product: str | None, reason: str) -> list[Accepted]:
    with store.begin() as connection:
        definition = load_definition(connection)
    if product is not None:
        name = product_named(definition, product).name
        inspectors = edits.accept_inspector_edit(store, definition, name, reason)
        return [Accepted(file=each.inspector.name, digest=each.digest) for each in inspectors]
    known = {each.name: process_id for process_id, each in definition.processes.items()}
    if process not in known:
        raise NotFoundError(no_such("process", process or "", known))
    accepted = edits.accept_edit(store, definition, known[process], reason)
    return [Accepted(file=each.code.path, digest=each.bundle.digest) for each in accepted]
