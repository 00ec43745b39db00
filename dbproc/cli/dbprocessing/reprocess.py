"""reprocessByProduct.py, reprocessByDate.py, reprocessByInstrument.py, reprocessByCode.py, with dbprocessing's options.

Products, instruments and dates select files that the next run looks at as inputs; a code selects its outputs, which are
made again.
"""

from __future__ import annotations

import calendar
import datetime as dt
from collections.abc import Callable, Sequence

import click

from dbproc.changes.reprocess import Order, Selection, begin_campaign, choose, queue_inputs
from dbproc.cli.common import HELP, Function, mission_option, open_own_mission, together
from dbproc.cli.numbers import LEVEL
from dbproc.core.slot_text import SlotChoice, between_days
from dbproc.core.version import Part
from dbproc.database.store import Store

_FORMATS = ("%Y-%m-%d", "%Y%m%d", "%Y/%m/%d", "%Y-%m", "%Y%m")


class _Day(click.ParamType):  # type: ignore[type-arg, unused-ignore]
    """A date; a month without a day is its first day, or its `last` one."""

    name = "date"

    def __init__(self, *, last: bool = False) -> None:
        self._last = last

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> dt.date:
        """Text → date."""
        text = str(value)
        for pattern in _FORMATS:
            try:
                day = dt.datetime.strptime(text, pattern).date()
            except ValueError:
                continue
            if self._last and "%d" not in pattern:
                return day.replace(day=calendar.monthrange(day.year, day.month)[1])
            return day
        self.fail(f"{text!r} is not a date; write it as 2012-10-02", param, ctx)


def _options(*, required: bool = False) -> Callable[[Function], Function]:
    """Dates, --force, --echo and -m."""
    return together(
        click.option("-s", "--startDate", "start", type=_Day(), required=required, help="From this day on."),
        click.option("-e", "--endDate", "end", type=_Day(last=True), required=required, help="Up to this day."),
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
    """Queue the inputs of the selection, or force all of it; return the number of input files."""
    part = None if force is None else Part(force)
    chosen = choose(store, selection, part)
    if part is None:
        return queue_inputs(store, chosen)
    if chosen.decisions:
        begin_campaign(store, chosen, part, Order(comment="under dbprocessing's name"))
    return len(chosen.inputs)


COMMANDS = {
    "reprocessByProduct.py": by_product,
    "reprocessByDate.py": by_date,
    "reprocessByInstrument.py": by_instrument,
    "reprocessByCode.py": by_code,
}
