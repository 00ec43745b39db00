"""``dbproc stores adopt``: what lies in stores."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from dbproc.cli.common import (
    asking_options,
    cell,
    dry_run_option,
    echo_folded,
    mission_access,
    open_mission,
    print_columns,
    print_json,
)
from dbproc.cli.correcting import all_option, shown_of
from dbproc.cli.groups import Group
from dbproc.cli.mission_name import before_option
from dbproc.cli.progress import Screen
from dbproc.cli.selection import product_option
from dbproc.cli.terminal import bad
from dbproc.core.durations import ALLOWED, read_duration
from dbproc.core.text import number_words, size_words

if TYPE_CHECKING:
    from dbproc.check.stores import StoreChecked
    from dbproc.explain.stores import StoreShown


class _Duration(click.ParamType):  # type: ignore[type-arg, unused-ignore]
    """A duration."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> dt.timedelta:
        """Text → duration."""
        found = value if isinstance(value, dt.timedelta) else read_duration(str(value))
        if found is None:
            self.fail(f"{value!r} is no duration: {ALLOWED}", param, ctx)
        return found


DURATION = _Duration()
stores_argument = click.argument("names", nargs=-1, metavar="[STORE]...")


@click.group("stores", cls=Group)
@before_option
def stores_command() -> None:
    """Look at the stores that hold copies of files, check and heal them, take in what lies there."""


@stores_command.command("list")
@click.option("--ask", "asked", is_flag=True, help="Ask each store whether it is up, and how much room it has.")
@asking_options
def list_command(asked: bool, mission: str, as_json: bool) -> None:
    """List the root and the stores: what is known of their copies, and how these are spread over them.

    A name counts once, whatever endings its files have: NAME.tar and NAME.tar.gz.
    """
    from dbproc.explain.stores import shown_stores

    with open_mission(mission, read_only=True) as store:
        found = shown_stores(store, asked=asked)
    if as_json:
        print_json(found)
        return
    print_columns(_LISTED, ([*_listed(each)] for each in found.stores))
    for each in found.stores:
        if each.is_up is not None:
            room = "" if each.free is None else f", {size_words(each.free)} free"
            how = f"up{room}" if each.is_up else f"{bad('down')}: {cell(each.problem)}"
            echo_folded(f"{cell(each.store)}, {cell(each.url)}: {how}")
    spread = found.spread
    if spread.copies:
        shares = ", ".join(f"{count:,} in {stores}" for stores, count in spread.by_stores.items())
        copies = number_words(spread.copies, "copy", "copies")
        files, names = number_words(spread.files, "file"), number_words(spread.names, "name")
        echo_folded(f"{copies} of {files}, {names}; in so many stores are names: {shares}")
    if spread.several_in_one:
        click.echo(f"{number_words(spread.several_in_one, 'name')} with several copies in one store")


_LISTED = ("store", "trust", "files", "size", "verified", "unverified", "missing", "corrupt")


def _listed(each: StoreShown) -> Iterator[object]:
    for name in _LISTED:
        yield size_words(each.bytes) if name == "size" else getattr(each, name)


@stores_command.command("check")
@stores_argument
@click.option("--deep", is_flag=True, help="Read every copy back, and compare its digest.")
@click.option(
    "--older-than",
    "older",
    type=DURATION,
    metavar="DURATION",
    help="With --deep: only those not read back for so long.",
)
@click.option(
    "--max-lost",
    "percent",
    type=click.FloatRange(0, 100),
    default=5.0,
    show_default=True,
    metavar="PERCENT",
    help="Of a store's copies at most so many are marked lost at once.",
)
@asking_options
@dry_run_option
@all_option
def check_command(
    names: Sequence[str],
    deep: bool,
    older: dt.timedelta | None,
    percent: float,
    mission: str,
    as_json: bool,
    dry_run: bool,
    is_whole: bool,
) -> int:
    """Hold each STORE, or all of them, against what is recorded of its copies.

    A store is listed: what is missing, dark (there, and in no catalogue), changed or there twice is told and recorded.
    Nothing is deleted. A store that is down changes nothing. The exit status is 1 when something is to be done.
    """
    from dbproc.check.stores import check_stores

    if older is not None and not deep:
        raise click.UsageError("--older-than is of --deep")
    screen = Screen()
    with open_mission(mission, read_only=dry_run) as store:
        try:
            found = check_stores(
                store, names, deep=deep, older=older, most_lost=percent / 100, only_look=dry_run, told=screen.counted
            )
        finally:
            screen.clear()
    if as_json:
        print_json(found)
        return 0 if found.is_well else 1
    for each in found.stores:
        _say_checked(each, is_whole=is_whole)
    for few in found.below:
        have = f"{number_words(few.files, 'file')} with {few.copies} of {few.least} verified copies"
        echo_folded(f"{bad('below')} {cell(few.product)}: {have}, the first is {cell(few.first)}")
    return 0 if found.is_well else 1


