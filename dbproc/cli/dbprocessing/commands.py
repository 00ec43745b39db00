"""The commands with dbprocessing's names and arguments; ``scripts/`` calls them."""

from __future__ import annotations

import datetime as dt
import html
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from dbproc.cli import guarded
from dbproc.cli.apply import apply
from dbproc.cli.common import (
    HELP,
    cell,
    mission_option,
    open_mission,
    open_own_mission,
    slots_option,
    version_option,
)
from dbproc.cli.dates import AnyDate
from dbproc.cli.dbprocessing import handed_over, instead, reprocess
from dbproc.cli.init import init_command
from dbproc.cli.unlock import clear_lock, say_cleared
from dbproc.core.lookup import product_named
from dbproc.core.states import CampaignStatus
from dbproc.core.version import Part, Version
from dbproc.database import campaigns, queue
from dbproc.database.definition.load import load_definition
from dbproc.database.queue import QueueRow
from dbproc.mission.read import read_mission_file

_FIRST_DATE = "2012-08-30"  # dbprocessing's


@click.command("clearProcessingFlag.py", context_settings=HELP)
@click.argument("database")
@click.argument("message")
def clear_processing_flag(database: str, message: str) -> None:
    """Clear the lock that a dead run left in DATABASE; MESSAGE says why."""
    say_cleared(clear_lock(database, message))


@click.command("addFromConfig.py", context_settings=HELP)
@mission_option
@click.option("-v", "--verify", is_flag=True, help="Check the file, and change nothing.")
@click.argument("config_file", type=click.Path(path_type=Path))
def add_from_config(mission: str, verify: bool, config_file: Path) -> None:
    """Apply CONFIG_FILE (INI or TOML) to the database."""
    if verify:
        read_mission_file(config_file)
        click.echo(f"{config_file} is correct")
    else:
        apply(config_file, mission, dry_run=False)


@click.command("flushProcessQueue.py", context_settings=HELP)
@click.argument("database")
def flush_process_queue(database: str) -> None:
    """Empty the process queue of DATABASE."""
    with open_own_mission(database) as store, store.begin() as connection:
        count = queue.flush(connection)
        going_on = [each for each in campaigns.entries(connection) if each.status is CampaignStatus.ACTIVE]
    click.echo(f"Flushed {count} items from queue")
    for each in going_on:
        click.echo(
            f"what reprocessBy….py --force or dbproc reprocess ordered goes on; to give it up: dbproc campaign cancel "
            f"{shlex.quote(each.name)} -m {shlex.quote(database)}"
        )


class _SeveralProducts(click.Command):
    """``-p A B C`` as in dbprocessing: every word up to the next option is a product."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Spell ``-p A B`` as ``-p A -p B``."""
        spelled: list[str] = []
        in_products = False
        for word in args:
            if word in ("-p", "--product"):
                in_products = True
            elif word.startswith("-"):
                in_products = False
                spelled.append(word)
            elif in_products:
                spelled.extend(("-p", word))
            else:
                spelled.append(word)
        return super().parse_args(ctx, spelled)


@click.command("printProcessQueue.py", cls=_SeveralProducts, context_settings=HELP)
@click.option("--html", "as_html", is_flag=True, help="Print HTML.")
@click.option("-q", "--quiet", is_flag=True, help="Print nothing.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write to a file.")
@click.option("-p", "--product", "products", multiple=True, help="Only these products, by name or number.")
@click.option("-s", "--sort", is_flag=True, help="Sort by date, then product.  [default: level, date]")
@click.option("-e", "--exist", is_flag=True, help="Exit status 1 if the queue is empty, else 0.")
@click.option("-c", "--count", is_flag=True, help="Exit status: the number of files, at most 255.")
@click.argument("database")
def print_process_queue(
    as_html: bool,
    quiet: bool,
    output: Path | None,
    products: Sequence[str],
    sort: bool,
    exist: bool,
    count: bool,
    database: str,
) -> int:
    """Print the process queue of DATABASE."""
    if quiet and (as_html or output or sort):
        raise click.UsageError("--html, -o, and -s are useless with -q.")
    if exist and count:
        raise click.UsageError("-e and -c exclude each other.")
    with open_mission(database, read_only=True) as store, store.begin() as connection:
        definition = load_definition(connection)
        chosen = [product_named(definition, name) for name in products]
        rows = queue.entries(connection, [product.name for product in chosen])
    if sort:
        rows.sort(key=lambda row: (row.utc_file_date, row.product_name))
    if not quiet:
        listed = [(product.product_id, product.name) for product in chosen]
        text = (_as_html if as_html else _as_text)(definition.mission.name, rows, listed)
        if output is None:
            click.echo(text)
        else:
            output.write_text(text, encoding="utf-8")
    if exist:
        return 0 if rows else 1
    return min(len(rows), 255) if count else 0


