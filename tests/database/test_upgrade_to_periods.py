"""The upgrade from schema 0005: right stop times of files, periods of attempts, keywords merged where they were."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Table, select

from dbproc.database import schema
from dbproc.database.store import Store, migrations_directory, open_store, upgrade_database

DAY = dt.date(2020, 1, 1)
DATED = "_{Y}{m}{d}"
TO_THE_HOUR = DATED + "T{H}"


class Old:
    """A database of schema 0005, filled row by row."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._numbers: dict[str, int] = {}
        self.insert(schema.mission, mission_name="m", rootdir="/nowhere", incoming_dir="incoming")
        self.insert(schema.satellite, satellite_name="s", mission_id=1)
        self.insert(schema.instrument, instrument_name="i", satellite_id=1)

    def insert(self, table: Table, **values: Any) -> int:
        inserted = self._connection.execute(table.insert().values(values)).inserted_primary_key
        return int(inserted[0]) if inserted is not None else 0

    def product(self, name: str, format: str, inspector: str = "filename") -> None:
        self._numbers[name] = number = self.insert(
            schema.product, product_name=name, instrument_id=1, relative_path=name, level=0, format=name + format
        )
        directory = "." if inspector.endswith(".py") else "{DBPROC}"
        versions = {"interface_version": 1, "quality_version": 0, "revision_version": 0}
        self.insert(
            schema.inspector,
            filename=inspector,
            relative_path=directory,
            **versions,
            output_interface_version=1,
            active_code=True,
            newest_version=True,
            product=number,
            shasum="",
        )

    def process(self, name: str, timebase: str, inputs: list[str], *outputs: str) -> int:
        numbers: list[int | None] = [self._numbers[each] for each in outputs]
        first, *further = numbers or [None]
        made = {"process_name": name, "output_product": first, "output_timebase": timebase}
        number = self._numbers[name] = self.insert(schema.process, **made)
        for position, product_id in enumerate(further, 1):
            self.insert(schema.processoutput, product_id=product_id, process_id=number, position=position)
        for position, each in enumerate(inputs):
            link = {"process_id": number, "input_product_id": self._numbers[each]}
            self.insert(schema.productprocesslink, **link, optional=False, position=position)
        return number

    def file(self, product: str, start: dt.datetime, stop: dt.datetime, keywords: str = "") -> None:
        self.insert(
            schema.file,
            filename=f"{product} {start.isoformat()} {keywords}",
            product_id=self._numbers[product],
            utc_file_date=start.date(),
            utc_start_time=start,
            utc_stop_time=stop,
            data_level=0,
            relative_path=product,
            interface_version=1,
            quality_version=0,
            revision_version=0,
            file_create_date=start,
            exists_on_disk=True,
            process_keywords=keywords,
            file_size=1,
            shasum="sha256:0",
        )

    def attempt(self, process: str, day: dt.date) -> None:
        number = self._numbers[process]
        code = self.insert(
            schema.code,
            filename=f"{process}.sh",
            relative_path=".",
            code_start_date=DAY,
            code_stop_date=DAY,
            code_description="",
            process_id=number,
            interface_version=1,
            quality_version=0,
            revision_version=0,
            declared_version="1.0.0",
            output_interface_version=1,
            active_code=True,
            newest_version=True,
            shasum="",
        )
        run = self.insert(
            schema.logging,
            currently_processing=False,
            pid=1,
            pid_start_time="1",
            boot_id="b",
            processing_start_time=at(0),
            mission_id=1,
            user="u",
            hostname="h",
        )
        self.insert(
            schema.attempt,
            logging_id=run,
            process_id=number,
            utc_file_date=day,
            process_keywords="",
            code_id=code,
            code_shasum="",
            status="succeeded",
            reasons="[]",
            command_line="[]",
            output_filename="f",
            created_time=at(0),
            failures=0,
        )


