"""``dbproc log``: what runs and people did."""

from __future__ import annotations

from itertools import chain

import click

from dbproc.cli import terminal
from dbproc.cli.common import TIME, asking_options, cell, open_mission
from dbproc.cli.completers import complete_files, complete_processes
from dbproc.cli.listing import list_json, list_lines
from dbproc.cli.table import folded
from dbproc.core.model import Period
from dbproc.database.log import LogEntry
from dbproc.explain.history import history


@click.command("log")
@click.option("--since", type=TIME, metavar="WHEN", help="From this day, hour, minute or second on.")
@click.option("--process", shell_complete=complete_processes, metavar="PROCESS", help="Only the jobs of this process.")
@click.option("--file", "name", shell_complete=complete_files, metavar="FILE", help="Only what was done to this file.")
@asking_options
def log_command(mission: str, as_json: bool, since: Period | None, process: str | None, name: str | None) -> None:
    """Say what runs and people did, as the catalogue has it: files taken in, made, refused, corrected; jobs that
    failed, were dismissed or are tried again.

    Without options: since the tenth last run began. Of a process or a file: all there is.

    For example: dbproc log --since 2024-05-06; dbproc log --file clean_20240506_v1.0.0.nc
    """
    with open_mission(mission, read_only=True) as store:
        entries = history(store, None if since is None else since.start, process, name)
    if as_json:
        list_json(entries)
    elif not entries:
        click.echo("nothing happened, or it is not recorded which run did it")
    else:
        list_lines(chain.from_iterable(map(_lines, entries)))


def _lines(entry: LogEntry) -> list[str]:
    time = cell(entry.time)
    if entry.event == "run":
        return folded(f"{time} {_run_words(entry)}", terminal.room())
    message = f": {cell(entry.message)}" if entry.message else ""
    run = "" if entry.run is None else f" (run {entry.run})"
    return folded(f"{time} {entry.event} {cell(entry.subject)}{message}{run}", terminal.room())


def _run_words(entry: LogEntry) -> str:
    """A run, or another command that keeps runs away, under its number."""
    is_run = entry.subject == "run"
    return f"run {entry.run} {cell(entry.message)}" if is_run else f"{cell(entry.subject)} {cell(entry.message)}"
