"""``dbproc whatif``: predict the effect of a change."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from dbproc.cli.common import (
    all_option,
    cell,
    json_option,
    mission_option,
    open_mission,
    print_json,
    print_some,
    process_argument,
    selection_options,
    together,
)
from dbproc.cli.groups import Group
from dbproc.cli.mission_name import before_option
from dbproc.cli.numbers import NUMBER, VERSION
from dbproc.core.durations import rough_text
from dbproc.core.model import Period
from dbproc.core.slot_text import choice_of
from dbproc.core.text import size_words
from dbproc.core.version import Version

if TYPE_CHECKING:
    from dbproc.changes.whatif import Made, Prediction, Totals

_DAY = click.DateTime(["%Y-%m-%d"])
output_options = together(all_option, json_option, mission_option)


@click.group("whatif", cls=Group)
@before_option
def whatif_command() -> None:
    """Say exactly what would be made if something changed, down to the last descendant. Changes nothing at all.

    Every job is assumed to succeed. What the next run would make anyway, from queue and campaigns, is included.
    """


@whatif_command.command("release", short_help="If the code of a process had a new version.")
@process_argument
@click.option("--version", required=True, type=VERSION, metavar="X.Y.Z", help="The new version, for example 2.1.0.")
@click.option("--file", metavar="PROGRAM", help="The new file, below the codes directory.  [default: the present one]")
@click.option("--start", "start", type=_DAY, help="The first date that it is for.  [default: as at present]")
@click.option("--end", "end", type=_DAY, help="The last date that it is for.  [default: as at present]")
@click.option("--output-interface", type=NUMBER, help="The interface version of what it makes.")
@click.option("--rollback", is_flag=True, help="An earlier version is meant.")
@output_options
def release_command(
    process: str,
    version: Version,
    file: str | None,
    start: dt.datetime | None,
    end: dt.datetime | None,
    output_interface: int | None,
    rollback: bool,
    everything: bool,
    as_json: bool,
    mission: str,
) -> None:
    """Say what would be made if a new version of the code of PROCESS were released.

    For example: dbproc whatif release to_clean --version 2.0.0 --start 2024-01-01
    """
    from dbproc.changes.release import Request
    from dbproc.changes.whatif import if_released

    request = Request(
        process=process,
        version=version,
        file=file,
        first=_date(start),
        last=_date(end),
        output_interface=output_interface,
        is_rollback=rollback,
    )
    with open_mission(mission, read_only=True) as store:
        prediction = if_released(store, request)
    _print(prediction, everything=everything, as_json=as_json)


@whatif_command.command("reprocess", short_help="If outputs were made again.")
@selection_options
@click.option(
    "--force",
    type=click.IntRange(0, 2),
    help="Make it even where it is up to date, and raise this part: 0 interface, 1 quality, 2 revision.",
)
@output_options
def reprocess_command(
    mission: str,
    force: int | None,
    everything: bool,
    as_json: bool,
    start: Period | None,
    end: Period | None,
    keys: Sequence[str],
    **chosen: Any,
) -> None:
    """Say what would be made if the outputs that are chosen were looked at again, or made again with --force.

    For example: dbproc whatif reprocess --product clean --start 2024-01-01 --end 2024-01-31 --force 1
    """
    from dbproc.changes.reprocess import Selection
    from dbproc.changes.whatif import if_reprocessed
    from dbproc.core.version import Part

    selection = Selection(slots=choice_of(start, end, keys), **chosen)
    with open_mission(mission, read_only=True) as store:
        prediction = if_reprocessed(store, selection, None if force is None else Part(force))
    _print(prediction, everything=everything, as_json=as_json)


@whatif_command.command("file", short_help="If a file were delivered.")
@click.argument("path")
@click.option(
    "--bump",
    type=click.IntRange(0, 2),
    default=2,
    show_default=True,
    help="Of a file of the catalogue: the part by which its next version is higher.",
)
@output_options
def file_command(path: str, bump: int, everything: bool, as_json: bool, mission: str) -> int:
    """Say what would be made if PATH were delivered now, or of a file of the catalogue, if it had a new version.

    The file is inspected where it is, and not moved. Exit status 1 when it would be refused.

    For example: dbproc whatif file /tmp/raw_20240501_v1.1.0.csv
    """
    from dbproc.changes.whatif import if_delivered
    from dbproc.core.version import Part

    with open_mission(mission, read_only=True) as store:
        prediction = if_delivered(store, path, Part(bump))
    _print(prediction, everything=everything, as_json=as_json)
    return int(prediction.is_refused)


def _print(prediction: Prediction, *, everything: bool, as_json: bool) -> None:
    if as_json:
        print_json(prediction)
        return
    for note in prediction.notes:
        click.echo(cell(note))
    for group in prediction.groups:
        level = "without output" if group.level is None else f"level {group.level:g}"
        click.echo(f"{level}  {group.product}: {_amount(group.totals)}")
        _print_files(group.made, everything=everything)
    hindered = [f"{each.state} {each}: {each.why}" for each in prediction.hindered]
    print_some(hindered, everything=everything)
    click.echo(f"in all: {_amount(prediction.totals)}" if prediction.groups else "nothing would be made")


def _print_files(made: Sequence[Made], *, everything: bool) -> None:
    """Print some of the files of a product, or all of them with all their reasons."""
    why = [("; ".join(each.job.reasons) if everything else each.task.why) for each in made]
    lines = [f"{each.what}: {text}" for each, text in zip(made, why, strict=True)]
    print_some(lines, "  ", everything=everything)


def _amount(totals: Totals) -> str:
    """The number of files and jobs, with their expected CPU hours and bytes."""
    words = [_counted(totals.files, "file")] if totals.files else []
    words += [_counted(totals.jobs, "job")] if totals.jobs != totals.files else []
    if totals.cpu_hours is not None:
        words.append(f"{rough_text(totals.cpu_hours * 3600)} of CPU")
    if totals.bytes is not None:
        words.append(size_words(totals.bytes))
    if totals.jobs_without_history:
        words.append(f"{_counted(totals.jobs_without_history, 'job')} without a history to judge by")
    return ", ".join(words)


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _date(day: dt.datetime | None) -> dt.date | None:
    return None if day is None else day.date()
