"""What is on disk in the directories of products: each directory is read once, and no file is opened.

A product's own directories are those below the fixed part of its directory (``data/raw`` of ``data/raw/{Y}``), and
those in which the catalogue has files. What else the mission has below its root (incoming, quarantine, codes, …) is
left out. The root itself may be a product's directory, too; it holds other things as well, so that there only names
count that are of a product's format.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from dbproc.core.errors import FormatError
from dbproc.core.filenames import Format, compile_format
from dbproc.core.model import Mission
from dbproc.database.audit import ProductPlace
from dbproc.storage.layout import PRIVATE as WORKSPACE

_SQLITE_SUFFIXES = ("", "-wal", "-shm", "-journal")


@dataclass(slots=True)
class Directory:
    """The names in a directory; sizes of regular files in bytes."""

    files: dict[str, int] = field(default_factory=dict)
    links: set[str] = field(default_factory=set)
    others: set[str] = field(default_factory=set)  #: fifos, sockets, devices
    directories: list[str] = field(default_factory=list)

    def names(self) -> Iterator[str]:
        """Every name but those of directories."""
        yield from self.files
        yield from self.links
        yield from self.others


@dataclass(slots=True)
class Tree:
    """Directories that were read, by their path."""

    directories: dict[str, Directory] = field(default_factory=dict)
    absent: set[str] = field(default_factory=set)
    unreadable: dict[str, str] = field(default_factory=dict)
    outside: tuple[str, ...] = ()  #: to which links may lead from elsewhere
    world_writable: set[str] = field(default_factory=set)

    def read(self, path: str) -> Directory | None:
        """One directory; None when it cannot be read, or is none."""
        if path in self.directories:
            return self.directories[path]
        if path in self.absent or path in self.unreadable:
            return None
        try:
            self.directories[path] = self._read(path)
        except (FileNotFoundError, NotADirectoryError):
            self.absent.add(path)
        except OSError as error:
            self.unreadable[path] = error.strerror or str(error)
        return self.directories.get(path)

    def walk(self, start: str, enters: Callable[[str], bool] = lambda path: True) -> Iterator[tuple[str, Directory]]:
        """A directory and all below it that `enters` admits; links are followed to the places outside alone."""
        todo = [start]
        while todo:
            path = todo.pop()
            found = self.read(path)
            if found is None:
                continue
            yield path, found
            below = (os.path.join(path, name) for name in found.directories)
            todo.extend(child for child in below if enters(child))

    def _read(self, path: str) -> Directory:
        found = Directory()
        if os.stat(path).st_mode & stat.S_IWOTH:
            self.world_writable.add(path)
        with os.scandir(path) as entries:
            for entry in entries:
                try:
                    self._enter(found, entry)
                except FileNotFoundError:
                    continue
        return found

    def _leads_outside(self, path: str) -> bool:
        """Whether a link leads from elsewhere to a directory in one of the places outside."""
        places = [os.path.realpath(place) for place in self.outside]
        here, there = (os.path.realpath(each) for each in (os.path.dirname(path), path))
        return os.path.isdir(there) and _is_in(there, places) and not _is_in(here, places)

    def _enter(self, found: Directory, entry: os.DirEntry[str]) -> None:
        status = entry.stat(follow_symlinks=False)
        mode = status.st_mode
        if stat.S_ISREG(mode):
            found.files[entry.name] = status.st_size
            if mode & stat.S_IWOTH:
                self.world_writable.add(entry.path)
        elif stat.S_ISDIR(mode) or (stat.S_ISLNK(mode) and self._leads_outside(entry.path)):
            found.directories.append(entry.name)
        else:
            (found.links if stat.S_ISLNK(mode) else found.others).add(entry.name)


class Ground:
    """Which directories are products' own.

    Parameters
    ----------
    mission
        The mission.
    products
        Where the files of every product are.
    in_use
        The directories, relative to the root, in which the catalogue has files.
    database
        The path of the database, where it is a file.
    without_files
        The products of which the catalogue never had a file.
    """

    def __init__(
        self,
        mission: Mission,
        products: Sequence[ProductPlace],
        in_use: Iterable[str],
        database: str,
        without_files: Collection[str] = (),
    ) -> None:
        self.mission = mission
        self.without_files = without_files
        self.root = os.path.normpath(mission.root)
        self.formats = [(place.name, format) for place in products for format in _components(place.format)[:1]]
        self._with_companions = [format for p in products if p.has_companions for format in _components(p.format)[:1]]
        self._patterns: list[tuple[Format, ...]] = []
        self._whole: set[str] = set()
        self._single = {home for text in in_use if (home := self.home_of(text)) is not None}
        for place in products:
            self._claim(place.directory)
        mine = (mission.incoming, mission.quarantine, mission.code_directory, mission.inspector_directory)
        self._left_out = {os.path.normpath(path) for path in (*mine, os.path.join(self.root, WORKSPACE))}
        self._database = {database + suffix for suffix in _SQLITE_SUFFIXES}
        self._ours = _with_ancestors({self.root, *self._whole, *self._single, *self._left_out})

    def home_of(self, relative: str) -> str | None:
        """The absolute path of a directory of the catalogue, None when it is outside of the root."""
        home = os.path.normpath(os.path.join(self.root, relative))
        return home if home == self.root or home.startswith(self.root.rstrip(os.sep) + os.sep) else None

    def read(self, tree: Tree) -> list[str]:
        """Read every directory that is a product's own; their paths, a directory before what is in it."""
        paths: set[str] = set()
        for start in self._whole:
            paths.update(path for path, _ in tree.walk(start, self.enters))
        if self._patterns:
            paths.update(path for path, _ in tree.walk(self.root, self._is_patterned) if self._fits(path))
        paths.update(path for path in self._single if tree.read(path) is not None)
        return sorted(paths)

    def enters(self, path: str) -> bool:
        """Whether a walk from above goes into this directory."""
        return path not in self._left_out

    def counts(self, path: str, name: str) -> bool:
        """Whether a name in a product's own directory is that of a file of products, rather than something else's."""
        if path == self.root and self.product_of(name) is None:
            return False
        return os.path.join(path, name) not in self._database

    def holds_ours(self, path: str) -> bool:
        """Whether a directory of the mission is here or below: then it is not a companion directory of a file."""
        return path in self._ours

    def has_companion(self, name: str) -> bool:
        """Whether a filename is that of a product whose files own the directory of their stem."""
        return any(format.match(name) is not None for format in self._with_companions)

    def product_of(self, name: str) -> str | None:
        """The product whose format a filename has."""
        return next((product for product, format in self.formats if format.match(name) is not None), None)

    def _claim(self, directory: str) -> None:
        fixed, brace, _ = directory.partition("{")
        start = self.home_of(os.path.dirname(fixed) if brace else directory)
        if start is None:
            return
        if start != self.root:
            self._whole.add(start)
        elif brace:
            self._patterns.append(_components(directory))
        else:
            self._single.add(self.root)

    def _is_patterned(self, path: str) -> bool:
        names = os.path.relpath(path, self.root).split(os.sep)
        return self.enters(path) and any(_begins(pattern, names) for pattern in self._patterns)

    def _fits(self, path: str) -> bool:
        return path != self.root and self._is_patterned(path)


def _is_in(path: str, places: Iterable[str]) -> bool:
    return any(os.path.commonpath((path, place)) == place for place in places)


def _components(directory: str) -> tuple[Format, ...]:
    """The names on the way to a directory as formats; none when one of them is not a format."""
    try:
        return tuple(compile_format(name) for name in os.path.normpath(directory).split(os.sep))
    except FormatError:
        return ()


def _with_ancestors(paths: Iterable[str]) -> set[str]:
    found: set[str] = set()
    for path in paths:
        while path not in found:
            found.add(path)
            path = os.path.dirname(path)
    return found


def _begins(pattern: Sequence[Format], names: Sequence[str]) -> bool:
    """Whether a path goes along a pattern, or on from its end."""
    return bool(pattern) and all(
        format.pattern.fullmatch(name) is not None for format, name in zip(pattern, names, strict=False)
    )
