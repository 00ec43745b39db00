"""The definition as the database holds it: reading it, for stations and by names, and writing a difference into it."""

from __future__ import annotations

import datetime as dt
import os
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, delete, exists, func, insert, literal, select, update

from dbproc import model, schema
from dbproc.catalogue._select import FILE, is_newest
from dbproc.definition import (
    SHIPPED,
    Change,
    CodeSpec,
    Definition,
    Holdings,
    InputSpec,
    InspectorSpec,
    Kind,
    MissionSpec,
    ProcessSpec,
    ProductSpec,
    arguments_of,
    arguments_text,
    parameters_of,
    parameters_text,
)
from dbproc.digest import digest_file, stat_text
from dbproc.errors import NotFoundError
from dbproc.names import keywords_of, keywords_text
from dbproc.version import Version

SHIPPED_DIRECTORY = "{DBPROC}"
"""``relative_path`` of built-in inspectors; with ``/codes`` behind it, of the codes that dbproc brings along."""

SHIPPED_CODES = f"{SHIPPED_DIRECTORY}/codes"

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

AnyRow = Row[Any]


def load_definition(connection: Connection) -> model.Definition:
    """The mission as the database defines it, with active codes only and every path absolute.

    Raises
    ------
    NotFoundError
        No mission file was applied yet.
    """
    mission = _mission(_mission_row(connection))
    products = _products(connection, mission)
    return model.Definition(
        mission=mission,
        products=products,
        processes=_processes(connection, products),
        codes=_active_codes(connection, mission),
    )


def current_definition(connection: Connection) -> Definition | None:
    """The definition by names, what is retired included; None when no mission file was applied yet."""
    row = connection.execute(select(schema.Mission.__table__)).first()
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


def lock_definition(connection: Connection) -> None:
    """Keep others from changing the definition until this transaction ends."""
    connection.execute(select(schema.Mission.mission_id).with_for_update())


def write_changes(connection: Connection, changes: Sequence[Change]) -> None:
    """Make the changes, in their order, and queue the inputs of what may have become stale."""
    _make_room(connection, changes)
    for change in changes:
        match change.new or change.old:
            case MissionSpec():
                _write_mission(connection, change)
            case ProductSpec():
                _write_product(connection, change)
            case ProcessSpec():
                _write_process(connection, change)
            case CodeSpec():
                _write_code(connection, change)
    _delete_empty_groups(connection)
    for change in changes:
        if change.again:
            requeue_inputs(connection, [_process_id(connection, _present_name(change))], change.again)


def requeue_inputs(connection: Connection, processes: Collection[int], reason: str) -> int:
    """Queue the newest existing files of all inputs of `processes`, those that are not queued yet; how many."""
    queue, link = schema.ProcessQueue, schema.ProductProcessLink
    inputs = select(link.input_product_id).where(link.process_id.in_(processes))
    now = literal(dt.datetime.now(dt.UTC), schema.UtcTime())
    files = select(FILE.file_id, literal(reason), now).where(
        FILE.product_id.in_(inputs),
        is_newest(existing=True),
        ~exists().where(queue.file_id == FILE.file_id),
    )
    return connection.execute(insert(queue).from_select(["file_id", "reason", "queued_time"], files)).rowcount


def code_path(code_directory: str, relative_path: str, filename: str, declared_version: str) -> str:
    """The absolute path of a code; ``{CODEVERSION}`` in it is the version that was declared."""
    name = os.path.join(relative_path, filename).replace("{CODEVERSION}", declared_version)
    return _resolved(code_directory, name)


def _resolved(directory: str, name: str) -> str:
    """`name` below `directory`, or where it says by itself: absolute, ``~``, or shipped with dbproc."""
    shipped = name.replace(SHIPPED_DIRECTORY, _PACKAGE)
    return os.path.normpath(os.path.join(directory, os.path.expanduser(shipped)))


def _mission_row(connection: Connection) -> AnyRow:
    row = connection.execute(select(schema.Mission.__table__)).first()
    if row is None:
        raise NotFoundError("the database holds no mission yet; define it with: dbproc apply MISSION.toml")
    return row


