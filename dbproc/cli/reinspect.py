"""``dbproc reinspect``: ask the inspectors anew about files of the catalogue."""

from __future__ import annotations

from typing import Any

import click

from dbproc.changes.reinspect import Reinspected
from dbproc.cli.common import cell, mission_access, open_mission, print_json
from dbproc.cli.correcting import choice_of_files, correcting_options, say_descendants, shown_of


@click.command("reinspect")
@correcting_options
def reinspect_command(
    mission: str,
    as_json: bool,
    dry_run: bool,
    is_whole: bool,
    **given: Any,
) -> int:
    """Ask the inspectors anew about delivered files, and record their dates, times, keywords and versions as they are
    said to be now: after a format or an inspector was corrected.

    The next run puts right what was made under a wrong date; dbproc restore FILE undoes it.
    """
    from dbproc.changes.reinspect import reinspect

    choice = choice_of_files(given, "inspect anew")
    with open_mission(mission, read_only=dry_run) as store, mission_access(store):
        done = reinspect(store, choice, only_look=dry_run)
    if as_json:
        print_json(done)
    else:
        _say(done, is_whole=is_whole)
    return 0


def _say(done: Reinspected, *, is_whole: bool) -> None:
    for each in shown_of(done.files, is_whole=is_whole):
        words = f"not confirmed any more: {cell(each.refused)}" if each.refused else ""
        changes = ", ".join(f"{change.what} {cell(change.before)} → {cell(change.now)}" for change in each.changes)
        click.echo(f"{cell(each.file)}: {words or changes}")
    changed = sum(not each.refused for each in done.files)
    sums = [f"{changed} {'changed' if done.is_done else 'would change'}", f"{done.same} as before"]
    if len(done.files) > changed:
        sums.append(f"{len(done.files) - changed} not confirmed, and left as they are")
    if done.made:
        sums.append(f"{done.made} made by processes, and left out")
    click.echo(", ".join(sums))
    if changed:
        say_descendants(done.descendants, is_whole=is_whole)
