"""``dbproc check``: faults of database and disk, and their repair."""

from __future__ import annotations

from collections.abc import Sequence

import click

from dbproc.check.answer import checked
from dbproc.check.look import Findings, look, look_at
from dbproc.check.repair import intentions, repair
from dbproc.cli.common import (
    TIME,
    cell,
    dry_run_option,
    json_option,
    mission_access,
    mission_option,
    open_mission,
    print_json,
)
from dbproc.cli.correcting import say_descendants
from dbproc.cli.progress import Screen
from dbproc.cli.selection import product_option
from dbproc.cli.terminal import bad, good
from dbproc.core.events import Report
from dbproc.core.model import Period
from dbproc.core.slot_text import choice_of
from dbproc.core.states import EXISTING, Standing
from dbproc.database.selection import Selection
from dbproc.database.store import Store


@click.command("check")
@mission_option
@click.option("--deep", is_flag=True, help="Read every file through and compare digests.")
@click.option("--repair", "is_repair", is_flag=True, help="Undo what can be undone without loss; says first what.")
@click.option("--plausible", is_flag=True, help="Say what is unlikely of dates and times, too.")
@product_option
@click.option("--start", type=TIME, metavar="WHEN", help="Only files from this day, hour, minute or second on.")
@click.option("--end", type=TIME, metavar="WHEN", help="Only files up to this one, itself included.")
@click.option("--accept", "accepted", multiple=True, metavar="FILE", help="Take the bytes that FILE has for its own.")
@click.option("--reason", default="", metavar="TEXT", help="Why they are accepted, for those who ask later.")
@click.option("--keep", is_flag=True, help="With --accept: what was made from FILE stays as it is.")
@dry_run_option
@json_option
def check_command(
    mission: str,
    deep: bool,
    is_repair: bool,
    plausible: bool,
    products: Sequence[str],
    start: Period | None,
    end: Period | None,
    accepted: Sequence[str],
    reason: str,
    keep: bool,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Compare database and disk: every fault with its place and remedy.

    Changes nothing but with --repair, which deletes nothing: unknown files go to quarantine, missing ones are recorded
    as missing, what is stale is queued. Exit status 0: no fault (left), 1: faults.

    With --product, --start or --end it looks at these files alone, and reads no other directories: that is quick in a
    large mission, and finds no unknown files.

    With --accept it looks at nothing else: a file that was edited in its place has the bytes from then on that it has,
    its former digest is kept, and what was made from it is made anew by the next run.
    """
    chosen = Selection(
        products=tuple(products),
        slots=choice_of(start, end, ()),
        standings=EXISTING | {Standing.LOST},
    )
    if accepted:
        if deep or is_repair or plausible or not chosen.is_empty:
            raise click.UsageError("--accept stands alone: it looks at nothing else")
        return _accept(mission, accepted, reason, keep=keep, dry_run=dry_run, as_json=as_json)
    if reason or keep:
        raise click.UsageError("--reason and --keep are of use with --accept alone")
    if dry_run and not is_repair:
        raise click.UsageError("--dry-run is of use with --repair or --accept alone: check changes nothing by itself")
    if is_repair and not chosen.is_empty:
        raise click.UsageError("--repair is for the whole mission: leave out --product, --start and --end")
    changes = is_repair and not dry_run
    with open_mission(mission, read_only=not changes) as store:
        found = _look(store, chosen, deep=deep, plausible=plausible)
        sentences = intentions(found) if is_repair else None
        if not as_json:
            _print_findings(found)
            _print_intentions(sentences, is_repair=is_repair)
        report = Report(None if as_json else Screen().say)
        left = _repaired(store, found, report, as_json=as_json) if changes else found
    if as_json:
        events = report.events if changes else None
        print_json(checked(found, intentions=sentences, repairs=events, left=left if changes else None))
    return 1 if left.faults else 0


def _accept(mission: str, names: Sequence[str], reason: str, *, keep: bool, dry_run: bool, as_json: bool) -> int:
    from dbproc.changes.accept import accept_bytes

    with open_mission(mission, read_only=dry_run) as store, mission_access(store):
        done = accept_bytes(store, names, reason, keep=keep, only_look=dry_run)
    if as_json:
        print_json(done)
        return 0
    for each in done.files:
        click.echo(
            f"{'would accept' if dry_run else 'accepted'} {cell(each.file)}: {each.digest}, before {each.former}"
        )
    if keep:
        click.echo("what was made from it stays as it is")
    else:
        say_descendants(done.descendants, is_whole=True)
    return 0


def _look(store: Store, chosen: Selection, *, deep: bool, plausible: bool) -> Findings:
    screen = Screen()
    try:
        if chosen.is_empty:
            return look(store, deep=deep, plausible=plausible, progress=screen.progress)
        return look_at(store, chosen, deep=deep, plausible=plausible, progress=screen.progress)
    finally:
        screen.clear()


def _repaired(store: Store, found: Findings, report: Report, *, as_json: bool) -> Findings:
    """Repair; return what is left."""
    with mission_access(store):
        left = repair(store, found, report)
    if not as_json and found.faults:
        click.echo("\nleft:" if left.faults else "\nnothing is left")
        _print_faults(left)
    return left


def _print_findings(findings: Findings) -> None:
    _print_faults(findings)
    if findings.live:
        click.echo(f"a run is live ({findings.live}); what it is at work on is left out")
    looked = f"{findings.files} files" + (f" with {findings.members} members" if findings.members else "")
    how = "" if findings.is_deep else "; their bytes are compared with --deep"
    counts = ", ".join(f"{count} {kind}" for kind, count in findings.counts.items())
    click.echo(f"{counts or good('no fault')} ({looked}{how})")


def _print_faults(findings: Findings) -> None:
    for fault in findings.faults:
        click.echo(f"{bad(fault.kind)} {fault.place}: {fault.text}\n  {fault.remedy}")


def _print_intentions(sentences: list[str] | None, *, is_repair: bool) -> None:
    if not is_repair:
        return
    click.echo("\nto repair:" if sentences else "\nnothing that dbproc can repair")
    for sentence in sentences or ():
        click.echo(f"  {sentence}")
