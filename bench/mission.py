"""The mission that is measured: a chain L0 → L1 → L2, each step a trivial shell code, one file a day."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from bench.places import Place
from dbproc.database.store import create_database, open_store
from dbproc.mission.apply import apply_definition
from dbproc.mission.read import read_mission_file

FIRST_DAY = dt.date(1990, 1, 1)
FILE_BYTES = 1_000
PROCESS_QUEUE = str(Path(__file__).resolve().parent.parent / "ProcessQueue.py")

CODE = """#!/bin/sh
# the trivial code: INPUT OUTPUT, no other program
IFS= read -r line < "$1"
echo "$line" > "$2"
"""

PRODUCT = """
[product.l{level}]
level = {level}
directory = "L{level}/{{Y}}"
format = "bench_l{level}_{{Y}}{{m}}{{d}}_v{{VERSION}}.txt"
inspector = "{inspector}"
inspector_arguments = {{ {arguments} }}
"""

PROCESS = """
[process.to_l{level}]
output = "l{level}"
timebase = "DAILY"
inputs = ["l{below}"]
[process.to_l{level}.code]
file = "code.sh"
version = "1.0.0"
output_interface = 1
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


@dataclass(frozen=True, slots=True)
class Mission:
    """A mission that was set up; `database` is what ``-m`` is given."""

    root: Path
    database: str

    def run_process(self, *options: str) -> None:
        """Do a run as cron does: a process ``ProcessQueue.py``."""
        command = [sys.executable, PROCESS_QUEUE, *options, "-m", self.database]
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True)


def set_up(place: Place, *, legacy: bool = False) -> Mission:
    """Make a mission with its database; with `legacy`, an inspector in dbprocessing's style for each product."""
    root = place.new()
    for name in ("incoming", "quarantine", "codes", "inspectors"):
        (root / name).mkdir()
    code = root / "codes" / "code.sh"
    code.write_text(CODE)
    code.chmod(0o755)
    (root / "inspectors" / "inspect_bench.py").write_text(LEGACY_INSPECTOR)
    definition = root / "mission.toml"
    definition.write_text(_definition(legacy=legacy))
    mission = Mission(root, place.database.name_for(root))
    create_database(mission.database)
    with open_store(mission.database) as store:
        apply_definition(store, read_mission_file(definition))
    return mission


def set_up_codes(place: Place, count: int) -> Mission:
    """Make a mission of so many processes, each with a code of its own that uses a file beside it."""
    root = place.new()
    (root / "incoming").mkdir()
    blocks = ['[mission]\nname = "bench"\nroot = "."\nsettle_seconds = 0\n']
    blocks.append(PRODUCT.format(level=0, inspector="filename", arguments=""))
    for number in range(1, count + 1):
        home = root / "codes" / str(number)
        home.mkdir(parents=True)
        (home / "code.sh").write_text(CODE)
        (home / "code.sh").chmod(0o755)
        (home / "table.json").write_text("{}")
        blocks.append(PRODUCT.format(level=number, inspector="filename", arguments=""))
        process = PROCESS.format(level=number, below=0).replace('"code.sh"', f'"{number}/code.sh"')
        blocks.append(process + 'uses = ["*.json"]\n')
    definition = root / "mission.toml"
    definition.write_text("".join(blocks))
    mission = Mission(root, place.database.name_for(root))
    create_database(mission.database)
    with open_store(mission.database) as store:
        apply_definition(store, read_mission_file(definition))
    return mission


def deliver(directory: Path, days: int) -> None:
    """Put one level 0 file a day into a directory, durably, so that their writing is not counted later."""
    for number in range(days):
        day = FIRST_DAY + dt.timedelta(days=number)
        text = f"bench {day} ".ljust(FILE_BYTES - 1, "x") + "\n"
        (directory / f"bench_l0_{day:%Y%m%d}_v1.0.0.txt").write_text(text)
    os.sync()


def _definition(*, legacy: bool) -> str:
    head = '[mission]\nname = "bench"\nroot = "."\nsettle_seconds = 0\n'
    products = [
        PRODUCT.format(
            level=level,
            inspector="inspect_bench.py" if legacy else "filename",
            arguments=f'level = "l{level}"' if legacy else "",
        )
        for level in range(3)
    ]
    return "".join([head, *products, *(PROCESS.format(level=level, below=level - 1) for level in (1, 2))])
