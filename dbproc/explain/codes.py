"""The versions of codes, and their kept bytes."""

from __future__ import annotations

import datetime as dt
import difflib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from dbproc.changes.edits import find_edits
from dbproc.core.answers import extended
from dbproc.core.bundle import Part, kept_path
from dbproc.core.errors import NotFoundError
from dbproc.core.likeness import no_such
from dbproc.core.model import InputsBy, Mission
from dbproc.core.spec import file_named
from dbproc.core.version import Version
from dbproc.database import codes
from dbproc.database.codes import CodeVersion, EventRow
from dbproc.database.definition.load import load_definition, load_mission
from dbproc.database.store import Store
from dbproc.storage.bundle import read_bundle
from dbproc.storage.digest import algorithm_of
from dbproc.system.package import code_path


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeFacts:
    """A version of a code."""

    process: str  #: the name of its process
    file: str  #: its file, as the mission file names it
    version: Version  #: its version
    declared: str  #: the version as the mission file has it; edits under it raise the revision above it
    first: dt.date  #: the first date of data that it is for
    last: dt.date  #: the last date of data that it is for
    active: bool  #: whether it is in use
    digest: str | None  #: of its bytes, with the name of the algorithm in front
    inputs_by: InputsBy  #: how it is given its inputs
    files: int  #: how many files it has made
    released: dt.datetime | None  #: since when it is known
    runs: str  #: what is executed


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeShown(CodeFacts):
    """A version of a code in detail."""

    events: tuple[EventRow, ...]  #: what happened to it, in its order
    parts: tuple[Part, ...]  #: its files
    file_shown: str  #: the one whose text follows
    text: str  #: its text


@dataclass(frozen=True, slots=True)
class Text:
    """The bytes of one version of a code: label, directory and files."""

    label: str
    home: str
    parts: tuple[Part, ...]

    def read(self, path: str) -> bytes:
        """The bytes of one file."""
        return Path(self.home, path).read_bytes()


@dataclass(frozen=True, slots=True)
class Comparison:
    """The differences of two versions of a code: added and removed files, and changed lines."""

    old: str  #: the one version
    new: str  #: the other version
    added: tuple[str, ...]  #: files that the other one has besides
    removed: tuple[str, ...]  #: files that it lacks
    lines: tuple[str, ...]  #: how their lines differ, as a unified diff