def _say_checked(each: StoreChecked, *, is_whole: bool) -> None:
    if not each.is_up:
        echo_folded(f"{cell(each.store)}: {bad('down')}, nothing was changed: {cell(each.problem)}")
        return
    counts = [f"{count} {fault}" for fault, count in sorted(each.counts.items())]
    read = f", {each.verified} read back" if each.verified else ""
    echo_folded(
        f"{cell(each.store)}: {each.seen} of {each.known} copies there{read}; {', '.join(counts) or 'no fault'}"
    )
    if each.unlisted:
        echo_folded(f"  each copy was asked for, and what is dark is not known: {cell(each.unlisted)}")
    for finding in shown_of(each.findings, is_whole=is_whole):
        why = f": {cell(finding.why)}" if finding.why else ""
        echo_folded(f"  {finding.fault} {cell(finding.path)}{why}")
    if each.refused:
        echo_folded(f"  {bad('refused')}: {cell(each.refused)}")


@stores_command.command("heal")
@stores_argument
@asking_options
@dry_run_option
@all_option
def heal_command(names: Sequence[str], mission: str, as_json: bool, dry_run: bool, is_whole: bool) -> int:
    """Restore copies that are missing or corrupt in each STORE, or in all of them, from verified ones.

    The root is one of the stores: files that are gone from it come back. Nothing is overwritten: a corrupt copy is
    removed when a good one is in its store, and read back. The exit status is 1 when something could not be restored.
    """
    from dbproc.changes.stores.healing import heal

    screen = Screen()
    with open_mission(mission, read_only=dry_run) as store, mission_access(store):
        try:
            done = heal(store, names, only_look=dry_run, progress=screen.progress)
        finally:
            screen.clear()
    if as_json:
        print_json(done)
        return 0 if done.is_well else 1
    for each in shown_of(done.asked, is_whole=is_whole):
        state = f": {cell(each.state)}" if each.state else ""
        why = f", {cell(each.why)}" if each.why else ""
        echo_folded(f"{cell(each.file)} to {cell(each.target)} from {cell(each.origin)}{state}{why}")
    for left in shown_of(done.left, is_whole=is_whole):
        echo_folded(f"{bad('left')} {cell(left.store)} {cell(left.path)}: {cell(left.why)}")
    would = "" if done.is_done else "would be "
    click.echo(f"{done.restored if done.is_done else len(done.asked)} {would}restored, {done.tidied} {would}tidied up")
    return 0 if done.is_well else 1


@stores_command.command("adopt")
@click.argument("store_name", metavar="STORE")
@click.option(
    "--inventory",
    "inventory_file",
    type=click.Path(exists=True, dir_okay=False),
    metavar="FILE",
    help="A list of what is in it, not asked of it: lines HOST SIZE PATH, SIZE PATH or PATH, or JSON.",
)
@click.option("--host", metavar="HOST", help="The entries of the inventory that name this host.  [default: all]")
@product_option
@click.option(
    "--queue", "queued", is_flag=True, help="Queue what is taken in, so that the next run makes what follows."
)
@asking_options
@dry_run_option
@all_option
def adopt_command(
    store_name: str,
    inventory_file: str | None,
    host: str | None,
    products: Sequence[str],
    queued: bool,
    mission: str,
    as_json: bool,
    dry_run: bool,
    is_whole: bool,
) -> int:
    """Take into the catalogue files that lie in STORE, where they are, without fetching them.

    They are named and dated by the formats of their products; nobody looks into them, and their digests are not known
    before they are fetched or checked, unless the list tells them. What fits nothing is left alone. What contradicts
    the catalogue makes the exit status 1. Nothing is made of what is taken in, unless --queue is given.
    """
    from dbproc.changes.stores.adoption import adopt, left_words, sums

    screen = Screen()
    with open_mission(mission, read_only=dry_run) as store, mission_access(store):
        try:
            done = adopt(
                store,
                store_name,
                inventory_file=inventory_file,
                host=host,
                products=products,
                queued=queued,
                only_look=dry_run,
                told=screen.counted,
            )
        finally:
            screen.clear()
    if as_json:
        print_json(done)
        return 1 if done.contradicting else 0
    for each in done.taken:
        new = f"{number_words(each.files, 'new file')}, {number_words(each.copies, 'new copy', 'new copies')}"
        echo_folded(f"{cell(each.product)}: {new}, {size_words(each.bytes)}")
    for left in done.left:
        echo_folded(cell(left_words(left)))
    for wrong in shown_of(done.contradictions, is_whole=is_whole):
        echo_folded(f"{bad('contradicts')} {cell(wrong.path)}: {cell(wrong.why)}")
    click.echo("; ".join(sums(done)))
    return 1 if done.contradicting else 0
