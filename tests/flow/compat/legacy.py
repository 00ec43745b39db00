"""What the recorder and the test share: setting a mission folder up, delivering files, reading the result.

The result is read from the database with plain SQL in dbprocessing's table and column names and from the
disk, so that both controllers are looked at with the same eyes. Only the standard library is used.
"""

from __future__ import annotations

import configparser
import datetime as dt
import hashlib
import json
import os
import shutil
import sqlite3
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
DATABASE = "mission.sqlite"
FILES = """
    SELECT f.file_id, f.filename, p.product_name, f.utc_file_date, f.utc_start_time, f.utc_stop_time,
           f.interface_version, f.quality_version, f.revision_version, f.process_keywords
    FROM file f JOIN product p ON p.product_id = f.product_id
"""
INPUTS = """
    SELECT l.resulting_file, f.filename FROM filefilelink l JOIN file f ON f.file_id = l.source_file
"""
CODES = """
    SELECT l.resulting_file, c.filename, c.interface_version, c.quality_version, c.revision_version
    FROM filecodelink l JOIN code c ON c.code_id = l.source_code
"""


def load(kind: str, name: str) -> dict[str, Any]:
    """``scenario``, ``expected`` or ``exact`` of that name."""
    result: dict[str, Any] = json.loads((HERE / f"{kind}_{name}.json").read_text())
    return result


class Mission:
    """A copy of a mission folder below ``place``, which serves as the home directory too."""

    def __init__(self, scenario: dict[str, Any], place: Path) -> None:
        self.scenario = scenario
        self.home = place
        self.root = place / (scenario["home"] or "mission")
        shutil.copytree(HERE / scenario["mission"], self.root, ignore=shutil.ignore_patterns("__pycache__"))
        self.config = self.root / scenario["config"]
        ini = configparser.ConfigParser()
        ini.read(self.config)
        self.incoming = self.root / ini["mission"]["incoming_dir"]
        self.incoming.mkdir()
        self.database = self.root / DATABASE
        self._shipped = set(self.root.rglob("*")) | {self.database}

    def environment(self) -> dict[str, str]:
        """The variables both controllers are started with; their working directory is ``root``."""
        return {**os.environ, "HOME": str(self.home), "PYTHONDONTWRITEBYTECODE": "1", **self.scenario["env"]}

    def deliver(self, files: dict[str, str]) -> None:
        for name, content in files.items():
            (self.incoming / name).write_text(content)

    def waiting(self) -> list[str]:
        return sorted(path.name for path in self.incoming.iterdir())

    def files(self) -> dict[str, dict[str, Any]]:
        """Every file the database knows, by name."""
        connection = sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)
        try:
            inputs = connection.execute(INPUTS).fetchall()
            codes = connection.execute(CODES).fetchall()
            return {
                row[1]: {
                    "product": row[2],
                    "directory": self._directory(row[1]),
                    "date": row[3],
                    "start": _utc(row[4]),
                    "stop": _utc(row[5]),
                    "version": list(row[6:9]),
                    "keywords": row[9] or "",
                    "inputs": sorted(name for made, name in inputs if made == row[0]),
                    "code": [f"{name} {a}.{b}.{c}" for made, name, a, b, c in codes if made == row[0]],
                    "sha256": self._digest(row[1]),
                }
                for row in connection.execute(FILES)
            }
        finally:
            connection.close()

    def other_files(self) -> dict[str, str]:
        """What codes wrote beside the catalogue, in the directories the scenario names: path and content."""
        return {
            str(path.relative_to(self.root)): path.read_text()
            for tree in self.scenario["extra_trees"]
            for path in sorted((self.root / tree).rglob("*"))
            if path.is_file()
        }

    def _found(self, name: str) -> list[Path]:
        return [path for path in self.root.rglob(name) if path not in self._shipped]

    def _directory(self, name: str) -> str:
        places = sorted(str(path.parent.relative_to(self.root)) for path in self._found(name))
        return " and ".join(places) or "nowhere"

    def _digest(self, name: str) -> str:
        found = self._found(name)
        return hashlib.sha256(found[0].read_bytes()).hexdigest() if found else ""


def write_release(mission: Mission, code: dict[str, Any]) -> None:
    """Give a code a new version in the configuration, as its author would."""
    ini = configparser.ConfigParser(interpolation=None)
    ini.read(mission.config)
    ini[code["section"]]["code_version"] = code["version"]
    ini[code["section"]]["code_filename"] = code["filename"]
    with mission.config.open("w") as stream:
        ini.write(stream)


def _utc(text: str) -> str:
    """A time as a database keeps it, with or without an offset, as UTC without one."""
    time = dt.datetime.fromisoformat(text)
    if time.tzinfo is not None:
        time = time.astimezone(dt.UTC).replace(tzinfo=None)
    return time.isoformat()
