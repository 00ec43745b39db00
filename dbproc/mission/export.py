"""Writing a definition as a mission file in TOML: applying it to the database that it came from changes nothing."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, fields
from itertools import groupby

from dbproc.core.spec import CodeSpec, Definition, InputSpec, InspectorSpec, MissionSpec, ProcessSpec, ProductSpec

_Group = tuple[str, str]

_KEYS = {"start": "from", "stop": "to", "time_limit": "time_limit_seconds", "retry_longest": "retry_longest_seconds"}


def export_toml(definition: Definition) -> str:
    """The definition as TOML; what is retired, and what has its default, is left out."""
    products = [product for product in definition.products.values() if product.active]
    processes = [process for process in definition.processes.values() if process.codes]
    groups = _groups(products, definition.mission.name)
    sections = [
        _mission(definition.mission, next(iter(groups))),
        *(_instrument(group, key) for group, key in groups.items() if key),
        *(_product(product, groups[product.satellite, product.instrument]) for product in products),
        *(text for process in processes for text in _process(process)),
    ]
    return "\n".join(sections)


def _groups(products: list[ProductSpec], mission: str) -> dict[_Group, str]:
    """Satellites and instruments with the key that products name; the most common one comes first and needs none."""
    counted = Counter((product.satellite, product.instrument) for product in products)
    pairs = [pair for pair, _ in counted.most_common()] or [(mission, mission)]
    keys: dict[_Group, str] = {pairs[0]: ""}
    taken = {pairs[0][1]}
    for satellite, instrument in pairs[1:]:
        key = instrument if instrument not in taken else f"{satellite} {instrument}"
        while key in taken:
            key += "_"
        taken.add(key)
        keys[satellite, instrument] = key
    return keys


def _mission(mission: MissionSpec, group: _Group) -> str:
    lines = [
        "[mission]",
        f"name = {_value(mission.name)}",
        f"root = {_value(mission.root)}",
        *_unusual(mission, ("name", "root")),
    ]
    lines += [
        f"{key} = {_value(name)}"
        for key, name in zip(("satellite", "instrument"), group, strict=True)
        if name != mission.name
    ]
    return _section(lines)


def _instrument(group: _Group, key: str) -> str:
    lines = [f"[instrument.{_key(key)}]", f"satellite = {_value(group[0])}"]
    return _section(lines if key == group[1] else [*lines, f"name = {_value(group[1])}"])


def _product(product: ProductSpec, group: str) -> str:
    lines = [f"[product.{_key(product.name)}]"]
    lines += [f"{name} = {_value(getattr(product, name))}" for name in ("level", "directory", "format")]
    lines += [f"instrument = {_value(group)}"] if group else []
    lines += [f"description = {_value(product.description)}"] if product.description else []
    lines += [f"comparison = {_value(product.comparison)}"] if product.comparison != "bytes" else []
    is_usual = product.companion == product.inspector.has_companions
    lines += [] if is_usual else [f"companion = {_value(product.companion)}"]
    return _section([*lines, *_inspector(product.inspector)])


def _inspector(inspector: InspectorSpec) -> Iterator[str]:
    common = InspectorSpec(file=inspector.file, arguments=inspector.arguments)
    if inspector != common:
        rest = {key: value for key, value in _unusual_values(inspector, ("file",)).items() if key != "arguments"}
        yield f"inspector = {_value({'file': inspector.file, **rest})}"
    elif inspector.file != "filename":
        yield f"inspector = {_value(inspector.file)}"
    if inspector.arguments:
        yield f"inspector_arguments = {_value(inspector.arguments)}"


def export_codes(process: ProcessSpec) -> str:
    """The tables of the codes of a process, as they stand in a mission file."""
    return "\n".join(_codes(process))


def _process(process: ProcessSpec) -> Iterator[str]:
    lines = [f"[process.{_key(process.name)}]"]
    made = process.outputs if process.further_outputs else process.output
    lines += [f"output = {_value(made)}"] if made else []
    lines += [f"timebase = {_value(process.timebase)}", f"inputs = [{', '.join(_inputs(process.inputs))}]"]
    lines += [f"extra_params = {_value(process.extra_params)}"] if process.extra_params else []
    lines += [] if process.early_cutoff is None else [f"early_cutoff = {_value(process.early_cutoff)}"]
    yield _section(lines)
    yield from _codes(process)


def _codes(process: ProcessSpec) -> Iterator[str]:
    brackets = "[{}]" if len(process.codes) == 1 else "[[{}]]"
    for code in process.codes:
        yield _section([brackets.format(f"process.{_key(process.name)}.code"), *_code(code)])


def _inputs(inputs: Sequence[InputSpec]) -> Iterator[str]:
    for choice, group in groupby(inputs, key=lambda given: given.choice):
        members = list(group)
        if choice is None:
            yield from map(_input, members)
        else:
            names = [given.product for given in members]
            yield _value({"first_of": names, **_unusual_values(members[0], ("product", "choice"))})


def _input(given: InputSpec) -> str:
    if given == InputSpec(product=given.product):
        return _value(given.product)
    return _value({"product": given.product, **_unusual_values(given, ("product",))})


def _code(code: CodeSpec) -> list[str]:
    return [
        f"file = {_value(code.file)}",
        f"version = {_value(str(code.version))}",
        *_unusual(code, ("file", "version")),
    ]


def _unusual(spec: MissionSpec | CodeSpec, without: tuple[str, ...]) -> list[str]:
    return [f"{key} = {_value(value)}" for key, value in _unusual_values(spec, without).items()]


def _unusual_values(
    spec: MissionSpec | CodeSpec | InputSpec | InspectorSpec, without: tuple[str, ...]
) -> dict[str, object]:
    """The fields that do not have their default, by their keys in TOML."""
    return {
        _KEYS.get(each.name, each.name): getattr(spec, each.name)
        for each in fields(spec)
        if each.compare
        and each.name not in without
        and (each.default is MISSING or getattr(spec, each.name) != each.default)
    }


def _section(lines: list[str]) -> str:
    return "\n".join(lines) + "\n"


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _value(name)


def _value(value: object) -> str:
    """A value in TOML."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, tuple | list):
        return f"[{', '.join(_value(item) for item in value)}]"
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(key)} = {_value(item)}" for key, item in value.items()) + " }"
    if isinstance(value, int | float):
        return _number(value)
    # A JSON text is one of TOML's basic strings, but for DEL.
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")


def _number(value: float) -> str:
    """Whole numbers without a fraction; ``1e+16`` is a float in TOML as in Python."""
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e15 else repr(value)
