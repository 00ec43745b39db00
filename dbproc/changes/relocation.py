"""Where the files of products go that have another name, format or directory, and all that hinders it."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from dbproc.core.errors import FormatError, PlacementError
from dbproc.core.filenames import companion_of
from dbproc.core.model import Member, Mission, Move
from dbproc.core.relocation import Located, Place, place_of, relocated
from dbproc.core.spec import Change, MissionSpec, ProductSpec
from dbproc.core.states import Purpose
from dbproc.database import moves as placements
from dbproc.database import quarantine, relocation
from dbproc.database.store import Transaction
from dbproc.mission.problems import Problem
from dbproc.storage import layout
from dbproc.storage.digest import algorithm_of, digest_file, state_of

_MOST_EXAMPLES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class MovedFile:
    """A file that is carried along."""

    was: str  #: its path before, below the root
    becomes: str  #: its path from then on


@dataclass(frozen=True, slots=True)
class Relocation:
    """The files of a product that belong elsewhere, and their new places.

    `stays`: those that are made and cannot have a new name, and why; what they are of is made anew.
    """

    product: str
    places: tuple[tuple[Located, Place], ...]
    stays: tuple[tuple[Located, str], ...] = ()

    @property
    def examples(self) -> tuple[MovedFile, ...]:
        """The first ones."""
        return tuple(
            MovedFile(was=f"{file.directory}/{file.filename}", becomes=f"{place.directory}/{place.filename}")
            for file, place in self.places[:_MOST_EXAMPLES]
        )


class Look:
    """The files of products that change, their moves, and all that hinders these."""

    def __init__(self, connection: Transaction, mission: Mission, made: Collection[str]) -> None:
        self._connection = connection
        self._mission = mission
        self._made = made  # the products that processes make
        self._announced = placements.announced(connection)
        self._sources = {move.source for move in self._announced}
        self._targets = {end for move in self._announced for end in _ends(move.target, move.members)}
        self.moves: list[Move] = []
        self.problems: list[Problem] = []

    def relocation(self, change: Change) -> Relocation | None:
        """The files of a product that belong elsewhere after a change; None when it changes no place."""
        before, after = change.old, change.new
        if not isinstance(before, ProductSpec) or not isinstance(after, ProductSpec):
            return None
        if (before.format, before.directory) == (after.format, after.directory):
            return None
        faults = _Faults(after, before.format != after.format)
        files = relocation.located(self._connection, before.name)
        places, unnamed = _places(files, before, after)
        shared = dict(self._shared(files, places, faults))
        for file in files:
            if file.file_id in shared:
                places.pop(file.file_id)
                unnamed.append((file, shared[file.file_id]))
        if after.name not in self._made:
            for file, why in unnamed:
                faults.add("no name or directory can be made for it", file, why)
        pairs = _with_replaced(files, places, before, after)
        for file, place in pairs:
            self._move(file, place, after, faults)
        self.problems += faults.problems(len(files))
        return Relocation(after.name, tuple(pairs), tuple(unnamed))

    def quarantine(self, changes: Sequence[Change]) -> Iterator[Move]:
        """The moves of what is in quarantine, when that is another directory."""
        for change in changes:
            old, new = change.old, change.new
            if not (isinstance(old, MissionSpec) and isinstance(new, MissionSpec)):
                continue
            if old.root != new.root or old.quarantine == new.quarantine:
                continue
            target = os.path.normpath(os.path.join(new.root, new.quarantine))
            for entry in quarantine.entries(self._connection, limit=None):
                source = os.path.join(self._mission.quarantine, entry.stored_name)
                if os.path.lexists(source):
                    members = placements.members_of(entry.members)
                    digest = entry.shasum or ""
                    yield Move(Purpose.RENAME, source, os.path.join(target, entry.stored_name), digest, members)

    def _shared(
        self, files: Sequence[Located], places: Mapping[int, Place], faults: _Faults
    ) -> Iterator[tuple[int, str]]:
        """The files whose new name or version another file of the product would have, too, and which."""
        known = relocation.owners(self._connection, [place.filename for place in places.values()])
        alone = {file.file_id: places.get(file.file_id, place_of(file)) for file in files if file.replaced_by is None}
        together: dict[object, list[Located]] = defaultdict(list)
        for file in files:
            if file.file_id in alone:
                place = alone[file.file_id]
                together[place.filename].append(file)
                together[file.date, place.keywords, file.version].append(file)
                if known.get(place.filename, file.file_id) not in alone:
                    faults.add("a file of another product has that name", file, place.filename)
        for each in (some for some in together.values() if len(some) > 1):
            for file, other in zip(each, (each[-1], *each), strict=False):
                if file.file_id in places:
                    name = places[file.file_id].filename
                    yield file.file_id, f"it and {other.filename} would be {name}, or one version of one file"

    def _move(self, file: Located, place: Place, after: ProductSpec, faults: _Faults) -> None:
        """Add the move of a file, or of its bytes where they are kept aside."""
        root = self._mission.root
        if not file.exists:
            self._move_kept(file, place)
            return
        source = os.path.join(root, file.directory, file.filename)
        try:
            target = layout.home(self._mission, after, place.directory, place.filename)
        except PlacementError as error:
            faults.add("that is no place for it", file, str(error))
            return
        if source == target:
            return
        if not os.path.lexists(source) and source not in self._sources:
            faults.add("it is not where the catalogue has it: dbproc check", file, source)
        stays = companion_of(source) == companion_of(target)  # its directory has the name already
        members = () if stays else file.members
        for end in _ends(target, members):
            if os.path.lexists(end) and end not in self._targets:
                faults.add("something is in its new place already, and is not overwritten", file, end)
        self.moves.append(Move(Purpose.RENAME, source, target, _digest(source, file), members))

    def _move_kept(self, file: Located, place: Place) -> None:
        """Bytes that are kept aside are found by the name of their file."""
        for kept in (layout.WITHDRAWN, layout.TRASH):
            source = layout.kept_path(self._mission, file.file_id, file.digest, file.filename, kept)
            target = layout.kept_path(self._mission, file.file_id, file.digest, place.filename, kept)
            if source != target and os.path.lexists(source) and not os.path.lexists(target):
                self.moves.append(Move(Purpose.RENAME, source, target, file.digest, file.members))


def _ends(path: str, members: Sequence[Member]) -> tuple[str, ...]:
    """A file, and its companion directory where it has one."""
    return (path, companion_of(path)) if members else (path,)


def _digest(source: str, file: Located) -> str:
    """The recorded digest of a file whose bytes are those that were recorded, as far as the system says."""
    try:
        is_as_recorded = state_of(os.lstat(source)) == file.state
        return file.digest if is_as_recorded or digest_file(source, algorithm_of(file.digest)) == file.digest else ""
    except OSError:
        return file.digest


def _places(
    files: Sequence[Located], before: ProductSpec, after: ProductSpec
) -> tuple[dict[int, Place], list[tuple[Located, str]]]:
    """By number the new places of the files that have places by themselves; and those that can have none, and why."""
    places: dict[int, Place] = {}
    unnamed: list[tuple[Located, str]] = []
    for file in (each for each in files if each.replaced_by is None):
        try:
            place = relocated(file, before, after)
        except FormatError as error:
            unnamed.append((file, str(error)))
        else:
            places.update({file.file_id: place} if place != place_of(file) else {})
    return places, unnamed


def _with_replaced(
    files: Sequence[Located], places: Mapping[int, Place], before: ProductSpec, after: ProductSpec
) -> list[tuple[Located, Place]]:
    """The same with what had a place before another file: a state of it is found, and comes back, under its name."""
    by_number = {file.file_id: file for file in files}
    pairs: list[tuple[Located, Place]] = []
    for file in files:
        last, seen = file, {file.file_id}
        while last.replaced_by in by_number and last.replaced_by not in seen:
            last = by_number[last.replaced_by]
            seen.add(last.file_id)
        place = places.get(last.file_id)
        if place is not None and last.filename == file.filename:
            pairs.append((file, place if last is file else _place_before(file, place, before, after)))
    return pairs


def _place_before(file: Located, place: Place, before: ProductSpec, after: ProductSpec) -> Place:
    """Where a state of a file would come back that is in a `place` now: its date may tell another directory."""
    try:
        directory = relocated(file, before, after).directory
    except FormatError:
        directory = place.directory
    return Place(directory, place.filename, file.keywords)


class _Faults:
    """Why files of a product cannot be carried along, by kind: how many, and one of them."""

    def __init__(self, product: ProductSpec, is_format: bool) -> None:
        self._path = ("product", product.name, "format" if is_format else "directory")
        self._found: dict[str, list[tuple[Located, str]]] = defaultdict(list)

    def add(self, kind: str, file: Located, detail: str) -> None:
        """Note one."""
        self._found[kind].append((file, detail))

    def problems(self, total: int) -> Iterator[Problem]:
        """One for each kind."""
        for kind, found in self._found.items():
            file, detail = found[0]
            count = f"{len(found)} of its {total} files cannot be carried along" if total > 1 else "its file cannot"
            text = f"{count}: {kind}; {file.filename} for one: {detail}"
            remedy = f"leave {self._path[-1]} as it is, or give it to a product of another name"
            yield Problem(self._path, f"{text}; {remedy}")
