"""Write the changes of a mission file to the database."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, delete, exists, insert, select, update

from dbproc.core.errors import UserError
from dbproc.core.filenames import keywords_text
from dbproc.core.keys import Effect, column_values
from dbproc.core.spec import Change, CodeSpec, Holdings, Kind, MissionSpec, ProcessSpec, ProductSpec
from dbproc.core.states import CodeEvent
from dbproc.database import codes, schema, waitingslots
from dbproc.database.definition.load import requeue_inputs
from dbproc.database.definition.places import rename_places
from dbproc.database.definition.rows import version_columns
from dbproc.database.definition.specs import load_holdings


def write_changes(connection: Connection, changes: Sequence[Change], seen: Holdings, reason: str = "") -> None:
    """Make the changes in order, and queue the inputs of outputs that may have become stale.

    Parameters
    ----------
    connection
        A transaction; others cannot change the definition until it ends.
    changes
        With the bytes of codes and inspectors, see :func:`dbproc.mission.kept_bytes.with_bytes`: this touches no file.
    seen
        The database's content when the changes were determined.
    reason
        Recorded with the events of codes.

    Raises
    ------
    UserError
        The definition was changed since it was seen.
    """
    connection.execute(select(schema.mission.c.mission_id).with_for_update())
    if not load_holdings(connection).calls_for_the_same(seen):
        raise UserError("the definition was changed by somebody else in this moment; nothing was changed, try again")
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
                _write_code(connection, change, reason)
    _delete_empty_groups(connection)
    for change in changes:
        if change.again:
            process_id = _process_id(connection, _present_name(change))
            waitingslots.remove_of_process(connection, process_id)
            requeue_inputs(connection, [process_id], change.again)


def _make_room(connection: Connection, changes: Sequence[Change]) -> None:
    """Free the outputs of processes whose output changes: two may exchange theirs."""
    process, further = schema.process, schema.processoutput
    moved = [
        change.old.name
        for change in changes
        if isinstance(change.old, ProcessSpec)
        and isinstance(change.new, ProcessSpec)
        and change.old.outputs != change.new.outputs
    ]
    freed = update(process).where(process.c.process_name.in_(moved)).values(output_product=None, output_timebase="RUN")
    connection.execute(freed)
    ids = select(process.c.process_id).where(process.c.process_name.in_(moved))
    connection.execute(delete(further).where(further.c.process_id.in_(ids)))


def _write_mission(connection: Connection, change: Change) -> None:
    mission = change.new
    assert isinstance(mission, MissionSpec)
    values = column_values(mission)
    if change.kind is Kind.ADD:
        connection.execute(insert(schema.mission).values(**values, identity=uuid.uuid4().hex))
    else:
        is_moved = isinstance(change.old, MissionSpec) and change.old.root != mission.root
        marked = {"root_marked": False} if is_moved else {}
        connection.execute(update(schema.mission).values(**values, **marked))
        if isinstance(change.old, MissionSpec):
            rename_places(connection, change.old, mission)


def _write_product(connection: Connection, change: Change) -> None:
    table = schema.product
    if isinstance(change.new, ProductSpec):
        values = _product_values(connection, change.new)
        if change.kind is Kind.ADD:
            connection.execute(insert(table).values(**values))
        else:
            connection.execute(update(table).where(table.c.product_name == change.name).values(**values))
            if change.new.name != change.name:
                about = update(table).where(table.c.quality_of == change.name)
                connection.execute(about.values(quality_of=change.new.name))
        _write_inspector(connection, change, change.new)
        return
    product_id = _product_id(connection, change.name)
    inspector = schema.inspector
    if change.kind is Kind.RETIRE:
        connection.execute(update(inspector).where(inspector.c.product == product_id).values(active_code=False))
    else:
        of_product = select(inspector.c.inspector_id).where(inspector.c.product == product_id)
        connection.execute(delete(schema.codeevent).where(schema.codeevent.c.inspector_id.in_(of_product)))
        connection.execute(delete(inspector).where(inspector.c.product == product_id))
        connection.execute(delete(table).where(table.c.product_id == product_id))


def _product_values(connection: Connection, product: ProductSpec) -> dict[str, object]:
    instrument_id = _instrument_id(connection, product.satellite, product.instrument)
    return {**column_values(product), "instrument_id": instrument_id}


def _instrument_id(connection: Connection, satellite: str, instrument: str) -> int:
    """The instrument's id; insert it and its satellite when new."""
    mission_id = connection.execute(select(schema.mission.c.mission_id)).scalar_one()
    table = schema.satellite
    satellite_id = connection.execute(
        select(table.c.satellite_id).where(table.c.satellite_name == satellite, table.c.mission_id == mission_id)
    ).scalar()
    if satellite_id is None:
        new = insert(table).values(satellite_name=satellite, mission_id=mission_id).returning(table.c.satellite_id)
        satellite_id = connection.execute(new).scalar_one()
    return _instrument_of(connection, satellite_id, instrument)


