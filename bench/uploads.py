"""A large file sent by curl to ``dbproc serve``, in turn with a bare server that writes and syncs it; and how often the
service tells how far an upload is while a run works."""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx2

from bench.places import Place
from bench.table import Row
from tests.kit.mission import Mission, name_of, process, product
from tests.kit.service import Served

MIB = 1 << 20
TUS = "/api/v1/uploads/tus"
HEADERS = {"Tus-Resumable": "1.0.0"}
_CLIENTS = 4
_SLOW = """#!/bin/sh
sleep 0.05
cat "$1" > "$2"
"""


def measure(place: Place, mebibytes: int, jobs: int, rounds: int) -> list[Row]:
    """The rates of an upload, its memory, and status requests per second while a run of so many jobs works."""
    return [*_sent(place, mebibytes * MIB, rounds), _asked(place, jobs)]


def _sent(place: Place, size: int, rounds: int) -> Iterator[Row]:
    directory = place.new()
    content, digest = directory / "content", hashlib.sha256()
    piece = os.urandom(MIB)
    with content.open("wb") as file:
        for _ in range(size // MIB):
            file.write(piece)
            digest.update(piece)
        os.fsync(file.fileno())
    mission = _mission(place, directory)
    ours, theirs = [], []
    with Served(mission.database, "--open") as served, _bare(directory / "bare") as bare:
        for day in range(1, rounds + 1):
            url = _begun(served.address, name_of("raw", day), size, digest.hexdigest())
            headers = [f"-H{name}: {value}" for name, value in HEADERS.items()]
            headers += ["-HUpload-Offset: 0", "-HContent-Type: application/offset+octet-stream"]
            theirs.append(size / _seconds(["-T", str(content), f"{bare}/file"]) / 1e6)
            ours.append(size / _seconds(["-X", "PATCH", "-T", str(content), *headers, url]) / 1e6)
            (mission.incoming / name_of("raw", day)).unlink()
        memory = _memory(served.pid)
    shutil.rmtree(directory)
    yield Row(
        benchmark="uploads",
        database=place.database.kind,
        what=f"tus, {size // MIB:,} MiB in one request, proved and published",
        values=ours,
        unit="MB/s",
        others=theirs,
        than="curl to a bare server",
        target=0.5,
        is_ratio=True,
        more_is_better=True,
    )
    yield Row(
        benchmark="uploads",
        database=place.database.kind,
        what="memory",
        values=[memory / MIB],
        unit="MiB",
        target=200.0,
    )


def _asked(place: Place, jobs: int) -> Row:
    """Status requests per second of several clients, while a run works."""
    directory = place.new()
    mission = _mission(place, directory)
    mission.deliver(
        *(name_of("raw", f"{2001 + day // 336}{day // 28 % 12 + 1:02d}{day % 28 + 1:02d}") for day in range(jobs))
    )
    with Served(mission.database, "--open") as served:
        word = _begun(served.address, name_of("raw", 1), 5, "0" * 64).rpartition("/")[2]
        run = mission.start()
        until, counts = time.monotonic() + 10.0, []
        with ThreadPoolExecutor(_CLIENTS) as clients:
            counts = list(clients.map(_count, [(f"{served.address}/api/upload/status/{word}", until)] * _CLIENTS))
        is_at_work = run.poll() is None
        run.kill()
        run.communicate()
    shutil.rmtree(directory)
    return Row(
        benchmark="uploads",
        database=place.database.kind,
        what=f"status of an upload, {_CLIENTS} clients, a run {'at work' if is_at_work else 'that has ended'}",
        values=[sum(counts) / 10.0],
        unit="requests/s",
        target=200.0,
        more_is_better=True,
    )


def _count(asked: tuple[str, float]) -> int:
    url, until = asked
    count = 0
    with httpx2.Client(timeout=30) as client:
        while time.monotonic() < until:
            client.get(url).raise_for_status()
            count += 1
    return count


def _mission(place: Place, directory: Path) -> Mission:
    mission = Mission(directory / "mission", place.database.name_for(directory))
    mission.code("to_clean.sh", _SLOW)
    return mission.create(product("raw", 0), product("clean", 1), process("to_clean", "clean", ["raw"]))


def _begun(address: str, name: str, size: int, digest: str) -> str:
    pairs = {"filename": name, "sha256": digest}
    metadata = ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in pairs.items())
    asked = HEADERS | {"Upload-Length": str(size), "Upload-Metadata": metadata}
    answer = httpx2.post(f"{address}{TUS}", headers=asked, timeout=60)
    answer.raise_for_status()
    return str(answer.headers["location"])


def _seconds(arguments: list[str]) -> float:
    begun = time.perf_counter()
    subprocess.run(["curl", "-sSf", *arguments], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begun


def _memory(pid: int) -> int:
    """The most bytes of memory that a process has had."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


@contextmanager
def _bare(path: Path) -> Iterator[str]:
    """A server that writes what it is sent to one file, and syncs it."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            """Nothing."""

        def do_PUT(self) -> None:
            left = int(self.headers["content-length"])
            with path.open("wb") as file:
                while left:
                    piece = self.rfile.read(min(MIB, left))
                    file.write(piece)
                    left -= len(piece)
                file.flush()
                os.fsync(file.fileno())
            path.unlink()
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
