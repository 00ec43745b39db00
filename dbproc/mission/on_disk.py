"""Check that the programs and inspectors of a definition exist and can be run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from dbproc.core import overlaps
from dbproc.core.model import WHERE_STARTED
from dbproc.core.overlaps import Place
from dbproc.core.spec import SHIPPED, CodeSpec, Definition, InspectorSpec, KeyPath, MissionSpec
from dbproc.engines import program
from dbproc.mission import paths
from dbproc.mission.links import link_problems
from dbproc.mission.problems import Problem, suggestion
from dbproc.products.inspection import limits_of
from dbproc.products.loadable import unloadable
from dbproc.products.registry import BUILT_IN, arguments_of
from dbproc.storage.bundle import unmatched
from dbproc.storage.digest import missing_algorithm
from dbproc.storage.stores.opening import missing
from dbproc.system.package import CODES, code_path


def check_on_disk(definition: Definition, file: str = "") -> list[Problem]:
    """Every problem that only files and packages show; `file`: the mission file."""
    files = [("the mission file", os.path.abspath(file))] if file else []
    places = overlaps.problems(paths.layout(definition, files), within_on_disk)
    return [
        *_mission_problems(definition.mission),
        *_run_in_problems(definition),
        *(Problem(found.key, found.text) for found in places),
        *link_problems(definition),
        *_inspector_problems(definition),
        *_code_problems(definition),
    ]


def database_problems(definition: Definition, database: str) -> list[Problem]:
    """Problems of a database file that lies in a directory whose files come and go."""
    places = paths.layout(definition, [("the database", os.path.abspath(database))])
    return [Problem(found.key, found.text) for found in overlaps.file_problems(places, within_on_disk)]


def library_warnings(mission: MissionSpec) -> Iterator[Problem]:
    """Sources and stores that cannot be used here: the library of their protocol is not installed."""
    for kind, specs in (("source", mission.sources), ("store", mission.stores)):
        for spec in specs:
            lacking = missing(spec.scheme)
            if lacking is not None:
                yield Problem((kind, spec.name, "url"), lacking)


def loading_problems(definition: Definition) -> list[Problem]:
    """Inspectors that cannot be loaded; a process of its own tries it."""
    mission = definition.mission
    used: dict[str, str] = {}
    for product in definition.products.values():
        if not product.inspector.is_builtin:
            used.setdefault(_inspector_path(product.inspector, mission), product.name)
    faults = unloadable(used, limits_of(mission))
    return [Problem(("product", used[path], "inspector"), why) for path, why in faults.items()]


def within_on_disk(inner: Place, outer: Place) -> bool:
    """Whether a place lies in another; links, mounts and letter case of the names do not matter.

    A place that does not exist yet counts by its name below the nearest existing directory.
    """
    resolved = (replace(place, path=os.path.realpath(place.path)) for place in (inner, outer))
    if overlaps.within_by_name(*resolved):
        return True
    return not outer.fields and _identity(outer.path) in set(_identities(os.path.realpath(inner.path)))


def _identities(path: str) -> Iterator[tuple[int, int]]:
    """Device and inode of a path and of all existing directories above it."""
    while True:
        found = _identity(path)
        if found is not None:
            yield found
        above = os.path.dirname(path)
        if above == path:
            return
        path = above


def _identity(path: str) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def shipped_codes() -> tuple[str, ...]:
    """The names of the codes that come with dbproc."""
    return tuple(sorted(path.stem for path in Path(CODES).glob("*.py") if _is_program(path)))


def _is_program(path: Path) -> bool:
    return not path.name.startswith("_") and '__name__ == "__main__"' in path.read_text(encoding="utf-8")


def _mission_problems(mission: MissionSpec) -> Iterator[Problem]:
    if not os.path.isdir(mission.root):
        yield Problem(("mission", "root"), f"the directory {mission.root} does not exist; make it, or name another one")
    missing = missing_algorithm(mission.digest)
    if missing:
        yield Problem(("mission", "digest"), missing)


def _run_in_problems(definition: Definition) -> Iterator[Problem]:
    wanted: dict[KeyPath, str | None] = {("mission",): definition.mission.run_in}
    wanted |= {("process", process.name): process.run_in for process in definition.processes.values()}
    for path, directory in wanted.items():
        if directory not in (None, "", WHERE_STARTED):
            text = _run_in_problem(definition.mission, paths.resolved(definition.mission, directory))
            if text is not None:
                yield Problem((*path, "run_in"), text)


def _run_in_problem(mission: MissionSpec, run_in: str) -> str | None:
    if not os.path.isdir(run_in):
        return f"the directory {run_in} does not exist; make it, or name another one"
    own = [paths.resolved(mission, each) for each in (mission.incoming, mission.quarantine, overlaps.PRIVATE)]
    for place in own:
        if within_on_disk(Place(run_in), Place(place)):
            return f"what codes leave in {run_in} would be in {place}, among what arrives or is refused, or swept"
    return None


def _inspector_problems(definition: Definition) -> Iterator[Problem]:
    for product in definition.products.values():
        text = _inspector_problem(product.inspector, definition.mission)
        if text:
            yield Problem(("product", product.name, "inspector"), text)
        unknown = _unknown_argument(product.inspector)
        if unknown:
            yield Problem(("product", product.name, "inspector_arguments"), unknown)


def _inspector_problem(inspector: InspectorSpec, mission: MissionSpec) -> str | None:
    if inspector.is_builtin:
        return None
    path = _inspector_path(inspector, mission)
    if not os.path.exists(path):
        return f"there is no inspector {path}{_neighbours(path)}"
    if not os.path.isfile(path) or not os.access(path, os.R_OK):
        return f"{path} is not a readable file"
    return _lies_among_others(path, mission)


def _inspector_path(inspector: InspectorSpec, mission: MissionSpec) -> str:
    return os.path.normpath(os.path.join(paths.resolved(mission, mission.inspectors), inspector.file))


def _unknown_argument(inspector: InspectorSpec) -> str | None:
    if inspector.file not in BUILT_IN:
        return None
    allowed = arguments_of(inspector.file)
    unknown = [key for key in inspector.arguments if key not in allowed]
    if not unknown:
        return None
    if not allowed:
        return f"the inspector {inspector.file!r} takes no arguments"
    return f"the inspector {inspector.file!r} takes no argument {unknown[0]!r}{suggestion(unknown[0], allowed)}"


def place_of(code: CodeSpec, mission: MissionSpec) -> str:
    """The absolute path of a code's file."""
    return code_path(paths.resolved(mission, mission.codes), code.file, code.version)


