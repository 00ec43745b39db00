"""One file moved from one place to another, so that it can be killed at any byte.

Bytes go into a private partial file beside the target; how many of them are durable is told, and a later call goes on
from there if the origin's file is provably the same, or begins anew and says why. They are digested as they come, read
back from where they went, and published in one step that overwrites nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from dbproc.core.errors import (
    GoneError,
    PermanentError,
    RoomError,
    TakenError,
    TemporaryError,
    TransferError,
)
from dbproc.storage.behind import AtOnce, Behind, Doing
from dbproc.storage.digest import algorithm_of
from dbproc.storage.hashing import Digests
from dbproc.storage.stores.base import CHUNK, SLOWEST, Entry, Place, Reader, Upload, at_most

CHECKPOINT_BYTES = 64 << 20
_FIRST_BYTES = 8 << 20  # of what has just begun little is lost, either: about an eighth
CHECKPOINT_SECONDS = 10.0
_ROOM_EVERY = 16 << 20
_MUCH = 8 << 20


class MismatchError(TransferError):
    """The bytes that came are not those that were promised, or not those that are read back."""


class EndlessError(TemporaryError):
    """The origin tells no size, and sent more than there is room for; what was written is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be moved.

    Attributes
    ----------
    origin, origin_path, target, target_path
        From where, and to where.
    name
        A word that no other transfer has.
    algorithm
        Of the digest that is kept: ``sha256`` or ``blake3``.
    size
        Bytes that it must have; None: not known.
    expected
        Digests that the bytes must have.
    offset, token, known
        What an earlier try told: durable bytes, the target's word, the origin's file as it was then.
    digest
        Of all bytes, where an earlier try had come so far that it may have published them.
    reserve
        Bytes that must stay free at the target.
    timeout
        Seconds after which a peer that sends next to nothing counts as gone.
    read_twice
        Whether the origin is read a second time where it tells no digest.
    origin_is_here
        Whether the origin's bytes are read from this machine's disk: their digest is the origin's.
    checkpoint
        After so many bytes they are made durable, and told; 0: as is usual.
    """

    origin: Place
    origin_path: str
    target: Place
    target_path: str
    name: str
    algorithm: str = "sha256"
    size: int | None = None
    expected: tuple[str, ...] = ()
    offset: int = 0
    token: str = ""
    known: Entry | None = None
    digest: str = ""
    reserve: int = 0
    timeout: float = 60.0
    read_twice: bool = False
    origin_is_here: bool = False
    checkpoint: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """A file that is where it was to go. `why` says why it is not verified; nothing: it is.

    `placed` is what the system said of it as it was published, where it is a file of this machine.
    """

    size: int
    digest: str
    why: str = ""
    placed: str = ""


class Watcher(Protocol):
    """Told how far a transfer is; each method may raise to end it."""

    def began(self, entry: Entry, offset: int, note: str) -> None:
        """The moving begins at a byte; `note` says why not where an earlier try ended."""

    def came(self, count: int) -> None:
        """So many bytes were read of the origin; waits as long as a limit of bandwidth asks."""

    def durable(self, count: int, token: str) -> None:
        """So many bytes outlive a crash."""

    def checking(self, digest: str) -> None:
        """All bytes are there, with this digest; returns when that is recorded."""


def move(order: Order, watcher: Watcher) -> Moved:
    """Move a file, or go on with it.

    Raises
    ------
    TemporaryError
        A later try may succeed; what is durable stays for it.
    MismatchError
        Other bytes came than were promised; what was written is gone.
    PermanentError
        No later try succeeds.
    """
    arrived = arrive(order, watcher)
    if isinstance(arrived, Moved):
        return arrived
    arrived.finish()
    return arrived.publish()


def arrive(order: Order, watcher: Watcher) -> Arrived | Moved:
    """:func:`move` until all bytes are there, privately; of what an earlier try has published already all is done."""
    published = _published_already(order)
    if published is not None:
        return published
    with _of_target():
        upload = order.target.upload(order.target_path, order.name, order.offset, order.token, order.size)
    try:
        return _arrived(order, upload, watcher)
    except BaseException:
        upload.close()
        raise


@contextmanager
def _of_target() -> Iterator[None]:
    """What goes wrong in here is of where the file goes."""
    try:
        yield
    except TransferError as error:
        error.of_target = True
        raise


def discard(order: Order) -> None:
    """Remove what an unfinished transfer has written."""
    with suppress(TransferError):
        order.target.upload(order.target_path, order.name, order.offset, order.token, order.size).discard()


def _arrived(order: Order, upload: Upload, watcher: Watcher) -> Arrived:
    reader, upload = _begun(order, upload, watcher)
    try:
        check = _Check(upload.read_back, order.algorithm)
        with closing(reader):
            digests, size = _came(order, reader, upload, check, watcher)
            return Arrived(order, reader.entry, upload, digests, size, check, watcher)
    except (MismatchError, EndlessError):
        upload.discard()
        raise
    except BaseException:
        upload.close()
        raise


@dataclass(frozen=True, slots=True)
class Arrived:
    """A file all of whose bytes are at its target, and that has no name there yet."""

    order: Order
    entry: Entry
    upload: Upload
    digests: Digests
    size: int
    check: _Check
    watcher: Watcher

    @property
    def can_wait(self) -> bool:
        """Whether it is small, and another thread can end it, together with others: they are synced at the price of a
        few."""
        return self.upload.alongside and self.size <= CHUNK and not self.order.read_twice

    def finish(self) -> None:
        """Compare it with what was promised, and make it durable; the errors are those of :func:`move`."""
        _, other = self.digests.compared(self._promised)
        try:
            if other:
                raise MismatchError(f"its digest is {self.digests.of(algorithm_of(other[0]))} and not {other[0]}")
            with _of_target():
                self.upload.finish()
        except BaseException as error:
            self._end(error)
            raise

    def publish(self) -> Moved:
        """Read back what is durable, and publish it; the errors are those of :func:`move`."""
        try:
            return self._published()
        except BaseException as error:
            self._end(error)
            raise
        finally:
            self.upload.close()

    @property
    def _promised(self) -> tuple[str, ...]:
        return (*self.order.expected, *self.entry.digests)

    def _end(self, error: BaseException) -> None:
        if isinstance(error, MismatchError):
            self.upload.discard()
        self.upload.close()

    def _published(self) -> Moved:
        order, upload, size = self.order, self.upload, self.size
        digest = self.digests.of(order.algorithm)
        self.watcher.checking(digest)
        with _of_target():
            if upload.reads_before:
                self.check.refuse_other(digest, size)
            placed = _put(order, upload, digest)
            if not upload.reads_before:
                self.check.refuse_other(digest, size)
        equal, _ = self.digests.compared(self._promised)
        why = "" if equal else _doubt(order, digest, self.entry, size)
        return Moved(size=size, digest=digest, why=why, placed=placed)


def _begun(order: Order, upload: Upload, watcher: Watcher) -> tuple[Reader, Upload]:
    """The origin's file opened where the upload goes on, or both from the beginning."""
    offset = upload.offset
    reader = _opened(order, 0 if upload.prefix() is None else offset)
    try:
        note = ""
        if offset and reader.offset != offset and not _is_known(reader.entry, order.known):
            note = "begun anew: the origin's file is not provably the one of before"
            with _of_target():
                upload.discard()
                upload = order.target.upload(order.target_path, order.name, 0, "", order.size)
        _refuse_size(order, reader.entry)
        _refuse_full(order, (reader.entry.size or 0) - upload.offset)
        watcher.began(reader.entry, upload.offset, note)
    except BaseException:
        reader.close()
        raise
    return reader, upload