def list_codes(store: Store, process: str | None = None) -> list[CodeFacts]:
    """List every version of every code, or of one process.

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


def show_code(store: Store, process: str, version: Version | None = None, part: str | None = None) -> CodeShown:
    """One version of a code, by default the active one: facts, events, files, and the text of `part`.

    Raises
    ------
    NotFoundError
        There is no such process, version or file; or the bytes are no longer kept.
    """
    with store.begin() as connection:
        mission = load_mission(connection)
        row = _row(_of_process(codes.versions(connection), process), version)
        events = codes.events_of(connection, row.code_id)
        text = _kept(row, mission, codes.parts_of(connection, row.code_id))
    name = part or os.path.basename(row.path)
    known = [each.path for each in text.parts]
    if name not in known:
        raise NotFoundError(f"{text.label} has no file {name}; there are: {', '.join(known)}")
    content = text.read(name).decode(errors="replace")
    facts = _facts(row, mission)
    return extended(CodeShown, facts, events=tuple(events), parts=text.parts, file_shown=name, text=content)


def compare_codes(store: Store, process: str, old: Version | None = None, new: Version | None = None) -> Comparison:
    """Compare two versions of a code.

    `new` defaults to the active one, `old` to the one before it. Without either, the active one is compared with its
    own file if that was edited since.

    Raises
    ------
    NotFoundError
        There is no such process or version, none before, or the bytes are no longer kept.
    """
    with store.begin() as connection:
        mission = load_mission(connection)
        definition = load_definition(connection)
        rows = _of_process(codes.versions(connection), process)
        row = _row(rows, new)
        edited = next((e for e in find_edits(definition)[0] if e.code.code_id == row.code_id), None)
        recorded = _kept(row, mission, codes.parts_of(connection, row.code_id))
        if edited is not None and old is None and new is None:
            label = f"{edited.code.path} as it is now"
            return _compared(recorded, Text(label, os.path.dirname(edited.code.path), edited.bundle.parts))
        before = _row(rows, old) if old is not None else _before(rows, row, codes.events_of(connection, row.code_id))
        earlier = _kept(before, mission, codes.parts_of(connection, before.code_id))
    return _compared(earlier, recorded)


def _of_process(rows: Sequence[CodeVersion], process: str) -> list[CodeVersion]:
    found = [row for row in rows if row.process == process]
    if not found:
        raise NotFoundError(no_such("process with a code", process, {row.process for row in rows}))
    return found


def _row(rows: Sequence[CodeVersion], version: Version | None) -> CodeVersion:
    """The latest row of a version; by default the active row, or the latest of all."""
    same = [row for row in rows if (row.is_active if version is None else row.version == version)]
    if not same and version is not None:
        known = ", ".join(map(str, sorted({row.version for row in rows})))
        raise NotFoundError(f"{rows[0].process} has no version {version}; there are: {known}")
    return max(same or rows, key=lambda each: each.code_id)


def _before(rows: Sequence[CodeVersion], row: CodeVersion, events: Sequence[EventRow]) -> CodeVersion:
    """The version that a code replaced, or else the one recorded before it."""
    replaced = {event.old_code for event in events}
    earlier = [each for each in rows if each.code_id < row.code_id]
    found = [each for each in earlier if each.code_id in replaced] or earlier
    if not found:
        raise NotFoundError(f"{row.version} is the only version of {row.process}: nothing to compare it with")
    return found[-1]


def _kept(row: CodeVersion, mission: Mission, parts: Sequence[Part]) -> Text:
    """The bytes of a code: the kept copy, or its file if that still has them."""
    label = f"{row.process} {row.version} ({row.digest})"
    place = _place(row, mission)
    for path in (kept_path(mission.kept_codes, row.digest or "", place), place):
        if row.digest and _digest_at(path, row) == row.digest:
            return Text(label, os.path.dirname(path), tuple(parts))
    raise NotFoundError(f"the bytes of {label} are no longer in {mission.kept_codes} or in {place}")


def _digest_at(path: str, row: CodeVersion) -> str | None:
    try:
        return read_bundle(path, row.uses, algorithm_of(row.digest or "")).digest
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
    """The code's own (first) file, if it has another name."""
    first, second = (text.parts[0].path if len(text.parts) == 1 else "" for text in (old, new))
    return [(first, second)] if first and second and first != second else []


def _differing(old: Text, name: str, new: Text, new_name: str) -> Iterator[str]:
    """The lines that differ in a file."""
    before, after = old.read(name), new.read(new_name)
    try:
        texts = before.decode().splitlines(), after.decode().splitlines()
    except UnicodeDecodeError:
        yield f"{name}: {len(before)} bytes, and {len(after)} bytes in {new_name}, differ; they are not text"
        return
    yield from difflib.unified_diff(*texts, f"{name} {old.label}", f"{new_name} {new.label}", lineterm="")


def _facts(row: CodeVersion, mission: Mission) -> CodeFacts:
    place = _place(row, mission)
    return CodeFacts(
        process=row.process,
        file=row.path,
        version=row.version,
        declared=row.declared,
        first=row.first,
        last=row.last,
        active=row.is_active,
        digest=row.digest,
        inputs_by=row.inputs_by,
        files=row.files,
        released=row.released,
        runs=kept_path(mission.kept_codes, row.digest or "", place) if row.is_kept else place,
    )


def _place(row: CodeVersion, mission: Mission) -> str:
    return code_path(mission.code_directory, file_named(row.directory, row.filename), row.declared)
