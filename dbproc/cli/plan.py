"""``dbproc plan``: what the next run would do."""

from __future__ import annotations

from typing import Any

import click

from dbproc.cli.common import glob_option, json_option, mission_option, names_in, open_mission, print_json, retry_words
from dbproc.core.events import unsettled_words
from dbproc.core.text import one_line
from dbproc.run.selection import Options


@click.command("plan")
@mission_option
@json_option
@glob_option
@click.option("-o", "--only", metavar="PROCESS[,…]", help="Only these processes, by name or number.")
@click.option("-s", "--skip-run", is_flag=True, help="Skip processes of timebase RUN.")
def plan_command(mission: str, as_json: bool, pattern: str, only: str | None, skip_run: bool) -> int:
    """Say what the next run would do and why. Changes nothing at all."""
    return preview(mission, Options(only=names_in(only), skip_run=skip_run, pattern=pattern), as_json=as_json)


def preview(mission: str, options: Options, *, as_json: bool, echo: bool = False) -> int:
    from dbproc.database import root
    from dbproc.explain.preview import planned

    with open_mission(mission, echo=echo, read_only=True) as store:
        problem = root.problem(store)
        if problem:
            click.echo(f"no run would do anything: {problem}", err=True)
        facts = planned(store, options)
    _print_plan(facts, as_json)
    return 0


def _print_plan(facts: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(facts)
        return
    if "incoming_problem" in facts:
        click.echo(one_line(facts["incoming_problem"]))
    for name, text in facts.get("incoming", ()):
        click.echo(one_line(f"incoming {name}: {text}"))
    for edit in facts.get("edited_codes", ()):
        click.echo(f"edited {edit['code']}: {edit['changed']}; {edit['consequence']}")
    for task in facts.get("tasks", ()):
        what = ", ".join(task["outputs"]) or f"{task['process']} {task['date']}"
        click.echo(one_line(f"would {'build' if task['output'] else 'run'} {what}: {task['why']}"))
    for problem in facts.get("problems", ()):
        click.echo(one_line(f"{problem['state']} {problem['process']} {problem['date']}: {problem['why']}"))
    for item in facts.get("waiting", ()):
        click.echo(f"decided later {item['process']} {item['date']}: waits for {item['waits_for']}")
    for product in facts.get("follows", ()):
        click.echo(f"may follow: {product}")
    for failure in facts.get("failures", ()):
        click.echo(
            f"failed {failure['process']} {failure['date']}: {one_line(failure['message'])}; {retry_words(failure)}"
        )
    if not any(value for name, value in facts.items() if name != "unsettled"):
        click.echo("nothing to do")
    if facts.get("unsettled"):
        click.echo(unsettled_words(facts["unsettled"]))
