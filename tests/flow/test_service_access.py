"""Who may ask the service: what they have to send, what they may do, and what nobody gets to see."""

from __future__ import annotations

import datetime as dt
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from sqlalchemy import update
from starlette.testclient import TestClient

from dbproc.changes import tokens
from dbproc.core.access import Principal, Scope
from dbproc.database import schema, trail
from dbproc.database.store import Store, open_store
from dbproc.service.app import create_app
from dbproc.service.context import Context
from tests.kit.issuer import AUDIENCE, Issuer, running_issuer
from tests.kit.mission import Mission, product, table
from tests.kit.service import bearer, logged_in

STATUS = "/api/v1/status"
FRIEND = "https://friend.example.org"


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    with running_issuer() as issuer:
        yield issuer


@pytest.fixture(scope="module")
def store(issuer: Issuer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    directory = tmp_path_factory.mktemp("service")
    said = {"issuer": issuer.url, "audience": AUDIENCE, "scopes": ["read", "upload"], "operators": ["ben", "/ops"]}
    mission = Mission(directory / "mission", str(directory / "mission.sqlite"))
    mission.create(product("raw", 0), table("service", {**said, "origins": [FRIEND], "upload_size": 0.02}))
    with open_store(mission.database) as store:
        yield store


@pytest.fixture
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


# --- people that an issuer vouches for ---


def _status(client: TestClient, token: str) -> int:
    return client.get(STATUS, headers={"Authorization": f"Bearer {token}"}).status_code


@pytest.mark.parametrize("kid", ["rsa", "ec", "ed"])
def test_a_token_of_the_issuer_is_taken(client: TestClient, issuer: Issuer, kid: str) -> None:
    assert _status(client, issuer.token(kid)) == 200
    assert _status(client, issuer.token(kid, aud=["other", AUDIENCE], head={"typ": "at+jwt"})) == 200
    assert _status(client, issuer.token(exp=10**13)) == 200  # told in milliseconds: it ends in thousands of years


def test_a_token_that_is_wrong_in_one_thing_is_refused(client: TestClient, issuer: Issuer) -> None:
    now = int(time.time())
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    wrong = {
        "over": issuer.token(exp=now - 61),
        "not yet": issuer.token(nbf=now + 90),
        "made later": issuer.token(iat=now + 90),
        "for good": issuer.token(exp=None),
        "for others": issuer.token(aud="other"),
        "for nobody": issuer.token(aud=None),
        "of another": issuer.token(iss="https://other.example.org"),
        "of no name": issuer.token(preferred_username=None),
        "with a name of two lines": issuer.token(preferred_username="a\nb"),
        "by another key": issuer.token(key=other),
        "by a key that nobody knows": issuer.token(head={"kid": "unknown"}),
        "by another algorithm": issuer.token(algorithm="RS512"),
        "by a key for another algorithm": issuer.token("rsa", head={"kid": "ec"}),
        "no access token": issuer.token(head={"typ": "logout+jwt"}),
        "of an unknown extension": issuer.token(head={"crit": ["x"], "x": 1}),
        "without a signature": jwt.encode(jwt.decode(issuer.token(), options={"verify_signature": False}), "", "none"),
        "by the public key as a secret": _by_public_key(issuer),
        "cut": issuer.token()[:-2],
        "long": issuer.token(x="x" * 20_000),
    }
    for what, token in wrong.items():
        fresh = TestClient(client.app, client=(f"10.0.0.{len(what)}", 1))  # of each address few may come
        assert _status(fresh, token) == 401, what


def _by_public_key(issuer: Issuer) -> str:
    import base64
    import hashlib
    import hmac

    claims = issuer.token().split(".")[1]
    head = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT","kid":"rsa"}').rstrip(b"=").decode()
    signature = hmac.new(issuer.public("rsa"), f"{head}.{claims}".encode(), hashlib.sha256).digest()
    return f"{head}.{claims}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def test_what_people_may_do_is_said_by_the_mission_file_and_their_groups(client: TestClient, issuer: Issuer) -> None:
    def scopes(**claims: Any) -> set[str]:
        found = client.app.state.door.vouched(issuer.token(**claims))  # type: ignore[attr-defined]
        return set() if found is None else set(found.scopes)

    assert scopes() == {"read", "upload"}
    assert scopes(preferred_username="ben") == scopes(groups=["/ops"]) == {"read", "upload", "operate"}
    assert scopes(**{"wlcg.groups": "/ops"}) == {"read", "upload", "operate"}
    assert scopes(scope="openid storage.read:/", groups=["/ops"]) == {"read"}
    assert scopes(scope="storage.read:/elsewhere storage.stage:/") == set()
    assert _status(client, issuer.token(scope="storage.create:/")) == 403


def test_while_the_issuer_is_down_it_is_said_so(client: TestClient, issuer: Issuer) -> None:
    issuer.is_up = False
    answers = [client.get(STATUS, headers={"Authorization": f"Bearer {issuer.token()}"}) for _ in range(12)]
    issuer.is_up = True
    assert {(answer.status_code, answer.headers["retry-after"]) for answer in answers} == {(503, "30")}


def test_many_tokens_that_nobody_knows_are_slowed_down(client: TestClient, store: Store) -> None:
    known = bearer(store)
    client.app.state.door._attempts._clock = lambda: 0.0  # type: ignore[attr-defined]
    assert client.get(STATUS, headers=known).status_code == 200
    answers = [client.get(STATUS, headers={"Authorization": f"Bearer {number}"}) for number in range(12)]
    assert [answer.status_code for answer in answers] == [401] * 10 + [429] * 2
    assert 0 < int(answers[-1].headers["retry-after"]) <= 6
    assert client.get(STATUS, headers=known).status_code == 200
    new = bearer(store)
    assert client.get(STATUS, headers=new).status_code == 429
    elsewhere = TestClient(client.app, client=("10.0.0.1", 1))
    assert elsewhere.get(STATUS, headers=new).status_code == 200


# --- the page ---


def test_a_session_is_begun_with_a_token_and_ends(client: TestClient, store: Store) -> None:
    sent = bearer(store, "ada", Scope.READ)["Authorization"].removeprefix("Bearer ")
    answer = client.post("/login", data={"token": sent, "then": "/files?page=2"}, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/files?page=2")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Secure" not in cookie
    assert sent not in cookie
    assert client.get(STATUS).status_code == 200
    name = client.app.state.door.cookie  # type: ignore[attr-defined]
    session = client.cookies[name]
    assert client.post("/login", data={"token": session}).status_code == 401
    assert client.post("/logout", data={"csrf": "x"}).status_code == 403
    assert client.get(STATUS).status_code == 200
    from dbproc.core.tokens import read_token

    token = read_token(session)
    assert token is not None
    assert client.post("/logout", data={"csrf": token.derived("csrf")}, follow_redirects=False).status_code == 303
    assert name not in client.cookies
    client.cookies.set(name, session)
    assert client.get(STATUS).status_code == 401
    with store.begin() as connection:
        assert [entry.action for entry in trail.newest(connection, most=2, who="ada")] == [
            "session end",
            "session begin",
        ]


def test_a_session_ends_with_its_token(client: TestClient, store: Store) -> None:
    word = logged_in(client, store)
    assert client.get(STATUS).status_code == 200
    tokens.revoke(store, Principal("ben"), word)
    assert client.get(STATUS).status_code == 401


@pytest.mark.parametrize(
    "then", ["https://evil.example.org/", "//evil.example.org", "/\\evil.example.org", "evil", "/a\r\nb"]
)
def test_after_the_log_in_nobody_is_led_elsewhere(client: TestClient, store: Store, then: str) -> None:
    sent = bearer(store)["Authorization"].removeprefix("Bearer ")
    answer = client.post("/login", data={"token": sent, "then": then}, follow_redirects=False)
    assert answer.headers["location"] == "/"


def test_over_https_the_cookie_is_for_https_alone(client: TestClient, store: Store) -> None:
    sent = bearer(store)["Authorization"].removeprefix("Bearer ")
    secure = TestClient(client.app, base_url="https://testserver")
    answer = secure.post("/login", data={"token": sent}, follow_redirects=False)
    assert "Secure" in answer.headers["set-cookie"]
    assert "max-age" in answer.headers["strict-transport-security"]


def test_what_changes_something_comes_from_the_page_itself(client: TestClient, store: Store) -> None:
    logged_in(client, store)
    del client.headers["origin"]
    own, other = {"Origin": "http://testserver"}, {"Origin": "http://evil.example.org"}
    path = "/api/v1/no-such-thing"
    assert client.post("/login", data={"token": "x"}, headers=other).status_code == 403
    assert client.post("/login", data={"token": "x"}, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    tus = "/api/v1/uploads/tus"
    begin = {"Tus-Resumable": "1.0.0", "Upload-Length": "x"}
    assert client.post(tus, headers=begin).status_code == 403
    assert client.post(tus, headers={**begin, "Sec-Fetch-Site": "same-site"}).status_code == 403
    assert client.post(tus, headers={**begin, "Origin": FRIEND}).status_code == 403
    assert client.post(tus, headers={**begin, **own}).status_code == 400
    assert client.post(tus, headers={**begin, "Sec-Fetch-Site": "same-origin"}).status_code == 400
    assert client.post(path, headers=own).status_code == 404
    assert client.post(path, headers={"Origin": "http://[", **bearer(store)}).status_code == 403


# --- every request, every answer ---


def test_every_answer_says_what_a_browser_may_do_with_it(client: TestClient) -> None:
    for path in ("/livez", STATUS, "/no-such-path"):
        headers = client.get(path).headers
        assert "default-src 'self'" in headers["content-security-policy"]
        assert (headers["x-content-type-options"], headers["referrer-policy"]) == ("nosniff", "same-origin")
        assert headers["cache-control"] == "no-store"
        assert "server" not in headers
    numbers = {client.get("/livez").headers["x-request-id"] for _ in range(3)}
    assert len(numbers) == 3


def test_what_fails_is_told_by_its_number_and_no_more(
    client: TestClient, store: Store, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("hidden")

    monkeypatch.setattr("dbproc.service.api.status.mission_status", fail)
    asking = TestClient(client.app, raise_server_exceptions=False)
    answer = asking.get(STATUS, headers=bearer(store))
    number = answer.headers["x-request-id"]
    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
    assert number in answer.json()["detail"]
    assert "hidden" not in answer.text
    assert f"request {number} failed: GET {STATUS}" in caplog.text


@pytest.mark.parametrize("path", ["/actions/run", "/api/upload/initiate"])
def test_who_does_not_send_the_rest_of_a_request_is_told_so(
    client: TestClient, store: Store, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    async def receive(_: object) -> dict[str, str]:
        return {"type": "http.disconnect"}

    monkeypatch.setattr("dbproc.service.guard._Body.receive", receive)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert client.post(path, content=b"csrf=x", headers={**form, **bearer(store)}).status_code == 408


def test_pages_of_hosts_that_are_listed_may_ask_and_no_others(client: TestClient, store: Store) -> None:
    asked = {"Access-Control-Request-Method": "POST"}
    answer = client.options(STATUS, headers={"Origin": FRIEND, **asked})
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (204, FRIEND)
    assert "Upload-Offset" in answer.headers["access-control-allow-headers"]
    assert "access-control-allow-credentials" not in answer.headers
    answer = client.get(STATUS, headers={"Origin": FRIEND, **bearer(store)})
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, FRIEND)
    assert "Upload-Offset" in answer.headers["access-control-expose-headers"]
    for origin in (
        "https://friend.example.org.evil.example.org",
        "null",
        "http://friend.example.org",
        "https://friend",
    ):
        answer = client.options(STATUS, headers={"Origin": origin, **asked})
        assert "access-control-allow-origin" not in answer.headers
        assert "access-control-allow-origin" not in client.get("/livez", headers={"Origin": origin}).headers


def test_more_than_may_be_sent_is_not_read(client: TestClient) -> None:
    said = client.post("/login", content=b"x" * ((8 << 20) + 1))
    assert (said.status_code, said.headers["content-type"]) == (413, "application/problem+json")

    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert client.post("/login", content=iter([b"x" * (1 << 20)] * 9), headers=form).status_code == 413


def test_who_asks_too_often_is_told_when_to_come_again(tmp_path: Path) -> None:
    mission = Mission(tmp_path / "mission", str(tmp_path / "mission.sqlite"))
    mission.create(product("raw", 0), table("service", {"rate": 0.001}))
    with open_store(mission.database) as writing, open_store(mission.database, read_only=True) as reading:
        app = create_app(Context(reading=reading, writing=writing))
        for owner in ("ada", "ben"):
            client, token = TestClient(app, client=(owner, 1)), bearer(writing, owner)
            answers = [client.get(STATUS, headers=token) for _ in range(3)]  # the first counts for the address
            assert [answer.status_code for answer in answers] == [200, 200, 429]
            assert 900 < int(answers[-1].headers["retry-after"]) <= 1001
            assert client.get("/livez").status_code == 200  # whoever restarts the service is not turned away
            assert client.get("/readyz").status_code == 200


# --- every path ---

FOR_EVERYBODY = {
    *("GET /livez", "GET /readyz", "GET /health", "GET /api/upload/health"),
    *("GET /api/v1/openapi.json", "HEAD /api/v1/openapi.json", "GET /static/{name}", "GET /login", "POST /login"),
    *("OPTIONS /api/v1/uploads/tus", "OPTIONS /api/v1/uploads/tus/{word}"),
    "POST /logout",  # it asks for the form of the session first
}


def _asked(client: TestClient, headers: dict[str, str]) -> dict[str, int]:
    """The status of each method of each path; a page that leads to the log-in counts as 401."""
    found = {}
    for path, method in _paths(client.app.routes):  # type: ignore[attr-defined]
        sent = {"Tus-Resumable": "1.0.0", "Origin": "http://testserver", **headers}
        answer = client.request(method, re.sub(r"{[^}]*}", "1", path), headers=sent, follow_redirects=False)
        leads_in = answer.status_code == 303 and answer.headers["location"].startswith("/login")
        found[f"{method} {path}"] = 401 if leads_in else answer.status_code
    return found


def _paths(routes: Any, before: str = "") -> Iterator[tuple[str, str]]:
    for route in routes:
        inner: Any = getattr(route, "original_router", None) or getattr(route, "app", None)
        if getattr(route, "methods", None):
            yield from ((before + route.path, method) for method in sorted(route.methods))
        else:
            yield from _paths(inner.routes, before + getattr(route, "path", ""))


def test_every_path_but_a_few_asks_who_it_is(client: TestClient) -> None:
    found = _asked(client, {})
    assert len(found) > 100
    assert {path for path, status in found.items() if status != 401} == FOR_EVERYBODY


def test_who_may_only_read_changes_nothing_and_who_may_not_read_sees_nothing(client: TestClient, store: Store) -> None:
    reader, stager = _asked(client, bearer(store, "ada", Scope.READ)), _asked(client, bearer(store, "ben", Scope.STAGE))
    changing = {path for path in reader if path.split()[0] not in ("GET", "HEAD", "OPTIONS")} - FOR_EVERYBODY
    assert {path for path in changing if reader[path] != 403} == set()
    seen = {path for path, status in stager.items() if status != 403} - FOR_EVERYBODY
    of_preparedata = {"POST /", "GET /{number:int}", "POST /preparedata", "GET /preparedata/{number:int}"}
    assert {path for path in seen if "/stages" not in path} == of_preparedata
