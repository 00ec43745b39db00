"""Trees of symbolic links to the newest files: made, changed and given up by a person; runs keep them up."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Sequence
from dataclasses import dataclass

from dbproc.changes.correcting import correcting
from dbproc.core.errors import NotFoundError, UserError
from dbproc.core.lookup import product_named
from dbproc.core.model import Definition
from dbproc.core.overlaps import foreign_place
from dbproc.core.periods import ALWAYS
from dbproc.database import links
from dbproc.database.definition.load import load_definition
from dbproc.database.links import Tree
from dbproc.database.store import Store
from dbproc.mission.on_disk import within_on_disk
from dbproc.run.links import Done, in_the_way, put_right
from dbproc.storage import links as disk
from dbproc.storage.permissions import make_directories
from dbproc.storage.removal import remove_empty


@dataclass(frozen=True, slots=True, kw_only=True)
class LinksMade:
    """What is done in a tree of links."""

    directory: str  #: where it is
    made: int  #: how many links are new
    removed: int  #: how many are removed: their files are not the newest, or not meant, any more
    kept: int  #: how many stay
    problem: str | None  #: a sentence on what is in the way of links, and left as it is; null: nothing
    is_done: bool  #: whether it was done, not only foreseen


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeTold:
    """A tree of links that runs keep up."""

    directory: str  #: where it is
    products: tuple[str, ...]  #: the products of which it has links; none: all
    start: dt.datetime | None  #: when the time begins of which files have links; null: it does not matter
    stop: dt.datetime | None  #: when it ends, inclusive; null: it does not matter
    min_age: int | None  #: how many days ago the dates of files are at least; null: it does not matter
    companions: bool  #: whether companion directories have links, too


def trees(store: Store) -> list[TreeTold]:
    """The trees that there are."""
    with store.begin() as connection:
        definition, found = load_definition(connection), links.trees(connection)
    return [_told(definition, tree) for tree in found]


def make(store: Store, tree: Tree, products: Sequence[str], *, only_look: bool = False) -> LinksMade:
    """Make a tree of links to files of `products`, or of all, or change it; from then on runs keep it up.

    Raises
    ------
    NotFoundError
        There is no such product.
    UserError
        Its directory is one of the mission's own.
    BusyError, LockError
        A run is live.
    """
    with correcting(store, "links", only_look=only_look) as ground:
        with store.begin() as connection:
            definition = load_definition(connection)
        place = foreign_place(definition, tree.directory, within_on_disk)
        if place is not None:
            raise UserError(
                f"{tree.directory} is or lies in {place}, which is the mission's own; name another directory"
            )
        numbers = tuple(product_named(definition, name).product_id for name in products)
        with store.begin() as connection:
            known = next(
                (each for each in links.trees(connection) if each.directory == tree.directory), Tree(directory="")
            )
        tree = Tree(
            directory=tree.directory,
            products=numbers,
            span=tree.span,
            min_age=tree.min_age,
            companions=tree.companions,
            number=known.number,
        )
        if not only_look:
            make_directories(tree.directory)
            with store.begin() as connection:
                tree = links.enter(connection, tree)
        return _made(tree, put_right(store, ground.mission, tree, only_look=only_look), is_done=not only_look)


def give_up(store: Store, directory: str, *, only_look: bool = False) -> LinksMade:
    """Remove the links of a tree, and keep it up no longer.

    Raises
    ------
    NotFoundError
        There is no such tree.
    """
    with correcting(store, "links", only_look=only_look):
        with store.begin() as connection:
            found = {each.directory: each for each in links.trees(connection)}
            tree = found.get(directory)
            if tree is None:
                raise NotFoundError(
                    f"there is no tree of links in {directory}; there are: {', '.join(found) or 'none'}"
                )
            some = [
                link for number in links.products_of(connection, tree) for link in links.links(connection, tree, number)
            ]
        if not only_look:
            for link in some:
                disk.remove(os.path.join(directory, link.path), link.target)
            remove_empty((os.path.dirname(os.path.join(directory, link.path)) for link in some), directory)
            with store.begin() as connection:
                links.forget(connection, tree)
    return _made(tree, Done(removed=len(some)), is_done=not only_look)


def _made(tree: Tree, done: Done, *, is_done: bool) -> LinksMade:
    return LinksMade(
        directory=tree.directory,
        made=done.made,
        removed=done.removed,
        kept=done.kept,
        problem=in_the_way(done) if done.in_the_way else None,
        is_done=is_done,
    )


def _told(definition: Definition, tree: Tree) -> TreeTold:
    names = {number: product.name for number, product in definition.products.items()}
    return TreeTold(
        directory=tree.directory,
        products=tuple(names.get(number, str(number)) for number in tree.products),
        start=None if tree.span.start == ALWAYS.start else tree.span.start,
        stop=None if tree.span.stop == ALWAYS.stop else tree.span.stop,
        min_age=tree.min_age,
        companions=tree.companions,
    )
