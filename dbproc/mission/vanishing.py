"""Sources, stores and areas that a mission file has no more, or by another name, while something is recorded of them.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TypeVar

from dbproc.core.places import AreaSpec, Located, Recorded, SourceSpec, StoreSpec, renamed
from dbproc.core.spec import MissionSpec
from dbproc.mission.problems import Problem

Spec = TypeVar("Spec", SourceSpec, StoreSpec, AreaSpec)


def with_new_places(old: MissionSpec, new: MissionSpec) -> MissionSpec:
    """The database's mission with sources, stores and areas under the names that they have now."""
    return replace(
        old,
        sources=_named(old.sources, renamed(old.sources, new.sources)),
        stores=_named(old.stores, renamed(old.stores, new.stores)),
        areas=_named(old.areas, renamed(old.areas, new.areas)),
    )


def _named(specs: tuple[Spec, ...], former: dict[str, str]) -> tuple[Spec, ...]:
    present = {before: now for now, before in former.items()}
    return tuple(replace(each, name=present.get(each.name, each.name)) for each in specs)


def renamings(old: MissionSpec, new: MissionSpec) -> Iterator[str]:
    """What has another name, in words."""
    for kind, before, after in _kinds(old, new):
        yield from (f"{kind} {former} → {name}" for name, former in renamed(before, after).items())


def vanishing_problems(old: MissionSpec, new: MissionSpec, held: Recorded) -> Iterator[Problem]:
    """What cannot simply go: with open transfers, with the only bytes of files, with files that would never expire."""
    for kind, name in _gone(old, new):
        for text in _hindrances(kind, name, old, new, held):
            yield Problem((), f"the {kind} {name!r} is not in the mission file any more, and {text}")
    for name in renamed(old.stores, new.stores):
        if held.copies.get(name, 0):
            text = "copies are recorded of a former store of this name; take another name"
            yield Problem(("store", name), text)


def left_copies(old: MissionSpec, new: MissionSpec, held: Recorded) -> Iterator[str]:
    """What becomes of the copies in stores that go."""
    for kind, name in _gone(old, new):
        copies = held.copies.get(name, 0) if kind == "store" else 0
        if copies:
            what = "1 copy" if copies == 1 else f"{copies} copies"
            yield f"{what} recorded in {kind} {name} {'counts' if copies == 1 else 'count'} no more while it is away"


def _hindrances(kind: str, name: str, old: MissionSpec, new: MissionSpec, held: Recorded) -> Iterator[str]:
    transfers = held.transfers.get(f"{kind} {name}", 0)
    if transfers:
        are = "a transfer from or to it is open" if transfers == 1 else f"{transfers} transfers from or to it are open"
        yield f"{are}; let a run end them, or give them up with dbproc transfers cancel (dbproc transfers list)"
    alone = _only_in(name, old, new, held) if kind == "store" else 0
    if alone:
        are = "the bytes of a file are" if alone == 1 else f"the bytes of {alone} files are"
        remedy = "dbproc recall --offloaded brings them back, and [[replicate]] has runs copy them to another store"
        yield f"{are} nowhere but there; {remedy}"
    placed = held.placed.get(name, 0) if kind == "area" else 0
    if placed:
        lie = "a file that was placed lies" if placed == 1 else f"{placed} files that were placed lie"
        yield f"{lie} in it; end what was staged there first, with dbproc stages end (dbproc stages list)"


def _only_in(name: str, old: MissionSpec, new: MissionSpec, held: Recorded) -> int:
    """How many files have their bytes in a store and in none that stays; told of the first such store that goes."""
    stay = {store.name for store in new.stores} | {*renamed(old.stores, new.stores).values()}
    first = {stores: next((each.name for each in old.stores if each.name in stores), "") for stores in held.kept_in}
    return sum(count for stores, count in held.kept_in.items() if first[stores] == name and not stores & stay)


def _gone(old: MissionSpec, new: MissionSpec) -> Iterator[tuple[str, str]]:
    for kind, before, after in _kinds(old, new):
        names = {each.name for each in after} | {*renamed(before, after).values()}
        yield from ((kind, each.name) for each in before if each.name not in names)


def _kinds(old: MissionSpec, new: MissionSpec) -> Iterator[tuple[str, tuple[Located, ...], tuple[Located, ...]]]:
    yield "source", old.sources, new.sources
    yield "store", old.stores, new.stores
    yield "area", old.areas, new.areas
