"""``dbproc withdraw``: take files back, with what cannot be made without them."""

from __future__ import annotations

from typing import Any

import click

from dbproc.cli.common import cell, mission_access, open_mission, print_json
from dbproc.cli.correcting import (
    choice_of_files,
    correcting_options,
    reason_option,
    say_descendants,
    say_releases,
    shown_of,
)


@click.command("withdraw")
@correcting_options
@reason_option
@click.option("--whole-slot", is_flag=True, help="Every version: no earlier one takes the place.")
def withdraw_command(
    mission: str,
    as_json: bool,
    reason: str,
    whole_slot: bool,
    dry_run: bool,
    is_whole: bool,
    **given: Any,
) -> int:
    """Take files back: they are no inputs and not the newest any more, nor is what cannot be made without them.

    The version before takes the place of a file, if there is a sound one; what was made from it is made anew by the
    next run, or withdrawn with it. The bytes are kept below .dbproc/withdrawn; dbproc restore undoes it.
    """
    from dbproc.changes.withdraw import withdraw

    with open_mission(mission, read_only=dry_run) as store, mission_access(store):
        done = withdraw(store, choice_of_files(given, "withdraw"), reason, whole_slot=whole_slot, only_look=dry_run)
    if as_json:
        print_json(done)
        return 0
    verb = "would withdraw" if dry_run else "withdrew"
    for each in shown_of(done.files, is_whole=is_whole):
        then = f"; {cell(each.successor)} takes its place" if each.successor else ""
        why = f" ({each.why})" if each.why else ""
        click.echo(f"{verb} {cell(each.file)}{why}{then}")
    say_releases(done.releases)
    say_descendants(done.descendants, is_whole=is_whole)
    if not dry_run:
        click.echo(f"undo it with: dbproc restore {cell(done.files[0].file)}{' …' if len(done.files) > 1 else ''}")
    return 0
