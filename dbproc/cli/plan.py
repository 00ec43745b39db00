"""``dbproc plan``: what the next run would do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from dbproc.cli.common import (
    asking_options,
    choice_of,
    glob_option,
    names_in,
    only_option,
    open_mission,
    retry_words,
    show,
    slot_options,
)
from dbproc.core.events import unsettled_words
from dbproc.core.model import Period
from dbproc.core.slot_text import EVERY_SLOT, SlotChoice
from dbproc.core.text import one_line
from dbproc.run.selection import Options

if TYPE_CHECKING:
    from dbproc.explain.plan import Plan


@click.command("plan")
@asking_options
@glob_option
@only_option
@click.option("-s", "--skip-run", is_flag=True, help="Skip processes of timebase RUN.")
@slot_options
def plan_command(
    mission: str,
    as_json: bool,
    pattern: str,
    only: str | None,
    skip_run: bool,
    start: Period | None,
    end: Period | None,
    keys: Sequence[str],
) -> int:
    """Say what the next run would do and why. Changes nothing at all.

    Times and keys choose which of its jobs are listed.
    """
    options = Options(only=names_in(only), skip_run=skip_run, pattern=pattern)
    return preview(mission, options, choice_of(start, end, keys), as_json=as_json)


def preview(
    mission: str, options: Options, choice: SlotChoice = EVERY_SLOT, *, as_json: bool, echo: bool = False
) -> int:
    from dbproc.database import root
    from dbproc.explain.plan import plan

    with open_mission(mission, echo=echo, read_only=True) as store:
        problem = root.problem(store)
        if problem:
            click.echo(f"no run would do anything: {problem}", err=True)
        answer = plan(store, options, choice)
    show(answer, as_json, _print)
    return 0


def _print(plan: Plan) -> None:
    if plan.incoming_problem is not None:
        click.echo(one_line(plan.incoming_problem))
    for name, text in plan.incoming or ():
        click.echo(one_line(f"incoming {name}: {text}"))
    for edit in plan.edited_codes or ():
        click.echo(f"edited {edit.code}: {edit.changed}; {edit.consequence}")
    for task in plan.tasks or ():
        what = ", ".join(task.outputs) or f"{task.process} {task.slot}"
        when = "would then" if task.waits_for else "would"
        why = f"{task.why} (campaign {task.campaign})" if task.campaign else task.why
        click.echo(one_line(f"{when} {'build' if task.outputs else 'run'} {what}: {why}"))
    for problem in plan.problems or ():
        click.echo(one_line(f"{problem.state} {problem.process} {problem.slot}: {problem.why}"))
    for later in plan.later or ():
        click.echo(one_line(f"waiting {later}: {later.why}"))
    for failure in plan.failures or ():
        click.echo(
            f"failed {failure.process} {failure.slot}: {one_line(failure.message or '')}; {retry_words(failure)}"
        )
    for note in plan.notes or ():
        click.echo(note)
    if plan.is_empty:
        click.echo("nothing to do")
    if plan.unsettled:
        click.echo(unsettled_words(plan.unsettled))
