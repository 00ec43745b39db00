"""The tables of dbprocessing as they are in a database of any of its versions: by the names of their columns.

A column that an older version did not have is read as what it stood for then; a table that is not there has no rows.
Values are as the driver gives them: dates on SQLite are text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, column, inspect, literal, select, text
from sqlalchemy import table as table_of

from dbproc.database.dbprocessing.values import spelt
from dbproc.database.store import Store

OldRow = Row[Any]

COLUMNS: Mapping[str, Mapping[str, object]] = {
    "mission": {
        **dict.fromkeys(("mission_id", "mission_name", "rootdir", "incoming_dir")),
        **dict.fromkeys(("codedir", "inspectordir", "errordir")),
    },
    "satellite": dict.fromkeys(("satellite_id", "satellite_name", "mission_id")),
    "instrument": dict.fromkeys(("instrument_id", "instrument_name", "satellite_id")),
    "product": dict.fromkeys(
        ("product_id", "product_name", "instrument_id", "relative_path", "level", "format", "product_description")
    ),
    "instrumentproductlink": dict.fromkeys(("instrument_id", "product_id")),
    "inspector": {
        **dict.fromkeys(("inspector_id", "filename", "relative_path", "description", "arguments", "product")),
        **dict.fromkeys(("date_written", "interface_version", "quality_version", "revision_version")),
        **{"output_interface_version": 1, "active_code": True, "newest_version": True},
    },
    "process": dict.fromkeys(("process_id", "process_name", "output_product", "output_timebase", "extra_params")),
    "productprocesslink": {
        **dict.fromkeys(("process_id", "input_product_id")),
        **{"optional": False, "yesterday": 0, "tomorrow": 0},
    },
    "code": {
        **dict.fromkeys(("code_id", "filename", "relative_path", "code_start_date", "code_stop_date")),
        **dict.fromkeys(("code_description", "process_id", "date_written", "arguments")),
        **dict.fromkeys(("interface_version", "quality_version", "revision_version")),
        **{"output_interface_version": 1, "active_code": True, "newest_version": True, "ram": 1.0, "cpu": 1},
    },
    "file": {
        **dict.fromkeys(("file_id", "filename", "utc_file_date", "utc_start_time", "utc_stop_time", "data_level")),
        **dict.fromkeys(("interface_version", "quality_version", "revision_version", "verbose_provenance")),
        **dict.fromkeys(("check_date", "quality_comment", "caveats", "quality_checked", "met_start_time")),
        **dict.fromkeys(("met_stop_time", "file_create_date", "product_id", "shasum", "process_keywords")),
        **{"exists_on_disk": None, "newest_version": None},
    },
    "filefilelink": dict.fromkeys(("source_file", "resulting_file")),
    "filecodelink": dict.fromkeys(("resulting_file", "source_code")),
    "processqueue": dict.fromkeys(("file_id", "version_bump")),
    "release": dict.fromkeys(("file_id", "release_num")),
    "logging": {
        **dict.fromkeys(("logging_id", "currently_processing", "pid", "processing_start_time")),
        **dict.fromkeys(("processing_end_time", "comment", "mission_id", "user", "hostname")),
    },
    "logging_file": dict.fromkeys(("logging_file_id", "logging_id", "file_id", "code_id")),
    "unixtime": dict.fromkeys(("file_id", "unix_start", "unix_stop")),
}
"""The tables, their columns, and what stands for a column that is not there."""

_WHOLE = {
    *("mission_id", "satellite_id", "instrument_id", "product_id", "inspector_id", "process_id", "code_id", "file_id"),
    *("logging_id", "input_product_id", "output_product", "source_file", "resulting_file", "source_code", "product"),
    *("interface_version", "quality_version", "revision_version", "output_interface_version", "version_bump"),
    *("yesterday", "tomorrow", "cpu", "pid", "unix_start", "unix_stop"),
}
_NUMBERS = {"level", "data_level", "ram", "met_start_time", "met_stop_time"}
_NUMERIC = _WHOLE | _NUMBERS
_LARGEST = 2**63 - 1
_MAY_BE_MISSING = ("instrumentproductlink", "processqueue", "release", "logging_file", "unixtime")


@dataclass(frozen=True, slots=True)
class OldDatabase:
    """All rows of a database of dbprocessing, by table; `columns` are those that its tables have."""

    name: str
    rows: Mapping[str, Sequence[OldRow]]
    columns: Mapping[str, frozenset[str]]

    def __getitem__(self, table: str) -> Sequence[OldRow]:
        return self.rows[table]

    def has(self, table: str, name: str) -> bool:
        """Whether a table has a column."""
        return name in self.columns.get(table, ())


def read(store: Store) -> OldDatabase:
    """Everything, of one moment."""
    with store.at_one_moment() as still, still.begin() as connection:
        if connection.dialect.name == "sqlite":
            connection.connection.driver_connection.text_factory = spelt  # type: ignore[union-attr]
        columns = _columns(connection)
        rows = {table: _rows(connection, table, columns.get(table)) for table in COLUMNS}
    return OldDatabase(store.name, rows, columns)


def missing_tables(old: OldDatabase) -> list[str]:
    """The tables that every version has, and this database does not."""
    return [table for table in COLUMNS if table not in old.columns and table not in _MAY_BE_MISSING]


def faulty_values(old: OldDatabase) -> Iterator[tuple[str, str]]:
    """Values that cannot be what their columns are for, which SQLite allows: of which column, and of which row."""
    for table, rows in old.rows.items():
        names = [name for name in COLUMNS[table] if name in _NUMERIC]
        for row in rows:
            for name in names:
                value = getattr(row, name)
                if value is not None and not _is_number(value, is_whole=name in _WHOLE):
                    yield f"{table}.{name} is to be a number", f"{row[0]} ({value!r})"


def _is_number(value: Any, *, is_whole: bool) -> bool:
    if is_whole:
        return value == "" or (isinstance(value, int) and abs(value) <= _LARGEST)
    return isinstance(value, int | float) or hasattr(value, "as_integer_ratio")


def _columns(connection: Connection) -> dict[str, frozenset[str]]:
    found = inspect(connection)
    names = set(found.get_table_names())
    return {table: frozenset(each["name"] for each in found.get_columns(table)) for table in COLUMNS if table in names}


def _rows(connection: Connection, table: str, there: frozenset[str] | None) -> Sequence[OldRow]:
    if there is None:
        return []
    wanted: list[Any] = [
        column(name) if name in there else literal(default).label(name) for name, default in COLUMNS[table].items()
    ]
    statement = select(*wanted).select_from(table_of(table)).order_by(text("1"))
    rows: Sequence[OldRow] = connection.execute(statement).all()
    return rows
