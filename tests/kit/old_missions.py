"""Databases of dbprocessing, made: of any of its versions, on SQLite and PostgreSQL, with the files that they name.

A mission is a dictionary of tables, each a list of rows; what a row does not say is null, or what most rows have.
"""

from __future__ import annotations

import datetime as dt
import gzip
import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Float,
    Integer,
    MetaData,
    SmallInteger,
    String,
    Table,
    create_engine,
    insert,
)

SAMPLES = Path(__file__).resolve().parents[1] / "samples" / "dbprocessing"
Rows = dict[str, Any]
Tables = dict[str, list[Rows]]

_VERSION = {"interface_version": SmallInteger, "quality_version": SmallInteger, "revision_version": SmallInteger}
COLUMNS: Mapping[str, Mapping[str, Any]] = {
    "mission": {
        "mission_id": Integer,
        **dict.fromkeys(("mission_name", "rootdir", "incoming_dir", "codedir", "inspectordir", "errordir"), String),
    },
    "satellite": {"satellite_id": Integer, "satellite_name": String, "mission_id": Integer},
    "instrument": {"instrument_id": Integer, "instrument_name": String, "satellite_id": Integer},
    "product": {
        "product_id": Integer,
        "product_name": String,
        "instrument_id": Integer,
        "relative_path": String,
        "level": Float,
        "format": String,
        "product_description": String,
    },
    "instrumentproductlink": {"instrument_id": Integer, "product_id": Integer},
    "inspector": {
        "inspector_id": Integer,
        **dict.fromkeys(("filename", "relative_path", "description", "arguments", "shasum"), String),
        **_VERSION,
        "output_interface_version": SmallInteger,
        "active_code": Boolean,
        "date_written": Date,
        "newest_version": Boolean,
        "product": Integer,
    },
    "process": {
        "process_id": Integer,
        "process_name": String,
        "output_product": Integer,
        "output_timebase": String,
        "extra_params": String,
        "trigger": String,
    },
    "productprocesslink": {
        "process_id": Integer,
        "input_product_id": Integer,
        "optional": Boolean,
        "yesterday": Integer,
        "tomorrow": Integer,
    },
    "code": {
        "code_id": Integer,
        **dict.fromkeys(("filename", "relative_path", "code_description", "arguments", "shasum"), String),
        "code_start_date": Date,
        "code_stop_date": Date,
        "process_id": Integer,
        **_VERSION,
        "output_interface_version": SmallInteger,
        "active_code": Boolean,
        "date_written": Date,
        "newest_version": Boolean,
        "ram": Float,
        "cpu": SmallInteger,
    },
    "file": {
        "file_id": BigInteger().with_variant(Integer, "sqlite"),
        **dict.fromkeys(("filename", "verbose_provenance", "quality_comment", "caveats", "shasum"), String),
        "process_keywords": String,
        "utc_file_date": Date,
        **dict.fromkeys(("utc_start_time", "utc_stop_time", "check_date", "file_create_date"), DateTime),
        "data_level": Float,
        **_VERSION,
        "met_start_time": Float,
        "met_stop_time": Float,
        "exists_on_disk": Boolean,
        "quality_checked": Boolean,
        "newest_version": Boolean,
        "product_id": Integer,
    },
    "filefilelink": {"source_file": BigInteger, "resulting_file": BigInteger},
    "filecodelink": {"resulting_file": BigInteger, "source_code": Integer},
    "processqueue": {"file_id": BigInteger, "version_bump": SmallInteger},
    "release": {"file_id": BigInteger, "release_num": String},
    "logging": {
        "logging_id": Integer,
        "currently_processing": Boolean,
        "pid": Integer,
        "processing_start_time": DateTime,
        "processing_end_time": DateTime,
        "comment": String,
        "mission_id": Integer,
        "user": String,
        "hostname": String,
    },
    "logging_file": {"logging_file_id": Integer, "logging_id": Integer, "file_id": BigInteger, "code_id": Integer},
    "unixtime": {"file_id": BigInteger, "unix_start": Integer, "unix_stop": Integer},
}

