"""The versions that there were of codes, and what was kept of their bytes."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dbproc.changes.edits import find_edits
from dbproc.core.bundle import Part, kept_path
from dbproc.core.errors import NotFoundError
from dbproc.core.model import Mission
from dbproc.core.spec import file_named, with_code_version
from dbproc.core.text_lists import patterns_of
from dbproc.core.version import Version
from dbproc.database import codes
from dbproc.database.definition.load import load_definition, load_mission
from dbproc.database.store import Store
from dbproc.storage.bundle import read_bundle
from dbproc.storage.digest import algorithm_of
from dbproc.system.package import code_path

Facts = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Text:
    """The bytes of one version of a code: what they are called, the directory that they are in, and its files."""

    label: str
    home: str
    parts: tuple[Part, ...]

    def read(self, path: str) -> bytes:
        """The bytes of one file."""
        return Path(self.home, path).read_bytes()


@dataclass(frozen=True, slots=True)
class Comparison:
    """How one version of a code differs from another: files that came and went, and the lines of the others."""

    old: str
    new: str
    added: tuple[str, ...]
    removed: tuple[str, ...]
    lines: tuple[str, ...]


def list_codes(store: Store, process: str | None = None) -> list[Facts]:
    """Every version of every code, or of those of one process.

    Raises
    ------
    NotFoundError
        There is no such process.
    """
    with store.begin() as connection:
        mission = load_mission(connection)
        rows = codes.versions(connection)
    if process is not None:
        rows = _of_process(rows, process)
    return [_facts(row, mission) for row in rows]


def show_code(store: Store, process: str, version: Version | None = None, part: str | None = None) -> Facts:
    """One version of a code, the active one unless it is named: facts, events, files, and the text of `part`.

    Raises
    ------
    NotFoundError
        There is no such process, version or file; or the bytes are kept no more.
    """
    with store.begin() as connection:
        mission = load_mission(connection)
        row = _row(_of_process(codes.versions(connection), process), version)
        events = codes.events_of(connection, row["code_id"])
        text = _kept(row, mission, codes.parts_of(connection, row["code_id"]))
    name = part or os.path.basename(_name(row))
    known = [each.path for each in text.parts]
    if name not in known:
        raise NotFoundError(f"{text.label} has no file {name}; there are: {', '.join(known)}")
    parts = [{"path": each.path, "size": each.size, "digest": each.digest} for each in text.parts]
    content = text.read(name).decode(errors="replace")
    return {**_facts(row, mission), "events": events, "parts": parts, "file_shown": name, "text": content}


def compare_codes(store: Store, process: str, old: Version | None = None, new: Version | None = None) -> Comparison:
    """Hold two versions of a code against each other.

    `new` is the active one unless it is named; `old` the one before it. Without either, the active one is held against
    its own file when that was edited since.

    Raises
    ------
    NotFoundError
        There is no such process or version, none before, or the bytes are kept no more.
    """
    with store.begin() as connection:
        mission = load_mission(connection)
        definition = load_definition(connection)
        rows = _of_process(codes.versions(connection), process)
        row = _row(rows, new)
        edited = next((e for e in find_edits(definition)[0] if e.code.code_id == row["code_id"]), None)
        recorded = _kept(row, mission, codes.parts_of(connection, row["code_id"]))
        if edited is not None and old is None and new is None:
            label = f"{edited.code.path} as it is now"
            return _compared(recorded, Text(label, os.path.dirname(edited.code.path), edited.bundle.parts))
        before = _row(rows, old) if old is not None else _before(rows, row, codes.events_of(connection, row["code_id"]))
        earlier = _kept(before, mission, codes.parts_of(connection, before["code_id"]))
    return _compared(earlier, recorded)


def _of_process(rows: Sequence[Facts], process: str) -> list[Facts]:
    found = [row for row in rows if row["process"] == process]
    if not found:
        names = ", ".join(sorted({row["process"] for row in rows})) or "none"
        raise NotFoundError(f"no process {process} with a code; there are: {names}")
    return found


def _row(rows: Sequence[Facts], version: Version | None) -> Facts:
    """The latest row of a version; without one the active row, or the latest of all."""
    same = [row for row in rows if (row["active_code"] if version is None else _version(row) == version)]
    if not same and version is not None:
        known = ", ".join(map(str, sorted({_version(row) for row in rows})))
        raise NotFoundError(f"{rows[0]['process']} has no version {version}; there are: {known}")
    return max(same or rows, key=lambda each: int(each["code_id"]))


def _before(rows: Sequence[Facts], row: Facts, events: Sequence[Facts]) -> Facts:
    """The version that a code replaced, or else the one that was entered before it."""
    replaced = {event["old_code"] for event in events}
    earlier = [each for each in rows if each["code_id"] < row["code_id"]]
    found = [each for each in earlier if each["code_id"] in replaced] or earlier
    if not found:
        raise NotFoundError(f"{_version(row)} is the only version of {row['process']}: nothing to compare it with")
    return found[-1]


def _kept(row: Facts, mission: Mission, parts: Sequence[Part]) -> Text:
    """The bytes of a code: the copy that was kept, or its file where that still has them."""
    label = f"{row['process']} {_version(row)} ({row['shasum']})"
    place = _place(row, mission)
    for path in (kept_path(mission.kept_codes, row["shasum"] or "", place), place):
        if row["shasum"] and _digest_at(path, row) == row["shasum"]:
            return Text(label, os.path.dirname(path), tuple(parts))
    raise NotFoundError(f"the bytes of {label} are neither in {mission.kept_codes} nor in {place} any more")


def _digest_at(path: str, row: Facts) -> str | None:
    try:
        return read_bundle(path, patterns_of(row["uses"]), algorithm_of(row["shasum"])).digest
    except OSError:
        return None


def _compared(old: Text, new: Text) -> Comparison:
    before, after = {part.path: part.digest for part in old.parts}, {part.path: part.digest for part in new.parts}
    common = [path for path in after if path in before and before[path] != after[path]]
    renamed = _renamed(old, new)
    lines = [line for a, b in [*renamed, *((path, path) for path in common)] for line in _differing(old, a, new, b)]
    moved = {name for pair in renamed for name in pair}
    return Comparison(
        old.label,
        new.label,
        tuple(path for path in after if path not in before and path not in moved),
        tuple(path for path in before if path not in after and path not in moved),
        tuple(lines),
    )


def _renamed(old: Text, new: Text) -> list[tuple[str, str]]:
    """The code's own file, the first, when it has another name."""
    first, second = (text.parts[0].path if len(text.parts) == 1 else "" for text in (old, new))
    return [(first, second)] if first and second and first != second else []


