"""Trees of links put right: each newest file has one, and what is not the newest any more has none."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from dbproc.core.events import Event, Report
from dbproc.core.filenames import companion_of
from dbproc.core.model import Mission
from dbproc.core.periods import DayRange, coalesced
from dbproc.core.reasons import some_names
from dbproc.database import links
from dbproc.database.links import Link, Target, Tree
from dbproc.database.store import Store
from dbproc.storage import links as disk
from dbproc.storage.removal import remove_empty

Touched = Mapping[int, Collection[dt.date]]
"""By product: the days of which there may be another newest file than before."""


@dataclass(slots=True)
class Done:
    """What was done in a tree, or would be: how many links, and what is in the way of others."""

    made: int = 0
    removed: int = 0
    kept: int = 0
    in_the_way: list[str] = field(default_factory=list)


def refresh(store: Store, mission: Mission, report: Report, touched: Touched | None = None) -> None:
    """Put every tree right: where runs have `touched` it since, or everywhere."""
    with store.begin() as connection:
        trees = {tree: links.has_links(connection, tree) for tree in links.trees(connection)}
    for tree, has_links in trees.items():
        try:
            away = _away(tree.directory, has_links=has_links)
            if away is not None:
                report.add(Event.PROBLEM, tree.directory, away)
                continue
            done = put_right(store, mission, tree, touched)
        except OSError as error:
            text = f"{error.filename or 'a link'}: {error.strerror or error}; the next run tries it again"
            report.add(Event.PROBLEM, tree.directory, text)
            continue
        if done.in_the_way:
            report.add(Event.PROBLEM, tree.directory, in_the_way(done))


def _away(directory: str, *, has_links: bool) -> str | None:
    """Why no link can be made in a tree; None where one can. Where its disk is not mounted there may be an empty
    directory."""
    if not os.path.isdir(directory):
        return "is not there, so no link is made; mount its disk, or give it up: dbproc links DIR --remove"
    if has_links and disk.is_empty(directory):
        return "is empty, so no link is made; mount its disk, or make all of its links anew: dbproc links DIR"
    return None


def in_the_way(done: Done) -> str:
    """A sentence on what is in the way of links."""
    return f"not made by dbproc, and left as it is, where links belong: {some_names(done.in_the_way)}"


def put_right(
    store: Store, mission: Mission, tree: Tree, touched: Touched | None = None, *, only_look: bool = False
) -> Done:
    """Make and remove links of a tree, and record them, product by product."""
    today, done = dt.datetime.now(dt.UTC).date(), Done()
    with store.begin() as connection:
        products = links.products_of(connection, tree)
    is_older = tree.min_age is not None and tree.made < today  # files have come of age
    for product_id in products:
        days = None if touched is None or is_older else _ranges(touched.get(product_id, ()))
        if days is None or days:
            _put_right(store, mission, tree, product_id, today, days, done, only_look=only_look)
    if not only_look:
        with store.begin() as connection:
            links.set_current(connection, tree, today)
    return done


def _ranges(days: Collection[dt.date]) -> list[DayRange]:
    return coalesced((day, day) for day in days)


def _put_right(
    store: Store,
    mission: Mission,
    tree: Tree,
    product_id: int,
    today: dt.date,
    days: Sequence[DayRange] | None,
    done: Done,
    *,
    only_look: bool,
) -> None:
    with store.begin() as connection:
        wanted = _wanted(mission, tree, links.targets(connection, tree, product_id, today, days))
        before = {each.path: each for each in links.links(connection, tree, product_id, days)}
    gone = [each for path, each in before.items() if path not in wanted]
    if only_look:
        done.made += len(wanted.keys() - before.keys())
    else:
        new = [link for path, link in wanted.items() if path not in before]
        for link in new[:1]:
            disk.make_way(os.path.join(tree.directory, link.path))  # no tree that has links is empty, also after a kill
        _record(store, tree, (), new)  # before there is one: a kill leaves none that nobody knows
        led, in_the_way = _led(tree, wanted, before)
        for each in gone:
            disk.remove(os.path.join(tree.directory, each.path), each.target)
        remove_empty((os.path.dirname(os.path.join(tree.directory, each.path)) for each in gone), tree.directory)
        not_made = [link for link in new if link.path in in_the_way]
        turned = [link for link in led if before.get(link.path, link) != link]
        _record(store, tree, [*gone, *not_made], turned)
        done.made += len(new) - len(not_made)
        done.in_the_way += (os.path.join(tree.directory, path) for path in in_the_way)
    done.removed += len(gone)
    done.kept += len(wanted.keys() & before.keys())


def _wanted(mission: Mission, tree: Tree, targets: Iterable[Target]) -> dict[str, Link]:
    """The links that there are to be, by their paths: where the files are below the root they are below the tree."""
    wanted: dict[str, Link] = {}
    for each in targets:
        path = os.path.normpath(os.path.join(each.directory, each.filename))
        ends = (path, companion_of(path)) if tree.companions and each.has_companion else (path,)
        wanted.update((end, Link(end, os.path.join(mission.root, end), each.file_id)) for end in ends)
    return wanted


def _led(tree: Tree, wanted: Mapping[str, Link], before: Mapping[str, Link]) -> tuple[list[Link], dict[str, Link]]:
    """Make the links that there are to be: those that there are now, and by their paths those in whose places something
    else is."""
    led: list[Link] = []
    in_the_way: dict[str, Link] = {}
    for path, link in wanted.items():
        former = before.get(path)
        if disk.lead(os.path.join(tree.directory, path), link.target, former.target if former else None):
            led.append(link)
        else:
            in_the_way[path] = link
    return led, in_the_way


def _record(store: Store, tree: Tree, gone: Sequence[Link], new: Sequence[Link]) -> None:
    if gone or new:
        with store.begin() as connection:
            links.change(connection, tree, [each.path for each in gone], new)