def _instrument_of(connection: Connection, satellite_id: int, instrument: str) -> int:
    table = schema.instrument
    known = connection.execute(
        select(table.c.instrument_id).where(table.c.instrument_name == instrument, table.c.satellite_id == satellite_id)
    ).scalar()
    if known is not None:
        return int(known)
    new = insert(table).values(instrument_name=instrument, satellite_id=satellite_id).returning(table.c.instrument_id)
    return int(connection.execute(new).scalar_one())


def _write_inspector(connection: Connection, change: Change, product: ProductSpec) -> None:
    """Insert or update the inspector of a product; the recorded bytes of a version never change."""
    table, spec = schema.inspector, product.inspector
    directory, filename = spec.place
    values = {
        **column_values(spec),
        "product": _product_id(connection, product.name),
        "filename": filename,
        "relative_path": directory,
        "arguments": keywords_text(spec.arguments) or None,
        "active_code": True,
        "newest_version": True,
    }
    if change.has_new_bytes:
        digest, stat = (change.bundle.digest, change.bundle.stat) if change.bundle else (None, None)
        values |= {**version_columns(spec.version), "shasum": digest, "stat": stat}
    if change.old is None:
        connection.execute(insert(table).values(**values))
    else:
        connection.execute(update(table).where(table.c.product == values["product"]).values(**values))


def _write_process(connection: Connection, change: Change) -> None:
    table, link, code = schema.process, schema.productprocesslink, schema.code
    if change.kind is Kind.ADD and isinstance(change.new, ProcessSpec):
        made = insert(table).values(**_process_values(connection, change.new)).returning(table.c.process_id)
        process_id = connection.execute(made).scalar_one()
        _write_inputs(connection, process_id, change.new)
        _write_further_outputs(connection, process_id, change.new)
        return
    process_id = _process_id(connection, change.name)
    connection.execute(delete(link).where(link.c.process_id == process_id))
    connection.execute(delete(schema.processoutput).where(schema.processoutput.c.process_id == process_id))
    if isinstance(change.new, ProcessSpec):
        values = _process_values(connection, change.new)
        connection.execute(update(table).where(table.c.process_id == process_id).values(**values))
        _write_inputs(connection, process_id, change.new)
        _write_further_outputs(connection, process_id, change.new)
    else:
        of_process = select(code.c.code_id).where(code.c.process_id == process_id)
        for about in (schema.codefile, schema.codeevent):
            connection.execute(delete(about).where(about.c.code_id.in_(of_process)))
        counted = schema.baselinecode
        connection.execute(update(counted).where(counted.c.source_code.in_(of_process)).values(source_code=None))
        for about_process in (schema.campaignitem, schema.waitingslot, code):
            connection.execute(delete(about_process).where(about_process.c.process_id == process_id))
        connection.execute(delete(table).where(table.c.process_id == process_id))


def _process_values(connection: Connection, process: ProcessSpec) -> dict[str, object]:
    output = _product_id(connection, process.output) if process.output else None
    return {**column_values(process), "output_product": output}


def _write_inputs(connection: Connection, process_id: int, process: ProcessSpec) -> None:
    rows = [
        {
            "process_id": process_id,
            "input_product_id": _product_id(connection, given.product),
            "position": position,
            "choice": _product_id(connection, given.choice) if given.choice else None,
            **column_values(given),
        }
        for position, given in enumerate(process.inputs)
    ]
    if rows:
        connection.execute(insert(schema.productprocesslink), rows)


