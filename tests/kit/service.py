"""``dbproc serve`` as a process of its own, on a port that the system chooses."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx2
from starlette.testclient import TestClient

from dbproc.changes import tokens
from dbproc.core.access import Principal, Scope
from dbproc.database.store import Store, open_store
from dbproc.service.app import create_app
from dbproc.service.context import Context
from tests.kit.commands import REPOSITORY
from tests.kit.mission import Mission
from tests.kit.started import running

BELOW = "/sonar"
"""The path below which a proxy shows it."""


@contextmanager
def serving(database: str | Path, *arguments: str) -> Iterator[str]:
    """Its address, ``http://127.0.0.1:PORT``; it starts no runs, and is killed at the end."""
    command = [sys.executable, "-m", "dbproc", "serve", "-m", str(database), "--no-run", "--port", "0", *arguments]
    with running(command, cwd=REPOSITORY) as address:
        yield address


def bearer(database: str | Path | Store, owner: str = "ada", *scopes: Scope) -> dict[str, str]:
    """The header of somebody with a token, which is made; without scopes they may do everything."""
    with ExitStack() as stack:
        store = database if isinstance(database, Store) else stack.enter_context(open_store(str(database)))
        made = tokens.create(
            store, Principal("tests"), name="test", owner=owner, scopes=scopes or tuple(Scope), expires=None
        )
    return {"Authorization": f"Bearer {made.token}"}


def logged_in(client: TestClient, database: str | Path | Store, owner: str = "ada", *scopes: Scope) -> str:
    """Have a client be a browser in which somebody has logged in; the word of their token."""
    sent = bearer(database, owner, *scopes)["Authorization"].removeprefix("Bearer ")
    assert client.post("/login", data={"token": sent}, follow_redirects=False).status_code == 303
    client.headers["origin"] = str(client.base_url).rstrip("/")
    return sent.split("_")[1]


class Served:
    """A service that can be killed in the middle of its work, and begun anew at the same port; with `runs` it starts
    runs."""

    def __init__(self, database: str | Path, *arguments: str, runs: bool = False) -> None:
        own = () if runs else ("--no-run",)
        self._command = [sys.executable, "-u", "-m", "dbproc", "serve", "-m", str(database), *own, *arguments]
        self._process: subprocess.Popen[str] | None = None
        self.port = 0

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Begin, or begin anew; returns when it listens."""
        self._process = subprocess.Popen(
            [*self._command, "--port", str(self.port)], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        self.port = int(line.rstrip().rstrip("/").rpartition(":")[2])

    def end(self) -> int:
        """End it as systemd does; gives its exit status."""
        assert self._process is not None
        self._process.terminate()
        self._process.communicate()
        status, self._process = self._process.returncode, None
        return status

    def kill(self) -> None:
        """End it as a power cut does."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def __enter__(self) -> Served:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()


@contextmanager
def client(database: str | Path, **known: Any) -> Iterator[TestClient]:
    """A client of the service in this process, where nobody has to be known; `known`: what else the context has."""
    with ExitStack() as stack:
        writing = stack.enter_context(open_store(str(database)))
        reading = stack.enter_context(open_store(str(database), read_only=True))
        context = Context(reading=reading, writing=writing, **{"is_open": True, **known})
        yield stack.enter_context(TestClient(create_app(context)))


class AtPath:
    """A service at a path of the file system, and who asks it as a proxy does."""

    def __init__(self, mission: Mission, path: Path) -> None:
        self.mission, self.path, self.log = mission, path, path.with_suffix(".log")
        command = [sys.executable, "-m", "dbproc", "serve", "-m", mission.database, "--socket", str(path), "--no-run"]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*command, "--root-path", BELOW], cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=log, text=True
            )
        assert self.process.stdout is not None
        self.said = self.process.stdout.readline()
        self.client = httpx2.Client(
            transport=httpx2.HTTPTransport(uds=str(path)),
            base_url="http://missions.example.org",
            headers={"X-Forwarded-For": "192.0.2.7", "X-Forwarded-Proto": "https"},
        )

    def of_process(self) -> str:
        """What everybody on this machine can see of it, and what its user can."""
        directory = Path("/proc", str(self.process.pid))
        return "".join((directory / name).read_bytes().decode() for name in ("cmdline", "environ"))

    def end(self) -> str:
        """End it; what it said."""
        self.client.close()
        self.process.terminate()
        assert self.process.stdout is not None
        said = self.process.stdout.read()
        self.process.stdout.close()
        self.process.wait()
        return self.said + said + self.log.read_text()
