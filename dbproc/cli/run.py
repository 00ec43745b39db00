"""run, ingest, process, plan, retry."""

from __future__ import annotations

import datetime as dt
from typing import Any

import click

from dbproc import cycle
from dbproc.cli.common import (
    Function,
    Screen,
    json_option,
    mission_option,
    open_mission,
    open_own_mission,
    print_json,
    print_report,
    retry_words,
)
from dbproc.cli.numbers import AMOUNT, NUMBER
from dbproc.core.errors import EXIT_INTERRUPTED, BusyError, DatabaseLostError
from dbproc.core.events import Report, one_line, unsettled_words
from dbproc.cycle import Options
from dbproc.database import attempts
from dbproc.database.definition.load import load_definition
from dbproc.explain.lineage import standing_failures
from dbproc.system.signals import Interrupted, told

LEVELS = ("debug", "info", "warning", "error")


def run_options(function: Function) -> Function:
    """Options of commands that process."""
    options = (
        click.option("-n", "--num-proc", "slots", default=2, show_default=True, type=NUMBER, help="CPUs for jobs."),
        click.option("--ram", type=AMOUNT, help="Memory for jobs, GiB.  [default: no limit]"),
        click.option("-o", "--only", metavar="PROCESS[,…]", help="Only these processes, by name or number."),
        click.option("-s", "--skip-run", is_flag=True, help="Skip processes of timebase RUN."),
    )
    for option in options:
        function = option(function)
    return function


def quiet_if_busy_option(function: Function) -> Function:
    """--quiet-if-busy."""
    text = "Print nothing when another run is live, as cron mails what is printed. The exit status is 75 all the same."
    return click.option("--quiet-if-busy", is_flag=True, help=text)(function)


def common_options(function: Function) -> Function:
    """Options of every run."""
    options = (
        click.option("-d", "--dry-run", is_flag=True, help="Say what would be done, and change nothing."),
        click.option(
            "-l", "--log-level", type=click.Choice(LEVELS), default="info", show_default=True, help="For the log file."
        ),
        click.option("--echo", is_flag=True, help="Print every SQL statement."),
        quiet_if_busy_option,
        json_option,
        mission_option,
    )
    for option in reversed(options):
        function = option(function)
    return function


def glob_option(function: Function) -> Function:
    """--glb."""
    return click.option("--glb", "pattern", default="*", show_default=True, help="Only files in incoming like this.")(
        function
    )


@click.command("run")
@common_options
@glob_option
@run_options
def run_command(**options: Any) -> int:
    """Ingest what arrived, build everything that is stale, and exit."""
    return perform(ingest=True, process=True, **options)


@click.command("ingest")
@common_options
@glob_option
def ingest_command(**options: Any) -> int:
    """Ingest what arrived, and build nothing."""
    return perform(ingest=True, process=False, **options)


@click.command("process")
@common_options
@run_options
def process_command(**options: Any) -> int:
    """Build everything that is stale, without looking into incoming."""
    return perform(ingest=False, process=True, **options)


@click.command("plan")
@mission_option
@json_option
@glob_option
@click.option("-o", "--only", metavar="PROCESS[,…]", help="Only these processes, by name or number.")
@click.option("-s", "--skip-run", is_flag=True, help="Skip processes of timebase RUN.")
def plan_command(mission: str, as_json: bool, pattern: str, only: str | None, skip_run: bool) -> int:
    """Say what the next run would do and why. Changes nothing at all."""
    return _preview(mission, Options(only=_names(only), skip_run=skip_run, pattern=pattern), as_json=as_json)


@click.command("retry")
@mission_option
@click.option("-o", "--only", metavar="PROCESS[,…]", help="Only these processes, by name or number.")
@click.option("--date", type=click.DateTime(["%Y-%m-%d"]), help="Only this date.")
def retry_command(mission: str, only: str | None, date: dt.datetime | None) -> int:
    """Have the next run try again what failed or was given up, at once."""
    with open_own_mission(mission) as store, store.begin() as connection:
        definition = load_definition(connection)
        processes = cycle.allowed_processes(definition, Options(only=_names(only)))
        standing = standing_failures(connection, definition)
        count = attempts.arm(connection, processes, None if date is None else date.date(), standing)
    click.echo(f"{count} failed jobs are tried again by the next run")
    return 0


def perform(
    *,
    mission: str,
    ingest: bool,
    process: bool,
    dry_run: bool,
    log_level: str,
    echo: bool,
    as_json: bool,
    pattern: str = "*",
    slots: int = 2,
    ram: float | None = None,
    only: str | None = None,
    skip_run: bool = False,
    quiet_if_busy: bool = False,
) -> int:
    """Do what run, ingest, process and ProcessQueue.py are for; gives the exit status."""
    options = Options(
        ingest=ingest,
        process=process,
        only=_names(only),
        skip_run=skip_run,
        slots=slots,
        ram=ram,
        pattern=pattern,
        log_level=log_level,
    )
    if dry_run:
        return _preview(mission, options, as_json=as_json, echo=echo)
    screen = Screen()
    report = Report(None if as_json else screen.say)
    with open_mission(mission, echo=echo) as store:
        try:
            cycle.run(store, options, report, screen.progress)
        except Interrupted as signal:
            screen.clear()
            click.echo(f"ended by {signal}; what was finished is recorded, the next run goes on", err=True)
            return EXIT_INTERRUPTED
        except BusyError as error:
            if quiet_if_busy:
                return error.exit_status
            raise
        except DatabaseLostError as error:
            if not told():
                raise
            screen.clear()
            click.echo(f"ended by a signal; what was finished could not be recorded: {one_line(str(error))}", err=True)
            return EXIT_INTERRUPTED
        finally:
            screen.clear()
    return print_report(report, as_json=as_json)


def _preview(mission: str, options: Options, *, as_json: bool, echo: bool = False) -> int:
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


def _names(only: str | None) -> tuple[str, ...] | None:
    return None if only is None else tuple(name.strip() for name in only.split(",") if name.strip())
