"""The files of the catalogue against what is on disk."""

from __future__ import annotations

import os
import shlex
import stat
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from dbproc.check.faults import Fault, Kind, Mark, MoveHome
from dbproc.check.tree import Ground, Tree
from dbproc.check.unknown_files import Strangers
from dbproc.core.filenames import companion_of
from dbproc.database.audit import FileRow, MemberRow
from dbproc.run.inputs import ways_of_edited
from dbproc.storage.layout import is_ours

_RECORDED = "dbproc check --repair records that it is missing"
_OFFLOADED = "dbproc check --repair records that it is offloaded"
_MADE_AGAIN = "the next run makes it again"


@dataclass(slots=True)
class Files:
    """The catalogue's files as they are compared with the disk.

    Parameters
    ----------
    ground
        Which directories are products' own.
    tree
        What is on disk.
    announced
        The paths of moves that are under way or were left half done: neither missing nor unknown.
    """

    ground: Ground
    tree: Tree
    announced: Collection[str]
    rows: dict[int, FileRow] = field(default_factory=dict)
    members: list[MemberRow] = field(default_factory=list)
    intact: set[int] = field(default_factory=set)  #: files whose place and size are right
    intact_members: list[MemberRow] = field(default_factory=list)
    _homes: dict[str, str | None] = field(default_factory=dict)
    _names: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    _member_names: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    _stems: set[str] = field(default_factory=set)
    _missing: list[FileRow] = field(default_factory=list)

    def enter(self, rows: Iterable[FileRow], members: Iterable[MemberRow]) -> None:
        """Take in what the catalogue says."""
        for row in rows:
            self.rows[row.file_id] = row
            home = self.home_of(row)
            if home is not None:
                self._names[home].add(row.filename)
        for member in members:
            self.members.append(member)
            path = self.member_path(member)
            if path is not None:
                self._stems.add(companion_of(self.path_of(self.rows[member.file_id])))
                self._member_names[os.path.dirname(path)].add(os.path.basename(path))

    def home_of(self, row: FileRow) -> str | None:
        """The directory of a file, None when it is outside of the root."""
        if row.directory not in self._homes:
            self._homes[row.directory] = self.ground.home_of(row.directory)
        return self._homes[row.directory]

    def path_of(self, row: FileRow) -> str:
        """The place of a file."""
        return os.path.join(self.home_of(row) or os.path.join(self.ground.root, row.directory), row.filename)

    def member_path(self, member: MemberRow) -> str | None:
        """The place of a member, None when it would not be in its file's companion directory."""
        row = self.rows[member.file_id]
        if self.home_of(row) is None:
            return None
        companion = companion_of(self.path_of(row))
        path = os.path.normpath(os.path.join(companion, member.path))
        return path if path.startswith(companion + os.sep) else None

    def is_known(self, directory: str, name: str) -> bool:
        """Whether a file of the catalogue, or a member of a companion directory, has this place."""
        return name in self._names.get(directory, ()) or name in self._member_names.get(directory, ())

    def is_companion(self, directory: str) -> bool:
        """Whether this is where the companion directory of a file of the catalogue would be."""
        return directory in self._stems

    def faults(self, own: Sequence[str]) -> Iterator[Fault]:
        """Every fault that shows without opening a file; `own` are the products' own directories."""
        yield from self._outside()
        for row in self.rows.values():
            yield from self._file_fault(row)
        for member in self.members:
            yield from self._member_fault(member)
        strangers = Strangers(self.ground, self.tree, self, self.announced)
        strangers.look(own)
        yield from self._lost(strangers.unknown)
        yield from strangers.faults()
        yield from self._unreadable()

    def world_writable(self, others: Iterable[str]) -> Iterator[Fault]:
        """The directories and files of products, and the paths in `others`, that everybody may change."""
        root = self.ground.root
        mine = {
            path
            for path in self.tree.world_writable
            if os.path.dirname(path) != root
            or path in self.tree.directories
            or self.is_known(root, os.path.basename(path))
        }
        for path in sorted(mine.union(others)):
            yield Fault(
                kind=Kind.WORLD_WRITABLE,
                place=path,
                text="every user of this machine may change it",
                remedy=f"chmod o-w {shlex.quote(path)}",
            )

    # --- directories ---

    def _outside(self) -> Iterator[Fault]:
        for directory, home in sorted(self._homes.items()):
            place = os.path.normpath(os.path.join(self.ground.root, directory))
            if home is None:
                yield _outside(place, "the catalogue has files in it")
                continue
            real = os.path.realpath(home)
            if not is_ours(self.ground.mission, real):
                yield _outside(place, f"a link on the way to it leads to {real}")

    def _unreadable(self) -> Iterator[Fault]:
        for path, reason in sorted(self.tree.unreadable.items()):
            yield Fault(
                kind=Kind.UNREADABLE,
                place=path,
                text=f"the directory cannot be read: {reason}",
                remedy="give dbproc's user the right to read it",
            )

    # --- a file of the catalogue ---

    def _file_fault(self, row: FileRow) -> Iterator[Fault]:
        home = self.home_of(row)
        if home is None:
            return
        found, path = self.tree.read(home), os.path.join(home, row.filename)
        if found is not None and row.filename in found.files:
            yield from self._size_fault(row, path, found.files[row.filename])
        elif found is not None and (row.filename in found.links or row.filename in found.others):
            yield _no_file(path, "a symbolic link" if row.filename in found.links else "a fifo, a socket or a device")
        elif found is not None and row.filename in found.directories:
            yield _no_file(path, "a directory")
        elif home not in self.tree.unreadable and row.exists and not row.is_offloaded:
            yield from self._absent(row, path)

    def _size_fault(self, row: FileRow, path: str, size: int) -> Iterator[Fault]:
        if row.size not in (None, size):
            kind = Kind.TRUNCATED if size < (row.size or 0) else Kind.GROWN
            yield Fault(
                kind=kind,
                place=path,
                text=f"{size} bytes; recorded were {row.size}",
                remedy=ways_of_edited(row.filename, is_made=row.is_made),
            )
        elif not row.exists or row.is_offloaded:
            yield Fault(
                kind=Kind.RETURNED,
                place=path,
                text=f"the catalogue holds it for {'offloaded' if row.is_offloaded else 'missing'}",
                remedy="dbproc check --repair records that it is back"
                + ("" if row.is_made else "; so does delivering it again"),
                cure=Mark(row.file_id, path, exists=True),
            )
        else:
            self.intact.add(row.file_id)

    def _absent(self, row: FileRow, path: str) -> Iterator[Fault]:
        """A file that was not there when its directory was read; it may have come since."""
        if path in self.announced:
            return
        try:
            status = os.lstat(path)
        except OSError:
            self._missing.append(row)
            return
        if stat.S_ISREG(status.st_mode):
            yield from self._size_fault(row, path, status.st_size)

    # --- a member of a companion directory ---

    def _member_fault(self, member: MemberRow) -> Iterator[Fault]:
        if member.file_id not in self.intact:
            return
        path = self.member_path(member)
        if path is None:
            return
        size = self._size_of_member(path)
        if size == member.size:
            self.intact_members.append(member)
            return
        kind = Kind.MEMBER_MISSING if size is None else Kind.MEMBER_SIZE
        text = "is not there, or is not a file" if size is None else f"{size} bytes"
        row = self.rows[member.file_id]
        how = f", and {_MADE_AGAIN}" if row.is_made else ", and deliver both again"
        yield Fault(
            kind=kind,
            place=path,
            text=f"{text}; recorded were {member.size}",
            remedy=f"move {self.path_of(row)} and its directory away{how}",
        )

    def _size_of_member(self, path: str) -> int | None:
        found = self.tree.read(os.path.dirname(path))
        size = None if found is None else found.files.get(os.path.basename(path))
        if size is not None:
            return size
        try:
            status = os.lstat(path)
        except OSError:
            return None
        return status.st_size if stat.S_ISREG(status.st_mode) else None

    # --- what is missing, and perhaps elsewhere ---

    def _lost(self, unknown: set[str]) -> Iterator[Fault]:
        """The missing files; one that is found elsewhere is moved, and no longer unknown there."""
        if not self._missing:
            return
        elsewhere = self._elsewhere()
        for row in self._missing:
            path = self.path_of(row)
            places = elsewhere.get((row.filename, row.size or 0))
            if not places:
                yield self._missing_fault(row, path)
                continue
            source = places.pop(0)
            unknown.discard(source)
            yield Fault(
                kind=Kind.MOVED,
                place=path,
                text=f"is now {source}",
                remedy="move it back; dbproc check --repair does",
                cure=MoveHome(row.file_id, source, path),
            )

    def _missing_fault(self, row: FileRow, path: str) -> Fault:
        is_all = len(self._missing) > 1 and not self.intact
        recorded = f"{_RECORDED}, and {_MADE_AGAIN}" if row.is_made else _RECORDED
        copy = "put it back from a copy" if row.is_made else "deliver it from a copy again"
        advice = "see that its disk is mounted" if is_all else recorded
        remedy = f"{advice}; or {copy}" if row.is_made else f"{copy}; {advice}"
        if row.has_copy and not is_all:
            remedy = f"a store has a copy: dbproc recall {shlex.quote(row.filename)} brings it back; {_OFFLOADED}"
        return Fault(
            kind=Kind.MISSING,
            place=path,
            text=f"{_recorded(row)}it is nowhere below the root",
            remedy=remedy,
            cure=None if is_all else Mark(row.file_id, path, exists=False),
        )

    def _elsewhere(self) -> dict[tuple[str, int], list[str]]:
        """Where else there are regular files of the missing names."""
        names = {row.filename for row in self._missing}
        found: dict[tuple[str, int], list[str]] = defaultdict(list)
        for place, directory in Tree(outside=self.ground.mission.outside).walk(self.ground.root, self.ground.enters):
            for name in names & directory.files.keys():
                path = os.path.join(place, name)
                if not self.is_known(place, name):
                    found[name, directory.files[name]].append(path)
        return {key: sorted(paths) for key, paths in found.items()}


def _recorded(row: FileRow) -> str:
    return "" if row.size is None else f"recorded were {row.size} bytes; "


def _outside(place: str, text: str) -> Fault:
    return Fault(
        kind=Kind.OUTSIDE_ROOT,
        place=place,
        text=text,
        remedy="move the files below the root and mend the directory of their product; a mount may stand for a link",
    )


def _no_file(path: str, what: str) -> Fault:
    return Fault(
        kind=Kind.LINK if "link" in what else Kind.NOT_A_FILE,
        place=path,
        text=f"is {what}",
        remedy="put the file itself in its place",
    )
