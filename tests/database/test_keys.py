"""Each scalar key of a definition is written, read, exported and compared: none is forgotten on any way."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from string import ascii_lowercase, digits
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from dbproc.core import model
from dbproc.core.access import Scope
from dbproc.core.errors import DefinitionError
from dbproc.core.hooks import Hook
from dbproc.core.keys import Effect, Form, Key, alike, keys
from dbproc.core.places import AreaSpec, ReplicateSpec, SourceSpec, StoreSpec
from dbproc.core.service import MonitorSpec, ServiceSpec
from dbproc.core.spec import (
    CodeSpec,
    Definition,
    Holdings,
    InputSpec,
    InspectorSpec,
    MissionSpec,
    ProcessSpec,
    ProductSpec,
)
from dbproc.core.states import NoticeEvent
from dbproc.core.version import Version
from dbproc.database import schema
from dbproc.database.definition.load import load_definition
from dbproc.database.definition.specs import current_definition, load_holdings
from dbproc.database.definition.write import write_changes
from dbproc.database.store import Store, open_store
from dbproc.mission import difference, export_toml
from dbproc.mission.problems import Problems
from dbproc.mission.toml import read_toml
from tests.kit.databases import new_database

TABLES = {
    MissionSpec: schema.mission,
    ProductSpec: schema.product,
    InspectorSpec: schema.inspector,
    InputSpec: schema.productprocesslink,
    ProcessSpec: schema.process,
    CodeSpec: schema.code,
}
BY_HAND: dict[type, str] = {
    MissionSpec: "mission_id identity root_marked",
    ProductSpec: "product_id instrument_id",
    InspectorSpec: "inspector_id filename relative_path arguments active_code newest_version product shasum stat",
    InputSpec: "process_id input_product_id position choice",
    ProcessSpec: "process_id output_product",
    CodeSpec: "code_id process_id filename relative_path shasum stat newest_version release_time same_as kept",
}
"""What the tables have besides: numbers, references, and what has a shape of its own."""
VERSIONED = "interface_version quality_version revision_version"
ENDS = st.sampled_from(ascii_lowercase), st.text(ascii_lowercase + digits + "_ é'\"", max_size=6)
WORDS = st.builds("{}{}{}".format, *ENDS, st.sampled_from(ascii_lowercase + digits))
BY_FORM: dict[Form, st.SearchStrategy[Any]] = {
    Form.TEXT: WORDS,
    Form.LINES: st.lists(WORDS, max_size=2).map("\n".join),
    Form.NUMBER: st.floats(0, 2000) | st.integers(0, 2000),
    Form.WHOLE: st.integers(0, 40_000),
    Form.FLAG: st.booleans(),
    Form.DATE: st.dates(dt.date(1950, 1, 1), dt.date(2090, 12, 31)),
    Form.VERSION: st.builds(Version, st.integers(1, 99), st.integers(0, 99), st.integers(0, 99)),
    Form.DURATION: st.integers(0, 10**9).map(lambda seconds: dt.timedelta(seconds=seconds)),
    Form.WORDS: st.lists(WORDS, max_size=3).map(tuple),
}
URLS = st.sampled_from(["file:///a b", "https://example.org/data", "s3://bucket/a"])
SOME = st.lists(WORDS, min_size=1, max_size=2).map(tuple)
OF_THEIR_OWN: dict[str, st.SearchStrategy[Any]] = {
    "root": WORDS.map("/{}".format),
    "umask": st.sampled_from(["002", "0027"]),
    "keep": st.sampled_from(["all", "newest", "last 3"]),
    "timebase": st.sampled_from(["FILE", "DAILY", "15 min", "per read"]),
    "start": st.dates(dt.date(1950, 1, 1), dt.date(1999, 12, 31)),
    "stop": st.dates(dt.date(2000, 1, 1), dt.date(2090, 12, 31)),
    "output": st.just("made"),
    "notify": st.lists(st.deferred(lambda: HOOKS), max_size=2, unique_by=lambda hook: hook.name).map(tuple),
    "sources": st.deferred(lambda: tables(SourceSpec, url=URLS)),
    "stores": st.deferred(lambda: tables(StoreSpec, url=URLS)),
    "replicates": st.deferred(lambda: tables(ReplicateSpec, products=SOME, to=SOME).map(counted)),
    "areas": st.deferred(lambda: tables(AreaSpec, directory=st.sampled_from(["/a", "/b c"]))),
    "service": st.deferred(lambda: single(ServiceSpec, "service", **SERVED)),
    "monitor": st.deferred(lambda: single(MonitorSpec, "monitor", textfile=st.sampled_from(["", "/a b.prom"]))),
    "further_outputs": st.sampled_from([(), ("more",)]),
    "path": st.sampled_from([("first",), ("last",), ("/opt/a b",), ("/opt/a", "/opt/b")]),
    "outside": st.sampled_from([(), ("/disk 3",), ("/disk3", "/disk4")]),
}


HOOKS: st.SearchStrategy[Hook] = st.builds(
    Hook,
    name=WORDS,
    command=st.lists(WORDS, min_size=1, max_size=2).map(tuple),
    events=st.lists(st.sampled_from(NoticeEvent).map(str), max_size=2).map(tuple),
    seconds=st.floats(0.1, 60),
    long_lock=st.integers(1, 10**9).map(lambda seconds: dt.timedelta(seconds=seconds)),
) | st.builds(Hook, name=WORDS, webhook=st.sampled_from(["env:HOOK", "file:hook.txt", "https://example.org/a"]))


PLACE_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "host_key": st.sampled_from(["", "/etc/hosts of ssh"]),
    "ca_file": st.sampled_from(["", "/etc/ca.pem"]),
    "endpoint": st.sampled_from(["", "https://s3.example.org:9000"]),
    "path": st.sampled_from(["*", "{Y}/{m}/*.cdf"]),
    "connections": st.integers(1, 64),
    "hosts": st.sampled_from([(), ("example.org", "10.0.0.1")]),
}
REFERENCES = st.sampled_from(["", "env:NAME", "file:/a b", "keyring:a/b"])


def tables(kind: type, **required: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    """Tables of one kind, with any values and different names."""
    drawn = {key.name: REFERENCES if key.secret else values(key) for key in keys(kind)}
    drawn |= {name: strategy for name, strategy in PLACE_VALUES.items() if name in drawn}
    made = st.builds(kind, **(drawn | {"name": WORDS} | required))
    return st.lists(made, max_size=2, unique_by=lambda each: each.name).map(tuple)


SERVED: dict[str, st.SearchStrategy[Any]] = {
    "url": st.sampled_from(["", "https://example.org/dbproc"]),
    "issuer": st.sampled_from(["", "https://issuer.example.org"]),
    "scopes": st.lists(st.sampled_from(Scope).map(str), min_size=1, max_size=2, unique=True).map(tuple),
    "origins": st.sampled_from([(), ("https://example.org", "http://a:81")]),
    "uploads": st.integers(1, 100),
}


def single(kind: type, name: str, **required: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    """No table, or the one that there may be of its kind."""
    return tables(kind, **required).map(lambda drawn: tuple(replace(each, name=name) for each in drawn[:1]))


def counted(rules: tuple[ReplicateSpec, ...]) -> tuple[ReplicateSpec, ...]:
    """Rules named by their places in the file."""
    return tuple(replace(rule, name=str(at + 1)) for at, rule in enumerate(rules))


def values(key: Key) -> st.SearchStrategy[Any]:
    """What a key may be; None where it need not be there and has no other default."""
    if key.name in OF_THEIR_OWN:
        return OF_THEIR_OWN[key.name]
    check = key.check
    drawn = st.sampled_from(key.choices) if key.choices else BY_FORM[key.form]
    fit = drawn if check is None or key.form is Form.WORDS else drawn.filter(lambda value: check(value) is None)
    return st.none() | fit if key.default is None else fit


REQUIRED: dict[type, dict[str, Any]] = {InputSpec: {"product": "read"}, ProcessSpec: {"inputs": ()}}
"""What is no scalar key, and has no default."""


@cache
def any_of(kind: type) -> st.SearchStrategy[Any]:
    """A specification with any values; it is made once, for making it takes longer than drawing from it."""
    given = {name: st.just(value) for name, value in REQUIRED.get(kind, {}).items()}
    return st.builds(kind, **{key.name: values(key) for key in keys(kind)}, **given)


def specs(kind: type, **others: Any) -> st.SearchStrategy[Any]:
    """A specification with any values; what is no scalar key, or has to have a certain value, is among `others`."""
    return any_of(kind).map(lambda drawn: replace(drawn, **others))


@st.composite
def definitions(draw: st.DrawFn) -> Definition:
    inspector = draw(specs(InspectorSpec))
    products = [draw(specs(ProductSpec, name=name, inspector=inspector)) for name in ("read", "made", "more")]
    process = draw(
        specs(
            ProcessSpec,
            inputs=(draw(specs(InputSpec, product="read")),),
            codes=(draw(specs(CodeSpec)),),
        )
    )
    return Definition(
        mission=draw(specs(MissionSpec)),
        products={product.name: product for product in products},
        processes={process.name: process},
    )


def specification(definition: Definition, kind: type) -> Any:
    (process,) = definition.processes.values()
    made = definition.products["made"]
    found = [definition.mission, made, made.inspector, process.inputs[0], process, process.codes[0]]
    return next(each for each in found if type(each) is kind)


def with_other(definition: Definition, kind: type, name: str, value: object) -> Definition:
    """The definition with another value of one key."""
    (process,) = definition.processes.values()
    made = definition.products["made"]
    changed = replace(specification(definition, kind), **{name: value})
    match changed:
        case MissionSpec():
            return replace(definition, mission=changed)
        case ProductSpec():
            return replace(definition, products={**_without(definition, "made"), changed.name: changed})
        case InspectorSpec():
            return replace(definition, products={**definition.products, "made": replace(made, inspector=changed)})
        case InputSpec():
            process = replace(process, inputs=(changed,))
        case CodeSpec():
            process = replace(process, codes=(changed,))
        case _:
            process = changed
    return replace(definition, processes={process.name: process})


def _without(definition: Definition, name: str) -> dict[str, ProductSpec]:
    return {each.name: each for each in definition.products.values() if each.name != name}


class _Undone(Exception):
    pass


@contextmanager
def undone(store: Store) -> Iterator[Connection]:
    """A transaction that leaves nothing behind."""
    try:
        with store.begin() as connection:
            yield connection
            raise _Undone
    except _Undone:
        pass


@pytest.fixture
def store(database: str) -> Iterator[Store]:
    with open_store(new_database(database)) as opened:
        yield opened


FEW = settings(
    max_examples=5, deadline=None, phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck)
)
MANY = settings(FEW, max_examples=25)


@pytest.mark.parametrize("kind", TABLES)
def test_every_column_is_a_keys_or_written_by_hand(kind: type) -> None:
    columns = {key.column for key in keys(kind)} - {None}
    versioned = VERSIONED.split() if kind in (InspectorSpec, CodeSpec) else []
    assert columns | {*BY_HAND[kind].split(), *versioned} == set(TABLES[kind].c.keys())
    assert columns.isdisjoint(BY_HAND[kind].split())


@MANY
@given(definition=definitions())
def test_a_definition_comes_back_from_the_database_and_from_its_export(definition: Definition, store: Store) -> None:
    with undone(store) as connection:
        write_changes(connection, difference(None, definition), Holdings())
        held = current_definition(connection)
    assert held == definition
    problems = Problems()
    again = read_toml(export_toml(held), Path("/elsewhere/mission.toml"), problems)
    assert problems.found == []
    assert again == definition
    assert difference(held, again) == []


@MANY
@given(definition=definitions())
def test_what_runs_are_given_is_what_was_defined(definition: Definition, store: Store) -> None:
    with undone(store) as connection:
        write_changes(connection, difference(None, definition), Holdings())
        loaded = load_definition(connection)
    assert loaded.mission.settle_seconds == definition.mission.settle_seconds
    (process,) = definition.processes.values()
    code, apart = process.codes[0], {"version", "retry_longest", "on_code_edit"}
    assert {each.inputs[0].yesterday for each in loaded.processes.values()} == {process.inputs[0].yesterday}
    for found in loaded.codes.values():
        same = {name: value for name, value in alike(code, model.Code).items() if name not in apart}
        assert {name: getattr(found[0], name) for name in same} == same
    for product in loaded.products.values():
        same = alike(definition.products[product.name], model.Product)
        assert {name: getattr(product, name) for name in same} == same


def test_no_change_of_a_key_is_silently_none(store: Store) -> None:
    for kind in TABLES:
        # renamed_from is of what there was before, and nothing where that never was
        names = {key.name for key in keys(kind)} - {"renamed_from"}
        check_changes(store=store, kind=kind, names=sorted(names - {"output"}))
        if "output" in names:
            check_changes(store=store, kind=kind, names=["output"])


@FEW
@given(data=st.data())
def check_changes(data: st.DataObject, store: Store, kind: type, names: list[str]) -> None:
    """Another value of each of these keys is refused, as its code's version has to be raised, or it is written."""
    old = data.draw(definitions())
    if names == ["output"]:
        old = with_other(old, kind, "further_outputs", ())
    changed = {name: data.draw(_changed(old, kind, name), f"{kind.__name__}.{name}") for name in names}
    with undone(store) as connection:
        write_changes(connection, difference(None, old), Holdings())
        holdings = load_holdings(connection)
        for name, new in changed.items():
            _check_change(connection, holdings, next(key for key in keys(kind) if key.name == name), new)


def _changed(old: Definition, kind: type, name: str) -> st.SearchStrategy[Definition]:
    """The definition with another value of one key."""
    before = getattr(specification(old, kind), name)
    key = next(key for key in keys(kind) if key.name == name)
    others = st.just("more") if name == "output" else values(key).filter(lambda value: value != before)

    def with_it(value: Any) -> Definition:
        new = with_other(old, kind, name, value)
        if (kind, name) == (ProductSpec, "name"):
            new = replace(new, processes={each: replace(spec, output=value) for each, spec in new.processes.items()})
        return new

    return others.map(with_it)


def _check_change(connection: Connection, holdings: Holdings, key: Key, new: Definition) -> None:
    try:
        changes = difference(holdings.definition, new, holdings)
    except DefinitionError:
        assert key.effect in (None, Effect.RELEASE)
        return
    assert changes
    with suppress(_Undone), connection.begin_nested():
        write_changes(connection, changes, holdings)
        assert current_definition(connection) == new
        raise _Undone
