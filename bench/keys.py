"""Milliseconds to decide a slot with a key, beside one of a product of its own."""

from __future__ import annotations

from functools import partial

from sqlalchemy import select

from bench import stations
from bench.decision import decided
from bench.places import Place
from bench.table import Row
from bench.timing import in_turn
from dbproc.database import schema
from dbproc.database.store import open_store

RATIO = 1.3
"""A slot with a key takes at most so many times as long."""


def measure(place: Place, *, slots: int, rounds: int) -> list[Row]:
    """Queue every delivered file of two missions that are up to date, and process the queue of each in turn."""
    days = max(1, slots // stations.STATIONS)
    missions = {
        "keys": stations.by_keys(place, days, 2, "DAILY"),
        "products": stations.by_products(place, days),
    }
    queued = {name: _delivered(database) for name, database in missions.items()}
    timed = {name: partial(decided, database, queued[name]) for name, database in missions.items()}
    seconds = in_turn(timed, rounds)
    each = {name: [1000 * value / len(queued[name]) for value in values] for name, values in seconds.items()}
    what = f"one of {len(queued['keys'])} slots with keys"
    return [
        Row(
            "keys",
            place.database.kind,
            what,
            each["keys"],
            "ms",
            each["products"],
            "without keys",
            target=RATIO,
            is_ratio=True,
        )
    ]


def _delivered(database: str) -> list[int]:
    file, link = schema.file, schema.filecodelink
    made = select(link.c.resulting_file)
    with open_store(database) as store, store.begin() as connection:
        return list(connection.scalars(select(file.c.file_id).where(file.c.file_id.not_in(made))))