def _code_problems(definition: Definition) -> Iterator[Problem]:
    for process in definition.processes.values():
        for position, code in enumerate(process.codes):
            if code.active and code.file and not code.kept:
                path: KeyPath = ("process", process.name, "code", position)
                yield from code_problems(path, code, definition.mission)


def code_problems(path: KeyPath, code: CodeSpec, mission: MissionSpec) -> Iterator[Problem]:
    """Problems of a code's file, or of the patterns of what it uses."""
    text = _code_problem(code, mission)
    if text:
        yield Problem((*path, "file"), text)
        return
    place = place_of(code, mission)
    for pattern in unmatched(place, code.uses):
        yield Problem(
            (*path, "uses"), f"no file matches {pattern!r} in {os.path.dirname(place)}; correct it, or leave it out"
        )


def _code_problem(code: CodeSpec, mission: MissionSpec) -> str | None:
    if code.is_shipped:
        name = code.file.removeprefix(SHIPPED)
        known = shipped_codes()
        return None if name in known else f"dbproc brings no code {name!r} along{suggestion(name, known)}"
    path = place_of(code, mission)
    if not os.path.exists(path):
        return f"there is no code {path}{_neighbours(path)}"
    if not os.path.isfile(path):
        return f"{path} is not a file"
    if not os.access(path, os.X_OK):
        return f"{path} is not executable; make it so: chmod +x {path}"
    fault = program.fault(path, mission.path)
    return f"{path} cannot be started: {fault}" if fault else _lies_among_others(path, mission)


def _lies_among_others(path: str, mission: MissionSpec) -> str | None:
    """The reason why a program or inspector cannot stay where it is: in incoming or in quarantine."""
    for name in ("incoming", "quarantine"):
        place = Place(paths.resolved(mission, getattr(mission, name)))
        if within_on_disk(Place(path), place) and not within_on_disk(Place(mission.root), place):
            return f"{path} is in the {name} directory; move it to a directory of programs"
    return None


def _neighbours(path: str) -> str:
    """A hint: a file with a similar name in the same directory, or that the directory does not exist."""
    directory, name = os.path.split(path)
    if not os.path.isdir(directory):
        return f"; the directory {directory} does not exist"
    return suggestion(name, os.listdir(directory), listed=False)
