"""``dbproc plan``: what the next run would do."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from dbproc.cli.common import asking_options, glob_option, names_in, only_option, open_mission, print_json, retry_words
from dbproc.core.events import unsettled_words
from dbproc.core.text import one_line
from dbproc.run.selection import Options

if TYPE_CHECKING:
    from dbproc.explain.plan import Plan, PlannedTask


@click.command("plan")
@asking_options
@glob_option
@only_option
@click.option("-s", "--skip-run", is_flag=True, help="Skip processes of timebase RUN.")
def plan_command(mission: str, as_json: bool, pattern: str, only: str | None, skip_run: bool) -> int:
    """Say what the next run would do and why. Changes nothing at all."""
    return preview(mission, Options(only=names_in(only), skip_run=skip_run, pattern=pattern), as_json=as_json)


def preview(mission: str, options: Options, *, as_json: bool, echo: bool = False) -> int:
    from dbproc.database import root
    from dbproc.explain.plan import plan

    with open_mission(mission, echo=echo, read_only=True) as store:
        problem = root.problem(store)
        if problem:
            click.echo(f"no run would do anything: {problem}", err=True)
        answer = plan(store, options)
    if as_json:
        print_json(_as_json(answer, options))
    else:
        _print(answer)
    return 0


def _print(plan: Plan) -> None:
    incoming = plan.incoming
    if incoming is not None and incoming.problem is not None:
        click.echo(one_line(incoming.problem))
    for name, text in incoming.files if incoming else ():
        click.echo(one_line(f"incoming {name}: {text}"))
    for edit in plan.edited_codes:
        click.echo(f"edited {edit.code}: {edit.changed}; {edit.consequence}")
    for task in plan.tasks:
        what = ", ".join(task.outputs) or f"{task.process} {task.date}"
        when = "would then" if task.waits_for else "would"
        why = f"{task.why} (campaign {task.campaign})" if task.campaign else task.why
        click.echo(one_line(f"{when} {'build' if task.outputs else 'run'} {what}: {why}"))
    for problem in plan.problems:
        click.echo(one_line(f"{problem.state} {problem.process} {problem.date}: {problem.why}"))
    for failure in plan.failures:
        click.echo(
            f"failed {failure.process} {failure.date}: {one_line(failure.message or '')}; {retry_words(failure)}"
        )
    for note in plan.notes:
        click.echo(note)
    if plan.is_empty:
        click.echo("nothing to do")
    if incoming is not None and incoming.unsettled:
        click.echo(unsettled_words(incoming.unsettled))


def _as_json(plan: Plan, options: Options) -> dict[str, object]:
    """The plan without parts that were not requested."""
    facts: dict[str, object] = {}
    if plan.incoming is not None:
        facts |= {"incoming": plan.incoming.files, "unsettled": plan.incoming.unsettled}
        if plan.incoming.problem is not None:
            facts["incoming_problem"] = plan.incoming.problem
    if options.process:
        facts |= {
            "edited_codes": plan.edited_codes,
            "tasks": [_task(task) for task in plan.tasks],
            "problems": [_task(problem) for problem in plan.problems],
            "waiting": [
                {"process": task.process, "date": task.date, "keywords": task.keywords, "waits_for": task.waits_for}
                for task in plan.tasks
                if task.waits_for
            ],
            "follows": plan.follows,
            "failures": plan.failures,
            "notes": plan.notes,
        }
    return facts


def _task(task: PlannedTask) -> dict[str, object]:
    return {**asdict(task), "output": task.outputs[0] if task.outputs else None}