def _mission(row: AnyRow) -> model.Mission:
    root = _resolved(os.getcwd(), row.rootdir)
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
    )


def _products(connection: Connection, mission: model.Mission) -> dict[int, model.Product]:
    """The products that are not retired."""
    inspectors = {row.product: _inspector(row, mission) for row in _inspector_rows(connection) if row.active_code}
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
        )
        for row in _product_rows(connection)
        if row.product_id in inspectors
    }


def _inspector(row: AnyRow, mission: model.Mission) -> model.Inspector:
    builtin = row.relative_path == SHIPPED_DIRECTORY
    path = _resolved(mission.inspector_directory, os.path.join(row.relative_path, row.filename))
    return model.Inspector(
        inspector_id=row.inspector_id,
        name=row.filename if builtin else path,
        arguments=keywords_of(row.arguments),
    )


def _processes(connection: Connection, products: Collection[int]) -> dict[int, model.Process]:
    """The processes whose products are all in use."""
    inputs = _input_rows(connection)
    processes = [_process(row, inputs.get(row.process_id, ())) for row in _process_rows(connection)]
    return {process.process_id: process for process in processes if _products_of(process) <= set(products)}


def _products_of(process: model.Process) -> set[int]:
    made = set() if process.output_product is None else {process.output_product}
    return made | {given.product_id for given in process.inputs}


def _process(row: AnyRow, inputs: Iterable[AnyRow]) -> model.Process:
    return model.Process(
        process_id=row.process_id,
        name=row.process_name,
        timebase=model.Timebase(row.output_timebase),
        output_product=row.output_product,
        inputs=tuple(_input(link) for link in inputs),
        extra_params=parameters_of(row.extra_params),
    )


def _input(row: AnyRow) -> model.Input:
    return model.Input(
        product_id=row.input_product_id, optional=row.optional, yesterday=row.yesterday, tomorrow=row.tomorrow
    )


def _active_codes(connection: Connection, mission: model.Mission) -> dict[int, tuple[model.Code, ...]]:
    codes: dict[int, list[model.Code]] = defaultdict(list)
    for row in _code_rows(connection):
        if row.active_code:
            codes[row.process_id].append(_code(row, mission))
    return {process_id: tuple(found) for process_id, found in codes.items()}


def _code(row: AnyRow, mission: model.Mission) -> model.Code:
    return model.Code(
        code_id=row.code_id,
        process_id=row.process_id,
        path=code_path(mission.code_directory, row.relative_path, row.filename, row.declared_version),
        version=code_version(row),
        output_interface=row.output_interface_version,
        start=row.code_start_date,
        stop=row.code_stop_date,
        digest=row.shasum or "",
        arguments=arguments_of(row.arguments),
        cpu=row.cpu or 1,
        ram=row.ram or 0.0,
        time_limit=row.time_limit_seconds,
    )


def code_version(row: AnyRow) -> Version:
    """The version in a row of the code table."""
    return Version(row.interface_version, row.quality_version, row.revision_version)


def _product_rows(connection: Connection) -> list[AnyRow]:
    rows = (
        select(schema.Product.__table__, schema.Instrument.instrument_name, schema.Satellite.satellite_name)
        .join(schema.Instrument, schema.Instrument.instrument_id == schema.Product.instrument_id)
        .join(schema.Satellite, schema.Satellite.satellite_id == schema.Instrument.satellite_id)
        .order_by(schema.Product.product_id)
    )
    return list(connection.execute(rows))


def _inspector_rows(connection: Connection) -> list[AnyRow]:
    """The newest inspector of every product; that of a retired product is not active."""
    return list(connection.execute(select(schema.Inspector.__table__).where(schema.Inspector.newest_version)))


def _process_rows(connection: Connection) -> list[AnyRow]:
    return list(connection.execute(select(schema.Process.__table__).order_by(schema.Process.process_id)))


def _input_rows(connection: Connection) -> Mapping[int, list[AnyRow]]:
    link = schema.ProductProcessLink
    rows = connection.execute(select(link.__table__).order_by(link.process_id, link.position, link.input_product_id))
    by_process: dict[int, list[AnyRow]] = defaultdict(list)
    for row in rows:
        by_process[row.process_id].append(row)
    return by_process


