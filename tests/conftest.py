"""What all tests share: a real PostgreSQL server, and an environment without the developer's settings.

Fixtures
--------
database
    Runs the test twice, on SQLite and on PostgreSQL: what to pass to ``-m`` for a database that has nothing in it yet.
    (The SQLite file does not exist, the PostgreSQL database is empty.)
make_database
    The same for tests that need several: each call names another one.
postgres_database
    The URL of an empty PostgreSQL database.
s3
    Runs the test twice, on the S3 servers of rclone and moto: a server with an empty bucket.
postgres_server
    The server; its ``environment()`` makes databases known by their bare names.
"""

from __future__ import annotations

import compileall
import gc
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

import dbproc
from tests.kit.filesystems import roomy
from tests.kit.misbehaving import running_misbehaving
from tests.kit.postgres import PostgresServer, running_server
from tests.kit.s3 import ENVIRONMENT, S3Server, running_moto, running_rclone
from tests.kit.ssh import SSHD, SshServer, running_rclone_sftp, running_sshd
from tests.kit.statements import outlive_engines
from tests.kit.web import WebServer, running_rclone_web

CHECKOUT = Path(dbproc.__file__).parents[1]
COMPILED = [CHECKOUT / name for name in ("dbproc", "migrations", "tests/crash", "tests/kit")]
ROOM_BYTES = 4_000_000_000
SERVER = pytest.StashKey[PostgresServer]()
CLEANUP = pytest.StashKey[ExitStack]()

settings.register_profile("dbproc", settings.get_profile("default"), deadline=None)
settings.register_profile("same", settings.get_profile("default"), deadline=None, derandomize=True, database=None)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "thorough: a finer point, run by make test-all")
    config.addinivalue_line("markers", "both_databases: a flow that make test, too, runs on SQLite and PostgreSQL")
    config.addinivalue_line("markers", "in_processes: each command of the mission is a process of its own")
    config.stash[CLEANUP] = ExitStack()
    # make test tries the same stories each time, so that what it says is of the change; make test-all tries others
    settings.load_profile("dbproc" if config.getoption("thorough", False) else "same")
    for name in [name for name in os.environ if name.startswith(("DBPROC_", "PG"))]:
        del os.environ[name]
    os.environ["MPLBACKEND"] = "Agg"
    os.environ["VISUS_HOME"] = tempfile.mkdtemp(prefix="dbproc-visus-")  # else OpenVisus writes to the home directory
    config.stash[CLEANUP].callback(shutil.rmtree, os.environ["VISUS_HOME"])
    outlive_engines()
    sys.dont_write_bytecode = False  # else each worker compiles each test file, wherever the environment has it so
    if not hasattr(config, "workerinput"):
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", roomy(ROOM_BYTES))  # where tmp_path is
        for directory in COMPILED:
            compileall.compile_dir(directory, quiet=2)  # else each process compiles what it imports


def pytest_collection_finish() -> None:
    """Keep the garbage collector from looking again and again at what stays: thousands of tests, and all modules."""
    gc.collect()
    gc.freeze()


def pytest_unconfigure(config: pytest.Config) -> None:
    config.stash[CLEANUP].close()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker of pytest-xdist where the server is that all of them share."""
    node.workerinput["postgres"] = str(_server(node.config).directory)


def _server(config: pytest.Config) -> PostgresServer:
    """The one server of this test run, started when it is first asked for."""
    if SERVER not in config.stash:
        config.stash[SERVER] = config.stash[CLEANUP].enter_context(running_server())
    return config.stash[SERVER]


@pytest.fixture(scope="session")
def postgres_server(request: pytest.FixtureRequest) -> PostgresServer:
    workerinput = getattr(request.config, "workerinput", None)
    return PostgresServer(Path(workerinput["postgres"])) if workerinput else _server(request.config)


@pytest.fixture
def postgres_database(postgres_server: PostgresServer) -> Iterator[str]:
    name = postgres_server.create()
    yield postgres_server.url(name)
    postgres_server.drop(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def make_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], str]]:
    made: list[str] = []

    def sqlite() -> str:
        made.append(str(tmp_path / f"mission{len(made) or ''}.sqlite"))
        return made[-1]

    def postgresql() -> str:
        made.append(server.create())
        return server.url(made[-1])

    if request.param == "sqlite":
        yield sqlite
    else:
        server: PostgresServer = request.getfixturevalue("postgres_server")
        yield postgresql
        for name in made:
            server.drop(name)


@pytest.fixture
def database(make_database: Callable[[], str]) -> str:
    return make_database()


@pytest.fixture(scope="session")
def rclone_s3() -> Iterator[S3Server]:
    with running_rclone() as server:
        yield server


@pytest.fixture(scope="session")
def moto_s3() -> Iterator[S3Server]:
    with running_moto() as server:
        yield server


@pytest.fixture(params=["rclone", "moto"])
def s3(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> S3Server:
    for name, secret in ENVIRONMENT.items():
        monkeypatch.setenv(name, secret)
    server: S3Server = request.getfixturevalue(f"{request.param}_s3")
    return server.with_bucket()


@pytest.fixture(scope="session")
def rclone_sftp() -> Iterator[SshServer]:
    with running_rclone_sftp() as server:
        yield server


@pytest.fixture(scope="session")
def sshd_sftp() -> Iterator[SshServer]:
    with running_sshd() as server:
        yield server


@pytest.fixture(scope="session")
def rclone_http() -> Iterator[WebServer]:
    with running_rclone_web("http") as server:
        yield server


@pytest.fixture(scope="session")
def rclone_webdav() -> Iterator[WebServer]:
    with running_rclone_web("webdav") as server:
        yield server


@pytest.fixture(scope="session")
def misbehaving() -> Iterator[str]:
    with running_misbehaving() as url:
        yield url


@pytest.fixture(params=["rclone", *(["sshd"] if SSHD else [])])
def ssh(request: pytest.FixtureRequest) -> SshServer:
    server: SshServer = request.getfixturevalue(f"{request.param}_sftp")
    return server


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--thorough``: every test; see :func:`pytest_collection_modifyitems`."""
    parser.addoption("--thorough", action="store_true", help="every test, those of the flow on both databases")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests of the flow run on SQLite, and those that are marked ``both_databases`` on PostgreSQL too.

    What a flow does differs little between the databases; the tests of the database itself run on both, always. Tests
    marked ``thorough`` are finer points of what others hold as well.
    """
    if config.getoption("--thorough"):
        return
    config.hook.pytest_deselected(items=[item for item in items if _is_spared(item)])
    items[:] = [item for item in items if not _is_spared(item)]


def _is_spared(item: pytest.Item) -> bool:
    if item.get_closest_marker("thorough") is not None:
        return True
    parameters = getattr(item, "callspec", None)
    values = parameters.params.values() if parameters is not None else ()
    is_of_server = any(isinstance(value, str) and value == "postgresql" for value in values)
    is_of_flow = item.path.parent.name == "flow"
    return is_of_flow and is_of_server and item.get_closest_marker("both_databases") is None
