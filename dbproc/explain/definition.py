"""What a mission is made of: its directories, products and processes, each with its number."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from dbproc.core.errors import NO_MISSION, NotFoundError
from dbproc.core.keys import Form, keys
from dbproc.core.lookup import number_named
from dbproc.core.spec import Definition, MissionSpec
from dbproc.database.definition.load import load_definition
from dbproc.database.definition.specs import NumberedDefinition, numbered_definition
from dbproc.database.store import Store
from dbproc.mission.input_words import input_words
from dbproc.mission.keywise import given_words


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownTable:
    """A hook, a source, a store, a rule of replication or an area."""

    kind: str  #: which of them
    name: str  #: its name; of a rule its place in the mission file
    words: str  #: its keys, without those that are as they are by default


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownMission:
    """The mission and its directories."""

    number: int  #: its number
    name: str  #: its name
    root: str  #: its root
    incoming: str  #: where files arrive, below the root or absolute
    quarantine: str  #: where refused files are
    codes: str  #: where codes are
    inspectors: str  #: where inspectors are
    products: int  #: how many products there are
    processes: int  #: how many processes there are
    tables: tuple[ShownTable, ...]  #: its hooks, sources, stores, rules of replication and areas


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownProduct:
    """A product and what it is to others."""

    number: int  #: its number
    name: str  #: its name
    level: float  #: its level
    satellite: str  #: its satellite
    instrument: str  #: its instrument
    directory: str  #: its directory, below the root
    format: str  #: the format of its filenames
    inspector: str  #: what confirms its files
    active: bool  #: whether it takes files; else it is retired
    made_by: str | None  #: the process that makes it; null: it is delivered
    used_by: tuple[str, ...]  #: the processes of which it is an input
    files: int  #: how many files it has, of every version


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownInput:
    """An input product of a process."""

    number: int  #: the number of the product
    product: str  #: the product
    optional: bool  #: whether the process does without it
    words: str  #: the product, with its window and what else is said of it


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownProcess:
    """A process with its inputs, outputs and codes."""

    number: int  #: its number
    name: str  #: its name
    timebase: str  #: the periods of its outputs
    inputs: tuple[ShownInput, ...]  #: its input products
    outputs: tuple[str, ...]  #: its output products, the first one first
    codes: tuple[str, ...]  #: its codes with their versions; none: it is retired


def mission(store: Store) -> ShownMission:
    """The mission itself.

    Raises
    ------
    NotFoundError
        No mission file was applied yet; so do the others.
    """
    found = _read(store)
    held = found.definition.mission
    return ShownMission(
        number=found.number,
        name=held.name,
        root=held.root,
        incoming=held.incoming,
        quarantine=held.quarantine,
        codes=held.codes,
        inspectors=held.inspectors,
        products=len(found.products),
        processes=len(found.processes),
        tables=tuple(_tables(held)),
    )


def _tables(mission: MissionSpec) -> Iterator[ShownTable]:
    for key in keys(MissionSpec):
        if key.form is Form.TABLES:
            for each in getattr(mission, key.name):
                yield ShownTable(kind=key.words, name=each.name, words=", ".join(given_words(each)))


def products(
    store: Store, names: tuple[str, ...] = (), *, text: str = "", instrument: str = ""
) -> tuple[ShownProduct, ...]:
    """The products, or those of some names or numbers, by their numbers; with `text` in the name, of an instrument."""
    found = _read(store)
    makers, users = _makers(found.definition), _users(found.definition)
    shown = [
        ShownProduct(
            number=number,
            name=name,
            level=spec.level,
            satellite=spec.satellite,
            instrument=spec.instrument,
            directory=spec.directory,
            format=spec.format,
            inspector=spec.inspector.file,
            active=spec.active,
            made_by=makers.get(name),
            used_by=tuple(users[name]),
            files=found.files.get(name, 0),
        )
        for number, name in _chosen("product", found.products, names)
        for spec in (found.definition.products[name],)
        if text.lower() in name.lower() and instrument in ("", spec.instrument)
    ]
    return tuple(shown)


def processes(
    store: Store, names: tuple[str, ...] = (), *, only_required: bool = False, text: str = "", product: str = ""
) -> tuple[ShownProcess, ...]:
    """The processes, or those of some names or numbers, by their numbers; with all inputs, or the required ones; with
    `text` in the name; of which a product is an input or an output."""
    found = _read(store)
    numbers = {name: number for number, name in found.products.items()}
    return tuple(
        ShownProcess(
            number=number,
            name=name,
            timebase=spec.timebase,
            inputs=tuple(
                ShownInput(
                    number=numbers[each.product], product=each.product, optional=each.optional, words=input_words(each)
                )
                for each in spec.inputs
                if not (only_required and each.optional)
            ),
            outputs=spec.outputs,
            codes=tuple(f"{code.file} {code.running or code.version}" for code in spec.codes),
        )
        for number, name in _chosen("process", found.processes, names)
        for spec in (found.definition.processes[name],)
        if text.lower() in name.lower() and product in ("", *spec.outputs, *(each.product for each in spec.inputs))
    )


def product_names(store: Store) -> list[str]:
    """The products of the mission file, by level and name."""
    with store.begin() as connection:
        known = load_definition(connection).products.values()
    return [each.name for each in sorted(known, key=lambda each: (each.level, each.name))]


def process_names(store: Store) -> list[str]:
    """The processes of the mission file, by name."""
    with store.begin() as connection:
        return sorted(each.name for each in load_definition(connection).processes.values())


def _read(store: Store) -> NumberedDefinition:
    with store.begin() as connection:
        found = numbered_definition(connection)
    if found is None:
        raise NotFoundError(NO_MISSION)
    return found


def _chosen(kind: str, numbered: Mapping[int, str], names: tuple[str, ...]) -> list[tuple[int, str]]:
    numbers = [number_named(kind, numbered, name) for name in names] or sorted(numbered)
    return [(number, numbered[number]) for number in dict.fromkeys(numbers)]


def _makers(definition: Definition) -> dict[str, str]:
    return {product: name for name, process in definition.processes.items() for product in process.outputs}


def _users(definition: Definition) -> dict[str, list[str]]:
    users: dict[str, list[str]] = defaultdict(list)
    for name, process in definition.processes.items():
        for given in process.inputs:
            users[given.product].append(name)
    return users
