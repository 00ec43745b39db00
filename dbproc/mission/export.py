"""Write a definition as a TOML mission file; applied to its own database, it changes nothing."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from dbproc.core.durations import duration_text
from dbproc.core.hooks import Hook
from dbproc.core.keys import Form, keys
from dbproc.core.places import AreaSpec, PlaceSpec, ReplicateSpec
from dbproc.core.service import MonitorSpec, ServiceSpec
from dbproc.core.spec import Definition, InputSpec, InspectorSpec, MissionSpec, ProcessSpec, ProductSpec

_Group = tuple[str, str]


def export_toml(definition: Definition) -> str:
    """The definition as TOML, without retired things and default values."""
    products = [product for product in definition.products.values() if product.active]
    processes = [process for process in definition.processes.values() if process.codes]
    groups = _groups(products, definition.mission.name)
    sections = [
        _mission(definition.mission, next(iter(groups))),
        *(_table("[notify.{}]", hook) for hook in definition.mission.notify),
        *(_table("[source.{}]", source) for source in definition.mission.sources),
        *(_table("[store.{}]", store) for store in definition.mission.stores),
        *(_table("[[replicate]]", rule) for rule in definition.mission.replicates),
        *(_table("[area.{}]", area) for area in definition.mission.areas),
        *(_table("[service]", table) for table in definition.mission.service),
        *(_table("[monitor]", table) for table in definition.mission.monitor),
        *(_instrument(group, key) for group, key in groups.items() if key),
        *(_product(product, groups[product.satellite, product.instrument]) for product in products),
        *(text for process in processes for text in _process(process)),
    ]
    return "\n".join(sections)


def _groups(products: list[ProductSpec], mission: str) -> dict[_Group, str]:
    """Satellites and instruments with their keys; the most common comes first and needs no key."""
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
    named = zip(("satellite", "instrument"), group, strict=True)
    groups = {key: name for key, name in named if name != mission.name}
    return _section(["[mission]", *_lines(_required(mission) | _unusual(mission) | groups)])


def _table(head: str, spec: Hook | PlaceSpec | ReplicateSpec | AreaSpec | ServiceSpec | MonitorSpec) -> str:
    """A table of the mission with a name."""
    return _section([head.format(_key(spec.name)), *_lines(_required(spec) | _unusual(spec))])


def _instrument(group: _Group, key: str) -> str:
    lines = [f"[instrument.{_key(key)}]", f"satellite = {_value(group[0])}"]
    return _section(lines if key == group[1] else [*lines, f"name = {_value(group[1])}"])


def _product(product: ProductSpec, group: str) -> str:
    values = _required(product) | ({"instrument": group} if group else {}) | _unusual(product)
    values.pop("companion", None)
    if product.companion != product.inspector.has_companions:
        values["companion"] = product.companion
    return _section([f"[product.{_key(product.name)}]", *_lines(values | _inspector(product.inspector))])


def _inspector(inspector: InspectorSpec) -> dict[str, object]:
    rest = _unusual(inspector)
    file: object = {"file": inspector.file} | rest if rest else inspector.file
    named = {"inspector": file} if file != "filename" else {}
    return named | ({"inspector_arguments": inspector.arguments} if inspector.arguments else {})


def export_codes(process: ProcessSpec) -> str:
    """The tables of the codes of a process, as in a mission file."""
    return "\n".join(_codes(process))


def _process(process: ProcessSpec) -> Iterator[str]:
    made = process.outputs if process.further_outputs else process.output
    values = ({"output": made} if made else {}) | _required(process)
    inputs = f"inputs = [{', '.join(_inputs(process.inputs))}]"
    yield _section([f"[process.{_key(process.name)}]", *_lines(values), inputs, *_lines(_unusual(process))])
    yield from _codes(process)


def _codes(process: ProcessSpec) -> Iterator[str]:
    brackets = "[{}]" if len(process.codes) == 1 else "[[{}]]"
    for code in process.codes:
        yield _section(
            [brackets.format(f"process.{_key(process.name)}.code"), *_lines(_required(code) | _unusual(code))]
        )


def _inputs(inputs: Sequence[InputSpec]) -> Iterator[str]:
    for choice, group in groupby(inputs, key=lambda given: given.choice):
        members = list(group)
        if choice is None:
            yield from map(_input, members)
        else:
            yield _value({"first_of": [given.product for given in members]} | _unusual(members[0]))


def _input(given: InputSpec) -> str:
    unusual = _unusual(given)
    return _value({"product": given.product} | unusual if unusual else given.product)


def _required(spec: object) -> dict[str, object]:
    """The values of required keys."""
    return {key.toml: getattr(spec, key.name) for key in keys(type(spec)) if key.toml and key.is_required}


def _unusual(spec: object) -> dict[str, object]:
    """The values that differ from the defaults, by key."""
    return {
        key.toml: value[0] if key.form is Form.CHOICE and len(value) == 1 else value
        for key in keys(type(spec))
        if key.toml and not key.is_required and (value := getattr(spec, key.name)) != key.default
    }


def _lines(values: Mapping[str, object]) -> list[str]:
    return [f"{key} = {_value(value)}" for key, value in values.items()]


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
    if isinstance(value, dt.timedelta):
        return _value(duration_text(value))
    # A JSON text is one of TOML's basic strings, but for DEL.
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")


def _number(value: float) -> str:
    """Whole numbers without a fraction; ``1e+16`` is a float in TOML as in Python."""
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e15 else repr(value)
