"""The bytes of one upload, as a request of the service brings them: written privately, made durable, told, published.

Who writes holds the claim of its upload, which the kernel takes from whoever ends. What a row tells as durable was
synced before; so a request that is cut off, and a service that is killed, lose nothing that was answered.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial

from dbproc.core.access import Principal
from dbproc.core.errors import (
    DbprocError,
    EndedError,
    HeldError,
    NotFoundError,
    RoomError,
    TakenError,
    TooLargeError,
    TransferError,
)
from dbproc.core.model import Mission
from dbproc.core.states import UploadWay
from dbproc.core.transfers import TransferState
from dbproc.core.uploads import RULE, Upload
from dbproc.database import files, trail, transfers, uploads
from dbproc.database.store import Store, Transaction
from dbproc.database.uploads import Chunk
from dbproc.storage.behind import Behind
from dbproc.storage.digest import algorithm_of
from dbproc.storage.durable import sync_directory
from dbproc.storage.hashing import Digests
from dbproc.storage.stores.base import partial_name
from dbproc.storage.stores.local import LocalPlace, LocalUpload
from dbproc.storage.transfer import CHECKPOINT_BYTES, CHECKPOINT_SECONDS, MismatchError, Moved, digest_of
from dbproc.transfers import endings, line
from dbproc.transfers.endings import Completed

_GIB = 1 << 30
_CHUNKS = 1 << 32  # numbers below the claim of one upload: one for each of its chunks
_NO_DIGEST = "the client told no digest"
_MINUTE = dt.timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Where uploads of a mission are received: its database to read and to write."""

    reading: Store
    writing: Store
    mission: Mission

    @property
    def incoming(self) -> LocalPlace:
        """The place that they go to."""
        return LocalPlace(self.mission.incoming)

    def expiry(self) -> dt.datetime:
        """When what gets a byte now is given up if none follows."""
        now = dt.datetime.now(dt.UTC)
        try:
            return now + self.mission.service.upload_expires
        except OverflowError:
            return dt.datetime.max.replace(tzinfo=dt.UTC)

    def allowance(self, upload: Upload) -> int:
        """Bytes that an upload may have that does not say how many it will: as one may, within its owner's quota."""
        service = self.mission.service
        if service.upload_quota is None:
            return service.most_bytes
        with self.reading.begin() as connection:
            others = uploads.held_by(connection, upload.owner).size - upload.transfer.durable
        return max(0, min(service.most_bytes, int(service.upload_quota * _GIB) - others))

    def refuse_full(self, more: int) -> None:
        """RoomError where so many bytes more would not leave free what must stay free."""
        place = self.incoming
        free, reserve = place.free(), int(self.mission.service.reserve * _GIB)
        if free is not None and free - more < reserve:
            words = f"{more:,} more are needed, and {reserve:,} must stay free"
            raise RoomError(f"{place.directory} has {free:,} bytes free; {words}")


def upload_named(store: Store, word: str) -> Upload:
    """An upload by its word.

    Raises
    ------
    NotFoundError
        There is none.
    """
    with store.begin() as connection:
        return _found(connection, word)


def begin(desk: Desk, word: str) -> Receiving:
    """Go on with an upload whose bytes come one after the other; whoever gets this closes it.

    Raises
    ------
    NotFoundError, EndedError
        There is no such upload, or it is at its end.
    HeldError
        Another request is at work at it.
    TransferError
        It cannot be written.
    """
    upload = upload_named(desk.reading, word)
    with ExitStack() as stack:
        _claim(desk, upload, stack)
        upload = _taken_up(desk, word)
        if upload.is_whole or upload.transfer.state is TransferState.CHECKING:
            raise HeldError("all its bytes are there, and are being checked; ask how far it is")
        return Receiving(desk, upload, stack.pop_all())


def begin_chunk(desk: Desk, word: str, number: int) -> Receiving:
    """Receive one numbered chunk of an upload, in whatever order they come; as :func:`begin`.

    Raises
    ------
    NotFoundError, EndedError, HeldError, TransferError
        As there.
    """
    upload = upload_named(desk.reading, word)
    with ExitStack() as stack:
        _claim(desk, upload, stack, number)
        upload = _taken_up(desk, word)
        return Receiving(desk, upload, stack.pop_all(), at=number * (upload.chunk_size or 0))


def conclude(desk: Desk, word: str) -> Upload:
    """Finish an upload that has all its bytes, and at which nobody is: its request or its service ended before.

    Raises
    ------
    NotFoundError, EndedError, HeldError, TransferError, MismatchError
        As :func:`begin` and :meth:`Receiving.finish`.
    """
    upload = upload_named(desk.reading, word)
    with ExitStack() as stack:
        _claim(desk, upload, stack)
        upload = _taken_up(desk, word)
        there = _published_before(desk, upload)
        if there is not None:
            return _entered(desk, upload, there)
        received = Receiving(desk, upload, stack.pop_all(), at=upload.size or 0)
        try:
            return received.finish()
        finally:
            received.close()


