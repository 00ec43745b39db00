"""``dbproc coverage``: a calendar of what there is of each product, and what is missing."""

from __future__ import annotations

import calendar
import datetime as dt
import os
from collections.abc import Iterator, Sequence
from itertools import groupby

import click

from dbproc.cli.common import asking_options, cell, open_mission, show, slot_options, warn
from dbproc.cli.selection import product_option, products_argument
from dbproc.cli.writing import write_file
from dbproc.core.coverage import Bucket, Cell, Mark, bucket_for, buckets, cells
from dbproc.core.errors import UserError
from dbproc.core.model import Period, Timebase
from dbproc.core.periods import days_period
from dbproc.core.slot_text import SlotChoice, choice_of
from dbproc.explain.coverage import Coverage, CoveredSeries, Gap, mission_coverage
from dbproc.explain.lost import unnoticed_words
from dbproc.explain.pages import coverage_page

_WIDTH = 80
_LABEL = 28
_SHOWN = 20
_MOST_DAYS = 1200
_MOST_LINES = 31
_COLORS = {
    Mark.NOT_DUE: "bright_black",
    Mark.THERE: "green",
    Mark.WAITING: "cyan",
    Mark.STALE: "bright_yellow",
    Mark.MISSING: "yellow",
    Mark.LATE: "red",
    Mark.GONE: "red",
    Mark.WITHDRAWN: "magenta",
    Mark.DISMISSED: "bright_red",
    Mark.FAILED: "red",
}


@click.command("coverage")
@products_argument
@product_option
@click.option("--year", type=click.IntRange(1, 9999), metavar="YYYY", help="This year.")
@click.option("--month", metavar="YYYY-MM", help="This month.")
@slot_options
@click.option("--html", metavar="FILE", help="Write a page that needs no server; - for standard output.")
@click.option("--png", metavar="FILE", help="Write a picture.")
@click.option("--gaps", "only_gaps", is_flag=True, help="Print the gaps alone, and all of them.")
@click.option("--all", "show_all", is_flag=True, help=f"Print all gaps, not the first {_SHOWN}.")
@asking_options
def coverage_command(
    named: Sequence[str],
    products: Sequence[str],
    year: int | None,
    month: str | None,
    start: Period | None,
    end: Period | None,
    keys: Sequence[str],
    html: str | None,
    png: str | None,
    only_gaps: bool,
    show_all: bool,
    mission: str,
    as_json: bool,
) -> None:
    """Show which periods there are of PRODUCTS, or of all, key by key; what is missing, why, and what helps.

    What a product should have is what the mission file expects of it; else the slots of its process, or the rhythm in
    which its files came so far. Examples: dbproc coverage; dbproc coverage clean --month 2024-05; dbproc coverage
    --year 2024 --html coverage.html
    """
    if (html is not None) + (png is not None) + as_json > 1:
        raise click.UsageError("give one of --html, --png and --json")
    choice = _choice(year, month, start, end, keys)
    with open_mission(mission, read_only=True) as store:
        answer = mission_coverage(store, (*named, *products), choice)
        warn(unnoticed_words(store))
    if html is not None:
        write_file(html, coverage_page(answer).encode())
    elif png is not None:
        from dbproc.explain.picture import coverage_picture

        write_file(png, coverage_picture(answer))
    elif only_gaps:
        show(answer, as_json, lambda facts: _print_gaps(facts.gaps, show_all=True))
    else:
        show(answer, as_json, lambda facts: _print(facts, show_all))


def _choice(
    year: int | None, month: str | None, start: Period | None, end: Period | None, keys: Sequence[str]
) -> SlotChoice:
    if sum((year is not None, month is not None, start is not None or end is not None)) > 1:
        raise UserError("two times are given; give one of --year, --month, and --start with --end")
    if year is not None:
        start, end = _days(dt.date(year, 1, 1)), _days(dt.date(year, 12, 31))
    if month is not None:
        first = _first_of(month)
        start, end = _days(first), _days(first.replace(day=calendar.monthrange(first.year, first.month)[1]))
    return choice_of(start, end, keys)


def _days(day: dt.date) -> Period:
    return days_period(day, day)


def _first_of(month: str) -> dt.date:
    try:
        return dt.datetime.strptime(month, "%Y-%m").date()
    except ValueError:
        raise UserError(f"{month!r} is no month; write it as 2024-05") from None


# --- the calendar ---


def _print(answer: Coverage, show_all: bool) -> None:
    if answer.span is None:
        click.echo("there is nothing of that, and nothing is expected; to see what there is: dbproc status")
        return
    used: set[Mark] = set()
    several = len(answer.series) > 1
    lines = _matrix(answer, answer.span, used) if several else _months(answer.series[0], answer.span, used)
    color = False if os.environ.get("NO_COLOR") else None
    for line in lines:
        click.echo(line, color=color)
    click.echo(_legend(used))
    _print_gaps(answer.gaps, show_all)