def at(hour: int, minute: int = 0, second: int = 0, micro: int = 0) -> dt.datetime:
    return dt.datetime.combine(DAY, dt.time(hour, minute, second, micro), dt.UTC)


END = at(23, 59, 59, 999999)


@contextmanager
def before(database: str) -> Iterator[Old]:
    """A new database of schema 0005, to be filled."""
    config = Config()
    config.set_main_option("script_location", str(migrations_directory()))
    with Store(database) as store, store.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0005")
        yield Old(connection)


def upgraded(database: str, *columns: Any, by: Any) -> list[tuple[Any, ...]]:
    """Columns of a table after the upgrade."""
    upgrade_database(database)
    with open_store(database) as store, store.begin() as connection:
        return [tuple(row) for row in connection.execute(select(*columns).order_by(by))]


FILE, PROCESS, ATTEMPT = schema.file.c, schema.process.c, schema.attempt.c


@pytest.mark.parametrize(
    ("fields", "keywords", "start", "stop"),
    [
        ("T{H}", "H=05", at(5), at(5, 59, 59, 999999)),
        ("T{H}", "H=23", at(23), END),
        ("T{H}{M}", "H=05 M=30", at(5, 30), at(5, 30, 59, 999999)),
        ("T{H}{M}{S}_{station}", "H=05 M=30 S=07 station=M=1", at(5, 30, 7), at(5, 30, 7, 999999)),
        ("T{H}{M}{S}{MILLI}", "H=05 M=30 MILLI=001 S=07", at(5, 30, 7, 1000), at(5, 30, 7, 1999)),
        ("T{H}{M}{S}{MILLI}{MICRO}", "H=05 M=30 MICRO=002 MILLI=001 S=07", at(5, 30, 7, 1002), at(5, 30, 7, 1002)),
        ("T{H:02d}", "H=05", at(5), at(5, 59, 59, 999999)),
        ("_{station}", "station=H", at(0), END),
        ("", "", at(0), END),
    ],
)
def test_a_file_ends_with_the_time_of_its_name(
    database: str, fields: str, keywords: str, start: dt.datetime, stop: dt.datetime
) -> None:
    with before(database) as old:
        old.product("raw", DATED + fields)
        old.file("raw", start, END, keywords)
    assert upgraded(database, FILE.utc_start_time, FILE.utc_stop_time, by=FILE.file_id) == [(start, stop)]


def test_a_time_that_is_not_of_a_name_alone_stays(database: str) -> None:
    with before(database) as old:
        old.product("opened", TO_THE_HOUR, "netcdf")
        old.product("own", TO_THE_HOUR, "filename.py")
        old.product("raw", TO_THE_HOUR)
        old.file("opened", at(5), END, "H=05")
        old.file("own", at(5), END, "H=05")
        old.file("raw", at(5), at(17), "H=05")
        old.file("raw", at(5), END + dt.timedelta(days=1), "H=05 x=1")
        old.file("raw", at(0), END, "station=named-before")
    stops = upgraded(database, FILE.utc_stop_time, by=FILE.file_id)
    assert stops == [(END,), (END,), (at(17),), (END + dt.timedelta(days=1),), (END,)]


def test_what_is_made_of_a_day_stays_so_whatever_hour_its_name_has(database: str) -> None:
    with before(database) as old:
        for name in ("hour", "hourly", "at_midnight", "day", "more"):
            old.product(name, TO_THE_HOUR)
        old.product("dated", DATED)
        old.process("to_hourly", "FILE", ["hour"], "hourly")
        old.process("to_midnight", "FILE", ["dated"], "at_midnight")
        old.process("to_day", "DAILY", ["hour"], "day", "more")
        for name in ("hourly", "at_midnight", "day", "more"):
            old.file(name, at(0), END, "H=00")
    stops = upgraded(database, FILE.utc_stop_time, by=FILE.file_id)
    assert stops == [(at(0, 59, 59, 999999),), (END,), (END,), (END,)]


