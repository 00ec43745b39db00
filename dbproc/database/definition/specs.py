"""Read the definition by names, as in mission files, from the database."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select

from dbproc.core.filenames import keywords_of
from dbproc.core.keys import from_columns
from dbproc.core.spec import (
    CodeSpec,
    Definition,
    Holdings,
    InputSpec,
    InspectorSpec,
    MissionSpec,
    ProcessSpec,
    ProductSpec,
    file_named,
)
from dbproc.database import schema
from dbproc.database._queries import FILE
from dbproc.database.definition.places import recorded_places
from dbproc.database.definition.rows import (
    AnyRow,
    code_rows,
    code_version,
    further_outputs,
    input_rows,
    inspector_rows,
    mission_row,
    process_rows,
    product_rows,
)


def current_definition(connection: Connection) -> Definition | None:
    """The definition by names, retired things included; None before a mission file is applied."""
    row = mission_row(connection)
    if row is None:
        return None
    products, names = _product_specs(connection)
    return Definition(mission=mission_spec(row), products=products, processes=_process_specs(connection, names))


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberedDefinition:
    """The definition, with the numbers that the database gives to what it names."""

    definition: Definition
    number: int  #: of the mission
    products: Mapping[int, str]  #: the products by their numbers
    processes: Mapping[int, str]  #: the processes by their numbers
    files: Mapping[str, int]  #: how many files each product has


def numbered_definition(connection: Connection) -> NumberedDefinition | None:
    """The definition with its numbers; None before a mission file is applied."""
    definition, row = current_definition(connection), mission_row(connection)
    if definition is None or row is None:
        return None
    return NumberedDefinition(
        definition=definition,
        number=row.mission_id,
        products={row.product_id: row.product_name for row in product_rows(connection)},
        processes={row.process_id: row.process_name for row in process_rows(connection)},
        files=_file_counts(connection),
    )


def load_holdings(connection: Connection) -> Holdings:
    """The definition, counts and retired codes, for :func:`dbproc.mission.difference.difference`."""
    return Holdings(
        definition=current_definition(connection),
        files=_file_counts(connection),
        uses=_use_counts(connection),
        retired=_codes_by_process(connection, current=False),
        places=recorded_places(connection),
    )


def mission_spec(row: AnyRow) -> MissionSpec:
    """The mission from its row; for null directories, dbprocessing's defaults."""
    codes = row.codedir or "."
    quarantine = os.path.normpath(os.path.join(codes, "errors"))
    values: dict[str, Any] = {"codes": codes, "inspectors": codes, "quarantine": quarantine}
    return MissionSpec(**(values | from_columns(MissionSpec, row)))


def _product_specs(connection: Connection) -> tuple[dict[str, ProductSpec], dict[int, str]]:
    """The products by name, and the names by id."""
    inspectors = {row.product: row for row in inspector_rows(connection)}
    products: dict[str, ProductSpec] = {}
    names: dict[int, str] = {}
    for row in product_rows(connection):
        names[row.product_id] = row.product_name
        products[row.product_name] = product_spec(row, inspectors.get(row.product_id))
    return products, names


def product_spec(row: AnyRow, inspector: AnyRow | None) -> ProductSpec:
    """A product from its row and that of its inspector."""
    return ProductSpec(
        satellite=row.satellite_name,
        instrument=row.instrument_name,
        inspector=_inspector_spec(inspector) if inspector else InspectorSpec(),
        active=inspector is not None and inspector.active_code,
        **from_columns(ProductSpec, row),
    )


def _inspector_spec(row: AnyRow) -> InspectorSpec:
    return InspectorSpec(
        file=file_named(row.relative_path, row.filename),
        arguments=keywords_of(row.arguments),
        version=code_version(row),
        **from_columns(InspectorSpec, row),
    )


def _process_specs(connection: Connection, names: Mapping[int, str]) -> dict[str, ProcessSpec]:
    inputs, further = input_rows(connection), further_outputs(connection)
    codes = _codes_by_process(connection, current=True)
    return {
        row.process_name: ProcessSpec(
            output=names.get(row.output_product),
            inputs=tuple(
                InputSpec(
                    product=names[link.input_product_id],
                    choice=names.get(link.choice),
                    **from_columns(InputSpec, link),
                )
                for link in inputs.get(row.process_id, ())
            ),
            codes=codes.get(row.process_name, ()),
            further_outputs=tuple(names[product_id] for product_id in further.get(row.process_id, ())),
            **from_columns(ProcessSpec, row),
        )
        for row in process_rows(connection)
    }


def _codes_by_process(connection: Connection, *, current: bool) -> dict[str, tuple[CodeSpec, ...]]:
    """The codes of each process by name: the `current` ones, or the retired."""
    names = {row.process_id: row.process_name for row in process_rows(connection)}
    codes: dict[str, list[CodeSpec]] = defaultdict(list)
    for row in code_rows(connection):
        if row.newest_version == current:
            codes[names[row.process_id]].append(code_spec(row))
    return {name: tuple(found) for name, found in codes.items()}


def code_spec(row: AnyRow) -> CodeSpec:
    """A code from its row."""
    return CodeSpec(
        file=file_named(row.relative_path, row.filename),
        running=code_version(row),
        code_id=row.code_id,
        digest=row.shasum or "",
        kept=row.kept,
        released=row.release_time,
        **from_columns(CodeSpec, row),
    )


def _file_counts(connection: Connection) -> dict[str, int]:
    """The number of files of each product."""
    product = schema.product
    counted = (
        select(product.c.product_name, func.count(FILE.c.file_id))
        .join(FILE, FILE.c.product_id == product.c.product_id)
        .group_by(product.c.product_name)
    )
    return {str(name): int(count) for name, count in connection.execute(counted)}


def _use_counts(connection: Connection) -> dict[str, int]:
    """The number of attempts and files of each process."""
    process, code = schema.process, schema.code
    attempts = (
        select(process.c.process_name, func.count())
        .join(schema.attempt, schema.attempt.c.process_id == process.c.process_id)
        .group_by(process.c.process_name)
    )
    files = (
        select(process.c.process_name, func.count())
        .join(code, code.c.process_id == process.c.process_id)
        .join(schema.filecodelink, schema.filecodelink.c.source_code == code.c.code_id)
        .group_by(process.c.process_name)
    )
    counts: dict[str, int] = defaultdict(int)
    for name, count in connection.execute(attempts.union_all(files)):
        counts[str(name)] += int(count)
    return dict(counts)
