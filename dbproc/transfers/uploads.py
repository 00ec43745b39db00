"""Uploads of clients: accepted, put together of parts, given up, and put right after a service that was killed."""

from __future__ import annotations

import datetime as dt
import os
import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from dbproc.core.access import Principal
from dbproc.core.errors import DbprocError, HeldError, QuotaError, TakenError, TooLargeError, TransferError, UserError
from dbproc.core.places import INCOMING
from dbproc.core.states import UploadWay
from dbproc.core.transfers import Order, Spot, Task, TransferState
from dbproc.core.uploads import CLIENT, PART, RULE, Upload, name_fault, plain_name
from dbproc.database import trail, transfers, uploads
from dbproc.storage.digest import algorithm_of
from dbproc.storage.transfer import digest_of
from dbproc.transfers import endings, receiving
from dbproc.transfers.receiving import Desk

_GIB = 1 << 30
_LONGEST_BEGINNING = dt.timedelta(hours=1)
_ITSELF = Principal("dbproc")
_BY_CLIENT = "given up by its client"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a client wants to send.

    Attributes
    ----------
    filename
        The name that the file is to have.
    way
        By which protocol it comes.
    who
        Who sends it: their name is its owner.
    size
        Bytes that it will have; None: not known as yet.
    digest
        ``sha256:…`` that it must have; nothing: the client promises none.
    facts
        What the client says of it.
    word
        What is to name it; nothing: any word that nobody guesses.
    room
        Bytes that there must be room for where the size is not known.
    is_part
        Whether it is to be put together with others, and never comes into incoming by itself.
    chunk_size
        Bytes of each chunk, where these come numbered.
    """

    filename: str
    way: UploadWay
    who: Principal
    size: int | None = None
    digest: str = ""
    facts: Mapping[str, object] = field(default_factory=dict)
    word: str = ""
    room: int = 0
    is_part: bool = False
    chunk_size: int | None = None


def accept(desk: Desk, asked: Asked) -> Upload:
    """Enter an upload; its bytes may come now.

    Raises
    ------
    UserError
        It cannot have this name.
    TooLargeError, QuotaError, RoomError
        It is larger than one may be, or its owner has as much at work as is allowed, or there is no room.
    TakenError
        Another file of this name is in incoming.
    """
    name = plain_name(asked.filename)
    fault = name_fault(name)
    if fault is not None:
        raise UserError(f"the name {asked.filename[:80]!r} {fault}")
    most = desk.mission.service.most_bytes
    if asked.size is not None and asked.size > most:
        raise TooLargeError(f"it has {asked.size:,} bytes, and one upload may have {most:,} at most")
    desk.refuse_full(asked.size or asked.room)
    if not asked.is_part:
        _refuse_taken(desk, name, asked.digest)
    with desk.writing.begin() as connection:
        _refuse_too_many(desk, asked, uploads.held_by(connection, asked.who.name))
        (number,) = transfers.ask(connection, [_order(asked, name)])
        upload = uploads.enter(
            connection,
            number,
            word=asked.word or secrets.token_urlsafe(18),
            way=asked.way,
            owner=asked.who.name,
            token=asked.who.token,
            facts=asked.facts,
            part_of=PART if asked.is_part else "",
            chunk_size=asked.chunk_size,
            expires=desk.expiry(),
        )
        detail = {"filename": name, "way": asked.way, "size": asked.size, "digest": asked.digest or None}
        trail.add(connection, who=asked.who, action="upload begin", object=upload.word, detail=detail)
    return upload


def _order(asked: Asked, name: str) -> Order:
    return Order(
        task=Task.UPLOAD,
        rule=RULE,
        origin=Spot(CLIENT, name, ""),
        target=Spot(INCOMING, name, ""),
        user=asked.who.name,
        size=asked.size,
        expected=(asked.digest,) if asked.digest else (),
        expected_of="the client" if asked.digest else "",
    )


def _refuse_taken(desk: Desk, name: str, digest: str) -> None:
    """Where another file has the name already, its bytes need not come; the very bytes may come again."""
    if not os.path.lexists(os.path.join(desk.mission.incoming, name)):
        return
    with suppress(TransferError):
        if digest and digest_of(desk.incoming, name, algorithm_of(digest)) == digest:
            return
    raise TakenError(f"a file named {name} is in incoming already; wait until a run has taken it, or send another name")


def _refuse_too_many(desk: Desk, asked: Asked, held: uploads.Held) -> None:
    """Keep within what one owner may have at work."""
    service = desk.mission.service
    if held.count >= service.uploads:
        raise QuotaError(
            f"{asked.who.name} has {held.count} uploads at work, as many as one may have; finish or end some"
        )
    quota = None if service.upload_quota is None else int(service.upload_quota * _GIB)
    more_bytes = asked.size or asked.room
    if quota is not None and held.size + more_bytes > quota:
        more = f"{held.size:,} bytes in unfinished uploads and {more_bytes:,} more"
        raise QuotaError(f"{asked.who.name} would have {more}; {quota:,} are allowed; finish or end some")


# --- put together ---


def put_together(desk: Desk, asked: Asked, words: Sequence[str]) -> Upload:
    """Put parts together into one file, in their order; done a second time it gives the same upload.

    Raises
    ------
    UserError
        A part is not whole, or belongs to another file.
    DbprocError
        As :func:`accept` and :meth:`~dbproc.transfers.receiving.Receiving.finish`.
    """
    with desk.reading.begin() as connection:
        parts = uploads.parts_of(connection, words)
        before = uploads.named(connection, parts[0].part_of) if parts else None
    if before is not None and before.owner == asked.who.name and before.facts.get("parts") == list(words):
        return before if before.transfer.state.is_final else _filled(desk, before)
    _refuse_parts(parts, words, asked.who.name)
    return _filled(desk, accept(desk, _whole(asked, parts, words)))


def _whole(asked: Asked, parts: Sequence[Upload], words: Sequence[str]) -> Asked:
    size = sum(each.size or 0 for each in parts)
    return Asked(
        filename=asked.filename,
        way=asked.way,
        who=asked.who,
        size=size,
        digest=asked.digest,
        facts={**asked.facts, "parts": list(words)},
    )


def _refuse_parts(parts: Sequence[Upload], words: Sequence[str], owner: str) -> None:
    if not words or len(parts) != len(words) or any(each.owner != owner or not each.part_of for each in parts):
        raise UserError("one of the parts is none that was begun with Upload-Concat: partial")
    for each in parts:
        if each.transfer.state.is_final or not each.is_whole:
            raise UserError(f"the part {each.word} is not whole, or was given up; send what is missing first")
        if each.part_of != PART:
            raise UserError(f"the part {each.word} belongs to another file already")


def _filled(desk: Desk, whole: Upload) -> Upload:
    """Write the parts one after the other, publish what comes of it, and remove them."""
    with desk.reading.begin() as connection:
        parts = uploads.parts_of(connection, [str(word) for word in _words(whole)])
    with desk.writing.begin() as connection:
        is_free = uploads.join(connection, [each.upload_id for each in parts], whole.word)
        if not is_free:
            endings.cancelled(connection, [whole.transfer.transfer_id], "its parts belong to another file")
    if not is_free:
        raise UserError("one of the parts belongs to another file already")
    if whole.size == 0 or whole.is_whole:
        done = receiving.conclude(desk, whole.word)
    else:
        received = receiving.begin(desk, whole.word)
        try:
            received.restart()
            for part in parts:
                for chunk in receiving.read_part(desk, part):
                    received.write(chunk)
            done = received.finish()
        finally:
            received.close()
    give_up(desk, parts, f"put together with others into the upload {whole.word}")
    return done


def _words(whole: Upload) -> Sequence[object]:
    words = whole.facts.get("parts")
    return words if isinstance(words, list) else []


# --- ended ---


def give_up(desk: Desk, some: Sequence[Upload], reason: str = _BY_CLIENT, who: Principal | None = None) -> int:
    """End uploads, and remove what was written of them; how many were not at their end. `who` asks for it; None: their
    owners do, or nobody does."""
    with desk.writing.begin() as connection:
        done = endings.cancelled(connection, [each.transfer.transfer_id for each in some], reason)
        for each in some:
            if each.chunk_size is not None:
                uploads.forget_chunks(connection, each.upload_id)
        for each in some:
            if each.transfer.transfer_id in done:
                trail.add(
                    connection,
                    who=who or receiving.owner_of(each),
                    action="upload end",
                    object=each.word,
                    detail={"filename": each.transfer.filename, "reason": reason},
                )
    left = [each for each in some if each.transfer.transfer_id in done and each.way is not UploadWay.URL]
    for each in left:
        receiving.discard(desk, each)
    if left:
        with desk.writing.begin() as connection:
            transfers.forget_partial(connection, [each.transfer.transfer_id for each in left])
    return len(done)


@dataclass(frozen=True, slots=True, kw_only=True)
class PutRight:
    """What was put right: uploads that were finished, and those that were given up or failed."""

    finished: tuple[Upload, ...] = ()
    ended: tuple[Upload, ...] = ()


def put_right(desk: Desk, *, is_beginning: bool = False) -> PutRight:
    """Finish uploads that have all their bytes, end those whose time is over, and remove what others left.

    Whoever is at work at one of them is left alone. `is_beginning`: a service begins, so forms that were on their way
    were cut off with the one before.
    """
    now = dt.datetime.now(dt.UTC)
    finished: list[Upload] = []
    ended: list[Upload] = []
    with desk.reading.begin() as connection:
        found = uploads.unfinished(connection)
        left = transfers.given_up(connection, RULE)
    for each in found:
        with suppress(HeldError, TransferError):
            reason = _why_over(each, now, is_beginning=is_beginning)
            if reason:
                with receiving.alone(desk, each):
                    give_up(desk, [each], reason, who=_ITSELF)
                ended.append(each)
            elif _has_all(each):
                finished.append(_concluded(desk, each))
    _remove_left(desk, [each.transfer_id for each in left])
    return PutRight(finished=tuple(finished), ended=tuple(ended))


def _why_over(upload: Upload, now: dt.datetime, *, is_beginning: bool) -> str:
    """Why an upload at which nobody is has come to its end; nothing: it has not."""
    if upload.expires is not None and upload.expires <= now:
        return f"no byte of it came until {upload.expires:%Y-%m-%d %H:%M} UTC"
    is_form = upload.way is UploadWay.FORM and upload.transfer.state is not TransferState.CHECKING
    if is_form and (is_beginning or now - upload.transfer.since > _LONGEST_BEGINNING):
        return "the service ended before all of the form had come; send it again"
    return ""


def _has_all(upload: Upload) -> bool:
    if upload.part_of or upload.way is UploadWay.CHUNKS:
        return upload.transfer.state is TransferState.CHECKING
    return upload.is_whole or upload.transfer.state is TransferState.CHECKING or bool(_words(upload))


def _concluded(desk: Desk, upload: Upload) -> Upload:
    try:
        if _words(upload) and upload.transfer.state is not TransferState.CHECKING:
            return _filled(desk, upload)
        return receiving.conclude(desk, upload.word)
    except HeldError:
        raise
    except DbprocError:
        return receiving.upload_named(desk.reading, upload.word)  # it says itself what became of it


def _remove_left(desk: Desk, numbers: Sequence[int]) -> None:
    """Remove what uploads left that were given up by other commands."""
    if not numbers:
        return
    with desk.reading.begin() as connection:
        left = uploads.of_transfers(connection, numbers)
    for each in left:
        receiving.discard(desk, each)
    with desk.writing.begin() as connection:
        transfers.forget_partial(connection, numbers)
