"""One version, one content: compare codes with the bytes that their version had before.

A version that returns with other bytes is refused. A rollback runs the kept copy of its bytes, and so does a code whose
file another version of the same process takes over.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace

from dbproc.core.bundle import Bundle, kept_path
from dbproc.core.spec import Change, CodeSpec, Definition, Holdings, KeyPath, Kind, MissionSpec, ProductSpec
from dbproc.mission import paths
from dbproc.mission.on_disk import place_of
from dbproc.mission.problems import Problem, raise_for
from dbproc.storage import permissions
from dbproc.storage.bundle import keep, read_bundle
from dbproc.storage.digest import algorithm_of


def with_earlier_bytes(changes: Sequence[Change], new: Definition, holdings: Holdings) -> list[Change]:
    """The changes, where codes that cannot run from their own file run from the kept copy.

    Raises
    ------
    DefinitionError
        A version had other bytes before, or no copy of the needed bytes exists.
    """
    problems: list[Problem] = []
    result = []
    for change in changes:
        answer = _settle(change, changes, new.mission, holdings)
        if isinstance(answer, str):
            problems.append(Problem(_place_in(new, change), answer))
        else:
            result.append(answer)
    raise_for(problems, new.source, new.finder)
    return result


def with_bytes(changes: Sequence[Change], holdings: Holdings) -> list[Change]:
    """Copy and sync the files of codes; the changes with the bytes of their codes and inspectors.

    A copy that is never recorded does no harm: it is named by its digest, and any code with these bytes uses it.

    Raises
    ------
    StorageError
        A copy cannot be written.
    UnsettledError
        A file is changing just now.
    """
    new = [change.new for change in changes if isinstance(change.new, MissionSpec)]
    mission = new[0] if new else holdings.definition.mission if holdings.definition else None
    if mission is None:
        return list(changes)
    with permissions.as_given(int(mission.umask, 8), mission.group or None, paths.resolved(mission, "")):
        return [replace(each, bundle=_bundle(each, mission)) if each.has_new_bytes else each for each in changes]


def _bundle(change: Change, mission: MissionSpec) -> Bundle | None:
    if isinstance(change.new, CodeSpec):
        return _keep(change.new, mission)
    if not isinstance(change.new, ProductSpec) or change.new.inspector.is_builtin:
        return None
    file = os.path.join(paths.resolved(mission, mission.inspectors), change.new.inspector.file)
    return read_bundle(file, (), mission.digest)


def _keep(code: CodeSpec, mission: MissionSpec) -> Bundle | None:
    """Keep a copy of a code's files; None when they cannot be read, which an inactive code's may be."""
    path, store = place_of(code, mission), paths.kept_codes(mission)
    if code.kept:
        path = kept_path(store, code.digest, path)
    try:
        bundle = read_bundle(path, code.uses, mission.digest)
    except OSError:
        return None
    keep(path, bundle, store)
    return bundle


def _settle(change: Change, changes: Sequence[Change], mission: MissionSpec, holdings: Holdings) -> Change | str:
    """The change with its bytes; a text when it is refused."""
    code = change.new
    if not isinstance(code, CodeSpec) or code.kept:
        return change
    before = _before(change, code, holdings)
    if before is None or (before.kept and change.kind is Kind.CHANGE):
        return change
    present = _digest_at(place_of(code, mission), before)
    if present == before.digest:
        return change
    if not change.is_rollback and not _is_taken_over(change, code, changes, mission):
        return change if change.kind is Kind.CHANGE or present is None else _other_bytes(before, present)
    path = kept_path(paths.kept_codes(mission), before.digest, place_of(before, mission))
    if _digest_at(path, before) != before.digest:
        return _not_kept(before, path)
    details = (*change.details, "run from the copy that was kept of its bytes, because its file has others")
    return replace(change, new=replace(code, kept=True, digest=before.digest), details=details)


def _before(change: Change, code: CodeSpec, holdings: Holdings) -> CodeSpec | None:
    """The latest code of the same version, with the same file or dates, whose bytes are known."""
    if change.kind in (Kind.RESTORE, Kind.CHANGE):
        return change.old if isinstance(change.old, CodeSpec) and change.old.digest else None
    process = holdings.definition.processes.get(change.name) if holdings.definition else None
    same = [
        each
        for each in (*(process.codes if process else ()), *holdings.retired.get(change.name, ()))
        if each.used == code.used
        and each.digest
        and (each.file == code.file or max(each.start, code.start) <= min(each.stop, code.stop))
    ]
    return max(same, key=lambda each: each.code_id or 0, default=None)


def _is_taken_over(change: Change, code: CodeSpec, changes: Iterable[Change], mission: MissionSpec) -> bool:
    """Whether another version of the process takes over the file of this one."""
    others = (each for each in changes if each is not change and each.name == change.name and not each.is_rollback)
    return any(
        isinstance(other.new, CodeSpec)
        and other.kind in (Kind.ADD, Kind.RELEASE)
        and other.new.used != code.used
        and place_of(other.new, mission) == place_of(code, mission)
        for other in others
    )


def _digest_at(path: str, code: CodeSpec) -> str | None:
    """The digest of `path` and what `code` uses, in the code's own algorithm; None when not readable."""
    try:
        return read_bundle(path, code.uses, algorithm_of(code.digest)).digest
    except OSError:
        return None


def _place_in(new: Definition, change: Change) -> KeyPath:
    """The place of the code of a change in the mission file."""
    path = ("process", change.name, "code")
    process = new.processes.get(change.name)
    position = process.codes.index(change.new) if process and change.new in process.codes else None
    return path if position is None else (*path, position, "version")


def _other_bytes(before: CodeSpec, present: str) -> str:
    when = f" since {before.released:%Y-%m-%d %H:%M}Z" if before.released else ""
    return (
        f"version {before.used} is there already{when} with other bytes: {before.digest}, and the file now has "
        f"{present}; give another version, or put the file of {before.used} back"
    )


def _not_kept(before: CodeSpec, path: str) -> str:
    return (
        f"the bytes of {before.used}, {before.digest}, are neither in its file nor in the copy that was kept of it, "
        f"{path}; put its file back, or give a higher version"
    )
