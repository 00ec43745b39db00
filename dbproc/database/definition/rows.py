"""The rows of the definition's tables."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Row, select

from dbproc.core.version import Version
from dbproc.database import schema

AnyRow = Row[Any]
_SATELLITE = (schema.satellite.c.satellite_id, schema.satellite.c.satellite_name)


def mission_row(connection: Connection) -> AnyRow | None:
    """The mission, None before a mission file is applied."""
    return connection.execute(select(schema.mission)).first()


def product_rows(connection: Connection) -> list[AnyRow]:
    """Every product with its instrument and satellite, retired ones included."""
    rows = (
        select(schema.product, schema.instrument.c.instrument_name, *_SATELLITE)
        .join(schema.instrument, schema.instrument.c.instrument_id == schema.product.c.instrument_id)
        .join(schema.satellite, schema.satellite.c.satellite_id == schema.instrument.c.satellite_id)
        .order_by(schema.product.c.product_id)
    )
    return list(connection.execute(rows))


def inspector_rows(connection: Connection) -> list[AnyRow]:
    """The newest inspector of every product; that of a retired product is not active."""
    return list(connection.execute(select(schema.inspector).where(schema.inspector.c.newest_version)))


def process_rows(connection: Connection) -> list[AnyRow]:
    """Every process, retired ones included."""
    return list(connection.execute(select(schema.process).order_by(schema.process.c.process_id)))


def input_rows(connection: Connection) -> Mapping[int, list[AnyRow]]:
    """The inputs of each process, in their order."""
    link = schema.productprocesslink
    rows = connection.execute(select(link).order_by(link.c.process_id, link.c.position, link.c.input_product_id))
    by_process: dict[int, list[AnyRow]] = defaultdict(list)
    for row in rows:
        by_process[row.process_id].append(row)
    return by_process


def further_outputs(connection: Connection) -> Mapping[int, list[int]]:
    """The outputs of each process after its first, in their order."""
    table = schema.processoutput.c
    rows = connection.execute(select(table.process_id, table.product_id).order_by(table.process_id, table.position))
    by_process: dict[int, list[int]] = defaultdict(list)
    for process_id, product_id in rows:
        by_process[process_id].append(product_id)
    return by_process


def code_rows(connection: Connection) -> list[AnyRow]:
    """Every code, active and retired."""
    return list(connection.execute(select(schema.code).order_by(schema.code.c.code_id)))


def code_version(row: AnyRow) -> Version:
    """The version in a row of the code table."""
    return Version(row.interface_version, row.quality_version, row.revision_version)


def version_columns(version: Version) -> dict[str, int]:
    """The reverse of :func:`code_version`."""
    return {
        "interface_version": version.interface,
        "quality_version": version.quality,
        "revision_version": version.revision,
    }
