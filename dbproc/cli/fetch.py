"""``dbproc fetch``: what is new at sources, into incoming."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import click

from dbproc.cli.common import (
    all_option,
    asking_options,
    cell,
    dry_run_option,
    open_own_mission,
    print_json,
    print_some,
    quiet_if_busy_option,
)
from dbproc.cli.progress import Screen
from dbproc.cli.transfer_bars import Bars
from dbproc.core.errors import EXIT_BUSY, EXIT_INTERRUPTED
from dbproc.core.events import Event, Report, Told
from dbproc.core.model import Mission
from dbproc.core.places import SourceSpec
from dbproc.core.text import size_words
from dbproc.database.definition.load import load_mission
from dbproc.database.store import Store
from dbproc.ingest.sources import Fetch, SourceFetched, preview, sources_named
from dbproc.run.daily_log import log_to, stop_logging
from dbproc.storage import permissions
from dbproc.storage.workspace import Workspace
from dbproc.system.signals import Interrupted, signals_interrupt


@dataclass(frozen=True, slots=True)
class FetchTold:
    """What was fetched, or would be."""

    sources: Sequence[SourceFetched]  #: each source that was asked
    events: Sequence[Told]  #: all that happened, in its order
    counts: Mapping[Event, int]  #: how many events there are of each kind that there is
    exit_status: int  #: 0, 1 when something went wrong, or 75 when another process fetches from a source


@click.command("fetch")
@click.argument("names", nargs=-1, metavar="[SOURCE]...")
@dry_run_option
@all_option
@quiet_if_busy_option
@asking_options
def fetch_command(
    names: Sequence[str], dry_run: bool, everything: bool, quiet_if_busy: bool, mission: str, as_json: bool
) -> int:
    """Fetch what is new at the sources into incoming, whether they are due or not, until all of it is there.

    It takes no lock of a run: it may have its own line in a crontab, beside that of runs. Of each source one process
    fetches at a time. What is wrong with a source is said, with exit status 1, when it begins and when it becomes
    something else, and each time where the source is named; dbproc status says it as long as it lasts.
    """
    screen = Screen()
    report = Report(None if as_json else screen.say)
    try:
        with open_own_mission(mission, read_only=dry_run) as store, signals_interrupt():
            if dry_run:
                answers = [preview(store, *each) for each in _sources(store, names)]
            else:
                answers = list(_fetched(store, names, report, screen))
    except Interrupted as signal:
        screen.clear()
        click.echo(f"ended by {signal}; what was fetched is recorded, the next time goes on", err=True)
        return EXIT_INTERRUPTED
    finally:
        screen.clear()
    is_busy = any(each.is_busy for each in answers)
    has_problem = dry_run and any(each.problem for each in answers)
    status = report.exit_status or (EXIT_BUSY if is_busy else int(has_problem))
    if as_json:
        print_json(FetchTold(answers, report.events, report.counts, status))
    else:
        for each in answers:
            if each.is_busy and not quiet_if_busy:
                click.echo(f"source {cell(each.source)}: another process fetches from it", err=True)
            elif dry_run:
                _print_plan(each, everything=everything)
            elif names or _has_moved(each) or sys.stdout.isatty():
                _print(each)
    return status


def _sources(store: Store, names: Sequence[str]) -> list[tuple[Mission, SourceSpec]]:
    with store.begin() as connection:
        mission = load_mission(connection)
    return [(mission, source) for source in sources_named(mission, names)]


def _fetched(store: Store, names: Sequence[str], report: Report, screen: Screen) -> Iterator[SourceFetched]:
    bars = Bars(screen)
    for mission, source in _sources(store, names):
        with _logged(mission):
            fetch = Fetch(store, mission, source, report, observe=bars.observe, is_for_person=bool(names))
            yield fetch.fetch()
        screen.clear()


@contextmanager
def _logged(mission: Mission) -> Iterator[None]:
    """Work with the mission's umask and group, in its daily log."""
    with permissions.in_force(mission):
        workspace = Workspace(mission.root)
        workspace.prepare()
        log = log_to(workspace.logs, "info")
        try:
            yield
        finally:
            stop_logging(log)


def _has_moved(answer: SourceFetched) -> bool:
    """Whether anything came to an end: what only waits is not said again and again to whoever cron mails to."""
    return bool(answer.verified or answer.unverified or answer.failed)


def _print(answer: SourceFetched) -> None:
    """Say what came of a source."""
    done = answer.verified + answer.unverified
    counts = {
        "fetched": done,
        "unverified": answer.unverified,
        "failed": answer.failed,
        "waiting": answer.waiting,
        "left for a later look": answer.left,
    }
    nothing = "nothing new" if answer.problem is None else "nothing fetched"
    words = ", ".join(f"{count} {what}" for what, count in counts.items() if count) or nothing
    click.echo(f"source {cell(answer.source)}: {words}{f'; {size_words(answer.bytes)}' if answer.bytes else ''}")


def _print_plan(answer: SourceFetched, *, everything: bool) -> None:
    """Say what would be fetched."""
    name = f"source {cell(answer.source)}"
    if answer.problem:
        click.echo(f"{name}: {cell(answer.problem)}", err=True)
    if answer.listed is None:
        return
    sizes = [each.size for each in answer.files]
    total = None if None in sizes else sum(size for size in sizes if size is not None)
    left = f", {answer.left} left for a later look" if answer.left else ""
    click.echo(f"{name}: {len(answer.files)} of {answer.listed} files to fetch, {size_words(total)}{left}")
    lines = [f"{each.change}: {each.path}, {size_words(each.size)}" for each in answer.files]
    print_some(lines, "  ", everything=everything)
