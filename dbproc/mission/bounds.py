"""What numbers and texts of a definition may be: each key has its bounds, and a message says them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from dbproc.core.filenames import HIGHEST, UNFIT
from dbproc.core.spec import CodeSpec, Definition, InspectorSpec, KeyPath, MissionSpec
from dbproc.core.version import Version
from dbproc.mission.problems import Problem

MOST_DAYS = 36525
_YEAR = 366 * 24 * 3600
_DAY = 24 * 3600
_LONGEST_NAME = 200
_LONGEST_FORMAT = 1000
_LONGEST_PATH = 4000
_LONGEST_WORD = 100_000


@dataclass(frozen=True, slots=True)
class Bound:
    """From where to where a number may be, both included; `above`: the first of them is not."""

    low: float
    high: float
    unit: str = ""
    above: bool = False
    what: str = ""

    def fault(self, value: float) -> str | None:
        """What is wrong with a value, and what is allowed; None when it is within."""
        is_enough = value > self.low if self.above else value >= self.low
        if is_enough and value <= self.high and math.isfinite(value):
            return None
        low = f"more than {_plain(self.low)}, and at most" if self.above else f"from {_plain(self.low)} to"
        return f"must be {self.what}{low} {_plain(self.high)}{self.unit}, not {_plain(value)}"


_SECONDS = Bound(0, _YEAR, " seconds")
_MEMORY = Bound(0, 2**20, " GiB")
_COUNT = Bound(0, 32767)
_MISSION = {
    "settle_seconds": _SECONDS,
    "retry_seconds": _SECONDS,
    "retry_limit": _COUNT,
    "inspector_seconds": Bound(0, _DAY, " seconds", above=True),
    "inspector_memory": _MEMORY,
}
_CODE = {
    "cpu": ("cpu", Bound(1, 32767)),
    "ram": ("ram", _MEMORY),
    "time_limit": ("time_limit_seconds", Bound(0, _YEAR, " seconds", above=True)),
    "retry_limit": ("retry_limit", _COUNT),
    "retry_longest": ("retry_longest_seconds", _SECONDS),
    "output_interface": ("output_interface", Bound(1, HIGHEST)),
}
_LEVEL = Bound(-1000, 1000)
_WINDOW = Bound(0, MOST_DAYS, what="a number of days ")


def bound_problems(definition: Definition) -> Iterator[Problem]:
    """Every number, version and text of a definition that is out of its bounds."""
    yield from _mission_problems(definition.mission)
    for product in definition.products.values():
        path: KeyPath = ("product", product.name)
        yield from _number((*path, "level"), _LEVEL, product.level)
        yield from _length((*path, "format"), product.format, _LONGEST_FORMAT)
        yield from _length((*path, "directory"), product.directory, _LONGEST_PATH)
        yield from _length((*path, "instrument"), product.satellite, _LONGEST_NAME)
        yield from _length((*path, "instrument"), product.instrument, _LONGEST_NAME)
        yield from _inspector_problems((*path, "inspector"), product.inspector)
    for process in definition.processes.values():
        for at, word in enumerate(process.extra_params):
            yield from _length(("process", process.name, "extra_params", at), word, _LONGEST_WORD)
        for position, code in enumerate(process.codes):
            yield from _code_problems(("process", process.name, "code", position), code)


def name_problems(path: KeyPath, name: str) -> Iterator[Problem]:
    """What is wrong with the name of a mission, a product, a process or a group of products."""
    if len(name) > _LONGEST_NAME:
        yield from _length(path, name, _LONGEST_NAME)
    elif not name.strip() or name != name.strip() or not name.isprintable() or "{" in name or "}" in name:
        text = f"{name!r} is no name: write printable text without braces and without blanks around it"
        yield Problem(path, text)


def window_problems(path: KeyPath, yesterday: int, tomorrow: int) -> Iterator[Problem]:
    """What is wrong with the days by which an input is widened."""
    yield from _number((*path, "yesterday"), _WINDOW, yesterday)
    yield from _number((*path, "tomorrow"), _WINDOW, tomorrow)


def _mission_problems(mission: MissionSpec) -> Iterator[Problem]:
    for key, bound in _MISSION.items():
        yield from _number(("mission", key), bound, getattr(mission, key))
    for key in ("root", "incoming", "quarantine", "codes", "inspectors"):
        path = getattr(mission, key)
        yield from _length(("mission", key), path, _LONGEST_PATH)
        if UNFIT.search(path):
            text = f"{path!r} has control characters or bytes that are not UTF-8 in it; give the directory another name"
            yield Problem(("mission", key), text)
    yield from _length(("mission", "group"), mission.group, _LONGEST_NAME)


def _inspector_problems(path: KeyPath, inspector: InspectorSpec) -> Iterator[Problem]:
    yield from _length(path, inspector.file, _LONGEST_PATH)
    yield from _number((*path, "output_interface"), _CODE["output_interface"][1], inspector.output_interface)
    yield from _version((*path, "version"), inspector.version)


def _code_problems(path: KeyPath, code: CodeSpec) -> Iterator[Problem]:
    for name, (key, bound) in _CODE.items():
        value = getattr(code, name)
        if value is not None:
            yield from _number((*path, key), bound, value)
    yield from _version((*path, "version"), code.version)
    yield from _length((*path, "file"), code.file, _LONGEST_PATH)
    for at, word in enumerate(code.arguments):
        yield from _length((*path, "arguments", at), word, _LONGEST_WORD)
    for pattern in code.uses:
        yield from _length((*path, "uses"), pattern, _LONGEST_PATH)


def _number(path: KeyPath, bound: Bound, value: float) -> Iterator[Problem]:
    fault = bound.fault(value)
    if fault is not None:
        yield Problem(path, fault)


def _version(path: KeyPath, version: Version) -> Iterator[Problem]:
    if max(version.interface, version.quality, version.revision) > HIGHEST:
        yield Problem(path, f"{version} has a part above {HIGHEST}; the parts of a version go up to that")


def _length(path: KeyPath, text: str, most: int) -> Iterator[Problem]:
    if len(text) > most:
        yield Problem(path, f"has {len(text)} characters, {text[:20]!r} …; at most {most} are taken")


def _plain(value: float) -> str:
    """A number as it is written: whole ones without a fraction."""
    return str(int(value)) if math.isfinite(value) and float(value).is_integer() and abs(value) < 1e15 else str(value)
