"""Commands of dbprocessing that hand over to a command of dbproc, with the options that mean something there."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import click

from dbproc.cli import main
from dbproc.cli.common import HELP, Function, mission_option, open_mission, together
from dbproc.cli.dates import AnyDate
from dbproc.core.errors import EXIT_DONE, UserError
from dbproc.explain import definition

_FIELDS = ("Code", "File", "Mission", "Process", "Product")

_date_options = together(
    click.option("-s", "--startDate", "start", type=AnyDate(), help="From this day on."),
    click.option("-e", "--endDate", "end", type=AnyDate(last=True), help="Up to this day."),
)
_product_option = click.option("-p", "--product", help="Only this product, by name or number.")


def _command(name: str) -> Callable[[Function], click.Command]:
    return click.command(name, context_settings=HELP)


def _dates(start: dt.date | None, end: dt.date | None) -> Iterator[str]:
    for option, day in (("--start", start), ("--end", end)):
        if day is not None:
            yield from (option, day.isoformat())


@_command("printInfo.py")
@_date_options
@_product_option
@click.argument("database")
@click.argument("field", type=click.Choice(_FIELDS, case_sensitive=False))
def print_info(database: str, field: str, start: dt.date | None, end: dt.date | None, product: str | None) -> int:
    """List what DATABASE has of FIELD: dbproc files, show, code list."""
    if field == "File":
        chosen = () if product is None else ("--product", product)
        return main(["files", "-m", database, *chosen, *_dates(start, end)])
    words = {"Mission": "show mission", "Product": "show products", "Process": "show processes", "Code": "code list"}
    return main([*words[field].split(), "-m", database])


@_command("printRequired.py")
@mission_option
@click.argument("processes", nargs=-1, required=True, metavar="PROCESS...")
def print_required(mission: str, processes: Sequence[str]) -> None:
    """Print the products without which each PROCESS does nothing, and at last the numbers of all of them."""
    with open_mission(mission, read_only=True) as store:
        shown = definition.processes(store, tuple(processes), only_required=True)
    for process in shown:
        click.echo(process.name)
        for given in process.inputs:
            click.echo(f"  {given.number}\t{given.product}")
    click.echo(" ".join(map(str, sorted({given.number for process in shown for given in process.inputs}))))


@_command("missingFiles.py")
@mission_option
@_date_options
def missing_files(mission: str, start: dt.date | None, end: dt.date | None) -> int:
    """Show what is missing, with its cause: dbproc coverage --gaps. Each run makes by itself what can be made."""
    return main(["coverage", "-m", mission, "--gaps", *_dates(start, end)])


@_command("missingFilesByProduct.py")
@mission_option
@_date_options
@click.option("-p", "--process", is_flag=True, help="Have the next run make what can be made.")
@click.option("--parent", help="Not needed: the mission knows what the product is made from.")
@click.argument("product")
def missing_files_by_product(
    mission: str, start: dt.date | None, end: dt.date | None, process: bool, parent: str | None, product: str
) -> int:
    """Show what is missing of PRODUCT, by name or number, with its cause: dbproc coverage --gaps, reprocess."""
    if parent is not None:
        with open_mission(mission, read_only=True) as store:
            definition.products(store, (parent,))
    if process:
        with open_mission(mission, read_only=True) as store:
            (maker,) = (each.made_by for each in definition.products(store, (product,)))
        status = main(["reprocess", "-m", mission, "--product", product, *_dates(start, end)])
        retried = ["retry", "--dismissed", "-m", mission, "--only", maker or "", *_dates(start, end)]
        return status or (main(retried) if maker else 0)
    return main(["coverage", "-m", mission, "--gaps", "--product", product, *_dates(start, end)])


@_command("htmlCoverage.py")
@mission_option
@click.option("-d", "--deltadays", type=click.IntRange(0, 36525), help="Up to so many days from today on.")
@click.argument("outbase")
def html_coverage(mission: str, deltadays: int | None, outbase: str) -> int:
    """Write what there is and what is missing as OUTBASE.html: dbproc coverage --html."""
    today = dt.datetime.now(dt.UTC).date()
    end = None if deltadays is None else today + dt.timedelta(days=deltadays)
    return main(["coverage", "-m", mission, "--html", f"{outbase}.html", *_dates(None, end)])


@_command("configFromDB.py")
@mission_option
@click.option("-f", "--force", is_flag=True, help="Overwrite a file.")
@click.option("-c", "--nocomments", is_flag=True, help="It never has a block of comments.")
@click.argument("filename", type=click.Path(path_type=Path))
def config_from_db(mission: str, force: bool, nocomments: bool, filename: Path) -> int:
    """Write the definition as a mission file (TOML): dbproc export."""
    if filename.exists() and not force:
        raise UserError(f"{filename} exists already; give another name, or -f to overwrite it")
    fresh = filename.with_name(f"{filename.name}.{os.getpid()}.partial")
    status = main(["export", "-m", mission, "--output", str(fresh)])
    if status == EXIT_DONE:
        fresh.replace(filename)
    return status


@_command("compareDB.py")
@click.option("-m", "--mission", "databases", multiple=True, required=True, help="Twice: the databases.")
def compare_db(databases: Sequence[str]) -> int:
    """Compare two databases by names: dbproc compare."""
    if len(databases) != 2:
        raise click.UsageError("give -m twice, once for each database")
    return main(["compare", *databases])


@_command("dbOnlyFiles.py")
@mission_option
@_date_options
@_product_option
@click.option("-f", "--fix", is_flag=True, help="Record missing files as missing, and repair what else can be.")
def db_only_files(mission: str, start: dt.date | None, end: dt.date | None, product: str | None, fix: bool) -> int:
    """Show which files are not on disk, and where else database and disk disagree: dbproc check."""
    some = [*(() if product is None else ("--product", product)), *_dates(start, end)]
    if fix and some:
        raise click.UsageError("-f repairs all of the mission: leave -s, -e and -p out")
    return main(["check", "-m", mission, *some, *(["--repair"] if fix else [])])


@_command("possibleProblemDates.py")
@mission_option
@click.option("--fix", is_flag=True, help="Repair what can be repaired.")
def possible_problem_dates(mission: str, fix: bool) -> int:
    """Show faults, and what is unlikely of dates and times: dbproc check --plausible."""
    return main(["check", "-m", mission, "--plausible", *(["--repair"] if fix else [])])


@_command("scrubber.py")
@mission_option
def scrubber(mission: str) -> int:
    """Show faults, and what is unlikely of dates and times: dbproc check --plausible."""
    return main(["check", "-m", mission, "--plausible"])


@_command("testInspector.py")
@mission_option
@click.option("-f", "--file", required=True, help="The file.")
@click.option("-i", "--inspector", required=True, help="The inspector's Python file.")
@click.option("-p", "--product", required=True, help="The product, by name or number.")
@click.option("-a", "--args", "arguments", help="Its arguments: 'name=value name=value'.")
def test_inspector(mission: str, file: str, inspector: str, product: str, arguments: str | None) -> int:
    """Try an inspector on a file: dbproc inspect --inspector."""
    given = () if arguments is None else ("--arguments", arguments)
    return main(["inspect", "-m", mission, "--inspector", inspector, "--product", product, *given, file])


@_command("updateSHAsum.py")
@mission_option
@click.argument("infile")
def update_shasum(mission: str, infile: str) -> int:
    """Take the bytes that INFILE has now for its own: dbproc check --accept. What was made from it stays as it is."""
    name = os.path.basename(infile)
    return main(["check", "-m", mission, "--accept", name, "--keep", "--reason", "updateSHAsum.py"])


@_command("linkUningested.py")
@mission_option
@click.option("-p", "--product", "products", multiple=True, help="Only this product; may be repeated.")
def link_uningested(mission: str, products: Sequence[str]) -> int:
    """Take files into the catalogue that lie in their product's directory: dbproc adopt."""
    statuses = [main(["adopt", "-m", mission, "--product", each]) for each in products]
    return max(statuses) if products else main(["adopt", "-m", mission])


