"""``dbproc files``: list files of the catalogue."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any

import click

from dbproc.cli.common import asking_options, open_mission, print_columns, warn
from dbproc.cli.listing import list_csv, list_json, list_lines
from dbproc.cli.selection import file_options, note_of, product_option, products_argument
from dbproc.core.errors import UserError
from dbproc.core.model import Period
from dbproc.core.slot_text import period_words
from dbproc.core.text import size_words
from dbproc.database.selection import Selection, selection_of
from dbproc.database.store import Store
from dbproc.explain.expectations import OverdueFile, overdue_files
from dbproc.explain.files import ListedFile, listed
from dbproc.explain.lost import unnoticed_words


@click.command("files")
@products_argument
@product_option
@file_options
@click.option("--late", is_flag=True, help="What should have come and has not, instead of files.")
@click.option("--paths", is_flag=True, help="Only the paths, one a line; of former files where their bytes are kept.")
@click.option("--csv", "as_csv", is_flag=True, help="Comma-separated values, with the keys of the JSON as head.")
@asking_options
def files_command(
    named: Sequence[str],
    products: Sequence[str],
    mission: str,
    as_json: bool,
    as_csv: bool,
    paths: bool,
    late: bool,
    **given: Any,
) -> None:
    """List the files of PRODUCTS, or of all, that are in their places; or those that the options name.

    Examples: dbproc files clean --start 2024-05-01 --newest --paths; dbproc files --withdrawn; dbproc files --quality
    problem; dbproc files --digest sha256:4f2a
    """
    if as_json + as_csv + paths > 1:
        raise click.UsageError("give one of --paths, --json and --csv")
    selection = selection_of(products=(*named, *products), **given)
    if selection.release and not (given["missing"] or given["withdrawn"] or given["former"]):
        selection = replace(selection, standings=frozenset())  # it holds them wherever they are
    with open_mission(mission, read_only=True) as store:
        if late:
            _print_late(store, selection, as_json=as_json, others=as_csv or paths)
            return
        warn(unnoticed_words(store))
        rows = listed(store, selection)
        if paths:
            list_lines(row.path for row in rows if row.path)
        elif as_json:
            list_json(rows)
        elif as_csv:
            list_csv(ListedFile, rows)
        else:
            _print_rows(rows)


_HEAD = ("file", "time", "version", "size", "arrived", "note")


def _print_rows(rows: Iterator[ListedFile]) -> None:
    count = size = 0

    def cells() -> Iterator[Sequence[object]]:
        nonlocal count, size
        for row in rows:
            count, size = count + 1, size + (row.size or 0)
            yield _cells(row)

    first = next(lines := cells(), None)
    if first is None:
        click.echo("no file is meant by that; to see which products and dates there are: dbproc status")
        return
    print_columns(_HEAD, chain([first], lines))
    click.echo(f"{count:,} file{'' if count == 1 else 's'}, {size_words(size)}")


def _cells(row: ListedFile) -> Sequence[object]:
    time = period_words(Period(row.start, row.stop))
    return row.filename, time, row.version, size_words(row.size), _minute(row.arrived), _note(row)


def _note(row: ListedFile) -> str:
    """What is to be known of a file, and where the bytes are of one that is not on the disk."""
    where = f"in {', '.join(row.stores)}" if row.offloaded is not None and row.stores else ""
    return " ".join(filter(None, (note_of(row), where)))


def _minute(time: dt.datetime | None) -> str:
    return "-" if time is None else f"{time:%Y-%m-%d %H:%M}Z"


def _print_late(store: Store, selection: Selection, *, as_json: bool, others: bool) -> None:
    """What is expected, has not come and is late."""
    if others or selection != Selection(
        products=selection.products, slots=selection.slots, standings=selection.standings
    ):
        raise UserError("what is late is no file: --late goes with products, times, keys and --json alone")
    rows = overdue_files(store, selection.products, selection.slots)
    if as_json:
        list_json(rows)
        return
    first = next(rows, None)
    if first is None:
        click.echo("nothing is late, of the products that say when their files are late (late_after)")
        return
    print_columns(("product", "for", "late since"), map(_late_cells, chain([first], rows)))


def _late_cells(row: OverdueFile) -> Sequence[object]:
    return row.product, row.slot, _minute(row.due)
