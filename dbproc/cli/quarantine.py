"""``dbproc quarantine list | show | release | discard``."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import click

from dbproc.cli.common import (
    asking_options,
    cell,
    dry_run_option,
    mission_access,
    open_mission,
    print_json,
    print_table,
)
from dbproc.cli.correcting import all_option
from dbproc.cli.groups import Group
from dbproc.cli.mission_name import before_option
from dbproc.cli.numbers import NUMBER
from dbproc.core.answers import entries
from dbproc.core.text import one_line
from dbproc.database import quarantine
from dbproc.database.definition.load import load_definition
from dbproc.database.store import Store
from dbproc.explain import quarantine as refusals
from dbproc.ingest import quarantine as custody
from dbproc.ingest.quarantine import Settled

_SHOWN = ("quarantine_id", "quarantine_time", "filename", "reason", "message")


@click.group("quarantine", cls=Group)
@before_option
def quarantine_command() -> None:
    """Look at files that were refused, and take them out of quarantine."""


@quarantine_command.command("list")
@asking_options
@click.option("--limit", default=100, show_default=True, type=NUMBER, help="At most so many, latest first.")
def list_command(mission: str, as_json: bool, limit: int) -> None:
    """List what is in quarantine, and why."""
    with open_mission(mission, read_only=True) as store:
        rows = refusals.entries(store, limit)
    if as_json:
        print_json(rows)
    elif rows:
        print_table(rows, _SHOWN)
    else:
        click.echo("the quarantine is empty")


@quarantine_command.command("show")
@click.argument("number", type=NUMBER)
@asking_options
def show_command(number: int, mission: str, as_json: bool) -> None:
    """Show everything about entry NUMBER: reason, each product's verdict, digests, when and from where."""
    with open_mission(mission, read_only=True) as store:
        row = refusals.entry(store, number)
    if as_json:
        print_json(row)
        return
    for name, value in entries(row):
        if name != "verdicts":
            click.echo(f"{name}: {cell(value)}")
    for answer in row.verdicts:
        click.echo(f"  {answer.product}: {cell(answer.reason)}")


@quarantine_command.command("release")
@click.argument("numbers", type=NUMBER, nargs=-1, metavar="[NUMBER]...")
@asking_options
@click.option("--would-pass", is_flag=True, help="All that the mission would accept as it is defined now.")
@dry_run_option
@click.option("--reason", "comment", metavar="TEXT", default="", help="Why; kept with the entry.")
def release_command(
    numbers: tuple[int, ...], mission: str, as_json: bool, would_pass: bool, dry_run: bool, comment: str
) -> None:
    """Put files back into incoming, where the next run takes them."""
    if bool(numbers) == would_pass:
        raise click.UsageError("give the numbers of entries, or --would-pass")
    with open_mission(mission, read_only=dry_run) as store, mission_access(store):
        chosen = numbers if numbers else [row.quarantine_id for row in _passing(store)]
        release = None if dry_run else lambda number: custody.release(store, number, comment)
        _settle(chosen, release, "released", as_json=as_json)
    if not chosen and not as_json:
        click.echo("nothing in quarantine would be accepted as the mission is defined now")


def _settle(numbers: Sequence[int], settle: Callable[[int], str] | None, done: str, *, as_json: bool) -> None:
    """Take files out of quarantine one by one, and say so at once; without `settle`, say what would be."""
    settled = []
    for number in numbers:
        settled.append(Settled(number, None if settle is None else settle(number)))
        if not as_json:
            would = f"entry {number} would be {done}"
            click.echo(one_line(would if settle is None else f"{done} {settled[-1].file}"))
    if as_json:
        print_json(settled)


def _passing(store: Store) -> list[quarantine.QuarantineRow]:
    """The entries that would be accepted."""
    from dbproc.ingest.second_look import would_pass

    with store.begin() as connection:
        definition = load_definition(connection)
    return would_pass(store, definition)


@quarantine_command.command("accept")
@click.argument("number", type=NUMBER)
@asking_options
@click.option("--reason", "comment", metavar="TEXT", default="", help="Why; kept with the entry and the file.")
@dry_run_option
@all_option
def accept_command(number: int, mission: str, as_json: bool, comment: str, dry_run: bool, is_whole: bool) -> None:
    """Let a file take the place of the one of its name in the catalogue, whose former bytes are kept."""
    from dbproc.changes.replace import accept
    from dbproc.cli.replace import say_replaced

    with open_mission(mission, read_only=dry_run) as store, mission_access(store):
        done = accept(store, number, comment, only_look=dry_run)
    say_replaced(done, as_json=as_json, is_whole=is_whole)
    if done.digest == done.former and not as_json:
        click.echo(f"entry {number} {'is' if done.is_done else 'would be'} closed")


@quarantine_command.command("discard")
@click.argument("numbers", type=NUMBER, nargs=-1, required=True, metavar="NUMBER...")
@asking_options
@click.option("--reason", "comment", metavar="TEXT", required=True, help="Why; kept with the entry.")
def discard_command(numbers: tuple[int, ...], mission: str, as_json: bool, comment: str) -> None:
    """Delete files from quarantine for good; their entries stay."""
    with open_mission(mission) as store, mission_access(store):
        _settle(numbers, lambda number: custody.discard(store, number, comment), "deleted", as_json=as_json)
