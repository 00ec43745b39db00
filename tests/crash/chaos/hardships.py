"""What is done to a mission for a while, and put right again: each is undone by a person who knows what they did."""

from __future__ import annotations

import os
import random
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg2

from tests.crash.chaos.ground import Ground


@dataclass
class Hold:
    """Something that lasts; `ticks`: so many events more. `undo` gives faults in words."""

    name: str
    ticks: int
    undo: Callable[[], list[str]]


def forbidden(ground: Ground, chance: random.Random) -> Hold | None:
    """A directory loses its rights."""
    path = chance.choice(_directories(ground))
    mode = chance.choice((0o000, 0o444, 0o555))
    if not path.is_dir():
        return None
    before = path.stat().st_mode & 0o7777
    if before & 0o700 != 0o700:
        return None
    path.chmod(mode)

    def undo() -> list[str]:
        path.chmod(before)
        return []

    return Hold(f"chmod {mode:03o} {path.relative_to(ground.base)}", chance.randint(1, 6), undo)


def away(ground: Ground, chance: random.Random) -> Hold | None:
    """A directory of a product, or incoming, is somewhere else for a while."""
    path = chance.choice([each for each in _directories(ground) if ".dbproc" not in each.parts])
    return _moved(ground, path, chance.randint(1, 6))


def root_away(ground: Ground, chance: random.Random) -> Hold | None:
    """The root is gone for a while, as a filesystem is that was unmounted."""
    return _moved(ground, ground.root, chance.randint(1, 3))


def _moved(ground: Ground, path: Path, ticks: int) -> Hold | None:
    place = ground.base / f"away-{path.name}"
    if not path.is_dir() or place.exists():
        return None
    path.rename(place)

    def undo() -> list[str]:
        if not path.parent.exists():
            path.parent.mkdir(parents=True)
        if not path.exists():
            place.rename(path)
            return []
        faults = (
            [f"while the root was away, {each} was made in its place" for each in _below(path)]
            if (path == ground.root)
            else []
        )
        return faults + list(_merge(place, path))

    return Hold(f"{path.relative_to(ground.base)} is away", ticks, undo)


def _below(path: Path) -> list[Path]:
    return sorted(each for each in path.rglob("*") if each.is_file())[:5]


def _merge(source: Path, target: Path) -> Iterator[str]:
    """Bring back what was away into what was made meanwhile; nothing is overwritten."""
    for each in sorted(source.iterdir()):
        other = target / each.name
        if each.is_dir() and other.is_dir():
            yield from _merge(each, other)
        elif not os.path.lexists(other):
            each.rename(other)
        elif each.is_file() and other.is_file() and each.read_bytes() == other.read_bytes():
            each.unlink()
        else:
            each.rename(other.with_name(f"{other.name}.was-away"))
    source.rmdir()


def locked(ground: Ground, chance: random.Random) -> Hold | None:
    """Somebody else holds a lock on the database."""
    ticks = chance.randint(1, 8)
    if ground.is_sqlite:
        connection = sqlite3.connect(ground.database, timeout=5, isolation_level=None)
        try:
            connection.execute(chance.choice(("BEGIN IMMEDIATE", "BEGIN EXCLUSIVE")))
        except sqlite3.OperationalError:
            connection.close()
            return None
        close = connection.close
    else:
        other = psycopg2.connect(ground.database, options="-c lock_timeout=2000")
        try:
            other.cursor().execute(f"LOCK TABLE {chance.choice(('file', 'processqueue', 'logging'))}")
        except psycopg2.Error:
            other.close()
            return None
        close = other.close

    def undo() -> list[str]:
        with suppress(psycopg2.Error, sqlite3.Error):
            close()
        return []

    return Hold("the database is locked", ticks, undo)


def _directories(ground: Ground) -> list[Path]:
    names = ("incoming", "quarantine", "met/2024", "clean/2024", "clean", "smooth", "scan", "cube", "week", "stamp")
    private = ("", "work", "jobs", "logs")
    return [
        *(ground.root / name for name in names),
        *(ground.root / ".dbproc" / name for name in private),
    ]
