"""Where missions are made: a directory, and a kind of database."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

_numbers = itertools.count()


@dataclass(frozen=True, slots=True)
class Database:
    """A kind of database; `name_for` gives what to pass to ``-m`` for a mission in a directory."""

    kind: str
    name_for: Callable[[Path], str]


@dataclass(frozen=True, slots=True)
class Place:
    """A directory for missions, and the kind of their databases."""

    directory: Path
    database: Database
    made: list[Path] = field(default_factory=list)

    def new(self) -> Path:
        """A new empty directory."""
        path = self.directory / f"{next(_numbers)}"
        path.mkdir()
        return path


def sqlite(_: Path) -> Iterator[Database]:
    """SQLite files beside the missions."""
    yield Database("sqlite", lambda directory: str(directory / "mission.sqlite"))


def postgresql(directory: Path) -> Iterator[Database]:
    """The server of the tests, but on the disk and with commits that reach it."""
    from tests.kit import postgres

    durable = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}
    with (
        mock.patch.dict(postgres.SETTINGS, durable),
        mock.patch.object(postgres, "_roomy_directory", return_value=str(directory)),
        postgres.running_server() as server,
    ):
        yield Database("postgresql", lambda _: server.url(server.create()))
