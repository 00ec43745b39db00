"""What the commands that correct files have in common: their options, and how they say what comes of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import click

from dbproc.changes.trial import Becomes, Descendant
from dbproc.cli.common import asking_options, cell, dry_run_option, echo_folded, together
from dbproc.cli.selection import file_options, files_argument, product_option
from dbproc.core.errors import UserError
from dbproc.core.states import EXISTING, Correction, Standing
from dbproc.database.files import FileRow
from dbproc.database.selection import selected, selection_of
from dbproc.database.store import Transaction

Item = TypeVar("Item")

_SHOWN = 20

DONE_TO_IT = {
    Correction.WITHDRAW: "withdrawn",
    Correction.REPLACE: "given other bytes",
    Correction.REINSPECT: "inspected anew",
    Correction.RENAME: "renamed",
    Correction.MARK: "marked",
    Correction.REAP: "reaped",
    Correction.ACCEPT: "accepted with other bytes",
}
"""Of a file: what was done to it."""

reason_option = click.option("--reason", required=True, metavar="TEXT", help="Why, for those who ask later.")
all_option = click.option("--all", "is_whole", is_flag=True, help="Name every file, however many there are.")


correcting_options = together(files_argument, product_option, file_options, asking_options, dry_run_option, all_option)
"""Of every command that corrects the files that it is given; those that select them go to :func:`choice_of_files`."""


def choice_of_files(
    given: Mapping[str, Any], what: str, standings: frozenset[Standing] = EXISTING
) -> Callable[[Transaction], list[FileRow]]:
    """What finds the files that arguments and options mean; `what` is to be done with them.

    Raises
    ------
    UserError
        Nothing is given that tells some files from others.
    """
    selection = selection_of(**given, standings=standings)
    if selection.is_empty:
        raise UserError(f"say what to {what}: the names of files, or --product, --start, --end, --key …")
    return lambda connection: list(selected(connection, selection))


def shown_of(found: Sequence[Item], *, is_whole: bool) -> Sequence[Item]:
    """The first of many, and a line that says how many more there are."""
    if is_whole or len(found) <= _SHOWN:
        return found
    click.echo(f"the first {_SHOWN} of {len(found)}; all of them: --all")
    return found[:_SHOWN]


def say_descendants(found: Sequence[Descendant], *, is_whole: bool) -> None:
    """Print what becomes of what was made from files, and the sums."""
    if not found:
        click.echo("nothing is made from it")
        return
    for each in shown_of(found, is_whole=is_whole):
        click.echo(f"  {cell(each.file)}: {_fate(each)}")
    click.echo(f"{_files(len(found))} made from it: {', '.join(_sums(found))}")


def say_releases(names: Sequence[str]) -> None:
    """Print which releases of data hold what is corrected."""
    if names:
        echo_folded(f"held by the release{'s' * (len(names) > 1)} {', '.join(map(cell, names))}: its bytes stay there")


def _fate(each: Descendant) -> str:
    match each.becomes:
        case Becomes.MADE_ANEW:
            return f"made anew as {cell(each.by)}"
        case Becomes.HINDERED | Becomes.WAITS:
            return f"{each.becomes}: {cell(each.why)}"
        case _:
            return str(each.becomes)


def _sums(found: Sequence[Descendant]) -> Iterator[str]:
    counts = Counter(each.becomes for each in found)
    for becomes in Becomes:
        if counts[becomes]:
            by_run = " by the next run" if becomes in (Becomes.MADE_ANEW, Becomes.MADE) else ""
            yield f"{counts[becomes]} {becomes}{by_run}"


def _files(count: int) -> str:
    return f"{count} file{'' if count == 1 else 's'}"
