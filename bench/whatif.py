"""Seconds and memory to foresee what a release of a code does that made very many files."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
from pathlib import Path

from bench import mission
from bench.places import Place
from bench.table import Row
from dbproc.core.filenames import render
from dbproc.core.model import FileFacts, NewFile, Product
from dbproc.core.version import Version
from dbproc.database.definition.load import load_definition
from dbproc.database.files import insert_files, link_codes, link_inputs
from dbproc.database.store import Store, open_store

SECONDS = 60
GIBIBYTES = 1
STATIONS = 100
LEVELS = 4
_VERSION = Version(1, 0, 0)

FORMAT = "bench_l{level}_{{station}}_{{Y}}{{m}}{{d}}_v{{VERSION}}.txt"

ASK = """
import json, resource, sys, time
began = time.perf_counter()
from dbproc.database.store import open_store
from dbproc.core.version import Version
from dbproc.changes.release import Request
from dbproc.changes.whatif import if_released
with open_store(sys.argv[1], read_only=True) as store:
    prediction = if_released(store, Request(process="to_l1", version=Version(1, 1, 0)))
    prediction.groups
seconds = time.perf_counter() - began
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20)
print(json.dumps({"files": len(prediction.made), "seconds": seconds, "peak": peak}))
"""


def measure(place: Place, *, files: int, rounds: int) -> list[Row]:
    """Release the code of level 1, which made `files` files, with two levels below it."""
    database = _filled(place, files // STATIONS)
    answers = [_asked(database) for _ in range(rounds)]
    assert all(answer["files"] == (LEVELS - 1) * files for answer in answers), answers
    what = f"a release that touches {files} files, two levels below"
    kind = place.database.kind
    return [
        Row("whatif", kind, what, [answer["seconds"] for answer in answers], "s", target=SECONDS),
        Row(
            "whatif", kind, "the memory of its process", [answer["peak"] for answer in answers], "GiB", target=GIBIBYTES
        ),
    ]


def _asked(database: str) -> dict[str, float]:
    """Ask in a process of its own, whose memory can be told."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parent.parent)}
    command = [sys.executable, "-c", ASK, database]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    answer: dict[str, float] = json.loads(done.stdout)
    return answer


def _filled(place: Place, days: int) -> str:
    """A mission whose catalogue holds what `days` days of all stations make, entered without running the jobs."""
    made = mission.new(place)
    made.code("code.sh", mission.CODE)
    products = [mission.level_product(level, FORMAT) for level in range(LEVELS)]
    mission.create(made, *products, *(mission.level_process(level, level - 1, "FILE") for level in range(1, LEVELS)))
    with open_store(made.database) as store:
        for number in range(0, days, 100):
            _enter(store, range(number, min(number + 100, days)))
    return made.database


def _enter(store: Store, days: range) -> None:
    with store.begin() as connection:
        definition = load_definition(connection)
        below: list[int] = []
        for product in sorted(definition.products.values(), key=lambda product: product.level):
            new = [_file(product, day, station) for day in days for station in range(STATIONS)]
            ids = insert_files(connection, new)
            if below:
                (process,) = (p for p in definition.processes.values() if product.product_id in p.outputs)
                link_inputs(connection, {result: [source] for source, result in zip(below, ids, strict=True)})
                link_codes(connection, dict.fromkeys(ids, definition.codes[process.process_id][0].code_id))
            below = ids


def _file(product: Product, day: int, station: int) -> NewFile:
    start = dt.datetime.combine(mission.FIRST_DAY + dt.timedelta(days=day), dt.time(), dt.UTC)
    keywords = {"station": f"s{station:03d}"}
    facts = FileFacts(
        date=start.date(),
        start=start,
        stop=dt.datetime.combine(start.date(), dt.time.max, dt.UTC),
        version=_VERSION,
        keywords=f"station=s{station:03d}",
    )
    return NewFile(
        filename=product.compiled.render(start, str(_VERSION), keywords),
        product_id=product.product_id,
        facts=facts,
        version=_VERSION,
        level=product.level,
        directory=render(product.directory, start, str(_VERSION), keywords),
        size=mission.FILE_BYTES,
        digest=f"sha256:{day * STATIONS + station:064x}",
        created=start,
    )
