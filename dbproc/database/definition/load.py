"""Load the definition in use: by primary keys, every path absolute."""

from __future__ import annotations

import datetime as dt
import os
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, exists, insert, literal, select

from dbproc.core import model
from dbproc.core.bundle import kept_path
from dbproc.core.errors import NO_MISSION, NotFoundError
from dbproc.core.filenames import keywords_of
from dbproc.core.keys import alike, from_columns
from dbproc.core.periods import read_timebase
from dbproc.core.service import monitor_of, service_of
from dbproc.core.slots import key_fields
from dbproc.core.spec import BUILT_IN_DIRECTORY, CodeSpec, InputSpec, ProcessSpec, file_named
from dbproc.core.text_lists import parameters_of
from dbproc.database import schema
from dbproc.database._queries import FILE, is_newest
from dbproc.database.definition.rows import (
    AnyRow,
    code_rows,
    further_outputs,
    input_rows,
    inspector_rows,
    mission_row,
    process_rows,
    product_rows,
)
from dbproc.database.definition.specs import code_spec, mission_spec, product_spec
from dbproc.system.package import code_path


def load_definition(connection: Connection) -> model.Definition:
    """Load the definition in use: active codes only, every path absolute.

    Raises
    ------
    NotFoundError
        No mission file was applied yet.
    """
    mission = load_mission(connection)
    products = _products(connection, mission)
    return model.Definition(
        mission=mission,
        products=products,
        processes=_processes(connection, mission, products),
        codes=_active_codes(connection, mission),
    )


def load_mission(connection: Connection) -> model.Mission:
    """The mission alone.

    Raises
    ------
    NotFoundError
        No mission file was applied yet.
    """
    row = mission_row(connection)
    if row is None:
        raise NotFoundError(NO_MISSION)
    return _mission(row)


def requeue_inputs(connection: Connection, processes: Collection[int], reason: str) -> int:
    """Queue the newest existing files of all inputs of `processes`; return how many were not queued before."""
    queue, link = schema.processqueue, schema.productprocesslink
    inputs = select(link.c.input_product_id).where(link.c.process_id.in_(processes))
    now = literal(dt.datetime.now(dt.UTC), schema.UtcTime())
    files = select(FILE.c.file_id, literal(reason), now).where(
        FILE.c.product_id.in_(inputs),
        is_newest(existing=True),
        ~exists().where(queue.c.file_id == FILE.c.file_id),
    )
    return connection.execute(insert(queue).from_select(["file_id", "reason", "queued_time"], files)).rowcount


def _absolute(directory: str, name: str) -> str:
    """`name` below `directory`, unless it is absolute or begins with ``~``."""
    return os.path.normpath(os.path.join(directory, os.path.expanduser(name)))


def _mission(row: AnyRow) -> model.Mission:
    spec = mission_spec(row)
    root = os.path.abspath(_absolute("", spec.root))
    values = alike(spec, model.Mission) | {
        "root": root,
        "incoming": _absolute(root, spec.incoming),
        "quarantine": _absolute(root, spec.quarantine),
        "umask": int(spec.umask, 8),
        "group": spec.group or None,
        "service": service_of(spec.service),
        "monitor": monitor_of(spec.monitor),
        "run_in": _run_in(spec.run_in, root),
    }
    return model.Mission(
        mission_id=row.mission_id,
        code_directory=_absolute(root, spec.codes),
        inspector_directory=_absolute(root, spec.inspectors),
        identity=row.identity,
        root_marked=row.root_marked,
        **values,
    )


def _run_in(directory: str, root: str) -> str:
    """The directory in which codes run: absolute, or one of the words for what only a run knows."""
    return directory if directory in ("", model.WHERE_STARTED) else _absolute(root, directory)


def _products(connection: Connection, mission: model.Mission) -> dict[int, model.Product]:
    """The products that are not retired."""
    inspectors = {row.product: row for row in inspector_rows(connection) if row.active_code}
    return {
        row.product_id: _product(row, inspectors[row.product_id], mission)
        for row in product_rows(connection)
        if row.product_id in inspectors
    }


