"""``dbproc show mission | products | processes``."""

from __future__ import annotations

from collections.abc import Sequence

import click

from dbproc.cli.common import asking_options, open_mission, show, show_rows
from dbproc.cli.completers import complete_processes, complete_products
from dbproc.cli.groups import Group
from dbproc.cli.mission_name import before_option
from dbproc.explain import definition
from dbproc.explain.definition import ShownMission, ShownProcess, ShownProduct


@click.group("show", cls=Group)
@before_option
def show_command() -> None:
    """Show the mission, its products and its processes as they are in use, with their numbers."""


@show_command.command("mission")
@asking_options
def mission_command(mission: str, as_json: bool) -> None:
    """Show the mission, its directories, and where its files come from and are kept."""
    with open_mission(mission, read_only=True) as store:
        answer = definition.mission(store)
    show(answer, as_json, _print_mission)


def _print_mission(answer: ShownMission) -> None:
    click.echo(
        f"mission {answer.name} (number {answer.number}): {answer.products} products, {answer.processes} processes"
    )
    for name in ("root", "incoming", "quarantine", "codes", "inspectors"):
        click.echo(f"  {name}: {getattr(answer, name)}")
    for table in answer.tables:
        click.echo(f"  {table.kind} {table.name}: {table.words}")


@show_command.command("products")
@click.argument("names", nargs=-1, metavar="[PRODUCT]…", shell_complete=complete_products)
@asking_options
def products_command(names: Sequence[str], mission: str, as_json: bool) -> None:
    """Show each PRODUCT, by name or number, or all: where its files are, what makes it and what uses it."""
    with open_mission(mission, read_only=True) as store:
        rows = definition.products(store, tuple(names))
    head = ("number", "product", "level", "instrument", "format", "directory", "made by", "used by", "files")
    show_rows(rows, as_json, head, cells=_product_cells, empty="the mission has no product")


def _product_cells(row: ShownProduct) -> tuple[object, ...]:
    instrument = f"{row.satellite}/{row.instrument}"
    maker = row.made_by or ("delivered" if row.active else "retired")
    users = ", ".join(row.used_by) or None
    return (row.number, row.name, f"{row.level:g}", instrument, row.format, row.directory, maker, users, row.files)


@show_command.command("processes")
@click.argument("names", nargs=-1, metavar="[PROCESS]…", shell_complete=complete_processes)
@click.option("--required", is_flag=True, help="Only the inputs that it cannot do without.")
@asking_options
def processes_command(names: Sequence[str], required: bool, mission: str, as_json: bool) -> None:
    """Show each PROCESS, by name or number, or all: its inputs, outputs and codes."""
    with open_mission(mission, read_only=True) as store:
        rows = definition.processes(store, tuple(names), only_required=required)
    head = ("number", "process", "timebase", "inputs", "outputs", "codes")
    show_rows(rows, as_json, head, cells=_process_cells, empty="the mission has no process")


def _process_cells(row: ShownProcess) -> tuple[object, ...]:
    inputs = ", ".join(f"{each.words} [{each.number}]" for each in row.inputs) or None
    codes = ", ".join(row.codes) or "retired"
    return (row.number, row.name, row.timebase, inputs, ", ".join(row.outputs) or None, codes)