def _matrix(answer: Coverage, span: Period, used: set[Mark]) -> Iterator[str]:
    """A line for each series, a column for each day, week, month or year."""
    label = min(max(len(cell(each.words)) for each in answer.series), _LABEL)
    most = _WIDTH - label - 7
    is_fine = any(each.series.cadence.timebase is Timebase.PART for each in answer.series)
    bucket = bucket_for(span, most, Bucket.HOUR if is_fine else Bucket.DAY)
    columns = buckets(span, bucket)
    if len(columns) > most:
        columns = columns[-most:]
    yield f"{cell(_first(columns[0]))} to {cell(_last(columns[-1]))}, a mark for each {bucket}"
    yield f"{' ' * label}  {_ruler(columns, bucket)}".rstrip()
    for each in answer.series:
        marks = _painted(cells(each.series, columns), used)
        yield f"{_cut(cell(each.words), label).ljust(label)}  {marks} {_share(each)}"


def _months(shown: CoveredSeries, span: Period, used: set[Mark]) -> Iterator[str]:
    """A line for each month of one series, of a long time for each year; for each day where it is finer than that."""
    if shown.series.cadence.timebase is Timebase.PART and (span.stop - span.start).days < _MOST_LINES:
        yield from _hours(shown, span, used)
        return
    bucket = bucket_for(span, _MOST_DAYS)
    if bucket is not Bucket.DAY:
        yield f"{cell(shown.words)}, a mark for each {bucket} {_share(shown).strip()}"
        for first, some in _by(buckets(span, bucket), 10 if bucket is Bucket.YEAR else 1):
            yield f"{first:%Y}     {_painted(cells(shown.series, some), used)}"
        return
    yield f"{cell(shown.words)}, a mark for each day {_share(shown).strip()}"
    yield f"{'':7}  {''.join(f'{day:<5}' for day in (1, 6, 11, 16, 21, 26, 31)).rstrip()}"
    for _, days in groupby(buckets(span, Bucket.DAY), key=lambda column: (column.start.year, column.start.month)):
        some = list(days)
        first = some[0].start
        yield f"{first:%Y-%m}  {' ' * (first.day - 1)}{_painted(cells(shown.series, some), used)}".rstrip()


def _hours(shown: CoveredSeries, span: Period, used: set[Mark]) -> Iterator[str]:
    """A line for each day, a mark for each hour."""
    yield f"{cell(shown.words)}, a mark for each hour {_share(shown).strip()}"
    yield f"{'':10}  {''.join(f'{hour:<6}' for hour in range(0, 24, 6)).rstrip()}"
    for day, hours in groupby(buckets(span, Bucket.HOUR), key=lambda column: column.start.date()):
        some = list(hours)
        yield f"{day}  {' ' * some[0].start.hour}{_painted(cells(shown.series, some), used)}".rstrip()


def _by(columns: Sequence[Period], years: int) -> Iterator[tuple[dt.datetime, list[Period]]]:
    """Columns by so many years, with the beginning of each."""
    for _, group in groupby(columns, key=lambda column: column.start.year // years):
        some = list(group)
        yield some[0].start, some


def _ruler(columns: Sequence[Period], bucket: Bucket) -> str:
    """Where the next longer time begins: a day, a month or a year."""
    text = [" "] * (len(columns) + 12)
    form = {Bucket.HOUR: "%Y-%m-%d", Bucket.DAY: "%Y-%m"}.get(bucket, "%Y")
    end = 0
    last = ""
    for place, column in enumerate(columns):
        name = column.start.strftime(form)
        if name != last and place >= end:
            text[place : place + len(name)] = name
            end = place + len(name) + 1
        last = name
    return "".join(text[: len(columns) + 7]).rstrip()


def _painted(row: Sequence[Cell], used: set[Mark]) -> str:
    """Marks as letters, on a terminal in colour."""
    used.update(each.mark for each in row if each.mark is not None)
    runs = ((each, sum(1 for _ in some)) for each, some in groupby(row))
    return "".join(
        each.letter * count if each.mark is None else click.style(each.letter * count, fg=_COLORS[each.mark])
        for each, count in runs
    )


def _legend(used: set[Mark]) -> str:
    words = [f"{mark.letter} {mark}" for mark in Mark if mark in used]
    line = ", ".join(words)
    if not any(mark.is_gap for mark in used):
        return line
    small = "small: a part is there"
    return f"{line}; {small}" if len(line) + len(small) + 2 <= _WIDTH else f"{line}\n{small}"


def _share(shown: CoveredSeries) -> str:
    """How much there is of what there should be; never all when something is not."""
    if not shown.periods:
        return "   -"
    percent = 100 * shown.there // shown.periods
    return f"{percent:3d}%"


def _first(column: Period) -> str:
    return str(column.start.date())


def _last(column: Period) -> str:
    return str(column.stop.date())


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"


# --- the gaps ---


def _print_gaps(gaps: Sequence[Gap], show_all: bool) -> None:
    if not gaps:
        click.echo("no gaps")
        return
    click.echo("\ngaps:")
    for gap in gaps if show_all else gaps[:_SHOWN]:
        number = f" ({gap.count:,})" if gap.count > 1 else ""
        why = f": {gap.why}" if gap.why else ""
        click.echo(cell(f"  {gap.product} {gap.words}{number}: {gap.mark}{why}"))
        if gap.log:
            click.echo(cell(f"    log: {gap.log}"))
        if gap.command:
            click.echo(cell(f"    {gap.command}"))
    more = len(gaps) - _SHOWN
    if more > 0 and not show_all:
        click.echo(f"  and {more:,} more; all: --all")
