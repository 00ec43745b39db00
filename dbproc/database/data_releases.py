"""Releases of data: which files they hold, with the lines of their manifests."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, exists, func, insert, or_, select

from dbproc.core.data_releases import Head, Held, entry_line
from dbproc.core.errors import NotFoundError, UserError
from dbproc.core.likeness import no_such
from dbproc.core.version import Version
from dbproc.database import files, schema
from dbproc.database._queries import FILE, batches, insert_rows, is_newest, version_columns
from dbproc.database.files import FileRow

_OF, _RELEASE = schema.release, schema.datarelease


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseRow:
    """A release of data."""

    name: str  #: its name
    time: dt.datetime | None  #: when it was made; null: dbprocessing made it
    user: str | None  #: who made it
    comment: str  #: what is to be known of it
    files: int  #: how many files it holds
    size: int  #: bytes of these, without their companion directories
    digest: str | None  #: of its manifest; null: it has none, dbprocessing made it


def releases(connection: Connection) -> list[ReleaseRow]:
    """All releases, in the order in which they were made; those of dbprocessing first."""
    sums = (
        select(
            _OF.c.release_num, func.count().label("files"), func.coalesce(func.sum(FILE.c.file_size), 0).label("size")
        )
        .join(FILE, FILE.c.file_id == _OF.c.file_id)
        .group_by(_OF.c.release_num)
        .subquery()
    )
    statement = select(sums, _RELEASE.c.release_time, _RELEASE.c.user, _RELEASE.c.comment, _RELEASE.c.shasum)
    statement = statement.outerjoin(_RELEASE, _RELEASE.c.release_num == sums.c.release_num)
    rows = [
        ReleaseRow(
            name=row.release_num,
            time=row.release_time,
            user=row.user,
            comment=row.comment or "",
            files=row.files,
            size=int(row.size),
            digest=row.shasum,
        )
        for row in connection.execute(statement)
    ]
    never = dt.datetime.min.replace(tzinfo=dt.UTC)
    return sorted(rows, key=lambda row: (row.time or never, row.name))


def require(connection: Connection, name: str) -> None:
    """See that there is a release.

    Raises
    ------
    NotFoundError
        There is none of this name; the message names others.
    """
    if not connection.scalar(select(exists().where(_OF.c.release_num == name))):
        known = connection.scalars(select(_OF.c.release_num).distinct())
        raise NotFoundError(no_such("release of data", name, known))


def require_new(connection: Connection, name: str) -> None:
    """See that there is no release of a name.

    Raises
    ------
    UserError
        There is one, and it stays what it is.
    """
    if connection.scalar(select(exists().where(_OF.c.release_num == name))):
        raise UserError(
            f"there is a release {name}, which stays what it is; give this one another name, and see how they would "
            f"differ with: dbproc release diff {name} NAME"
        )


def enter(connection: Connection, head: Head, files: Sequence[FileRow], lines: Sequence[str], digest: str) -> None:
    """Enter a release of files with their lines of its manifest, whose digest this is."""
    values = {
        "release_num": head.name,
        "mission_name": head.mission,
        "release_time": head.time,
        "user": head.user,
        "comment": head.comment,
        "shasum": digest,
    }
    connection.execute(insert(_RELEASE).values(values))
    rows = [
        {"file_id": row.file_id, "release_num": head.name, "shasum": row.digest, "entry": line}
        for row, line in zip(files, lines, strict=True)
    ]
    for some in batches(rows):
        insert_rows(connection, _OF, some)


def entries(connection: Connection, rows: Sequence[FileRow]) -> Iterator[str]:
    """The lines of files, as they are now."""
    for some in batches(rows):
        members = files.members_of_files(connection, [row.file_id for row in some])
        yield from (entry_line(row, members[row.file_id]) for row in some)


def manifest(connection: Connection, name: str) -> tuple[Head, list[str], str] | None:
    """The manifest of a release and the digest that was recorded; None of one that dbprocessing made."""
    row = connection.execute(select(_RELEASE).where(_RELEASE.c.release_num == name)).one_or_none()
    if row is None:
        return None
    head = Head(name=name, mission=row.mission_name, time=row.release_time, user=row.user, comment=row.comment)
    of = select(_OF.c.entry).where(_OF.c.release_num == name).order_by(_OF.c.file_id)
    return head, [line or "" for line in connection.scalars(of)], row.shasum


def named(connection: Connection) -> dict[str, str]:
    """The digests of the manifests that there should be, by the names of releases."""
    return {row[0]: row[1] for row in connection.execute(select(_RELEASE.c.release_num, _RELEASE.c.shasum))}


def held(connection: Connection, name: str) -> Iterator[Held]:
    """What a release holds, to be compared."""
    digest = func.coalesce(_OF.c.shasum, FILE.c.shasum)
    statement = _held(digest).join(_OF, _OF.c.file_id == FILE.c.file_id).where(_OF.c.release_num == name)
    return map(_as_held, connection.execute(statement))


def held_now(connection: Connection, name: str) -> Iterator[Held]:
    """The newest files of the products of which a release holds some, to be compared with it."""
    products = select(FILE.c.product_id).join(_OF, _OF.c.file_id == FILE.c.file_id).where(_OF.c.release_num == name)
    statement = _held(FILE.c.shasum).where(FILE.c.product_id.in_(products), is_newest(existing=True))
    return map(_as_held, connection.execute(statement))


def _held(digest: ColumnElement[str]) -> Select[*tuple[Any, ...]]:
    product = schema.product.c
    columns = (product.product_name, FILE.c.product_id, FILE.c.utc_file_date, FILE.c.process_keywords)
    statement = select(*columns, FILE.c.filename, digest, *version_columns(FILE))
    return statement.join(schema.product, product.product_id == FILE.c.product_id)


def _as_held(row: Row[*tuple[Any, ...]]) -> Held:
    return Held(row[0], (row[1], row[2], row[3]), Version(*row[6:]), row[4], row[5])


def entries_of(connection: Connection, name: str, file_ids: Sequence[int]) -> dict[int, tuple[str | None, str | None]]:
    """By file of a release: its digest and its line of the manifest as they were recorded; None where none were."""
    found: dict[int, tuple[str | None, str | None]] = {}
    for some in batches(file_ids):
        statement = select(_OF.c.file_id, _OF.c.shasum, _OF.c.entry)
        statement = statement.where(_OF.c.release_num == name, _OF.c.file_id.in_(some))
        found.update((row[0], (row[1], row[2])) for row in connection.execute(statement))
    return found


def holding(connection: Connection, file_ids: Iterable[int]) -> dict[int, list[str]]:
    """By file: the names of the releases that hold it; nothing of those that none holds."""
    found: dict[int, list[str]] = defaultdict(list)
    for some in batches(list(file_ids)):
        statement = select(_OF.c.file_id, _OF.c.release_num).where(_OF.c.file_id.in_(some))
        for file_id, name in connection.execute(statement.order_by(_OF.c.release_num)):
            found[file_id].append(name)
    return found


def names_holding(connection: Connection, file_ids: Iterable[int]) -> tuple[str, ...]:
    """The names of the releases that hold some of these files."""
    names = holding(connection, file_ids).values()
    return tuple(sorted({name for each in names for name in each}))


def doubtful(connection: Connection) -> list[tuple[str, FileRow, str | None]]:
    """The files of releases that are not in their places, or have other digests than were recorded: the release, the
    file, and the digest."""
    is_other = _OF.c.shasum != FILE.c.shasum
    is_out = or_(~FILE.c.exists_on_disk, FILE.c.replaced_by.is_not(None))
    statement = select(_OF.c.release_num, _OF.c.file_id, _OF.c.shasum).join(FILE, FILE.c.file_id == _OF.c.file_id)
    found = connection.execute(statement.where(or_(is_other, is_out))).all()
    rows = {row.file_id: row for row in files.rows_numbered(connection, sorted({each[1] for each in found}))}
    return [(name, rows[file_id], digest) for name, file_id, digest in found]


def is_released() -> ColumnElement[bool]:
    """The file belongs to a release."""
    return exists().where(_OF.c.file_id == FILE.c.file_id)


def is_of(name: str) -> ColumnElement[bool]:
    """The file belongs to a release."""
    return FILE.c.file_id.in_(select(_OF.c.file_id).where(_OF.c.release_num == name))
