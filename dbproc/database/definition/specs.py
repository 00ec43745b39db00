"""The definition by names, as mission files have it, read from the database."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Mapping

from sqlalchemy import Connection, func, select

from dbproc.core.filenames import keywords_of
from dbproc.core.spec import (
    SHIPPED,
    CodeSpec,
    Definition,
    Holdings,
    InputSpec,
    InspectorSpec,
    MissionSpec,
    ProcessSpec,
    ProductSpec,
)
from dbproc.core.text_lists import arguments_of, parameters_of
from dbproc.core.version import Version
from dbproc.database import schema
from dbproc.database._queries import FILE
from dbproc.database.definition.rows import (
    SHIPPED_CODES,
    SHIPPED_DIRECTORY,
    AnyRow,
    code_rows,
    code_version,
    further_outputs,
    input_rows,
    inspector_rows,
    process_rows,
    product_rows,
)


def current_definition(connection: Connection) -> Definition | None:
    """The definition by names, what is retired included; None when no mission file was applied yet."""
    row = connection.execute(select(schema.mission)).first()
    if row is None:
        return None
    products, names = _product_specs(connection)
    return Definition(mission=_mission_spec(row), products=products, processes=_process_specs(connection, names))


def load_holdings(connection: Connection) -> Holdings:
    """What the database holds, for :func:`dbproc.mission.difference.difference`."""
    return Holdings(
        definition=current_definition(connection),
        files=_file_counts(connection),
        uses=_use_counts(connection),
        retired=_codes_by_process(connection, current=False),
    )


def _mission_spec(row: AnyRow) -> MissionSpec:
    codes = row.codedir or "."
    return MissionSpec(
        name=row.mission_name,
        root=row.rootdir,
        incoming=row.incoming_dir,
        quarantine=row.errordir or os.path.normpath(os.path.join(codes, "errors")),
        codes=codes,
        inspectors=row.inspectordir or codes,
        settle_seconds=row.settle_seconds,
        on_code_edit=row.on_code_edit,
        digest=row.digest,
        retry_seconds=row.retry_seconds,
        retry_limit=row.retry_limit,
        umask=row.umask,
        group=row.file_group or "",
        inspector_seconds=row.inspector_seconds,
        inspector_memory=row.inspector_memory,
        early_cutoff=row.early_cutoff,
    )


def _product_specs(connection: Connection) -> tuple[dict[str, ProductSpec], dict[int, str]]:
    """The products by name, and the names by id."""
    inspectors = {row.product: row for row in inspector_rows(connection)}
    products: dict[str, ProductSpec] = {}
    names: dict[int, str] = {}
    for row in product_rows(connection):
        inspector = inspectors.get(row.product_id)
        names[row.product_id] = row.product_name
        products[row.product_name] = ProductSpec(
            name=row.product_name,
            level=row.level,
            directory=row.relative_path,
            format=row.format,
            satellite=row.satellite_name,
            instrument=row.instrument_name,
            description=row.product_description or "",
            inspector=_inspector_spec(inspector) if inspector else InspectorSpec(),
            comparison=row.comparison,
            companion=row.companion,
            active=inspector is not None and inspector.active_code,
        )
    return products, names


def _inspector_spec(row: AnyRow) -> InspectorSpec:
    builtin = row.relative_path == SHIPPED_DIRECTORY
    return InspectorSpec(
        file=row.filename if builtin else os.path.normpath(os.path.join(row.relative_path, row.filename)),
        arguments=keywords_of(row.arguments),
        description=row.description,
        version=code_version(row),
        output_interface=row.output_interface_version,
        written=row.date_written,
    )


def _process_specs(connection: Connection, names: Mapping[int, str]) -> dict[str, ProcessSpec]:
    inputs, further = input_rows(connection), further_outputs(connection)
    codes = _codes_by_process(connection, current=True)
    return {
        row.process_name: ProcessSpec(
            name=row.process_name,
            timebase=row.output_timebase,
            output=names.get(row.output_product),
            inputs=tuple(
                InputSpec(
                    product=names[link.input_product_id],
                    optional=link.optional,
                    yesterday=link.yesterday,
                    tomorrow=link.tomorrow,
                    choice=names.get(link.choice),
                )
                for link in inputs.get(row.process_id, ())
            ),
            codes=codes.get(row.process_name, ()),
            extra_params=parameters_of(row.extra_params),
            further_outputs=tuple(names[product_id] for product_id in further.get(row.process_id, ())),
            early_cutoff=row.early_cutoff,
        )
        for row in process_rows(connection)
    }


def _codes_by_process(connection: Connection, *, current: bool) -> dict[str, tuple[CodeSpec, ...]]:
    """The codes of each process by its name: the `current` ones, or those that were retired."""
    names = {row.process_id: row.process_name for row in process_rows(connection)}
    codes: dict[str, list[CodeSpec]] = defaultdict(list)
    for row in code_rows(connection):
        if row.newest_version == current:
            codes[names[row.process_id]].append(_code_spec(row))
    return {name: tuple(found) for name, found in codes.items()}


def _code_spec(row: AnyRow) -> CodeSpec:
    return CodeSpec(
        file=_code_file(row),
        version=Version.parse(row.declared_version),
        output_interface=row.output_interface_version,
        arguments=arguments_of(row.arguments),
        start=row.code_start_date,
        stop=row.code_stop_date,
        cpu=row.cpu or 1,
        ram=row.ram or 0.0,
        time_limit=row.time_limit_seconds,
        retry_limit=row.retry_limit,
        retry_longest=row.retry_longest_seconds,
        on_code_edit=row.on_code_edit,
        uses=tuple(json.loads(row.uses or "[]")),
        inputs_by=row.inputs_by,
        description=row.code_description,
        written=row.date_written,
        active=row.active_code,
        running=code_version(row),
        code_id=row.code_id,
        digest=row.shasum or "",
        kept=row.kept,
        released=row.release_time,
    )


def _code_file(row: AnyRow) -> str:
    directory, filename = str(row.relative_path), str(row.filename)
    if directory == SHIPPED_CODES:
        return SHIPPED + filename.removesuffix(".py")
    return os.path.normpath(os.path.join(directory, filename))


def _file_counts(connection: Connection) -> dict[str, int]:
    """How many files there are of each product."""
    product = schema.product
    counted = (
        select(product.c.product_name, func.count(FILE.c.file_id))
        .join(FILE, FILE.c.product_id == product.c.product_id)
        .group_by(product.c.product_name)
    )
    return {str(name): int(count) for name, count in connection.execute(counted)}


def _use_counts(connection: Connection) -> dict[str, int]:
    """How many attempts and files there are of each process."""
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
