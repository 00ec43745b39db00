"""``dbproc plan``: what the next run would do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

import click

from dbproc.cli.common import (
    SHOWN,
    all_option,
    asking_options,
    glob_option,
    names_in,
    only_option,
    open_mission,
    print_some,
    retry_words,
    show,
    slot_options,
    slots_option,
)
from dbproc.core.durations import rough_text
from dbproc.core.events import unsettled_words
from dbproc.core.model import Period
from dbproc.core.reasons import FEW
from dbproc.core.slot_text import EVERY_SLOT, SlotChoice, choice_of
from dbproc.core.text import one_line, size_words
from dbproc.run.selection import Options

if TYPE_CHECKING:
    from dbproc.explain.plan import Plan, PlannedTask, PlanTotals


_ALL = "dbproc plan --all"


@click.command("plan")
@asking_options
@glob_option
@only_option
@click.option("-s", "--skip-run", is_flag=True, help="Skip processes of timebase RUN.")
@slot_options
@slots_option()
@all_option
def plan_command(
    mission: str,
    as_json: bool,
    pattern: str,
    only: str | None,
    skip_run: bool,
    start: Period | None,
    end: Period | None,
    keys: Sequence[str],
    slots: int,
    everything: bool,
) -> int:
    """Say what the next run would do and why. Changes nothing at all.

    Times and keys choose which of its jobs are listed.
    """
    options = Options(only=names_in(only), skip_run=skip_run, slots=slots, pattern=pattern)
    return preview(mission, options, choice_of(start, end, keys), as_json=as_json, everything=everything)


def preview(
    mission: str,
    options: Options,
    choice: SlotChoice = EVERY_SLOT,
    *,
    as_json: bool,
    echo: bool = False,
    everything: bool = False,
) -> int:
    from dbproc.database import root
    from dbproc.explain.plan import plan

    with open_mission(mission, echo=echo, read_only=True) as store:
        problem = root.problem(store)
        if problem:
            click.echo(f"no run would do anything: {problem}", err=True)
        answer = plan(store, options, choice)
    show(answer, as_json, partial(_print, everything=everything))
    return 0


def _print(plan: Plan, *, everything: bool) -> None:
    if plan.incoming_problem is not None:
        click.echo(one_line(plan.incoming_problem))
    for name in plan.sources or ():
        click.echo(f"fetches from the source {one_line(name)} first; what is new there says: dbproc fetch --dry-run")
    print_some([f"incoming {name}: {text}" for name, text in plan.incoming or ()], everything=everything, by=_ALL)
    for edit in plan.edited_codes or ():
        click.echo(f"edited {edit.code}: {edit.changed}; {edit.consequence}")
    withdrawn = [f"would withdraw {each.file}, made from {each.cause}" for each in plan.withdrawn or ()]
    print_some(withdrawn, everything=everything, by=_ALL)
    _print_tasks(plan.tasks or (), everything=everything)
    for each in plan.recalls or ():
        click.echo(
            f"recalls {each.files:,} file{'' if each.files == 1 else 's'}, {size_words(each.size)}, from {each.store}"
        )
    for lines in _hindered(plan):
        print_some(lines, everything=everything, by=_ALL)
    print_some([f"lost {each.file}: {each.words}" for each in plan.lost or ()], everything=everything, by=_ALL)
    if plan.lost_problem is not None:
        click.echo(plan.lost_problem)
    for note in plan.notes or ():
        click.echo(note)
    for sentence in plan.never_due or ():
        click.echo(one_line(sentence))
    if plan.is_empty:
        click.echo("nothing to do")
    if plan.unsettled:
        click.echo(unsettled_words(plan.unsettled))
    if plan.totals is not None and plan.totals.jobs:
        _print_totals(plan.totals)


def _print_tasks(tasks: Sequence[PlannedTask], *, everything: bool) -> None:
    """Print the jobs in their order, of each process the first few or all."""
    counts: Counter[str] = Counter()
    for task in tasks:
        counts[task.process] += 1
        if everything or counts[task.process] <= SHOWN:
            click.echo(one_line(_task_words(task, everything=everything)))
    for process, count in counts.items():
        if not everything and count > SHOWN:
            click.echo(f"… and {count - SHOWN:,} more of {process}; to see them: {_ALL}")


def _task_words(task: PlannedTask, *, everything: bool) -> str:
    what = ", ".join(task.outputs) or f"{task.process} {task.slot}"
    when = "would then" if task.waits_for else "would"
    why = "; ".join(task.reasons) if everything and len(task.reasons) > FEW else task.why
    campaign = f" (campaign {task.campaign})" if task.campaign else ""
    return f"{when} {'build' if task.outputs else 'run'} {what}: {why}{campaign}"


def _hindered(plan: Plan) -> Iterator[list[str]]:
    """The lines on what is refused, waits, or failed."""
    yield [f"{each.state} {each.process} {each.slot}: {each.why}" for each in plan.problems or ()]
    yield [f"waiting {each}: {each.why}" for each in plan.later or ()]
    yield [
        f"failed {each.process} {each.slot}: {each.message or ''}; {retry_words(each)}" for each in plan.failures or ()
    ]


def _print_totals(totals: PlanTotals) -> None:
    """Print how much there is to do, and where it is of several processes, how much of each."""
    new = totals.jobs_without_history
    words = [f"{totals.jobs:,} to build"]
    if totals.seconds is not None:
        words.append(f"about {rough_text(totals.seconds)} on {totals.slots} slot{'' if totals.slots == 1 else 's'}")
    if new:
        words.append(f"{'all' if new == totals.jobs else f'{new:,}'} without a history to judge by")
    click.echo(", ".join(words))
    for each in totals.processes if len(totals.processes) > 1 else ():
        time = "" if each.seconds is None else f", {rough_text(each.seconds)} each"
        click.echo(f"  {each.process}: {each.jobs:,}{time}")
