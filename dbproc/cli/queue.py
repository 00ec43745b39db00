"""``dbproc queue``: the files still to be looked at."""

from __future__ import annotations

from dataclasses import dataclass

import click

from dbproc.cli.common import asking_options, open_mission, open_own_mission, show, show_rows
from dbproc.database import queue


@dataclass(frozen=True, slots=True)
class Flushed:
    """A queue that was emptied."""

    files: int  #: how many files were in it


@click.command("queue")
@asking_options
@click.option(
    "--flush", is_flag=True, help="Empty the queue. What is stale then is not looked at until its inputs change."
)
def queue_command(mission: str, as_json: bool, flush: bool) -> None:
    """List the files still to be looked at as inputs of new work."""
    if flush:
        with open_own_mission(mission) as store, store.begin() as connection:
            flushed = Flushed(queue.flush(connection))
        show(flushed, as_json, lambda done: click.echo(f"flushed {done.files} files from the queue"))
        return
    with open_mission(mission, read_only=True) as store, store.begin() as connection:
        rows = queue.entries(connection)
    head = ("filename", "product_name", "utc_file_date", "reason", "queued_time")
    show_rows(rows, as_json, head, empty="the queue is empty")
