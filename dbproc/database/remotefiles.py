"""What was seen where files come from: the files of sources, and how the last look at each went."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, and_, delete, insert, or_, select, update

from dbproc.core.remote import Seen
from dbproc.core.transfers import OPEN, TransferState
from dbproc.database import schema
from dbproc.database._queries import batches, insert_rows

_FILE, _LOOK, _TRANSFER = schema.remotefile, schema.remotelook, schema.transfer
_SETTLED = "/"  # what the path of a directory ends with that is not listed any more


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How the last look at a source went."""

    source: str  #: the name of the source
    look_time: dt.datetime  #: when it was listed last
    next_time: dt.datetime | None  #: when a run looks again
    failures: int  #: how often it could not be listed, in a row
    problem: str | None  #: what went wrong; null: nothing


def looks(connection: Connection) -> dict[str, Look]:
    """The last look at each source."""
    return {row["source"]: Look(**row) for row in connection.execute(select(_LOOK)).mappings()}


def record_look(connection: Connection, look: Look) -> None:
    """Record how a look went, in the place of the one before."""
    values = {
        "look_time": look.look_time,
        "next_time": look.next_time,
        "failures": look.failures,
        "problem": look.problem,
    }
    if connection.execute(update(_LOOK).where(_LOOK.c.source == look.source).values(values)).rowcount == 0:
        connection.execute(insert(_LOOK).values(source=look.source, **values))


def known(connection: Connection, source: str) -> tuple[dict[str, Seen], frozenset[str]]:
    """The files of a source as they were when they were asked for, by path; and the directories that need not be listed
    again."""
    columns = (_FILE.c.path, _FILE.c.file_size, _FILE.c.modified_time, _FILE.c.etag)
    rows = connection.execute(select(*columns).where(_FILE.c.source == source))
    files: dict[str, Seen] = {}
    directories: set[str] = set()
    for path, size, modified, etag in rows:
        if path.endswith(_SETTLED):
            directories.add(path.removesuffix(_SETTLED))
        else:
            files[path] = Seen(path, size, modified, etag)
    return files, frozenset(directories)


def unfinished(connection: Connection, source: str) -> frozenset[str]:
    """The paths of files of a source that were asked for and did not come: they wait, are on their way, or failed."""
    complete = [state for state in TransferState if state.is_complete]
    statement = select(_FILE.c.path).join(_TRANSFER, _TRANSFER.c.transfer_id == _FILE.c.transfer_id)
    return frozenset(connection.scalars(statement.where(_FILE.c.source == source, _TRANSFER.c.state.not_in(complete))))


def waiting(connection: Connection, source: str) -> dict[str, int]:
    """The files of a source that were asked for and wait, or failed: their transfers by their paths."""
    statement = select(_FILE.c.path, _FILE.c.transfer_id).join(
        _TRANSFER, _TRANSFER.c.transfer_id == _FILE.c.transfer_id
    )
    states = (*OPEN, TransferState.FAILED)
    rows = connection.execute(statement.where(_FILE.c.source == source, _TRANSFER.c.state.in_(states)))
    return {row[0]: row[1] for row in rows}


def disputed(connection: Connection, source: str) -> dict[str, tuple[int, str]]:
    """The files of a source with other bytes than a side file promised: path → transfer, and what was promised."""
    columns = (_FILE.c.path, _FILE.c.transfer_id, _TRANSFER.c.expected)
    statement = select(*columns).join(_TRANSFER, _TRANSFER.c.transfer_id == _FILE.c.transfer_id)
    is_other = or_(
        _TRANSFER.c.state == TransferState.FAILED,
        and_(_TRANSFER.c.state == TransferState.WAITING, _TRANSFER.c.mismatches > 0),
    )
    rows = connection.execute(statement.where(_FILE.c.source == source, _TRANSFER.c.expected_of != "", is_other))
    return {path: (number, next(iter(json.loads(expected)), "")) for path, number, expected in rows}


def record_asked(connection: Connection, source: str, asked: Sequence[tuple[Seen, int]]) -> None:
    """Record files as they were seen, each with the transfer that was asked for."""
    _forget(connection, source, [seen.path for seen, _ in asked])
    rows = [
        {
            "source": source,
            "path": seen.path,
            "file_size": seen.size,
            "modified_time": seen.modified,
            "etag": seen.etag,
            "transfer_id": transfer_id,
        }
        for seen, transfer_id in asked
    ]
    insert_rows(connection, _FILE, rows)


def record_settled(connection: Connection, source: str, directories: Collection[str], now: dt.datetime) -> None:
    """Record directories that need not be listed again; none within another."""
    paths = [directory + _SETTLED for directory in directories]
    _forget(connection, source, paths)
    rows: list[Mapping[str, object]] = [{"source": source, "path": path, "modified_time": now} for path in paths]
    insert_rows(connection, _FILE, rows)


def _forget(connection: Connection, source: str, paths: Sequence[str]) -> None:
    for some in batches(paths):
        connection.execute(delete(_FILE).where(_FILE.c.source == source, _FILE.c.path.in_(some)))