@_command("MigrateDB.py")
@mission_option
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
def migrate_db(mission: str, yes: bool) -> int:
    """Bring an older database of dbproc to this schema: dbproc upgrade."""
    if not yes:
        click.confirm(f"upgrade {mission}? Make a copy of it first", abort=True)
    return main(["upgrade", "-m", mission])


@_command("purgeFileFromDB.py")
@mission_option
@click.option("-r", "--recursive", is_flag=True, help="Said in any case: what was made from them goes or is made anew.")
@click.option("-v", "--verbose", is_flag=True, help="Name every file.")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
def purge_file(mission: str, recursive: bool, verbose: bool, files: Sequence[str]) -> int:
    """Take each FILE back: dbproc withdraw. Its bytes and its history are kept; dbproc restore undoes it."""
    every = ["--all"] if verbose else []
    return main(["withdraw", "-m", mission, *files, "--reason", "purgeFileFromDB.py", *every])


COMMANDS = {
    str(command.name): command
    for command in (
        print_info,
        print_required,
        missing_files,
        missing_files_by_product,
        html_coverage,
        config_from_db,
        compare_db,
        db_only_files,
        possible_problem_dates,
        scrubber,
        test_inspector,
        update_shasum,
        link_uningested,
        migrate_db,
        purge_file,
    )
}
