"""kill -9 of the service at every point of an upload by tus, of parts, by a form, in chunks: what was answered is kept.

    python -m tests.crash.uploads DATABASE INCOMING [EVERY]

Each trial is a child of this process, with the service and its client in one; what was answered is written to a pipe.
Then the upload goes on with a service that lives, as a client does that knows what was answered, and nothing more.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient as _TestClient

from dbproc.core import scientistcloud
from dbproc.database.store import open_store
from dbproc.service.app import create_app
from dbproc.service.context import Context
from dbproc.service.scientistcloud import large
from dbproc.service.uploads.streams import desk_of
from dbproc.transfers.uploads import put_right
from tests.crash.killer import Points

TestClient = Any
"""Its library has types of its own for answers."""

CONTENT = b"0123456789"
DIGEST = hashlib.sha256(CONTENT).hexdigest()
TUS = "/api/v1/uploads/tus"
ABOUT = {"user_email": "a@b.org", "dataset_name": "D", "sensor": "OTHER", "convert": "no", "is_public": "no"}
_MOST_POINTS = 400


@dataclass
class Known:
    """What a client knows of its upload by the answers that it got."""

    name: str
    facts: dict[str, Any] = field(default_factory=dict)
    pipe: int | None = None

    def learn(self, **facts: Any) -> None:
        """Something was answered."""
        self.facts |= facts
        if self.pipe is not None:
            os.write(self.pipe, json.dumps(facts).encode() + b"\n")


def headers(**more: str) -> dict[str, str]:
    return {"Tus-Resumable": "1.0.0"} | {name.replace("_", "-"): value for name, value in more.items()}


def metadata(name: str, **more: str) -> str:
    pairs = {"filename": name, **more}
    return ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in pairs.items())


def by_tus(client: TestClient, known: Known) -> None:
    """In two requests."""
    asked = headers(Upload_Length=str(len(CONTENT)), Upload_Metadata=metadata(known.name, sha256=DIGEST))
    url = known.facts.get("url")
    if url is None:
        url = good(client.post(TUS, headers=asked)).headers["location"]
        known.learn(url=url)
    _send(client, known, url, CONTENT, "offset")


def _send(client: TestClient, known: Known, url: str, content: bytes, key: str) -> None:
    offset = int(good(client.head(url, headers=headers())).headers["upload-offset"])
    assert offset >= known.facts.get(key, 0), f"{known.name}: {offset} bytes are left of {known.facts[key]}"
    while offset < len(content):
        piece = content[offset : offset + 6]
        kind = {"Content-Type": "application/offset+octet-stream", "Upload-Offset": str(offset)}
        offset = int(good(client.patch(url, content=piece, headers=headers() | kind)).headers["upload-offset"])
        known.learn(**{key: offset})


def by_parts(client: TestClient, known: Known) -> None:
    """In two parts that are put together."""
    if "whole" in known.facts:
        good(client.head(known.facts["whole"], headers=headers()))
        return
    for key, piece in (("first", CONTENT[:7]), ("second", CONTENT[7:])):
        if key not in known.facts:
            asked = headers(Upload_Length=str(len(piece)), Upload_Concat="partial")
            known.learn(**{key: good(client.post(TUS, headers=asked)).headers["location"]})
        if known.facts.get(f"{key} bytes") != len(piece):
            _send(client, known, known.facts[key], piece, f"{key} bytes")
    urls = f"{known.facts['first']} {known.facts['second']}"
    asked = headers(Upload_Concat=f"final;{urls}", Upload_Metadata=metadata(known.name, sha256=DIGEST))
    known.learn(whole=good(client.post(TUS, headers=asked)).headers["location"])


def by_form(client: TestClient, known: Known) -> None:
    """In one request, which is sent again."""
    if "upload" not in known.facts:
        form = {"files": {"file": (known.name, CONTENT)}, "data": {"sha256": DIGEST}}
        answer = client.post("/api/v1/uploads", **form)
        if answer.status_code != 409:  # it is there
            known.learn(upload=good(answer).json()["upload"])


def by_chunks(client: TestClient, known: Known) -> None:
    """In numbered chunks."""
    if "done" in known.facts:
        return
    asked = {**ABOUT, "filename": known.name, "file_size": len(CONTENT), "file_hash": DIGEST}
    word = good(client.post("/api/upload/large/initiate", json=asked)).json()["upload_id"]
    if "word" in known.facts and word != known.facts["word"]:
        assert good(client.get(f"/api/upload/large/status/{known.facts['word']}")).json()["is_complete"]
    else:
        known.learn(word=word)
        missing = good(client.get(f"/api/upload/large/resume/{word}")).json()["missing_chunks"]
        lost = [number for number in missing if f"chunk {number}" in known.facts]
        assert not lost, f"{known.name}: the chunks {lost} are lost"
    for number in good(client.get(f"/api/upload/large/resume/{word}")).json()["missing_chunks"]:
        piece = CONTENT[4 * number : 4 * number + 4]
        form = {"data": {"chunk_hash": hashlib.sha256(piece).hexdigest()}, "files": {"chunk": piece}}
        good(client.post(f"/api/upload/large/chunk/{word}/{number}", **form))
        known.learn(**{f"chunk {number}": True})
    good(client.post(f"/api/upload/large/complete/{word}"))
    known.learn(done=True)


WAYS: tuple[Callable[[TestClient, Known], None], ...] = (by_tus, by_parts, by_form, by_chunks)


def good(answer: Any) -> Any:
    assert answer.status_code < 300, f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text}"
    return answer


@contextmanager
def served(database: str) -> Iterator[tuple[TestClient, Context]]:
    """A service in this process."""
    with open_store(database) as writing, open_store(database, read_only=True) as reading:
        context = Context(reading=reading, writing=writing, is_open=True)
        with _TestClient(create_app(context)) as client:
            yield client, context


def killed(database: str, incoming: str, way: Callable[[TestClient, Known], None], name: str, at: int) -> Known | None:
    """What the client knows whose service died at a point; None: it came to its end before."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        try:
            with served(database) as (client, _):
                Points([incoming], at).watch()
                way(client, Known(name, pipe=writing))
            os._exit(0)
        except BaseException as error:
            os.write(2, f"{name}: {error!r}\n".encode())
            os._exit(1)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        known = Known(name)
        for line in pipe:
            known.facts |= json.loads(line)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return known
    assert status == 0, f"{name}: the trial ended with {status}"
    return None