SINCE: Mapping[str, tuple[int, int]] = {
    "code.ram": (2013, 2100),
    "code.cpu": (2013, 2100),
    "process.trigger": (2016, 2100),
    "mission.codedir": (2016, 2100),
    "mission.inspectordir": (2016, 2100),
    "file.newest_version": (2010, 2016),
    "mission.errordir": (2017, 2100),
    "productprocesslink.yesterday": (2018, 2100),
    "productprocesslink.tomorrow": (2018, 2100),
    "unixtime": (2020, 2100),
}
"""The years in which a column or a table was there, where that is not always."""

NEWEST = 2021
_USUAL: Mapping[str, Rows] = {
    "mission": {"mission_id": 1, "mission_name": "old", "incoming_dir": "incoming"},
    "satellite": {"satellite_id": 1, "satellite_name": "sat", "mission_id": 1},
    "instrument": {"instrument_id": 1, "instrument_name": "inst", "satellite_id": 1},
    "product": {"instrument_id": 1, "product_description": ""},
    "inspector": {
        "relative_path": "inspectors",
        "description": "",
        "interface_version": 1,
        "quality_version": 0,
        "revision_version": 0,
        "output_interface_version": 1,
        "active_code": True,
        "newest_version": True,
    },
    "process": {"output_timebase": "DAILY"},
    "productprocesslink": {"optional": False, "yesterday": 0, "tomorrow": 0},
    "code": {
        "relative_path": "scripts",
        "code_description": "",
        "code_start_date": "2000-01-01",
        "code_stop_date": "2050-01-01",
        "interface_version": 1,
        "quality_version": 0,
        "revision_version": 0,
        "output_interface_version": 1,
        "active_code": True,
        "newest_version": True,
        "ram": 1.0,
        "cpu": 1,
    },
    "file": {
        "interface_version": 1,
        "quality_version": 0,
        "revision_version": 0,
        "data_level": 0.0,
        "exists_on_disk": True,
        "file_create_date": "2020-02-01T12:00:00",
    },
    "logging": {
        "currently_processing": False,
        "processing_start_time": "2020-02-01T12:00:00",
        "mission_id": 1,
        "user": "soc",
        "hostname": "elsewhere",
    },
}

CODE = """#!/bin/sh
for output; do :; done
printf '%s' NAME > "$output"
while [ $# -gt 1 ]; do if [ -f "$1" ]; then printf '(%s)' "$(cat "$1")" >> "$output"; fi; shift; done
"""
"""A code that puts each input that is a file in brackets behind its own name; its other arguments are for nothing."""

INSPECTOR = r"""import datetime
import re

from dbprocessing import Version, inspector


class Inspector(inspector.inspector):
    code_name = "by_name.py"

    def inspect(self, kwargs):
        found = re.fullmatch(kwargs["name"] + r"_(\d{8})_v(\d+)[.](\d+)[.](\d+)[.]txt", self.basename)
        if found is None:
            return None
        day = datetime.datetime.strptime(found.group(1), "%Y%m%d")
        self.diskfile.params["utc_file_date"] = day.date()
        self.diskfile.params["utc_start_time"] = day
        self.diskfile.params["utc_stop_time"] = day + datetime.timedelta(days=1) - datetime.timedelta(microseconds=1)
        self.diskfile.params["version"] = Version.Version(*(int(found.group(n)) for n in (2, 3, 4)))
        return True
"""


def dump(name: str) -> Tables:
    """A mission that dbprocessing's repository has: ``RBSP_MAGEIS`` or ``testDB``."""
    with gzip.open(SAMPLES / f"{name}.json.gz", "rt") as stream:
        tables: Tables = json.load(stream)
    return tables


def make(database: str, tables: Mapping[str, Iterable[Rows]], year: int = NEWEST) -> str:
    """Make a database of dbprocessing as it was in a year; gives its name."""
    metadata = MetaData()
    made = {name: _table(metadata, name, columns, year) for name, columns in COLUMNS.items() if _was(name, year)}
    url = database.replace("postgresql://", "postgresql+psycopg2://") if "://" in database else f"sqlite:///{database}"
    engine = create_engine(url)
    metadata.create_all(engine)
    with engine.begin() as connection:
        for name, table in made.items():
            for row in tables.get(name, ()):
                values = {**_USUAL.get(name, {}), **row}
                connection.execute(
                    insert(table).values({key: _value(table.c[key], values[key]) for key in values if key in table.c})
                )
    engine.dispose()
    return database


