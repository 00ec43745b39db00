"""Check that a job's inputs have their recorded bytes, so that digests in its lineage are true."""

from __future__ import annotations

import os
import shlex
import stat
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from dbproc.core.model import KnownFile, Mission, Task
from dbproc.core.reasons import some_names
from dbproc.database import files, lineage
from dbproc.database.files import Part
from dbproc.database.store import Store
from dbproc.storage.digest import algorithm_of, digest_file, state_of


@dataclass(frozen=True, slots=True)
class Sight:
    """A file or member before a job: its place and its state on disk."""

    part: Part
    path: str
    place: str  #: its directory without links on the way
    identity: str  #: what stays the same as long as it is the same file with the same bytes; nothing: it is not there
    state: str  #: what changes, too, when it gets another name or other rights


@dataclass(frozen=True, slots=True)
class Inputs:
    """The inputs of a task before its start, members included; `fault` says what is wrong with one of them."""

    fault: str | None
    sights: tuple[Sight, ...]


def look(store: Store, mission: Mission, tasks: Sequence[Task]) -> list[Inputs]:
    """Check, task by task, that inputs have their recorded bytes.

    A file is digested again only when its state on disk differs from that at its last digest.
    """
    ids = sorted({file.file_id for task in tasks for file in task.inputs})
    parts = _parts(store, ids)
    told = _told(store, _troubles(store, mission, ids, parts))
    place_of: Callable[[str], str] = lru_cache(maxsize=None)(os.path.realpath)
    return [_inputs(mission, task, parts, told, place_of) for task in tasks]


def faults_of(store: Store, mission: Mission, file_ids: Sequence[int]) -> list[str]:
    """What is wrong with each of some files that does not have its recorded bytes; they are looked at as inputs are."""
    troubles = _troubles(store, mission, file_ids, _parts(store, file_ids))
    return [trouble.in_short for trouble in troubles.values()]


def spoilt(store: Store, mission: Mission, file_ids: Sequence[int]) -> list[int]:
    """Those of some files that are gone from their places, or have other bytes there."""
    troubles = _troubles(store, mission, file_ids, _parts(store, file_ids))
    return [number for number, trouble in troubles.items() if trouble.unreadable is None]


def _parts(store: Store, file_ids: Sequence[int]) -> dict[int, list[Part]]:
    """By file: it, and its members."""
    parts: dict[int, list[Part]] = defaultdict(list)
    if file_ids:
        with store.begin() as connection:
            for part in files.parts_of(connection, file_ids):
                parts[part.file_id].append(part)
    return parts


def _troubles(
    store: Store, mission: Mission, file_ids: Sequence[int], parts: Mapping[int, Sequence[Part]]
) -> dict[int, Trouble]:
    """By file: what is wrong with it; what was digested again is recorded to be as it is."""
    faults: dict[int, Trouble] = {}
    states: list[tuple[Part, str]] = []
    for part in (part for file_id in file_ids for part in parts[file_id]):
        fault, state = _looked_at(mission, part)
        if fault is not None:
            faults.setdefault(part.file_id, fault)
        if state is not None:
            states.append((part, state))
    if states and not store.read_only:
        with store.begin() as connection:
            files.record_states(connection, states)
    return faults


def changed_since(inputs: Inputs) -> str | None:
    """A sentence on the first input that changed since the task's start."""
    for sight in inputs.sights:
        if is_as_before(sight):
            continue
        if not os.path.lexists(sight.path):
            return f"it moved its input {sight.path} away or removed it, which no code may do"
        return f"it changed its input {sight.path}, which no code may do; to see what is damaged: dbproc check --deep"
    return None


def is_as_before(sight: Sight) -> bool:
    """Whether a file is still the same one, with the same bytes."""
    now = _sight(sight.part, sight.path, os.path.realpath)
    if now == sight:
        return True
    if not now.identity or (now.place, now.identity) != (sight.place, sight.identity):
        return False
    try:  # it has another name more, or other rights; or its bytes are others, and the former time was given back
        return digest_file(sight.path, algorithm_of(sight.part.digest)) == sight.part.digest
    except OSError:
        return False


def _inputs(
    mission: Mission,
    task: Task,
    parts: dict[int, list[Part]],
    faults: dict[int, str],
    place_of: Callable[[str], str],
) -> Inputs:
    fault = next((faults[file.file_id] for file in task.inputs if file.file_id in faults), None)
    wanted = [part for file in task.inputs for part in parts[file.file_id]]
    return Inputs(fault, tuple(_sight(part, os.path.join(mission.root, part.path), place_of) for part in wanted))


