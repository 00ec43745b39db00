"""Files that say how good other files are: their words become marks, and hold as long as they are not taken back."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select

from dbproc.core import verdicts
from dbproc.core.model import Definition, Product
from dbproc.core.states import Correction, Quality, Standing
from dbproc.core.verdicts import Mark, Word
from dbproc.database import corrections, files, queue
from dbproc.database._queries import FILE
from dbproc.database.corrections import Corrected, CorrectionRow
from dbproc.database.files import FileRow
from dbproc.database.store import Transaction

_HOLDS = frozenset({Standing.IN_PLACE, Standing.OFFLOADED, Standing.LOST})
"""How a file stands whose word holds: that it is gone from disk takes nothing back."""


@dataclass(frozen=True, slots=True)
class Marked:
    """A file that was marked because of another one."""

    filename: str
    quality: Quality
    reason: str


def judging(definition: Definition) -> dict[int, tuple[Product, Product]]:
    """By number: the products whose files say how good those of another one are, and that one."""
    by_name = {product.name: product for product in definition.products.values()}
    return {
        number: (product, by_name[product.quality_of])
        for number, product in definition.products.items()
        if product.quality_of in by_name
    }


def settle(
    connection: Transaction, definition: Definition, file_ids: Iterable[int], run_id: int | None = None
) -> list[Marked]:
    """Mark what some files mean, and those of them that others mean, as the last word says; queue what is marked
    otherwise then. Where nothing else was said since, nothing is done."""
    pairs = judging(definition)
    if not pairs:
        return []
    new = set(file_ids)
    rows = files.rows_numbered(connection, sorted(new))
    found = _Words(connection, pairs, list(_meant(pairs, rows)))
    marked: list[Marked] = []
    for row in found.judged:
        change = verdicts.judge(row.quality, found.marks(row), found.words(row))
        if change is not None and change.by in found.numbers:
            _enter(connection, row, change, found.numbers[change.by], run_id)
            if row.file_id not in new:  # a new one is queued, and nothing was decided of it yet
                queue.push_marked(connection, [row.file_id])
            marked.append(Marked(row.filename, change.quality, change.reason))
    return marked


def meant(connection: Transaction, definition: Definition, file_ids: Iterable[int]) -> list[int]:
    """The files of which some files say how good they are."""
    pairs = judging(definition)
    rows = files.rows_numbered(connection, sorted(set(file_ids))) if pairs else []
    words = (said(definition, row) for row in rows)
    return [row.file_id for row in files.files_named(connection, [word[1] for word in words if word is not None])]


def settle_products(
    connection: Transaction, definition: Definition, names: Collection[str], run_id: int | None = None
) -> list[Marked]:
    """Mark what the files of some products mean, which says anew what they are about."""
    numbers = [number for number, (product, _) in judging(definition).items() if product.name in names]
    found = connection.scalars(select(FILE.c.file_id).where(FILE.c.product_id.in_(numbers))) if numbers else ()
    return settle(connection, definition, found, run_id)


def said(definition: Definition, row: FileRow) -> tuple[Quality, str] | None:
    """What a file says, and of which file; None of one that says nothing."""
    pair = judging(definition).get(row.product_id)
    return None if pair is None else verdicts.named(pair[0].format, pair[1].format, row.filename)


def _meant(pairs: Mapping[int, tuple[Product, Product]], rows: Sequence[FileRow]) -> Iterable[str]:
    """The names of the files that may have to be marked."""
    judged = {other.product_id for _, other in pairs.values()}
    for row in rows:
        if row.product_id in judged:
            yield row.filename
        if row.product_id in pairs:
            product, other = pairs[row.product_id]
            named = verdicts.named(product.format, other.format, row.filename)
            if named is not None:
                yield named[1]


class _Words:
    """What was said of some files, and how they were marked; asked for in bulk."""

    def __init__(
        self, connection: Transaction, pairs: Mapping[int, tuple[Product, Product]], names: Sequence[str]
    ) -> None:
        products = {other.product_id for _, other in pairs.values()}
        rows = files.files_named(connection, list(dict.fromkeys(names)))
        self.judged = [row for row in rows if row.product_id in products]
        self._about = {row.file_id: dict(_about(pairs, row)) for row in self.judged}
        every = list(dict.fromkeys(name for about in self._about.values() for name in about))
        by_name = {row.filename: row for row in files.files_named(connection, every)}
        self._by_name = {name: row for name, row in by_name.items() if row.product_id in pairs}
        self._since = _created(connection, [row.file_id for row in self._by_name.values() if row.arrived is None])
        self.numbers = {name: row.file_id for name, row in by_name.items()}
        former = corrections.former_numbers(connection, [row.file_id for row in self.judged])
        states = {number: row for row in self.judged for number in (row.file_id, *former[row.file_id])}
        self._marks: dict[int, list[CorrectionRow]] = defaultdict(list)
        for each in reversed(corrections.of_files(connection, list(states))):
            if each.kind is Correction.MARK and "quality" in each.former:
                self._marks[states[each.file_id].file_id].append(each)

    def words(self, row: FileRow) -> list[Word]:
        """What files say of one, as long as they are not taken back."""
        about = self._about[row.file_id]
        there = ((self._by_name[name], quality) for name, quality in about.items() if name in self._by_name)
        return [
            Word(each.filename, quality, each.arrived or self._since[each.file_id])
            for each, quality in there
            if each.standing in _HOLDS
        ]

    def marks(self, row: FileRow) -> list[Mark]:
        """How one was marked, also with other bytes than it has now."""
        return [
            Mark(
                each.correction_time,
                Quality(each.former["quality"]),
                each.cause,
                is_of_other_bytes=each.digest != row.digest,
            )
            for each in self._marks[row.file_id]
        ]


def _created(connection: Transaction, file_ids: Sequence[int]) -> dict[int, dt.datetime]:
    """When files were made, of which nobody noted when they came."""
    rows = select(FILE.c.file_id, FILE.c.file_create_date).where(FILE.c.file_id.in_(file_ids))
    return {row[0]: row[1] for row in connection.execute(rows)} if file_ids else {}


def _about(pairs: Mapping[int, tuple[Product, Product]], row: FileRow) -> Iterable[tuple[str, Quality]]:
    """The names of the files that may mean one, each with its word."""
    for product, other in pairs.values():
        if other.product_id == row.product_id:
            yield from verdicts.names_about(product.format, other.format, row.filename).items()


def _enter(connection: Transaction, row: FileRow, change: verdicts.Change, cause: int, run_id: int | None) -> None:
    former = Corrected(row.file_id, cause, {"quality": row.quality})
    corrections.enter(connection, Correction.MARK, f"quality {change.quality}; {change.reason}", [former], run_id)
    corrections.mark(connection, [row.file_id], {"quality": change.quality})
