"""``dbproc status``: the state of the mission."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Sequence
from typing import NoReturn

import click

from dbproc.changes.staging.usage import AreaUsage
from dbproc.cli.common import (
    asking_options,
    cell,
    echo_folded,
    open_mission,
    print_columns,
    retry_words,
    show,
    slot_options,
)
from dbproc.cli.terminal import bad, pending
from dbproc.core.errors import DbprocError
from dbproc.core.model import Period
from dbproc.core.slot_text import SlotChoice, choice_of
from dbproc.core.text import one_line, size_words
from dbproc.database.summary import ProductInNumbers
from dbproc.explain.disk import DiskSpace
from dbproc.explain.expectations import LateProduct, WaitingSlot
from dbproc.explain.status import Condition, RunningNow, SourceNow, Status, Untold, Waiting, mission_status

_SHOWN = 5
_FORESEEN = dt.timedelta(days=90)
_WATCH_SECONDS = 2.0


@click.command("status")
@asking_options
@slot_options
@click.option("--dismissed", is_flag=True, help="Show the failures that were dismissed, instead of the open ones.")
@click.option("--watch", is_flag=True, help="Show it anew every two seconds, until Ctrl-C.")
@click.option(
    "--check",
    is_flag=True,
    help="For monitors: one line, and the exit status 0, 1 or 2: fine, failures or late, critical.",
)
def status_command(
    mission: str,
    as_json: bool,
    start: Period | None,
    end: Period | None,
    keys: Sequence[str],
    watch: bool,
    check: bool,
    dismissed: bool,
) -> int:
    """Show the state of the mission: what runs, queue, products, failures, quarantine, what waits, what is late.

    Times and keys choose which failures, waiting outputs and late files are listed.
    """
    if watch and (check or as_json):
        raise click.UsageError("--watch is for people: it goes neither with --check nor with --json")
    choice = choice_of(start, end, keys)
    if check:
        return _check(mission, choice, as_json)
    if watch:
        _watch(mission, choice)
    show(_status(mission, choice, dismissed=dismissed), as_json, _print_status)
    return 0


def _status(mission: str, choice: SlotChoice, *, dismissed: bool = False) -> Status:
    with open_mission(mission, read_only=True) as store:
        return mission_status(store, choice, dismissed=dismissed)


def _check(mission: str, choice: SlotChoice, as_json: bool) -> int:
    """Print the condition; a mission that cannot be looked at is critical."""
    try:
        facts = _status(mission, choice)
    except DbprocError as error:
        click.echo(f"{Condition.CRITICAL}: {one_line(str(error))}", err=as_json)
        return Condition.CRITICAL.exit_status
    show(facts, as_json, lambda it: click.echo(f"{it.condition}: {it.mission}{_because(it)}"))
    return facts.condition.exit_status


def _because(facts: Status) -> str:
    return f": {cell('; '.join(facts.findings))}" if facts.findings else ""


def _watch(mission: str, choice: SlotChoice) -> NoReturn:
    """Show it again and again; Ctrl-C ends that."""
    while True:
        facts = _status(mission, choice)
        click.clear()
        _print_status(facts)
        time.sleep(_WATCH_SECONDS)


def _print_running(running: RunningNow | None) -> None:
    if running is None:
        return
    end = "" if running.expected_end is None else f", all of them by about {cell(running.expected_end)}"
    click.echo(
        f"run {running.run} at work since {cell(running.since)}: {running.done} of {running.known} jobs done{end}"
    )
    for job in running.jobs[:_SHOWN]:
        click.echo(cell(f"  {job.process} {job.slot}, since {cell(job.since)}"))
    if len(running.jobs) > _SHOWN:
        click.echo(f"  and {len(running.jobs) - _SHOWN} more")


def _print_status(facts: Status) -> None:
    click.echo(f"mission {facts.mission} in {facts.root}")
    if facts.root_problem:
        click.echo(f"no run does anything: {facts.root_problem}")
    click.echo(f"lock: {facts.lock or 'free'}")
    _print_running(facts.running)
    run = facts.last_run
    if run and facts.running is None:
        click.echo(f"last run: {cell(run.processing_start_time)}, {run.comment or 'not ended'}")
    incoming = facts.incoming
    click.echo(f"incoming: {incoming.problem or f'{incoming.settled} settled, {incoming.unsettled} unsettled'}")
    for source in facts.sources:
        echo_folded(f"source {cell(source.source)}: {_source_words(source)}")
    for each in facts.staged:
        echo_folded(f"staged {cell(each.area)}/{cell(each.owner)}: {_staged_words(each)}")
    for disk in facts.disks:
        if disk.is_short or (disk.full is not None and disk.full < dt.datetime.now(dt.UTC) + _FORESEEN):
            echo_folded(bad(f"disk of {cell(disk.area)}: {_disk_words(disk)}"))
    for edit in facts.edited_codes:
        click.echo(f"edited: {edit.code}: {edit.changed}; {edit.consequence}")
    click.echo(f"queue: {facts.queue} files")
    click.echo()
    _print_products(facts.products)
    if facts.inactive_processes:
        click.echo(f"\nwithout a code in use: {cell(', '.join(facts.inactive_processes))}")
    for sentence in facts.never_due:
        echo_folded(f"\n{cell(sentence)}")
    if facts.campaigns:
        click.echo("\ncampaigns:")
    for row in facts.campaigns:
        counts = ", ".join(f"{count} {item}" for item, count in row.items.items() if count)
        click.echo(cell(f"  {row.name}: {row.status}: {counts}"))
    if facts.failures:
        click.echo(bad("\nfailed:"))
    for failure in facts.failures:
        echo_folded(f"  {failure.process} {cell(failure.slot)}: {cell(failure.message)} ({retry_words(failure)})")
        if failure.log:
            click.echo(f"    log: {failure.log}")
        if failure.waiting:
            click.echo(f"    waiting for it: {_waiting_words(failure.waiting)}")
    _print_waiting(facts.waiting)
    _print_late(facts.late)
    if facts.unknown_files:
        click.echo(bad(f"\nnot made: {facts.unknown_files}"))
    if facts.lost_problem:
        click.echo(bad(f"\n{facts.lost_problem}"))
    if facts.lost:
        click.echo(bad("\ngone from disk:"))
    for lost in facts.lost_files:
        click.echo(cell(f"  {lost.file}: {lost.words}"))
    if facts.lost > len(facts.lost_files):
        click.echo(f"  and {facts.lost - len(facts.lost_files):,} more; to see them: dbproc files --missing")
    if facts.few_copies:
        click.echo(bad("\nfewer verified copies in stores than are wanted:"))
    for few in facts.few_copies:
        echo_folded(f"  {cell(str(few))}")
    if facts.quarantine:
        click.echo(f"\nin quarantine: {facts.quarantine}")
    for entry in facts.quarantined:
        echo_folded(f"  {cell(entry.filename)}: {entry.reason}: {cell(entry.message)}")
    _print_untold(facts.untold)
    if facts.quarantine_gone:
        click.echo(f"\ngone from quarantine: {facts.quarantine_gone}; dbproc check names them")


def _source_words(source: SourceNow) -> str:
    """When a source was and will be looked at, what waits, what is wrong."""
    if not source.active:
        return "not in use"
    looked = "not looked at yet" if source.looked is None else f"looked at {cell(source.looked)}"
    following = "" if source.next_look is None else f", again after {cell(source.next_look)}"
    counts = (f"{source.waiting} waiting" if source.waiting else "", f"{source.failed} failed" if source.failed else "")
    shown = "".join(f", {each}" for each in counts if each)
    return f"{looked}{following}{shown}{'; ' + bad(cell(source.problem)) if source.problem else ''}"


def _print_products(products: Sequence[ProductInNumbers]) -> None:
    """Print what there is; a column for withdrawn files where there are any."""
    has_withdrawn = any(row.withdrawn for row in products)
    head = ("product", "level", "files", "first", "last", *(("withdrawn",) if has_withdrawn else ()))
    print_columns(
        head,
        (
            (
                f"{row.product} (retired)" if row.retired else row.product,
                *(row.level, row.files, row.first, row.last),
                *((row.withdrawn or None,) if has_withdrawn else ()),
            )
            for row in products
        ),
    )


def _print_untold(untold: Sequence[Untold]) -> None:
    if untold:
        click.echo("\nnot told, or not for certain:")
    for each in untold:
        echo_folded(f"  {each.event}: {cell(each.message)}; hook {each.hook}: {cell(each.problem)}")


def _disk_words(disk: DiskSpace) -> str:
    words = f"{size_words(disk.free)} free of {size_words(disk.size)}, {size_words(disk.reserve)} must stay so"
    if disk.full is None or disk.is_short:
        return words
    return f"{words}; full {disk.full:%Y-%m-%d} at {size_words(disk.bytes_per_day)} a day"


def _staged_words(each: AreaUsage) -> str:
    words = [f"{each.requests:,} request{'' if each.requests == 1 else 's'}"]
    words += [size_words(each.placed) + ("" if each.quota is None else f" of {size_words(each.quota)}")]
    words += [f"{each.waiting_files:,} waiting ({size_words(each.waiting)})"] if each.waiting_files else []
    words += [f"{each.failed_files:,} failed"] if each.failed_files else []
    return ", ".join(words)


def _print_waiting(waiting: Sequence[WaitingSlot]) -> None:
    """Print what is to be made later."""
    if waiting:
        click.echo("\nwaiting:")
    for each in waiting:
        click.echo(f"  {each.product or each.process} {cell(each.slot)}: {cell(each.why)}")


def _print_late(late: Sequence[LateProduct]) -> None:
    """Print what should have come: how much, and the first few."""
    if late:
        click.echo(pending("\nlate:"))
    for product in late:
        names = [str(each.slot) for each in product.oldest[:_SHOWN]]
        more = product.count - len(names)
        files = f"{product.count} file{'' if product.count == 1 else 's'}"
        echo_folded(cell(f"  {product.product}: {files}: {', '.join(names)}{f' and {more} more' if more else ''}"))


def _waiting_words(waiting: Sequence[Waiting]) -> str:
    """The waiting products, the first few by name."""
    names = [f"{each.waiting} {each.slot}" for each in waiting[:_SHOWN]]
    more = len(waiting) - len(names)
    return ", ".join(names) + (f" and {more} more" if more else "")
