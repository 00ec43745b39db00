"""``dbproc restore``: undo the last correction of files."""

from __future__ import annotations

from typing import Any

import click

from dbproc.cli.common import (
    cell,
    echo_folded,
    mission_access,
    open_mission,
    print_json,
)
from dbproc.cli.correcting import DONE_TO_IT, choice_of_files, correcting_options, say_descendants, shown_of
from dbproc.core.states import Standing


@click.command("restore")
@correcting_options
def restore_command(
    mission: str,
    as_json: bool,
    dry_run: bool,
    is_whole: bool,
    **given: Any,
) -> int:
    """Undo what was last done to files: withdrawn ones come back, with what was withdrawn because of them; replaced
    ones have their former bytes again; reaped ones leave the trash.
    """
    from dbproc.changes.restore import restore
    from dbproc.changes.trial import Becomes

    with open_mission(mission, read_only=dry_run) as store, mission_access(store):
        choice, is_named = choice_of_files(given, "restore", frozenset(Standing)), bool(given["names"])
        done = restore(store, choice, is_named=is_named, only_look=dry_run)
    if as_json:
        print_json(done)
        return 0
    verb = "would restore" if dry_run else "restored"
    for each in shown_of(done.files, is_whole=is_whole):
        along = f" because of {cell(each.comes_with)}" if each.comes_with else ""
        lost = "" if each.has_bytes else "; it has no bytes: it is to be delivered, or made, again"
        lost = "; it is withdrawn again, as it was before" if each.is_withdrawn else lost
        lost += f"; the next run makes {cell(each.by)} in its place" if each.by else ""
        lost += "; the next run withdraws it again" if each.becomes is Becomes.WITHDRAWN else ""
        echo_folded(f"{verb} {cell(each.file)}, which was {DONE_TO_IT[each.undone]}{along}{lost}")
    say_descendants(done.descendants, is_whole=is_whole)
    return 0
