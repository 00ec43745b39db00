"""``dbproc stats``: cost and output of codes."""

from __future__ import annotations

from collections.abc import Callable

import click

from dbproc.cli.common import asking_options, cell, open_mission, optional_process, print_columns, print_json
from dbproc.cli.writing import write_file
from dbproc.core.durations import rough_text
from dbproc.core.text import size_words
from dbproc.explain.statistics import Record, Spread, records, values_of_jobs

_COLUMNS = ("process", "code", "jobs", "failed", "time", "CPU time", "memory", "output")


@click.command("stats")
@optional_process
@click.option("--png", metavar="FILE", help="Write a picture: how many jobs took how long, and made how much.")
@asking_options
def stats_command(process: str | None, png: str | None, mission: str, as_json: bool) -> None:
    """Show what the jobs of PROCESS, or of all, took and made, one line for each version of a code.

    Each value is the median of the jobs that succeeded, and the greatest in parentheses. Below stands which version is
    markedly slower than the one before, or makes files of another size.

    For example: dbproc stats to_clean
    """
    if png is not None and as_json:
        raise click.UsageError("give one of --png and --json")
    with open_mission(mission, read_only=True) as store:
        if png is not None:
            from dbproc.explain.picture import distribution_picture

            write_file(png, distribution_picture(values_of_jobs(store, process)))
            return
        answer = records(store, process)
    if as_json:
        print_json(answer)
        return
    if not answer:
        click.echo("no job has run yet")
        return
    print_columns(_COLUMNS, map(_cells, answer))
    for record in answer:
        for remark in record.remarks:
            click.echo(f"{record.process}: {cell(remark)}")


def _cells(record: Record) -> tuple[object, ...]:
    return (
        record.process,
        f"{record.code} {record.version}",
        record.jobs,
        record.failures,
        _words(record.seconds, rough_text),
        _words(record.cpu_seconds, rough_text),
        _words(record.memory_bytes, size_words),
        _words(record.output_bytes, size_words),
    )


def _words(spread: Spread, words: Callable[[float], str]) -> str | None:
    if spread.median is None or spread.most is None:
        return None
    return f"{words(spread.median)} ({words(spread.most)})"
