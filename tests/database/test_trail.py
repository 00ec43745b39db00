"""The audit trail: what is in it stays in it, on both databases, and what is done to it all the same is seen."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from dbproc.core.access import Principal
from dbproc.core.errors import ConflictError
from dbproc.core.redaction import remember
from dbproc.core.trail import flaws
from dbproc.database import schema, trail
from dbproc.database.store import Store, open_store
from tests.kit.databases import new_database

ANNA = Principal("anna", token="abc", address="10.0.0.7", request="r1")


@pytest.fixture
def store(database: str) -> Iterator[Store]:
    with open_store(new_database(database)) as store:
        yield store


def _add(store: Store, *actions: str) -> None:
    for action in actions:
        with store.begin() as connection:
            trail.add(connection, who=ANNA, action=action, object="file 7", detail={"größe": [1, None, True]})


def _flaws(store: Store) -> list[str]:
    with store.begin() as connection:
        return [f"{flaw.number}: {flaw.reason}" for flaw in flaws(trail.entries(connection))]


def test_entries_follow_from_one_another(store: Store) -> None:
    _add(store, "upload begin", "upload end", "token create")
    with store.begin() as connection:
        first, *_, last = entries = list(trail.entries(connection))
        assert [entry.number for entry in entries] == [1, 2, 3]
        assert (first.who, first.token, first.address, first.request) == ("anna", "abc", "10.0.0.7", "r1")
        assert (first.detail, first.result, first.previous) == ('{"größe": [1, null, true]}', "done", "")
        assert last.previous == entries[1].digest
        assert trail.newest(connection, most=5, action="upload", before=3, who="anna") == entries[1::-1]
        assert trail.newest(connection, most=1, object="file 7") == [last]
        assert trail.newest(connection, most=1, who="ben") == []
    assert _flaws(store) == []


def test_secrets_do_not_get_into_it(store: Store) -> None:
    remember("abracadabra")
    with store.begin() as connection:
        detail = {"url": "http://a:hidden-1@h/", "said": "abracadabra", "config": [{"secret_access_key": "hidden-2"}]}
        trail.add(connection, who=Principal("a\x00b"), action="import ask", object="password=hidden-3", detail=detail)
        (entry,) = trail.entries(connection)
    assert not any(word in str(entry) for word in ("hidden-", "abracadabra"))
    assert (entry.who, entry.object) == ("a\\x00b", "password=***")


def test_nothing_in_it_is_changed_or_removed(store: Store) -> None:
    _add(store, "one", "two")
    statements = ["UPDATE audit SET who = 'ben'", "DELETE FROM audit WHERE audit_id = 2"]
    values = "VALUES (2, '2026-01-01 00:00:00', 'ben', '', '', 'x', '', '{}', 'done', '', '', '')"
    if store.is_server:
        statements += ["TRUNCATE audit", f"INSERT INTO audit {values} ON CONFLICT (audit_id) DO UPDATE SET who = 'ben'"]
    else:
        statements += [f"INSERT OR REPLACE INTO audit {values}"]
    for statement in statements:
        with pytest.raises(ConflictError, match="never changed or removed"), store.begin() as connection:
            connection.execute(text(statement))
    assert _flaws(store) == []


def test_what_is_done_to_it_all_the_same_is_seen(store: Store) -> None:
    _add(store, *(f"action {number}" for number in range(1, 7)))
    with store.begin() as connection:
        for name in schema.triggers(store.dialect):
            connection.execute(text(f"DROP TRIGGER {name}{' ON audit' if store.is_server else ''}"))
        connection.execute(text("UPDATE audit SET who = 'ben' WHERE audit_id = 2"))
        connection.execute(text("DELETE FROM audit WHERE audit_id = 4"))
        connection.execute(text("UPDATE audit SET previous = 'sha256:0' WHERE audit_id = 6"))
    assert _flaws(store) == [
        "2: it is not what was entered",
        "5: entry 4 is missing before it",
        "6: it does not follow from the entry before it: one of the two was changed",
        "6: it is not what was entered",
    ]


def test_many_at_once_make_one_chain(store: Store) -> None:
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda number: _add(store, f"a {number}", f"b {number}"), range(4)))
    assert _flaws(store) == []
    with store.begin() as connection:
        assert trail.count(connection) == 8