def _was(name: str, year: int) -> bool:
    first, last = SINCE.get(name, (0, 9999))
    return first <= year <= last


def _table(metadata: MetaData, name: str, columns: Mapping[str, Any], year: int) -> Table:
    there = [key for key in columns if _was(f"{name}.{key}", year)]
    keys = {"processqueue": ["file_id"], "instrumentproductlink": ["instrument_id", "product_id"]}
    linked = ("filefilelink", "filecodelink", "productprocesslink", "release")
    primary = keys.get(name, there[:2] if name in linked else there[:1])
    return Table(
        name, metadata, *(Column(key, columns[key], primary_key=key in primary, autoincrement=False) for key in there)
    )


def _value(column: Column[Any], value: Any) -> Any:
    if not isinstance(value, str) or not isinstance(column.type, Date | DateTime):
        return value
    time = dt.datetime.fromisoformat(value)
    return time.date() if isinstance(column.type, Date) else time


def lay_out(root: Path, tables: Tables, *, with_digests: bool = True) -> Tables:
    """Make the files, codes and inspectors of a mission below a root; the mission with that root.

    Each file holds its own name, unless there is one already; `with_digests`: their digests take the place of those in
    the tables.
    """
    (mission,) = tables["mission"]
    codes = root / (mission.get("codedir") or "")
    directories = {row["product_id"]: row["relative_path"] for row in tables["product"]}
    tables = {name: [dict(row) for row in rows] for name, rows in tables.items()}
    tables["mission"][0]["rootdir"] = str(root)
    for row in tables["file"]:
        day = dt.date.fromisoformat(row["utc_file_date"][:10]) if row.get("utc_file_date") else dt.date(2020, 1, 1)
        place = directories.get(row["product_id"], "lost").replace("{Y}", f"{day:%Y}").replace("{m}", f"{day:%m}")
        path = root / place / row["filename"]
        if row.get("exists_on_disk", True) and not row.pop("gone", False):
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.exists():
                path.write_text(row["filename"])
            if with_digests and row.get("shasum", "") is not None:
                row["shasum"] = hashlib.sha1(path.read_bytes()).hexdigest()
    outputs = {row["process_id"]: row["output_product"] for row in tables["process"]}
    for row in tables["code"]:
        path = codes / {**_USUAL["code"], **row}["relative_path"] / row["filename"]
        path.parent.mkdir(parents=True, exist_ok=True)
        has_output = outputs.get(row["process_id"]) is not None
        path.write_text(CODE.replace("NAME", path.stem) if has_output else "#!/bin/sh\nexit 0\n")
        path.chmod(0o755)
    for row in tables["inspector"]:
        directory = mission.get("inspectordir")
        path = codes if directory is None else root / directory
        path = path / {**_USUAL["inspector"], **row}["relative_path"] / row["filename"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(INSPECTOR)
    (root / mission.get("incoming_dir", "incoming")).mkdir(parents=True, exist_ok=True)
    return tables


def everything(database: str) -> object:
    """All that a database holds: the bytes of a file, the rows of a server's."""
    if "://" not in database:
        path = Path(database)
        return path.read_bytes(), sorted(each.name for each in path.parent.glob(f"{path.name}*"))
    engine = create_engine(database.replace("postgresql://", "postgresql+psycopg2://"))
    with closing(engine.raw_connection()) as connection:
        cursor = connection.cursor()
        found = {}
        for name in COLUMNS:
            cursor.execute("SELECT 1 WHERE to_regclass(%s) IS NOT NULL", (name,))
            if cursor.fetchone() is not None:
                cursor.execute(f'SELECT * FROM "{name}"')
                found[name] = sorted(cursor.fetchall(), key=repr)
    engine.dispose()
    return found


# --- a mission with all that the dumps have not ---

RAW, CLEAN, MEAN, AUX, GONE = 10, 20, 30, 40, 50
"""Numbers of its products; the last one is retired."""


def full_mission() -> Tables:
    """Several codes by date, releases, a queue, inactive inspectors and codes, a file that is gone, nulls, keywords of
    no form, files of two codes, a run that never ended, and files that count as made from something else by dbproc."""
    days = ["2020-01-01", "2020-01-02", "2020-01-03", "2020-01-04"]
    files = [_file(100 + n, "raw", RAW, day) for n, day in enumerate(days)]
    files += [_file(110, "raw", RAW, days[0], quality=1, process_keywords="b=2 a=1 word")]
    files += [_file(200 + n, "clean", CLEAN, day, level=1.0, verbose_provenance="x") for n, day in enumerate(days[:3])]
    files += [_file(300, "mean", MEAN, days[1], level=2.0, met_start_time=12.5, quality_checked=True)]
    files += [
        _file(400, "aux", AUX, days[0], gone=True, shasum=None),
        _file(401, "aux", AUX, days[1], utc_start_time=None, utc_stop_time=None, data_level=None),
        _file(500, "gone", GONE, days[0], check_date="2020-03-01T10:00:00", caveats="take care"),
    ]
    return {
        "mission": [{"mission_id": 3, "codedir": "codes", "inspectordir": "", "errordir": None}],
        "satellite": [{"satellite_id": 2}],
        "instrument": [{"instrument_id": 4, "satellite_id": 2}],
        "product": [
            _product(number, name, level)
            for number, name, level in (
                (RAW, "raw", 0.0),
                (CLEAN, "clean", 1.0),
                (MEAN, "mean", 2.0),
                (AUX, "aux", 0.0),
                (GONE, "gone", 0.0),
            )
        ],
        "instrumentproductlink": [{"instrument_id": 4, "product_id": n} for n in (RAW, CLEAN, MEAN, AUX, GONE)],
        "inspector": [
            _inspector(7, "raw", RAW),
            _inspector(6, "raw", RAW, active_code=False, newest_version=False, quality_version=5),
            _inspector(8, "clean", CLEAN, arguments="name=clean -q"),
            _inspector(9, "mean", MEAN),
            _inspector(11, "aux", AUX),
            _inspector(12, "gone", GONE, active_code=False),
        ],
        "process": [
            {"process_id": 5, "process_name": "to_clean", "output_product": CLEAN},
            {"process_id": 6, "process_name": "to_mean", "output_product": MEAN, "extra_params": "-a|-b"},
            {"process_id": 9, "process_name": "plot", "output_product": None, "output_timebase": "RUN"},
        ],
        "productprocesslink": [
            {"process_id": 5, "input_product_id": RAW},
            {"process_id": 5, "input_product_id": AUX, "optional": True},
            {"process_id": 6, "input_product_id": CLEAN, "yesterday": 1, "tomorrow": 1},
            {"process_id": 9, "input_product_id": CLEAN},
        ],
        "code": [
            _code(21, 5, "to_clean.sh", code_stop_date="2020-01-02"),
            _code(22, 5, "to_clean_late.sh", code_start_date="2020-01-03", quality_version=1),
            _code(20, 5, "to_clean_old.sh", active_code=False, newest_version=False),
            _code(23, 6, "to_mean.sh", arguments="TABLE.txt -x"),
            _code(24, 9, "plot.sh", ram=None, cpu=None),
        ],
        "file": files,
        "filefilelink": [
            {"source_file": 100, "resulting_file": 200},
            {"source_file": 101, "resulting_file": 201},
            {"source_file": 401, "resulting_file": 201},
            {"source_file": 102, "resulting_file": 202},
            {"source_file": 201, "resulting_file": 300},
            {"source_file": 999, "resulting_file": 300},
        ],
        "filecodelink": [
            {"resulting_file": 200, "source_code": 20},
            {"resulting_file": 201, "source_code": 20},
            {"resulting_file": 201, "source_code": 21},
            {"resulting_file": 202, "source_code": 22},
            {"resulting_file": 300, "source_code": 23},
        ],
        "processqueue": [{"file_id": 103, "version_bump": None}, {"file_id": 400}, {"file_id": 500}],
        "release": [{"file_id": 200, "release_num": "1"}, {"file_id": 300, "release_num": "1"}],
        "logging": [
            {"logging_id": 1, "pid": 4321, "comment": "done", "processing_end_time": "2020-02-01T12:10:00"},
            {"logging_id": 5, "pid": None, "currently_processing": True},
        ],
        "unixtime": [{"file_id": 100, "unix_start": 1577836800, "unix_stop": 1577923199}],
    }


def rows_for(name: str, number: int) -> tuple[Rows, Callable[[int, str], Rows]]:
    """The row of a product more, and what gives rows of its files, by number and day."""
    return _product(number, name, 1.0), lambda file_id, day: _file(file_id, name, number, day, level=1.0)


def _product(number: int, name: str, level: float) -> Rows:
    return {
        "product_id": number,
        "product_name": name,
        "instrument_id": 4,
        "relative_path": f"data/{name}/{{Y}}",
        "level": level,
        "format": f"{name}_{{Y}}{{m}}{{d}}_v{{VERSION}}.txt",
    }


def _inspector(number: int, name: str, product: int, **values: Any) -> Rows:
    return {
        "inspector_id": number,
        "filename": "by_name.py",
        "arguments": f"name={name}",
        "product": product,
        **values,
    }


def _code(number: int, process: int, filename: str, **values: Any) -> Rows:
    return {"code_id": number, "process_id": process, "filename": filename, **values}


def _file(
    number: int, product: str, product_id: int, day: str, *, level: float = 0.0, quality: int = 0, **values: Any
) -> Rows:
    return {
        "file_id": number,
        "filename": f"{product}_{day.replace('-', '')}_v1.{quality}.0.txt",
        "utc_file_date": day,
        "utc_start_time": f"{day}T00:00:00",
        "utc_stop_time": f"{day}T23:59:59.999999",
        "data_level": level,
        "quality_version": quality,
        "product_id": product_id,
        **values,
    }


# --- a mission that dbprocessing has run ---

_DEFINED = ("mission", "satellite", "instrument", "product", "inspector", "process", "productprocesslink", "code")


def replayed(defined: Path, files: Mapping[str, Mapping[str, Any]]) -> Tables:
    """The database that dbprocessing has after a mission whose definition is in a database of dbproc, and whose files
    are as they were recorded with it: name by name with date, times, version, keywords, inputs and code."""
    tables: Tables = {}
    with closing(sqlite3.connect(defined)) as connection:
        connection.row_factory = sqlite3.Row
        for name in _DEFINED:
            rows = [dict(row) for row in connection.execute(f"SELECT * FROM {name}")]
            tables[name] = [{key: value for key, value in row.items() if key in COLUMNS[name]} for row in rows]
    for row in tables["code"]:
        row["newest_version"] = bool(row["newest_version"])
    products = {row["product_name"]: row for row in tables["product"]}
    made = {row["process_id"]: row["output_product"] for row in tables["process"]}
    codes = {
        (made[row["process_id"]], f"{row['filename']} {'.'.join(str(row[key]) for key in _VERSION)}"): row["code_id"]
        for row in tables["code"]
    }
    numbers = {name: number for number, name in enumerate(files, 1)}
    tables["file"] = [
        {
            "file_id": numbers[name],
            "filename": name,
            "product_id": products[each["product"]]["product_id"],
            "data_level": products[each["product"]]["level"],
            "utc_file_date": each["date"],
            "utc_start_time": each["start"],
            "utc_stop_time": each["stop"],
            **dict(zip(_VERSION, each["version"], strict=True)),
            "process_keywords": each["keywords"] or None,
            "shasum": hashlib.sha1(name.encode()).hexdigest(),
        }
        for name, each in files.items()
    ]
    tables["filefilelink"] = [
        {"source_file": numbers[source], "resulting_file": numbers[name]}
        for name, each in files.items()
        for source in each["inputs"]
    ]
    tables["filecodelink"] = [
        {"resulting_file": numbers[name], "source_code": codes[products[each["product"]]["product_id"], code]}
        for name, each in files.items()
        for code in each["code"]
    ]
    return tables
