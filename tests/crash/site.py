"""A place where a mission lives, is run, is copied aside and put back: the same paths for every trial."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from tests.crash.fork_server import End, ForkServer, Order
from tests.kit.filesystems import MEMORY, other_filesystem
from tests.kit.mission import JOIN, Mission
from tests.kit.postgres import PostgresServer

EMPTY = "nothing"
"""The name under which a new site is kept."""


class Site(Mission):
    """A mission whose commands are started by the fork server, and can be killed; what lies beside it is `outside`.

    Parameters
    ----------
    base
        A directory of its own.
    far
        A directory on another filesystem; incoming is there, None: incoming is in the mission folder.
    server
        The PostgreSQL server; None: SQLite.
    """

    def __init__(self, base: Path, far: Path | None, server: PostgresServer | None, fork_server: ForkServer) -> None:
        self.base = base
        self.fork_server = fork_server
        self.out = base / "out.txt"
        self.trace = base / "trace.txt"
        self._server = server
        self._name = None if server is None else server.create()
        self._copy: str | None = None
        self._templates: dict[str, str] = {}
        self.outside = base / "outside"
        (base / "database").mkdir()
        self.outside.mkdir()
        super().__init__(
            base / "mission", self._address(self._name, "mission"), incoming=None if far is None else far / "incoming"
        )
        self._folders = [self.root, base / "database", self.outside, *([] if far is None else [far])]
        self.keep(EMPTY)

    def _address(self, name: str | None, stem: str) -> str:
        if self._server is None:
            return str(self.base / "database" / f"{stem}.sqlite")
        assert name is not None
        return self._server.url(name)

    @property
    def copy(self) -> str:
        """What ``-m`` is given for the copy of the database."""
        return self._address(self._copy, "copy")

    def create(self, *blocks: str, **keys: object) -> Site:
        self.write(*blocks, **keys)
        self.command("dbproc", "init", self.database)
        self.command("dbproc", "apply", str(self.file), "-m", self.database)
        return self

    def write(self, *blocks: str, **keys: object) -> None:
        super().write(*blocks, retry_seconds=86400, incoming=str(self.incoming), **keys)

    def code(self, name: str, text: str = JOIN) -> Path:
        """Write a code as a new file, so that a snapshot's link to the old one keeps the old bytes."""
        (self.codes / name).unlink(missing_ok=True)
        return super().code(name, text)

    def copy_database(self) -> None:
        """Make a copy of the database, as ``cp`` or a template does."""
        if self._server is None:
            shutil.copy2(self.database, self.copy)
            return
        if self._copy is not None:
            self._server.drop(self._copy)
        self._copy = self._server.create(template=str(self._name))

    def command(self, program: str, *arguments: str, status: int | None = 0) -> None:
        """Run a command that is to end well; `status` None: with what it failed at before, too."""
        end = self.fork_server.run(self._order(program, arguments))
        expected = (0, 1) if status is None else (status,)
        assert end.status in expected, f"{program} {arguments}: status {end.status}\n{self.said()}"

    def perform(
        self,
        program: str,
        arguments: tuple[str, ...],
        at: int | None = None,
        *,
        is_steady: bool = True,
        is_obedient: bool = False,
        on_copy: bool = False,
    ) -> End:
        """Run a command on the mission, killed at a point; the points it came to are in `trace`."""
        self.trace.write_text("")
        order = self._order(program, (*arguments, "-m", self.copy if on_copy else self.database))
        return self.fork_server.run(
            replace(order, at=at, is_steady=is_steady, is_obedient=is_obedient, trace=str(self.trace))
        )

    def _order(self, program: str, arguments: tuple[str, ...]) -> Order:
        self.out.write_text("")
        return Order(program, arguments, str(self.root), tuple(map(str, self._folders)), out=str(self.out))

    def said(self) -> str:
        """What the last run printed."""
        return self.out.read_text(errors="replace")

    def points(self) -> list[str]:
        """The points of the last run."""
        return self.trace.read_text(errors="replace").splitlines()

    def keep(self, name: str) -> None:
        """Copy everything aside."""
        for number, folder in enumerate(self._folders):
            _copy(folder, self.base / "kept" / name / str(number))
        if self._server is not None:
            self._templates[name] = self._server.create(template=str(self._name))

    def put_back(self, name: str) -> None:
        """Make everything as it was kept."""
        for number, folder in enumerate(self._folders):
            shutil.rmtree(folder)
            _copy(self.base / "kept" / name / str(number), folder)
        if self._server is not None:
            self._server.drop(str(self._name))
            self._server.create(template=self._templates[name], name=str(self._name))

    def close(self) -> None:
        """Remove the databases."""
        if self._server is not None:
            for name in (self._name, self._copy, *self._templates.values()):
                if name is not None:
                    self._server.drop(name)


@contextmanager
def new_site(server: PostgresServer | None, fork_server: ForkServer, *, far: bool) -> Iterator[Site]:
    """A site in memory where that is possible, removed at the end."""
    with _directory(MEMORY) as base, _directory(other_filesystem(base)) as away:
        site = Site(base, away if far else None, server, fork_server)
        try:
            yield site
        finally:
            site.close()


@contextmanager
def _directory(parent: str) -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="dbproc-crash-", dir=parent))
    try:
        yield path
    finally:
        shutil.rmtree(path)


def _copy(source: Path, target: Path) -> None:
    """Copy a tree; codes are linked, because dbproc looks whether their inode changed."""

    def copy(one: str, other: str) -> None:
        if "/codes/" in one:
            os.link(one, other)
        else:
            shutil.copy2(one, other, follow_symlinks=False)

    shutil.copytree(source, target, symlinks=True, copy_function=copy)
