"""Options and output that several commands share."""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeVar

import click

from dbproc.cli import output, terminal
from dbproc.cli.completers import (
    complete_files,
    complete_processes,
    complete_products,
    complete_several_processes,
)
from dbproc.cli.listing import list_lines
from dbproc.cli.mission_name import mission_named
from dbproc.cli.numbers import LEVEL, NUMBER, VERSION
from dbproc.cli.table import folded, table_lines
from dbproc.core.errors import UserError
from dbproc.core.events import Event, Report, Told
from dbproc.core.model import Period, Timebase
from dbproc.core.slot_text import read_key, read_time
from dbproc.core.states import AttemptStatus
from dbproc.core.text import one_line
from dbproc.database import root
from dbproc.database.definition.load import load_mission
from dbproc.database.store import Store, open_store
from dbproc.storage import permissions

if TYPE_CHECKING:
    from dbproc.database.attempts import AttemptRow
    from dbproc.database.lineage import ConfirmationRow

HELP = {"help_option_names": ["-h", "--help"]}
Answer = TypeVar("Answer")
Function = TypeVar("Function", bound=Callable[..., Any])


def together(*options: Callable[[Any], Any]) -> Callable[[Function], Function]:
    """Several options as one decorator, in their order."""

    def decorate(function: Function) -> Function:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