def _as_text(mission: str, rows: Sequence[QueueRow], products: Sequence[tuple[int, str]]) -> str:
    lines = [mission, dt.datetime.now(dt.UTC).isoformat()]
    if products:
        lines += ["Products", *(f"{number}\t{name}" for number, name in products)]
    lines.append("ProcessQueue")
    lines += [f"{index}\t{cell(row.filename)}\t{row.product_name}" for index, row in enumerate(rows)]
    return "\n".join(lines)


def _as_html(mission: str, rows: Sequence[QueueRow], products: Sequence[tuple[int, str]]) -> str:
    parts = [f"<h1>{html.escape(mission)}</h1>", f"<p>{dt.datetime.now(dt.UTC).isoformat()}</p>"]
    if products:
        parts += ["<h2>Products</h2>", _html_table(("product_id", "product"), products)]
    table = [(index, row.filename, row.product_name) for index, row in enumerate(rows)]
    parts += ["<h2>Process queue</h2>", _html_table(("#", "filename", "product"), table)]
    head = '<!DOCTYPE html>\n<html><head><meta charset="utf-8"><title>Process queue</title></head><body>'
    return "\n".join((head, *parts, "</body></html>"))


def _html_table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    def line(cells: Sequence[object], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{html.escape(str(item))}</{tag}>" for item in cells) + "</tr>"

    return "\n".join(("<table>", line(head, "th"), *(line(row, "td") for row in rows), "</table>"))


@click.command("DBRunner.py", context_settings=HELP)
@click.option("-d", "--dryrun", "dry_run", is_flag=True, help="Say what would be done, and change nothing.")
@mission_option
@click.option("-e", "--endDate", "end", type=AnyDate(last=True), help="Last date, included.  [default: today]")
@click.option("--echo", is_flag=True, help="Print every SQL statement.")
@click.option("--force", type=click.IntRange(0, 2), help="Raise this part of the versions, up to date or not.")
@click.option(
    "-i", "--ingest", is_flag=True, help="Take the outputs into the catalogue.  [default: into this directory]"
)
@slots_option(1)
@click.option("--nooptional", "no_optional", is_flag=True, help="Leave optional inputs out.")
@click.option("-s", "--startDate", "start", type=AnyDate(), default=_FIRST_DATE, show_default=True, help="First date.")
@click.option("-u", "--update", is_flag=True, help="Only what is stale.")
@version_option("-v", "--version")
@click.argument("process")
def db_runner(
    process: str,
    start: dt.date,
    end: dt.date | None,
    update: bool,
    force: int | None,
    no_optional: bool,
    version: Version | None,
    **options: Any,
) -> int:
    """Run PROCESS, by name or number, over a range of dates: dbproc run-process."""
    from dbproc.cli.run_process import perform
    from dbproc.core.slot_text import SlotChoice, between_days
    from dbproc.run.on_demand import Request

    request = Request(
        process=process,
        slots=SlotChoice(between_days(start, end or max(start, dt.datetime.now(dt.UTC).date()))),
        only_stale=update,
        force=None if force is None else Part(force),
        with_optional=not no_optional,
        version=version,
    )
    return perform(request, output=None, as_json=False, **options)


COMMANDS = {
    "clearProcessingFlag.py": clear_processing_flag,
    "CreateDB.py": init_command,
    "addFromConfig.py": add_from_config,
    "printProcessQueue.py": print_process_queue,
    "flushProcessQueue.py": flush_process_queue,
    "DBRunner.py": db_runner,
    **reprocess.COMMANDS,
    **handed_over.COMMANDS,
    **instead.COMMANDS,
}


def main(name: str, arguments: Sequence[str] | None = None) -> int:
    """Run the command of this name; return the exit status."""
    return guarded(COMMANDS[name], arguments, name)
