"""What is at a source now: directories listed part by part of its path, and the digests that stand beside files."""

from __future__ import annotations

import datetime as dt
import posixpath
import random
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from dbproc.core.errors import GoneError, PermanentError, TemporaryError, TransferError
from dbproc.core.filenames import is_unfinished
from dbproc.core.places import SourceSpec
from dbproc.core.remote import Seen
from dbproc.core.remote_paths import RemotePath, Spot, compile_path, last_day, name_fault
from dbproc.core.side_files import digests_in, side_names, side_path
from dbproc.core.text import one_line, storable
from dbproc.storage.stores.base import Entry, Place

MOST_LOOKED_AT = 2000
"""How many known files are looked at one by one, in one look, where listings tell no more than names."""
_MOST_FAULTS = 3  # files that cannot be looked at for now, in one look; more are the fault of the place
_LARGEST = 16 << 20  # bytes of a side file


@dataclass
class Listing:
    """What was found.

    Attributes
    ----------
    seen
        The files that are meant.
    listed
        The directories that were listed to their end.
    old
        Those of them of times that need not be looked at again.
    beside
        The paths of side files.
    refused
        Names that no file can have, each with the reason.
    failures
        What could not be listed.
    """

    seen: list[Seen] = field(default_factory=list)
    listed: set[str] = field(default_factory=set)
    old: list[str] = field(default_factory=list)
    beside: set[str] = field(default_factory=set)
    refused: list[tuple[str, str]] = field(default_factory=list)
    failures: list[TransferError] = field(default_factory=list)


def list_source(
    place: Place,
    source: SourceSpec,
    settled: Collection[str],
    today: dt.date,
    known: Collection[str] = (),
) -> Listing:
    """List a source, but for directories that are `settled` by now; what cannot be listed leaves the rest as it is.

    `known`: the paths of files that were seen before.
    """
    return _Walk(place, source, settled, today, known).walked()


class _Walk:
    """One look: directories that wait to be listed, and what was found so far."""

    def __init__(
        self, place: Place, source: SourceSpec, settled: Collection[str], today: dt.date, known: Collection[str]
    ) -> None:
        self._place = place
        self._path: RemotePath = compile_path(source.path)
        self._digests = source.digests
        self._since = source.since
        self._old = None if source.back is None else _before(today, source.back)
        self._settled = settled
        self._known = known
        self._faults = 0
        self._bare: list[str] = []  # known files of which a listing tells the names alone
        self._found = Listing()

    def walked(self) -> Listing:
        """All of it."""
        first = self._path.start()
        waiting = [first]
        while waiting:
            spot = waiting.pop()
            try:
                waiting += self._followed(spot)
            except GoneError as error:
                if spot is first:
                    self._found.failures.append(error)
            except TransferError as error:
                self._found.failures.append(error)
                if getattr(error, "is_of_place", False) or (isinstance(error, PermanentError) and spot is first):
                    return self._found
        self._look_at_known()
        return self._found

    def _followed(self, spot: Spot) -> list[Spot]:
        """List one directory; the directories that are to be listed next."""
        if not self._path.is_last(spot):
            entries = list(self._place.entries(spot.path))
            following = [self._below(spot, entry) for entry in entries if entry.is_directory]
            self._note_listed(spot)
            return [each for each in following if each is not None and self._is_wanted(each)]
        if self._path.name.pattern is None:
            entries = [self._place.look(posixpath.join(spot.path, self._path.name.text))]
        else:
            entries = list(self._place.entries(spot.path))
        self._take(spot, entries)
        self._note_listed(spot)
        return []

    def _note_listed(self, spot: Spot) -> None:
        self._found.listed.add(spot.path)
        if self._is_old(spot):
            self._found.old.append(spot.path)

    def _below(self, spot: Spot, entry: Entry) -> Spot | None:
        name = _name_in(spot.path, entry)
        return None if self._is_refused(spot, name) else self._path.below(spot, name)

    def _is_refused(self, spot: Spot, name: str) -> bool:
        """Whether a name is none, which is told."""
        why = name_fault(name)
        if why is not None:
            self._found.refused.append((one_line(storable(posixpath.join(spot.path, name))), why))
        return why is not None

    def _is_wanted(self, spot: Spot) -> bool:
        if self._since is not None and _is_before(spot.last_day, self._since):
            return False
        return not (self._is_old(spot) and spot.path in self._settled)

    def _is_old(self, spot: Spot) -> bool:
        return self._old is not None and _is_before(spot.last_day, self._old)

    def _take(self, spot: Spot, entries: Sequence[Entry]) -> None:
        """Take the files that are meant."""
        named = [(_name_in(spot.path, entry), entry) for entry in entries if not entry.is_directory]
        sides = side_names((name for name, _ in named), self._digests)
        for name, entry in named:
            if name in sides:
                self._found.beside.add(entry.path)
                continue
            values = self._path.name.read(name, spot.values)
            if (values is None and "/" not in name) or self._is_refused(spot, name):
                continue
            if values is None or is_unfinished(name):
                continue
            if self._since is None or not _is_before(last_day(values), self._since):
                self._see(entry)

    def _see(self, entry: Entry) -> None:
        """Take a file; one of which the listing tells its name alone is looked at, for else no change would be seen."""
        is_bare = entry.size is None and entry.modified is None and not entry.etag
        if is_bare and entry.path in self._known:
            self._bare.append(entry.path)
        elif is_bare:
            self._look_at_new(entry.path)
        else:
            self._found.seen.append(_seen(entry))

    def _look_at_known(self) -> None:
        """Look at known files of which no listing tells more than the names; of very many at some, others each time."""
        chosen = self._bare if len(self._bare) <= MOST_LOOKED_AT else random.sample(self._bare, MOST_LOOKED_AT)
        looked_at = set[str]()
        for path in chosen:
            try:
                self._look_at(path)
                looked_at.add(path)
            except PermanentError as error:
                self._found.refused.append((one_line(storable(path)), f"cannot be looked at: {one_line(str(error))}"))
            except TransferError as error:
                self._found.failures.append(error)
                break
        self._found.seen += [Seen(path) for path in self._bare if path not in looked_at]

    def _look_at_new(self, path: str) -> None:
        """Take a new file; what is wrong with it alone is told by its transfer, and keeps nothing else back."""
        try:
            self._look_at(path)
        except TemporaryError as error:
            self._faults += 1
            if error.is_of_place or error.retry_after is not None or self._faults > _MOST_FAULTS:
                raise
            self._found.seen.append(Seen(path))
        except PermanentError:
            self._found.seen.append(Seen(path))

    def _look_at(self, path: str) -> None:
        with suppress(GoneError):
            self._found.seen.append(_seen(self._place.look(path)))


