"""The files of the catalogue that are meant: of products and times, by how they stand, and what they are called."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, literal, or_, select, tuple_

from dbproc.core.errors import UserError
from dbproc.core.filenames import TIME_OF_DAY, compile_format, keywords_of, keywords_text
from dbproc.core.lookup import number_named
from dbproc.core.model import Period
from dbproc.core.periods import ALWAYS
from dbproc.core.slot_text import EVERY_SLOT, SlotChoice, choice_of, require_fields
from dbproc.core.states import EXISTING, Quality, Standing
from dbproc.database import data_releases, schema
from dbproc.database._queries import FILE, is_here, is_newest, standing, version_columns
from dbproc.database.files import FileRow, file_rows, files_of, find_file, is_of

_PRODUCT = schema.product.c
PAGE = 5000
"""Files that are asked for at once."""

_WHOLE_DIGEST = 64
_OF_CORRECTIONS = frozenset({Standing.WITHDRAWN, Standing.FOLLOWING, Standing.REAPED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which files are meant: all that is given must hold."""

    names: tuple[str, ...] = ()  #: their names, paths or numbers
    products: tuple[str, ...] = ()  #: names or numbers of products
    slots: SlotChoice = EVERY_SLOT  #: a time of which they have a moment, and values of their keywords
    newest: bool = False  #: only those that are the newest of their date and keywords
    standings: frozenset[Standing] = frozenset()  #: how they stand; empty: it does not matter
    qualities: frozenset[Quality] = frozenset()  #: how they are marked; empty: it does not matter
    digest: str = ""  #: of their bytes, with the name of the algorithm; its beginning is enough
    text: str = ""  #: part of a name, a directory or a caveat, in capitals or not
    run: int | None = None  #: the number of the run that took them in or made them
    release: str = ""  #: a release of data that holds them

    @property
    def is_empty(self) -> bool:
        """Whether nothing is given that tells some files from others, but how they stand."""
        given = (self.names, self.products, self.qualities, self.digest, self.text, self.run is not None, self.release)
        return self.slots.is_empty and not any(given)


def selection_of(
    names: Sequence[str] = (),
    products: Sequence[str] = (),
    *,
    start: Period | None = None,
    end: Period | None = None,
    keys: Sequence[str] = (),
    newest: bool = False,
    missing: bool = False,
    withdrawn: bool = False,
    former: bool = False,
    offloaded: bool = False,
    digest: str | None = None,
    text: str = "",
    run: int | None = None,
    release: str = "",
    qualities: Sequence[str] = (),
    standings: frozenset[Standing] = EXISTING,
) -> Selection:
    """The files that are meant by what a person gives: those of some `standings`, if nothing else is said.

    Raises
    ------
    UserError
        What is given contradicts itself.
    """
    out = frozenset(_out_of_place(missing=missing, withdrawn=withdrawn, former=former))
    out |= {Standing.OFFLOADED} if offloaded else frozenset()
    if newest and out - EXISTING:
        raise UserError("the newest files are in their places; leave out --newest, or --missing, --withdrawn, --former")
    anywhere = names or digest
    return Selection(
        names=tuple(names),
        products=tuple(products),
        slots=choice_of(start, end, keys),
        newest=newest,
        standings=out or (frozenset() if anywhere else standings),
        qualities=frozenset(map(Quality, qualities)),
        digest=digest or "",
        text=text,
        run=run,
        release=release,
    )


def _out_of_place(*, missing: bool, withdrawn: bool, former: bool) -> Iterator[Standing]:
    if missing:
        yield Standing.LOST
    if withdrawn:
        yield from (Standing.WITHDRAWN, Standing.FOLLOWING)
    if former:
        yield from (Standing.REPLACED, Standing.REAPED)


def read_digest(text: str) -> str:
    """A digest with the name of its algorithm, or the beginning of one.

    Raises
    ------
    UserError
        It is none.
    """
    found = text.strip().lower()
    if not re.fullmatch("(sha256|blake3):[0-9a-f]{4,64}", found):
        raise UserError(f"{text!r} is no digest; write sha256:… or blake3:… with at least four digits")
    return found


def selected(connection: Connection, selection: Selection) -> Iterator[FileRow]:
    """The files that are meant, page by page; see :func:`page_of`."""
    rows = page_of(connection, selection)
    while rows:
        yield from rows
        rows = page_of(connection, selection, rows[-1])


