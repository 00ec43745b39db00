"""``dbproc report``: the whole mission as one page."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Sequence

import click

from dbproc.cli.common import asking_options, cell, open_mission, print_columns, print_json, slot_options
from dbproc.cli.writing import write_file
from dbproc.core.durations import rough_text
from dbproc.core.errors import UserError
from dbproc.core.model import Period
from dbproc.core.slot_text import choice_of, read_since
from dbproc.explain.activity import Activity, activity_since
from dbproc.explain.pages import activity_page, report_page
from dbproc.explain.report import mission_report
from dbproc.storage import layout

_OUTPUT = "The page; - for standard output."


@click.command("report")
@click.option("--output", default="report.html", show_default=True, metavar="FILE", help=_OUTPUT)
@click.option("--since", metavar="WHEN", help="Say instead what runs did since: 7d, 12 h, or a time.")
@click.option("--html", metavar="FILE", help="With --since: write a page; - for standard output.")
@slot_options
@asking_options
def report_command(
    output: str,
    since: str | None,
    html: str | None,
    start: Period | None,
    end: Period | None,
    keys: Sequence[str],
    mission: str,
    as_json: bool,
) -> None:
    """Write the whole mission as one page, for a review.

    It tells the definition, the coverage, counts and sizes, versions and codes, failures, what is late, withdrawn or in
    quarantine, and the latest runs. It needs no server and no other file. Times and keys choose what is shown of
    coverage, failures, waiting outputs and late files.

    With --since it says what runs took in, made and could not make, day by day and product by product, and which jobs
    took longest: on the screen, or as a page with --html. For example: dbproc report --since 7d --html week.html
    """
    if since is not None:
        _say_activity(mission, _time_of(since), html, as_json=as_json)
        return
    if html is not None:
        raise click.UsageError("--html goes with --since; the whole mission goes to --output")
    choice = choice_of(start, end, keys)
    with open_mission(mission, read_only=True) as store:
        answer = mission_report(store, choice)
    if as_json:
        print_json(answer)
    else:
        write_file(output, report_page(answer).encode())


def _time_of(text: str) -> dt.datetime:
    try:
        return read_since(text, dt.datetime.now(dt.UTC))
    except UserError as error:
        raise click.UsageError(f"--since {text!r}: {error}") from error


def _say_activity(mission: str, since: dt.datetime, html: str | None, *, as_json: bool) -> None:
    with open_mission(mission, read_only=True) as store:
        answer = activity_since(store, since)
    if as_json:
        print_json(answer)
    elif html is not None:
        write_file(html, activity_page(answer).encode())
    else:
        _print_activity(answer)


def _print_activity(answer: Activity) -> None:
    quarantined, queued = f"to quarantine: {answer.quarantined:,}", f"queued now: {answer.queued:,}"
    click.echo(f"since {cell(answer.since)}: runs: {answer.runs:,}, {quarantined}, {queued}")
    if answer.days:
        rows = [(each.day, each.product, each.ingested, each.made, each.failed, each.refused) for each in answer.days]
        print_columns(("day", "product", "ingested", "made", "failed", "refused"), rows)
    if answer.slowest:
        click.echo("\nthe longest jobs:")
    for job in answer.slowest:
        click.echo(f"  {rough_text(job.seconds)}: {cell(job.process)} {cell(job.slot)} ({cell(job.code)})")


def write_report(mission: str) -> None:
    """Write the page of ``ProcessQueue.py --report`` into the mission's own directory."""
    with open_mission(mission, read_only=True) as store:
        answer = mission_report(store)
    write_file(os.path.join(answer.root, layout.PRIVATE, "report.html"), report_page(answer).encode())
