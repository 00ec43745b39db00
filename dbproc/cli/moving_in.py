"""``dbproc import``: missions of other systems."""

from __future__ import annotations

import shlex
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click

from dbproc.changes.moving_in.dbprocessing import TakenOver, take_over
from dbproc.changes.moving_in.findings import Options, Verify
from dbproc.cli import output
from dbproc.cli.common import SHOWN, cell, dry_run_option, echo_folded, json_option, mission_option, show
from dbproc.cli.groups import Group
from dbproc.cli.progress import Screen
from dbproc.core.text import one_line


class _Zone(click.ParamType):  # type: ignore[type-arg, unused-ignore]
    """A time zone by its name."""

    name = "zone"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> ZoneInfo:
        """Text → zone."""
        try:
            return value if isinstance(value, ZoneInfo) else ZoneInfo(str(value))
        except (ZoneInfoNotFoundError, ValueError, OSError):
            self.fail(f"there is no time zone {str(value)!r}; write it as America/Denver, or UTC", param, ctx)


@click.group("import", cls=Group)
def import_command() -> None:
    """Take over missions of other systems, with all that they hold."""


@import_command.command("dbprocessing")
@click.argument("old")
@mission_option
@click.option("--root", metavar="DIRECTORY", help="The mission's root.  [default: as OLD has it]")
@click.option("--timezone", type=_Zone(), metavar="ZONE", help="Of the times when files were made, in OLD.")
@click.option("--codes-from", metavar="DIRECTORY", help="Where its codes and inspectors are.  [default: as OLD has it]")
@click.option(
    "--verify",
    type=click.Choice([each.value for each in Verify]),
    default=Verify.SIZE.value,
    show_default=True,
    help="Look whether files are there (size), or read them through (sha1), or neither.",
)
@click.option("--rehash", is_flag=True, help="Read files through, and record digests of the mission's own kind.")
@click.option("--judge", is_flag=True, help="Have the next run make what is stale by dbproc's rules.")
@dry_run_option
@json_option
def import_dbprocessing(
    old: str,
    mission: str,
    root: str | None,
    timezone: ZoneInfo | None,
    codes_from: str | None,
    verify: str,
    rehash: bool,
    judge: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Take over OLD, a database of dbprocessing, into a new one; OLD is only read.

    Everything keeps its number, and nothing is made anew before an input or a code changes.
    """
    options = Options(root, timezone, codes_from, Verify(verify), rehash, judge)
    if not dry_run:
        output.report_work()
    screen = Screen()
    try:
        done = take_over(old, mission, options, only_look=dry_run, progress=screen.progress)
    finally:
        screen.clear()
    show(done, as_json, _print)


def _print(done: TakenOver) -> None:
    counts = done.counts
    would = "" if done.is_done else "would be "
    echo_folded(
        f"mission {done.mission} in {done.root}: {counts['products']:,} products, {counts['processes']:,} processes, "
        f"{counts['codes']:,} codes"
    )
    click.echo(
        f"{counts['files']:,} files {would}imported, {counts['made']:,} of them made from {counts['links']:,} inputs"
    )
    for note in done.notes:
        echo_folded(f"note: {one_line(note)}")
    _print_some("missing on disk", [cell(path) for path in done.missing])
    fate = "made by the next run" if done.is_judged else "taken as they are, until an input or the code changes"
    for title, slots in (
        (f"stale by dbproc's rules, and {fate}", done.stale),
        (f"not made yet, and {fate}", done.not_made),
        (f"runs of which nothing tells that they were, and {fate}", done.runs),
    ):
        _print_some(title, [f"{each.file or f'{each.process} {each.slot}'}: {each.why}" for each in slots])
    if not done.is_done:
        click.echo("nothing was changed")
        return
    click.echo(f"it is now in {done.database}")
    click.echo(f"to see that all is well: dbproc check -m {shlex.quote(done.database)}")
    click.echo(f"to have its mission file: dbproc export --output mission.toml -m {shlex.quote(done.database)}")


def _print_some(title: str, lines: list[str]) -> None:
    if not lines:
        return
    echo_folded(f"{len(lines):,} {title}:")
    for line in lines[:SHOWN]:
        echo_folded(f"  {one_line(line)}")
    if len(lines) > SHOWN:
        click.echo(f"  … and {len(lines) - SHOWN:,} more; to see them: --json")
