"""Release a code: a new version, or an earlier one, replaces those valid for the same dates.

The effect is that of :mod:`dbproc.mission.apply` with a mission file that says the same.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace

from dbproc.core.errors import NO_MISSION, NotFoundError, UserError
from dbproc.core.likeness import no_such
from dbproc.core.spec import Change, CodeSpec, Definition, Holdings, ProcessSpec
from dbproc.core.version import Version
from dbproc.database import lock
from dbproc.database.definition.specs import load_holdings
from dbproc.database.store import Store
from dbproc.mission import paths
from dbproc.mission.apply import make_changes, needed_changes
from dbproc.mission.export import export_codes
from dbproc.mission.on_disk import code_problems
from dbproc.mission.problems import raise_for

_DAY = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A requested release. None keeps the present value; both dates are included."""

    process: str
    version: Version
    file: str | None = None
    first: dt.date | None = None
    last: dt.date | None = None
    output_interface: int | None = None
    is_rollback: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Released:
    """The changes made, or that would be, and the tables of codes that the mission file needs from now on."""

    changes: tuple[Change, ...]
    tables: str


def release(store: Store, request: Request, *, dry_run: bool = False) -> Released:
    """Release a version of a code, in one transaction, while no run is live.

    Raises
    ------
    UserError
        It cannot be released; the message says what is possible. Nothing was changed.
    BusyError, LockError
        A run is live, or its host cannot be judged.
    """
    if dry_run:
        return _release(store, request, dry_run=True)
    with lock.holding(store, "code release"):
        return _release(store, request, dry_run=False)


def _release(store: Store, request: Request, *, dry_run: bool) -> Released:
    with store.begin() as connection:
        holdings = load_holdings(connection)
    proposed = propose(holdings, request)
    if not dry_run:
        make_changes(store, proposed.changes, holdings, request.reason)
    return proposed


def propose(holdings: Holdings, request: Request) -> Released:
    """Determine the changes of a release.

    Raises
    ------
    UserError
        It cannot be released; the message says what is possible.
    """
    definition = holdings.definition
    if definition is None:
        raise NotFoundError(NO_MISSION)
    process = process_named(definition, request.process)
    retired = holdings.retired.get(process.name, ())
    code = _new_code(process, retired, request)
    released = replace(process, codes=with_code(process.codes, code))
    wanted = with_process(definition, released, source=f"the release of {request.version}")
    changes = code_changes(holdings, wanted, process.name, rollback=request.is_rollback)
    _check_files(changes, wanted)
    return Released(tuple(changes), export_codes(released))


def code_changes(holdings: Holdings, wanted: Definition, process: str, *, rollback: bool = False) -> list[Change]:
    """The changes that give one process the codes of `wanted`.

    Raises
    ------
    DefinitionError
        A code cannot replace the one before.
    """
    return [
        change
        for change in needed_changes(holdings, wanted, rollback=rollback)
        if change.name == process and isinstance(change.new or change.old, CodeSpec)
    ]


def with_process(definition: Definition, process: ProcessSpec, source: str) -> Definition:
    """The definition in use with one process replaced; `source` says by what."""
    products = {name: product for name, product in definition.products.items() if product.active}
    processes = {name: each for name, each in definition.processes.items() if each.codes}
    return replace(definition, products=products, processes={**processes, process.name: process}, source=source)


def unreleased(code: CodeSpec) -> CodeSpec:
    """A code as in a mission file, without its database fields."""
    return replace(code, running=code.version, code_id=None, digest="", kept=False, released=None)


def process_named(definition: Definition, name: str) -> ProcessSpec:
    """The process of this name.

    Raises
    ------
    NotFoundError
        There is none; the message names what may be meant.
    """
    if name not in definition.processes:
        raise NotFoundError(no_such("process", name, definition.processes))
    return definition.processes[name]


def _new_code(process: ProcessSpec, retired: Sequence[CodeSpec], request: Request) -> CodeSpec:
    """The released code: the one it replaces with the requested changes; an earlier one as it was."""
    active = [code for code in process.codes if code.active]
    if not active:
        raise UserError(
            f"process {process.name} has no active code to be replaced; add one to the mission file, and apply it"
        )
    file = paths.program(request.file) if request.file else None
    first, last = _dates(process, active, request, file)
    replaced = [code for code in active if first <= code.stop and code.start <= last]
    pattern = _pattern(replaced or active, file)
    _check_version(process, retired, replaced, request)
    if request.is_rollback:
        pattern = _as_it_was(process, retired, pattern, request)
    changed = replace(
        pattern,
        version=request.version,
        file=file or pattern.file,
        start=first,
        stop=last,
        output_interface=request.output_interface or pattern.output_interface,
        active=True,
    )
    return unreleased(changed)


