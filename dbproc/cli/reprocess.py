"""``dbproc reprocess``: have outputs made again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import click

from dbproc.changes.reprocess import Chosen, Order, Reprocessed, Selection, begin_campaign, choose, queue_inputs
from dbproc.cli.common import (
    asking_options,
    cell,
    dry_run_option,
    open_mission,
    open_own_mission,
    print_json,
    selection_options,
)
from dbproc.cli.numbers import AMOUNT, NUMBER
from dbproc.core.errors import EXIT_DONE
from dbproc.core.model import Period
from dbproc.core.slot_text import choice_of
from dbproc.core.version import Part
from dbproc.database.store import Store

_SHOWN = 20


@click.command("reprocess")
@selection_options
@click.option("--force", type=click.IntRange(0, 2), help="Raise 0 interface, 1 quality, 2 revision, stale or not.")
@click.option("--campaign", metavar="NAME", help="Do it bit by bit under this name, after everything else.")
@click.option("--newest-first/--oldest-first", help="The order of dates in the campaign.  [default: oldest first]")
@click.option("--jobs-per-run", type=NUMBER, metavar="N", help="At most so many jobs of it in a run.")
@click.option("--cpu-hours-per-run", type=AMOUNT, metavar="H", help="Likewise CPU hours.")
@click.option("--reason", "comment", metavar="TEXT", default="", help="Why; kept with the campaign.")
@dry_run_option
@asking_options
def reprocess_command(
    mission: str,
    as_json: bool,
    dry_run: bool,
    force: int | None,
    campaign: str | None,
    newest_first: bool,
    jobs_per_run: int | None,
    cpu_hours_per_run: float | None,
    comment: str,
    start: Period | None,
    end: Period | None,
    keys: Sequence[str],
    **selected: Any,
) -> int:
    """Have the next runs make things again: what is stale, or everything selected with --force.

    What is given is taken together: dbproc reprocess --product smooth --start 2024-01-01 --end 2024-01-31 --force 2

    Of what comes by keywords, one: dbproc reprocess --product day --key station=BOL
    """
    if campaign is None and (newest_first or jobs_per_run or cpu_hours_per_run or comment):
        raise click.UsageError("order, limits and reason are of a campaign: give it a name with --campaign NAME")
    if selected["code_version"] is not None and selected["code"] is None:
        raise click.UsageError("--code-version needs --code")
    part = None if force is None else Part(force)
    order = Order(
        name=campaign,
        newest_first=newest_first,
        jobs_per_run=jobs_per_run,
        cpu_hours_per_run=cpu_hours_per_run,
        comment=comment,
    )
    with open_mission(mission, read_only=True) if dry_run else open_own_mission(mission) as store:
        chosen = choose(store, Selection(slots=choice_of(start, end, keys), **selected), part)
        answer = Reprocessed(outputs=chosen.outputs(), campaign=None, queued=0)
        if not dry_run and chosen.decisions:
            answer = _put(store, chosen, part, order, answer)
    if as_json:
        print_json(answer)
    else:
        _print_chosen(chosen, answer, is_forced=part is not None, dry_run=dry_run)
    return EXIT_DONE


def _put(store: Store, chosen: Chosen, part: Part | None, order: Order, answer: Reprocessed) -> Reprocessed:
    """Give the selection to the next runs."""
    if part is None and order.name is None:
        return replace(answer, queued=queue_inputs(store, chosen))
    return replace(answer, campaign=begin_campaign(store, chosen, part, order))


def _print_chosen(chosen: Chosen, answer: Reprocessed, *, is_forced: bool, dry_run: bool) -> None:
    count = len(chosen.decisions)
    if not chosen.slots:
        click.echo("no output matches the selection; to see which products and dates there are: dbproc status")
    elif not count:
        click.echo(f"{len(chosen.slots)} outputs are selected, and none is stale; to make them anyhow: --force 0|1|2")
    elif dry_run:
        for row in answer.outputs:
            click.echo(cell(f"would make {row.output or row.process} {row.slot}: {row.why}"))
    elif answer.campaign is not None:
        again = "again" if is_forced else "where they are stale"
        click.echo(f"campaign {answer.campaign}: {count} outputs are made {again}, by the next runs")
    else:
        click.echo(f"{count} outputs are stale; the {answer.queued} files that they are made from are queued")
