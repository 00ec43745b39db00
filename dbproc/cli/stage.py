"""``dbproc stage``, and ``dbproc stages list | show | end | usage``: files put into users' areas."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from dbproc.cli.common import (
    asking_options,
    cell,
    dry_run_option,
    echo_folded,
    open_mission,
    open_own_mission,
    print_some,
    show,
    show_rows,
)
from dbproc.cli.completers import complete_files
from dbproc.cli.dates import EXPIRY, Expiry
from dbproc.cli.groups import Group
from dbproc.cli.mission_name import before_option
from dbproc.cli.numbers import NUMBER
from dbproc.cli.progress import Screen
from dbproc.cli.selection import placed_file_options, product_option
from dbproc.cli.transfer_bars import Bars
from dbproc.core.errors import UserError
from dbproc.core.places import Link
from dbproc.core.staging import NEVER, Destination, destination
from dbproc.core.states import EXISTING, StageState
from dbproc.core.text import size_words
from dbproc.database.selection import selection_of
from dbproc.system.signals import Interrupted, signals_interrupt

if TYPE_CHECKING:
    from dbproc.changes.staging.answer import StageAnswer
    from dbproc.database.staging import StageCount
    from dbproc.database.store import Store


class _Destination(click.ParamType):  # type: ignore[type-arg, unused-ignore]
    """A directory of a user in an area."""

    name = "destination"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Destination:
        """Text → destination."""
        try:
            return value if isinstance(value, Destination) else destination(str(value))
        except UserError as error:
            self.fail(str(error), param, ctx)


@click.command("stage")
@click.argument("names", nargs=-1, metavar="[FILE|STORE:PATH]...", shell_complete=complete_files)
@product_option
@placed_file_options
@click.option("--every-version", is_flag=True, help="Also the versions that are not the newest.")
@click.option("--to", required=True, type=_Destination(), metavar="AREA/USER/DIR", help="Where they go.")
@click.option(
    "--link",
    type=click.Choice([each.value for each in Link]),
    help="How they are placed.  [default: as the area says]",
)
@click.option(
    "--expires",
    type=EXPIRY,
    metavar="WHEN",
    help="How long they stay: 30d, a date, never.  [default: as the area says]",
)
@dry_run_option
@asking_options
def stage_command(
    names: Sequence[str],
    products: Sequence[str],
    every_version: bool,
    to: Destination,
    link: str | None,
    expires: Expiry | None,
    dry_run: bool,
    mission: str,
    as_json: bool,
    **given: Any,
) -> int:
    """Put files into the directory of a user in an area: those of the catalogue that FILE or options name, and files
    that lie in stores, as STORE:PATH.

    They are a request that has a number, and expires: then what was placed is removed, and nothing else. Asked for
    again it is the same request, and what is missing of it is placed. What waits, because a store is down or the disk
    full, is placed by the next run.

    For example: dbproc stage --product l2 --start 2024-03-01 --to scratch/ada/march --link symlink --expires 30d
    """
    from dbproc.changes.staging.origins import told_apart
    from dbproc.changes.staging.request import Wanted, request

    with open_mission(mission, read_only=dry_run) as store:
        files, store_files = told_apart(store, names)
        chosen = selection_of(
            files,
            products,
            newest=not every_version and not files,
            standings=EXISTING,
            **given,
        )
        if chosen.is_empty and not store_files:
            raise click.UsageError("name files, or files of stores as STORE:PATH, or select them: --product, --start …")
        wanted = Wanted(
            to=to,
            selection=None if chosen.is_empty else chosen,
            store_files=store_files,
            link=None if link is None else Link(link),
            expires=expires if isinstance(expires, dt.timedelta | dt.datetime) else None,
            is_kept=expires == NEVER,
        )
        done = request(store, wanted, only_look=dry_run)
        if done.stage_id is not None and not dry_run:
            done = _worked(store, done.stage_id)
    show(done, as_json, lambda each: _print_done(each, is_done=not dry_run))
    return 1 if done.count(StageState.FAILED) else 0


def _worked(store: Store, number: int) -> StageAnswer:
    """Work at a request; on a terminal it is shown how far it is."""
    from dbproc.changes.staging.work import work

    screen = Screen()
    try:
        with signals_interrupt():
            return work(store, number, observe=Bars(screen).observe)
    except Interrupted:
        screen.clear()
        click.echo(f"request {number} is entered, and goes on where it is with the next run", err=True)
        raise
    finally:
        screen.clear()


def _print_done(done: StageAnswer, *, is_done: bool) -> None:
    placed, waiting = done.count(StageState.PLACED), done.count(StageState.WAITING)
    where = f"{done.area}/{done.owner}" + (f"/{done.directory}" if done.directory else "")
    if not is_done:
        click.echo(f"would place {_files(waiting)} as {done.link} in {cell(where)}; {placed:,} are there already")
    else:
        click.echo(f"request {done.stage_id}: {_files(placed)} placed as {done.link} in {cell(where)}, {_until(done)}")
    _print_troubles(done, is_done=is_done)


def _print_troubles(done: StageAnswer, *, is_done: bool) -> None:
    """What failed, and what waits."""
    for state, words in ((StageState.FAILED, "failed"), (StageState.WAITING, "waits")):
        found = [file for file in done.files if file.state is state]
        if found and (is_done or state is StageState.FAILED):
            print_some([f"{words}: {file.target}: {file.reason or 'for its turn'}" for file in found], by="--json")


def _files(number: int) -> str:
    return f"{number:,} file{'' if number == 1 else 's'}"


def _until(done: StageAnswer | StageCount) -> str:
    if done.removed_time is not None:
        return f"removed {cell(done.removed_time)}"
    return "for good" if done.expires_time is None else f"until {cell(done.expires_time)}"


@click.group("stages", cls=Group)
@before_option
def stages_command() -> None:
    """Look at what was staged into users' areas, and end that; to ask for more: dbproc stage."""


