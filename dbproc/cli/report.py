"""``dbproc report``: the whole mission as one page."""

from __future__ import annotations

import os
from collections.abc import Sequence

import click

from dbproc.cli.common import asking_options, choice_of, open_mission, print_json, slot_options
from dbproc.cli.writing import write_file
from dbproc.core.model import Period
from dbproc.explain.pages import report_page
from dbproc.explain.report import mission_report
from dbproc.storage import layout

_OUTPUT = "The page; - for standard output."


@click.command("report")
@click.option("--output", default="report.html", show_default=True, metavar="FILE", help=_OUTPUT)
@slot_options
@asking_options
def report_command(
    output: str, start: Period | None, end: Period | None, keys: Sequence[str], mission: str, as_json: bool
) -> None:
    """Write the whole mission as one page, for a review.

    It tells the definition, the coverage, counts and sizes, versions and codes, failures, what is late, withdrawn or in
    quarantine, and the latest runs. It needs no server and no other file. Times and keys choose what is shown of
    coverage, failures, waiting outputs and late files.
    """
    choice = choice_of(start, end, keys)
    with open_mission(mission, read_only=True) as store:
        answer = mission_report(store, choice)
    if as_json:
        print_json(answer)
    else:
        write_file(output, report_page(answer).encode())


def write_report(mission: str) -> None:
    """Write the page of ``ProcessQueue.py --report`` into the mission's own directory."""
    with open_mission(mission, read_only=True) as store:
        answer = mission_report(store)
    write_file(os.path.join(answer.root, layout.PRIVATE, "report.html"), report_page(answer).encode())