def _code_rows(connection: Connection) -> list[AnyRow]:
    """Every code, the active and the retired."""
    return list(connection.execute(select(schema.Code.__table__).order_by(schema.Code.code_id)))


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
    )


def _product_specs(connection: Connection) -> tuple[dict[str, ProductSpec], dict[int, str]]:
    """The products by name, and the names by id."""
    inspectors = {row.product: row for row in _inspector_rows(connection)}
    products: dict[str, ProductSpec] = {}
    names: dict[int, str] = {}
    for row in _product_rows(connection):
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
    inputs = _input_rows(connection)
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
                )
                for link in inputs.get(row.process_id, ())
            ),
            codes=codes.get(row.process_name, ()),
            extra_params=parameters_of(row.extra_params),
        )
        for row in _process_rows(connection)
    }


def _codes_by_process(connection: Connection, *, current: bool) -> dict[str, tuple[CodeSpec, ...]]:
    """The codes of each process by its name: the `current` ones, or those that were retired."""
    names = {row.process_id: row.process_name for row in _process_rows(connection)}
    codes: dict[str, list[CodeSpec]] = defaultdict(list)
    for row in _code_rows(connection):
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
        description=row.code_description,
        written=row.date_written,
        active=row.active_code,
        running=code_version(row),
        code_id=row.code_id,
    )


def _code_file(row: AnyRow) -> str:
    directory, filename = str(row.relative_path), str(row.filename)
    if directory == SHIPPED_CODES:
        return SHIPPED + filename.removesuffix(".py")
    return os.path.normpath(os.path.join(directory, filename))


def _file_counts(connection: Connection) -> dict[str, int]:
    """How many files there are of each product."""
    product = schema.Product
    counted = (
        select(product.product_name, func.count(FILE.file_id))
        .join(FILE, FILE.product_id == product.product_id)
        .group_by(product.product_name)
    )
    return {str(name): int(count) for name, count in connection.execute(counted)}


def _use_counts(connection: Connection) -> dict[str, int]:
    """How many attempts and files there are of each process."""
    process, code = schema.Process, schema.Code
    attempts = (
        select(process.process_name, func.count())
        .join(schema.Attempt, schema.Attempt.process_id == process.process_id)
        .group_by(process.process_name)
    )
    files = (
        select(process.process_name, func.count())
        .join(code, code.process_id == process.process_id)
        .join(schema.FileCodeLink, schema.FileCodeLink.source_code == code.code_id)
        .group_by(process.process_name)
    )
    counts: dict[str, int] = defaultdict(int)
    for name, count in connection.execute(attempts.union_all(files)):
        counts[str(name)] += int(count)
    return dict(counts)


def _make_room(connection: Connection, changes: Sequence[Change]) -> None:
    """Free the outputs of processes that get another one: two may exchange theirs."""
    process = schema.Process
    moved = [
        change.old.name
        for change in changes
        if isinstance(change.old, ProcessSpec)
        and isinstance(change.new, ProcessSpec)
        and change.old.output != change.new.output
    ]
    freed = update(process).where(process.process_name.in_(moved)).values(output_product=None, output_timebase="RUN")
    connection.execute(freed)


def _write_mission(connection: Connection, change: Change) -> None:
    mission = change.new
    assert isinstance(mission, MissionSpec)
    values = {
        "mission_name": mission.name,
        "rootdir": mission.root,
        "incoming_dir": mission.incoming,
        "errordir": mission.quarantine,
        "codedir": mission.codes,
        "inspectordir": mission.inspectors,
        "settle_seconds": mission.settle_seconds,
        "on_code_edit": mission.on_code_edit,
        "digest": mission.digest,
        "retry_seconds": mission.retry_seconds,
        "retry_limit": mission.retry_limit,
    }
    if change.kind is Kind.ADD:
        connection.execute(insert(schema.Mission).values(**values))
    else:
        connection.execute(update(schema.Mission).values(**values))


