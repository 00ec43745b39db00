"""Jobs per second with everything recorded and durable, against a bare loop that starts the same code."""

from __future__ import annotations

import os

from bench import bare, mission
from bench.places import Place
from bench.table import Row
from bench.timing import in_turn, seconds_of
from dbproc import cycle
from dbproc.core.events import Report
from dbproc.database.store import open_store
from dbproc.run.selection import Options

TARGET = 150  # jobs per second


def measure(place: Place, *, days: int, slots: int, rounds: int) -> list[Row]:
    """Build level 1 and 2 of `days` days: two jobs a day."""
    seconds = in_turn(
        {"bare": lambda: _bare(place, days, slots), "jobs": lambda: _built(place, days, slots)},
        rounds,
    )
    return [
        Row(
            "jobs",
            place.database.kind,
            f"{2 * days} jobs on {slots} slots",
            [2 * days / each for each in seconds["jobs"]],
            "jobs/s",
            [2 * days / each for each in seconds["bare"]],
            "bare loop, same code and slots",
            target=TARGET,
            more_is_better=True,
        )
    ]


def _bare(place: Place, days: int, slots: int) -> float:
    made = mission.set_up(place)
    results = made.root / "results"
    results.mkdir()
    mission.deliver(made.root / "incoming", days)
    return seconds_of(lambda: bare.jobs(made.root / "codes" / "code.sh", made.root / "incoming", results, slots))


def _built(place: Place, days: int, slots: int) -> float:
    made = mission.set_up(place)
    mission.deliver(made.root / "incoming", days)
    report = Report()
    with open_store(made.database) as store:
        cycle.run(store, Options(process=False), Report())
        os.sync()
        seconds = seconds_of(lambda: cycle.run(store, Options(ingest=False, slots=slots), report))
    assert report.summary() == f"{2 * days} built", report.summary()
    return seconds
