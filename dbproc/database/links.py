"""Trees of symbolic links to the newest files, and the links in them."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, delete, exists, or_, select, update

from dbproc.core.model import Period
from dbproc.core.periods import ALWAYS, DayRange
from dbproc.database import schema
from dbproc.database._queries import FILE, batches, dated_in, insert_row, insert_rows, is_newest, streamed

_TREE, _LINK = schema.linktree, schema.link


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """A tree of links, and which files have one: the newest ones of some products, of a time, of dates that are so many
    days ago at least."""

    directory: str
    products: tuple[int, ...] = ()  #: none: all
    span: Period = ALWAYS
    min_age: int | None = None
    companions: bool = False
    number: int = 0
    is_current: bool = False
    made: dt.date = dt.date.min


class Link(NamedTuple):
    """A link: its path below the tree, what it leads to, and of which file it is."""

    path: str
    target: str
    file_id: int


class Target(NamedTuple):
    """A file that is to have a link; its directory is relative to the root."""

    file_id: int
    directory: str
    filename: str
    has_companion: bool


def trees(connection: Connection) -> list[Tree]:
    """Every tree, by its directory."""
    return [
        Tree(
            directory=row.directory,
            products=tuple(json.loads(row.products)),
            span=Period(row.utc_start_time or ALWAYS.start, row.utc_stop_time or ALWAYS.stop),
            min_age=row.min_age_days,
            companions=row.companions,
            number=row.linktree_id,
            is_current=row.is_current,
            made=row.made_date,
        )
        for row in connection.execute(select(_TREE).order_by(_TREE.c.directory))
    ]


def any_is_outdated(today: dt.date) -> ColumnElement[bool]:
    """Whether the next run has to put a tree right, also because files have come of age."""
    ages = (_TREE.c.min_age_days.is_not(None)) & (_TREE.c.made_date < today)
    return exists(select(_TREE.c.linktree_id).where(or_(~_TREE.c.is_current, ages)))


def outdate(connection: Connection) -> None:
    """Have every tree put right by the next run."""
    connection.execute(update(_TREE).where(_TREE.c.is_current).values(is_current=False))


def enter(connection: Connection, tree: Tree) -> Tree:
    """Record a tree, in the place of one in its directory; nothing of it is made yet."""
    values = {
        "directory": tree.directory,
        "products": json.dumps(sorted(tree.products)),
        "utc_start_time": None if tree.span.start == ALWAYS.start else tree.span.start,
        "utc_stop_time": None if tree.span.stop == ALWAYS.stop else tree.span.stop,
        "min_age_days": tree.min_age,
        "companions": tree.companions,
        "made_date": dt.datetime.now(dt.UTC).date(),
        "is_current": False,
    }
    changed = connection.execute(update(_TREE).where(_TREE.c.directory == tree.directory).values(values))
    if not changed.rowcount:
        insert_row(connection, _TREE, values)
    return next(each for each in trees(connection) if each.directory == tree.directory)


def forget(connection: Connection, tree: Tree) -> None:
    """Forget a tree and its links."""
    connection.execute(delete(_LINK).where(_LINK.c.linktree_id == tree.number))
    connection.execute(delete(_TREE).where(_TREE.c.linktree_id == tree.number))


def set_current(connection: Connection, tree: Tree, today: dt.date) -> None:
    """Record that a tree is as it should be today."""
    values = {"is_current": True, "made_date": today}
    connection.execute(update(_TREE).where(_TREE.c.linktree_id == tree.number).values(values))


def products_of(connection: Connection, tree: Tree) -> list[int]:
    """The products of which a tree has links, or should have."""
    product = schema.product.c.product_id
    statement = select(product).where(product.in_(tree.products)) if tree.products else select(product)
    had = select(FILE.c.product_id).join(_LINK, _LINK.c.file_id == FILE.c.file_id)
    had = had.where(_LINK.c.linktree_id == tree.number).distinct()
    return sorted({*connection.scalars(statement), *connection.scalars(had)})


def targets(
    connection: Connection, tree: Tree, product_id: int, today: dt.date, days: Sequence[DayRange] | None
) -> Iterator[Target]:
    """The files of a product that are to have a link; of some days, or of all. One whose bytes are in stores alone has
    none, and no earlier version has one in its place."""
    if tree.products and product_id not in tree.products:
        return
    has_companion = schema.product.c.companion
    statement = select(FILE.c.file_id, FILE.c.relative_path, FILE.c.filename, has_companion)
    statement = statement.join(schema.product, schema.product.c.product_id == FILE.c.product_id)
    statement = statement.where(
        FILE.c.product_id == product_id, is_newest(existing=True), FILE.c.offloaded_time.is_(None), *_of(days)
    )
    if tree.span != ALWAYS:
        statement = statement.where(FILE.c.utc_start_time <= tree.span.stop, FILE.c.utc_stop_time >= tree.span.start)
    if tree.min_age is not None:
        statement = statement.where(FILE.c.utc_file_date <= today - dt.timedelta(days=tree.min_age))
    yield from (Target(*row) for row in streamed(connection, statement))


def links(connection: Connection, tree: Tree, product_id: int, days: Sequence[DayRange] | None = None) -> list[Link]:
    """The links that a tree has to files of a product; of some days, or of all."""
    statement = select(_LINK.c.path, _LINK.c.target, _LINK.c.file_id).join(FILE, FILE.c.file_id == _LINK.c.file_id)
    statement = statement.where(_LINK.c.linktree_id == tree.number, FILE.c.product_id == product_id, *_of(days))
    return [Link(*row) for row in connection.execute(statement)]


def has_links(connection: Connection, tree: Tree) -> bool:
    """Whether a tree has links."""
    return bool(connection.scalar(select(exists().where(_LINK.c.linktree_id == tree.number))))


def change(connection: Connection, tree: Tree, gone: Collection[str], new: Iterable[Link]) -> None:
    """Record which links are no more, by their paths, and which are new."""
    new = list(new)
    for some in batches([*gone, *(each.path for each in new)]):
        connection.execute(delete(_LINK).where(_LINK.c.linktree_id == tree.number, _LINK.c.path.in_(some)))
    rows: list[Mapping[str, object]] = [{"linktree_id": tree.number, **each._asdict()} for each in new]
    insert_rows(connection, _LINK, rows)


def _of(days: Sequence[DayRange] | None) -> list[ColumnElement[bool]]:
    return [] if days is None else [dated_in(FILE.c.utc_file_date, days)]
