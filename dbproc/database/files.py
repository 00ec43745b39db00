"""Files of the catalogue: finding them by name, entering them with their members and lineage."""

from __future__ import annotations

import datetime as dt
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    tuple_,
    update,
)

from dbproc.core.errors import ConflictError, NotFoundError
from dbproc.core.filenames import companion_of
from dbproc.core.likeness import did_you_mean, likely
from dbproc.core.model import File, KnownFile, Member, NewFile, Period, Slot
from dbproc.core.periods import days_period
from dbproc.core.plan import Confirmation
from dbproc.core.states import Quality, Standing
from dbproc.core.version import Version
from dbproc.database import corrections, links, replication, schema
from dbproc.database._queries import (
    FILE,
    FILE_COLUMNS,
    batches,
    columns_of,
    file_of,
    insert_rows,
    is_newest,
    number_of,
    slot_columns,
    standing,
    version_columns,
    version_of,
)

_ATTEMPT = schema.attempt

_SAID_BY_INSPECTORS = (
    "quality_comment",
    "caveats",
    "verbose_provenance",
    "check_date",
    "quality_checked",
    "met_start_time",
    "met_stop_time",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRow:
    """A file of the catalogue."""

    file_id: int  #: its number
    filename: str  #: its name
    product: str  #: the name of its product
    product_id: int  #: the number of its product
    date: dt.date  #: the day that it is of
    start: dt.datetime  #: the first moment of its data
    stop: dt.datetime  #: the last moment of its data, included
    interface_version: int  #: the first part of its version
    quality_version: int  #: the second part of its version
    revision_version: int  #: the third part of its version
    keywords: str  #: the values of the keywords in its name
    directory: str  #: where it is, below the root
    size: int | None  #: bytes; null: it was gone when its mission was imported
    digest: str  #: with the name of the algorithm in front
    exists_on_disk: bool  #: whether it is there, as far as is known
    standing: Standing  #: whether it is in its place, or withdrawn, or replaced …
    quality: Quality  #: how good it is, as far as a person said
    caveats: str | None  #: what is to be known before it is used
    offloaded: dt.datetime | None  #: since when its bytes are in stores alone; null: they are not
    arrived: dt.datetime | None  #: when it came into incoming; null: it did not, or nobody noted it
    run: int | None  #: the number of the run that took it in or made it; null: nobody noted it
    archive: str | None  #: the directory below which its bytes were archived; null: they were not
    version: Version  #: its version


Identity = tuple[int, object, str, int, int, int]
"""Product, date, keywords and the three parts of the version: unique in the catalogue."""


def known_by_name(connection: Connection, names: Sequence[str]) -> dict[str, KnownFile]:
    """The files of these names."""
    of_name = FILE.c.filename.in_
    return {
        file.filename: file
        for some in batches(names)
        for file in _known(connection, and_(of_name(some), FILE.c.replaced_by.is_(None)))
    }


def keywords_seen(connection: Connection, products: Collection[int]) -> dict[int, set[str]]:
    """By product: the keywords of its existing files."""
    statement = select(FILE.c.product_id, FILE.c.process_keywords).distinct()
    found: dict[int, set[str]] = defaultdict(set)
    for product_id, keywords in connection.execute(
        statement.where(FILE.c.product_id.in_(products), FILE.c.exists_on_disk)
    ):
        found[product_id].add(keywords)
    return found


def known_by_number(connection: Connection, file_ids: Sequence[int]) -> list[KnownFile]:
    """The files of these numbers."""
    return [file for some in batches(file_ids) for file in _known(connection, FILE.c.file_id.in_(some))]


def versions_of(connection: Connection, row: FileRow) -> list[FileRow]:
    """The versions of a file that are in their places, the newest first."""
    statement = file_rows().where(
        FILE.c.product_id == row.product_id,
        FILE.c.utc_file_date == row.date,
        FILE.c.process_keywords == row.keywords,
        FILE.c.exists_on_disk,
    )
    return files_of(connection, statement.order_by(*(part.desc() for part in version_columns(FILE))))


def known_by_identity(connection: Connection, identities: Iterable[Identity]) -> dict[Identity, str]:
    """The names of the files with these products, dates, keywords and versions."""
    columns = (FILE.c.product_id, FILE.c.utc_file_date, FILE.c.process_keywords, *version_columns(FILE))
    names: dict[Identity, str] = {}
    for some in batches(list(identities), 1000):
        statement = select(*columns, FILE.c.filename).where(tuple_(*columns).in_(some), FILE.c.replaced_by.is_(None))
        for row in connection.execute(statement):
            names[tuple(row[:6])] = row[6]
    return names


def known_of_days(connection: Connection, some: Sequence[NewFile]) -> dict[Identity, str]:
    """The names of the files of the products and days of some, by what must be unique about them: quicker than
    :func:`known_by_identity` where there are many."""
    columns = (FILE.c.product_id, FILE.c.utc_file_date, FILE.c.process_keywords, *version_columns(FILE))
    products, dates = {file.product_id for file in some}, sorted({file.facts.date for file in some})
    names: dict[Identity, str] = {}
    for days in batches(dates, 1000):
        is_meant = (FILE.c.product_id.in_(products), FILE.c.utc_file_date.in_(days), FILE.c.replaced_by.is_(None))
        for row in connection.execute(select(*columns, FILE.c.filename).where(*is_meant)):
            names[tuple(row[:6])] = row[6]
    return names


def identity_of(file: NewFile) -> Identity:
    """What must be unique about a file."""
    version = file.version
    parts = (version.interface, version.quality, version.revision)
    return (file.product_id, file.facts.date, file.facts.keywords, *parts)


def identity_of_row(row: FileRow) -> Identity:
    """The same of a file of the catalogue."""
    version = row.version
    return (row.product_id, row.date, row.keywords, version.interface, version.quality, version.revision)


def insert_files(connection: Connection, files: Sequence[NewFile]) -> list[int]:
    """Enter files; their ids, in the same order. One that was made again is entered in its row; one that replaces
    another takes over its name and its place."""
    for file in files:
        if file.replaces is not None:
            corrections.take_over(connection, file.replaces, file.replaces)
    new = iter(_insert_new(connection, [file for file in files if file.again is None]))
    ids = [next(new) if file.again is None else _enter_again(connection, file, file.again) for file in files]
    for file_id, file in zip(ids, files, strict=True):
        if file.replaces is not None:
            corrections.take_over(connection, file.replaces, file_id)
    members = [
        {
            "file_id": file_id,
            "member_path": member.path,
            "member_size": member.size,
            "shasum": member.digest,
            "stat": member.state or None,
        }
        for file_id, file in zip(ids, files, strict=True)
        for member in file.members
    ]
    insert_rows(connection, schema.filemember, members)
    return ids


def record_times(connection: Connection, times: Mapping[int, Period]) -> None:
    """Record other times of files."""
    for file_id, time in times.items():
        values = {"utc_start_time": time.start, "utc_stop_time": time.stop}
        connection.execute(update(FILE).where(FILE.c.file_id == file_id).values(**values))


def record_bytes(connection: Connection, file_id: int, size: int, digest: str, members: Sequence[Member]) -> None:
    """Record other bytes of a file and of its members; before they are used, their digests are taken again."""
    values = {"file_size": size, "shasum": digest, "same_as": None, "stat": None}
    connection.execute(update(FILE).where(FILE.c.file_id == file_id).values(**values))
    connection.execute(update(FILE).where(FILE.c.same_as == file_id).values(same_as=None))  # they do not equal it now
    member = schema.filemember
    connection.execute(delete(member).where(member.c.file_id == file_id))
    rows = [{"file_id": file_id, "member_path": m.path, "member_size": m.size, "shasum": m.digest} for m in members]
    insert_rows(connection, member, rows)
    replication.outdate_copies(connection, file_id)


def _insert_new(connection: Connection, files: Sequence[NewFile]) -> list[int]:
    if not files:
        return []
    statement = insert(FILE).returning(FILE.c.file_id, sort_by_parameter_order=True)
    return list(connection.scalars(statement, [_values(file) for file in files]))


def next_states(connection: Connection, changed: Mapping[int, Mapping[str, Any]]) -> list[int]:
    """Enter what takes over the names of files with the same bytes, where columns of them change; their numbers."""
    for file_id in changed:
        corrections.take_over(connection, file_id, file_id)
    return [_next_state(connection, file_id, values) for file_id, values in changed.items()]


def _next_state(connection: Connection, file_id: int, changed: Mapping[str, Any]) -> int:
    former = connection.execute(select(FILE).where(FILE.c.file_id == file_id)).mappings().one()
    values = {**former, **changed, "replaced_by": None, "exists_on_disk": True}
    del values["file_id"]
    values["same_as"] = former["same_as"] or file_id
    new = int(connection.execute(insert(FILE).values(values).returning(FILE.c.file_id)).scalar_one())
    member = schema.filemember
    rows = connection.execute(select(member).where(member.c.file_id == file_id)).mappings().all()
    insert_rows(connection, member, [{**row, "file_id": new} for row in rows])
    corrections.take_over(connection, file_id, new)
    replication.hand_over(connection, file_id, new)
    return new


def _enter_again(connection: Connection, file: NewFile, file_id: int) -> int:
    """Enter a file in the row of the same one that is gone from disk; what it was made from is recorded anew.

    Raises
    ------
    ConflictError
        It is there by now.
    """
    is_gone = and_(FILE.c.file_id == file_id, FILE.c.filename == file.filename, ~FILE.c.exists_on_disk)
    values = {name: value for name, value in _values(file).items() if name != "same_as"}
    if connection.execute(update(FILE).where(is_gone).values(**values)).rowcount != 1:
        raise ConflictError(f"{file.filename} is in the catalogue as a file on disk")
    for column in (
        schema.filemember.c.file_id,
        schema.filefilelink.c.resulting_file,
        schema.filecodelink.c.resulting_file,
        schema.confirmation.c.resulting_file,
        schema.attemptoutput.c.file_id,
    ):
        connection.execute(delete(column.table).where(column == file_id))
    return file_id


def link_inputs(connection: Connection, inputs: Mapping[int, Iterable[int]]) -> None:
    """Record, by resulting file, the files that it was made from."""
    rows = [
        {"source_file": source, "resulting_file": result} for result, sources in inputs.items() for source in sources
    ]
    insert_rows(connection, schema.filefilelink, rows)


def link_codes(connection: Connection, codes: Mapping[int, int]) -> None:
    """Record, by resulting file, the code that made it."""
    rows = [{"resulting_file": result, "source_code": code} for result, code in codes.items()]
    insert_rows(connection, schema.filecodelink, rows)


def confirm(connection: Connection, run_id: int, confirmed: Sequence[Confirmation]) -> None:
    """Record that files were not made again, because newer inputs have the contents of those that they came from."""
    table = schema.confirmation.c
    pairs = {(each.result.file_id, each.source.file_id): each.replaced.file_id for each in confirmed}
    known: set[tuple[int, int]] = set()
    for some in batches(sorted({result for result, _ in pairs})):
        rows = connection.execute(select(table.resulting_file, table.source_file).where(table.resulting_file.in_(some)))
        known.update((row[0], row[1]) for row in rows)
    now = dt.datetime.now(dt.UTC)
    new = [
        {
            "resulting_file": result,
            "source_file": source,
            "replaced_file": replaced,
            "logging_id": run_id,
            "confirmed_time": now,
        }
        for (result, source), replaced in pairs.items()
        if (result, source) not in known
    ]
    insert_rows(connection, schema.confirmation, new)


def set_existing(
    connection: Connection, file_ids: Sequence[int], *, exists: bool, sizes: Mapping[int, int] | None = None
) -> None:
    """Record that files are on disk, or are not; before they are used, their digests are taken again. `sizes` are those
    of files that were measured, for those of which none is known."""
    values = {"exists_on_disk": exists, "stat": None, **({"offloaded_time": None} if exists else {})}
    for some in batches(file_ids):
        connection.execute(update(FILE).where(FILE.c.file_id.in_(some)).values(**values))
        links.outdate(connection)
    for file_id, size in (sizes or {}).items():
        unknown = (FILE.c.file_id == file_id, FILE.c.file_size.is_(None))
        connection.execute(update(FILE).where(*unknown).values(file_size=size))


def came_back(connection: Connection, file_id: int, size: int, digest: str) -> None:
    """Record that a file is in its place again, with what is learned of it where its digest was not known."""
    connection.execute(
        update(FILE)
        .where(FILE.c.file_id == file_id, FILE.c.shasum.endswith(":unknown"))
        .values(shasum=digest, file_size=size)
    )
    connection.execute(
        update(FILE).where(FILE.c.file_id == file_id).values(exists_on_disk=True, offloaded_time=None, stat=None)
    )
    links.outdate(connection)


def came_again(connection: Connection, times: Mapping[int, dt.datetime], *, products: Collection[int]) -> None:
    """Record when files of some products came into incoming again, with the same bytes."""
    for file_id, time in times.items():
        of_file = (FILE.c.file_id == file_id, FILE.c.product_id.in_(products))
        connection.execute(update(FILE).where(*of_file).values(arrived_time=time))


def newest_known(connection: Connection, file_ids: Sequence[int]) -> list[File]:
    """Those of some files of which no newer version is known."""
    of = (select(*FILE_COLUMNS).where(FILE.c.file_id.in_(some)) for some in batches(file_ids))
    return [file_of(row) for each in of for row in connection.execute(each.where(is_newest(existing=False)))]


def newest_lost(connection: Connection) -> list[File]:
    """The files that are gone from disk as far as is recorded, and of which no newer version is known; without those
    that were gone when their mission was imported."""
    is_lost = (~FILE.c.exists_on_disk, FILE.c.correction_id.is_(None), FILE.c.file_size.is_not(None))
    statement = select(*FILE_COLUMNS).where(*is_lost, is_newest(existing=False))
    statement = statement.order_by(FILE.c.data_level, FILE.c.filename)
    return [file_of(row) for row in connection.execute(statement)]


def highest(connection: Connection) -> int:
    """The highest number of a file: about how many there are, at no cost."""
    return int(connection.scalar(select(func.max(FILE.c.file_id))) or 0)


def names_of_products(connection: Connection) -> dict[int, str]:
    """By number: the names of products, also of those that are retired."""
    product = schema.product.c
    return {row[0]: row[1] for row in connection.execute(select(product.product_id, product.product_name))}


def newest_besides(connection: Connection, file_ids: Sequence[int]) -> dict[int, File]:
    """By file: the newest version of it in place, if these files were not; nothing where there is none."""
    one, without = FILE.alias(), set(file_ids)
    same = and_(
        one.c.product_id == FILE.c.product_id,
        one.c.utc_file_date == FILE.c.utc_file_date,
        one.c.process_keywords == FILE.c.process_keywords,
        FILE.c.exists_on_disk,
    )
    found: dict[int, File] = {}
    for some in batches(file_ids):
        statement = select(*FILE_COLUMNS, one.c.file_id).join(one, same).where(one.c.file_id.in_(some))
        for row in connection.execute(statement):
            file, number = file_of(row), row[-1]
            if file.file_id not in without and (number not in found or found[number].version < file.version):
                found[number] = file
    return found


class Part(NamedTuple):
    """A file of the catalogue or a member of its companion directory; `path` is relative to the root."""

    file_id: int
    member: str | None  #: its path in the companion directory; None: the file itself
    path: str
    size: int | None
    digest: str
    state: str | None
    exists: bool = True  #: as far as is recorded
    is_offloaded: bool = False  #: its bytes are in stores alone


def parts_of(connection: Connection, file_ids: Sequence[int]) -> Iterator[Part]:
    """The files of these numbers, each before its members."""
    for some in batches(file_ids):
        yield from _parts(connection, FILE.c.file_id.in_(some), schema.filemember.c.file_id.in_(some))


def parts_of_sizes(connection: Connection, sizes: Sequence[int]) -> Iterator[Part]:
    """Everything of the catalogue that has one of these sizes."""
    for some in batches(sizes):
        yield from _parts(connection, FILE.c.file_size.in_(some), schema.filemember.c.member_size.in_(some))


def _parts(connection: Connection, of_files: ColumnElement[bool], of_members: ColumnElement[bool]) -> Iterator[Part]:
    c, member = FILE.c, schema.filemember.c
    columns = (c.file_id, c.relative_path, c.filename)
    is_offloaded = c.offloaded_time.is_not(None).label("is_offloaded")
    whole = select(*columns, c.file_size, c.shasum, c.stat, c.exists_on_disk, is_offloaded).where(of_files)
    for file_id, directory, name, *facts in connection.execute(whole):
        yield Part(file_id, None, f"{directory}/{name}", *facts)
    facts_of_member = (member.member_size, member.shasum, member.stat, is_offloaded)
    joined = select(*columns, member.member_path, *facts_of_member)
    joined = joined.join(FILE, c.file_id == member.file_id).where(of_members)
    for file_id, directory, name, member_path, *facts in connection.execute(joined):
        path = f"{companion_of(f'{directory}/{name}')}/{member_path}"
        size, digest, state, is_away = facts
        yield Part(file_id, member_path, path, size, digest, state, is_offloaded=is_away)


def record_states(connection: Connection, states: Iterable[tuple[Part, str]]) -> None:
    """Record what the system says of files whose bytes were seen to be those that were recorded."""
    table = schema.filemember
    for part, state in states:
        of_file = update(FILE).where(FILE.c.file_id == part.file_id)
        if part.member is None:
            connection.execute(of_file.values(stat=state))
        else:
            of_member = update(table).where(table.c.file_id == part.file_id, table.c.member_path == part.member)
            connection.execute(of_member.values(stat=state))


def _known(connection: Connection, is_meant: ColumnElement[bool]) -> list[KnownFile]:
    c, link = FILE.c, schema.filecodelink.c
    is_made = exists().where(link.resulting_file == c.file_id)
    facts = (c.file_size, c.shasum, c.exists_on_disk, c.stat)
    stands = (standing(FILE).label("standing"), is_made.label("is_made"))
    columns: tuple[ColumnElement[Any], ...] = (c.file_id, c.filename, c.relative_path, *facts, *stands)
    columns += (c.correction_id, c.deleted_time, c.offloaded_time)
    rows: list[Any] = list(connection.execute(select(*columns).where(is_meant)))
    members = members_of_files(connection, [row.file_id for row in rows])
    return [
        KnownFile(
            file_id=row.file_id,
            filename=row.filename,
            directory=row.relative_path,
            size=row.file_size,
            digest=row.shasum,
            exists=row.exists_on_disk,
            members=tuple(members[row.file_id]),
            state=row.stat or "",
            standing=Standing(row.standing),
            is_made=bool(row.is_made),
            correction_id=row.correction_id,
            is_deleted=row.deleted_time is not None,
            is_offloaded=row.offloaded_time is not None,
        )
        for row in rows
    ]


def members_of_files(connection: Connection, file_ids: Sequence[int]) -> dict[int, list[Member]]:
    """By file: the members of its companion directory, in the order in which they are measured."""
    table = schema.filemember.c
    members: dict[int, list[Member]] = defaultdict(list)
    for some in batches(file_ids):
        columns = (table.file_id, table.member_path, table.member_size, table.shasum)
        for file_id, *facts in connection.execute(select(*columns).where(table.file_id.in_(some))):
            members[file_id].append(Member(*facts))
    return members


def _values(file: NewFile) -> dict[str, Any]:
    facts, version = file.facts, file.version
    extra = {name: facts.extra.get(name) for name in _SAID_BY_INSPECTORS}
    return {
        "filename": file.filename,
        "product_id": file.product_id,
        "utc_file_date": facts.date,
        "utc_start_time": facts.start,
        "utc_stop_time": facts.stop,
        "process_keywords": facts.keywords,
        "interface_version": version.interface,
        "quality_version": version.quality,
        "revision_version": version.revision,
        "data_level": file.level,
        "relative_path": file.directory,
        "file_size": file.size,
        "shasum": file.digest,
        "exists_on_disk": True,
        "offloaded_time": None,
        "file_create_date": file.created,
        "same_as": file.same_as,
        "stat": file.state or None,
        "arrived_time": file.arrived,
        "logging_id": file.run_id,
        **extra,
        "quality_checked": bool(extra["quality_checked"]),
        "verbose_provenance": file.provenance or extra["verbose_provenance"],
    }


def known_named(connection: Connection, name: str) -> KnownFile | None:
    """The file of a name, or the one that had it before it was renamed."""
    found = known_by_name(connection, [name]).get(name)
    names = () if found else connection.scalars(_names_now(name)).all()
    return next(iter(known_by_name(connection, names).values()), found)


def _names_now(former: str) -> Select[str]:
    """The names of the files that had another one."""
    return select(FILE.c.filename).where(FILE.c.file_id.in_(corrections.once_named(former)))


def find_file(connection: Connection, name: str) -> FileRow:
    """One file by its name (or a path that ends in it) or number, or by a name that it had.

    Raises
    ------
    NotFoundError
        There is none; the message names similar ones.
    """
    wanted = name.rstrip("/").rsplit("/", 1)[-1]
    first = FILE.c.replaced_by.is_not(None), FILE.c.file_id.desc()
    rows = files_of(connection, file_rows().where(FILE.c.filename == wanted).order_by(*first))
    if not rows and (number := number_of(name)) is not None:
        rows = files_of(connection, file_rows().where(FILE.c.file_id == number))
    if not rows:
        rows = files_of(connection, file_rows().where(FILE.c.filename.in_(_names_now(wanted))).order_by(*first))
    if not rows:
        near = _near(connection, wanted)
        raise NotFoundError(f"no file {wanted} in the catalogue{f'; {did_you_mean(near)}' if near else ''}")
    return rows[0]


def rows_numbered(connection: Connection, file_ids: Sequence[int]) -> list[FileRow]:
    """The files of these numbers, in the order of their numbers."""
    some = (file_rows().where(FILE.c.file_id.in_(some)).order_by(FILE.c.file_id) for some in batches(file_ids))
    return [row for statement in some for row in files_of(connection, statement)]


def files_named(connection: Connection, names: Sequence[str]) -> list[FileRow]:
    """The files of these names."""
    return files_of(connection, file_rows().where(FILE.c.filename.in_(names), FILE.c.replaced_by.is_(None)))


def newest_of(connection: Connection, product_id: int, date: dt.date, keywords: str) -> FileRow | None:
    """The newest of the existing versions of a file."""
    statement = file_rows().where(
        FILE.c.product_id == product_id,
        FILE.c.utc_file_date == date,
        FILE.c.process_keywords == keywords,
        is_newest(existing=True),
    )
    return next(iter(files_of(connection, statement)), None)


def names_from(connection: Connection, beginning: str) -> list[str]:
    """The names of files that begin so, in their order."""
    begins = select(FILE.c.filename).distinct().where(FILE.c.filename.startswith(beginning, autoescape=True))
    return list(connection.scalars(begins.order_by(FILE.c.filename).limit(_FAMILY)))


def _near(connection: Connection, wanted: str) -> Sequence[str]:
    """Names that may be meant: what begins so, else what is spelt alike in its family."""
    begins = select(FILE.c.filename).distinct().where(FILE.c.filename.startswith(wanted, autoescape=True))
    begun = connection.scalars(begins.order_by(FILE.c.filename).limit(_MOST_NEAR)).all()
    if begun:
        return begun
    family = FILE.c.filename.contains(_beginning(wanted), autoescape=True)
    names = connection.scalars(select(FILE.c.filename).distinct().where(family).limit(_FAMILY)).all()
    return likely(wanted, names) or names[:_MOST_NEAR]


_MOST_NEAR = 3
_FAMILY = 500


def _beginning(name: str) -> str:
    """The letters before the first digit: what a family of files shares."""
    return re.split(r"\d", name, maxsplit=1)[0][:20] or name[:4]


def states_of(connection: Connection, filename: str) -> list[int]:
    """The numbers of all that has or had a name."""
    return list(connection.scalars(select(FILE.c.file_id).where(FILE.c.filename == filename)))


def files_of_slot(connection: Connection, product_id: int, date: dt.date) -> list[FileRow]:
    """Every version of a product's file for a date, the newest first."""
    statement = file_rows().where(FILE.c.product_id == product_id, FILE.c.utc_file_date == date)
    return files_of(connection, statement.order_by(*(part.desc() for part in version_columns(FILE))))


def files_within(connection: Connection, product_id: int, span: Period, *, newest: bool = False) -> list[FileRow]:
    """Every version of the files of a product that have a moment of a time, or are dated on a day of it, or only the
    newest existing ones; in the order of their times and keywords, the newest first."""
    is_within = is_of(span)
    if newest:
        is_within = and_(is_within, is_newest(existing=True))
    newest_first = (part.desc() for part in version_columns(FILE))
    statement = file_rows().where(FILE.c.product_id == product_id, is_within)
    order = (FILE.c.utc_file_date, FILE.c.utc_start_time, FILE.c.process_keywords, *newest_first)
    return files_of(connection, statement.order_by(*order))


def is_of(span: Period) -> ColumnElement[bool]:
    """The file has a moment of a time, or is dated on a day of it, if that is of whole days."""
    is_within = and_(FILE.c.utc_start_time <= span.stop, FILE.c.utc_stop_time >= span.start)
    if span == days_period(*span.days):
        return or_(is_within, FILE.c.utc_file_date.between(*span.days))
    return is_within


def files_of(connection: Connection, statement: Select[*tuple[Any, ...]]) -> list[FileRow]:
    """The files that a statement made of :func:`file_rows` finds."""
    return [file_row(row) for row in connection.execute(statement).mappings()]


def file_row(row: Mapping[Any, Any]) -> FileRow:
    """A row of :func:`file_rows` as an answer."""
    words = {"standing": Standing(row["standing"]), "quality": Quality(row["quality"])}
    return FileRow(**{**row, **words}, version=version_of(row))


def file_rows() -> Select[*tuple[Any, ...]]:
    product = schema.product
    columns = columns_of(
        FileRow,
        FILE,
        product=product.c.product_name,
        date=FILE.c.utc_file_date,
        start=FILE.c.utc_start_time,
        stop=FILE.c.utc_stop_time,
        keywords=FILE.c.process_keywords,
        directory=FILE.c.relative_path,
        size=FILE.c.file_size,
        digest=FILE.c.shasum,
        offloaded=FILE.c.offloaded_time,
        arrived=FILE.c.arrived_time,
        run=FILE.c.logging_id,
        standing=standing(FILE),
    )
    return select(*columns).join(product, product.c.product_id == FILE.c.product_id)


def files_numbered(connection: Connection, file_ids: Sequence[int]) -> list[File]:
    """The files of these numbers."""
    some = (select(*FILE_COLUMNS).where(FILE.c.file_id.in_(some)) for some in batches(file_ids))
    return [file_of(row) for statement in some for row in connection.execute(statement)]


def made_by(connection: Connection, code_ids: Collection[int]) -> list[Slot]:
    """The slots whose newest file was made by one of these codes."""
    link, further = schema.filecodelink, schema.attemptoutput
    of_code = select(*slot_columns(_ATTEMPT)).join(link, link.c.resulting_file == FILE.c.file_id)
    of_code = of_code.where(link.c.source_code.in_(code_ids), is_newest(existing=True))
    first = of_code.join(_ATTEMPT, _ATTEMPT.c.output_file == FILE.c.file_id)
    besides = of_code.join(further, further.c.file_id == FILE.c.file_id)
    besides = besides.join(_ATTEMPT, _ATTEMPT.c.attempt_id == further.c.attempt_id)
    return [Slot(*row) for row in connection.execute(first.union(besides))]


def outputs_of_attempt(connection: Connection, attempt_id: int) -> list[FileRow]:
    """The files that an attempt made, the first of its outputs first."""
    further = schema.attemptoutput.c
    besides = select(further.file_id).where(further.attempt_id == attempt_id)
    first = select(_ATTEMPT.c.output_file).where(_ATTEMPT.c.attempt_id == attempt_id)
    statement = file_rows().where(or_(FILE.c.file_id.in_(first), FILE.c.file_id.in_(besides)))
    return files_of(connection, statement.order_by(FILE.c.file_id))


def inputs_of_attempt(connection: Connection, attempt_id: int) -> list[FileRow]:
    """The files that an attempt was given, in their order."""
    given = schema.attemptinput.c
    statement = file_rows().join(schema.attemptinput, given.file_id == FILE.c.file_id)
    return files_of(connection, statement.where(given.attempt_id == attempt_id).order_by(given.position))
