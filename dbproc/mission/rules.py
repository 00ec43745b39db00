"""Consistency checks of a definition; each is pure and yields the problems that it finds."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import combinations
from typing import Any

from dbproc.core import bounds, overlaps
from dbproc.core.errors import FormatError
from dbproc.core.filenames import compile_format
from dbproc.core.graph import circles
from dbproc.core.keys import Form, keys
from dbproc.core.model import FIRST, LAST, Timebase
from dbproc.core.periods import read_timebase
from dbproc.core.spec import CodeSpec, Definition, KeyPath, ProcessSpec, ProductSpec
from dbproc.core.verdicts import fields_fault
from dbproc.mission import paths
from dbproc.mission.expectations import expectation_problems
from dbproc.mission.formats import (
    companion_problems,
    delivery_problems,
    directory_field_problems,
    format_of,
    format_problems,
    only_its_name_says,
)
from dbproc.mission.partitions import partition_problems, timebase_problems
from dbproc.mission.places import place_problems, tables
from dbproc.mission.problems import Problem, suggestion
from dbproc.mission.twins import twin_problems
from dbproc.mission.windows import input_places, window_problems
from dbproc.products.registry import BUILT_IN

_WAY_IN = "name a directory below it, which can be a link to there"
_YEAR_FIELDS = {"Y", "y", "DATE", "datetime"}


def check(definition: Definition) -> list[Problem]:
    """Every problem of a definition that shows without reading files.

    In a partial definition, references to unknown products are no problem: they may be in the database.
    """
    checks: tuple[Callable[[Definition], Iterator[Problem]], ...] = (
        _value_problems,
        _product_problems,
        _layout_problems,
        twin_problems,
        _process_problems,
        _reference_problems,
        partition_problems,
        window_problems,
        expectation_problems,
        _quality_problems,
        place_problems,
        _shared_output_problems,
        companion_problems,
        delivery_problems,
        _circle_problems,
    )
    return [problem for look in checks for problem in look(definition)]


def timebase_of(process: ProcessSpec) -> Timebase | None:
    """The timebase of a process, None when it is not valid."""
    cadence = read_timebase(process.timebase)
    return cadence.timebase if cadence is not None else None


def _value_problems(definition: Definition) -> Iterator[Problem]:
    """Every value that its key does not allow."""
    yield from _faults(("mission",), definition.mission)
    for position, outside in enumerate(definition.mission.outside):
        if paths.is_inside(definition.mission.root, outside):
            text = (
                f"{outside} holds the root {definition.mission.root}; name the places to which directories are linked"
            )
            yield Problem(("mission", "outside", position), text)
    yield from _fault(("mission", "path"), _path_fault(definition.mission.path))
    for hook in definition.mission.notify:
        place: KeyPath = ("notify", hook.name)
        yield from _fault(place, bounds.name(hook.name))
        yield from _faults(place, hook)
    for place, spec in tables(definition.mission):
        yield from _faults(place, spec)
    for name, singles in (("service", definition.mission.service), ("monitor", definition.mission.monitor)):
        for single in singles:
            yield from _faults((name,), single)
    for product in definition.products.values():
        path: KeyPath = ("product", product.name)
        yield from _faults(path, product)
        yield from _faults((*path, "inspector"), product.inspector)
        for place, text, check in (
            ((*path, "instrument"), product.satellite, bounds.NAME),
            ((*path, "instrument"), product.instrument, bounds.NAME),
            ((*path, "inspector"), product.inspector.file, bounds.PATH),
        ):
            yield from _fault(place, check(text))
    for process in definition.processes.values():
        yield from _faults(("process", process.name), process)
        for position, code in enumerate(process.codes):
            yield from _faults(("process", process.name, "code", position), code)


def _path_fault(words: tuple[str, ...]) -> str | None:
    """The fault of ``path`` as a whole."""
    if len(words) == 1 or (words and not {FIRST, LAST} & set(words)):
        return None
    return 'must be "first", "last", or a list of directories that go first'


def _faults(path: KeyPath, spec: Any) -> Iterator[Problem]:
    """Problems of the scalar keys of a specification; lists are checked item by item."""
    for key in keys(type(spec)):
        value = getattr(spec, key.name)
        if key.check is None or value is None:
            continue
        if key.form not in (Form.WORDS, Form.CHOICE):
            yield from _fault((*path, key.label), key.check(value))
        else:
            for position, word in enumerate(value):
                yield from _fault((*path, key.label, position), key.check(word))


def _fault(path: KeyPath, text: str | None) -> Iterator[Problem]:
    if text is not None:
        yield Problem(path, text)


def _product_problems(definition: Definition) -> Iterator[Problem]:
    for product in definition.products.values():
        path: KeyPath = ("product", product.name)
        yield from _fault(path, bounds.name(product.name))
        yield from _format_problems(path, product)
        yield from format_problems(path, product)
        yield from _directory_problems(path, product, definition)
        yield from _inspector_problems(path, product)


def _layout_problems(definition: Definition) -> Iterator[Problem]:
    for found in overlaps.problems(paths.layout(definition), overlaps.within_by_name):
        yield Problem(found.key, found.text)


def _format_problems(path: KeyPath, product: ProductSpec) -> Iterator[Problem]:
    if not product.format.isprintable():
        yield Problem((*path, "format"), f"{product.format!r} has control characters in it; write printable text")
        return
    try:
        compiled = compile_format(product.format)
    except FormatError as error:
        yield Problem((*path, "format"), str(error))
        return
    if only_its_name_says(product) and not compiled.fields & _YEAR_FIELDS:
        text = f"{product.format!r} holds no date, and the inspector 'filename' takes it from the name"
        yield Problem((*path, "format"), f"{text}; put {{Y}}{{m}}{{d}} into the format, or name another inspector")


def _directory_problems(path: KeyPath, product: ProductSpec, definition: Definition) -> Iterator[Problem]:
    path = (*path, "directory")
    if not product.directory.isprintable():
        yield Problem(path, f"{product.directory!r} has control characters in it; write printable text")
        return
    if paths.leads_outside(product.directory):
        yield Problem(path, f"{product.directory!r} is outside the root {definition.mission.root}; {_WAY_IN}")
        return
    try:
        yield from directory_field_problems(path, product, by_name=definition.partial)
    except FormatError as error:
        yield Problem(path, str(error))


def _inspector_problems(path: KeyPath, product: ProductSpec) -> Iterator[Problem]:
    inspector = product.inspector
    if inspector.is_builtin and inspector.file not in BUILT_IN:
        text = f"{inspector.file!r} is neither a built-in inspector nor a Python file (.py) of your own"
        yield Problem((*path, "inspector"), text + suggestion(inspector.file, BUILT_IN))
    if any(not re.fullmatch(r"[^\W\d]\w*", key) for key in inspector.arguments):
        yield Problem((*path, "inspector_arguments"), "the names of arguments must be Python names, such as time")


def _process_problems(definition: Definition) -> Iterator[Problem]:
    for process in definition.processes.values():
        path: KeyPath = ("process", process.name)
        yield from _fault(path, bounds.name(process.name))
        yield from _name_problems(path, process.name)
        yield from _timebase_problems(path, process)
        yield from _input_problems(path, process)
        yield from _code_problems(path, process)


def _name_problems(path: KeyPath, name: str) -> Iterator[Problem]:
    """Process names that the command line would misread."""
    text = "commands take processes by name or number, several with commas between"
    if name.isdecimal():
        yield Problem(path, f"{name!r} is a number; {text}: put a letter into the name")
    if "," in name or name.startswith("-"):
        yield Problem(path, f"{name!r} has a comma in it, or begins with '-'; {text}: take another name")


def _timebase_problems(path: KeyPath, process: ProcessSpec) -> Iterator[Problem]:
    yield from timebase_problems(path, process)
    timebase = timebase_of(process)
    if timebase is None:
        return
    if not timebase.makes_output and process.output is not None:
        text = f"timebase {timebase} makes no output; leave output out, or take another timebase"
        yield Problem((*path, "output"), text)
    elif timebase.makes_output and not process.output:
        text = f"is missing; timebase {timebase} makes a product, only RUN and STARTUP make none"
        yield Problem((*path, "output"), text)
    for position, name in enumerate(process.outputs):
        if name in process.outputs[:position]:
            yield Problem((*path, "output"), f"the product {name!r} is listed twice; list it once")


def _input_problems(path: KeyPath, process: ProcessSpec) -> Iterator[Problem]:
    path = (*path, "inputs")
    if process.inputs and timebase_of(process) is Timebase.STARTUP:
        yield Problem(path, "timebase STARTUP has no inputs: it comes before anything is looked at; write inputs = []")
    if not process.inputs and timebase_of(process) is Timebase.RUN:
        yield Problem(path, "a process of timebase RUN is run for its inputs; name them, or take timebase STARTUP")
    names = [given.product for given in process.inputs]
    for at, (position, given) in enumerate(zip(input_places(process), process.inputs, strict=True)):
        if given.product in names[:at]:
            yield Problem((*path, position), f"the product {given.product!r} is an input already; list it once")
        if given.choice in (None, given.product):
            yield from _faults((*path, position), given)


def _code_problems(path: KeyPath, process: ProcessSpec) -> Iterator[Problem]:
    path = (*path, "code")
    if not process.codes:
        yield Problem(path, "is missing; name the program with file and version")
    for position, code in enumerate(process.codes):
        yield from _use_problems((*path, position), code)
        if code.start > code.stop:
            text = f"from {code.start} is after to {code.stop}; the code would never be used"
            yield Problem((*path, position, "from"), text)
    active = [(position, code) for position, code in enumerate(process.codes) if code.active]
    for (_, one), (position, other) in combinations(active, 2):
        first, last = max(one.start, other.start), min(one.stop, other.stop)
        if first <= last:
            text = f"{other.file} and {one.file} are both for {first} to {last}; for each date there must be one code"
            yield Problem((*path, position, "from"), text)


def _use_problems(path: KeyPath, code: CodeSpec) -> Iterator[Problem]:
    for pattern in code.uses:
        if pattern.startswith("/") or ".." in pattern.split("/") or not pattern.strip():
            text = f"{pattern!r} leads out of the code's own directory; give patterns below it, such as lib/*.py"
            yield Problem((*path, "uses"), text)


def _reference_problems(definition: Definition) -> Iterator[Problem]:
    if definition.partial:
        return
    for process in definition.processes.values():
        path: KeyPath = ("process", process.name)
        named = [
            ((*path, "inputs", at), given.product)
            for at, given in zip(input_places(process), process.inputs, strict=True)
        ]
        named += [((*path, "output"), name) for name in process.outputs]
        for place, name in named:
            if name not in definition.products:
                yield Problem(place, f"there is no product {name!r}{suggestion(name, definition.products)}")


def _quality_problems(definition: Definition) -> Iterator[Problem]:
    """Products whose files are to say how good those of others are, and cannot."""
    for product in definition.products.values():
        if not product.quality_of:
            continue
        path: KeyPath = ("product", product.name, "quality_of")
        other = definition.products.get(product.quality_of)
        if other is None:
            near = suggestion(product.quality_of, definition.products)
            yield from (
                [] if definition.partial else [Problem(path, f"there is no product {product.quality_of!r}{near}")]
            )
            continue
        judging, judged = format_of(product), format_of(other)
        fault = fields_fault(judging, judged) if judging and judged else None
        if fault is not None:
            yield Problem(path, f"names of {product.name!r} name no files of {other.name!r}: {fault}")


def _shared_output_problems(definition: Definition) -> Iterator[Problem]:
    makers: dict[str, ProcessSpec] = {}
    for process in definition.processes.values():
        for name in process.outputs:
            first = makers.setdefault(name, process)
            if first is not process:
                text = f"the process {first.name!r} makes {name!r} already; one product has one maker"
                way = _either_or(first, process, name)
                note = "; a configuration file of dbprocessing cannot say so: see docs/from-dbprocessing.md"
                yield Problem(("process", process.name, "output"), f"{text}. {way}{note if definition.partial else ''}")


def _either_or(first: ProcessSpec, other: ProcessSpec, output: str) -> str:
    """What to write where a product is made by one process or else by another one: one process that takes one input or
    else another, or two products of which what follows takes one or else the other."""
    names, others = ([given.product for given in each.inputs] for each in (first, other))
    mine, its = [name for name in names if name not in others], [name for name in others if name not in names]
    does_the_same = first.timebase == other.timebase and _programs(first) == _programs(other)
    if does_the_same and len(mine) == len(its) == 1:
        either = _first_of(mine[0], its[0])
        written = ", ".join(either if name == mine[0] else f'"{name}"' for name in names)
        return f"For either-or, make {first.name!r} the one process: inputs = [{written}]"
    own = f"{output}_{other.name}"
    return (
        f"For either-or, let {other.name!r} make a product of its own, such as {own!r}, and have what is made of "
        f"{output!r} take one or else the other: inputs = [{_first_of(output, own)}]"
    )


def _programs(process: ProcessSpec) -> list[tuple[str, tuple[str, ...]]]:
    return [(code.file, code.arguments) for code in process.codes if code.active]


def _first_of(*names: str) -> str:
    listed = ", ".join(f'"{name}"' for name in names)
    return f"{{ first_of = [{listed}] }}"


def _circle_problems(definition: Definition) -> Iterator[Problem]:
    """Processes that feed themselves, directly or through others."""
    edges = [
        edge
        for process in definition.processes.values()
        for edge in (
            *((("product", given.product), ("process", process.name)) for given in process.inputs),
            *((("process", process.name), ("product", name)) for name in process.outputs),
        )
    ]
    for *circle, _ in circles(edges):
        start = next(at for at, (kind, _) in enumerate(circle) if kind == "product")
        names = [name for _, name in (*circle[start:], *circle[: start + 1])]
        text = f"the definition is circular: {' → '.join(names)}; a product cannot be made from itself"
        yield Problem(("process", names[1], "inputs"), text)