def half_written(incoming: str) -> list[str]:
    """Files in incoming that a run would take, and that are not whole."""
    there = [path for path in Path(incoming).iterdir() if not path.name.startswith(".dbproc-")]
    return [path.name for path in there if path.read_bytes() != CONTENT]


def names() -> Iterator[str]:
    day = dt.date(2001, 1, 1)
    while True:
        yield f"raw_{day:%Y%m%d}_v1.0.0.txt"
        day += dt.timedelta(days=1)


def campaign(database: str, incoming: str, every: int) -> int:
    """Kill at each point that is a multiple of `every`; how many kills these were."""
    for module in (large, scientistcloud):
        setattr(module, "CHUNK", 4)  # noqa: B010 - mypy knows it as final
    count, new_name = 0, names()
    for way in WAYS:
        for at in range(1, _MOST_POINTS, every):
            known = killed(database, incoming, way, next(new_name), at)
            if known is None:
                break
            count += 1
            assert not half_written(incoming), half_written(incoming)
            with served(database) as (client, context):
                put_right(desk_of(context), is_beginning=True)
                way(client, known)
            assert (Path(incoming) / known.name).read_bytes() == CONTENT, known.name
        else:
            raise AssertionError(f"{way.__name__} has more than {_MOST_POINTS} points")
    return count


if __name__ == "__main__":
    print(campaign(sys.argv[1], sys.argv[2], int((sys.argv[3:] or ["1"])[0])), "kills")