@stages_command.command("list")
@click.option("--all", "everything", is_flag=True, help="Also those that are at an end.")
@asking_options
def list_command(everything: bool, mission: str, as_json: bool) -> None:
    """List the requests that are not at an end, or all, with how far each is."""
    from dbproc.database.staging import counts

    with open_mission(mission, read_only=True) as store, store.begin() as connection:
        rows = counts(connection, everything=everything)
    head = ("request", "for", "by", "asked", "placed", "waiting", "failed", "size", "expires")
    show_rows(rows, as_json, head, cells=_cells, empty="nothing is staged; to do so: dbproc stage FILE --to AREA/USER")


def _cells(row: StageCount) -> tuple[object, ...]:
    where = "/".join(filter(None, (row.area, row.owner, row.directory)))
    counts = (f"{row.placed:,}", f"{row.waiting:,}", f"{row.failed:,}", size_words(row.size))
    return (row.stage_id, where, row.user, row.asked_time, *counts, row.removed_time or row.expires_time or NEVER)


@stages_command.command("show")
@click.argument("number", type=NUMBER)
@asking_options
def show_command(number: int, mission: str, as_json: bool) -> None:
    """Show the request NUMBER: each file, what it is at, and why."""
    from dbproc.changes.staging.answer import answer

    with open_mission(mission, read_only=True) as store:
        found = answer(store, number)
    show(found, as_json, _print_request)


def _print_request(found: StageAnswer) -> None:
    where = "/".join(filter(None, (found.area, found.owner, found.directory)))
    click.echo(f"request {found.stage_id}: {found.state}, {_files(len(found.files))}, {size_words(found.size)}")
    click.echo(f"  by {cell(found.user)}, {cell(found.asked_time)}, as {found.link} in {cell(where)}, {_until(found)}")
    for file in found.files:
        words = [str(file.state), cell(file.target), "from", cell(file.origin)]
        if file.next_try is not None:
            words.append(f"(not before {cell(file.next_try)})")
        echo_folded(f"  {' '.join(words)}{': ' if file.reason else ''}{cell(file.reason)}")


@stages_command.command("end")
@click.argument("numbers", nargs=-1, required=True, type=NUMBER, metavar="NUMBER...")
@asking_options
def end_command(numbers: Sequence[int], mission: str, as_json: bool) -> None:
    """End requests now: remove what they placed, and nothing else, and give up what waits."""
    from dbproc.changes.staging.work import end

    with open_own_mission(mission) as store:
        done = [end(store, number) for number in numbers]
    show(done, as_json, lambda answers: _print_ended(answers))


def _print_ended(done: Sequence[StageAnswer]) -> None:
    for each in done:
        if each.removed_time is None:
            click.echo(f"request {each.stage_id}: another process works at it, and was told; the next run removes it")
            continue
        stayed = [file for file in each.files if file.state is StageState.REMOVED and file.reason]
        click.echo(f"request {each.stage_id} is ended: {_files(each.count(StageState.REMOVED))}")
        print_some([f"{file.target}: {file.reason}" for file in stayed], "  ", by="--json")


@stages_command.command("usage")
@asking_options
def usage_command(mission: str, as_json: bool) -> None:
    """Show what each user has in each area, and may have; hard and symbolic links count nothing."""
    from dbproc.changes.staging.usage import AreaUsage, usage

    def cells(row: AreaUsage) -> tuple[object, ...]:
        sizes = (size_words(row.placed), size_words(row.waiting), size_words(row.quota))
        return (row.area, row.owner, f"{row.requests:,}", *sizes)

    with open_mission(mission, read_only=True) as store:
        rows = usage(store)
    head = ("area", "user", "requests", "placed", "waiting", "quota")
    show_rows(rows, as_json, head, cells=cells, empty="nothing is staged")
