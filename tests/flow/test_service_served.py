"""``dbproc serve`` as it runs behind a proxy: at a path, below a path, and what is found of secrets when it is over."""

from __future__ import annotations

import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from starlette.testclient import TestClient

from dbproc.database.store import open_store
from dbproc.service.app import create_app
from dbproc.service.context import Context
from dbproc.service.guard import Local
from tests.kit.issuer import AUDIENCE, running_issuer
from tests.kit.mission import Mission, product, table
from tests.kit.service import BELOW, AtPath, bearer


@pytest.fixture
def short_directory() -> Iterator[Path]:
    """Paths of sockets have at most some hundred characters."""
    with tempfile.TemporaryDirectory(dir="/tmp") as directory:
        yield Path(directory)


def _told_a_secret(client: httpx2.Client, token: str, path: str, body: dict[str, object]) -> httpx2.Response:
    """What is said to somebody who sends a secret where none belongs."""
    return client.post(f"{BELOW}{path}", json=body, headers={"Authorization": f"Bearer {token}"})


SECRET = "wJalrXUtnFEMI-K7MDENG"
METADATA = {
    "user_email": "ada@example.org",
    "dataset_name": "x",
    "sensor": "TIFF",
    "convert": False,
    "is_public": False,
}
S3 = {"bucket_name": "b", "object_key": "k", "access_key_id": "AKIA", "secret_access_key": SECRET}
WITH_SECRETS: list[tuple[str, dict[str, object]]] = [
    ("/api/upload/initiate", {**METADATA, "source_type": "s3", "source_config": S3}),
    ("/api/upload/initiate", {"source_type": "s3", "source_config": S3}),
    ("/api/v1/imports", {"url": f"https://ada:{SECRET}@data.example.org/x"}),
    ("/api/v1/imports", {"url": 1, "password": SECRET}),
]


def test_secrets_are_found_nowhere_afterwards(sqlite_mission: Mission, short_directory: Path) -> None:
    with running_issuer() as issuer:
        mission = sqlite_mission.create(
            product("raw", 0), table("service", {"issuer": issuer.url, "audience": AUDIENCE})
        )
        token = bearer(mission.database)["Authorization"].removeprefix("Bearer ")
        vouched = issuer.token()
        service = AtPath(mission, short_directory / "s.socket")
        client, answers = service.client, []
        try:
            assert stat.S_IMODE(service.path.stat().st_mode) == 0o660
            for sent in (token, vouched, f"{token}x", f"{vouched}x"):
                headers = {"Authorization": f"Bearer {sent}"}
                answers.append(client.get(f"{BELOW}/api/v1/status", headers=headers))
                answers.append(client.get("/api/v1/status", headers=headers))
            assert [answer.status_code for answer in answers] == [200] * 4 + [401] * 4
            login = client.post(f"{BELOW}/login", data={"token": token})
            assert login.headers["location"] == f"{BELOW}/"
            name, _, cookie = login.headers["set-cookie"].partition(";")[0].partition("=")
            assert f"Path={BELOW};" in login.headers["set-cookie"]
            assert "Secure" in login.headers["set-cookie"]
            client.cookies.clear()
            answers.append(client.get(f"{BELOW}/api/v1/status", headers={"Cookie": f"{name}={cookie}"}))
            assert answers[-1].status_code == 200
            answers += [_told_a_secret(client, token, path, body) for path, body in WITH_SECRETS]
            refused = {answer.status_code for answer in answers[-len(WITH_SECRETS) :]}
            assert refused <= {400, 422, 501}, refused
            seen = service.of_process()
        finally:
            said = service.end()
    (entry,) = (row for row in mission.dbproc("audit", "list", "--json").json if row["action"] == "session begin")
    assert (entry["who"], entry["address"], entry["token"]) == ("ada", "192.0.2.7", token.split("_")[1])
    assert entry["request"] == login.headers["x-request-id"]
    told = [f"{answer.headers} {answer.text}" for answer in answers]
    told += [
        mission.dbproc(*words).out for words in (("audit", "list", "--json"), ("token", "list", "--all", "--json"))
    ]
    told += [path.read_bytes().decode("latin1") for path in mission.root.parent.rglob("*") if path.is_file()]
    secrets = [SECRET, token.split("_")[2], vouched, vouched.split(".")[2], cookie.split("_")[2]]
    assert not [each for each in secrets for text in (seen, said, *told) if each in text]
    assert token.split("_")[1] in "".join(told)


def test_nobody_is_led_to_this_machine_by_the_name_of_another(sqlite_mission: Mission) -> None:
    mission = sqlite_mission.create(product("raw", 0))
    with open_store(mission.database) as writing, open_store(mission.database, read_only=True) as reading:
        app = Local(create_app(Context(reading=reading, writing=writing, is_open=True)))
        for name, status in (
            *(("127.0.0.1:8090", 200), ("localhost", 200), ("[::1]:80", 200)),
            *(("evil.example.org", 403), ("10.0.0.1", 403), ("localhost.evil.example.org", 403), ("", 403)),
            ("[::1", 403),
        ):
            assert TestClient(app).get("/api/v1/status", headers={"Host": name}).status_code == status, name


def test_where_nobody_has_to_be_known_it_listens_on_the_loopback_alone(sqlite_mission: Mission) -> None:
    mission = sqlite_mission.create(product("raw", 0))
    done = mission.dbproc("serve", "--open", "--host", "0.0.0.0", status=2)
    assert "--open lets everybody do everything, and 0.0.0.0 is reached by others" in done.err