mission_option = click.option(
    *("-m", "--mission"),
    callback=mission_named,
    metavar="DATABASE",
    help="The mission's database.  [default: $DBPROC_MISSION, else that of the current directory]",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
asking_options = together(mission_option, json_option)
glob_option = click.option("--glb", "pattern", default="*", show_default=True, help="Only files in incoming like this.")
only_option = click.option(
    *("-o", "--only"),
    shell_complete=complete_several_processes,
    metavar="PROCESS[,…]",
    help="Only these processes, by name or number.",
)
process_argument = click.argument("process", shell_complete=complete_processes)
optional_process = click.argument("process", shell_complete=complete_processes, required=False)
quiet_if_busy_option = click.option(
    "--quiet-if-busy",
    is_flag=True,
    help="Print nothing when another run is live, as cron mails what is printed. The exit status is 75 all the same.",
)
dry_run_option = click.option("-d", "--dry-run", is_flag=True, help="Say what would be done, and change nothing.")


def slots_option(default: int = 2) -> Callable[[Function], Function]:
    """How many jobs run at once."""
    return click.option(
        "-n", "--num-proc", "slots", default=default, show_default=True, type=NUMBER, help="CPUs for jobs."
    )


def version_option(*names: str) -> Callable[[Function], Function]:
    """The version of what is made by hand."""
    help_text = "The version of the outputs, whatever there is.  [default: the next one]"
    return click.option(*names, "version", type=VERSION, metavar="X.Y.Z", help=help_text)


def open_mission(name: str, *, read_only: bool = False, echo: bool = False) -> Store:
    """Open a mission's database; a command that may write to it does work, see
    :func:`dbproc.cli.output.report_work`."""
    if not read_only:
        output.report_work()
    return open_store(name, echo=echo, read_only=read_only)


def open_own_mission(name: str, *, read_only: bool = False, echo: bool = False) -> Store:
    """:func:`open_mission` for a command that changes what runs do, but takes no lock.

    Raises
    ------
    RootError
        The root is gone, or belongs to another database.
    """
    store = open_mission(name, read_only=read_only, echo=echo)
    try:
        root.require(store)
    except BaseException:
        store.close()
        raise
    return store


@contextmanager
def mission_access(store: Store) -> Iterator[None]:
    """The umask and group of the mission, for a command that moves its files."""
    with store.begin() as connection:
        mission = load_mission(connection)
    with permissions.in_force(mission):
        yield


class _Time(click.ParamType):  # type: ignore[type-arg, unused-ignore]
    """A day, hour, minute or second."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Period:
        """Text → period."""
        try:
            return value if isinstance(value, Period) else read_time(str(value))
        except UserError as error:
            self.fail(str(error), param, ctx)


class _KeyPart(click.ParamType):  # type: ignore[type-arg, unused-ignore]
    """Values of keywords."""

    name = "key"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Text → keywords."""
        try:
            return read_key([str(value)])
        except UserError as error:
            self.fail(str(error), param, ctx)


TIME = _Time()
KEY = _KeyPart()
key_option = click.option(
    "--key", "keys", type=KEY, multiple=True, metavar="NAME=VALUE", help="Only what has this keyword; may be repeated."
)
slot_options = together(
    click.option("--start", type=TIME, metavar="WHEN", help="From this day, hour, minute or second on."),
    click.option("--end", type=TIME, metavar="WHEN", help="Up to this one, itself included."),
    key_option,
)


selection_options = together(
    click.option(
        "--product",
        shell_complete=complete_products,
        metavar="PRODUCT",
        help="Files of this product; from it, if it is delivered.",
    ),
    click.option(
        "--process",
        shell_complete=complete_processes,
        metavar="PROCESS",
        help="What this process makes.",
    ),
    click.option("--code", metavar="CODE", help="What this code made: its file name, process or number."),
    click.option("--code-version", metavar="X.Y.Z", help="Only this version of the code."),
    click.option("--instrument", metavar="INSTRUMENT", help="Files of this instrument."),
    click.option("--level", type=LEVEL, help="Files of this level."),
    slot_options,
    click.option(
        "--file",
        shell_complete=complete_files,
        metavar="FILE",
        help="This file; what is made from it, if it was delivered.",
    ),
)


@dataclass(frozen=True, slots=True)
class RunTold:
    """What a run did."""

    events: Sequence[Told]  #: all that happened, in its order
    counts: Mapping[Event, int]  #: how many events there are of each kind that there is
    exit_status: int  #: 0, or 1 when something went wrong


def print_report(report: Report, *, as_json: bool) -> int:
    """Print the result of a run; return its exit status. Without a terminal, a run with nothing to do is silent."""
    if as_json:
        print_json(RunTold(report.events, report.counts, report.exit_status))
    elif report.did_something or sys.stdout.isatty():
        click.echo(report.summary())
    return report.exit_status


def print_json(value: object) -> None:
    """Print a value as JSON; dates and times as ISO text, control characters escaped."""
    from dbproc.core.json_text import json_text

    click.echo(json_text(value))


def warn(text: str | None) -> None:
    """Say something besides an answer, if there is anything to say."""
    if text is not None:
        click.echo(f"note: {one_line(text)}", err=True)


def show(answer: Answer, as_json: bool, words: Callable[[Answer], None]) -> None:
    """Print an answer as JSON, or as `words` prints it."""
    (print_json if as_json else words)(answer)


def show_rows(
    rows: Sequence[Answer],
    as_json: bool,
    head: Sequence[str],
    *,
    cells: Callable[[Answer], Sequence[object]] | None = None,
    empty: str = "",
) -> None:
    """Print answers as JSON, or as columns: `cells`, or what has their names; `empty` is said where there are none."""
    if as_json:
        print_json(rows)
    elif empty and not rows:
        click.echo(empty)
    else:
        print_columns(head, map(cells or attrgetter(*head), rows))


def print_table(rows: Iterable[object], columns: Sequence[str]) -> None:
    """Print answers as columns of aligned text."""
    print_columns(columns, map(attrgetter(*columns), rows))


def print_columns(head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print values as columns of aligned text, as they come."""
    lines = table_lines(head, ([cell(value) for value in row] for row in rows), terminal.room())
    first = next(lines)
    click.echo(first if first.startswith(f"{head[0]}:") else terminal.heading(first))
    list_lines(lines)


def cell(value: object) -> str:
    """One value for people."""
    if value is None:
        return "-"
    if isinstance(value, dt.datetime):
        return value.strftime("%Y-%m-%d %H:%M:%SZ")
    return one_line(str(value))


def echo_folded(line: str) -> None:
    """Print a line; on a terminal it goes on below where it is too long, and names and times stay whole."""
    click.echo("\n".join(folded(line, terminal.room())))


SHOWN = 20
"""How many lines of one kind are shown."""

all_option = click.option(
    "--all", "everything", is_flag=True, help=f"Show everything, not {SHOWN} of each kind, and every reason."
)


def print_some(lines: Sequence[str], before: str = "", *, everything: bool = False, by: str = "--all") -> None:
    """Print the first of some lines, and the number of the others; or all of them; `by`: what shows
    them."""
    shown = lines if everything or len(lines) <= SHOWN else lines[:SHOWN]
    for line in shown:
        echo_folded(f"{before}{one_line(line)}")
    if len(shown) < len(lines):
        click.echo(f"{before}… and {len(lines) - len(shown):,} more; to see them: {by}")


def retry_words(failure: AttemptRow) -> str:
    """The number of failures of a job, and the time of its retry."""
    if failure.dismissed_time is not None:
        by, when = f"{cell(failure.dismissed_by)}: {cell(failure.dismissed_reason)}", cell(failure.dismissed_time)
        return f"dismissed {when} by {by}; to try again: dbproc retry --dismissed"
    times = f"failed {failure.failures} time{'' if failure.failures == 1 else 's'}"
    if failure.timebase == Timebase.STARTUP:
        return "run again by the next run"
    if failure.status == AttemptStatus.REFUSED:
        return "not tried until its inputs, its code or the definition change"
    if failure.next_try is not None and not failure.failures:
        return "tried again by the next run"
    if failure.next_try is None:
        return f"{times}, given up; to try again: dbproc retry"
    return f"{times}, tried again after {cell(failure.next_try)}"


_DEEPEST = 20


def indent(depth: int) -> str:
    """Two blanks for each step; the step's number when these would fill the screen."""
    return "  " * depth if depth <= _DEEPEST else f"{'  ' * _DEEPEST}[{depth}] "


def confirmed_words(confirmed: Sequence[ConfirmationRow]) -> list[str]:
    """The reason why a file was confirmed."""
    return [
        f"confirmed with {cell(each.source)}, which equals {cell(each.replaced)} ({cell(each.confirmed)})"
        for each in confirmed
        if each.source != each.replaced  # inspected anew: the same file
    ]


def names_in(only: str | None) -> tuple[str, ...] | None:
    return None if only is None else tuple(name.strip() for name in only.split(",") if name.strip())
