"""Uploads: what clients of the service send, beside their transfers."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, RowMapping, delete, exists, func, insert, or_, select, update

from dbproc.core.states import UploadWay
from dbproc.core.transfers import OPEN, TransferState
from dbproc.core.uploads import PART, RULE, Upload
from dbproc.database import schema, transfers
from dbproc.database._queries import batches

_U = schema.upload
_T = schema.transfer
_C = schema.uploadchunk
_JOINED = _U.join(_T, _U.c.transfer_id == _T.c.transfer_id)
_OWN = tuple(column.label(f"upload_{column.name}") for column in _U.c)
_IS_OPEN = _T.c.state.in_(OPEN)


@dataclass(frozen=True, slots=True)
class Chunk:
    """A numbered chunk that is durable."""

    number: int
    size: int
    digest: str


@dataclass(frozen=True, slots=True)
class Held:
    """What an owner has that is not at an end: so many uploads, and bytes that they will have."""

    count: int
    size: int


def enter(
    connection: Connection,
    number: int,
    *,
    word: str,
    way: UploadWay,
    owner: str,
    token: str,
    facts: Mapping[str, object],
    part_of: str = "",
    chunk_size: int | None = None,
    expires: dt.datetime | None = None,
) -> Upload:
    """Enter an upload whose bytes are still to come, by the number of its transfer."""
    values = {
        "word": word,
        "transfer_id": number,
        "way": way,
        "owner": owner,
        "token": token,
        "facts": json.dumps(facts),
        "part_of": part_of,
        "chunk_size": chunk_size,
        "expires_time": expires,
    }
    connection.execute(insert(_U).values(values))
    found = named(connection, word)
    assert found is not None
    return found


# --- asked ---


def named(connection: Connection, word: str) -> Upload | None:
    """The upload of a word."""
    return next(iter(_select(connection, _U.c.word == word)), None)


def listed(
    connection: Connection,
    owner: str | None,
    states: Collection[TransferState] | None,
    limit: int,
    *,
    before: int | None = None,
    text: str = "",
) -> list[Upload]:
    """Uploads of an owner (None: of all) in some states (None: in any), the latest first, without parts; `before`:
    those of transfers with lower numbers; `text`: what stands in the name, in capitals or not."""
    conditions = _are(owner, states)
    if before is not None:
        conditions.append(_T.c.transfer_id < before)
    if text:
        conditions.append(_T.c.filename.icontains(text, autoescape=True))
    return _select(connection, *conditions, latest=True, limit=limit)


def told_of(
    connection: Connection,
    owner: str,
    about: Mapping[str, str],
    states: Collection[TransferState] | None,
    limit: int,
    offset: int = 0,
) -> tuple[list[Upload], int]:
    """An owner's uploads of which the client said this, the latest first; and how many there are."""
    conditions = _are(owner, states)
    for name, value in about.items():
        conditions.append(_U.c.facts.contains(f"{json.dumps(name)}: {json.dumps(value)}", autoescape=True))
    count = connection.scalar(select(func.count()).select_from(_JOINED).where(*conditions)) or 0
    return _select(connection, *conditions, latest=True, limit=limit, offset=offset), int(count)


def _are(owner: str | None, states: Collection[TransferState] | None) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [_U.c.part_of == ""]
    if owner is not None:
        conditions.append(_U.c.owner == owner)
    if states is not None:
        conditions.append(_T.c.state.in_(sorted(states)))
    return conditions


def unfinished(connection: Connection) -> list[Upload]:
    """All that are not at an end, the oldest first."""
    return _select(connection, _T.c.rule == RULE, _IS_OPEN)


def same(connection: Connection, owner: str, way: UploadWay, filename: str, size: int, digest: str) -> Upload | None:
    """An owner's unfinished upload of the very bytes under the same name."""
    same_file = (_T.c.filename == filename, _T.c.file_size == size, _T.c.expected == json.dumps([digest]))
    found = _select(connection, _T.c.rule == RULE, _IS_OPEN, _U.c.owner == owner, _U.c.way == way, *same_file)
    return next(iter(found), None)


def any_waits(now: dt.datetime) -> ColumnElement[bool]:
    """Whether a run has something to do for uploads: one is over, has all its bytes, or was given up and has left
    some."""
    is_whole = (_T.c.durable_bytes >= _T.c.file_size) & (_T.c.durable_bytes > 0) & (_U.c.chunk_size.is_(None))
    is_ready = or_(_T.c.state == TransferState.CHECKING, is_whole) & (_U.c.part_of == "")
    is_left = (_T.c.state == TransferState.CANCELLED) & or_(_T.c.tries > 0, _T.c.durable_bytes > 0)
    waits = or_(_IS_OPEN & (_U.c.expires_time <= now), _IS_OPEN & is_ready, is_left)
    states = _T.c.state.in_((*OPEN, TransferState.CANCELLED))
    return exists(select(_U.c.upload_id).select_from(_JOINED).where(_T.c.rule == RULE, states, waits))


