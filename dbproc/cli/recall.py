"""``dbproc recall``: files back into their places from stores."""

from __future__ import annotations

from typing import Any

import click

from dbproc.cli.common import cell, echo_folded, mission_access, open_mission, print_json
from dbproc.cli.correcting import choice_of_files, correcting_options, shown_of
from dbproc.cli.progress import Screen
from dbproc.cli.transfer_bars import Bars
from dbproc.core.errors import EXIT_DONE, EXIT_SOME_FAILED
from dbproc.core.states import EXISTING, Standing
from dbproc.core.text import size_words


@click.command("recall")
@correcting_options
def recall_command(mission: str, as_json: bool, dry_run: bool, is_whole: bool, **given: Any) -> int:
    """Bring files back into their places from the best store that is up: what is offloaded, and what is gone from disk
    or has other bytes there, where a store has a verified copy.

    Each is compared with its recorded digest as it comes. What is in the way of it is kept below .dbproc/withdrawn.
    Runs go on meanwhile; jobs recall what they need by themselves.
    """
    from dbproc.changes.recall import recall

    choice = choice_of_files(given, "recall", EXISTING | {Standing.LOST})
    with open_mission(mission, read_only=dry_run) as store, mission_access(store):
        screen = Screen()
        done = recall(store, choice, only_look=dry_run, observe=Bars(screen).observe)
        screen.clear()
    status = EXIT_SOME_FAILED if done.left else EXIT_DONE
    if as_json:
        print_json(done)
        return status
    for name in shown_of(done.files, is_whole=is_whole):
        click.echo(f"{'would recall' if dry_run else 'recalled'} {cell(name)}")
    for each in shown_of(done.left, is_whole=is_whole):
        later = "; a later run goes on with it" if each.is_tried_again else ""
        echo_folded(f"not {cell(each.file)}: {cell(each.why)}{later}")
    for store_of in done.stores:
        count = f"{store_of.files} file{'' if store_of.files == 1 else 's'}"
        click.echo(f"{count}, {size_words(store_of.size)}, from {cell(store_of.store)}")
    if done.in_place and not done.files and not done.left:
        click.echo(f"{done.in_place} file{' is' if done.in_place == 1 else 's are'} in place: nothing to recall")
    return status
