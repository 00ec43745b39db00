"""Corrections: files that are taken back, and what is put back; each with who did it, when and why."""

from __future__ import annotations

import datetime as dt
import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Select, select, update

from dbproc.core.errors import ConflictError
from dbproc.core.states import Correction
from dbproc.database import links, replication, schema
from dbproc.database._queries import FILE, batches, columns_of, insert_row, insert_rows
from dbproc.system.machine import user_name

_CORRECTION, _OF = schema.correction, schema.correctionfile


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectionRow:
    """A correction of one file."""

    correction_id: int  #: its number
    kind: Correction  #: what was done
    correction_time: dt.datetime  #: when
    user: str  #: who did it
    reason: str  #: why
    logging_id: int | None  #: the run that did it, because of another correction
    undone_time: dt.datetime | None  #: when it was undone
    undone_by: str | None  #: who undid it
    file_id: int  #: the number of the file
    digest: str  #: of its bytes, with the name of the algorithm in front
    cause: str | None  #: the name of the input because of which it was done
    former: Mapping[str, Any] = field(default_factory=dict)  #: what columns of the file held before


Number = TypeVar("Number")

LOST = {"exists_on_disk": False}
"""What a file held before that was lost when it was taken out of its place: no bytes of it are kept."""


@dataclass(frozen=True, slots=True)
class Corrected:
    """A file that is corrected, the input that is the cause, and what columns of it held before."""

    file_id: int
    cause: int | None = None
    former: Mapping[str, Any] = field(default_factory=dict)


def enter(
    connection: Connection, kind: Correction, reason: str, corrected: Iterable[Corrected], run_id: int | None = None
) -> int:
    """Enter a correction; its number. What it changes of the files is up to the caller."""
    values = {
        "kind": kind,
        "correction_time": dt.datetime.now(dt.UTC),
        "user": user_name(),
        "reason": reason,
        "logging_id": run_id,
    }
    number = insert_row(connection, _CORRECTION, values)
    rows = [
        {
            "correction_id": number,
            "file_id": each.file_id,
            "cause_file": each.cause,
            "former": json.dumps(each.former, default=str),
        }
        for each in corrected
    ]
    insert_rows(connection, _OF, rows)
    return number


def take_out(connection: Connection, correction_id: int, file_ids: Sequence[int]) -> None:
    """Take files out of their places because of a correction.

    Raises
    ------
    ConflictError
        One of them is out of its place already.
    """
    count = 0
    for some in batches(file_ids):
        is_there = FILE.c.file_id.in_(some) & FILE.c.correction_id.is_(None) & FILE.c.replaced_by.is_(None)
        values = {"correction_id": correction_id, "exists_on_disk": False, "stat": None}
        count += connection.execute(update(FILE).where(is_there).values(**values)).rowcount
        replication.give_up_recalls(connection, some, "it was taken out of its place")
    if count != len(set(file_ids)):
        raise ConflictError("a file was withdrawn or replaced in this moment; nothing was changed, try again")


def put_back(connection: Connection, file_ids: Sequence[int], *, lost: Sequence[int] = ()) -> None:
    """Put files back into their places; those that are `lost` have no bytes there."""
    for some in batches(file_ids):
        values = {"correction_id": None, "exists_on_disk": True, "stat": None}
        connection.execute(update(FILE).where(FILE.c.file_id.in_(some)).values(**values))
    for some in batches(lost):
        connection.execute(update(FILE).where(FILE.c.file_id.in_(some)).values(exists_on_disk=False))


def mark(connection: Connection, file_ids: Sequence[int], values: Mapping[str, str | None]) -> None:
    """Record how good files are, and what is to be known of them: new `values` of ``quality`` and ``caveats``."""
    for some in batches(file_ids):
        connection.execute(update(FILE).where(FILE.c.file_id.in_(some)).values(**values))


def undo(connection: Connection, undone: Mapping[int, int]) -> None:
    """Record of files that one correction of each was undone: by file, its number."""
    values = {"undone_time": dt.datetime.now(dt.UTC), "undone_by": user_name()}
    by_correction: dict[int, list[int]] = defaultdict(list)
    for file_id, number in undone.items():
        by_correction[number].append(file_id)
    for number, file_ids in by_correction.items():
        for some in batches(file_ids):
            of_them = (_OF.c.correction_id == number) & _OF.c.file_id.in_(some)
            connection.execute(update(_OF).where(of_them).values(**values))
    links.outdate(connection)


def take_over(connection: Connection, former: int, successor: int) -> None:
    """Record that a file has the name and the place of another one; the former one is out of its place.

    Before `successor` is entered under the same name, it may be `former` itself.
    """
    values = {"replaced_by": successor, "exists_on_disk": False, "stat": None}
    connection.execute(update(FILE).where(FILE.c.file_id == former).values(**values))


def give_back(connection: Connection, pairs: Sequence[tuple[int, int]], *, exist: Collection[int]) -> None:
    """Record that files have their names again, and their places if they `exist`, and their successors have not."""
    for former, successor in pairs:
        own = {"replaced_by": former, "exists_on_disk": False, "stat": None}
        connection.execute(update(FILE).where(FILE.c.file_id == successor).values(**own))
    for former, _ in pairs:
        values = {"replaced_by": None, "exists_on_disk": former in exist, "stat": None}
        connection.execute(update(FILE).where(FILE.c.file_id == former).values(**values))
    for former, successor in pairs:
        replication.hand_over(connection, successor, former)