def _seen(entry: Entry) -> Seen:
    return Seen(entry.path, entry.size, entry.modified, entry.etag)


def _name_in(directory: str, entry: Entry) -> str:
    """The name of an entry in its directory, all of it."""
    return entry.path.removeprefix(f"{directory}/") if directory else entry.path


def _is_before(day: dt.date | None, first: dt.date) -> bool:
    return day is not None and day < first


def _before(today: dt.date, back: dt.timedelta) -> dt.date:
    try:
        return today - back
    except OverflowError:
        return dt.date.min


class SideFiles:
    """The digests that stand beside the files of a source; each side file is read once."""

    def __init__(self, place: Place, source: SourceSpec, listing: Listing) -> None:
        self._place = place
        self._digests = source.digests
        self._listing = listing
        self._read: dict[str, dict[str, str]] = {}

    def of(self, path: str) -> tuple[str, str] | None:
        """The digest of a file, and the path of the side file that tells it; None where none does.

        Raises
        ------
        TransferError
            The side file is there and cannot be read.
        """
        if not self._digests:
            return None
        side = side_path(path, self._digests)
        if side not in self._read:
            only = path if "{name}" in self._digests else None
            self._read[side] = digests_in(self._text(side), posixpath.dirname(side), only)
        digest = self._read[side].get(path)
        return None if digest is None else (digest, side)

    def _text(self, side: str) -> str:
        """What stands in a side file; nothing where there is none."""
        if posixpath.dirname(side) in self._listing.listed and side not in self._listing.beside:
            return ""
        try:
            reader = self._place.read(side)
        except GoneError:
            return ""
        try:
            content = bytearray()
            for chunk in reader:
                content += chunk
                if len(content) > _LARGEST:
                    raise PermanentError(f"{one_line(storable(side))}: is no list of digests: it has more than 16 MiB")
        finally:
            reader.close()
        return content.decode(errors="surrogateescape")
