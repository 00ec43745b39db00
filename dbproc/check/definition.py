"""The definition against the disk: codes, inspectors, the mission's directories."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from itertools import combinations

from dbproc.changes.edits import find_edits
from dbproc.check.faults import Fault, Kind
from dbproc.core.graph import circles
from dbproc.core.model import Code, CodeEditPolicy, Definition, Mission
from dbproc.engines import program
from dbproc.products.inspection import limits_of
from dbproc.products.loadable import unloadable
from dbproc.system.package import PACKAGE

_PACKAGE = PACKAGE + os.sep

_ON_EDIT = {
    CodeEditPolicy.BUMP: "the next run makes it a new revision and rebuilds what it made; else put the old one back",
    CodeEditPolicy.REFUSE: "release it with a higher version in the mission file, or put the old one back",
    CodeEditPolicy.ACCEPT: "the next run accepts it; else put the old one back",
}


def program_faults(definition: Definition) -> Iterator[Fault]:
    """Codes and inspectors that cannot be run as they are defined."""
    codes = [code for process in definition.processes for code in definition.codes.get(process, ())]
    for code in codes:
        yield from _code_fault(code, definition.mission)
    for edit in find_edits(definition)[0]:
        if edit.code.digest and edit.code.process_id in definition.processes:
            yield Fault(
                kind=Kind.CODE_CHANGED,
                place=edit.code.path,
                text=f"its bytes are not those of {edit.code.version}: {edit.bundle.digest}, {edit.code.digest}",
                remedy=_ON_EDIT[edit.code.on_code_edit],
            )
    yield from _inspector_faults(definition)
    yield from _two_codes(definition)
    yield from _process_circles(definition)


def world_writable_programs(definition: Definition) -> set[str]:
    """The codes and inspectors, and the mission's root, that everybody may change."""
    paths = {code.path for process in definition.processes for code in definition.codes.get(process, ())}
    paths.update(product.inspector.name for product in definition.products.values() if not product.inspector.is_builtin)
    return {path for path in {*paths, definition.mission.root} if _is_world_writable(path)}


def directory_faults(definition: Definition, *, has_quarantined: bool) -> Iterator[Fault]:
    """The mission's directories that are not there, or cannot be written to."""
    mission = definition.mission
    for name, path in (("root", mission.root), ("incoming", mission.incoming), ("quarantine", mission.quarantine)):
        if not os.path.isdir(path):
            if name != "quarantine" or has_quarantined or os.path.lexists(path):
                yield Fault(
                    kind=Kind.DIRECTORY_MISSING,
                    place=path,
                    text=f"the {name} directory is not there",
                    remedy="see that its disk is mounted, or make it",
                )
        elif not os.access(path, os.W_OK | os.X_OK, effective_ids=True):
            yield Fault(
                kind=Kind.DIRECTORY_READ_ONLY,
                place=path,
                text=f"nothing can be written to the {name} directory",
                remedy="give dbproc's user the right to write there, and see that its disk is not mounted read-only",
            )


def _code_fault(code: Code, mission: Mission) -> Iterator[Fault]:
    if not os.path.isfile(code.path):
        yield Fault(
            kind=Kind.CODE_MISSING,
            place=code.path,
            text="there is no such file",
            remedy="put it there, or correct the mission file and apply it",
        )
    elif not code.path.startswith(_PACKAGE) and not os.access(code.path, os.X_OK, effective_ids=True):
        yield Fault(
            kind=Kind.CODE_NOT_EXECUTABLE,
            place=code.path,
            text="it may not be executed",
            remedy=f"chmod +x {code.path}",
        )
    elif not code.path.startswith(_PACKAGE) and (fault := program.fault(code.path, mission.path)) is not None:
        text, _, remedy = fault.partition("; ")
        yield Fault(
            kind=Kind.CODE_NOT_EXECUTABLE,
            place=code.path,
            text=text,
            remedy=remedy or "write such a line, or put the right file there",
        )


def _inspector_faults(definition: Definition) -> Iterator[Fault]:
    used: dict[str, list[str]] = {}
    for product in definition.products.values():
        if not product.inspector.is_builtin:
            used.setdefault(product.inspector.name, []).append(product.name)
    for path, products in sorted(used.items()):
        if not os.path.isfile(path) or not os.access(path, os.R_OK, effective_ids=True):
            yield Fault(
                kind=Kind.INSPECTOR_MISSING,
                place=path,
                text=f"there is no such file that can be read; it inspects {', '.join(sorted(products))}",
                remedy="put it there, or correct the mission file and apply it",
            )
    there = [path for path in used if os.path.isfile(path)]
    for path, why in unloadable(there, limits_of(definition.mission)).items():
        text, _, remedy = why.removeprefix(f"{path} ").partition("; ")
        yield Fault(
            kind=Kind.INSPECTOR_UNLOADABLE,
            place=path,
            text=f"{text}; it inspects {', '.join(sorted(used[path]))}",
            remedy=remedy or "correct it; until then what is of these products stays in incoming",
        )


def _two_codes(definition: Definition) -> Iterator[Fault]:
    for process in definition.processes.values():
        for one, other in combinations(definition.codes.get(process.process_id, ()), 2):
            first, last = max(one.start, other.start), min(one.stop, other.stop)
            if first <= last:
                yield Fault(
                    kind=Kind.TWO_CODES,
                    place=f"process {process.name}",
                    text=f"{one.path} {one.version} and {other.path} {other.version} are valid from {first} to {last}",
                    remedy="give them dates that do not overlap in the mission file, and apply it",
                )


def _process_circles(definition: Definition) -> Iterator[Fault]:
    names = {product.product_id: product.name for product in definition.products.values()}
    edges = [
        (names[link.product_id], names[product_id])
        for process in definition.processes.values()
        for product_id in process.outputs
        for link in process.inputs
    ]
    for circle in circles(edges):
        yield Fault(
            kind=Kind.PROCESS_CYCLE,
            place=f"product {min(circle)}",
            text=" → ".join(circle),
            remedy="take one of the inputs out of the mission file, and apply it",
        )


def _is_world_writable(path: str) -> bool:
    try:
        return bool(os.stat(path).st_mode & stat.S_IWOTH)
    except OSError:
        return False
