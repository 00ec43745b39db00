"""A run with nothing to do, against the time that the libraries alone take to be imported."""

from __future__ import annotations

import subprocess
import sys

from bench import mission
from bench.places import Place
from bench.table import Row
from bench.timing import in_turn, seconds_of

IMPORTS = [sys.executable, "-c", "import sqlalchemy.orm, click"]


def measure(place: Place, *, rounds: int) -> list[Row]:
    """Time a real run of a mission that is up to date, in turn with the imports."""
    made = mission.set_up(place)
    mission.deliver(made.root / "incoming", 10)
    made.run("-i", "-p")
    seconds = in_turn(
        {
            "run": lambda: seconds_of(lambda: made.run("-i", "-p")),
            "imports": lambda: seconds_of(lambda: subprocess.run(IMPORTS, check=True)),
        },
        rounds,
    )
    return [
        Row(
            "idle",
            place.database.kind,
            "a run with nothing to do",
            [each * 1000 for each in seconds["run"]],
            "ms",
            [each * 1000 for each in seconds["imports"]],
            "importing sqlalchemy.orm, click",
            target=1.3,
            is_ratio=True,
        )
    ]