def _opened(order: Order, offset: int) -> Reader:
    """The origin's file from a byte on, or from 0 where that cannot be."""
    if not offset or order.known is None:
        return order.origin.read(order.origin_path)
    if offset == order.known.size:
        now = order.origin.look(order.origin_path)
        return _Nothing(now, offset) if now.is_provably(order.known) else order.origin.read(order.origin_path)
    return order.origin.read(order.origin_path, offset, order.known)


class _Nothing:
    """The reader of a file whose bytes are all there already."""

    def __init__(self, entry: Entry, offset: int) -> None:
        self.entry = entry
        self.offset = offset

    def __iter__(self) -> Iterator[bytes]:
        """No bytes."""
        return iter(())

    def close(self) -> None:
        """Nothing is open."""


def _is_known(entry: Entry, known: Entry | None) -> bool:
    return known is not None and entry.is_provably(known)


def _refuse_size(order: Order, entry: Entry) -> None:
    if order.size is not None and entry.size is not None and entry.size != order.size:
        raise TemporaryError(f"it has {entry.size:,} bytes by now and not {order.size:,}")


def _refuse_full(order: Order, more: int) -> None:
    with _of_target():
        free = order.target.free()
    if free is not None and free - max(more, 0) < order.reserve:
        needed = f"{max(more, 0):,} more are needed, and {order.reserve:,} must stay free"
        raise RoomError(f"{order.target.url} has {free:,} bytes free; {needed}")


