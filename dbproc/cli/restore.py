"""``dbproc restore``: undo the last correction of files."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import click

from dbproc.cli.common import asking_options, cell, mission_access, open_mission, print_json
from dbproc.cli.correcting import all_option, dry_run_option, files_argument, named, say_descendants


@click.command("restore")
@files_argument
@asking_options
@dry_run_option
@all_option
def restore_command(names: Sequence[str], mission: str, as_json: bool, dry_run: bool, is_whole: bool) -> int:
    """Undo what was last done to files: withdrawn ones come back, with what was withdrawn because of them; replaced
    ones have their former bytes again; reaped ones leave the trash.
    """
    from dbproc.changes.restore import restore

    with open_mission(mission) as store, mission_access(store):
        done = restore(store, partial(named, names), only_look=dry_run)
    if as_json:
        print_json(done)
        return 0
    verb = "would restore" if dry_run else "restored"
    for each in done.files:
        along = f", with {cell(each.comes_with)}" if each.comes_with else ""
        lost = "" if each.has_bytes else "; it has no bytes: deliver it again"
        click.echo(f"{verb} {cell(each.file)}, which was {each.was}{along}{lost}")
    say_descendants(done.descendants, is_done=done.is_done, is_whole=is_whole)
    return 0
