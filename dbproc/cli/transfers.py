"""``dbproc transfers list | show | retry | cancel``."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import click

from dbproc.changes import transfers as changes
from dbproc.changes.transfers import TransfersChanged
from dbproc.cli.common import asking_options, cell, open_mission, open_own_mission, print_columns, show
from dbproc.cli.groups import Group
from dbproc.cli.mission_name import before_option
from dbproc.cli.numbers import NUMBER
from dbproc.cli.transfer_bars import bar
from dbproc.core.answers import entries
from dbproc.core.text import size_words
from dbproc.core.transfers import OPEN, TransferState
from dbproc.database import transfers
from dbproc.database.store import Transaction
from dbproc.explain.transfers import ShownTransfer, transfer_numbered, transfers_like
from dbproc.system.machine import user_name

_BY_DEFAULT = (*OPEN, TransferState.FAILED)


@click.group("transfers", cls=Group)
@before_option
def transfers_command() -> None:
    """Look at files on their way from place to place; have them tried again, give them up."""


rule_option = click.option("--rule", help="Only those of this rule: source, source NAME, replicate, stage NUMBER …")
file_option = click.option("--file", "filename", metavar="FILE", help="Only those of files of this name.")


@transfers_command.command("list")
@click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice([state.value for state in TransferState]),
    help="Only those in this state; may be given several times.  [default: what is not at its end, and what failed]",
)
@click.option("--all", "everything", is_flag=True, help="Those in every state.")
@rule_option
@file_option
@click.option("--limit", default=100, show_default=True, type=NUMBER, help="At most so many, the latest first.")
@asking_options
def list_command(
    states: Sequence[str],
    everything: bool,
    rule: str | None,
    filename: str | None,
    limit: int,
    mission: str,
    as_json: bool,
) -> None:
    """List files on their way: how far each is, why it waits and until when, why it failed."""
    wanted = None if everything else tuple(map(TransferState, states)) or _BY_DEFAULT
    with open_mission(mission, read_only=True) as store:
        found = transfers_like(store, wanted, rule, filename, limit)
    show(found, as_json, _print_list)


def _print_list(found: Sequence[ShownTransfer]) -> None:
    if not found:
        click.echo("nothing is on its way, and nothing failed; what came before: dbproc transfers list --all")
        return
    head = ("transfer", "state", "rule", "file", "bytes", "until", "why")
    print_columns(head, map(_row, found))


def _row(row: ShownTransfer) -> tuple[object, ...]:
    until = row.next_try if row.state is TransferState.WAITING else row.expected_end
    return (row.transfer_id, row.state, row.rule, row.filename, _amount(row), until, row.reason)


def _amount(row: ShownTransfer) -> str:
    """How much there is of how much."""
    if row.state.is_complete or not row.durable_bytes:
        return size_words(row.total_bytes)
    return f"{size_words(row.durable_bytes)} of {size_words(row.total_bytes)}"


@transfers_command.command("show")
@click.argument("number", type=NUMBER)
@asking_options
def show_command(number: int, mission: str, as_json: bool) -> None:
    """Show everything about transfer NUMBER: from where to where, how far, which digests, why it waits or failed."""
    with open_mission(mission, read_only=True) as store:
        found = transfer_numbered(store, number)
    show(found, as_json, _print_one)


def _print_one(row: ShownTransfer) -> None:
    for name, value in entries(row):
        shown = ", ".join(value) or None if isinstance(value, tuple) else value
        if shown is not None:
            click.echo(f"{name}: {cell(shown)}")
    if row.state is TransferState.MOVING and row.total_bytes:
        click.echo(f"{bar(row.durable_bytes, row.total_bytes)}{_amount(row)}")


numbers_argument = click.argument("numbers", type=NUMBER, nargs=-1, metavar="[NUMBER]...")


@transfers_command.command("retry")
@numbers_argument
@click.option("--failed", is_flag=True, help="All that failed for good.")
@rule_option
@asking_options
def retry_command(numbers: Sequence[int], failed: bool, rule: str | None, mission: str, as_json: bool) -> int:
    """Have transfers that failed, wait or were cancelled be tried at once by whoever works next.

    What is there of them is kept: they go on where they are.
    """
    states = (TransferState.FAILED,) if failed else ()
    with open_own_mission(mission) as store, store.begin() as connection:
        done = changes.retry(connection, _chosen(connection, numbers, states, rule))
    return _say(done, as_json, "tried again", "is at work, or came already")


@transfers_command.command("cancel")
@numbers_argument
@click.option("--waiting", is_flag=True, help="All that wait.")
@rule_option
@click.option("--reason", default="", help="Why; it is kept with them.")
@asking_options
def cancel_command(
    numbers: Sequence[int], waiting: bool, rule: str | None, reason: str, mission: str, as_json: bool
) -> int:
    """Give transfers up that are not at their end, and have what is there of them removed.

    Who moves one of them notices at once. A source's file that was cancelled is not fetched before it changes there, or
    its transfer is retried.
    """
    states = (TransferState.WAITING,) if waiting else ()
    words = f"cancelled by {user_name()}{f': {reason}' if reason else ''}"
    with open_own_mission(mission) as store, store.begin() as connection:
        done = changes.cancel(connection, _chosen(connection, numbers, states, rule), words)
    return _say(done, as_json, "cancelled", "is at its end")


def _chosen(
    connection: Transaction, numbers: Sequence[int], states: Collection[TransferState], rule: str | None
) -> list[int]:
    """The transfers that are meant: by their numbers, or all in some states, of a rule."""
    if bool(numbers) == bool(states):
        raise click.UsageError("name transfers by their numbers, or say which ones: see --help")
    if numbers and rule:
        raise click.UsageError("--rule is for those that are not named by their numbers")
    if states:
        return [each.transfer_id for each in transfers.listed(connection, states, rule)]
    return list(numbers)


def _say(done: TransfersChanged, as_json: bool, verb: str, why_not: str) -> int:
    """Say which were changed; 1 where one that was named could not be."""

    def words(answer: TransfersChanged) -> None:
        click.echo(f"{len(answer.changed)} {verb}")
        for number in answer.unchanged:
            click.echo(f"transfer {number} is left as it is: it {why_not}", err=True)

    show(done, as_json, words)
    return 1 if done.unchanged else 0
