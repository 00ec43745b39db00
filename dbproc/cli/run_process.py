"""``dbproc run-process``: run one process over a range of dates."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from dbproc.changes.edits import edits_in_words
from dbproc.cli.common import (
    TIME,
    cell,
    dry_run_option,
    json_option,
    key_option,
    mission_option,
    open_mission,
    print_json,
    print_report,
    process_argument,
    slots_option,
    version_option,
)
from dbproc.cli.output import report_work
from dbproc.cli.progress import Screen
from dbproc.core.answers import INLINE
from dbproc.core.errors import EXIT_INTERRUPTED
from dbproc.core.events import Event, Report
from dbproc.core.model import Definition, Period
from dbproc.core.plan import Decision, State
from dbproc.core.slot_text import SlotShown, choice_of, slot_shown
from dbproc.core.version import Part, Version
from dbproc.database.definition.load import load_definition
from dbproc.run.command_line import command_line
from dbproc.run.on_demand import Request, decisions_of, narrowed, tell_undue
from dbproc.system.signals import Interrupted, signals_interrupt

_NO_DIRECTORY = "OUTPUT_DIRECTORY"


@click.command("run-process")
@process_argument
@click.option("--start", type=TIME, required=True, metavar="WHEN", help="The first day, hour, minute or second.")
@click.option("--end", type=TIME, required=True, metavar="WHEN", help="The last one, included.")
@key_option
@click.option("--update", is_flag=True, help="Only what is stale.  [default: everything]")
@click.option(
    "--force", type=click.IntRange(0, 2), help="Raise this part of the versions: 0 interface, 1 quality, 2 revision."
)
@click.option("--no-optional", is_flag=True, help="Leave optional inputs out.")
@click.option("--ingest", is_flag=True, help="Take the outputs into the catalogue, as a run does.")
@version_option("--version")
@slots_option()
@dry_run_option
@click.option("--output", type=click.Path(path_type=Path, file_okay=False), help="Where outputs go.  [default: here]")
@json_option
@mission_option
def run_process_command(
    process: str,
    start: Period,
    end: Period,
    keys: Sequence[str],
    update: bool,
    force: int | None,
    no_optional: bool,
    version: Version | None,
    **options: Any,
) -> int:
    """Run PROCESS, by name or number, for every period from --start to --end, up to date or not.

    The outputs are put into the current directory, and nothing enters the catalogue: inputs are only read, no lock is
    needed, and runs may go on meanwhile. With --ingest it is a run of its own: under the lock, with attempts, versions
    and lineage. Nothing is overwritten.

    Example: dbproc run-process clean --start 2024-05-01 --end 2024-05-31 --output /tmp/try

    Some hours of one station: dbproc run-process to_hour --start 2024-05-06T03 --end 2024-05-06T05 --key station=BOL
    """
    request = Request(
        process=process,
        slots=choice_of(start, end, keys),
        only_stale=update,
        force=None if force is None else Part(force),
        with_optional=not no_optional,
        version=version,
    )
    return perform(request, **options)


def perform(
    request: Request,
    *,
    mission: str,
    ingest: bool,
    slots: int,
    dry_run: bool,
    output: Path | None,
    as_json: bool,
    echo: bool = False,
) -> int:
    """Carry out run-process or DBRunner.py; return the exit status."""
    if request.only_stale and request.force is not None:
        raise click.UsageError("--update and --force exclude each other: what is forced is made, stale or not")
    if request.version is not None and (ingest or request.only_stale or request.force is not None):
        raise click.UsageError(
            "a version is for outputs beside the catalogue: leave --ingest, --update and --force out"
        )
    if ingest and output is not None:
        raise click.UsageError("--ingest puts outputs where their products live; leave --output out")
    if dry_run:
        return _preview(mission, request, ingest=ingest, as_json=as_json, echo=echo)
    report_work()
    screen = Screen()
    report = Report(None if as_json else screen.say)
    try:
        if ingest:
            _ingest(mission, request, report, screen, slots=slots, echo=echo)
        else:
            _put_aside(mission, request, report, screen, slots=slots, directory=str(output or Path.cwd()), echo=echo)
    except Interrupted as signal:
        click.echo(f"ended by {signal}; what was finished stays", err=True)
        return EXIT_INTERRUPTED
    finally:
        screen.clear()
    return print_report(report, as_json=as_json)


def _ingest(mission: str, request: Request, report: Report, screen: Screen, *, slots: int, echo: bool) -> None:
    from dbproc import cycle
    from dbproc.run import selection

    with open_mission(mission, echo=echo) as store:
        cycle.run_by_hand(store, request, selection.Options(slots=slots), report, screen.progress)


def _put_aside(
    mission: str, request: Request, report: Report, screen: Screen, *, slots: int, directory: str, echo: bool
) -> None:
    from dbproc.engines.local import LocalEngine
    from dbproc.products.inspection import Inspection
    from dbproc.run.sandbox import Sandbox, prepare

    with open_mission(mission, read_only=True, echo=echo) as store, signals_interrupt():
        with store.begin() as connection:
            definition = narrowed(load_definition(connection), request)
        prepare(definition, directory)
        for edit in edits_in_words(definition):
            text = f"changed under version {edit.version}; it is run as it is now, outputs are named by that version"
            report.add(Event.NOTE, edit.code, text)
        decisions = decisions_of(store, definition, request)
        tell_undue(report, definition, decisions)
        with Inspection(definition) as inspection:
            sandbox = Sandbox(store, definition, inspection, LocalEngine(slots), directory, report)
            sandbox.run(decisions, screen.progress)


def _preview(mission: str, request: Request, *, ingest: bool, as_json: bool, echo: bool) -> int:
    with open_mission(mission, read_only=True, echo=echo) as store:
        with store.begin() as connection:
            definition = narrowed(load_definition(connection), request)
        found = decisions_of(store, definition, request)
        rows = tuple(_by_hand(definition, decision, ingest=ingest) for decision in found)
    if as_json:
        print_json(PlannedByHand(process=request.process, ingest=ingest, dates=rows))
        return 0
    for row in rows:
        subject = str(row.slot)
        if row.is_run:
            click.echo(cell(f"would make {', '.join(row.outputs) or subject}: {row.why}"))
            click.echo(f"  {cell(shlex.join(row.command_line))}")
        else:
            click.echo(cell(f"{subject}: {row.state}: {row.why}"))
    return 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ByHand:
    """The preview of one period and key of run-process."""

    slot: SlotShown = field(metadata=INLINE)
    state: State  #: how it stands
    is_run: bool  #: whether the code would be run
    outputs: tuple[str, ...]  #: the names of what it would make
    inputs: tuple[str, ...]  #: the names of the files that it would be made from
    why: str  #: why it would be run, or not
    command_line: tuple[str, ...]  #: the words that would be executed


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedByHand:
    """The preview of run-process."""

    process: str  #: the process as it was named
    ingest: bool  #: whether the outputs would be taken into the catalogue
    dates: tuple[ByHand, ...]  #: one by one, in the order of time


def _by_hand(definition: Definition, decision: Decision, *, ingest: bool) -> ByHand:
    task, process = decision.task, definition.processes[decision.slot.process_id]
    is_run = task is not None and (decision.state is State.STALE or (decision.state is State.REFUSED and not ingest))
    directory = os.path.join(definition.mission.root, ".dbproc", "work", "…") if ingest else _NO_DIRECTORY
    return ByHand(
        slot=slot_shown(process, decision.slot, decision.period),
        state=decision.state,
        is_run=is_run,
        outputs=tuple(planned.name for planned in task.outputs) if task else (),
        inputs=tuple(file.filename for file in task.inputs) if task else (),
        why=task.why if task and is_run else decision.explanation,
        command_line=command_line(definition, task, directory) if task and is_run else (),
    )
