"""The definition as the stations need it: by primary keys, in use, every path absolute."""

from __future__ import annotations

import datetime as dt
import json
import os
from collections import defaultdict
from collections.abc import Collection, Iterable

from sqlalchemy import Connection, exists, insert, literal, select

from dbproc.core import model
from dbproc.core.errors import NO_MISSION, NotFoundError
from dbproc.core.filenames import keywords_of
from dbproc.core.text_lists import arguments_of, parameters_of
from dbproc.database import schema
from dbproc.database._queries import FILE, is_newest
from dbproc.database.definition.rows import (
    SHIPPED_DIRECTORY,
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
from dbproc.storage.bundle import kept_path
from dbproc.system.package import PACKAGE


def load_definition(connection: Connection) -> model.Definition:
    """The mission as the database defines it, with active codes only and every path absolute.

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
    """Queue the newest existing files of all inputs of `processes`, those that are not queued yet; how many."""
    queue, link = schema.processqueue, schema.productprocesslink
    inputs = select(link.c.input_product_id).where(link.c.process_id.in_(processes))
    now = literal(dt.datetime.now(dt.UTC), schema.UtcTime())
    files = select(FILE.c.file_id, literal(reason), now).where(
        FILE.c.product_id.in_(inputs),
        is_newest(existing=True),
        ~exists().where(queue.c.file_id == FILE.c.file_id),
    )
    return connection.execute(insert(queue).from_select(["file_id", "reason", "queued_time"], files)).rowcount


def code_path(code_directory: str, relative_path: str, filename: str, declared_version: str) -> str:
    """The absolute path of a code; ``{CODEVERSION}`` in it is the version that was declared."""
    name = os.path.join(relative_path, filename).replace("{CODEVERSION}", declared_version)
    return _resolved(code_directory, name)


def _resolved(directory: str, name: str) -> str:
    """`name` below `directory`, or where it says by itself: absolute, ``~``, or shipped with dbproc."""
    if name.startswith(SHIPPED_DIRECTORY):
        return os.path.normpath(PACKAGE + name.removeprefix(SHIPPED_DIRECTORY))
    return os.path.normpath(os.path.join(directory, os.path.expanduser(name)))


def _mission(row: AnyRow) -> model.Mission:
    root = os.path.abspath(_resolved("", row.rootdir))
    codes = _resolved(root, row.codedir or ".")
    return model.Mission(
        mission_id=row.mission_id,
        name=row.mission_name,
        root=root,
        incoming=_resolved(root, row.incoming_dir),
        quarantine=_resolved(root, row.errordir or os.path.join(codes, "errors")),
        code_directory=codes,
        inspector_directory=_resolved(root, row.inspectordir) if row.inspectordir else codes,
        settle_seconds=row.settle_seconds,
        on_code_edit=model.CodeEditPolicy(row.on_code_edit),
        digest=row.digest,
        retry_seconds=row.retry_seconds,
        retry_limit=row.retry_limit,
        umask=int(row.umask, 8),
        group=row.file_group,
        inspector_seconds=row.inspector_seconds,
        inspector_memory=row.inspector_memory,
        early_cutoff=row.early_cutoff,
        identity=row.identity,
        root_marked=row.root_marked,
    )


def _products(connection: Connection, mission: model.Mission) -> dict[int, model.Product]:
    """The products that are not retired."""
    inspectors = {row.product: _inspector(row, mission) for row in inspector_rows(connection) if row.active_code}
    return {
        row.product_id: model.Product(
            product_id=row.product_id,
            name=row.product_name,
            level=row.level,
            directory=row.relative_path,
            format=row.format,
            instrument=row.instrument_name,
            satellite=row.satellite_name,
            mission=mission.name,
            inspector=inspectors[row.product_id],
            comparison=model.Comparison(row.comparison),
            companion=row.companion,
        )
        for row in product_rows(connection)
        if row.product_id in inspectors
    }


def _inspector(row: AnyRow, mission: model.Mission) -> model.Inspector:
    builtin = row.relative_path == SHIPPED_DIRECTORY
    path = _resolved(mission.inspector_directory, os.path.join(row.relative_path, row.filename))
    return model.Inspector(
        inspector_id=row.inspector_id,
        name=row.filename if builtin else path,
        arguments=keywords_of(row.arguments),
        digest=row.shasum or "",
        stat=row.stat or "",
    )


def _processes(connection: Connection, mission: model.Mission, products: Collection[int]) -> dict[int, model.Process]:
    """The processes whose products are all in use."""
    inputs, further = input_rows(connection), further_outputs(connection)
    processes = [
        _process(row, inputs.get(row.process_id, ()), further.get(row.process_id, ()), mission)
        for row in process_rows(connection)
    ]
    return {process.process_id: process for process in processes if _products_of(process) <= set(products)}


def _products_of(process: model.Process) -> set[int]:
    return {*process.outputs, *(given.product_id for given in process.inputs)}


def _process(row: AnyRow, inputs: Iterable[AnyRow], further: Iterable[int], mission: model.Mission) -> model.Process:
    return model.Process(
        process_id=row.process_id,
        name=row.process_name,
        timebase=model.Timebase(row.output_timebase),
        outputs=() if row.output_product is None else (row.output_product, *further),
        inputs=tuple(_input(link) for link in inputs),
        extra_params=parameters_of(row.extra_params),
        early_cutoff=mission.early_cutoff if row.early_cutoff is None else row.early_cutoff,
    )


def _input(row: AnyRow) -> model.Input:
    return model.Input(
        product_id=row.input_product_id,
        optional=row.optional,
        yesterday=row.yesterday,
        tomorrow=row.tomorrow,
        choice=row.choice,
    )


def _active_codes(connection: Connection, mission: model.Mission) -> dict[int, tuple[model.Code, ...]]:
    codes: dict[int, list[model.Code]] = defaultdict(list)
    for row in code_rows(connection):
        if row.active_code:
            codes[row.process_id].append(_code(row, mission))
    return {process_id: tuple(found) for process_id, found in codes.items()}


def _code(row: AnyRow, mission: model.Mission) -> model.Code:
    return model.Code(
        code_id=row.code_id,
        process_id=row.process_id,
        path=_code_path(row, mission),
        version=code_version(row),
        output_interface=row.output_interface_version,
        start=row.code_start_date,
        stop=row.code_stop_date,
        digest=row.shasum or "",
        stat=row.stat or "",
        arguments=arguments_of(row.arguments),
        cpu=row.cpu or 1,
        ram=row.ram or 0.0,
        time_limit=row.time_limit_seconds,
        retry_limit=row.retry_limit,
        retry_longest=model.LONGEST_DELAY if row.retry_longest_seconds is None else row.retry_longest_seconds,
        uses=tuple(json.loads(row.uses or "[]")),
        inputs_by=model.InputsBy(row.inputs_by),
        on_code_edit=model.CodeEditPolicy(row.on_code_edit) if row.on_code_edit else mission.on_code_edit,
        same_as=row.same_as or 0,
    )


def _code_path(row: AnyRow, mission: model.Mission) -> str:
    """Where a code is run: its place, or the copy that was kept of it."""
    place = code_path(mission.code_directory, row.relative_path, row.filename, row.declared_version)
    return kept_path(mission.kept_codes, row.shasum, place) if row.kept else place