def _dates(
    process: ProcessSpec, active: Sequence[CodeSpec], request: Request, file: str | None
) -> tuple[dt.date, dt.date]:
    """The requested dates; a missing one is taken from the present codes."""
    if request.first is None and request.last is None:
        same = [code for code in active if code.file == file] if len(active) > 1 else active
        if len(same) != 1:
            listed = "; ".join(f"{code.file} {code.used} for {code.start} to {code.stop}" for code in active)
            raise UserError(f"process {process.name} has several codes ({listed}); say which dates: --start, --end")
        return same[0].start, same[0].stop
    first = request.first or min(min(code.start for code in active), request.last or dt.date.max)
    last = request.last or max(max(code.stop for code in active), first)
    if first > last:
        raise UserError(f"--start {first} is after --end {last}; the code would never be used: exchange them")
    return first, last


def _pattern(codes: Sequence[CodeSpec], file: str | None) -> CodeSpec:
    """The code whose arguments, limits etc. the new one inherits: with the same file, or the latest dates."""
    return max(codes, key=lambda code: (code.file == file, code.stop))


def _check_version(
    process: ProcessSpec, retired: Sequence[CodeSpec], replaced: Sequence[CodeSpec], request: Request
) -> None:
    """Refuse a version not above the replaced one, or a rollback not below it."""
    highest = max((code.used for code in replaced), default=None)
    known = sorted({code.used for code in (*retired, *process.codes) if highest is None or code.used < highest})
    earlier = ", ".join(map(str, known)) or "none"
    if request.is_rollback:
        if request.version not in known:
            text = f"cannot roll {process.name} back to {request.version}"
            raise UserError(f"{text}: there is no such earlier version; there are: {earlier}")
    elif highest is not None and request.version <= highest:
        text = f"{request.version} is not above {highest}, the present version of {process.name}"
        raise UserError(f"{text}; give a higher one, or roll back to an earlier one with --rollback: {earlier}")


def _as_it_was(process: ProcessSpec, retired: Sequence[CodeSpec], pattern: CodeSpec, request: Request) -> CodeSpec:
    """`pattern` with the fields that belong to the version rolled back to."""
    known = [code for code in (*retired, *process.codes) if code.used == request.version]
    earlier = max(known, key=lambda code: code.code_id or 0)
    if request.file and paths.program(request.file) != earlier.file:
        raise UserError(f"{request.version} was {earlier.file}, not {request.file}; leave --file out of a rollback")
    if request.output_interface not in (None, earlier.output_interface):
        text = f"the output interface of {request.version} was {earlier.output_interface}"
        raise UserError(f"{text}; leave --output-interface out of a rollback")
    return replace(
        pattern,
        file=earlier.file,
        arguments=earlier.arguments,
        output_interface=earlier.output_interface,
        uses=earlier.uses,
        inputs_by=earlier.inputs_by,
        description=earlier.description,
        written=earlier.written,
    )


def with_code(codes: Sequence[CodeSpec], new: CodeSpec) -> tuple[CodeSpec, ...]:
    """Add `new` to the codes: those valid for its dates are trimmed, split, or dropped."""
    return (*(part for code in codes for part in _remainder(code, new)), new)


def _remainder(code: CodeSpec, new: CodeSpec) -> list[CodeSpec]:
    """The remaining parts of a code: before `new` and after it."""
    if not code.active or code.stop < new.start or new.stop < code.start:
        return [code]
    parts = []
    if code.start < new.start:
        parts.append(replace(code, stop=new.start - _DAY))
    if new.stop < code.stop:
        parts.append(replace(code, start=new.stop + _DAY))
    return parts


def _check_files(changes: Sequence[Change], wanted: Definition) -> None:
    """Refuse a new code that does not exist or cannot be run."""
    for change in changes:
        code = change.new
        if isinstance(code, CodeSpec) and not code.kept and change.old != code:
            path = ("process", change.name, "code", 0)
            raise_for(code_problems(path, code, wanted.mission), wanted.source, None)
