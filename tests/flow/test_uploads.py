"""Uploads by tus, forms and chunks: received, proved, published into incoming, and taken by the next run."""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient
from tusclient.client import TusClient

from dbproc.database.store import open_store
from dbproc.service.app import create_app
from dbproc.service.context import Context
from tests.kit.mission import Mission, name_of, product
from tests.kit.service import Served

TUS = "/api/v1/uploads/tus"
HEADERS = {"Tus-Resumable": "1.0.0"}
BYTES = {"Content-Type": "application/offset+octet-stream"}
RAW = [name_of("raw", day) for day in range(1, 29)]


@pytest.fixture
def client(mission: Mission) -> Iterator[TestClient]:
    """A service of a mission, in this process."""
    mission.create(product("raw", 0))
    with (
        open_store(mission.database) as writing,
        open_store(mission.database, read_only=True) as reading,
        TestClient(create_app(Context(reading=reading, writing=writing, is_open=True))) as client,
    ):
        yield client


def metadata(**pairs: str) -> dict[str, str]:
    shown = (f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in pairs.items())
    return {"Upload-Metadata": ",".join(shown)}


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def begun(client: TestClient, name: str, size: int, **pairs: str) -> str:
    asked = client.post(TUS, headers=HEADERS | metadata(filename=name, **pairs) | {"Upload-Length": str(size)})
    assert asked.status_code == 201, asked.text
    return asked.headers["location"]


def sent(client: TestClient, url: str, content: bytes, offset: int = 0, **headers: str) -> Any:
    shown = {key.replace("_", "-"): value for key, value in headers.items()}
    return client.patch(url, content=content, headers=HEADERS | BYTES | {"Upload-Offset": str(offset)} | shown)


def test_an_upload_goes_on_where_it_was_and_is_taken_by_the_next_run(client: TestClient, mission: Mission) -> None:
    content = b"first second"
    url = begun(client, RAW[0], len(content), sha256=sha256(content))
    first = sent(client, url, content[:6])
    assert (first.status_code, first.headers["upload-offset"]) == (204, "6")
    assert "upload-expires" in first.headers
    assert mission.one("SELECT state FROM transfer") == "moving"
    assert not any(not name.startswith(".dbproc-") for name in mission.waiting())
    known = client.head(url, headers=HEADERS)
    assert (known.headers["upload-offset"], known.headers["upload-length"]) == ("6", "12")
    assert known.headers["cache-control"] == "no-store"
    other = sent(client, url, content, 0)
    assert (other.status_code, other.headers["upload-offset"]) == (409, "6")
    assert sent(client, url, content[6:], 6).status_code == 204
    assert mission.rows("SELECT state, shasum FROM transfer") == [("verified", f"sha256:{sha256(content)}")]
    assert mission.waiting() == [RAW[0]]
    mission.run()
    assert mission.content(RAW[0]) == content.decode()
    assert mission.one("SELECT file_id FROM transfer") is not None
    assert client.head(url, headers=HEADERS).headers["upload-offset"] == "12"
    mission.check()


def test_tuspy_goes_on_after_the_service_was_killed(sqlite_mission: Mission) -> None:
    mission = sqlite_mission.create(product("raw", 0))
    content = bytes(range(256)) * 4096
    with Served(mission.database, "--open") as served:
        asked = {"filename": RAW[0], "sha256": sha256(content)}
        tus, chunk = TusClient(f"{served.address}{TUS}"), 300_000
        uploader = tus.uploader(file_stream=io.BytesIO(content), chunk_size=chunk, metadata=asked, upload_checksum=True)
        uploader.upload_chunk()
        served.kill()
        served.start()
        again = tus.uploader(file_stream=io.BytesIO(content), chunk_size=chunk, url=uploader.url)
        assert again.offset == chunk
        again.upload()
    assert (mission.incoming / RAW[0]).read_bytes() == content
    assert mission.one("SELECT state FROM transfer") == "verified"