def held_by(connection: Connection, owner: str) -> Held:
    """What an owner has that is not at an end."""
    size = func.coalesce(_T.c.file_size, _T.c.durable_bytes)
    statement = select(func.count(), func.coalesce(func.sum(size), 0)).select_from(_JOINED)
    count, total = connection.execute(statement.where(_T.c.rule == RULE, _IS_OPEN, _U.c.owner == owner)).one()
    return Held(int(count), int(total))


def parts_of(connection: Connection, words: Sequence[str]) -> list[Upload]:
    """Uploads by their words, in that order; those that there are."""
    found = {each.word: each for some in batches(words) for each in _select(connection, _U.c.word.in_(some))}
    return [found[word] for word in words if word in found]


def of_transfers(connection: Connection, numbers: Sequence[int]) -> list[Upload]:
    """The uploads of some transfers."""
    return [each for some in batches(sorted(numbers)) for each in _select(connection, _U.c.transfer_id.in_(some))]


def chunks_of(connection: Connection, upload_id: int) -> list[Chunk]:
    """The numbered chunks that are durable, in order."""
    statement = select(_C.c.number, _C.c.file_size, _C.c.shasum).where(_C.c.upload_id == upload_id)
    return [Chunk(*row) for row in connection.execute(statement.order_by(_C.c.number))]


def chunk_of(connection: Connection, upload_id: int, number: int) -> Chunk | None:
    """One of them."""
    where = (_C.c.upload_id == upload_id, _C.c.number == number)
    row = connection.execute(select(_C.c.number, _C.c.file_size, _C.c.shasum).where(*where)).one_or_none()
    return None if row is None else Chunk(*row)


def _select(
    connection: Connection,
    *conditions: ColumnElement[bool],
    latest: bool = False,
    limit: int | None = None,
    offset: int = 0,
) -> list[Upload]:
    order = _U.c.upload_id.desc() if latest else _U.c.upload_id
    statement = select(_T, *_OWN).select_from(_JOINED).where(*conditions).order_by(order).limit(limit)
    return [_upload(row) for row in connection.execute(statement.offset(offset or None)).mappings()]


def _upload(row: RowMapping) -> Upload:
    return Upload(
        upload_id=row["upload_upload_id"],
        word=row["upload_word"],
        transfer=transfers.transfer_of(row),
        way=UploadWay(row["upload_way"]),
        owner=row["upload_owner"],
        token=row["upload_token"],
        facts=json.loads(row["upload_facts"]),
        part_of=row["upload_part_of"],
        chunk_size=row["upload_chunk_size"],
        expires=row["upload_expires_time"],
    )


# --- changed ---


def postpone(connection: Connection, upload_id: int, expires: dt.datetime) -> None:
    """Have an upload expire at another time."""
    connection.execute(update(_U).where(_U.c.upload_id == upload_id).values(expires_time=expires))


def describe(connection: Connection, upload_id: int, facts: Mapping[str, object]) -> None:
    """Record what the client said of an upload."""
    connection.execute(update(_U).where(_U.c.upload_id == upload_id).values(facts=json.dumps(facts)))


def add_chunk(connection: Connection, upload_id: int, chunk: Chunk) -> int:
    """Record that a chunk is durable; the bytes of all that are."""
    values = {"upload_id": upload_id, "number": chunk.number, "file_size": chunk.size, "shasum": chunk.digest}
    connection.execute(insert(_C).values(values))
    return int(connection.scalar(select(func.sum(_C.c.file_size)).where(_C.c.upload_id == upload_id)) or 0)


def forget_chunks(connection: Connection, upload_id: int) -> None:
    """Of an upload that is at an end the chunks are not kept."""
    connection.execute(delete(_C).where(_C.c.upload_id == upload_id))


def join(connection: Connection, parts: Collection[int], word: str) -> bool:
    """Have parts belong to a whole; whether all of them belonged to none, or to this one."""
    is_free = _U.c.part_of.in_((PART, word))
    joined = connection.execute(update(_U).where(_U.c.upload_id.in_(sorted(parts)), is_free).values(part_of=word))
    return int(joined.rowcount) == len(set(parts))