def _write_product(connection: Connection, change: Change) -> None:
    table = schema.Product
    if isinstance(change.new, ProductSpec):
        values = _product_values(connection, change.new)
        if change.kind is Kind.ADD:
            connection.execute(insert(table).values(**values))
        else:
            connection.execute(update(table).where(table.product_name == change.name).values(**values))
        _write_inspector(connection, change.new, new=change.kind is Kind.ADD)
        return
    product_id = _product_id(connection, change.name)
    inspector = schema.Inspector
    if change.kind is Kind.RETIRE:
        connection.execute(update(inspector).where(inspector.product == product_id).values(active_code=False))
    else:
        connection.execute(delete(inspector).where(inspector.product == product_id))
        connection.execute(delete(table).where(table.product_id == product_id))


def _product_values(connection: Connection, product: ProductSpec) -> dict[str, object]:
    return {
        "product_name": product.name,
        "instrument_id": _instrument_id(connection, product.satellite, product.instrument),
        "relative_path": product.directory,
        "level": product.level,
        "format": product.format,
        "product_description": product.description,
    }


def _instrument_id(connection: Connection, satellite: str, instrument: str) -> int:
    """The instrument's id; it and its satellite are made when they are new."""
    mission_id = connection.execute(select(schema.Mission.mission_id)).scalar_one()
    table = schema.Satellite
    satellite_id = connection.execute(
        select(table.satellite_id).where(table.satellite_name == satellite, table.mission_id == mission_id)
    ).scalar()
    if satellite_id is None:
        new = insert(table).values(satellite_name=satellite, mission_id=mission_id).returning(table.satellite_id)
        satellite_id = connection.execute(new).scalar_one()
    return _instrument_of(connection, satellite_id, instrument)


def _instrument_of(connection: Connection, satellite_id: int, instrument: str) -> int:
    table = schema.Instrument
    known = connection.execute(
        select(table.instrument_id).where(table.instrument_name == instrument, table.satellite_id == satellite_id)
    ).scalar()
    if known is not None:
        return int(known)
    new = insert(table).values(instrument_name=instrument, satellite_id=satellite_id).returning(table.instrument_id)
    return int(connection.execute(new).scalar_one())


def _write_inspector(connection: Connection, product: ProductSpec, *, new: bool) -> None:
    table, spec = schema.Inspector, product.inspector
    directory, filename = (SHIPPED_DIRECTORY, spec.file) if spec.is_builtin else _split(spec.file)
    values = {
        "product": _product_id(connection, product.name),
        "filename": filename,
        "relative_path": directory,
        "arguments": keywords_text(spec.arguments) or None,
        "description": spec.description,
        "output_interface_version": spec.output_interface,
        "date_written": spec.written,
        "active_code": True,
        "newest_version": True,
        **_version_columns(spec.version),
    }
    if new:
        connection.execute(insert(table).values(**values))
    else:
        connection.execute(update(table).where(table.product == values["product"]).values(**values))


def _write_process(connection: Connection, change: Change) -> None:
    table, link, code = schema.Process, schema.ProductProcessLink, schema.Code
    if change.kind is Kind.ADD and isinstance(change.new, ProcessSpec):
        made = insert(table).values(**_process_values(connection, change.new)).returning(table.process_id)
        _write_inputs(connection, connection.execute(made).scalar_one(), change.new)
        return
    process_id = _process_id(connection, change.name)
    connection.execute(delete(link).where(link.process_id == process_id))
    if isinstance(change.new, ProcessSpec):
        values = _process_values(connection, change.new)
        connection.execute(update(table).where(table.process_id == process_id).values(**values))
        _write_inputs(connection, process_id, change.new)
    else:
        connection.execute(delete(code).where(code.process_id == process_id))
        connection.execute(delete(table).where(table.process_id == process_id))


def _process_values(connection: Connection, process: ProcessSpec) -> dict[str, object]:
    return {
        "process_name": process.name,
        "output_product": _product_id(connection, process.output) if process.output else None,
        "output_timebase": process.timebase,
        "extra_params": parameters_text(process.extra_params),
    }


