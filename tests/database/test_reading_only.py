"""Who may only read can look, at any time, and leaves nothing behind."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg2
import pytest

from dbproc.core.errors import DatabaseError, DatabaseLostError
from dbproc.database.store import Store, create_database, open_store
from tests.kit.mission import Mission, chain, name_of
from tests.kit.postgres import PostgresServer

ASKING = (
    ("status",),
    ("plan",),
    ("run", "--dry-run"),
    ("why", name_of("raw", 1)),
    ("why", "clean", "2020-01-01"),
    ("lineage", name_of("raw", 1)),
    ("queue",),
    ("stats",),
    ("check",),
    ("quarantine", "list"),
    ("code", "list"),
    ("campaign", "list"),
    ("canary", "list"),
    ("whatif", "reprocess", "--product", "clean"),
    ("export",),
)
"""Commands that tell and change nothing."""
IN_ONE_PROCESS = """
import sys
from dbproc.cli import main
for words in sys.argv[2:]:
    status = main([*words.split("|"), "-m", sys.argv[1]])
    if status:
        sys.exit(f"{words}: {status}")
"""
WRITER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA journal_mode = WAL")
connection.execute("UPDATE mission SET mission_name = 'written last'")
print(flush=True)
input()
"""


def as_reader(database: str, *commands: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    """Carry out commands as a user who has no rights over the files of others."""
    words = [sys.executable, "-c", IN_ONE_PROCESS, database, *map("|".join, commands)]
    if os.geteuid() == 0:
        words = [sys.executable, "-m", "tests.crash.restricted", "--obedient", "--", *words[1:]]
    return subprocess.run(words, capture_output=True, text=True, timeout=100, check=False)


@contextmanager
def closed(place: Path) -> Iterator[None]:
    """Nobody may write into a directory, nor what is in it."""
    modes = {path: path.stat().st_mode for path in (place, *place.iterdir())}
    for path, mode in modes.items():
        path.chmod(mode & ~0o222)
    try:
        yield
    finally:
        for path, mode in modes.items():
            if path.exists():
                path.chmod(mode)


@contextmanager
def live(database: Path) -> Iterator[subprocess.Popen[str]]:
    """A process is at work, and what it wrote last is in the log alone."""
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(database)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        try:
            yield writer
        finally:
            writer.kill()


@pytest.fixture
def mission(tmp_path: Path) -> Mission:
    home = tmp_path / "database"
    home.mkdir()
    made = Mission(tmp_path / "mission", str(home / "x.sqlite"))
    made.create(*chain())
    made.deliver(name_of("raw", 1))
    made.run()
    return made


def listing(place: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in place.iterdir() if not path.name.endswith("-shm")}


def test_every_asking_command_works_where_nothing_can_be_written(mission: Mission) -> None:
    home = Path(mission.database).parent
    before = listing(home)
    with closed(home):
        done = as_reader(mission.database, *ASKING)
    assert done.returncode == 0, done.stderr
    assert "clean" in done.stdout
    assert listing(home) == before


def test_a_live_run_is_looked_at(mission: Mission) -> None:
    home = Path(mission.database).parent
    with live(Path(mission.database)):
        before = listing(home)
        with closed(home):
            done = as_reader(mission.database, ("status",))
        assert done.returncode == 0, done.stderr
        assert "written last" in done.stdout
        assert listing(home) == before


def test_what_a_dead_run_wrote_last_is_seen(mission: Mission) -> None:
    home = Path(mission.database).parent
    with live(Path(mission.database)) as writer:
        writer.send_signal(signal.SIGKILL)
    before = listing(home)
    assert before["x.sqlite-wal"]
    with closed(home):
        done = as_reader(mission.database, ("status",))
    assert done.returncode == 0, done.stderr
    assert "written last" in done.stdout
    assert listing(home) == before


def test_a_log_without_its_index_takes_somebody_who_may_write(mission: Mission, tmp_path: Path) -> None:
    """As a backup has it that took two of the three files."""
    home, copy = Path(mission.database).parent, tmp_path / "copy"
    copy.mkdir()
    with live(Path(mission.database)):
        for name in ("x.sqlite", "x.sqlite-wal"):
            shutil.copy(home / name, copy / name)
    with closed(copy):
        done = as_reader(str(copy / "x.sqlite"), ("status",))
    assert "Traceback" not in done.stderr
    assert "any command of a user who may write does so" in done.stderr
    assert sorted(path.name for path in copy.iterdir()) == ["x.sqlite", "x.sqlite-wal"]
    assert mission.dbproc("status", "-m", str(copy / "x.sqlite")).status == 0


def test_a_closed_directory_with_empty_files_of_a_dead_run(mission: Mission) -> None:
    home = Path(mission.database).parent
    for ending in ("-wal", "-shm"):
        Path(mission.database + ending).touch()
        with closed(home):
            done = as_reader(mission.database, ("status",))
        assert done.returncode == 0, done.stderr


def test_a_file_that_is_written_while_it_is_taken_for_unchanging_is_told(
    mission: Mission, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dbproc.database.store.sqlite._may_write", lambda _: False)
    with open_store(mission.database, read_only=True) as store:
        with pytest.raises(DatabaseLostError, match="ask again"):
            _read_what_is_written(store)
        with store.begin() as connection:
            assert connection.exec_driver_sql("SELECT mission_name FROM mission").scalar() == "other"


def _read_what_is_written(store: Store) -> None:
    with store.begin() as connection:
        with closing(sqlite3.connect(str(store.url.database))) as other, other:
            other.execute("UPDATE mission SET mission_name = 'other'")
        connection.exec_driver_sql("SELECT * FROM mission")


def test_who_may_only_read_a_server_can_look(
    postgres_database: str, postgres_server: PostgresServer, tmp_path: Path
) -> None:
    made = Mission(tmp_path / "mission", postgres_database)
    made.create(*chain())
    made.deliver(name_of("raw", 1))
    made.run()
    role = f"r{os.urandom(6).hex()}"
    with closing(psycopg2.connect(postgres_database)) as connection:
        connection.autocommit = True
        cursor = connection.cursor()
        cursor.execute(f"CREATE ROLE {role} LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}")
        try:
            done = as_reader(postgres_database.replace("postgres@", f"{role}@"), *ASKING)
            refused = as_reader(postgres_database.replace("postgres@", f"{role}@"), ("run",))
        finally:
            cursor.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")
    assert done.returncode == 0, done.stderr
    assert refused.stderr.splitlines()[-1] == "run: 78"
    assert "permission denied for table" in refused.stderr


def test_who_wants_to_write_and_may_not_is_told(tmp_path: Path) -> None:
    home = tmp_path / "database"
    home.mkdir()
    create_database(str(home / "x.sqlite"))
    with closed(home):
        done = as_reader(str(home / "x.sqlite"), ("run",))
    assert "Traceback" not in done.stderr
    assert "see to " in done.stderr
    with pytest.raises(DatabaseError, match="there is no database"):
        open_store(str(home / "y.sqlite"))
