"""An import that is killed leaves the former database untouched, and the new one empty or whole."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from dbproc.cli import main
from tests.crash.fork_server import ForkServer, Order
from tests.kit import old_missions
from tests.kit.mission import connect
from tests.kit.postgres import PostgresServer


@dataclass
class Laboratory:
    """An old mission, and imports of it that are killed."""

    directory: Path
    old: str
    runs: ForkServer
    trace: Path

    def take(self, new: str, at: int | None = None) -> int:
        """Import it; the exit status, negative when it was killed."""
        order = Order(
            program="dbproc",
            arguments=("import", "dbprocessing", self.old, "-m", new),
            cwd=str(self.directory),
            watched=(str(self.directory),),
            at=at,
            out=str(self.directory / "out"),
            trace=str(self.trace) if at is None else None,
        )
        return self.runs.run(order).status

    def points(self, new: str) -> list[str]:
        """Import it undisturbed; the points that it comes to."""
        self.trace.unlink(missing_ok=True)
        assert self.take(new) == 0, (self.directory / "out").read_text()
        return [line.split("\t")[1] for line in self.trace.read_text().splitlines()]


@pytest.fixture
def laboratory(tmp_path: Path) -> Iterator[Laboratory]:
    tables = old_missions.lay_out(tmp_path / "root", old_missions.full_mission())
    old = old_missions.make(str(tmp_path / "old.sqlite"), tables)
    with ForkServer() as runs:
        yield Laboratory(tmp_path, old, runs, tmp_path / "trace")


def test_a_killed_import_leaves_no_file_or_a_whole_one(laboratory: Laboratory) -> None:
    new = laboratory.directory / "new" / "mission.sqlite"
    new.parent.mkdir()
    laboratory.points(str(new))  # which keeps the bytes of codes, so that all that follow come to the same points
    new.unlink()
    points = laboratory.points(str(new))
    before, wanted = old_missions.everything(laboratory.old), counts(str(new))
    moments = ["INSERT INTO filefilelink", f"os.rename {new}"]
    seen = []
    for point in [*places(points, *moments), len(points) - 2]:
        for path in new.parent.iterdir():
            path.unlink()
        assert laboratory.take(str(new), point) < 0
        assert old_missions.everything(laboratory.old) == before
        seen.append(new.exists())
        if not new.exists():
            assert laboratory.take(str(new)) == 0, point
        assert counts(str(new)) == wanted, point
        assert sorted(os.listdir(new.parent)) == ["mission.sqlite"]
    assert seen == [False, False, True]
    assert main(["check", "-m", str(new)]) == 0


def test_a_killed_import_leaves_an_empty_database_or_a_whole_one(
    laboratory: Laboratory, postgres_server: PostgresServer
) -> None:
    name = postgres_server.create()
    new = postgres_server.url(name)
    laboratory.points(new)
    postgres_server.drop(name)
    postgres_server.create(name=name)
    points = laboratory.points(new)
    before, wanted = old_missions.everything(laboratory.old), counts(new)
    seen = []
    for point in [*places(points, "INSERT INTO filefilelink"), len(points) - 1]:
        postgres_server.drop(name)
        postgres_server.create(name=name)
        assert laboratory.take(new, point) < 0
        assert old_missions.everything(laboratory.old) == before
        seen.append(counts(new) is not None)
        if not seen[-1]:
            assert laboratory.take(new) == 0, point
        assert counts(new) == wanted, point
    assert seen == [False, True]
    assert main(["check", "-m", new]) == 0
    postgres_server.drop(name)


def places(points: Sequence[str], *beginnings: str) -> list[int]:
    """Where the last points are that begin so."""
    return [max(at for at, what in enumerate(points, 1) if what.startswith(begin)) for begin in beginnings]


def counts(database: str) -> list[int] | None:
    """How many rows there are of a mission, its files, what was made and the baseline; None where there is none."""
    connection = connect(database)
    try:
        cursor = connection.cursor()
        exists = "SELECT count(*) FROM {} WHERE {} = 'mission'"
        catalogue = ("information_schema.tables", "table_name") if "://" in database else ("sqlite_master", "name")
        cursor.execute(exists.format(*catalogue))
        if cursor.fetchone()[0] == 0:
            return None
        found = []
        for table in ("mission", "file", "filefilelink", "attempt", "baselinecode", "baseline", "logging"):
            cursor.execute(f"SELECT count(*) FROM {table}")
            found.append(int(cursor.fetchone()[0]))
        return found if found[0] else None
    finally:
        connection.close()
