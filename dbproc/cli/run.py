"""``dbproc run | ingest | process``: one run."""

from __future__ import annotations

from typing import Any

import click

from dbproc import cycle
from dbproc.cli.common import (
    dry_run_option,
    glob_option,
    json_option,
    mission_option,
    names_in,
    only_option,
    open_mission,
    print_report,
    quiet_if_busy_option,
    slots_option,
    together,
)
from dbproc.cli.numbers import AMOUNT
from dbproc.cli.progress import Screen
from dbproc.core.errors import EXIT_INTERRUPTED, BusyError, DatabaseLostError
from dbproc.core.events import Report
from dbproc.core.text import one_line
from dbproc.run.selection import Options
from dbproc.system.signals import Interrupted, told

LEVELS = ("debug", "info", "warning", "error", "critical")


run_options = together(
    click.option("-s", "--skip-run", is_flag=True, help="Skip processes of timebase RUN."),
    only_option,
    click.option("--ram", type=AMOUNT, help="Memory for jobs, GiB.  [default: no limit]"),
    slots_option(),
)
log_level_option = click.option(
    "-l", "--log-level", type=click.Choice(LEVELS), default="info", show_default=True, help="For the log file."
)
common_options = together(
    dry_run_option,
    log_level_option,
    click.option("--echo", is_flag=True, help="Print every SQL statement."),
    quiet_if_busy_option,
    json_option,
    mission_option,
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
    """Carry out run, ingest, process or ProcessQueue.py; return the exit status."""
    options = Options(
        ingest=ingest,
        process=process,
        only=names_in(only),
        skip_run=skip_run,
        slots=slots,
        ram=ram,
        pattern=pattern,
        log_level=log_level,
    )
    if dry_run:
        from dbproc.cli.plan import preview

        return preview(mission, options, as_json=as_json, echo=echo)
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
