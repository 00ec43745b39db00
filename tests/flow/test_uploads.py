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

from dbproc.core import scientistcloud
from dbproc.database.store import open_store
from dbproc.service.app import create_app
from dbproc.service.context import Context
from dbproc.service.scientistcloud import large
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


def test_a_form_is_one_upload(client: TestClient, mission: Mission) -> None:
    content = b"x" * 100_000
    answer = client.post("/api/v1/uploads", files={"file": (RAW[0], content)}, data={"sha256": sha256(content)})
    assert answer.status_code == 201, answer.text
    upload = answer.json()
    assert (upload["state"], upload["digest"]) == ("verified", f"sha256:{sha256(content)}")
    other = client.post("/api/v1/uploads", files={"file": (RAW[1], content)}, data={"sha256": sha256(b"")})
    assert other.status_code == 460
    assert client.post("/api/v1/uploads", data={"sha256": "1"}, files={"other": b""}).status_code == 400
    assert client.post("/api/v1/uploads", json={}).status_code == 415
    taken = client.post("/api/v1/uploads", files={"file": (RAW[0], b"y")})
    assert taken.status_code == 409
    again = client.post("/api/v1/uploads", files={"file": (RAW[0], content)})
    assert again.status_code == 409
    assert mission.waiting() == [RAW[0]]
    assert client.get("/api/v1/uploads").json() == []
    states = [each["state"] for each in client.get("/api/v1/uploads?all=true").json()]
    assert states == ["failed", "verified"]
    mission.run()
    assert client.get(f"/api/v1/uploads/{upload['upload']}").json()["file_id"] is not None


ABOUT = {"user_email": "a@b.org", "dataset_name": "D", "sensor": "tiff_rgb", "convert": "yes", "is_public": "off"}


def test_a_file_by_scientistclouds_form(client: TestClient, mission: Mission) -> None:
    url = "/api/upload/local/upload"
    answer = client.post(url, data=ABOUT, files={"file": (RAW[0], b"abc")})
    assert answer.status_code == 202, answer.text
    job = answer.json()
    assert job["status"] == "queued"
    assert job["progress_url"] == f"/api/upload/status/{job['job_id']}"
    known = client.get(job["progress_url"]).json()
    assert (known["status"], known["progress_percentage"], known["bytes_total"]) == ("completed", 100.0, 3)
    (listed,) = client.get("/api/upload/jobs", params={"user_id": "a@b.org"}).json()["jobs"]
    assert (listed["job_id"], listed["dataset_uuid"]) == (job["job_id"], job["dataset_uuid"])
    assert client.get("/api/upload/jobs", params={"user_id": "b@b.org"}).json()["total"] == 0
    assert client.get("/api/upload/jobs").status_code == 400
    assert client.post(job["cancel_url"]).json()["error"] == "Job not found or already completed"
    assert client.get("/api/upload/status/none").json() == {"error": "Job not found", "detail": "Job not found"}
    for lacking in ("user_email", "sensor", "convert", "is_public"):
        fields = {name: value for name, value in ABOUT.items() if name != lacking}
        wrong = client.post(url, data=fields, files={"file": (RAW[1], b"abc")})
        assert (wrong.status_code, wrong.json()["error"]) == (400, f"{lacking} is required")
    wrong = client.post(url, data=ABOUT | {"convert": "perhaps"}, files={"file": (RAW[1], b"abc")})
    assert wrong.json()["error"] == "convert and is_public must be boolean values"
    assert client.post(url, data=ABOUT, files={"other": b""}).json()["error"] == "No file provided"
    assert mission.waiting() == [RAW[0]]


def test_scientistclouds_chunks_come_in_any_order(
    client: TestClient, mission: Mission, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (large, scientistcloud):
        monkeypatch.setattr(module, "CHUNK", 4)
    content = b"0123456789"
    asked = {**ABOUT, "filename": RAW[0], "file_size": len(content), "file_hash": sha256(content)}
    began = client.post("/api/upload/large/initiate", json=asked).json()
    assert (began["chunk_size"], began["total_chunks"]) == (4, 3)
    word = began["upload_id"]
    assert client.post("/api/upload/large/initiate", json=asked).json()["upload_id"] == word

    def send(index: int, piece: bytes, told: str = "") -> Any:
        form = {"chunk_hash": told or sha256(piece)}
        return client.post(f"/api/upload/large/chunk/{word}/{index}", data=form, files={"chunk": piece})

    assert send(2, b"89").json()["uploaded_chunks"] == 1
    assert send(0, b"0123", sha256(b"")).json()["error"] == "Chunk hash mismatch"
    assert send(0, b"01234").json()["error"] == "Chunk size exceeds expected size"
    assert send(3, b"").json()["error"] == "Invalid chunk index"
    assert client.get(f"/api/upload/large/resume/{word}").json()["missing_chunks"] == [0, 1]
    assert client.post(f"/api/upload/large/complete/{word}").json()["error"] == "Missing chunks: [0, 1]"
    assert send(0, b"0123").status_code == send(1, b"4567").status_code == send(1, b"4567").status_code == 200
    assert send(1, b"7654").status_code == 409
    known = client.get(f"/api/upload/status/{word}").json()
    assert (known["status"], known["bytes_uploaded"]) == ("uploading", 10)
    done = client.post(f"/api/upload/large/complete/{word}").json()
    assert (done["job_id"], done["job_submitted"], done["file_path"]) == (word, True, RAW[0])
    assert client.get(f"/api/upload/large/status/{word}").json()["is_complete"]
    assert (mission.incoming / RAW[0]).read_bytes() == content
    assert mission.rows("SELECT state FROM transfer") == [("verified",)]
    assert mission.rows("SELECT * FROM uploadchunk") == []
