"""Files that are fetched by their URLs: asked for by way of the service, fetched by runs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from dbproc.core.access import Scope
from tests.kit.misbehaving import CONTENT, Misbehaving
from tests.kit.mission import Mission, name_of, product, table
from tests.kit.service import bearer, client
from tests.kit.stub import running

RAW = name_of("raw", 1)
IMPORTS = "/api/v1/imports"
DIGEST = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with running(Misbehaving) as url:
        yield url


@pytest.fixture
def made(mission: Mission) -> Mission:
    service = table("service", {"hosts": ["127.0.0.1"], "reserve": 0, "uploads": 3})
    return mission.create(product("raw", 0), service, retry_seconds=0, retry_limit=0)


@pytest.fixture
def service(made: Mission) -> Iterator[TestClient]:
    with client(made.database, is_open=False) as asked:
        yield asked


@pytest.mark.both_databases
def test_what_is_asked_for_is_fetched_by_the_next_run_and_taken_in(
    made: Mission, service: TestClient, server: str
) -> None:
    ada = bearer(made.database, "ada", Scope.UPLOAD)
    asked = {"url": f"{server}/good/x", "filename": RAW, "digest": DIGEST}
    answer = service.post(IMPORTS, json=asked, headers=ada)
    assert (answer.status_code, answer.json()["state"], answer.json()["origin"]) == (202, "waiting", f"{server}/good/x")
    assert made.waiting() == []
    made.run()
    assert made.files()[RAW].digest == DIGEST
    assert service.get(answer.headers["location"], headers=ada).json()["state"] == "verified"
    assert made.one("SELECT count(*) FROM transfer WHERE file_id IS NOT NULL AND task = 'import'") == 1
    trail = made.rows("SELECT who, action, object FROM audit WHERE action LIKE 'import %'")
    assert [tuple(row) for row in trail] == [("ada", "import request", f"{server}/good/x")]


def test_what_is_not_what_was_promised_never_comes(made: Mission, service: TestClient, server: str) -> None:
    ada = bearer(made.database, "ada", Scope.UPLOAD)
    for way, digest in (("good", f"sha256:{'0' * 64}"), ("loopback", DIGEST), ("status/404", DIGEST)):
        service.post(IMPORTS, json={"url": f"{server}/{way}/x", "filename": RAW, "digest": digest}, headers=ada)
    made.run()
    states = [(row["state"], bool(row["reason"])) for row in service.get(IMPORTS, headers=ada).json()]
    assert states == [("failed", True)] * 3
    assert made.waiting() == []
    assert made.files() == {}


def test_imports_are_their_owners_and_are_given_up(made: Mission, service: TestClient, server: str) -> None:
    ada, eve = (bearer(made.database, name, Scope.UPLOAD) for name in ("ada", "eve"))
    for number in (1, 2, 3):
        service.post(IMPORTS, json={"url": f"{server}/good/{name_of('raw', number)}"}, headers=ada)
    assert service.post(IMPORTS, json={"url": f"{server}/good/{RAW}"}, headers=ada).status_code == 403
    assert service.get(IMPORTS, headers=eve).json() == []
    rita = bearer(made.database, "rita", Scope.READ)
    assert service.get("/api/v1/transfers", headers=rita).json() == []
    assert service.get("/api/v1/transfers/1", headers=rita).status_code == 404
    numbers = service.get("/metrics", headers=rita).text
    assert 'peer="url"' in numbers
    assert server not in numbers
    for ask in (service.get, service.delete):
        assert ask(f"{IMPORTS}/1", headers=eve).status_code == 404
    assert service.delete(f"{IMPORTS}/1", headers=ada).json()["state"] == "cancelled"
    assert [row["transfer_id"] for row in service.get(f"{IMPORTS}?limit=2", headers=ada).json()] == [3, 2]
    assert len(service.get(IMPORTS, headers=bearer(made.database, "olga")).json()) == 3


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"url": "http://169.254.169.254/latest/meta-data"}, "not public"),
    ({"url": "http://example.org/"}, "is no name of a file"),
    ({"url": "http://example.org/a%2F..%2Fb"}, "is a path"),
    ({"url": "http://example.org/a.part"}, "unfinished"),
    ({"url": "http://example.org/a", "filename": "../a"}, "is a path"),
    ({"url": "http://example.org/a", "filename": "a\x00b"}, "control characters"),
    ({"url": "http://example.org/a", "digest": "crc:1"}, "digest"),
]


def test_what_may_not_be_asked_for_is_refused(made: Mission, service: TestClient) -> None:
    ada = bearer(made.database, "ada", Scope.UPLOAD)
    for asked, words in REFUSED:
        answer = service.post(IMPORTS, json=asked, headers=ada)
        assert answer.status_code == 422, asked
        assert words in answer.json()["detail"]
    assert made.rows("SELECT 1 FROM transfer") == []
