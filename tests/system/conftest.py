"""What the system's own packages bring: pgbouncer, Debian's PostgreSQL, locales. See ``needs.sh``."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg2
import pytest

from tests.kit.postgres import OwnServer, PostgresServer, running_server, without_privileges

START_SECONDS = 30


class Pgbouncer:
    """A pgbouncer before a server, on a Unix socket in a directory of its own."""

    def __init__(self, directory: Path, server: PostgresServer, **settings: str) -> None:
        self.directory = directory
        self._process: subprocess.Popen[bytes] | None = None
        given = {
            "listen_port": "6432",
            "unix_socket_dir": str(directory),
            "auth_type": "any",
            "admin_users": "postgres",
            **settings,
        }
        lines = [f"{name} = {value}" for name, value in given.items()]
        where = f"* = host={server.directory} user=postgres"
        (directory / "ini").write_text("\n".join(["[databases]", where, "[pgbouncer]", *lines, ""]))

    def url(self, database: str) -> str:
        return f"postgresql://postgres@/{database}?host={self.directory}&port=6432"

    def start(self) -> None:
        program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
        assert program is not None
        prefix, user = without_privileges(self.directory)
        with (self.directory / "log").open("ab") as log:
            words = [*prefix, program, str(self.directory / "ini")]
            self._process = subprocess.Popen(words, stdout=log, stderr=log, user=user, cwd=self.directory)
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                return psycopg2.connect(self.url("pgbouncer").replace("postgresql://", "postgres://")).close()
            except psycopg2.OperationalError:
                assert time.monotonic() < deadline, (self.directory / "log").read_text()
            time.sleep(0.05)

    def stop(self) -> None:
        """End it at once, as a restart of the machine would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()


@contextmanager
def pgbouncer(server: PostgresServer, **settings: str) -> Iterator[Pgbouncer]:
    """A pgbouncer that is started, and stopped in the end."""
    directory = Path(tempfile.mkdtemp(prefix="dbproc-pgb-"))
    directory.chmod(0o777)
    bouncer = Pgbouncer(directory, server, **settings)
    try:
        bouncer.start()
        yield bouncer
    finally:
        bouncer.stop()
        shutil.rmtree(directory)


@pytest.fixture(scope="session")
def locales(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory of locales that the system need not have: what LOCPATH is set to."""
    place = tmp_path_factory.mktemp("locales")
    for name, charset in (("de_DE", "UTF-8"), ("en_US", "ISO-8859-1")):
        words = ["localedef", "-i", name, "-f", charset, str(place / f"{name}.{charset}")]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert (place / f"{name}.{charset}").exists(), done.stderr
    for path in (place, *place.parents):
        if path != Path("/tmp") and path.is_relative_to("/tmp"):
            path.chmod(path.stat().st_mode | 0o555)  # for the server, which is somebody else
    return place


@pytest.fixture(scope="session")
def german_server(locales: Path) -> Iterator[OwnServer]:
    """Debian's PostgreSQL, whose messages are German."""
    binaries = max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    with running_server(binaries, {"LOCPATH": str(locales)}, lc_messages="de_DE.UTF-8") as server:
        with (
            closing(psycopg2.connect(server.url())) as connection,
            pytest.raises(psycopg2.Error, match="existiert nicht"),
        ):
            connection.cursor().execute("SELECT * FROM nosuch")
        yield server
