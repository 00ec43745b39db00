"""A look at a source: what is new there, asked for in the same transaction as it is remembered."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field

from dbproc.core.errors import FormatError, PermanentError, TemporaryError, TransferError
from dbproc.core.model import Mission
from dbproc.core.places import INCOMING, SourceSpec
from dbproc.core.remote import News, Seen, news, settled
from dbproc.core.text import one_line
from dbproc.core.transfers import Order, Spot, Task
from dbproc.database import remotefiles, transfers
from dbproc.database.store import Store
from dbproc.ingest.remote_listing import Listing, SideFiles, list_source
from dbproc.storage.stores.base import Place
from dbproc.system.machine import user_name
from dbproc.transfers.places import SOURCE, open_named

_TOLD = 3
_AT_ONCE = 5000


@dataclass(frozen=True, slots=True, kw_only=True)
class FileAtSource:
    """A file that is new at its source, or has changed there."""

    path: str  #: its path there
    size: int | None  #: bytes; null: the source does not tell
    modified: dt.datetime | None  #: when it changed there last; null: the source does not tell
    change: str  #: ``new`` or ``changed``
    expected: str | None  #: the digest that stands beside it; null: none does


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A file that is to be fetched; its transfer, if it waits for one already; its digest and the side file of it."""

    seen: Seen
    is_new: bool
    transfer_id: int | None
    digest: tuple[str, str] | None


@dataclass
class Found:
    """What a look found.

    Attributes
    ----------
    url
        Of the source, for people.
    listing, news
        What is there, and what of it is new.
    wanted
        What is to be fetched now.
    left
        The paths of what is new and left for a later look.
    failure
        Why it could not be listed, or not all of it.
    faults
        What else is wrong, in words.
    """

    url: str = ""
    listing: Listing = field(default_factory=Listing)
    news: News = field(default_factory=lambda: News((), (), ()))
    wanted: list[_Wanted] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    failure: TransferError | None = None
    faults: list[str] = field(default_factory=list)

    @property
    def files(self) -> Iterator[FileAtSource]:
        """What is to be fetched, for people."""
        for each in self.wanted:
            yield FileAtSource(
                path=each.seen.path,
                size=each.seen.size,
                modified=each.seen.modified,
                change="new" if each.is_new else "changed",
                expected=None if each.digest is None else each.digest[0],
            )

    @property
    def problem(self) -> str | None:
        """What is wrong with the source, in one line; None: nothing."""
        words = [] if self.failure is None else [f"cannot be listed: {one_line(str(self.failure))}"]
        words += self.faults[:_TOLD]
        if len(self.faults) > _TOLD:
            words.append(f"and {len(self.faults) - _TOLD} more")
        return "; ".join(words) or None


def look(store: Store, mission: Mission, source: SourceSpec) -> Found:
    """List a source, and choose what is to be fetched of it; nothing is recorded, and nothing raised for its faults."""
    found = Found()
    try:
        with closing(open_named(mission, SOURCE + source.name)) as place:
            found.url = place.url
            _look(store, mission, source, place, found)
    except TransferError as error:
        found.failure = error
    except FormatError as error:
        found.failure = PermanentError(str(error))
    except OSError as error:  # of a place's library, which is to raise nothing else
        found.failure = TemporaryError(f"{type(error).__name__}: {error}")
    return found


def _look(store: Store, mission: Mission, source: SourceSpec, place: Place, found: Found) -> None:
    with store.begin() as connection:
        known, done = remotefiles.known(connection, source.name)
        waiting = remotefiles.waiting(connection, source.name)
        disputed = remotefiles.disputed(connection, source.name)
    found.listing = list_source(place, source, done, dt.datetime.now(dt.UTC).date(), known)
    found.failure = next(iter(found.listing.failures), None)
    found.news = news(found.listing.seen, known, found.listing.listed)
    found.faults += [f"{name!r} {why}: it stays there" for name, why in found.listing.refused]
    found.faults += [
        f"{path} has the name of {other}, and a name is one file here: it stays there"
        for path, other in found.news.namesakes
    ]
    beside = SideFiles(place, source, found.listing)
    for seen in found.news.files:
        number = waiting.get(seen.path)
        is_full = source.files is not None and len(found.wanted) >= source.files
        if is_full or (number is None and os.path.lexists(os.path.join(mission.incoming, seen.name))):
            found.left.append(seen.path)
            continue
        try:
            digest = beside.of(seen.path)
        except TransferError as error:
            found.left.append(seen.path)
            found.faults.append(f"the digest of {seen.path} cannot be read: {one_line(str(error))}")
            if isinstance(error, TemporaryError) and error.is_of_place:
                raise
            continue
        found.wanted.append(_Wanted(seen, seen.path not in known, number, digest))
    found.wanted += _promised_anew(found, disputed, beside)


def _promised_anew(found: Found, disputed: Mapping[str, tuple[int, str]], beside: SideFiles) -> Iterator[_Wanted]:
    """The files that came with other bytes than a side file promised, of which it promises others by now."""
    others = {each.path for each in found.news.files}
    for seen in found.listing.seen:
        if seen.path not in disputed or seen.path in others:
            continue
        number, promised = disputed[seen.path]
        with suppress(TransferError):  # what the transfer says of it stands
            digest = beside.of(seen.path)
            if digest is not None and digest[0] != promised:
                yield _Wanted(seen, False, number, digest)


def ask(store: Store, mission: Mission, source: SourceSpec, found: Found) -> None:
    """Have what is wanted be fetched, and remember it; and the directories that need not be listed any more."""
    for start in range(0, len(found.wanted), _AT_ONCE):
        _ask(store, mission, source, found, found.wanted[start : start + _AT_ONCE])
    if found.listing.old and not found.listing.failures:
        with store.begin() as connection:
            missing = remotefiles.unfinished(connection, source.name)
            done = settled(found.listing.old, [*missing, *found.left])
            remotefiles.record_settled(connection, source.name, done, dt.datetime.now(dt.UTC))


def _ask(store: Store, mission: Mission, source: SourceSpec, found: Found, some: Sequence[_Wanted]) -> None:
    fresh = [each for each in some if each.transfer_id is None]
    orders = [_order(mission, source, found.url, each) for each in fresh]
    with store.begin() as connection:
        numbers = transfers.ask(connection, orders)
        asked = [(each.seen, number) for each, number in zip(fresh, numbers, strict=True)]
        for each in some:
            if each.transfer_id is not None:
                transfers.retry(connection, [each.transfer_id])
                transfers.renew(connection, each.transfer_id, _order(mission, source, found.url, each))
                asked.append((each.seen, each.transfer_id))
        remotefiles.record_asked(connection, source.name, asked)


def _order(mission: Mission, source: SourceSpec, url: str, wanted: _Wanted) -> Order:
    seen = wanted.seen
    digest, side = wanted.digest or (None, "")
    return Order(
        task=Task.FETCH,
        rule=SOURCE + source.name,
        origin=Spot(SOURCE + source.name, seen.path, f"{url.rstrip('/')}/{seen.path}"),
        target=Spot(INCOMING, seen.name, f"file://{os.path.join(mission.incoming, seen.name)}"),
        user=user_name(),
        size=seen.size,
        expected=() if digest is None else (digest,),
        expected_of=side,
    )
