"""``dbproc offload``: free local disk of what stores keep."""

from __future__ import annotations

from typing import Any

import click

from dbproc.cli.common import cell, echo_folded, mission_access, open_mission, print_json
from dbproc.cli.correcting import choice_of_files, correcting_options, shown_of
from dbproc.core.errors import EXIT_DONE, EXIT_SOME_FAILED
from dbproc.core.text import size_words


@click.command("offload")
@correcting_options
@click.option(
    "--copies",
    type=click.IntRange(min=1),
    metavar="N",
    help="Verified copies that there must be; by default as many as the mission's rules want, and at least one.",
)
def offload_command(
    mission: str, as_json: bool, copies: int | None, dry_run: bool, is_whole: bool, **given: Any
) -> int:
    """Remove files from the disk that stores keep: they stay inputs, and what they are, and come back when a job needs
    them, or with dbproc recall.

    A file leaves only while enough copies of it are good now: each is read back from its store at that moment, and has
    the recorded digest. Copies in untrusted stores never count, and two stores at one place count once. With --dry-run
    no copy is read: it says what is recorded.
    """
    from dbproc.changes.offload import ALREADY, offload

    with open_mission(mission, read_only=dry_run) as store, mission_access(store):
        done = offload(store, choice_of_files(given, "offload"), copies=copies, only_look=dry_run)
    status = EXIT_SOME_FAILED if any(kept.why != ALREADY for kept in done.kept) else EXIT_DONE
    if as_json:
        print_json(done)
        return status
    verb = "would offload" if dry_run else "offloaded"
    done_words = "would be offloaded" if dry_run else "offloaded"
    for each in shown_of(done.files, is_whole=is_whole):
        echo_folded(f"{verb} {cell(each.file)}, {size_words(each.size)}: in {', '.join(map(cell, each.stores))}")
    for kept in shown_of(done.kept, is_whole=is_whole):
        echo_folded(f"kept {cell(kept.file)}: {cell(kept.why)}")
    size = size_words(sum(each.size for each in done.files))
    more = f", {len(done.kept)} kept" if done.kept else ""
    click.echo(f"{len(done.files)} file{'' if len(done.files) == 1 else 's'}, {size} {done_words}{more}")
    return status