def _came(order: Order, reader: Reader, upload: Upload, check: _Check, watcher: Watcher) -> tuple[Digests, int]:
    """Write what comes, and digest it, both behind the reading where it is much; the digests of all bytes, and how many
    these are.

    Where the target can do so, what was written is made durable and read back while more is written.
    """
    promised = (*order.expected, *reader.entry.digests)
    digests = Digests((order.algorithm, *map(algorithm_of, promised)))
    at = _hash_prefix(reader, upload, digests)
    total = reader.entry.size
    is_much = total is None or total - at > _MUCH
    with ExitStack() as stack:
        hashing = [(stack.enter_context(_behind(is_much)), take) for take in digests.each()]
        checking = stack.enter_context(_behind(is_much and upload.alongside))
        syncing = stack.enter_context(_behind(is_much and upload.alongside))
        writing = stack.enter_context(_behind(is_much))

        def save() -> None:
            with _of_target():
                durable = upload.checkpoint()
            watcher.durable(durable, upload.token)
            if upload.alongside:
                checking.do(partial(look_back, durable))

        def look_back(durable: int) -> None:
            with _of_target():
                check.go_on(durable)

        writer = _Writer(upload, at, order.checkpoint or CHECKPOINT_BYTES, partial(syncing.do, save))
        try:
            for chunk in _at_some_rate(reader, order.timeout):
                watcher.came(len(chunk))
                at += len(chunk)
                _refuse_too_many(order, at, total, len(chunk))
                for behind, take in hashing:
                    behind.do(partial(take, chunk))
                writing.do(partial(writer.write, chunk))
            if total is not None and at < total:
                raise TemporaryError(f"it ended after {at:,} of {total:,} bytes")
        except TemporaryError as error:
            if isinstance(error, RoomError) and total is None and order.size is None:
                raise EndlessError(f"it tells no size, and sent {at:,} bytes without an end; {error}") from error
            if not error.of_target:
                writing.wait()
                syncing.do(save)
                syncing.wait()
            raise
        for behind in (writing, syncing, checking, *(each for each, _ in hashing)):
            behind.wait()
    if order.size is not None and at != order.size:
        raise MismatchError(f"{at:,} bytes came and not the {order.size:,} that were promised")
    return digests, at


def _refuse_too_many(order: Order, at: int, total: int | None, last: int) -> None:
    """Where the origin told how many bytes there are no more may come; else there must be room all the while."""
    if total is not None and at > total:
        raise MismatchError(f"it sends more than the {total:,} bytes that it told")
    if total is None and order.size is not None and at > order.size:
        raise MismatchError(f"it sends more than the {order.size:,} bytes that were promised")
    if total is None and at % _ROOM_EVERY < last:
        _refuse_full(order, 0)


def _behind(is_much: bool) -> Doing:
    return Behind() if is_much else AtOnce()