@contextmanager
def alone(desk: Desk, upload: Upload) -> Iterator[None]:
    """Be the only one at an upload; HeldError where somebody is at it."""
    with ExitStack() as stack:
        _claim(desk, upload, stack)
        yield


def _taken_up(desk: Desk, word: str) -> Upload:
    """An upload as it is under its claim; it moves, unless it was being checked."""
    with desk.writing.begin() as connection:
        upload = _still_open(_found(connection, word))
        if upload.transfer.state is TransferState.WAITING:
            transfers.begin(connection, [upload.transfer.transfer_id], None)
            upload = _still_open(_found(connection, word))
    return upload


def _published_before(desk: Desk, upload: Upload) -> Moved | None:
    """What had got its name before that could be recorded; it may have become a file of the catalogue by now."""
    digest, place, name = upload.transfer.digest, desk.incoming, upload.transfer.order.target.path
    if not digest or os.path.lexists(os.path.join(place.directory, partial_name(partial_word(upload.word)))):
        return None
    why = "" if upload.transfer.order.expected else _NO_DIGEST
    moved = Moved(size=upload.size or 0, digest=digest, why=why)
    with suppress(TransferError):
        if digest_of(place, name, algorithm_of(digest)) == digest:
            return moved
    with desk.reading.begin() as connection:
        known = files.known_by_name(connection, [name])
    return moved if name in known and known[name].digest == digest else None


def _claim(desk: Desk, upload: Upload, stack: ExitStack, number: int | None = None) -> None:
    """Be the only one at an upload, or at one of its chunks."""
    first, count = (0, _CHUNKS) if number is None else (number, 1)
    claim = line.claimed(desk.mission, RULE, upload.upload_id * _CHUNKS + first, count)
    if not stack.enter_context(claim):
        what = "it" if number is None else f"its chunk {number}"
        raise HeldError(f"another request is at work at {what}; ask how far it is, and go on from there")


def _found(connection: Transaction, word: str) -> Upload:
    upload = uploads.named(connection, word)
    if upload is None:
        raise NotFoundError("there is no such upload")
    return upload


def _still_open(upload: Upload) -> Upload:
    transfer = upload.transfer
    if transfer.state.is_complete:
        raise EndedError("it is complete, and takes no more bytes")
    if transfer.state.is_final:
        raise EndedError(f"it has {transfer.state}: {transfer.reason}; begin it anew")
    return upload