def _sight(part: Part, path: str, place_of: Callable[[str], str]) -> Sight:
    place = place_of(os.path.dirname(path))
    try:
        status = os.lstat(path)
    except OSError:
        return Sight(part, path, place, "", "")
    kind = stat.S_IFMT(status.st_mode)
    identity = f"{kind}:{status.st_dev}:{status.st_ino}:{status.st_size}:{status.st_mtime_ns}"
    return Sight(part, path, place, identity, state_of(status))


def _looked_at(mission: Mission, part: Part) -> tuple[Trouble | None, str | None]:
    """The fault of a file or member; or its state on disk when it was digested again."""
    path = os.path.join(mission.root, part.path)
    try:
        state = state_of(os.stat(path))
        if state == part.state:
            return None, None
        if digest_file(path, algorithm_of(part.digest)) == part.digest:
            return None, state
    except FileNotFoundError:
        return Trouble(path, part.member, is_gone=True, is_offloaded=part.is_offloaded), None
    except OSError as error:
        return Trouble(path, part.member, unreadable=error.strerror), None
    return Trouble(path, part.member), None


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong with an input or a member of one: it is gone or offloaded, cannot be read, or has other bytes."""

    path: str
    member: str | None
    is_gone: bool = False
    unreadable: str | None = None
    is_offloaded: bool = False

    @property
    def in_short(self) -> str:
        """What is wrong, without the ways out."""
        if self.unreadable is not None:
            return f"{self.path} cannot be read: {self.unreadable}"
        if self.is_offloaded:
            return f"{self.path} {OFFLOADED}"
        return f"{self.path} {'is missing from disk' if self.is_gone else _EDITED}"

    def words(self, file: KnownFile, made_from_it: Sequence[str]) -> str:
        """A sentence, with the ways out and what depends on the file."""
        ends = f"; made from it: {some_names(made_from_it)}" if made_from_it else ""
        if self.unreadable is not None:
            return f"the input {self.path} cannot be read: {self.unreadable}; give dbproc's user the right{ends}"
        if self.is_offloaded:
            return f"the input {self.path} {OFFLOADED}; {recalling(file.filename)}{ends}"
        if self.member is not None:
            return f"{self._member_words()}; {_way_of_member(file)}{ends}"
        if self.is_gone:
            back = _MADE_AGAIN if file.is_made else "put it back, or deliver it again, or dbproc check --repair"
            return f"the input {self.path} is missing from disk; {back}{ends}"
        return f"the input {self.path} {_EDITED}; {ways_of_edited(file.filename, is_made=file.is_made)}{ends}"

    def _member_words(self) -> str:
        return f"{self.path}, a member of an input, {'is missing from disk' if self.is_gone else _EDITED}"


_MADE_AGAIN = (
    "put it back, or the next run makes it again; where all of its directory is gone, once dbproc check --repair has "
    "recorded that"
)
OFFLOADED = "is offloaded: its bytes are in stores alone"
"""Of a file."""

_EDITED = "does not have the bytes that were recorded: somebody changed it on disk"


def ways_of_edited(filename: str, *, is_made: bool) -> str:
    """What to do about a file that was edited on disk: one that was made is made again, another one is replaced."""
    way = "move it away, and the next run makes it again" if is_made else _replacing(filename)
    accept = f"to accept these: dbproc check --accept {shlex.quote(filename)} --reason TEXT"
    return f"put the former bytes back, or {way}; {accept}"


def recalling(filename: str) -> str:
    """What to do about a file that is offloaded where its bytes are needed."""
    return f"to have it back: dbproc recall {shlex.quote(filename)}"


def _replacing(filename: str) -> str:
    return f"to use others: dbproc replace {shlex.quote(filename)} with PATH --reason TEXT"


def _way_of_member(file: KnownFile) -> str:
    if file.is_made:
        return f"put it back, or move {file.filename} and its directory away, and the next run makes both again"
    return f"put it back, or, {_replacing(file.filename)}"


def _told(store: Store, faults: Mapping[int, Trouble]) -> dict[int, str]:
    """What is wrong with inputs, in sentences."""
    if not faults:
        return {}
    with store.begin() as connection:
        known = {file.file_id: file for file in files.known_by_number(connection, list(faults))}
        made = {number: lineage.newest_made_from(connection, [number]) for number in faults}
    return {
        number: trouble.words(known[number], [row.filename for row in made[number]])
        for number, trouble in faults.items()
    }
