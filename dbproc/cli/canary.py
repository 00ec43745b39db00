"""``dbproc canary start | list | show | promote | discard``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import click

from dbproc.changes.canary.report import CanaryShown, canary_shown, words_of
from dbproc.cli.common import (
    asking_options,
    cell,
    key_option,
    mission_access,
    open_mission,
    print_json,
    process_argument,
    show,
    show_rows,
    slots_option,
)
from dbproc.cli.groups import Group
from dbproc.cli.mission_name import before_option
from dbproc.cli.numbers import NUMBER
from dbproc.core.errors import EXIT_SOME_FAILED, UserError
from dbproc.core.filenames import read_version
from dbproc.core.slot_text import read_key
from dbproc.core.states import CanaryStatus, SampleVerdict
from dbproc.database import canaries
from dbproc.database.canaries import CanaryInNumbers

_SHOWN = ("canary_id", "process", "version", "status", "files", "created", "user")


class _StartsByDefault(Group):
    """``canary PROCESS …`` is ``canary start PROCESS …``."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Put ``start`` in front of what is not a command."""
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            args = ["start", *args]
        return super().resolve_command(ctx, args)


@click.group("canary", cls=_StartsByDefault)
@before_option
def canary_command() -> None:
    """Try a code out: build a sample with it beside the published files, compare, then promote or discard it.

    PROCESS and options without a command are those of start:

    dbproc canary to_clean --version 2.1.0 --file clean2.py --dates 2024-05-01,2024-06-01..2024-06-07
    """


@canary_command.command("start", short_help="Build a sample and compare it.")
@process_argument
@asking_options
@click.option("--version", required=True, metavar="X.Y.Z", help="The version that the candidate is to have.")
@click.option(
    "--file",
    metavar="PROGRAM",
    help="The candidate, here or below the codes directory.  [default: the present file]",
)
@click.option("--output-interface", type=NUMBER, help="Interface of what it makes.  [default: as now]")
@click.option("--dates", metavar="D1,D2,A..B", help="Days, hours … to build, and ranges of them.")
@key_option
@click.option("--sample", type=NUMBER, metavar="N", help="N of them spread evenly, of --dates or of all.")
@slots_option()
def start_command(
    process: str,
    mission: str,
    as_json: bool,
    version: str,
    file: str | None,
    output_interface: int | None,
    dates: str | None,
    keys: Sequence[str],
    sample: int | None,
    slots: int,
) -> int:
    """Build a sample of PROCESS with a candidate code, beside the published files, and say how it differs from them.

    Runs go on meanwhile: nothing enters the catalogue. Exit status 1 when a job failed.
    """
    from dbproc.changes.canary.candidate import Proposal
    from dbproc.changes.canary.sample import Choice, spans_of, start
    from dbproc.system.signals import signals_interrupt

    if dates is None and sample is None and not keys:
        raise UserError("say what to build: --dates 2024-05-01,2024-06-01..2024-06-07, or --sample 5")
    choice = Choice(spans_of(dates) if dates else (), sample, read_key(keys))
    proposal = Proposal(read_version(version), file, output_interface)
    with open_mission(mission) as store:
        with mission_access(store), signals_interrupt():
            number = start(store, process, proposal, choice, slots, (lambda _: None) if as_json else click.echo)
        shown = canary_shown(store, str(number))
    show(shown, as_json, _print)
    return EXIT_SOME_FAILED if any(row.verdict is SampleVerdict.FAILED for row in shown.sample) else 0


@canary_command.command("list")
@asking_options
def list_command(mission: str, as_json: bool) -> None:
    """List canaries, the latest first."""
    with open_mission(mission, read_only=True) as store, store.begin() as connection:
        rows = canaries.all_canaries(connection)
    show_rows(rows, as_json, _SHOWN, cells=_cells, empty="there is no canary")


@canary_command.command("show")
@click.argument("canary", metavar="NUMBER | PROCESS")
@asking_options
def show_command(canary: str, mission: str, as_json: bool) -> None:
    """Show how each file of a sample compares with the published one; of a PROCESS its latest canary."""
    with open_mission(mission, read_only=True) as store:
        shown = canary_shown(store, canary)
    show(shown, as_json, _print)


@canary_command.command("promote")
@click.argument("canary", metavar="NUMBER | PROCESS")
@asking_options
@click.option("--reason", default="", help="Why; kept with the code.")
def promote_command(canary: str, mission: str, as_json: bool, reason: str) -> None:
    """Release the candidate, and take the sample's files into the catalogue; the next runs build the other dates."""
    from dbproc.changes.canary.promotion import promote

    with open_mission(mission) as store, mission_access(store):
        promoted = promote(store, canary, reason)
    if as_json:
        print_json(promoted)
        return
    for name in promoted.taken:
        click.echo(f"taken {cell(name)}")
    for name, why in promoted.left.items():
        click.echo(f"left to the next run {cell(name)}: {cell(why)}")
    click.echo(f"canary {promoted.canary_id} is promoted; write its version and file into the mission file, too")


@dataclass(frozen=True, slots=True)
class Discarded:
    """A canary that was discarded."""

    canary_id: int  #: its number
    status: CanaryStatus = CanaryStatus.DISCARDED  #: what it is at


@canary_command.command("discard")
@click.argument("canary", metavar="NUMBER | PROCESS")
@asking_options
def discard_command(canary: str, mission: str, as_json: bool) -> None:
    """Remove a sample; nothing stays but the report."""
    from dbproc.changes.canary.promotion import discard

    with open_mission(mission) as store, mission_access(store):
        number = discard(store, canary)
    if as_json:
        print_json(Discarded(number))
    else:
        click.echo(f"canary {number} is discarded")


def _print(shown: CanaryShown) -> None:
    click.echo(f"canary {shown.canary_id}: {shown.process} {shown.version}, {shown.status}")
    for row in shown.sample:
        beside = f" beside {cell(row.published)}" if row.published else ""
        click.echo(f"{row.verdict} {cell(row.filename)}{beside}")
        for line in words_of(row):
            click.echo(f"  {cell(line)}")
    click.echo(f"report: {shown.report}")


def _cells(row: CanaryInNumbers) -> tuple[object, ...]:
    files = ", ".join(f"{count} {verdict}" for verdict, count in sorted(row.verdicts.items())) or "none"
    return row.canary_id, row.process, row.version, row.status, files, row.created, row.user