class Receiving:
    """An upload at work: bytes are written where it had come to; its claim is kept until it is closed.

    `at` is how many bytes there are, `most` how many there may be. With `holds` nothing of what is written is told as
    durable before :meth:`save`.
    """

    def __init__(self, desk: Desk, upload: Upload, stack: ExitStack, *, at: int | None = None) -> None:
        self.upload = upload
        self.holds = at is not None
        self._desk = desk
        self._stack = stack
        self._number = upload.transfer.transfer_id
        try:
            self.most = desk.allowance(upload) if upload.size is None else upload.size
            self._file = _opened(desk, upload, upload.transfer.durable if at is None else upload.size or 0)
        except BaseException:
            stack.close()
            raise
        if at is None:
            self.at = self._file.offset
        else:
            self.at = at
            self._file.seek(at)
        self._saved = self._began = self.at
        self._saved_time = self._began_time = time.monotonic()
        self._behind: Behind | None = None
        self._read: _ReadBack | None = None
        self._is_over = False

    def write(self, chunk: bytes) -> None:
        """Write what came; it is made durable, and told, from time to time.

        Raises
        ------
        TooLargeError
            More comes than was told, or than is taken.
        EndedError
            The upload was given up meanwhile.
        TransferError
            It cannot be written; what was durable stays.
        """
        if self.at + len(chunk) > self.most:
            raise TooLargeError(f"more bytes come than the {self.most:,} that it may have")
        try:
            self._file.write(chunk)
        except TransferError:
            self.holds = True  # nothing is told of what may be there in part
            raise
        self.at += len(chunk)
        much = self.at - self._saved >= CHECKPOINT_BYTES
        if not self.holds and (much or time.monotonic() - self._saved_time >= CHECKPOINT_SECONDS):
            self._save_behind()

    def _save_behind(self) -> None:
        """Have what was written made durable, and told, while more comes; and read back, where most of the file comes
        in this request: what is left to read at its end is little then."""
        self._desk.refuse_full(0)
        if self._behind is None:
            self._behind = Behind()
            if 2 * self._began <= self.at and not self.upload.part_of:
                self._read = _ReadBack(self._file, self._algorithms)
        self._behind.do(partial(self._keep, self.at, self.at - self._saved))
        self._saved, self._saved_time = self.at, time.monotonic()

    def save(self) -> None:
        """Make what was written durable, and tell it."""
        self._wait()
        self._keep(self.at, self.at - self._saved)
        self._saved, self._saved_time = self.at, time.monotonic()

    def _wait(self) -> None:
        if self._behind is not None:
            self._behind.wait()

    def _keep(self, at: int, more: int) -> None:
        """Make durable what was written up to a byte, and tell it; so many bytes of it are new."""
        self._file.checkpoint()
        rate = (at - self._began) / max(time.monotonic() - self._began_time, 1e-3)
        with self._desk.writing.begin() as connection:
            moved = self.upload.transfer.moved + more
            values = {"durable_bytes": at, "moved_bytes": moved, "bytes_per_second": rate}
            transfers.note(connection, [{"number": self._number, **values}])
            if self.upload.expires is None or self._desk.expiry() - self.upload.expires > _MINUTE:
                uploads.postpone(connection, self.upload.upload_id, self._desk.expiry())
            self._look_again(connection)
        if self._read is not None and self._behind is not None:
            self._read.go_on()

    def _look_again(self, connection: Transaction) -> None:
        """The upload as its row has it now; of one that was given up meanwhile nothing is kept."""
        try:
            self.upload = _still_open(_found(connection, self.upload.word))
        except EndedError:
            self._is_over = True
            raise

    def _progress(self, durable: int) -> dict[str, object]:
        came, seconds = self.at - self._began, time.monotonic() - self._began_time
        moved = self.upload.transfer.moved + self.at - self._saved
        return {"durable_bytes": durable, "moved_bytes": moved, "bytes_per_second": came / max(seconds, 1e-3)}

    def keep_chunk(self, number: int, digest: str) -> None:
        """A numbered chunk was written, and is what it was to be: make it durable, and record it."""
        self._file.checkpoint()
        upload = self.upload
        chunk = Chunk(number, self.at - self._began, digest)
        with self._desk.writing.begin() as connection:
            self._look_again(connection)
            durable = uploads.add_chunk(connection, upload.upload_id, chunk)
            moved = self.upload.transfer.moved + chunk.size
            transfers.note(connection, [{"number": self._number, "durable_bytes": durable, "moved_bytes": moved}])
            uploads.postpone(connection, upload.upload_id, self._desk.expiry())

    def pause(self, reason: str) -> None:
        """The request ended before its time: what came is kept, and its client may go on; that of a form cannot."""
        if self.upload.way is UploadWay.FORM:
            self.fail(f"{reason}; send it again")
            return
        if not self.holds:
            with suppress(DbprocError):  # what was told as durable before stays
                self.save()
        if not self._is_over:
            with self._desk.writing.begin() as connection:
                transfers.wait(connection, self._number, reason, None)

    def fail(self, reason: str) -> None:
        """It failed for good: nothing of it is kept."""
        self._file.discard()
        with self._desk.writing.begin() as connection:
            if endings.failed(connection, self.upload.transfer, reason):
                uploads.forget_chunks(connection, self.upload.upload_id)
                _enter(connection, self.upload, reason)

    def restart(self) -> None:
        """Write from the beginning, whatever had come."""
        self._file.seek(0)
        self.at = self._saved = self._began = 0
        self.holds = True

    def promise(self, digest: str) -> None:
        """The client says now which digest it must have."""
        self._wait()
        order = replace(self.upload.transfer.order, expected=(digest,), expected_of="the client")
        self.upload = replace(self.upload, transfer=replace(self.upload.transfer, order=order))
        values = {"expected": json.dumps(order.expected), "expected_of": order.expected_of}
        with self._desk.writing.begin() as connection:
            transfers.note(connection, [{"number": self._number, **values}])

    def describe(self, facts: Mapping[str, object]) -> None:
        """Record what the client says of it, now that all of that is known."""
        self._wait()
        self.upload = replace(self.upload, facts=facts)
        with self._desk.writing.begin() as connection:
            uploads.describe(connection, self.upload.upload_id, facts)

    def set_size(self, size: int) -> None:
        """The client says now how many bytes it will have."""
        if size > self.at:
            self._desk.refuse_full(size - self.at)
        self._wait()
        self.most = size
        order = replace(self.upload.transfer.order, size=size)
        self.upload = replace(self.upload, transfer=replace(self.upload.transfer, order=order))
        with self._desk.writing.begin() as connection:
            transfers.note(connection, [{"number": self._number, "file_size": size}])

    def finish(self) -> Upload:
        """All bytes are there: read back what is on disk, compare it with what was promised, and publish it.

        Raises
        ------
        MismatchError
            It is something else than was promised; nothing of it is kept.
        TakenError
            Another file has its name in incoming; nothing of it is kept.
        EndedError
            It was given up meanwhile.
        """
        self._wait()
        self._file.finish()
        if self.at >= CHECKPOINT_BYTES:
            self._check("")
        try:
            digest, why = self._proved()
            self._check(digest)
            placed = self._published(digest)
        except (MismatchError, TakenError) as error:
            self.fail(str(error))
            raise
        except TransferError:
            with self._desk.reading.begin() as connection:
                self._look_again(connection)  # where it was given up meanwhile, that is why
            raise
        moved = Moved(size=self.at, digest=digest, why=why, placed=placed)
        self.upload = _entered(self._desk, self.upload, moved)
        return self.upload

    def _check(self, digest: str) -> None:
        """Record that all bytes are there, and then what their digest is, before they get their name."""
        with self._desk.writing.begin() as connection:
            values = {"number": self._number, "durable_bytes": self.at, "file_size": self.at}
            transfers.note(connection, [values | ({"shasum": digest} if digest else {})])
            if self.upload.transfer.state is TransferState.MOVING:
                transfers.check(connection, self._number, digest)
            self._look_again(connection)

    def _proved(self) -> tuple[str, str]:
        """The digest of what is on disk, and why it is not verified."""
        expected = self.upload.transfer.order.expected
        read = self._read or _ReadBack(self._file, self._algorithms)
        read.go_on()
        digests, size = read.digests, read.at
        if size != self.at:
            raise MismatchError(f"{size:,} bytes are read back of the {self.at:,} that were written")
        equal, other = digests.compared(expected)
        if other:
            found = digests.of(algorithm_of(other[0]))
            raise MismatchError(f"its digest is {found} and not {other[0]}, which was promised")
        return digests.of(self._desk.mission.digest), "" if equal else _NO_DIGEST

    @property
    def _algorithms(self) -> tuple[str, ...]:
        return ("sha256", self._desk.mission.digest, *map(algorithm_of, self.upload.transfer.order.expected))

    def _published(self, digest: str) -> str:
        try:
            placed = self._file.publish()
        except TakenError:
            name = self.upload.transfer.order.target.path
            if digest_of(self._desk.incoming, name, algorithm_of(digest)) != digest:
                raise TakenError(f"another file named {name} is in incoming already") from None
            self._file.discard()
            placed = ""
        sync_directory(self._desk.mission.incoming)
        return placed

    def close(self) -> None:
        """Let others at it."""
        if self._behind is not None:
            self._behind.__exit__(None, None, None)
        if self._is_over:  # it was given up meanwhile, and nothing of it is kept
            self._file.discard()
        self._file.close()
        self._stack.close()


