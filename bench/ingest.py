"""Files ingested per second, against a bare loop that digests, moves and syncs the same files."""

from __future__ import annotations

from bench import bare, mission
from bench.places import Place
from bench.table import Row
from bench.timing import in_turn, seconds_of
from dbproc import cycle
from dbproc.core.events import Report
from dbproc.database.store import open_store
from dbproc.run.selection import Options

TARGET = 1_000  # files per second


def measure(place: Place, *, days: int, rounds: int) -> list[Row]:
    """Ingest `days` files into a new mission, with inspection by name and with inspectors in dbprocessing's style."""
    seconds = in_turn(
        {
            "bare": lambda: _bare(place, days),
            "filename": lambda: _ingested(place, days, legacy=False),
            "inspectors": lambda: _ingested(place, days, legacy=True),
            "process": lambda: _by_process(place, days),
        },
        rounds,
    )
    named = {
        "filename": "inspected by name",
        "inspectors": "Python inspectors of dbprocessing's style",
        "process": "by name, start of ProcessQueue.py included",
    }
    return [
        Row(
            "ingest",
            place.database.kind,
            f"{days} files, {what}",
            [days / each for each in seconds[name]],
            "files/s",
            [days / each for each in seconds["bare"]],
            "bare loop: sha256, fsync, rename",
            target=TARGET if name != "process" else None,
            more_is_better=True,
        )
        for name, what in named.items()
    ]


def _bare(place: Place, days: int) -> float:
    root = place.new()
    incoming, home = root / "incoming", root / "home"
    for directory in (incoming, home):
        directory.mkdir()
    mission.deliver(incoming, days)
    return seconds_of(lambda: bare.ingest(incoming, home))


def _ingested(place: Place, days: int, *, legacy: bool) -> float:
    made = mission.set_up(place, legacy=legacy)
    mission.deliver(made.root / "incoming", days)
    report = Report()
    with open_store(made.database) as store:
        seconds = seconds_of(lambda: cycle.run(store, Options(process=False), report))
    assert report.summary() == f"{days} ingested", report.summary()
    return seconds


def _by_process(place: Place, days: int) -> float:
    made = mission.set_up(place)
    mission.deliver(made.root / "incoming", days)
    return seconds_of(lambda: made.run("-i"))
