"""Milliseconds to decide one entry of the process queue when everything is up to date."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench import mission
from bench.places import Place
from bench.table import Row
from bench.timing import in_turn, seconds_of
from dbproc import cycle
from dbproc.core.events import Report
from dbproc.core.filenames import render
from dbproc.core.model import Definition, FileFacts, NewFile, Product
from dbproc.core.version import Version
from dbproc.database import queue
from dbproc.database.definition.load import load_definition
from dbproc.database.files import insert_files, link_codes, link_inputs
from dbproc.database.store import open_store
from dbproc.run.selection import Options

TARGET = 0.5  # milliseconds
_VERSION = Version(1, 0, 0)


def measure(place: Place, *, days: Sequence[int], rounds: int) -> list[Row]:
    """Queue every file of missions of some sizes, and process the queue; the smallest is what others compare with."""
    missions = {number: _filled(place, number) for number in days}
    timed = {str(number): partial(decided, filled.database, filled.file_ids) for number, filled in missions.items()}
    seconds = in_turn(timed, rounds)
    per_entry = {number: [each * 1000 / (3 * number) for each in seconds[str(number)]] for number in days}
    least = min(days)
    return [
        Row(
            "decision",
            place.database.kind,
            f"one queue entry of {3 * number}, {number} days",
            per_entry[number],
            "ms",
            () if number == least else per_entry[least],
            "" if number == least else f"{least} days",
            target=TARGET,
        )
        for number in days
    ]


@dataclass(frozen=True, slots=True)
class _Filled:
    """A mission with a full catalogue, and the ids of all its files."""

    database: str
    file_ids: tuple[int, ...]


def _filled(place: Place, days: int) -> _Filled:
    """A mission whose catalogue holds what `days` days make, entered without running the jobs."""
    made = mission.set_up(place)
    every: list[int] = []
    with open_store(made.database) as store, store.begin() as connection:
        definition = load_definition(connection)
        below: list[int] = []
        for product in sorted(definition.products.values(), key=lambda product: product.level):
            files = [_file(product, number) for number in range(days)]
            _place(made.root, files)
            ids = insert_files(connection, files)
            if below:
                link_inputs(connection, {result: [source] for source, result in zip(below, ids, strict=True)})
                link_codes(connection, dict.fromkeys(ids, _code_of(definition, product)))
            below = ids
            every += ids
    return _Filled(made.database, tuple(every))


def _place(root: Path, files: Sequence[NewFile]) -> None:
    """Put something where the files should be: a run notices what is gone."""
    for file in files:
        home = root / file.directory / file.filename
        home.parent.mkdir(parents=True, exist_ok=True)
        home.touch()


def _file(product: Product, number: int) -> NewFile:
    start = dt.datetime.combine(mission.FIRST_DAY + dt.timedelta(days=number), dt.time(), dt.UTC)
    stop = dt.datetime.combine(start.date(), dt.time.max, dt.UTC)
    return NewFile(
        filename=product.compiled.render(start, str(_VERSION), {}),
        product_id=product.product_id,
        facts=FileFacts(date=start.date(), start=start, stop=stop, version=_VERSION),
        version=_VERSION,
        level=product.level,
        directory=render(product.directory, start, str(_VERSION), {}),
        size=mission.FILE_BYTES,
        digest=f"sha256:{number:064x}",
        created=start,
    )


def _code_of(definition: Definition, product: Product) -> int:
    (process,) = (each for each in definition.processes.values() if each.output_product == product.product_id)
    return definition.codes[process.process_id][0].code_id


def decided(database: str, file_ids: Sequence[int]) -> float:
    """The seconds of a run that finds everything up to date, though these files are queued."""
    report = Report()
    with open_store(database) as store:
        with store.begin() as connection:
            queue.push(connection, file_ids, "bench")
        seconds = seconds_of(lambda: cycle.run(store, Options(ingest=False), report))
        with store.begin() as connection:
            assert queue.length(connection) == 0
    assert report.summary() == "nothing to do", report.summary()
    return seconds