def _opened(desk: Desk, upload: Upload, offset: int) -> LocalUpload:
    name = upload.transfer.order.target.path
    return desk.incoming.upload(name, partial_word(upload.word), offset, size=upload.size)


def _entered(desk: Desk, upload: Upload, moved: Moved) -> Upload:
    """Record that an upload is where it was to go."""
    with desk.writing.begin() as connection:
        endings.completed(connection, [Completed(upload.transfer, moved, {})])
        if upload.chunk_size is not None:
            uploads.forget_chunks(connection, upload.upload_id)
        upload = _found(connection, upload.word)
        _enter(connection, upload, upload.transfer.state)
    endings.link_taken(desk.writing, desk.mission, [upload.transfer])
    return upload


def _enter(connection: Transaction, upload: Upload, result: str) -> None:
    """Enter in the audit trail what came of an upload."""
    detail = {"filename": upload.transfer.filename, "size": upload.size, "digest": upload.transfer.digest or None}
    trail.add(
        connection, who=owner_of(upload), action="upload finish", object=upload.word, detail=detail, result=result
    )


def owner_of(upload: Upload) -> Principal:
    """Whose an upload is, as the audit trail names them."""
    return Principal(upload.owner, token=upload.token)


def partial_word(word: str) -> str:
    """The word in the name of an upload's private file."""
    return f"upload-{word}"


class _ReadBack:
    """The bytes of an upload as they are on disk, digested as far as they were read."""

    def __init__(self, file: LocalUpload, algorithms: Iterable[str]) -> None:
        self.digests = Digests(algorithms)
        self.at = 0
        self._file = file

    def go_on(self) -> None:
        """Read on, as far as it is durable."""
        for chunk in self._file.read_back():
            self.digests.update(chunk)
            self.at += len(chunk)


# --- put together ---


def read_part(desk: Desk, part: Upload) -> Iterator[bytes]:
    """The bytes of a part that is to be put together with others."""
    file = _opened(desk, part, part.transfer.durable)
    try:
        yield from file.prefix() or ()
    finally:
        file.close()


def discard(desk: Desk, upload: Upload) -> None:
    """Remove what was written of an upload."""
    with suppress(TransferError):
        _opened(desk, upload, 0).discard()
