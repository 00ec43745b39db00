"""``dbproc whereis``: where the copies of files are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from dbproc.cli.common import asking_options, cell, echo_folded, open_mission, print_json
from dbproc.cli.completers import complete_files
from dbproc.core.digests import is_unknown
from dbproc.core.places import ROOT
from dbproc.core.text import size_words

if TYPE_CHECKING:
    from dbproc.explain.replicas import CopyShown


@click.command("whereis")
@click.argument("names", nargs=-1, required=True, metavar="FILE...", shell_complete=complete_files)
@asking_options
def whereis_command(names: Sequence[str], mission: str, as_json: bool) -> None:
    """Say where the copies of each FILE are, in the root and in stores, the one that is read first before the others.

    FILE is a name or a number; a name without its ending means all files that are called so. Nothing is asked of the
    stores: it is what the database knows; to look, see dbproc stores check.
    """
    from dbproc.explain.replicas import whereabouts

    with open_mission(mission, read_only=True) as store:
        found = whereabouts(store, names)
    if as_json:
        print_json(found)
        return
    for each in found:
        digest = "digest not known" if is_unknown(each.digest) else each.digest
        echo_folded(f"{cell(each.file)}: {each.product}, {each.standing}, {size_words(each.size)}, {digest}")
        for copy in each.copies:
            echo_folded(f"  {', '.join(_words(copy))}")
            click.echo(f"    {cell(copy.url or copy.path)}")
        if not each.copies:
            click.echo("  no copy is known")


def _words(copy: CopyShown) -> Iterator[str]:
    yield f"{cell(copy.store)}: {copy.state}"
    if copy.verified is not None:
        yield f"read back {cell(copy.verified)}"
    if copy.reason:
        yield cell(copy.reason)
    if copy.preference is None:
        yield "in the mission file no more"
    elif copy.store != ROOT:
        yield f"{copy.trust}, preference {copy.preference}"
