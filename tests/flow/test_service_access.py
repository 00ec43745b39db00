"""Who may ask the service: what they have to send, what they may do, and what nobody gets to see."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import pytest
from sqlalchemy import update
from starlette.testclient import TestClient

from dbproc.changes import tokens
from dbproc.core.access import Principal, Scope
from dbproc.database import schema
from dbproc.database.store import Store, open_store
from dbproc.service.app import create_app
from dbproc.service.context import Context
from tests.kit.mission import Mission, product
from tests.kit.service import bearer

STATUS = "/api/v1/status"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    directory = tmp_path_factory.mktemp("service")
    mission = Mission(directory / "mission", str(directory / "mission.sqlite")).create(product("raw", 0))
    with open_store(mission.database) as store:
        yield store


@pytest.fixture(scope="module")
def client(store: Store) -> Iterator[TestClient]:
    with open_store(store.name, read_only=True) as reading:
        yield TestClient(create_app(Context(reading=reading, writing=store)))


def test_who_sends_no_token_that_holds_is_not_known(client: TestClient, store: Store) -> None:
    known = bearer(store)["Authorization"].removeprefix("Bearer ")
    word = known.split("_")[1]
    for sent in (
        None,
        "Basic YTpi",
        "Bearer",
        "Bearer x",
        f"Bearer dbp_{word}_{'a' * 52}",
        f"Bearer dbp_{'0' * 12}_{known[17:]}",
    ):
        answer = client.get(STATUS, headers={"Authorization": sent} if sent else {})
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer"), sent
    assert client.get(STATUS, headers={"Authorization": f"bearer {known}"}).status_code == 200


def test_a_token_holds_until_it_is_revoked_or_over(client: TestClient, store: Store) -> None:
    header = bearer(store)
    word = header["Authorization"].split("_")[1]
    assert client.get(STATUS, headers=header).status_code == 200
    tokens.revoke(store, Principal("ben"), word)
    assert client.get(STATUS, headers=header).status_code == 401
    header = bearer(store)
    with store.begin() as connection:
        connection.execute(update(schema.token).values(expires_time=dt.datetime.now(dt.UTC)))
    assert client.get(STATUS, headers=header).status_code == 401


def test_a_token_may_do_what_its_scopes_say(client: TestClient, store: Store) -> None:
    answer = client.get(STATUS, headers=bearer(store, "ada", Scope.UPLOAD))
    assert (answer.status_code, answer.json()["detail"]) == (403, "this needs the scope read; ada has it not")
