"""What is done to a mission for a while, and put right again: each is undone by a person who knows what they did."""

from __future__ import annotations

import os
import random
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2

from tests.crash.chaos.ground import Ground


@dataclass
class Hold:
    """Something that lasts.

    `ticks`: so many events more. `path`: what it is done to. `do` says whether it could be done; `undo` gives faults
    in words.
    """

    name: str
    ticks: int
    path: Path
    do: Callable[[], bool]
    undo: Callable[[], list[str]]

    def overlaps(self, other: Hold) -> bool:
        """Whether one is done to a part of what the other is done to."""
        return self.path == other.path or self.path in other.path.parents or other.path in self.path.parents


def forbidden(ground: Ground, chance: random.Random) -> Hold:
    """A directory loses its rights."""
    path = chance.choice(_directories(ground))
    mode = chance.choice((0o000, 0o444, 0o555))

    def do() -> bool:
        if path.is_dir():
            path.chmod(mode)
        return path.is_dir()

    def undo() -> list[str]:
        path.chmod(0o755)
        return []

    return Hold(f"chmod {mode:03o} {path.relative_to(ground.base)}", chance.randint(1, 6), path, do, undo)


def away(ground: Ground, chance: random.Random) -> Hold:
    """A directory of a product, or incoming, is somewhere else for a while."""
    path = chance.choice([each for each in _directories(ground) if ".dbproc" not in each.parts])
    return _moved(ground, path, chance.randint(1, 6))


def root_away(ground: Ground, chance: random.Random) -> Hold:
    """The root is gone for a while, as a filesystem is that was unmounted."""
    return _moved(ground, ground.root, chance.randint(1, 3))


def _moved(ground: Ground, path: Path, ticks: int) -> Hold:
    place = ground.base / f"away-{path.name}"

    def do() -> bool:
        if path.is_dir():
            path.rename(place)
        return place.is_dir()

    def undo() -> list[str]:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            place.rename(path)
            return []
        made = _below(path) if path == ground.root else []
        _merge(place, path)
        return [f"while the root was away, {each} was made in its place" for each in made]

    return Hold(f"{path.relative_to(ground.base)} is away", ticks, path, do, undo)


def _below(path: Path) -> list[Path]:
    return sorted(each for each in path.rglob("*") if each.is_file())[:5]


def _merge(source: Path, target: Path) -> None:
    """Bring back what was away into what was made meanwhile; nothing is overwritten."""
    for each in sorted(source.iterdir()):
        other = target / each.name
        if each.is_dir() and other.is_dir():
            _merge(each, other)
        elif not os.path.lexists(other):
            each.rename(other)
        elif each.is_file() and other.is_file() and each.read_bytes() == other.read_bytes():
            each.unlink()
        else:
            each.rename(other.with_name(f"{other.name}.was-away"))
    source.rmdir()


def locked(ground: Ground, chance: random.Random) -> Hold:
    """Somebody else holds a lock on the database."""
    way = chance.choice(("BEGIN IMMEDIATE", "BEGIN EXCLUSIVE"))
    table = chance.choice(("file", "processqueue", "logging"))
    held: list[Any] = []

    def do() -> bool:
        if ground.is_sqlite:
            held.append(sqlite3.connect(ground.database, timeout=5, isolation_level=None))
            statement = way
        else:
            held.append(psycopg2.connect(ground.database, options="-c lock_timeout=2000"))
            statement = f"LOCK TABLE {table}"
        try:
            held[0].cursor().execute(statement)
        except (sqlite3.OperationalError, psycopg2.Error):
            held[0].close()
            return False
        return True

    def undo() -> list[str]:
        with suppress(psycopg2.Error, sqlite3.Error):
            held[0].close()
        return []

    return Hold("the database is locked", chance.randint(1, 8), Path("/database"), do, undo)


def _directories(ground: Ground) -> list[Path]:
    names = ("incoming", "quarantine", "met/2024", "clean/2024", "clean", "smooth", "scan", "cube", "week", "stamp")
    private = ("", "work", "jobs", "logs")
    return [
        *(ground.root / name for name in names),
        *(ground.root / ".dbproc" / name for name in private),
    ]
