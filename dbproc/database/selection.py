"""The files of the catalogue that are meant: of products and times, by how they stand, and what they are called."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, or_, select

from dbproc.core.filenames import TIME_OF_DAY, compile_format, keywords_of, keywords_text
from dbproc.core.lookup import number_named
from dbproc.core.periods import ALWAYS
from dbproc.core.slot_text import EVERY_SLOT, SlotChoice, has_key, require_fields
from dbproc.core.states import Quality, Standing
from dbproc.database import schema
from dbproc.database._queries import FILE, is_newest, standing, streamed, version_columns
from dbproc.database.files import FileRow, file_row, file_rows, find_file, is_of

_PRODUCT = schema.product.c
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

    @property
    def is_empty(self) -> bool:
        """Whether nothing is given that tells some files from others, but how they stand."""
        given = (self.names, self.products, self.qualities, self.digest, self.text, self.run is not None)
        return self.slots.is_empty and not any(given)


def selected(connection: Connection, selection: Selection) -> Iterator[FileRow]:
    """The files that are meant, by levels and products, in each by dates, keywords and versions; those given by names
    in the order of these. Not all are in memory at once.

    Raises
    ------
    NotFoundError
        There is no file or no product of a name, or no keyword.
    """
    is_meant = _is_meant(selection)
    products = _products(connection, selection)
    if selection.names:
        yield from _named(connection, selection, is_meant, products)
        return
    order = (FILE.c.utc_file_date, FILE.c.process_keywords, *version_columns(FILE), FILE.c.file_id)
    for number in products:
        statement = file_rows().where(FILE.c.product_id == number, *is_meant).order_by(*order)
        rows = (file_row(row._mapping) for row in streamed(connection, statement))
        yield from (row for row in rows if has_key(row.keywords, selection.slots.key))


def _named(
    connection: Connection, selection: Selection, is_meant: list[ColumnElement[bool]], products: list[int]
) -> Iterator[FileRow]:
    """Of the files that are named those that are meant, each once."""
    named = dict.fromkeys(find_file(connection, name).file_id for name in selection.names)
    for number in named:
        statement = file_rows().where(FILE.c.file_id == number, FILE.c.product_id.in_(products), *is_meant)
        rows = map(file_row, connection.execute(statement).mappings())
        yield from (row for row in rows if has_key(row.keywords, selection.slots.key))


def _is_meant(selection: Selection) -> list[ColumnElement[bool]]:
    """The conditions for a file, but for its product; of keywords there is more to be asked."""
    conditions: list[ColumnElement[bool]] = []
    if selection.newest:
        conditions.append(is_newest(existing=True))
    if selection.standings:
        conditions.append(_stands(selection.standings))
    if selection.qualities:
        conditions.append(FILE.c.quality.in_(selection.qualities))
    if selection.slots.span != ALWAYS:
        conditions.append(is_of(selection.slots.span))
    for name, value in keywords_of(selection.slots.key).items():
        conditions.append(FILE.c.process_keywords.contains(keywords_text({name: value}), autoescape=True))
    if selection.digest:
        is_whole = len(selection.digest.partition(":")[2]) == _WHOLE_DIGEST
        same = FILE.c.shasum == selection.digest
        conditions.append(same if is_whole else FILE.c.shasum.startswith(selection.digest, autoescape=True))
    if selection.text:
        texts = (FILE.c.filename, FILE.c.relative_path, FILE.c.caveats)
        conditions.append(or_(*(column.icontains(selection.text, autoescape=True) for column in texts)))
    if selection.run is not None:
        conditions.append(FILE.c.logging_id == selection.run)
    return conditions


def _stands(standings: frozenset[Standing]) -> ColumnElement[bool]:
    """Files that stand as one of some; in such words that the indexes are used."""
    if standings == {Standing.IN_PLACE}:
        return and_(FILE.c.exists_on_disk, FILE.c.replaced_by.is_(None))
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
