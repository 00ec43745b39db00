"""``dbproc inspect``: every product's verdict on a file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from dbproc.cli.common import cell, json_option, mission_option, open_mission, print_json
from dbproc.cli.why import Facts
from dbproc.core.errors import UserError
from dbproc.database.definition.load import load_definition


@click.command("inspect")
@click.argument("file", type=click.Path(path_type=Path))
@mission_option
@json_option
def inspect_command(file: Path, mission: str, as_json: bool) -> int:
    """Ask every product about FILE, and print each verdict. Exit status 1 when it is of no product."""
    from dbproc.products.inspection import Identity, Inspection

    path = str(file.absolute())
    if not os.path.lexists(path):
        raise UserError(f"there is no file {path}")
    with open_mission(mission, read_only=True) as store, store.begin() as connection:
        definition = load_definition(connection)
    with Inspection(definition) as inspection:
        verdicts = inspection.verdicts(path)
        (answer,) = inspection.identify([path])
    names = {product_id: product.name for product_id, product in definition.products.items()}
    rows = [{"product": names[v.product_id], "facts": _facts_of(v.facts), "reason": v.reason} for v in verdicts]
    is_known = isinstance(answer, Identity)
    conclusion = f"is {answer.product.name}" if isinstance(answer, Identity) else answer.message
    if as_json:
        print_json({"file": path, "verdicts": rows, "conclusion": conclusion, "identified": is_known})
    else:
        for row in rows:
            click.echo(f"{row['product']}: {_verdict(row)}")
        click.echo(f"{cell(path)}: {cell(conclusion)}")
    return 0 if is_known else 1


def _verdict(row: Facts) -> str:
    if row["facts"] is None:
        return f"no: {cell(row['reason'])}"
    return "yes: " + ", ".join(f"{name} {cell(value)}" for name, value in row["facts"].items() if value)


def _facts_of(facts: Any) -> Facts | None:
    if facts is None:
        return None
    return {
        "date": facts.date.isoformat(),
        "start": facts.start.isoformat(),
        "stop": facts.stop.isoformat(),
        "version": None if facts.version is None else str(facts.version),
        "keywords": facts.keywords,
    }