class _Writer:
    """Writes chunks from a byte on, and has them saved from time to time."""

    def __init__(self, upload: Upload, at: int, checkpoint: int, save: Callable[[], None]) -> None:
        self._upload = upload
        self._checkpoint = checkpoint
        self._save = save
        self._at = at
        self._saved, self._saved_time = at, time.monotonic()

    def write(self, chunk: bytes) -> None:
        """Write a chunk, without what the target has already and the origin was read for again."""
        skipped = max(self._upload.offset - self._at, 0)
        self._at += len(chunk)
        if skipped < len(chunk):
            with _of_target():
                self._upload.write(chunk[skipped:] if skipped else chunk)
        is_long = time.monotonic() - self._saved_time >= CHECKPOINT_SECONDS
        much = min(self._checkpoint, max(self._at // 8, _FIRST_BYTES))
        if self._at - self._saved >= much or is_long:
            self._saved, self._saved_time = self._at, time.monotonic()
            self._save()


def _hash_prefix(reader: Reader, upload: Upload, digests: Digests) -> int:
    """Digest what the target has already; how far the reader is then."""
    if not upload.offset or reader.offset == 0:
        return 0
    prefix = upload.prefix()
    if prefix is None:
        raise PermanentError("what was written cannot be read back, and the origin was not read from its beginning")
    count = 0
    for chunk in prefix:
        digests.update(chunk)
        count += len(chunk)
    if count != upload.offset:
        raise TemporaryError(f"only {count:,} of {upload.offset:,} bytes that were written are there")
    return count


def _at_some_rate(chunks: Reader, seconds: float) -> Iterator[bytes]:
    """The chunks of a peer; one that sends next to nothing for so long is given up for now."""
    began, count = time.monotonic(), 0
    for chunk in chunks:
        yield chunk
        count += len(chunk)
        passed = time.monotonic() - began
        if passed >= seconds:
            if count < SLOWEST * passed:
                raise TemporaryError(f"it sent {count:,} bytes in {passed:.0f} s, which is next to nothing")
            began, count = time.monotonic(), 0


def _put(order: Order, upload: Upload, digest: str) -> str:
    """Publish; where the very bytes have the name already, that is as good."""
    try:
        return upload.publish()
    except TakenError:
        if _digest_there(order, digest) != digest:
            raise
        upload.discard()
        return ""


class _Check:
    """Bytes that are read a second time, and digested; `read` gives those that it did not give before."""

    def __init__(self, read: Callable[[], Iterator[bytes]], algorithm: str) -> None:
        self._read = read
        self._found = Digests([algorithm])
        self._algorithm = algorithm
        self._count = 0

    def go_on(self, size: int) -> None:
        """Read what there is by now, of which so many bytes are right."""
        with _behind(size - self._count > _MUCH) as hashing:
            for chunk in self._read():
                hashing.do(partial(self._found.update, chunk))
                self._count += len(chunk)
                if self._count > size:
                    break
            hashing.wait()

    def refuse_other(self, digest: str, size: int) -> None:
        """Read to the end; MismatchError where the bytes are others."""
        self.go_on(size)
        if self._count != size or self._found.of(self._algorithm) != digest:
            raise MismatchError("the bytes that are read back are not those that were written")


def _doubt(order: Order, digest: str, entry: Entry, size: int) -> str:
    """Why a file whose origin promised no digest is not verified; nothing where it is."""
    if order.origin_is_here:
        return ""
    if not order.read_twice:
        return "the origin tells no digest"
    with closing(order.origin.read(order.origin_path)) as again:
        if again.entry.size != entry.size:
            return "the origin's file had another size when it was read a second time"
        _Check(lambda: iter(again), order.algorithm).refuse_other(digest, size)
    return ""


# --- what an earlier try published ---


def _published_already(order: Order) -> Moved | None:
    """What an earlier try had published before it could say so."""
    if not order.digest:
        return None
    try:
        with _of_target():
            size = order.target.look(order.target_path).size
    except GoneError:
        return None
    if _digest_there(order, order.digest) != order.digest:
        return None
    equal, other = order.digest in order.expected, [each for each in order.expected if _differs(each, order.digest)]
    if other:
        return None
    is_verified = equal or order.origin_is_here
    return Moved(
        size=size or 0,
        digest=order.digest,
        why="" if is_verified else "its transfer ended between its publication and the record of it",
    )


def _differs(expected: str, digest: str) -> bool:
    return algorithm_of(expected) == algorithm_of(digest) and expected != digest


def _digest_there(order: Order, like: str) -> str:
    """The digest of what has the name at the target."""
    return digest_of(order.target, order.target_path, algorithm_of(like))


def digest_of(
    place: Place,
    path: str,
    algorithm: str,
    most: int | None = None,
    came: Callable[[int], None] = lambda count: None,
) -> str:
    """The digest of a file of a place, read now.

    Parameters
    ----------
    place, path
        Of which file.
    algorithm
        Of the digest: ``sha256`` …
    most
        How many bytes there may be, where that is known.
    came
        Told how many bytes came, each time; may wait, or raise to end the reading.

    Raises
    ------
    TransferError
        It cannot be read, or more bytes come.
    """
    found = Digests([algorithm])
    with closing(place.read(path)) as reader:
        for chunk in at_most(reader, most):
            found.update(chunk)
            came(len(chunk))
    return found.of(algorithm)
