"""Read a mission file in TOML."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dbproc.core.errors import DefinitionError
from dbproc.core.hooks import Hook
from dbproc.core.model import CodeEditPolicy
from dbproc.core.places import AreaSpec, ReplicateSpec, SourceSpec, StoreSpec
from dbproc.core.service import MonitorSpec, ServiceSpec
from dbproc.core.spec import (
    CodeSpec,
    Definition,
    InputSpec,
    InspectorSpec,
    KeyPath,
    MissionSpec,
    ProcessSpec,
    ProductSpec,
)
from dbproc.mission import paths
from dbproc.mission.problems import Problems, raise_for, suggestion
from dbproc.mission.templates import expanded
from dbproc.mission.toml_lines import TomlPlaces
from dbproc.mission.toml_table import Table

_POLICIES = [policy.value for policy in CodeEditPolicy]
_PLACES = (("sources", "source", SourceSpec), ("stores", "store", StoreSpec), ("areas", "area", AreaSpec))
_SINGLES: tuple[tuple[str, type[Any]], ...] = (("service", ServiceSpec), ("monitor", MonitorSpec))


@dataclass(frozen=True, slots=True)
class _Group:
    """An instrument and its satellite."""

    satellite: str
    instrument: str


def read_toml(text: str, path: Path, problems: Problems) -> Definition:
    """Read a TOML mission file; faults go to `problems`.

    Parameters
    ----------
    text
        The file's contents.
    path
        The file; a relative root is relative to its directory.
    problems
        Filled with faults; the returned definition has neutral values in those places.

    Raises
    ------
    DefinitionError
        The file is not TOML at all, or has a template of which nothing can be made.
    """
    content = _parse(text, path)
    places = TomlPlaces(text)
    found = Problems()
    made = expanded(content, found)
    raise_for(found.found, str(path), places)
    top = Table(made.content, (), problems)
    mission, groups = _mission(top, path.absolute().parent)
    products = {
        name: _product(Table(content, ("product", name), problems), name, mission, groups)
        for name, content in top.named("product").items()
    }
    processes = {
        name: _process(Table(content, ("process", name), problems), name)
        for name, content in top.named("process").items()
    }
    top.close()
    return Definition(
        mission=mission,
        products=products,
        processes=processes,
        finder=made.places(places),
        templates=tuple(made.templates),
    )


def _parse(text: str, path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise DefinitionError(f"{path} is not TOML:", ("its brackets are nested too deeply",)) from error
    except tomllib.TOMLDecodeError as error:
        found = re.fullmatch(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", str(error))
        line = f"line {found[2]}, column {found[3]}: {found[1]}" if found and found[2] else str(error)
        raise DefinitionError(
            f"{path} is not TOML:", (f"{line}; texts need quotes, a key stands once in a table",)
        ) from error
    except ValueError as error:  # a number of more digits than Python reads
        raise DefinitionError(f"{path} is not TOML:", (str(error).partition(";")[0],)) from error


def _mission(top: Table, home: Path) -> tuple[MissionSpec, Mapping[str, _Group]]:
    table = Table(_mission_table(top), ("mission",), top.problems)
    table.content = {"root": ".", **table.content}
    values = table.known(MissionSpec)
    constants = paths.mission_constants(values["name"])
    places = {key: paths.directory(paths.filled(values[key], constants)) for key in paths.DIRECTORIES if key in values}
    values |= places | {"root": os.path.normpath(home / places["root"])}
    mission = paths.with_whole_places(MissionSpec(**values))
    groups = _groups(top, table, mission)
    table.close()
    return replace(mission, notify=tuple(_hooks(top)), **_places(top, mission)), groups


def _places(top: Table, mission: MissionSpec) -> dict[str, Any]:
    """Sources, stores, rules of replication and areas, with whole paths."""
    tables: dict[str, list[tuple[str, KeyPath, object, type[Any]]]] = {
        field: [(name, (kind, name), content, spec) for name, content in top.named(kind).items()]
        for field, kind, spec in _PLACES
    }
    for kind, spec in _SINGLES:
        tables[kind] = [(kind, (kind,), top.content[kind], spec)] if top.has(kind) else []
    rules = top.tables("replicate")
    tables["replicates"] = [(str(at + 1), path, content, ReplicateSpec) for at, (path, content) in enumerate(rules)]
    return {field: tuple(_place(top, mission, *each) for each in found) for field, found in tables.items()}


def _place(top: Table, mission: MissionSpec, name: str, path: KeyPath, content: object, spec: type[Any]) -> Any:
    table = Table(content, path, top.problems)
    values = table.known(spec)
    table.close()
    return paths.with_whole_paths(spec(name=name, **values), mission)


def _hooks(top: Table) -> Iterator[Hook]:
    for name, content in top.named("notify").items():
        table = Table(content, ("notify", name), top.problems)
        hook = Hook(name=name, **table.known(Hook))
        table.close()
        if hook.fault is not None:
            top.problems.add(("notify", name), hook.fault)
        yield hook


def _mission_table(top: Table) -> object:
    if not top.has("mission"):
        top.problems.add(("mission", "name"), 'is missing; begin the file with [mission] and name = "…"')
    return top.content.get("mission", {})


def _groups(top: Table, mission_table: Table, mission: MissionSpec) -> Mapping[str, _Group]:
    """The instruments by name; the mission's own also under the empty name."""
    constants = paths.mission_constants(mission.name)
    satellite = paths.filled(mission_table.text("satellite", mission.name), constants)
    instrument = paths.filled(mission_table.text("instrument", mission.name), constants)
    groups = {"": _Group(satellite, instrument), instrument: _Group(satellite, instrument)}
    for key, content in top.named("instrument").items():
        table = Table(content, ("instrument", key), top.problems)
        groups[key] = _Group(
            paths.filled(table.text("satellite", satellite), constants),
            paths.filled(table.text("name", key), constants),
        )
        table.close()
    return groups


