"""Seconds and memory to foresee what a release of a code does that made very many files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from bench import stations
from bench.places import Place
from bench.table import Row

SECONDS = 60
GIBIBYTES = 1
LEVELS = 4
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
print(json.dumps({"files": len(prediction.files), "seconds": seconds, "peak": peak}))
"""


def measure(place: Place, *, files: int, rounds: int) -> list[Row]:
    """Release the code of level 1, which made `files` files, with two levels below it."""
    database = stations.by_keys(place, files // stations.STATIONS, LEVELS, "FILE")
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
