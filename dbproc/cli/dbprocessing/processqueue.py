"""``ProcessQueue.py``: one run, with dbprocessing's options."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from dbproc.cli import guarded
from dbproc.cli.common import (
    HELP,
    glob_option,
    json_option,
    mission_option,
    only_option,
    quiet_if_busy_option,
    slots_option,
)
from dbproc.cli.run import log_level_option, perform


@click.command("ProcessQueue.py", context_settings=HELP)
@click.option("-i", "ingest", is_flag=True, help="Ingest.  [with neither -i nor -p: both]")
@click.option("-p", "process", is_flag=True, help="Process the queue.")
@click.option("-s", "skip_run", is_flag=True, help="Skip processes of timebase RUN.")
@only_option
@click.option("-d", "--dryrun", "dry_run", is_flag=True, help="Say what would be done, and change nothing.")
@log_level_option
@slots_option()
@glob_option
@click.option("--echo", is_flag=True, help="Print every SQL statement.")
@click.option("-r", "--report", "with_report", is_flag=True, help="Write .dbproc/report.html in the root afterwards.")
@quiet_if_busy_option
@json_option
@mission_option
def command(
    ingest: bool, process: bool, skip_run: bool, only: str | None, with_report: bool, mission: str, **options: Any
) -> int:
    """One run: ingest what arrived, build everything that is stale, and exit. Start it from cron."""
    both = not ingest and not process
    if not (process or both):
        for given, name in ((skip_run, "-s"), (only, "-o")):
            if given:
                raise click.UsageError(f"{name} needs -p")
    status = perform(
        mission=mission, ingest=ingest or both, process=process or both, skip_run=skip_run, only=only, **options
    )
    if with_report and not options["dry_run"]:
        from dbproc.cli.report import write_report

        write_report(mission)
    return status


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``ProcessQueue.py``; return the exit status."""
    return guarded(command, arguments, "ProcessQueue.py")