def _write_further_outputs(connection: Connection, process_id: int, process: ProcessSpec) -> None:
    rows = [
        {"process_id": process_id, "product_id": _product_id(connection, name), "position": position}
        for position, name in enumerate(process.further_outputs, start=1)
    ]
    if rows:
        connection.execute(insert(schema.processoutput), rows)


_EVENTS = {
    Kind.ADD: CodeEvent.ADDED,
    Kind.RELEASE: CodeEvent.RELEASED,
    Kind.RETIRE: CodeEvent.RETIRED,
    Kind.RESTORE: CodeEvent.RESTORED,
}


def _write_code(connection: Connection, change: Change, reason: str) -> None:
    old, new = change.old, change.new
    if isinstance(old, CodeSpec) and change.kind in (Kind.RELEASE, Kind.RETIRE):
        _update_code(connection, old, {"active_code": False, "newest_version": False})
    code_id = _write_row(connection, change) if isinstance(new, CodeSpec) else None
    known = code_id or (old.code_id if isinstance(old, CodeSpec) else None)
    if known is not None and change.kind in _EVENTS:
        event = CodeEvent.ROLLED_BACK if change.is_rollback else _EVENTS[change.kind]
        replaced = old.code_id if isinstance(old, CodeSpec) and change.kind is Kind.RELEASE else None
        codes.record_event(connection, known, event, old_code=replaced, reason=reason)


def _write_row(connection: Connection, change: Change) -> int | None:
    """Insert the new code, or update the old row; return the code's id."""
    old, new = change.old, change.new
    assert isinstance(new, CodeSpec)
    if change.kind in (Kind.ADD, Kind.RELEASE):
        values = {
            "process_id": _process_id(connection, change.name),
            "newest_version": True,
            "release_time": dt.datetime.now(dt.UTC),
            "kept": new.kept,
            **column_values(new),
            **_code_place(new),
        }
        statement = insert(schema.code).values(**values).returning(schema.code.c.code_id)
        code_id = int(connection.execute(statement).scalar_one())
        if change.bundle is not None:
            codes.enter_bundle(connection, code_id, change.bundle)
        codes.enter_sameness(connection, code_id)
        return code_id
    assert isinstance(old, CodeSpec)
    may_change = column_values(new, Effect.IN_PLACE, Effect.LOOK_AGAIN, Effect.BYTES)
    _update_code(connection, old, {"newest_version": True, "kept": old.kept or new.kept, **may_change})
    if change.bundle is not None and old.code_id is not None:
        codes.enter_bundle(connection, old.code_id, change.bundle)
    return old.code_id


def _update_code(connection: Connection, code: CodeSpec, values: Mapping[str, object]) -> None:
    table = schema.code
    connection.execute(update(table).where(table.c.code_id == code.code_id).values(**values))


def _code_place(code: CodeSpec) -> dict[str, object]:
    directory, filename = code.place
    return {"filename": filename, "relative_path": directory, **version_columns(code.used)}


def _delete_empty_groups(connection: Connection) -> None:
    """Remove instruments without a product and satellites without an instrument."""
    product, instrument, satellite = schema.product, schema.instrument, schema.satellite
    used = exists().where(product.c.instrument_id == instrument.c.instrument_id)
    connection.execute(delete(instrument).where(~used))
    used = exists().where(instrument.c.satellite_id == satellite.c.satellite_id)
    connection.execute(delete(satellite).where(~used))


def _present_name(change: Change) -> str:
    """The name of the process of a change, after any renaming."""
    return change.new.name if isinstance(change.new, ProcessSpec) else change.name


def _product_id(connection: Connection, name: str) -> int:
    table = schema.product
    return int(connection.execute(select(table.c.product_id).where(table.c.product_name == name)).scalar_one())


def _process_id(connection: Connection, name: str) -> int:
    table = schema.process
    return int(connection.execute(select(table.c.process_id).where(table.c.process_name == name)).scalar_one())