def test_more_files_than_are_read_at_once_are_all_seen_to(database: str) -> None:
    with before(database) as old:
        old.product("raw", TO_THE_HOUR + "_{n}")
        for number in range(5_003):
            old.file("raw", at(5), END, f"H=05 n={number}")
    assert set(upgraded(database, FILE.utc_stop_time, by=FILE.file_id)) == {(at(5, 59, 59, 999999),)}


def test_attempts_are_of_the_periods_of_their_processes(database: str) -> None:
    first = dt.date(2020, 2, 1)
    last = {"FILE": first, "DAILY": first, "WEEKLY": dt.date(2020, 2, 7), "MONTHLY": dt.date(2020, 2, 29)}
    last |= {"YEARLY": dt.date(2020, 12, 31), "RUN": first, "STARTUP": first}
    with before(database) as old:
        old.product("raw", DATED)
        for timebase in last:
            makes = timebase not in ("RUN", "STARTUP")
            old.product(timebase, DATED)
            old.process(f"to {timebase}", timebase, ["raw"], *([timebase] if makes else []))
            old.attempt(f"to {timebase}", first)
    assert upgraded(database, ATTEMPT.utc_start_time, ATTEMPT.utc_stop_time, by=ATTEMPT.attempt_id) == [
        (
            dt.datetime.combine(first, dt.time.min, dt.UTC),
            dt.datetime.combine(day, dt.time.max, dt.UTC),
        )
        for day in last.values()
    ]


STATION, HOUR, BOTH = DATED + "_{station}", TO_THE_HOUR, TO_THE_HOUR + "_{station}"


@pytest.mark.parametrize(
    ("timebase", "inputs", "outputs", "keywords"),
    [
        ("DAILY", [STATION], [STATION], "merged"),
        ("WEEKLY", [STATION], [DATED, STATION], "merged"),
        ("MONTHLY", [DATED], [DATED + "_{nn}"], "merged"),
        ("YEARLY", [BOTH], [BOTH], "merged"),
        ("DAILY", [STATION], [DATED], "each"),
        ("DAILY", [BOTH], [HOUR], "each"),
        ("FILE", [STATION, STATION], [STATION], "each"),
        ("FILE", [STATION, DATED], [STATION], "merged"),
        ("FILE", [STATION], [DATED], "merged"),
        ("FILE", [STATION], [STATION, DATED], "merged"),
        ("FILE", [HOUR], [HOUR], "each"),
        ("FILE", [HOUR], [DATED], "merged"),
        ("FILE", [HOUR, DATED], [HOUR], "merged"),
        ("FILE", [DATED], [HOUR], "each"),
        ("FILE", [DATED + "_v{VERSION}"], ["_{datetime}"], "each"),
        ("RUN", [STATION, DATED], [], "each"),
    ],
)
def test_keywords_are_merged_where_that_makes_a_difference(
    database: str, timebase: str, inputs: list[str], outputs: list[str], keywords: str
) -> None:
    with before(database) as old:
        given = {f"in{number}": format for number, format in enumerate(inputs)}
        made = {f"out{number}": format for number, format in enumerate(outputs)}
        for name, format in {**given, **made}.items():
            old.product(name, format)
        old.process("p", timebase, list(given), *made)
    assert upgraded(database, PROCESS.keywords, PROCESS.build, by=PROCESS.process_id) == [(keywords, "at once")]


def test_the_keywords_of_files_count_where_an_inspector_gives_them(database: str) -> None:
    with before(database) as old:
        old.product("given", DATED, "own.py")
        old.product("plain", DATED, "own.py")
        old.product("made", STATION)
        old.process("to_made", "FILE", ["given"], "made")
        old.file("given", at(0), END, "station=a")
        old.product("made2", STATION)
        old.process("to_made2", "FILE", ["given", "plain"], "made2")
        old.file("plain", at(0), END)
    assert upgraded(database, PROCESS.keywords, by=PROCESS.process_id) == [("each",), ("merged",)]