def _differing(old: Text, name: str, new: Text, new_name: str) -> Iterator[str]:
    """The lines in which a file differs."""
    before, after = old.read(name), new.read(new_name)
    try:
        texts = before.decode().splitlines(), after.decode().splitlines()
    except UnicodeDecodeError:
        yield f"{name}: {len(before)} bytes, and {len(after)} bytes in {new_name}, differ; they are no text"
        return
    yield from difflib.unified_diff(*texts, f"{name} {old.label}", f"{new_name} {new.label}", lineterm="")


def _facts(row: Facts, mission: Mission) -> Facts:
    place = _place(row, mission)
    return {
        "process": row["process"],
        "file": _name(row),
        "version": str(_version(row)),
        "declared": row["declared_version"],
        "first": row["code_start_date"],
        "last": row["code_stop_date"],
        "active": bool(row["active_code"]),
        "digest": row["shasum"],
        "inputs_by": row["inputs_by"],
        "files": row["files"],
        "released": row["release_time"],
        "runs": kept_path(mission.kept_codes, row["shasum"], place) if row["kept"] else place,
    }


def _version(row: Facts) -> Version:
    return Version(row["interface_version"], row["quality_version"], row["revision_version"])


def _name(row: Facts) -> str:
    return with_code_version(file_named(row["relative_path"], row["filename"]), row["declared_version"])


def _place(row: Facts, mission: Mission) -> str:
    """Where the file of a code is by its definition."""
    file = file_named(row["relative_path"], row["filename"])
    return code_path(mission.code_directory, file, row["declared_version"])
