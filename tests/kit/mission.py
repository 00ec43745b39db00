"""A mission in a folder of its own: defined, delivered to, run, and looked at with plain SQL.

The definition is made of blocks (:func:`product`, :func:`process`); a code that a test does not write is a shell script
that puts each input in brackets behind its own name, so that a file's content says how it was made: ``clean(raw)``.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2

from dbproc.cli import main
from tests.kit.commands import LONGEST_SECONDS, PROCESS_QUEUE, REPOSITORY, Done, call_command, run_process
from tests.kit.databases import new_database

TABLES = """
mission satellite instrument product inspector process productprocesslink code file filemember filefilelink
filecodelink processqueue logging attempt attemptinput attemptoutput placement quarantine release
datarelease
"""

JOIN = """#!/bin/sh
printf '%s' NAME > made
while [ $# -gt 1 ]; do printf '(%s)' "$(cat "$1")" >> made; shift; done
mv made "$1"
"""

FILES = """
SELECT f.file_id, f.filename, p.product_name, f.utc_file_date, f.process_keywords, f.interface_version,
       f.quality_version, f.revision_version, f.relative_path, f.file_size, f.shasum,
       f.exists_on_disk AND f.offloaded_time IS NULL
FROM file f JOIN product p ON p.product_id = f.product_id WHERE f.replaced_by IS NULL
"""
INPUTS = "SELECT l.resulting_file, f.filename FROM filefilelink l JOIN file f ON f.file_id = l.source_file"
CODES = """
SELECT l.resulting_file, c.interface_version, c.quality_version, c.revision_version
FROM filecodelink l JOIN code c ON c.code_id = l.source_code
"""
MEMBERS = """
SELECT f.relative_path, f.filename, m.member_path FROM filemember m JOIN file f ON f.file_id = m.file_id
WHERE f.replaced_by IS NULL AND f.correction_id IS NULL AND f.offloaded_time IS NULL
"""


@dataclass(frozen=True)
class File:
    """A file of the catalogue."""

    product: str
    date: str
    keywords: str
    version: str
    inputs: frozenset[str]
    code: str | None
    path: Path
    size: int
    digest: str
    is_in_place: bool = True  #: it is not withdrawn, reaped or gone from disk


def mission_table(**keys: object) -> str:
    return table("mission", {"name": "test", "settle_seconds": 0, **keys})


def product(name: str, level: float, format: str | None = None, **keys: object) -> str:
    shown = format or name + "_{Y}{m}{d}_v{VERSION}.txt"
    return table(f"product.{name}", {"level": level, "directory": f"data/{name}", "format": shown, **keys})


def process(
    name: str,
    output: str | list[str] | None,
    inputs: Sequence[object],
    timebase: str = "DAILY",
    *,
    keys: Any = None,
    **code: Any,
) -> str:
    """A process and its one code; `keys` are of the process, the others of the code."""
    made = {} if output is None else {"output": output}
    code = {"file": f"{name}.sh", "version": "1.0.0", **code}
    head = table(f"process.{name}", {**made, "timebase": timebase, "inputs": inputs, **(keys or {})})
    return head + table(f"process.{name}.code", code)


def window(name: str, yesterday: int = 0, tomorrow: int = 0) -> dict[str, object]:
    return {"product": name, "yesterday": yesterday, "tomorrow": tomorrow}


def optional(name: str) -> dict[str, object]:
    return {"product": name, "optional": True}


def chain(**clean: Any) -> list[str]:
    """From raw to clean to smooth (with the days around); the keywords are of the code that cleans."""
    return [
        product("raw", 0),
        product("clean", 1),
        product("smooth", 2),
        process("to_clean", "clean", ["raw"], **clean),
        process("to_smooth", "smooth", [window("clean", 1, 1)]),
    ]


def name_of(product: str, day: int | str, version: str = "1.0.0") -> str:
    """``raw_20200101_v1.0.0.txt`` for day 1 of January 2020."""
    date = f"202001{day:02d}" if isinstance(day, int) else day
    return f"{product}_{date}_v{version}.txt"


class Mission:
    """A folder with a mission, and its database; `in_processes`: each command is a process of its own."""

    def __init__(self, root: Path, database: str, *, incoming: Path | None = None, in_processes: bool = False) -> None:
        self.root = root
        self.database = database
        self.in_processes = in_processes
        self.incoming = incoming or root / "incoming"
        self.codes = root / "codes"
        self.quarantine = root / "quarantine"
        self.file = root / "mission.toml"
        self.environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "PYTHONDONTWRITEBYTECODE": "1"}
        for path in (self.incoming, self.codes, root / "inspectors"):
            path.mkdir(parents=True)

    @property
    def is_sqlite(self) -> bool:
        return "://" not in self.database

    # --- setting up ---

    def create(self, *blocks: str, **keys: object) -> Mission:
        """Make the database, and define the mission by `blocks`."""
        new_database(self.database)
        return self.define(*blocks, **keys)

    def define(self, *blocks: str, **keys: object) -> Mission:
        """Write the mission file and the codes that are not there yet, and apply it."""
        self.write(*blocks, **keys)
        assert main(["apply", str(self.file), "-m", self.database]) == 0
        return self

    def write(self, *blocks: str, **keys: object) -> None:
        self.file.write_text("\n".join([mission_table(**keys), *blocks]))
        for block in blocks:
            for line in block.splitlines():
                if line.startswith("file = ") and line.endswith('.sh"') and not self._code_of(line).exists():
                    self.code(self._code_of(line).name)

    def _code_of(self, line: str) -> Path:
        return self.codes / json.loads(line.removeprefix("file = "))

    def code(self, name: str, text: str = JOIN) -> Path:
        """Write a code; NAME in it becomes its own name."""
        path = self.codes / name
        path.write_text(text.replace("NAME", path.stem.removeprefix("to_")))
        path.chmod(0o755)
        return path

    def inspector(self, name: str, text: str) -> Path:
        path = self.root / "inspectors" / name
        path.write_text(text)
        return path

    def deliver(self, *names: str, content: str | None = None) -> None:
        """Put files into incoming; without `content` each holds its own name's first word and date."""
        for name in names:
            (self.incoming / name).write_text(name.rsplit("_v", 1)[0] if content is None else content)

    # --- running ---

    def run(self, *arguments: str, status: int = 0) -> Done:
        """One run of ProcessQueue.py, which is to end with `status`."""
        return self._done("ProcessQueue.py", ("-m", self.database, *arguments), status)

    def dbproc(self, *arguments: str, status: int = 0) -> Done:
        """One of dbproc's commands."""
        return self._done("dbproc", arguments, status)

    def script(self, name: str, *arguments: str, status: int = 0) -> Done:
        return self._done(name, arguments, status)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a run and leave it running."""
        return subprocess.Popen(
            [sys.executable, PROCESS_QUEUE, "-m", self.database, *arguments],
            cwd=self.root,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def _done(self, name: str, arguments: Sequence[str], status: int) -> Done:
        environment = {**self.environment, **({"DBPROC_MISSION": self.database} if name == "dbproc" else {})}
        execute = run_process if self.in_processes else call_command
        done = execute(name, arguments, self.root, environment)
        assert "Traceback" not in done.err, done.err
        assert done.status == status, f"exit status {done.status}\n{done.out}\n{done.err}"
        return done

    # --- looking ---

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        with closing(connect(self.database)) as connection:
            cursor = connection.cursor()
            cursor.execute(statement)
            return cursor.fetchall()

    def one(self, statement: str) -> Any:
        ((value,),) = self.rows(statement)
        return value

    def execute(self, statement: str) -> None:
        with closing(connect(self.database)) as connection, connection:
            connection.cursor().execute(statement)

    def files(self) -> dict[str, File]:
        """Every file of the catalogue by its name."""
        inputs, codes = self.rows(INPUTS), {row[0]: _version(row[1:]) for row in self.rows(CODES)}
        return {
            row[1]: File(
                product=row[2],
                date=str(row[3]),
                keywords=row[4],
                version=_version(row[5:8]),
                inputs=frozenset(name for made, name in inputs if made == row[0]),
                code=codes.get(row[0]),
                path=self.root / row[8] / row[1],
                size=row[9],
                digest=row[10],
                is_in_place=bool(row[11]),
            )
            for row in self.rows(FILES)
        }

    def names(self, product: str) -> list[str]:
        """The names of all files of a product."""
        return sorted(name for name, file in self.files().items() if file.product == product)

    def content(self, name: str) -> str:
        return self.files()[name].path.read_text()

    def attempts(self) -> list[tuple[str, str, str]]:
        """Process, date and status of every attempt, in their order."""
        rows = self.rows(
            "SELECT p.process_name, a.utc_file_date, a.status FROM attempt a JOIN process p "
            "ON p.process_id = a.process_id ORDER BY a.attempt_id"
        )
        return [(row[0], str(row[1]), row[2]) for row in rows]

    def messages(self) -> list[str]:
        return [row[0] for row in self.rows("SELECT message FROM attempt WHERE message IS NOT NULL")]

    def queued(self) -> int:
        return int(self.one("SELECT count(*) FROM processqueue"))

    def quarantined(self) -> dict[str, str]:
        """Reason by the name that was delivered."""
        return dict(self.rows("SELECT filename, reason FROM quarantine"))

    def let_time_pass(self) -> None:
        """As if the waits of all processes had passed, and the times until which their outputs wait."""
        self.execute("UPDATE process SET wait_seconds = 0 WHERE wait_seconds IS NOT NULL")
        self.execute("UPDATE waitingslot SET until_time = '2024-06-01 00:00:00.000000' WHERE until_time IS NOT NULL")

    def waiting(self) -> list[str]:
        return sorted(os.listdir(self.incoming))

    def tables(self, *but: str) -> dict[str, list[tuple[Any, ...]]]:
        """The rows of every table."""
        return {
            name: sorted(self.rows(f"SELECT * FROM {name}"), key=repr) for name in TABLES.split() if name not in but
        }

    def state(self) -> tuple[object, dict[Path, object]]:
        """Everything that a run with nothing to do leaves as it is."""
        logs = self.root / ".dbproc" / "logs"
        tree = {path: fact for path, fact in self.tree().items() if logs not in path.parents}
        return self.tables("logging"), {path: fact for path, fact in tree.items() if not self._is_database(path)}

    def everything(self) -> object:
        """Everything there is: rows, and every byte and time of change below the root, the SQLite file's included."""
        tree = self.tree()
        return tree if self.is_sqlite else (self.tables(), tree)

    def tree(self) -> dict[Path, object]:
        return {path: _fact(path) for path in sorted(self.root.parent.rglob("*"))}

    def _is_database(self, path: Path) -> bool:
        return str(path).startswith(self.database)

    def check(self) -> None:
        """What holds whenever no run is live and none was killed."""
        there = {name: file for name, file in self.files().items() if file.is_in_place}
        for name, file in there.items():
            content = file.path.read_bytes()
            assert file.digest == f"sha256:{hashlib.sha256(content).hexdigest()}", name
            assert file.size == len(content), name
        homes = [path for path in (self.root / "data").rglob("*") if path.is_file()]
        known = {file.path for file in there.values()}
        members = {self.root / directory / Path(name).stem / member for directory, name, member in self.rows(MEMBERS)}
        assert set(homes) == known | members
        assert self.rows("SELECT * FROM placement") == []
        assert self.rows("SELECT * FROM logging WHERE currently_processing") == []
        assert self.rows("SELECT * FROM attempt WHERE status = 'running'") == []
        work = self.root / ".dbproc" / "work"
        assert not work.exists() or list(work.iterdir()) == []
        made = {row[0] for row in self.rows("SELECT output_file FROM attempt WHERE output_file IS NOT NULL")}
        made |= {row[0] for row in self.rows("SELECT file_id FROM attemptoutput")}
        assert made <= {row[0] for row in self.rows("SELECT resulting_file FROM filecodelink")}
        stored = {
            row[0]
            for row in self.rows(
                "SELECT stored_name FROM quarantine WHERE released_time IS NULL AND discarded_time IS NULL"
            )
        }
        held = set(os.listdir(self.quarantine)) if self.quarantine.exists() else set()
        assert stored <= held


def connect(database: str) -> Any:
    return psycopg2.connect(database) if "://" in database else sqlite3.connect(database, timeout=30)


def wait_for(condition: Callable[[], object], what: str, seconds: float = LONGEST_SECONDS) -> None:
    """Look again and again until `condition` holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.02)


def kill(process: subprocess.Popen[str], number: int = signal.SIGKILL) -> None:
    """End a run as a power cut would, and reap it."""
    process.send_signal(number)
    process.communicate(timeout=LONGEST_SECONDS)


def days(first: str, count: int) -> Iterator[str]:
    start = dt.date.fromisoformat(first)
    return (f"{start + dt.timedelta(days=number):%Y%m%d}" for number in range(count))


def _fact(path: Path) -> object:
    status = path.lstat()
    if path.is_symlink():
        return os.readlink(path)
    content = path.read_bytes() if path.is_file() else None
    return status.st_mode, status.st_mtime_ns, content


def _version(row: tuple[int, ...]) -> str:
    return ".".join(map(str, row))


def table(name: str, keys: dict[str, Any]) -> str:
    lines = [f"{key} = {_value(value)}" for key, value in keys.items()]
    return "\n".join([f"[{name}]", *lines, ""])


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_value(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_value, value)) + "]"
    return str(value) if isinstance(value, dt.date) else json.dumps(value, ensure_ascii=False)
