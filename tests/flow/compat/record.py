#!/usr/bin/env python3
"""Record what dbprocessing itself makes of the scenarios in this folder: ``expected_NAME.json``.

This is no test and dbproc does not need it; it is run by hand when a scenario is added or changed, with
a virtual environment that holds dbprocessing (see README.md for how to make one)::

    ./record.py --venv /path/to/venv [--keep DIR] [NAME...]

For each scenario it copies the mission folder to an empty place, runs dbprocessing's CreateDB.py and
addFromConfig.py, then for each step puts the step's files into incoming and runs ``ProcessQueue.py -i``
and ``ProcessQueue.py -p``. What the database and the disk hold after each step is written down: a file's
``step`` (from 1) is the one in which it appeared, everything else is as it was at the end. ``command`` is
dbprocessing's verbose_provenance, with the places that differ from run to run replaced.

A step's ``release`` enters a code in a new version the way dbprocessing's users do, through DButils, and
queues what the code reads (as reprocessByProduct.py does); in dbproc editing the configuration does that.

``--requeue`` runs one more step: everything newest is queued again, which makes dbprocessing rebuild what
it had left stale. Its result is printed, not stored: it is how the ``exact_*.json`` were checked.
"""

from __future__ import annotations

import argparse
import json
import re
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from legacy import DATABASE, HERE, Mission, load  # type: ignore[import-not-found]

RELEASE = """
import sys
from dbprocessing import DButils, dbprocessing
database, process, filename, version, *products = sys.argv[1:]
dbu = DButils.DButils(database)
old = dbu.getEntry('Code', dbu.getAllCodesFromProcess(dbu.getProcessID(process))[0][0])
dbu.addCode(filename, old.relative_path, str(old.code_start_date), str(old.code_stop_date), old.code_description,
            old.process_id, version, True, str(old.date_written), old.output_interface_version, True, old.arguments,
            old.cpu, old.ram)
dbu.updateCodeNewestVersion(old.code_id, False)
queue = dbprocessing.ProcessQueue(dbu)
for product in products:
    queue.reprocessByProduct(product)
del queue, dbu
"""
REQUEUE = """
import sys
from dbprocessing import dbprocessing
queue = dbprocessing.ProcessQueue(sys.argv[1])
queue._reprocessBy()
del queue
"""

VERSIONS = "import sys, sqlalchemy; print(sys.version.split()[0], sqlalchemy.__version__)"


class Dbprocessing:
    """dbprocessing's scripts, run in a mission folder."""

    def __init__(self, venv: Path, mission: Mission) -> None:
        self.venv, self.mission = venv, mission
        (mission.root / "errors").mkdir(exist_ok=True)
        (mission.root / "codes/bin/errors").mkdir(parents=True, exist_ok=True)

    def __call__(self, *arguments: str) -> None:
        arguments = tuple(str(self.venv / "bin" / a) if a.endswith(".py") else a for a in arguments)
        environment = {**self.mission.environment(), "DBPROCESSING_LOG_DIR": str(self.mission.home / "logs")}
        done = subprocess.run(
            [str(self.venv / "bin/python"), "-W", "ignore", *arguments],
            cwd=self.mission.root,
            env=environment,
            text=True,
            capture_output=True,
            timeout=600,
        )
        if done.returncode:
            sys.exit(f"{arguments} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")

    def set_up(self) -> None:
        self("CreateDB.py", DATABASE)
        self("addFromConfig.py", "-m", DATABASE, self.mission.scenario["config"])

    def run(self) -> None:
        self("ProcessQueue.py", "-i", "-m", DATABASE)
        self("ProcessQueue.py", "-p", "-m", DATABASE)


def commands(mission: Mission) -> dict[str, str]:
    """The command lines dbprocessing kept, by file, without what differs from run to run."""
    connection = sqlite3.connect(mission.database)
    rows = connection.execute("SELECT filename, verbose_provenance FROM file WHERE verbose_provenance IS NOT NULL")
    result = {}
    for name, command in rows.fetchall():
        command = command.replace(str(mission.root), "{ROOTDIR}").replace(str(mission.home), "~")
        result[name] = re.sub(r"\S*_runMe/", "{TMP}/", command)
    connection.close()
    return result


def record(name: str, venv: Path, place: Path, requeue: bool) -> dict[str, Any]:
    mission = Mission(load("scenario", name), place)
    controller = Dbprocessing(venv, mission)
    controller.set_up()
    appeared: dict[str, int] = {}
    steps = list(mission.scenario["steps"]) + [{"requeue": True}] * requeue
    for number, step in enumerate(steps, 1):
        mission.deliver(step.get("deliver", {}))
        if "release" in step:
            release = step["release"]
            code = [release["process"], release["filename"], release["version"]]
            controller("-c", RELEASE, DATABASE, *code, *release["products"])
        if "requeue" in step:
            controller("-c", REQUEUE, DATABASE)
        controller.run()
        for file in mission.files():
            appeared.setdefault(file, number)
    python = [str(venv / "bin/python"), "-c", VERSIONS]
    versions = subprocess.run(python, text=True, capture_output=True, check=True).stdout.split()
    command = commands(mission)
    return {
        "recorded_with": {"dbprocessing": "0.1.0", "python": versions[0], "sqlalchemy": versions[1]},
        "files": {
            file: {"step": appeared[file], **facts, **({"command": command[file]} if file in command else {})}
            for file, facts in sorted(mission.files().items())
        },
        "other_files": mission.other_files(),
        "left_in_incoming": mission.waiting(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--venv", type=Path, required=True, help="virtual environment with dbprocessing")
    parser.add_argument("--keep", type=Path, help="work in this directory and leave it")
    parser.add_argument("--requeue", action="store_true", help="requeue everything at the end, print, store nothing")
    parser.add_argument("names", nargs="*", metavar="NAME", help="scenarios, default all")
    options = parser.parse_args()
    names = options.names or sorted(path.stem.partition("_")[2] for path in HERE.glob("scenario_*.json"))
    for name in names:
        with tempfile.TemporaryDirectory() as temporary:
            place = (options.keep or Path(temporary)).resolve() / name
            result = record(name, options.venv.absolute(), place, options.requeue)
        text = json.dumps(result, indent=1) + "\n"
        if options.requeue:
            print(text)
        else:
            (HERE / f"expected_{name}.json").write_text(text)
            print(f"{name}: {len(result['files'])} files")


if __name__ == "__main__":
    main()
