"""Seconds until each view of the page answers on a large catalogue: with what it shows, or with what was known of it a
while ago, or that it is being worked out."""

from __future__ import annotations

from functools import partial

from starlette.testclient import TestClient

from bench import stations
from bench.mission import FIRST_DAY
from bench.places import Place
from bench.table import Row
from bench.timing import in_turn, seconds_of
from tests.kit.service import client

LEVELS = 3
VIEWS = {
    "the mission": "/",
    "files": "/files",
    "the newest files of a product": "/files?product=l1&newest=true",
    "a file": "/files/1",
    "products": "/products",
    "a product": "/products/l1",
    "why, of a day and key": f"/products/l2?when={FIRST_DAY}&key=station=s007",
    "coverage": "/coverage",
    "failures": "/failures",
    "incoming": "/incoming",
    "transfers": "/transfers",
    "the log": "/log",
    "processes": "/processes",
    "the queue": "/queue",
    "quarantine": "/quarantine?text=cloud",
    "campaigns": "/campaigns",
    "uploads": "/uploads?text=l1",
}
TARGET = 0.3


def measure(place: Place, *, files: int, rounds: int) -> list[Row]:
    """Look at each view of a catalogue of so many files."""
    database = stations.by_keys(place, files // stations.STATIONS // LEVELS, LEVELS, "DAILY")
    with client(database) as service:
        views = {what: partial(_asked, service, path) for what, path in VIEWS.items()}
        in_turn(views, 1)
        seconds = in_turn(views, rounds)
    return [
        Row("page", place.database.kind, f"{what}, of {files:,} files", seconds[what], "s", target=TARGET)
        for what in VIEWS
    ]


def _asked(service: TestClient, path: str) -> float:
    def ask() -> None:
        assert service.get(path).status_code == 200, path

    return seconds_of(ask)
