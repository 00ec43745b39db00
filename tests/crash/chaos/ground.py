"""Where a mission lives, and the ledger of what was ever brought there."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.crash.chaos.definition import CHANGED, MISSION, Codes
from tests.kit.mission import connect


@dataclass
class Ledger:
    """The digests of all that arrived whole, each with what it was."""

    whole: dict[str, str] = field(default_factory=dict)

    def add(self, content: str, what: str) -> None:
        """Bytes have arrived."""
        self.whole[digest_of(content.encode())] = what

    def withdraw(self, content: bytes) -> None:
        """The sender has these bytes back."""
        self.whole.pop(digest_of(content), None)

    def missing(self, root: Path) -> list[str]:
        """What is nowhere below a root any more, its private directory left out."""
        there = {digest_of(path.read_bytes()) for path in files_below(root)}
        return sorted(what for digest, what in self.whole.items() if digest not in there)


class Ground:
    """A mission in a directory of its own.

    Parameters
    ----------
    base
        A directory that is there and empty.
    database
        What ``-m`` is given.
    habits
        The bad habits of the codes.
    """

    def __init__(self, base: Path, database: str, habits: frozenset[str]) -> None:
        self.base = base
        self.database = database
        self.root = base / "mission"
        self.incoming = self.root / "incoming"
        self.mission_file = base / "mission.toml"
        self.changed_file = base / "changed.toml"
        self.out = base / "out"
        self.codes = Codes(base, habits)
        self.ledger = Ledger()
        for folder in (self.incoming, self.root / "quarantine", self.out):
            folder.mkdir(parents=True)
        self.codes.write_all()
        text = MISSION.replace("REPORTED", str(base / "reported"))
        text = text.replace("[mission]", f'[mission]\nroot = "{self.root}"', 1)
        self.mission_file.write_text(text)
        self.changed_file.write_text(text + CHANGED)

    @property
    def is_sqlite(self) -> bool:
        return "://" not in self.database

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """Ask the database."""
        with closing(connect(self.database)) as connection:
            cursor = connection.cursor()
            cursor.execute(statement)
            return cursor.fetchall()


def files_below(root: Path) -> Iterator[Path]:
    """The regular files below a root, without those of its private directory."""
    for place, _, names in os.walk(root):
        if "/.dbproc/" not in f"{place}/":
            yield from (path for name in names if (path := Path(place, name)).is_file() and not path.is_symlink())


def digest_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