def _write_inputs(connection: Connection, process_id: int, process: ProcessSpec) -> None:
    rows = [
        {
            "process_id": process_id,
            "input_product_id": _product_id(connection, given.product),
            "optional": given.optional,
            "yesterday": given.yesterday,
            "tomorrow": given.tomorrow,
            "position": position,
        }
        for position, given in enumerate(process.inputs)
    ]
    if rows:
        connection.execute(insert(schema.ProductProcessLink), rows)


def _write_code(connection: Connection, change: Change) -> None:
    old, new = change.old, change.new
    if isinstance(old, CodeSpec) and change.kind in (Kind.RELEASE, Kind.RETIRE):
        _update_code(connection, old, {"active_code": False, "newest_version": False})
    if not isinstance(new, CodeSpec):
        return
    if change.kind in (Kind.ADD, Kind.RELEASE):
        process_id = _process_id(connection, change.name)
        values = _code_values(new) | _code_identity(connection, new)
        connection.execute(insert(schema.Code).values(process_id=process_id, newest_version=True, **values))
    elif isinstance(old, CodeSpec):
        _update_code(connection, old, {"newest_version": True, **_code_values(new)})


def _update_code(connection: Connection, code: CodeSpec, values: Mapping[str, object]) -> None:
    table = schema.Code
    connection.execute(update(table).where(table.code_id == code.code_id).values(**values))


def _code_values(code: CodeSpec) -> dict[str, object]:
    """What may change under an unchanged version."""
    return {
        "code_start_date": code.start,
        "code_stop_date": code.stop,
        "code_description": code.description,
        "active_code": code.active,
        "date_written": code.written,
        "ram": code.ram,
        "cpu": code.cpu,
        "time_limit_seconds": code.time_limit,
    }


def _code_identity(connection: Connection, code: CodeSpec) -> dict[str, object]:
    """What stays with a version: the file, its bytes, how it is called."""
    directory, filename = _code_place(code)
    mission = _mission(_mission_row(connection))
    path = code_path(mission.code_directory, directory, filename, str(code.version))
    digest, stat = _bytes_of(path, mission.digest)
    return {
        "filename": filename,
        "relative_path": directory,
        "arguments": arguments_text(code.arguments),
        "output_interface_version": code.output_interface,
        "declared_version": str(code.version),
        "shasum": digest,
        "stat": stat,
        **_version_columns(code.version),
    }


def _code_place(code: CodeSpec) -> tuple[str, str]:
    if code.is_shipped:
        return SHIPPED_CODES, code.file.removeprefix(SHIPPED) + ".py"
    return _split(code.file)


def _bytes_of(path: str, algorithm: str) -> tuple[str | None, str | None]:
    """Digest and stat of a code; nothing when it cannot be read, as one that is not active may."""
    try:
        stat = stat_text(path)
        return digest_file(path, algorithm), stat
    except OSError:
        return None, None


def _split(file: str) -> tuple[str, str]:
    directory, name = os.path.split(file)
    return directory or ".", name


def _version_columns(version: Version) -> dict[str, int]:
    return {
        "interface_version": version.interface,
        "quality_version": version.quality,
        "revision_version": version.revision,
    }


def _delete_empty_groups(connection: Connection) -> None:
    """Remove instruments without a product and satellites without an instrument."""
    product, instrument, satellite = schema.Product, schema.Instrument, schema.Satellite
    used = exists().where(product.instrument_id == instrument.instrument_id)
    connection.execute(delete(instrument).where(~used))
    used = exists().where(instrument.satellite_id == satellite.satellite_id)
    connection.execute(delete(satellite).where(~used))


def _present_name(change: Change) -> str:
    """The name of the process of a change, after it was renamed."""
    return change.new.name if isinstance(change.new, ProcessSpec) else change.name


def _product_id(connection: Connection, name: str) -> int:
    table = schema.Product
    return int(connection.execute(select(table.product_id).where(table.product_name == name)).scalar_one())


def _process_id(connection: Connection, name: str) -> int:
    table = schema.Process
    return int(connection.execute(select(table.process_id).where(table.process_name == name)).scalar_one())
