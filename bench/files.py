"""Seconds of ``dbproc files`` on a large catalogue, each from the start of the process to its end."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

from bench import stations
from bench.mission import FIRST_DAY
from bench.places import Place
from bench.table import Row
from bench.timing import in_turn, seconds_of

LEVELS = 2
DAY = str(FIRST_DAY)
DIGEST = f"sha256:{7:064x}"
ASKED: dict[str, tuple[tuple[str, ...], float]] = {
    "one day of one product": (("l1", "--start", DAY, "--end", DAY), 1),
    "the newest files of one day": (("--start", DAY, "--end", DAY, "--newest", "--json"), 1),
    "one key of one product": (("l1", "--key", "station=s007", "--newest"), 5),
    "files of some bytes": (("--digest", DIGEST), 1),
    "what is withdrawn": (("--withdrawn",), 1),
    "a part of a name": (("--text", "s007_19900101"), 5),
    "the paths of all": (("--paths",), 60),
    "all as CSV": (("--csv",), 60),
}
"""What is asked, and the seconds that it may take."""


def measure(place: Place, *, files: int, rounds: int) -> list[Row]:
    """Ask for files of a catalogue of so many."""
    database = stations.by_keys(place, files // stations.STATIONS // LEVELS, LEVELS, "DAILY")
    seconds = in_turn({what: partial(_asked, database, arguments) for what, (arguments, _) in ASKED.items()}, rounds)
    return [
        Row("files", place.database.kind, f"{what}, of {files:,}", seconds[what], "s", target=most)
        for what, (_, most) in ASKED.items()
    ]


def _asked(database: str, arguments: tuple[str, ...]) -> float:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parent.parent)}
    command = [sys.executable, "-m", "dbproc", "files", "-m", database, *arguments]
    return seconds_of(partial(subprocess.run, command, env=environment, stdout=subprocess.DEVNULL, check=True))