def page_of(
    connection: Connection, selection: Selection, after: FileRow | None = None, size: int = PAGE
) -> list[FileRow]:
    """The first of the files that are meant, or the first `after` one: by levels and products, in each by dates,
    keywords and versions; fewer than `size` are the last.

    Raises
    ------
    NotFoundError
        There is no file or no product of a name, or no keyword.
    """
    conditions = list(_is_meant(connection, selection))
    products = _products(connection, selection)
    rows: list[FileRow] = []
    for number in products[products.index(after.product_id) if after else 0 :]:
        statement = file_rows().where(FILE.c.product_id == number, *conditions).order_by(*_ORDER)
        if after is not None and after.product_id == number:
            statement = statement.where(tuple_(*_ORDER) > _place(after))
        rows += files_of(connection, statement.limit(size - len(rows)))
        if len(rows) == size:
            break
    return rows


_ORDER = (FILE.c.utc_file_date, FILE.c.process_keywords, *version_columns(FILE), FILE.c.file_id)


def _place(row: FileRow) -> Any:
    """Where a file is in its product."""
    version = (row.interface_version, row.quality_version, row.revision_version)
    values = (row.date, row.keywords, *version, row.file_id)
    return tuple_(*(literal(value, column.type) for value, column in zip(values, _ORDER, strict=True)))


def _is_meant(connection: Connection, selection: Selection) -> Iterator[ColumnElement[bool]]:
    """The conditions for a file, but for its product."""
    if selection.names:
        yield FILE.c.file_id.in_({find_file(connection, name).file_id for name in selection.names})
    if selection.newest:
        yield is_newest(existing=True)
    if selection.standings:
        yield _stands(selection.standings)
    if selection.qualities:
        yield FILE.c.quality.in_(selection.qualities)
    if selection.slots.span != ALWAYS:
        yield is_of(selection.slots.span)
    for name, value in keywords_of(selection.slots.key).items():
        yield _has_keyword(keywords_text({name: value}))
    if selection.digest:
        is_whole = len(selection.digest.partition(":")[2]) == _WHOLE_DIGEST
        same = FILE.c.shasum == selection.digest
        yield same if is_whole else FILE.c.shasum.startswith(selection.digest, autoescape=True)
    if selection.text:
        texts = (FILE.c.filename, FILE.c.relative_path, FILE.c.caveats)
        yield or_(*(column.icontains(selection.text, autoescape=True) for column in texts))
    if selection.run is not None:
        yield FILE.c.logging_id == selection.run
    if selection.release:
        data_releases.require(connection, selection.release)
        yield data_releases.is_of(selection.release)


def _has_keyword(word: str) -> ColumnElement[bool]:
    """The keywords of the file have a word; capitals count, as they do not in a LIKE of SQLite."""
    words = literal(" ").concat(FILE.c.process_keywords).concat(" ")
    return func.replace(words, f" {word} ", "") != words


def _stands(standings: frozenset[Standing]) -> ColumnElement[bool]:
    """Files that stand as one of some; in such words that the indexes are used."""
    if standings == EXISTING:
        return and_(FILE.c.exists_on_disk, FILE.c.replaced_by.is_(None))
    if standings == {Standing.IN_PLACE}:
        return and_(is_here(FILE), FILE.c.replaced_by.is_(None))
    is_such = standing(FILE).in_(standings)
    if standings <= _OF_CORRECTIONS:
        return and_(FILE.c.correction_id.is_not(None), is_such)
    return is_such


def _products(connection: Connection, selection: Selection) -> list[int]:
    """The products that are meant, by their levels and names; also those that are retired."""
    columns = (_PRODUCT.product_id, _PRODUCT.product_name, _PRODUCT.format)
    rows = connection.execute(select(*columns).order_by(_PRODUCT.level, _PRODUCT.product_name)).all()
    names = {row.product_id: row.product_name for row in rows}
    meant = {number_named("product", names, name) for name in selection.products} or set(names)
    if selection.slots.key:
        formats = (compile_format(row.format) for row in rows if row.product_id in meant)
        fields = frozenset(name for each in formats for name in each.keyword_fields - TIME_OF_DAY)
        require_fields(selection.slots.key, fields, "what is selected")
    return [number for number in names if number in meant]
