"""Uploads by tus, forms and chunks: received, proved, published into incoming, and taken by the next run."""

from __future__ import annotations

import base64
import hashlib
import io
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.testclient import TestClient
from tusclient.client import TusClient

from dbproc.core import scientistcloud
from dbproc.core.access import Scope
from dbproc.core.errors import EndedError
from dbproc.database.definition.load import load_mission
from dbproc.database.store import open_store
from dbproc.service.scientistcloud import large
from dbproc.transfers import receiving
from dbproc.transfers.receiving import Desk
from tests.kit import service
from tests.kit.misbehaving import Misbehaving
from tests.kit.mission import Mission, name_of, product, table
from tests.kit.service import Served
from tests.kit.stub import running

TUS = "/api/v1/uploads/tus"
HEADERS = {"Tus-Resumable": "1.0.0"}
BYTES = {"Content-Type": "application/offset+octet-stream"}
RAW = [name_of("raw", day) for day in range(1, 29)]


@pytest.fixture
def client(mission: Mission) -> Iterator[TestClient]:
    """A service of a mission, in this process."""
    mission.create(product("raw", 0))
    with service.client(mission.database) as client:
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


def test_a_connection_that_ends_leaves_what_came(sqlite_mission: Mission) -> None:
    mission = sqlite_mission.create(product("raw", 0))
    content = bytes(range(250)) * 10_000
    with Served(mission.database, "--open") as served, httpx2.Client(base_url=served.address) as client:
        asked = HEADERS | metadata(filename=RAW[0], sha256=sha256(content)) | {"Upload-Length": str(len(content))}
        url = client.post(TUS, headers=asked).headers["location"]
        lines = [f"{name}: {value}" for name, value in (HEADERS | BYTES).items()]
        lines += ["Host: 127.0.0.1", "Upload-Offset: 0", f"Content-Length: {len(content)}"]
        is_moving = partial(
            waited_for, mission, "SELECT state FROM transfer ORDER BY transfer_id DESC LIMIT 1", "moving"
        )
        _cut_off(served.port, f"PATCH {url.removeprefix(served.address)}", lines, content[:2_000_000], is_moving)
        waited_for(mission, "SELECT reason FROM transfer", "the connection ended before all had come")
        assert mission.one("SELECT state FROM transfer") == "waiting"
        offset = int(client.head(url, headers=HEADERS).headers["upload-offset"])
        assert 1_000_000 < offset <= 2_000_000
        headers = HEADERS | BYTES | {"Upload-Offset": str(offset)}
        assert client.patch(url, content=content[offset:], headers=headers).status_code == 204
        form = b'--x\r\nContent-Disposition: form-data; name="file"; filename="b.txt"\r\n\r\n1'
        lines = ["Host: 127.0.0.1", "Content-Type: multipart/form-data; boundary=x", "Content-Length: 1000"]
        _cut_off(served.port, "POST /api/v1/uploads", lines, form, is_moving)
        waited_for(mission, "SELECT state FROM transfer WHERE filename = 'b.txt'", "failed")
    assert (mission.incoming / RAW[0]).read_bytes() == content
    assert mission.waiting() == [RAW[0]]


