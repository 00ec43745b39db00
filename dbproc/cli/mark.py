"""``dbproc mark``: say how good files are, and what is to be known of them."""

from __future__ import annotations

from typing import Any

import click

from dbproc.cli.common import asking_options, cell, dry_run_option, open_own_mission, print_json
from dbproc.cli.correcting import all_option, choice_of_files, say_descendants, shown_of
from dbproc.cli.selection import QUALITY, files_argument, product_option, unmarked_file_options
from dbproc.core.states import Quality


@click.command("mark")
@files_argument
@product_option
@unmarked_file_options
@click.option("--quality", type=QUALITY, help="How good they are; unknown takes a mark back.")
@click.option("--caveat", metavar="TEXT", help="What is to be known before they are used; '' removes it.")
@click.option("--reason", default="", metavar="TEXT", help="Why, for those who ask later.")
@asking_options
@dry_run_option
@all_option
def mark_command(
    quality: str | None,
    caveat: str | None,
    reason: str,
    mission: str,
    as_json: bool,
    dry_run: bool,
    is_whole: bool,
    **given: Any,
) -> int:
    """Say how good files are, and what is to be known of them; of FILES, or of all that the options select.

    Marks are shown by files, why and lineage. Where an input of the mission file says which qualities it takes, files
    that are marked otherwise are no inputs of it: what depends on them is made anew, or withdrawn, by the next run.

    Examples: dbproc mark raw_20240501.nc --quality problem --caveat "gain wrong until 10:00"; dbproc mark --product raw
    --start 2024-05-01 --end 2024-05-07 --quality ok
    """
    from dbproc.changes.mark import mark

    choice = choice_of_files(given, "mark")
    with open_own_mission(mission, read_only=dry_run) as store:
        how = None if quality is None else Quality(quality)
        done = mark(store, choice, how, caveat, reason, only_look=dry_run)
    if as_json:
        print_json(done)
        return 0
    verb = "would mark" if dry_run else "marked"
    for each in shown_of(done.files, is_whole=is_whole):
        caveats = f": {cell(each.caveats)}" if each.caveats else ""
        click.echo(f"{verb} {cell(each.file)} {each.quality}{caveats}")
    if done.as_before:
        click.echo(f"{done.as_before} so marked already")
    if done.files:
        say_descendants(done.descendants, is_whole=is_whole)
    return 0
