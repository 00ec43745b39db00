"""What the commands that correct files have in common: their options, and how they say what comes of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import click

from dbproc.changes.trial import Becomes, Descendant
from dbproc.cli.common import cell
from dbproc.database import files
from dbproc.database.files import FileRow
from dbproc.database.store import Transaction

_SHOWN = 20

files_argument = click.argument("names", nargs=-1, metavar="FILE...")
reason_option = click.option("--reason", required=True, metavar="TEXT", help="Why, for those who ask later.")
dry_run_option = click.option("--dry-run", is_flag=True, help="Say what would come of it; change nothing.")
all_option = click.option("--all", "is_whole", is_flag=True, help="Name every file, however many there are.")


def named(names: Sequence[str], connection: Transaction) -> list[FileRow]:
    """The files of some names, paths or numbers, each once."""
    rows = (files.find_file(connection, name) for name in names)
    return list({row.file_id: row for row in rows}.values())


def say_descendants(found: Sequence[Descendant], *, is_done: bool, is_whole: bool) -> None:
    """Print what becomes of what was made from files, and the sums."""
    if not found:
        click.echo("nothing was made from it")
        return
    shown = found if is_whole else found[:_SHOWN]
    for each in shown:
        click.echo(f"  {cell(each.file)}: {_fate(each)}")
    if len(shown) < len(found):
        click.echo(f"  and {len(found) - len(shown)} more; all of them: --all")
    click.echo(f"{_files(len(found))} made from it: {', '.join(_sums(found, is_done=is_done))}")


def _fate(each: Descendant) -> str:
    match each.becomes:
        case Becomes.MADE_ANEW:
            return f"made anew as {cell(each.by)}"
        case Becomes.HINDERED | Becomes.WAITS:
            return f"{each.becomes}: {cell(each.why)}"
        case _:
            return str(each.becomes)


def _sums(found: Sequence[Descendant], *, is_done: bool) -> Iterator[str]:
    counts = Counter(each.becomes for each in found)
    for becomes in Becomes:
        if counts[becomes]:
            by_run = " by the next run" if becomes is Becomes.MADE_ANEW else ""
            yield f"{counts[becomes]} {becomes}{by_run}"


def _files(count: int) -> str:
    return f"{count} file{'' if count == 1 else 's'}"