def _cut_off(port: int, request: str, lines: list[str], body: bytes, wait: Callable[[], None]) -> None:
    """Send a request, and end the connection before all of it has come."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall("\r\n".join([f"{request} HTTP/1.1", *lines, "", ""]).encode() + body)
        wait()


def waited_for(mission: Mission, question: str, answer: str) -> None:
    """Ask the database again and again, for nothing tells when it has another answer."""
    for _ in range(600):
        if mission.rows(question) == [(answer,)]:
            return
        time.sleep(0.05)
    raise AssertionError(f"{mission.rows(question)} and not {answer}")


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
    proved = client.post("/api/v1/uploads", files={"file": (RAW[0], content)}, data={"sha256": sha256(content)})
    assert proved.status_code == 201  # the answer before may have been lost
    assert mission.waiting() == [RAW[0]]
    assert client.get("/api/v1/uploads").json() == []
    states = [each["state"] for each in client.get("/api/v1/uploads?all=true").json()]
    assert states == ["verified", "failed", "verified"]
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


def test_scientistcloud_begins_uploads_from_elsewhere_and_tells_what_it_takes(
    client: TestClient, mission: Mission
) -> None:
    asked = {**ABOUT, "source_type": "local", "source_config": {}}
    for lacking in ("source_type", "source_config", "user_email", "dataset_name", "sensor", "convert", "is_public"):
        fields = {name: value for name, value in asked.items() if name != lacking}
        wrong = client.post("/api/upload/initiate", json=fields)
        assert (wrong.status_code, wrong.json()["error"]) == (400, f"Missing required field: {lacking}")
    assert client.post("/api/upload/initiate", content=b"{").status_code == 400
    wrong = client.post("/api/upload/initiate", json=asked | {"sensor": "NOSE"})
    assert wrong.json()["error"].startswith("Invalid sensor type. Must be one of: ['IDX', 'TIFF', ")
    assert client.post("/api/upload/initiate", json=asked).json()["upload_url"] == "/api/upload/local/upload"
    secret = {"bucket_name": "b", "object_key": "k", "access_key_id": "AKIASECRET", "secret_access_key": "SECRET2"}
    refused = client.post("/api/upload/initiate", json=asked | {"source_type": "s3", "source_config": secret})
    assert refused.status_code == 501
    assert "SECRET" not in refused.text
    private = asked | {"source_type": "url", "source_config": {"url": "http://127.0.0.1:9/x"}}
    assert client.post("/api/upload/initiate", json=private).status_code == 422
    with running(Misbehaving) as url:
        mission.define(product("raw", 0), table("service", {"hosts": ["127.0.0.1"]}))
        config = {"url": f"{url}/good/{RAW[0]}"}
        job = client.post("/api/upload/initiate", json=asked | {"source_type": "url", "source_config": config})
        assert (job.status_code, job.json()["estimated_time"]) == (202, 15), job.text
        assert client.get(job.json()["progress_url"]).json()["status"] == "queued"
        mission.run()
    assert client.get(job.json()["progress_url"]).json()["status"] == "completed"
    assert mission.names("raw") == [RAW[0]]
    human = client.post("/api/upload/estimate", json={"source_type": "url"}).json()
    assert human["estimated_time_human"] == "15 minutes"
    assert client.post("/api/upload/estimate", json={}).json()["error"] == "source_type is required"
    assert client.get("/api/upload/estimate-time?source_type=url").json()["estimated_seconds"] == 180
    sources = client.get("/api/upload/supported-sources").json()
    assert [each["type"] for each in sources["sources"]] == ["local", "google_drive", "s3", "url"]
    assert client.get("/api/upload/limits").json()["chunk_size_bytes"] == 104857600
    assert client.get("/api/upload/health").json()["processor_status"] == "stopped"
    assert set(map(type, client.get("/health").json().values())) == {str}
    mission.define(product("raw", 0), table("service", {"compat": "sclib-2"}))
    fields = {name: value for name, value in ABOUT.items() if name not in ("convert", "is_public")}
    sent = client.post("/api/upload/local/upload", data=fields, files={"file": (RAW[1], b"abc")})
    assert sent.status_code == 200
    fields.pop("sensor")
    wrong = client.post("/api/upload/upload", data=fields, files={"file": (RAW[2], b"abc")})
    assert (wrong.status_code, wrong.json()["detail"]) == (422, "sensor is required")


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


HOSTILE = [
    *("", ".", "..", "../x", "/etc/x", "a/../../b", "a\\b", "C:x", "a\0b", "a\nb", "\u202eb", "n" * 300),
    *(".hidden", "a.part", "a~", "CON", "nul.txt", "a.", " a"),
]


def test_nothing_that_a_client_names_leads_out(client: TestClient, mission: Mission) -> None:
    before = sorted(mission.root.parent.rglob("*"))
    for name in HOSTILE:
        asked = HEADERS | metadata(filename=name, relativePath="../../x") | {"Upload-Length": "1"}
        assert client.post(TUS, headers=asked).status_code in (400, 422), name
        chunks = {**ABOUT, "filename": name, "file_size": 1, "file_hash": sha256(b"1")}
        assert client.post("/api/upload/large/initiate", json=chunks).status_code == 422, name
        if name and "\0" not in name and "\n" not in name:
            assert client.post("/api/v1/uploads", files={"file": (name, b"1")}).status_code in (400, 422), name
    raw = b'--x\r\nContent-Disposition: form-data; name="file"; filename="\xff\xfe"\r\n\r\n1\r\n--x--\r\n'
    form = {"Content-Type": "multipart/form-data; boundary=x"}
    assert client.post("/api/v1/uploads", content=raw, headers=form).status_code == 400
    assert client.get("/api/v1/uploads/..%2f..%2fmission.sqlite").status_code == 404
    assert mission.rows("SELECT * FROM transfer") == []
    there = {path for path in sorted(mission.root.parent.rglob("*")) if ".dbproc" not in path.parts}
    assert {path for path in there if "sqlite" not in path.name} <= set(before)
    twins = [client.post("/api/v1/uploads", files={"file": (name, b"1")}) for name in ("\u00e9.txt", "e\u0301.txt")]
    assert [each.status_code for each in twins] == [201, 409]
    (mission.incoming / "\u00e9.txt").unlink()


def test_digests_are_proved_of_each_request_and_of_the_whole(client: TestClient, mission: Mission) -> None:
    content = b"0123456789"
    url = begun(client, RAW[0], len(content), sha256=sha256(b"another"))
    md5 = base64.b64encode(hashlib.md5(content[:5]).digest()).decode()
    assert sent(client, url, b"wrong", Upload_Checksum=f"md5 {md5}").status_code == 460
    assert client.head(url, headers=HEADERS).headers["upload-offset"] == "0"
    assert sent(client, url, content[:5], Upload_Checksum="crc99 AAAA").status_code == 400
    assert sent(client, url, content[:5], Upload_Checksum=f"md5 {md5}").headers["upload-offset"] == "5"
    assert sent(client, url, content[5:], 5).status_code == 460
    assert client.head(url, headers=HEADERS).status_code == 410
    assert sent(client, url, b"", 10).status_code == 410
    assert "which was promised" in mission.one("SELECT reason FROM transfer WHERE state = 'failed'")
    assert mission.waiting() == []
    raw = base64.b64encode(hashlib.sha256(content).digest()).decode()
    asked = HEADERS | metadata(filename=RAW[1]) | {"Upload-Length": "10", "Repr-Digest": f"sha-256=:{raw}:"}
    done = client.post(TUS, headers=asked | BYTES, content=content)
    assert (done.status_code, done.headers["upload-offset"]) == (201, "10")
    assert mission.one("SELECT state FROM transfer WHERE filename LIKE '%02_v%'") == "verified"
    results = [row[0] for row in mission.rows("SELECT result FROM audit WHERE action = 'upload finish' ORDER BY 1")]
    assert [each.partition(" ")[0] for each in results] == ["its", "verified"]


def test_parts_are_put_together_once(client: TestClient, mission: Mission) -> None:
    urls = []
    for piece in (b"01234", b"56789"):
        url = client.post(TUS, headers=HEADERS | {"Upload-Concat": "partial", "Upload-Length": "5"}).headers["location"]
        urls.append(url)
        final = HEADERS | metadata(filename=RAW[0], sha256=sha256(b"0123456789"))
        final |= {"Upload-Concat": f"final;{' '.join(urls)}"}
        assert client.post(TUS, headers=final).status_code == 422
        assert sent(client, url, piece).status_code == 204
        assert mission.waiting() == sorted(f".dbproc-upload-{url.rpartition('/')[2]}.part" for url in urls)
    done = client.post(TUS, headers=final)
    assert (done.status_code, client.post(TUS, headers=final).headers["location"]) == (201, done.headers["location"])
    assert client.head(done.headers["location"], headers=HEADERS).headers["upload-concat"].startswith("final;/api/v1/")
    assert sent(client, done.headers["location"], b"1", 10).status_code == 403
    assert (mission.incoming / RAW[0]).read_bytes() == b"0123456789"
    assert mission.waiting() == [RAW[0]]


def test_tus_as_its_text_has_it(client: TestClient, mission: Mission) -> None:
    offered = client.options(TUS)
    assert (offered.status_code, offered.headers["tus-version"]) == (204, "1.0.0")
    assert "concatenation" in offered.headers["tus-extension"]
    assert (client.post(TUS).status_code, client.post(TUS).headers["tus-version"]) == (412, "1.0.0")
    asked = HEADERS | metadata(filename=RAW[0])
    assert client.post(TUS, headers=asked).status_code == 400
    assert client.post(TUS, headers=asked | {"Upload-Length": str(1 << 50)}).status_code == 413
    url = client.post(TUS, headers=asked | {"Upload-Defer-Length": "1"}).headers["location"]
    assert client.head(url, headers=HEADERS).headers["upload-defer-length"] == "1"
    assert sent(client, url, b"01234").status_code == 204
    assert client.patch(url, content=b"", headers=HEADERS | {"Upload-Offset": "5"}).status_code == 415
    assert sent(client, url, b"567", 5, Upload_Length="4").status_code == 413
    override = HEADERS | BYTES | {"Upload-Offset": "5", "Upload-Length": "8", "X-HTTP-Method-Override": "PATCH"}
    assert client.post(url, content=b"567", headers=override).status_code == 204
    assert (mission.incoming / RAW[0]).read_bytes() == b"01234567"
    assert client.head(begun(client, RAW[1], 0), headers=HEADERS).headers["upload-offset"] == "0"
    url = begun(client, RAW[2], 5)
    assert sent(client, url, b"0123456").status_code == 413
    assert sent(client, url, b"012").status_code == 204
    assert client.delete(url, headers=HEADERS).status_code == 204
    assert client.head(url, headers=HEADERS).status_code == client.delete(url, headers=HEADERS).status_code == 410
    assert mission.waiting() == RAW[:2]
    assert mission.one("SELECT state FROM transfer WHERE filename LIKE '%03_v%'") == "cancelled"


def test_two_requests_are_not_at_one_upload(client: TestClient, mission: Mission) -> None:
    url = begun(client, RAW[0], 8)
    with open_desk(mission) as desk:
        received = receiving.begin(desk, url.rpartition("/")[2])
        received.write(b"0123")
        assert sent(client, url, b"01234567").status_code == 423
        received.save()
        assert client.delete(url, headers=HEADERS).status_code == 204
        received.write(b"4567")
        with pytest.raises(EndedError):
            received.finish()
        received.close()
    assert mission.waiting() == []


def test_a_run_ends_and_finishes_what_a_service_left(client: TestClient, mission: Mission) -> None:
    mission.define(product("raw", 0), settle_seconds=3600)
    for name in RAW[:3]:
        url = begun(client, name, 4, sha256=sha256(b"0123"))
        with open_desk(mission) as desk:
            received = receiving.begin(desk, url.rpartition("/")[2])
            received.write(b"01" if name == RAW[2] else b"0123")
            received.save()
            received.close()
    mission.execute("UPDATE upload SET expires_time = '2024-01-01 00:00:00.000000' WHERE upload_id > 1")
    said = mission.run().out
    assert "verified" in said
    assert mission.names("raw") == [RAW[0]]
    assert mission.rows("SELECT state FROM transfer ORDER BY transfer_id") == [
        *[("verified",), ("cancelled",), ("cancelled",)]
    ]
    assert mission.waiting() == []
    assert client.head(url, headers=HEADERS).status_code == 410
    mission.dbproc("audit", "verify")


def test_nobody_sends_more_than_is_allowed(client: TestClient, mission: Mission) -> None:
    mission.define(product("raw", 0), table("service", {"uploads": 2, "upload_quota": 1e-6, "upload_size": 1e-6}))
    assert client.post(TUS, headers=HEADERS | metadata(filename=RAW[0]) | {"Upload-Length": "1074"}).status_code == 413
    begun(client, RAW[0], 1000)
    asked = HEADERS | metadata(filename=RAW[1])
    assert client.post(TUS, headers=asked | {"Upload-Length": "1000"}).status_code == 403
    untold = client.post(TUS, headers=asked | {"Upload-Defer-Length": "1"}).headers["location"]
    more = HEADERS | {"Content-Type": "application/offset+octet-stream", "Upload-Offset": "0"}
    assert client.patch(untold, headers=more, content=iter([b"x" * 100])).status_code == 413
    assert client.patch(untold, headers=more | {"Upload-Length": "100"}, content=b"").status_code == 413
    assert client.delete(untold, headers=HEADERS).status_code == 204
    form = {"Content-Type": "multipart/form-data; boundary=x"}
    part = f'--x\r\nContent-Disposition: form-data; name="file"; filename="{RAW[1]}"\r\n\r\n{"x" * 100}\r\n--x--\r\n'
    assert client.post("/api/v1/uploads", headers=form, content=iter([part.encode()])).status_code == 413
    begun(client, RAW[1], 10)
    assert client.post(TUS, headers=asked | {"Upload-Length": "1"}).status_code == 403
    mission.define(product("raw", 0), table("service", {"reserve": 1e6}))
    full = client.post(TUS, headers=asked | {"Upload-Length": "1"})
    assert full.status_code == 507, full.text


def test_anothers_upload_is_not_there(sqlite_mission: Mission) -> None:
    mission = sqlite_mission.create(product("raw", 0))
    with service.client(mission.database, is_open=False) as client, open_store(mission.database) as store:
        ann, ben = (service.bearer(store, name, Scope.UPLOAD) for name in ("ann", "ben"))
        asked = HEADERS | metadata(filename=RAW[0]) | {"Upload-Length": "4"}
        url = client.post(TUS, headers=asked | ann).headers["location"]
        word = url.rpartition("/")[2]
        for method, path in (
            ("HEAD", url),
            ("PATCH", url),
            ("DELETE", url),
            ("GET", f"/api/v1/uploads/{word}"),
            ("DELETE", f"/api/v1/uploads/{word}"),
            ("GET", f"/api/upload/status/{word}"),
            ("POST", f"/api/upload/cancel/{word}"),
        ):
            answer = client.request(method, path, headers=HEADERS | BYTES | {"Upload-Offset": "0"} | ben)
            assert answer.status_code == 404, (method, path)
        assert client.get("/api/v1/uploads", headers=ben).json() == []
        assert len(client.get("/api/v1/uploads", headers=ann).json()) == 1


@contextmanager
def open_desk(mission: Mission) -> Iterator[Desk]:
    with open_store(mission.database) as store:
        with store.begin() as connection:
            specified = load_mission(connection)
        yield Desk(reading=store, writing=store, mission=specified)


@pytest.mark.parametrize("count", [64, pytest.param(1000, marks=pytest.mark.thorough)])
def test_many_clients_at_once(sqlite_mission: Mission, count: int) -> None:
    mission = sqlite_mission.create(product("raw", 0))
    contents = {
        name_of("raw", f"{2001 + number // 28}01{number % 28 + 1:02d}"): b"%d" % number for number in range(count)
    }

    def send(name: str) -> int:
        content = contents[name] * 1000
        asked = HEADERS | metadata(filename=name, sha256=sha256(content)) | {"Upload-Length": str(len(content))}
        with httpx2.Client(base_url=served.address, timeout=60) as client:
            url = client.post(TUS, headers=asked).headers["location"]
            return client.patch(url, content=content, headers=HEADERS | BYTES | {"Upload-Offset": "0"}).status_code

    with Served(mission.database, "--open") as served, ThreadPoolExecutor(32) as clients:
        assert set(clients.map(send, contents)) == {204}
    assert mission.rows("SELECT state, count(*) FROM transfer GROUP BY state") == [("verified", count)]
    for name, content in contents.items():
        assert (mission.incoming / name).read_bytes() == content * 1000
    assert mission.waiting() == sorted(contents)


@pytest.mark.thorough
def test_a_large_upload_takes_little_memory(sqlite_mission: Mission) -> None:
    mission = sqlite_mission.create(product("raw", 0))
    piece, count = bytes(1 << 20), 1024
    digest = hashlib.sha256()
    for _ in range(count):
        digest.update(piece)
    size = str(len(piece) * count)
    with Served(mission.database, "--open") as served, httpx2.Client(base_url=served.address, timeout=100) as client:
        asked = HEADERS | metadata(filename=RAW[0], sha256=digest.hexdigest()) | {"Upload-Length": size}
        url = client.post(TUS, headers=asked).headers["location"]
        headers = HEADERS | BYTES | {"Upload-Offset": "0", "Content-Length": size}
        assert client.patch(url, content=(piece for _ in range(count)), headers=headers).status_code == 204
        status = Path(f"/proc/{served.pid}/status").read_text()
    (most,) = (int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:"))
    assert most < 200 << 10
    (mission.incoming / RAW[0]).unlink()