def of_files(connection: Connection, file_ids: Sequence[int]) -> list[CorrectionRow]:
    """All corrections of files, the last first."""
    rows: list[CorrectionRow] = []
    cause = FILE.alias()
    for some in batches(file_ids):
        statement = (
            select(*columns_of(CorrectionRow, _CORRECTION, _OF, cause=cause.c.filename, digest=FILE.c.shasum))
            .join(_OF, _OF.c.correction_id == _CORRECTION.c.correction_id)
            .join(FILE, FILE.c.file_id == _OF.c.file_id)
            .outerjoin(cause, cause.c.file_id == _OF.c.cause_file)
            .where(_OF.c.file_id.in_(some))
        )
        rows += [_row(row) for row in connection.execute(statement).mappings()]
    return sorted(rows, key=lambda row: row.correction_id, reverse=True)


def fellows(connection: Connection, file_ids: Sequence[int]) -> list[int]:
    """The other versions of withdrawn files that were withdrawn by the same correction and the same word."""
    other, own = FILE.alias(), _OF.alias()
    found: dict[int, None] = {}
    for some in batches(file_ids):
        statement = (
            select(other.c.file_id)
            .join(
                FILE,
                (other.c.product_id == FILE.c.product_id)
                & (other.c.utc_file_date == FILE.c.utc_file_date)
                & (other.c.process_keywords == FILE.c.process_keywords)
                & (other.c.correction_id == FILE.c.correction_id),
            )
            .join(own, (own.c.correction_id == other.c.correction_id) & (own.c.file_id == other.c.file_id))
            .where(FILE.c.file_id.in_(some), own.c.cause_file.is_(None), other.c.replaced_by.is_(None))
        )
        found.update(dict.fromkeys(connection.scalars(statement)))
    return [file_id for file_id in found if file_id not in set(file_ids)]


def followers(connection: Connection, since: Mapping[int, int]) -> list[int]:
    """What was withdrawn because of some files, or with its inputs made from them, or because of such; and still is.

    since
        By file: the correction with which what came of it was withdrawn; what is older has another cause.
    """
    found: dict[int, int] = {}
    link = schema.filefilelink.c
    withdrawn = select(_OF.c.file_id, _OF.c.correction_id).join(
        FILE, (FILE.c.file_id == _OF.c.file_id) & (FILE.c.correction_id == _OF.c.correction_id)
    )
    withdrawn = withdrawn.where(
        FILE.c.replaced_by.is_(None), FILE.c.deleted_time.is_(None), _OF.c.cause_file.is_not(None)
    )
    todo = with_former(connection, since)
    while todo:
        following: dict[int, int] = {}
        for some in batches(list(todo)):
            of_cause = withdrawn.add_columns(_OF.c.cause_file).where(_OF.c.cause_file.in_(some))
            of_input = withdrawn.add_columns(link.source_file).join(
                schema.filefilelink, link.resulting_file == FILE.c.file_id
            )
            for file_id, number, source in connection.execute(
                of_cause.union(of_input.where(link.source_file.in_(some)))
            ):
                if number >= todo[source] and file_id not in found:
                    following[file_id] = number
        found.update(following)
        todo = with_former(connection, following)
    return list(found)


def with_former(connection: Connection, values: Mapping[int, Number], *, undone: bool = False) -> dict[int, Number]:
    """Files, and those whose names they took over, each with the value of the file; with `undone` also those whose
    names they have again."""
    found, last = dict(values), dict(values)
    while last:
        earlier: dict[int, Number] = {}
        for some in batches(list(last)):
            statement = select(FILE.c.file_id, FILE.c.replaced_by).where(FILE.c.replaced_by.in_(some))
            rows = connection.execute(statement if undone else statement.where(_is_taken_over()))
            earlier.update((number, last[by]) for number, by in rows if number not in found)
        found.update(earlier)
        last = earlier
    return found


def _is_taken_over() -> ColumnElement[bool]:
    """Whether another file has its name by a correction that was not undone."""
    kinds = (Correction.REPLACE, Correction.REINSPECT)
    done = select(_OF.c.file_id).join(_CORRECTION, _CORRECTION.c.correction_id == _OF.c.correction_id)
    done = done.where(_OF.c.file_id == FILE.c.file_id, _OF.c.undone_time.is_(None), _CORRECTION.c.kind.in_(kinds))
    return done.correlate(FILE).exists()


def former_numbers(connection: Connection, file_ids: Sequence[int]) -> dict[int, list[int]]:
    """By file: the numbers of those that had its name before."""
    found: dict[int, list[int]] = defaultdict(list)
    for number, file_id in with_former(connection, {each: each for each in file_ids}, undone=True).items():
        if number != file_id:
            found[file_id].append(number)
    return found


def once_named(name: str) -> Select[tuple[int]]:
    """The numbers of the files that had a name before they were given another."""
    of_rename = select(_CORRECTION.c.correction_id).where(_CORRECTION.c.kind == Correction.RENAME)
    said = json.dumps({"filename": name})[1:-1]
    has_name = _OF.c.former.contains(said, autoescape=True)
    return select(_OF.c.file_id).where(_OF.c.correction_id.in_(of_rename), has_name)


def former_of(connection: Connection, file_id: int) -> int | None:
    """The file whose name and place a file took over last, by a correction that was not undone."""
    statement = select(FILE.c.file_id).where(FILE.c.replaced_by == file_id, FILE.c.file_id != file_id, _is_taken_over())
    return connection.scalar(statement.order_by(FILE.c.file_id.desc()).limit(1))


def _row(row: Mapping[Any, Any]) -> CorrectionRow:
    values = dict(row)
    return CorrectionRow(**{**values, "kind": Correction(values["kind"]), "former": json.loads(values["former"])})
