"""Uploads of clients: how far they are, and what they became."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass

from dbproc.core.access import Principal
from dbproc.core.states import UploadWay
from dbproc.core.transfers import TransferState, expected_end
from dbproc.core.uploads import Upload
from dbproc.database import uploads
from dbproc.database.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownUpload:
    """A file that a client of the service sends, or sent."""

    upload: str  #: the word that names it in URLs
    transfer_id: int  #: its transfer
    way: UploadWay  #: by which protocol it comes: ``tus``, ``form`` or ``chunks``
    filename: str  #: the name of the file
    owner: str  #: whose it is
    state: TransferState  #: what it is at
    since: dt.datetime  #: since when
    reason: str | None  #: why it waits, failed, or is not verified
    durable_bytes: int  #: how many bytes outlive a crash
    total_bytes: int | None  #: how many there will be; null: the client has not said
    bytes_per_second: float | None  #: the rate of the last request; null: none comes
    expected_end: dt.datetime | None  #: when all will have come at that rate; null: that cannot be known
    expected_digests: tuple[str, ...]  #: the digests that the client promised
    digest: str | None  #: that of the bytes as they are read back from disk
    file_id: int | None  #: the file of the catalogue that it became
    asked: dt.datetime  #: when it was begun
    ended: dt.datetime | None  #: when it came to its end
    expires: dt.datetime | None  #: when it is given up if no byte comes before


def shown(upload: Upload) -> ShownUpload:
    """An upload for people."""
    transfer, is_over = upload.transfer, upload.transfer.state.is_final
    rate = None if is_over else transfer.bytes_per_second
    return ShownUpload(
        upload=upload.word,
        transfer_id=transfer.transfer_id,
        way=upload.way,
        filename=transfer.filename,
        owner=upload.owner,
        state=transfer.state,
        since=transfer.since,
        reason=transfer.reason or None,
        durable_bytes=transfer.durable,
        total_bytes=upload.size,
        bytes_per_second=rate,
        expected_end=expected_end(dt.datetime.now(dt.UTC), transfer.durable, upload.size, rate),
        expected_digests=transfer.order.expected,
        digest=transfer.digest or None,
        file_id=transfer.order.file_id,
        asked=transfer.asked,
        ended=transfer.ended,
        expires=None if is_over else upload.expires,
    )


def uploads_like(
    store: Store,
    asking: Principal,
    states: Collection[TransferState] | None,
    limit: int,
    before: int | None = None,
    *,
    owner: str | None = None,
    text: str = "",
) -> list[ShownUpload]:
    """Somebody's own uploads, of an operator those of all or of an `owner`; in some states (None: in any), the latest
    first; `before`: those of transfers with lower numbers; `text`: what stands in the name."""
    if owner is not None and not asking.owns(owner):
        return []
    seen = asking.sees_of if owner is None else owner
    with store.begin() as connection:
        return [shown(each) for each in uploads.listed(connection, seen, states, limit, before=before, text=text)]
