"""What a mission is: its tree and its rows, without what may differ between two ways to the same state."""

from __future__ import annotations

import datetime as dt
import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Table

from dbproc.database import schema
from dbproc.database.store import Store
from tests.kit.mission import Mission

NATURAL = {
    "mission": ("mission_name",),
    "satellite": ("satellite_name",),
    "instrument": ("instrument_name",),
    "product": ("product_name",),
    "process": ("process_name",),
    "code": ("process_id", "filename", "interface_version", "quality_version", "revision_version"),
    "file": ("filename",),
    "campaign": ("campaign_name",),
    "attempt": ("process_id", "utc_file_date", "process_keywords", "code_id", "status"),
    "correction": ("kind", "reason"),
    "transfer": ("target_place", "target_path"),
    "stage": ("area", "owner", "directory", "link"),
}
"""What names a row in place of its number."""
IGNORED = {
    "mission": {"identity"},
    "file": {"stat", "arrived_time", "logging_id"},
    "correction": {"correction_time", "logging_id"},
    "correctionfile": {"undone_time"},
    "filemember": {"stat"},
    "code": {"stat", "release_time"},
    "inspector": {"stat"},
    "codeevent": {"event_time"},
    "confirmation": {"confirmed_time", "logging_id"},
    "campaign": {"created_time"},
    "campaignitem": {"logging_id"},
    "attempt": {"logging_id", "created_time", "start_time", "end_time", "cpu_seconds", "memory_bytes", "log_path"},
    "processqueue": {"queued_time"},
    "placement": {"announced_time"},
    "quarantine": {"quarantine_time", "logging_id"},
    "datarelease": {"release_time", "shasum"},
    "transfer": {
        *("rule", "asked_time", "state_time", "started_time", "ended_time", "logging_id", "origin_facts", "placed"),
        *("tries", "moved_bytes", "bytes_per_second", "token"),
    },
    "replica": {"found_time", "verified_time", "transfer_id"},
    "stage": {"asked_time", "expires_time", "removed_time"},
    "stagefile": {"placed"},
    "remotelook": {"look_time", "next_time"},
    "remotefile": {"modified_time"},
}
_MEMORY = ("logging", "directory")
"""Tables of when something was done or seen."""
_JOB = re.compile(r"\b\d+-\d+(?=/|\.log\b)")
_STAGE = re.compile(r"\bstage(?:%20| )\d+")
_STAMP = re.compile(r"\.[0-9a-f]{13,17}(?=[./\s]|$)")


@dataclass(frozen=True)
class Picture:
    """The lines that describe a mission."""

    lines: tuple[str, ...]

    def difference(self, other: Picture) -> list[str]:
        """Lines of this picture alone with +, of the other one alone with -."""
        mine, theirs = list(self.lines), list(other.lines)
        for line in self.lines:
            if line in theirs:
                theirs.remove(line)
                mine.remove(line)
        return [f"- {line}" for line in theirs] + [f"+ {line}" for line in mine]


def picture(mission: Mission) -> Picture:
    """The picture of a mission of which no run is live."""
    with Store(mission.database, read_only=True) as store, store.begin() as connection:
        rows = list(_rows(connection))
    places = [mission.root] if mission.root in mission.incoming.parents else [mission.root, mission.incoming]
    places += [outside] if (outside := getattr(mission, "outside", None)) else []
    return Picture(tuple(sorted([*rows, *(line for place in places for line in _tree(place))])))


def _rows(connection: Connection) -> Iterator[str]:
    content = {table.name: _content(connection, table) for table in schema.METADATA.sorted_tables}
    for row in content["transfer"].values():
        if row["task"] == "fetch" and row["file_id"] is not None:
            content["file"][row["file_id"]]["file_create_date"] = "when it was fetched"
    attempts = {key for key, row in content["attempt"].items() if row["status"] != "interrupted"}
    names: dict[str, dict[int, str]] = {}
    for table in schema.METADATA.sorted_tables:
        if table.name in NATURAL:
            columns = [table.c[name] for name in NATURAL[table.name]]
            names[table.name] = {
                key: "/".join(_shown(column, row[column.name], names) for column in columns)
                for key, row in content[table.name].items()
            }
    for table in schema.METADATA.sorted_tables:
        for row in content[table.name].values():
            attempt_id = row.get("attempt_id")
            if table.name not in _MEMORY and (attempt_id is None or attempt_id in attempts):
                yield f"{table.name}: {_line(table, row, names)}"


def _content(connection: Connection, table: Table) -> dict[Any, dict[str, Any]]:
    keys = [column.name for column in table.primary_key]
    rows = [dict(row) for row in connection.exec_driver_sql(f"SELECT * FROM {table.name}").mappings()]
    return {row[keys[0]] if len(keys) == 1 else tuple(row[key] for key in keys): row for row in rows}


def _line(table: Table, row: Mapping[str, Any], names: Mapping[str, Mapping[int, str]]) -> str:
    parts = []
    for column in table.columns:
        is_number = column.primary_key and not column.foreign_keys and column.type.python_type is int
        if is_number or column.name in IGNORED.get(table.name, ()):
            continue
        value = row[column.name]
        if column.name in ("next_try_time", "released_time", "offloaded_time"):
            value = value is not None
        if column.name == "same_as" and value is not None:
            value = names[table.name][value]
        if column.name == "file_create_date" and row["verbose_provenance"]:
            continue  # when the job ended
        parts.append(f"{column.name}={_shown(column, value, names)}")
    return " ".join(parts)


def _shown(column: Any, value: Any, names: Mapping[str, Mapping[int, str]]) -> str:
    for key in column.foreign_keys:
        table = key.column.table.name
        if table in names and value is not None:
            return names[table][value]
    if isinstance(value, str):
        return repr(_plain(value))
    return value.isoformat() if isinstance(value, dt.date) else repr(value)


def _plain(text: str) -> str:
    return _STAMP.sub(".STAMP", _JOB.sub("JOB", _STAGE.sub("stage", text)))


def _tree(root: Path) -> Iterator[str]:
    for place, directories, names in os.walk(root):
        directories[:] = [name for name in directories if not _is_private(root, os.path.join(place, name))]
        for name in (*directories, *names):
            path = Path(place, name)
            if str(path) in _private(root):
                continue
            yield f"{_plain(str(path.relative_to(root.parent)))} {_fact(path)}"


def _is_private(root: Path, path: str) -> bool:
    """Whether a directory is for logs, or for the jobs of ``run-process``, which names what a killed one left."""
    return path in _private(root) or "/.dbproc-" in path


def _private(root: Path) -> tuple[str, ...]:
    """Of logs, of the mark of the file that is locked, and of that of the root no two are alike."""
    return tuple(str(root / ".dbproc" / name) for name in ("logs", "jobs", "lock", "owner.json"))


def _fact(path: Path) -> str:
    status = path.lstat()
    mode = oct(status.st_mode)
    if stat.S_ISLNK(status.st_mode):
        return f"{mode} -> {os.readlink(path)}"
    if not stat.S_ISREG(status.st_mode):
        return mode
    content = path.read_bytes()
    if path.match(".dbproc/releases/*"):  # the first line says when the release was made
        content = content.partition(b"\n")[2]
    return f"{mode} {content!r}"
