"""The mission that is measured: a chain L0 → L1 → L2, each step a trivial shell code, one file a day."""

from __future__ import annotations

import datetime as dt
import os
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

from bench.places import Place
from tests.kit.mission import Mission, process, product

FIRST_DAY = dt.date(1990, 1, 1)
FILE_BYTES = 1_000
INSPECTOR = "inspect_bench.py"
LEVELS = 3

CODE = """#!/bin/sh
# the trivial code: INPUT OUTPUT, no other program
IFS= read -r line < "$1"
echo "$line" > "$2"
"""

LEGACY_INSPECTOR = '''"""An inspector as they are written for dbprocessing: it opens the file."""
import datetime

from dbprocessing import Version, inspector


class Inspector(inspector.inspector):
    code_name = "inspect_bench.py"

    def inspect(self, kwargs):
        if not self.basename.startswith("bench_%s_" % kwargs["level"]):
            return None
        with open(self.filename) as stream:
            if not stream.readline().startswith("bench"):
                return None
        day = inspector.extract_YYYYMMDD(self.basename)
        self.diskfile.params["utc_file_date"] = day.date()
        self.diskfile.params["utc_start_time"] = day
        self.diskfile.params["utc_stop_time"] = day.replace(hour=23, minute=59, second=59)
        self.diskfile.params["version"] = inspector.extract_Version(self.basename)
        return True
'''


def set_up(place: Place, *, legacy: bool = False) -> Mission:
    """Make a mission with its database; with `legacy`, an inspector in dbprocessing's style for each product."""
    made = new(place)
    made.code("code.sh", CODE)
    made.inspector(INSPECTOR, LEGACY_INSPECTOR)
    products = [level_product(level, **_inspected(level, legacy=legacy)) for level in range(LEVELS)]
    return create(made, *products, *(level_process(level, level - 1) for level in range(1, LEVELS)))


def set_up_codes(place: Place, count: int) -> Mission:
    """Make a mission of so many processes, each with a code of its own that uses a file beside it."""
    made = new(place)
    blocks = [level_product(0)]
    for number in range(1, count + 1):
        (made.codes / str(number)).mkdir()
        made.code(f"{number}/code.sh", CODE)
        (made.codes / str(number) / "table.json").write_text("{}")
        blocks.append(level_product(number))
        blocks.append(level_process(number, 0, file=f"{number}/code.sh", uses=["*.json"]))
    return create(made, *blocks)


def new(place: Place) -> Mission:
    """A mission that is not defined yet; each of its commands is a process, as cron starts them."""
    root = place.new()
    made = Mission(root, place.database.name_for(root), in_processes=True)
    del made.environment["PYTHONDONTWRITEBYTECODE"]  # else each run compiles what the first one did not find compiled
    return made


def create(made: Mission, *blocks: str) -> Mission:
    """Define it, and say nothing: what is printed is the table."""
    with redirect_stdout(StringIO()):
        return made.create(*blocks)


def level_product(level: int, format: str = "bench_l{level}_{{Y}}{{m}}{{d}}_v{{VERSION}}.txt", **keys: Any) -> str:
    return product(f"l{level}", level, format.format(level=level), directory=f"L{level}/{{Y}}", **keys)


def level_process(level: int, below: int, timebase: str = "DAILY", **code: Any) -> str:
    return process(f"to_l{level}", f"l{level}", [f"l{below}"], timebase, **{"file": "code.sh", **code})


def station_blocks(name: str) -> list[str]:
    """Two products and a process that are one station's alone."""
    formats = [f"bench_{name}_l{level}_{{Y}}{{m}}{{d}}_v{{VERSION}}.txt" for level in range(2)]
    products = [
        product(f"{name}_l{level}", level, each, directory=f"{name}/L{level}/{{Y}}")
        for level, each in enumerate(formats)
    ]
    return [*products, process(f"to_{name}", f"{name}_l1", [f"{name}_l0"], "DAILY", file="code.sh")]


def _inspected(level: int, *, legacy: bool) -> dict[str, Any]:
    return {"inspector": INSPECTOR, "inspector_arguments": {"level": f"l{level}"}} if legacy else {}


def deliver(directory: Path, days: int) -> None:
    """Put one level 0 file a day into a directory, durably, so that their writing is not counted later."""
    for number in range(days):
        day = FIRST_DAY + dt.timedelta(days=number)
        text = f"bench {day} ".ljust(FILE_BYTES - 1, "x") + "\n"
        (directory / f"bench_l0_{day:%Y%m%d}_v1.0.0.txt").write_text(text)
    os.sync()
