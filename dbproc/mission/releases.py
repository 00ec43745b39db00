"""The codes of a process compared: which continue which, what is released, retired and used again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from dbproc.core.keys import Effect
from dbproc.core.spec import Change, CodeSpec, Kind, ProcessSpec
from dbproc.core.version import Version
from dbproc.mission.keywise import Comparison, differences, differing
from dbproc.mission.problems import Problem


@dataclass(frozen=True, slots=True)
class Codes:
    """The codes of a process: wanted, current and retired."""

    process: ProcessSpec
    current: tuple[CodeSpec, ...]
    retired: tuple[CodeSpec, ...]
    rollback: bool

    def earlier(self, version: Version) -> CodeSpec | None:
        """The latest code with this version."""
        known = [each for each in (*self.retired, *self.current) if each.used == version]
        return max(known, key=lambda each: each.code_id or 0, default=None)

    def versions(self) -> str:
        """Every version so far, in words."""
        return ", ".join(str(version) for version in sorted({each.used for each in (*self.retired, *self.current)}))


def compare_codes(codes: Codes, found: Comparison) -> None:
    process = codes.process
    paired = pairs(codes.current, process.codes)
    for code in rest(codes.current, paired):
        details = ("it is no longer in the mission file; what it made stays",)
        found.changes.append(code_change(Kind.RETIRE, process, code, None, details))
    for position, code in enumerate(process.codes):
        before = paired.get(position)
        answer = _new_code(codes, code) if before is None else _continued(codes, before, code)
        if isinstance(answer, str):
            found.problems.append(Problem(("process", process.name, "code", position, "version"), answer))
        elif answer is not None:
            found.changes.append(answer)


def _continued(codes: Codes, before: CodeSpec, code: CodeSpec) -> Change | str | None:
    """The change for a code that continues another; a text when it is refused, None when nothing changes."""
    if before.version == code.version and code.running in (None, before.running):
        return _same_version(codes.process, before, code)
    if code.used > before.used:
        details = (f"replaces {_code_name(before)}",)
        again = f"code {_code_name(code)} released"
        return code_change(Kind.RELEASE, codes.process, before, code, details, again=again)
    if code.used == before.used:
        text = f"{code.version} is the version that the database raised from {before.version}"
        return f"{text}; {_above(before.used)}"
    if codes.rollback:
        return _rolled_back(codes, before, code)
    text = f"{code.used} is not above {before.used}, which the database runs; {_above(before.used)}"
    return f"{text}, or say that it is a rollback: --rollback" if codes.earlier(code.used) else text


def _rolled_back(codes: Codes, before: CodeSpec | None, code: CodeSpec) -> Change | str:
    """The release of an earlier version."""
    earlier = codes.earlier(code.used)
    if earlier is None:
        return f"{code.used} never was a version of {codes.process.name}; there were: {codes.versions()}"
    changed = "; ".join(differences(code, earlier, Effect.RELEASE, Effect.BYTES))
    if changed:
        return f"that is not what {code.used} was ({changed}); write it as it was, or {_above(codes.versions())}"
    kind = Kind.RELEASE if before else Kind.ADD
    details = (f"rolls back from {_code_name(before)}" if before else f"rolls back, {_dates(code)}",)
    again = f"code {_code_name(code)} rolled back"
    return code_change(kind, codes.process, before, code, details, again=again, is_rollback=True)


def _same_version(process: ProcessSpec, before: CodeSpec, code: CodeSpec) -> Change | str | None:
    changed = list(differences(before, code, Effect.RELEASE))
    if changed:
        return f"{'; '.join(changed)}: that changes what the code makes, so raise its version; {_above(before.used)}"
    details = tuple(differences(before, code))
    if not details:
        return None
    dates = "; ".join(differences(before, code, Effect.LOOK_AGAIN))
    again = f"code {_code_name(code)}: {dates}" if dates and code.active else ""
    return code_change(Kind.CHANGE, process, before, code, details, again=again)


def _new_code(codes: Codes, code: CodeSpec) -> Change | str:
    """A code that replaces none: new, the same as another for other dates, or a retired one that returns."""
    again = f"code {_code_name(code)} added" if code.active else ""
    twin = next((each for each in codes.current if _is_same_code(each, code)), None)
    if twin is not None:
        code = replace(code, running=twin.running, digest=twin.digest, kept=twin.kept)
        same = (_dates(code), f"the same as for {twin.start} to {twin.stop}")
        return code_change(Kind.ADD, codes.process, None, code, same, again=again)
    retired = [each for each in codes.retired if each.file == code.file]
    newest = max(retired, key=lambda each: each.used, default=None)
    if newest is None or code.used > newest.used:
        return code_change(Kind.ADD, codes.process, None, code, (_dates(code),), again=again)
    last = max(retired, key=lambda each: each.code_id or 0)
    if last.version == code.version and not any(differences(last, code, Effect.RELEASE)):
        details = ("it was retired, and is used again",)
        return code_change(Kind.RESTORE, codes.process, last, code, details, again=again)
    if codes.rollback:
        return _rolled_back(codes, None, code)
    text = f"{code.file} was retired at {newest.used}, and {code.used} is not above it; {_above(newest.used)}"
    return f"{text}, or say that it is a rollback: --rollback" if codes.earlier(code.used) else text


def _is_same_code(one: CodeSpec, other: CodeSpec) -> bool:
    """Whether two codes differ only in dates and in keys that may change under one version."""
    if not one.active or one.version != other.version or other.running not in (None, one.running):
        return False
    return not any(differences(one, other, Effect.RELEASE, Effect.BYTES))


def pairs(old: Iterable[CodeSpec], new: Iterable[CodeSpec]) -> dict[int, CodeSpec]:
    """Pair positions in `new` with the codes of `old` that they continue, most similar first."""
    candidates = [
        (likeness, position, number, before)
        for position, code in enumerate(new)
        for number, before in enumerate(old)
        if (likeness := _likeness(before, code)) is not None
    ]
    candidates.sort(key=lambda item: (item[0], -item[1], -item[2]), reverse=True)
    found: dict[int, CodeSpec] = {}
    taken: set[int] = set()
    for _, position, number, before in candidates:
        if position not in found and number not in taken:
            found[position] = before
            taken.add(number)
    return found


def rest(codes: Iterable[CodeSpec], paired: Mapping[int, CodeSpec]) -> tuple[CodeSpec, ...]:
    return tuple(code for code in codes if not any(code is each for each in paired.values()))


def _likeness(old: CodeSpec, new: CodeSpec) -> tuple[bool, ...] | None:
    """The similarity of two codes; None when they share neither the file nor a date."""
    same_file = old.file == new.file
    overlap = max(old.start, new.start) <= min(old.stop, new.stop)
    if not same_file and not overlap:
        return None
    same_call = not any(key.name != "file" for key in differing(old, new, Effect.RELEASE))
    return same_file and overlap, same_file, same_call, old.version == new.version, old.start == new.start


def code_change(
    kind: Kind,
    process: ProcessSpec,
    old: CodeSpec | None,
    new: CodeSpec | None,
    details: tuple[str, ...],
    again: str = "",
    *,
    is_rollback: bool = False,
) -> Change:
    code = new or old
    place = f"code {_code_name(code) if code else ''} of process {process.name}"
    return Change(
        kind=kind,
        place=place,
        name=process.name,
        old=old,
        new=new,
        details=details,
        again=again,
        is_rollback=is_rollback,
    )


def _code_name(code: CodeSpec) -> str:
    return f"{code.file} {code.used}"


def _dates(code: CodeSpec) -> str:
    return f"for {code.start} to {code.stop}" + ("" if code.active else ", not active")


def _above(version: object) -> str:
    return f"give a version above {version}"