def _product(row: AnyRow, inspector: AnyRow, mission: model.Mission) -> model.Product:
    return model.Product(
        product_id=row.product_id,
        instrument_id=row.instrument_id,
        satellite_id=row.satellite_id,
        mission=mission.name,
        inspector=_inspector(inspector, mission),
        **alike(product_spec(row, inspector), model.Product),
    )


def _inspector(row: AnyRow, mission: model.Mission) -> model.Inspector:
    file = file_named(row.relative_path, row.filename)
    is_built_in = row.relative_path == BUILT_IN_DIRECTORY
    return model.Inspector(
        inspector_id=row.inspector_id,
        name=file if is_built_in else _absolute(mission.inspector_directory, file),
        arguments=keywords_of(row.arguments),
        digest=row.shasum or "",
        stat=row.stat or "",
    )


def _processes(
    connection: Connection, mission: model.Mission, products: Mapping[int, model.Product]
) -> dict[int, model.Process]:
    """The processes with all their products in use."""
    inputs, further = input_rows(connection), further_outputs(connection)
    processes = [
        _process(row, inputs.get(row.process_id, ()), further.get(row.process_id, ()), mission, products)
        for row in process_rows(connection)
    ]
    return {process.process_id: process for process in processes if process is not None}


def _process(
    row: AnyRow,
    inputs: Iterable[AnyRow],
    further: Iterable[int],
    mission: model.Mission,
    products: Mapping[int, model.Product],
) -> model.Process | None:
    """A process; None when one of its products is retired."""
    cadence = read_timebase(row.output_timebase)
    assert cadence is not None, row.output_timebase
    outputs = () if row.output_product is None else (row.output_product, *further)
    links = tuple(_input(link) for link in inputs)
    if not {*outputs, *(link.product_id for link in links)} <= products.keys():
        return None
    driver = next((link.product_id for link in links if products[link.product_id].name == cadence.driver), None)
    spec = from_columns(ProcessSpec, row)
    keywords = spec["keywords"]
    return model.Process(
        process_id=row.process_id,
        name=row.process_name,
        timebase=cadence.timebase,
        outputs=outputs,
        inputs=links,
        extra_params=parameters_of(row.extra_params),
        early_cutoff=mission.early_cutoff if row.early_cutoff is None else row.early_cutoff,
        step=cadence.step,
        driver=driver,
        keywords=keywords,
        key_fields=key_fields(
            cadence.timebase,
            keywords,
            [products[number].compiled.keyword_fields for number in outputs],
            [products[link.product_id].compiled.keyword_fields for link in links if _tells_clock(link, driver)],
        ),
        build=spec["build"],
        wait=spec.get("wait"),
        run_in=mission.run_in if row.run_in is None else _run_in(row.run_in, mission.root),
    )


def _tells_clock(link: model.Input, driver: int | None) -> bool:
    """Whether the time of day in the names of an input can be part of a key."""
    return link.valid is None and driver in (None, link.product_id)


def _input(row: AnyRow) -> model.Input:
    values = from_columns(InputSpec, row)
    return model.Input(product_id=row.input_product_id, choice=row.choice, **values)


def _active_codes(connection: Connection, mission: model.Mission) -> dict[int, tuple[model.Code, ...]]:
    codes: dict[int, list[model.Code]] = defaultdict(list)
    for row in code_rows(connection):
        if row.active_code:
            codes[row.process_id].append(_code(row, mission))
    return {process_id: tuple(found) for process_id, found in codes.items()}


def _code(row: AnyRow, mission: model.Mission) -> model.Code:
    spec = code_spec(row)
    place = code_path(mission.code_directory, spec.file, spec.version)
    return model.Code(
        code_id=row.code_id,
        process_id=row.process_id,
        path=kept_path(mission.kept_codes, spec.digest, place) if spec.kept else place,
        digest=spec.digest,
        stat=row.stat or "",
        same_as=row.same_as or 0,
        **fields_of_code(spec, mission),
    )


def fields_of_code(spec: CodeSpec, mission: model.Mission) -> dict[str, Any]:
    """The fields that a code has from its specification, or else from the mission."""
    return alike(spec, model.Code) | {
        "version": spec.used,
        "retry_longest": model.LONGEST_DELAY if spec.retry_longest is None else spec.retry_longest,
        "on_code_edit": spec.on_code_edit or mission.on_code_edit,
    }