def _product(table: Table, name: str, mission: MissionSpec, groups: Mapping[str, _Group]) -> ProductSpec:
    group = _group(table, groups)
    inspector = _inspector(table)
    values = {"companion": inspector.has_companions, **table.known(ProductSpec)}
    product = ProductSpec(
        name=name, satellite=group.satellite, instrument=group.instrument, inspector=inspector, **values
    )
    table.close()
    return completed(product, mission)


def completed(product: ProductSpec, mission: MissionSpec) -> ProductSpec:
    """Fill in a product's constants and make its directory relative to the root."""
    constants = paths.product_constants(mission, product)
    inspector = product.inspector
    return replace(
        product,
        directory=paths.product_directory(paths.filled(product.directory, constants), mission.root),
        format=paths.filled(product.format, constants),
        inspector=replace(
            inspector,
            file=paths.program(paths.filled(inspector.file, constants)),
            description=paths.filled(inspector.description, constants),
            arguments={key: paths.filled(value, constants) for key, value in inspector.arguments.items()},
        ),
    )


def _group(table: Table, groups: Mapping[str, _Group]) -> _Group:
    name = table.text("instrument", "")
    if name not in groups:
        text = f"the instrument {name!r} is declared nowhere (with a table [instrument.{name}])"
        table.complain("instrument", text + suggestion(name, (key for key in groups if key)))
    return groups.get(name, groups[""])


def _inspector(table: Table) -> InspectorSpec:
    """``inspector = "netcdf"`` with ``inspector_arguments``, or a table with all its keys."""
    arguments = table.words("inspector_arguments")
    if not isinstance(table.content.get("inspector"), dict):
        return InspectorSpec(file=table.text("inspector", "filename"), arguments=arguments)
    table.has("inspector")
    inner = Table(table.content["inspector"], table.at("inspector"), table.problems)
    inspector = InspectorSpec(
        file=inner.text("file"), arguments=arguments | inner.words("arguments"), **inner.known(InspectorSpec)
    )
    inner.close()
    return inspector


def _process(table: Table, name: str) -> ProcessSpec:
    output, further = _outputs(table)
    process = ProcessSpec(
        name=name,
        output=output,
        further_outputs=further,
        inputs=_inputs(table),
        codes=tuple(_code(Table(content, path, table.problems)) for path, content in table.tables("code")),
        **table.known(ProcessSpec),
    )
    table.close()
    return process


def _outputs(table: Table) -> tuple[str | None, tuple[str, ...]]:
    """The first output and the further ones: ``output = "a"`` or ``output = ["a", "b"]``."""
    if not isinstance(table.content.get("output"), list):
        return table.optional_text("output"), ()
    names = table.texts("output")
    if not names:
        table.complain("output", "is an empty list; name a product, or leave output out")
    return (names[0] if names else None), names[1:]


def _inputs(table: Table) -> tuple[InputSpec, ...]:
    if not table.has("inputs"):
        table.complain("inputs", 'is missing; list the products that the code reads, for example ["met_b1"]')
    return tuple(
        given
        for position, item in enumerate(table.items("inputs"))
        for given in _input(item, (*table.at("inputs"), position), table.problems)
    )


def _input(item: object, path: KeyPath, problems: Problems) -> Iterator[InputSpec]:
    if isinstance(item, str):
        yield InputSpec(product=item)
        return
    if not isinstance(item, dict):
        problems.add(path, 'must be the name of a product in quotes, or a table { product = "…", yesterday = 1 }')
    table = Table(item, path, problems)
    is_choice = table.has("first_of")
    products = table.texts("first_of") if is_choice else (table.text("product"),)
    if is_choice and len(products) < 2:
        table.complain("first_of", 'lists the products that stand for each other, the best first: ["final", "quick"]')
    values = table.known(InputSpec)
    for product in products:
        yield InputSpec(product=product, choice=products[0] if is_choice else None, **values)
    table.close()


def _code(table: Table) -> CodeSpec:
    values = table.known(CodeSpec)
    table.close()
    return CodeSpec(**(values | {"file": paths.program(values["file"])}))
