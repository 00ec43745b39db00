"""Missions of many stations whose catalogue is full, entered without running the jobs."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator

from bench import mission
from bench.places import Place
from dbproc.core.filenames import keywords_text, render
from dbproc.core.model import Definition, FileFacts, NewFile, Product
from dbproc.core.version import Version
from dbproc.database.definition.load import load_definition
from dbproc.database.files import insert_files, link_codes, link_inputs
from dbproc.database.store import Store, open_store

STATIONS = 100
KEYED = "bench_l{level}_{{station}}_{{Y}}{{m}}{{d}}_v{{VERSION}}.txt"

_VERSION = Version(1, 0, 0)
_DAYS_AT_ONCE = 100


def by_keys(place: Place, days: int, levels: int, timebase: str) -> str:
    """One product and process a level, whose names hold the station; gives the database."""
    made = mission.new(place)
    made.code("code.sh", mission.CODE)
    products = [mission.level_product(level, KEYED) for level in range(levels)]
    processes = [mission.level_process(level, level - 1, timebase) for level in range(1, levels)]
    mission.create(made, *products, *processes)
    stations = [{"station": name} for name in _names()]
    with open_store(made.database) as store:
        _enter(store, days, [(f"l{level}", stations) for level in range(levels)])
    return made.database


def by_products(place: Place, days: int) -> str:
    """Two products and a process for each station, without keys; gives the database."""
    made = mission.new(place)
    made.code("code.sh", mission.CODE)
    blocks = [block for name in _names() for block in mission.station_blocks(name)]
    mission.create(made, *blocks)
    with open_store(made.database) as store:
        for name in _names():
            _enter(store, days, [(f"{name}_l{level}", [{}]) for level in range(2)])
    return made.database


def _names() -> list[str]:
    return [f"s{number:03d}" for number in range(STATIONS)]


_Chain = Iterable[tuple[str, list[dict[str, str]]]]
"""Products, each made from the one before, with the keywords of the files of a day."""


def _enter(store: Store, days: int, chain: _Chain) -> None:
    """Enter what so many days make."""
    for first in range(0, days, _DAYS_AT_ONCE):
        some = range(first, min(first + _DAYS_AT_ONCE, days))
        with store.begin() as connection:
            definition = load_definition(connection)
            products = {product.name: product for product in definition.products.values()}
            below: list[int] = []
            for name, keywords in chain:
                ids = insert_files(connection, list(_files(products[name], some, keywords)))
                if below:
                    link_inputs(connection, {result: [source] for source, result in zip(below, ids, strict=True)})
                    link_codes(connection, dict.fromkeys(ids, _code_of(definition, products[name])))
                below = ids


def _files(product: Product, days: range, keywords: list[dict[str, str]]) -> Iterator[NewFile]:
    for day in days:
        start = dt.datetime.combine(mission.FIRST_DAY + dt.timedelta(days=day), dt.time(), dt.UTC)
        stop = dt.datetime.combine(start.date(), dt.time.max, dt.UTC)
        for values in keywords:
            text = keywords_text(values)
            yield NewFile(
                filename=product.compiled.render(start, str(_VERSION), values),
                product_id=product.product_id,
                facts=FileFacts(date=start.date(), start=start, stop=stop, version=_VERSION, keywords=text),
                version=_VERSION,
                level=product.level,
                directory=render(product.directory, start, str(_VERSION), values),
                size=mission.FILE_BYTES,
                digest=f"sha256:{day:064x}",
                created=start,
            )


def _code_of(definition: Definition, product: Product) -> int:
    (process,) = (each for each in definition.processes.values() if product.product_id in each.outputs)
    return definition.codes[process.process_id][0].code_id
