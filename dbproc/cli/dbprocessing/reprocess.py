"""reprocessByProduct.py, reprocessByDate.py, reprocessByInstrument.py, reprocessByCode.py, with dbprocessing's options.

Products, instruments and dates select files that the next run looks at as inputs; a code selects its outputs, which are
made again.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import replace

import click

from dbproc.changes.reprocess import Order, Selection, begin_campaign, choose, queue_inputs
from dbproc.cli.common import HELP, Function, mission_option, open_own_mission, together
from dbproc.cli.dates import AnyDate
from dbproc.cli.numbers import LEVEL
from dbproc.core.slot_text import SlotChoice, between_days
from dbproc.core.version import Part
from dbproc.database.store import Store


def _options(*, required: bool = False) -> Callable[[Function], Function]:
    """Dates, --force, --echo and -m."""
    return together(
        click.option("-s", "--startDate", "start", type=AnyDate(), required=required, help="From this day on."),
        click.option("-e", "--endDate", "end", type=AnyDate(last=True), required=required, help="Up to this day."),
        click.option("--force", type=click.IntRange(0, 2), help="Raise 0 interface, 1 quality, 2 revision."),
        click.option("--echo", is_flag=True, help="Print every SQL statement."),
        mission_option,
    )


@click.command("reprocessByProduct.py", context_settings=HELP)
@_options()
@click.argument("products", nargs=-1, required=True, metavar="PRODUCT...")
def by_product(
    products: Sequence[str], mission: str, start: dt.date | None, end: dt.date | None, force: int | None, echo: bool
) -> None:
    """Put the files of each PRODUCT (name or number) before the next run as inputs."""
    with open_own_mission(mission, echo=echo) as store:
        for product in products:
            count = _put(store, Selection(product=product, slots=_dated(start, end), as_inputs=True), force)
            click.echo(f"Added {count} files to be reprocessed for product {product}")


@click.command("reprocessByDate.py", context_settings=HELP)
@_options(required=True)
@click.option("--level", type=LEVEL, help="Only files of this level.")
def by_date(mission: str, start: dt.date, end: dt.date, force: int | None, echo: bool, level: float | None) -> None:
    """Put the files of a range of dates before the next run as inputs."""
    with open_own_mission(mission, echo=echo) as store:
        count = _put(store, Selection(slots=_dated(start, end), level=level, as_inputs=True), force)
    click.echo(f"Added {count} files to be reprocessed")


@click.command("reprocessByInstrument.py", context_settings=HELP)
@_options()
@click.option("-l", "--level", type=LEVEL, help="Only files of this level.")
@click.argument("instrument")
def by_instrument(
    instrument: str,
    mission: str,
    start: dt.date | None,
    end: dt.date | None,
    force: int | None,
    echo: bool,
    level: float | None,
) -> None:
    """Put the files of INSTRUMENT (name or number) before the next run as inputs."""
    selection = Selection(instrument=instrument, slots=_dated(start, end), level=level, as_inputs=True)
    with open_own_mission(mission, echo=echo) as store:
        count = _put(store, selection, force)
    click.echo(f"Added {count} files to be reprocessed for instrument {instrument}")


@click.command("reprocessByCode.py", context_settings=HELP)
@_options()
@click.argument("code")
def by_code(code: str, mission: str, start: dt.date | None, end: dt.date | None, force: int | None, echo: bool) -> None:
    """Have the next run make again what CODE (name or number) made."""
    with open_own_mission(mission, echo=echo) as store:
        count = _put(store, Selection(code=code, slots=_dated(start, end)), force)
    click.echo(f"Added {count} files to be reprocessed for code {code}")


def _dated(start: dt.date | None, end: dt.date | None) -> SlotChoice:
    """What has a day from one date to another, both included."""
    return SlotChoice(between_days(start, end))


def _put(store: Store, selection: Selection, force: int | None) -> int:
    """Queue the inputs of the selection, or force all of it; return the number of input files.

    A process of timebase RUN is run again in any case: it has no output that could be up to date.
    """
    part = None if force is None else Part(force)
    chosen = choose(store, replace(selection, with_runs=True), part)
    if part is None:
        queue_inputs(store, chosen)
    again = chosen if part is not None else chosen.runs()
    if again.decisions:
        begin_campaign(
            store, again, Part.REVISION if part is None else part, Order(comment="under dbprocessing's name")
        )
    return len(chosen.inputs)


COMMANDS = {
    "reprocessByProduct.py": by_product,
    "reprocessByDate.py": by_date,
    "reprocessByInstrument.py": by_instrument,
    "reprocessByCode.py": by_code,
}
