"""``dbproc status``: the state of the mission."""

from __future__ import annotations

from collections.abc import Sequence

import click

from dbproc.cli.common import (
    asking_options,
    cell,
    choice_of,
    open_mission,
    print_table,
    retry_words,
    show,
    slot_options,
)
from dbproc.cli.terminal import bad, pending
from dbproc.core.model import Period
from dbproc.explain.expectations import LateProduct, WaitingSlot
from dbproc.explain.status import Status, Waiting, mission_status

_SHOWN = 5


@click.command("status")
@asking_options
@slot_options
def status_command(mission: str, as_json: bool, start: Period | None, end: Period | None, keys: Sequence[str]) -> None:
    """Show the state of the mission: lock, queue, products, failures, quarantine, what waits, what is late.

    Times and keys choose which failures, waiting outputs and late files are listed.
    """
    choice = choice_of(start, end, keys)
    with open_mission(mission, read_only=True) as store:
        facts = mission_status(store, choice)
    show(facts, as_json, _print_status)


def _print_status(facts: Status) -> None:
    click.echo(f"mission {facts.mission} in {facts.root}")
    if facts.root_problem:
        click.echo(f"no run does anything: {facts.root_problem}")
    click.echo(f"lock: {facts.lock or 'free'}")
    run = facts.last_run
    if run:
        click.echo(f"last run: {cell(run.processing_start_time)}, {run.comment or 'not ended'}")
    incoming = facts.incoming
    click.echo(f"incoming: {incoming.problem or f'{incoming.settled} settled, {incoming.unsettled} unsettled'}")
    for edit in facts.edited_codes:
        click.echo(f"edited: {edit.code}: {edit.changed}; {edit.consequence}")
    click.echo(f"queue: {facts.queue} files")
    click.echo()
    print_table(facts.products, ("product", "level", "files", "first", "last"))
    if facts.failures:
        click.echo(bad("\nfailed:"))
    for failure in facts.failures:
        click.echo(f"  {failure.process} {cell(failure.slot)}: {cell(failure.message)} ({retry_words(failure)})")
        if failure.log:
            click.echo(f"    log: {failure.log}")
        if failure.waiting:
            click.echo(f"    waiting for it: {_waiting_words(failure.waiting)}")
    _print_waiting(facts.waiting)
    _print_late(facts.late)
    if facts.quarantine:
        click.echo(f"\nin quarantine: {facts.quarantine}")
    for entry in facts.quarantined:
        click.echo(f"  {cell(entry.filename)}: {entry.reason}: {cell(entry.message)}")
    if facts.quarantine_gone:
        click.echo(f"\ngone from quarantine: {facts.quarantine_gone}; dbproc check names them")


def _print_waiting(waiting: Sequence[WaitingSlot]) -> None:
    """Print what is to be made later."""
    if waiting:
        click.echo("\nwaiting:")
    for each in waiting:
        click.echo(f"  {each.product or each.process} {cell(each.slot)}: {cell(each.why)}")


def _print_late(late: Sequence[LateProduct]) -> None:
    """Print what should have come: how much, and the first few."""
    if late:
        click.echo(pending("\nlate:"))
    for product in late:
        names = [str(each.slot) for each in product.oldest[:_SHOWN]]
        more = product.count - len(names)
        files = f"{product.count} file{'' if product.count == 1 else 's'}"
        click.echo(cell(f"  {product.product}: {files}: {', '.join(names)}{f' and {more} more' if more else ''}"))


def _waiting_words(waiting: Sequence[Waiting]) -> str:
    """The waiting products, the first few by name."""
    names = [f"{each.waiting} {each.slot}" for each in waiting[:_SHOWN]]
    more = len(waiting) - len(names)
    return ", ".join(names) + (f" and {more} more" if more else "")
