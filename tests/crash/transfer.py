"""kill -9 of ``dbproc fetch`` at random bytes of one large file, until it is there: equal, and not moved twice over.

    python -m tests.crash.transfer --mebibytes 1024 --kills 100

The server counts the bytes that it sends, and ends the process that fetches when it has sent so many of them.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.kit.commands import REPOSITORY
from tests.kit.mission import Mission, table

MIB = 1 << 20
_PIECE = 256 << 10
_LISTING = b"<html><body><pre><a href='big.bin'>big.bin</a></pre></body></html>"


@dataclass(frozen=True)
class Case:
    """A file of so many bytes, and so many kills at random bytes of it."""

    size: int
    kills: int
    seed: int = 1


@dataclass
class Figures:
    """What came of it."""

    kills: int = 0
    sent: int = 0
    faults: list[str] = field(default_factory=list)


class Origin:
    """A server of one file, with a strong ETag and ranges; `bytes_until_kill` counts down as it sends."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.sent = 0
        self.bytes_until_kill: int | None = None
        self.victim: subprocess.Popen[bytes] | None = None
        self.lock = threading.Lock()

    def sends(self, count: int) -> None:
        """Count, and kill when it is time."""
        with self.lock:
            self.sent += count
            if self.bytes_until_kill is not None:
                self.bytes_until_kill -= count
                if self.bytes_until_kill <= 0 and self.victim is not None:
                    self.victim.kill()


@contextmanager
def serving(origin: Origin) -> Iterator[str]:
    """The URL of a server in threads of this process."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            """Nothing."""

        def do_HEAD(self) -> None:
            self._answer(is_asked_for=False)

        def do_GET(self) -> None:
            self._answer(is_asked_for=True)

        def _answer(self, is_asked_for: bool) -> None:
            content, headers = _LISTING, {"Content-Type": "text/html"}
            status, start = 200, 0
            if self.path.endswith("big.bin"):
                content, headers = origin.content, {"ETag": '"one"', "Accept-Ranges": "bytes"}
                asked = self.headers.get("Range", "")
                if asked.startswith("bytes=") and self.headers.get("If-Range", '"one"') == '"one"':
                    start = int(asked.removeprefix("bytes=").rstrip("-"))
                    status = 206
                    headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content) - start))
            self.end_headers()
            if is_asked_for:
                self._send(content, start, is_counted=content is origin.content)

        def _send(self, content: bytes, start: int, is_counted: bool) -> None:
            try:
                for at in range(start, len(content), _PIECE):
                    piece = content[at : at + _PIECE]
                    self.wfile.write(piece)
                    if is_counted:
                        origin.sends(len(piece))
            except OSError:
                self.close_connection = True

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def get_request(self) -> tuple[Any, Any]:
            connection, address = super().get_request()
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _PIECE)  # what is sent is nearly received
            return connection, address

        def handle_error(self, *_: Any) -> None:
            """Connections break: that is what this is for."""

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()


def bear(directory: Path, database: str, case: Case) -> Figures:
    """Kill and fetch again, until the file is there; then look at it."""
    chance = random.Random(case.seed)
    origin = Origin(b"".join(chance.randbytes(MIB) for _ in range(case.size // MIB)))
    figures = Figures()
    with serving(origin) as url:
        mission = Mission(directory / "mission", database).create(
            table("source.far", {"url": url, "path": "*.bin", "reserve": 0}), settle_seconds=0
        )
        (mission.incoming / "stranger").write_text("a stranger")
        mean = 2 * case.size // max(case.kills, 1)
        while figures.kills < case.kills and not (mission.incoming / "big.bin").exists():
            origin.bytes_until_kill = chance.randint(1, mean)
            figures.kills += _fetch(mission, origin) != 0
        origin.bytes_until_kill = None
        _fetch(mission, origin)
    figures.sent = origin.sent
    figures.faults = list(_faults(mission, origin, case))
    return figures


def _fetch(mission: Mission, origin: Origin) -> int:
    words = [sys.executable, "-m", "dbproc", "fetch", "far", "-m", mission.database]
    with origin.lock:
        origin.victim = subprocess.Popen(
            words, env=mission.environment, cwd=REPOSITORY, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
    return origin.victim.wait()


def _faults(mission: Mission, origin: Origin, case: Case) -> Iterator[str]:
    there = {path.name: path.read_bytes() for path in mission.incoming.iterdir() if path.is_file()}
    if there.keys() != {"big.bin", "stranger"}:
        yield f"in incoming are {sorted(there)}"
    elif hashlib.sha256(there["big.bin"]).digest() != hashlib.sha256(origin.content).digest():
        yield "the bytes that came are others"
    if there.get("stranger") != b"a stranger":
        yield "the stranger is gone"
    states = mission.rows("SELECT state FROM transfer")
    if states not in ([("unverified",)], [("verified",)]):
        yield f"the transfers are {states}"
    if origin.sent > 2 * case.size + _under_way(case):
        yield f"{origin.sent:,} bytes were sent for {case.size:,}"


def _under_way(case: Case) -> int:
    """What the system holds of a connection at each kill, sent and not received: of a short file that is much of it."""
    return 0 if case.size >= 256 * MIB else case.kills * 6 * MIB


def main() -> int:
    """Run one case, and say what came of it."""
    parser = argparse.ArgumentParser(prog="tests.crash.transfer", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--mebibytes", type=int, default=1024)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="dbproc-transfer-") as directory:
        case = Case(given.mebibytes * MIB, given.kills, given.seed)
        figures = bear(Path(directory), str(Path(directory, "mission.sqlite")), case)
    print(f"{figures.kills} kills, {figures.sent / case.size:.2f} times the bytes; {figures.faults or 'no fault'}")
    return 1 if figures.faults else 0


if __name__ == "__main__":
    sys.exit(main())
