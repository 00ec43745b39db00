"""What is in the directories of products, and not in the catalogue."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from dbproc.check.faults import Fault, Kind, SetAside
from dbproc.check.tree import Directory, Ground, Tree
from dbproc.core.filenames import companion_of
from dbproc.run.unknown_files import PROCESSED_BEFORE, ways_of


class Known(Protocol):
    """What the catalogue says of places."""

    def is_known(self, directory: str, name: str) -> bool:
        """Whether a file of the catalogue, or a member of a companion directory, has this place."""

    def is_companion(self, directory: str) -> bool:
        """Whether this is where the companion directory of a file of the catalogue would be."""


@dataclass(slots=True)
class Strangers:
    """Looks for what has no row. What belongs to an unknown file of a product with companions is not looked into."""

    ground: Ground
    tree: Tree
    known: Known
    announced: Collection[str]
    unknown: set[str] = field(default_factory=set)
    _others: list[Fault] = field(default_factory=list)
    _belonging: set[str] = field(default_factory=set)  #: directories that belong to something unknown
    _companions: set[str] = field(default_factory=set)  #: directories that belong to files of the catalogue

    def look(self, own: Sequence[str]) -> None:
        """Look into the products' `own` directories and the companion directories there."""
        for path in sorted({*own, *self._companions_below(own)}):
            parent = os.path.dirname(path)
            if path in self._belonging or parent in self._belonging:
                self._belonging.add(path)
                continue
            if self.known.is_companion(path) or parent in self._companions:
                self._companions.add(path)
            self._look_into(path, self.tree.directories[path])

    def faults(self) -> Iterator[Fault]:
        """What was found."""
        yield from self._others
        for path in sorted(self.unknown):
            yield self._unknown_fault(path)

    def _unknown_fault(self, path: str) -> Fault:
        product = self.ground.product_of(os.path.basename(path))
        if product is not None and product in self.ground.without_files:
            return Fault(
                kind=Kind.UNKNOWN_FILE,
                place=path,
                text=f"not in the catalogue, nor is any file of product {product}; {PROCESSED_BEFORE}",
                remedy=ways_of(product),
            )
        what = f"its name is that of product {product}" if product else "its name is of no product"
        return Fault(
            kind=Kind.UNKNOWN_FILE,
            place=path,
            text=f"not in the catalogue; {what}",
            remedy="take it in where it is (dbproc adopt), or move it away; dbproc check --repair: to quarantine",
            cure=SetAside(path, has_companion=self._owns_directory(path)),
        )

    def _owns_directory(self, path: str) -> bool:
        """Whether the directory of an unknown file's stem is its companion, and not one of ours."""
        companion = companion_of(path)
        is_free = not self.ground.holds_ours(companion) and not self.known.is_companion(companion)
        return is_free and self.ground.has_companion(os.path.basename(path))

    def _companions_below(self, own: Sequence[str]) -> set[str]:
        """The companion directories, and all below them, where `own` was read without what is below."""
        paths: set[str] = set()
        read = set(own)
        for path in own:
            for name in self.tree.directories[path].directories:
                child = os.path.join(path, name)
                if self.known.is_companion(child) and child not in read:
                    paths.update(below for below, _ in self.tree.walk(child))
        return paths

    def _look_into(self, path: str, found: Directory) -> None:
        for name in found.directories:
            place = os.path.join(path, name)
            if _is_partial(name) or place in self.announced:
                self._belonging.add(place)
            if _is_partial(name):
                self._partial(place)
        for name in found.names():
            place = os.path.join(path, name)
            if not self.known.is_known(path, name) and place not in self.announced and self.ground.counts(path, name):
                self._judge(place, name, is_member=path in self._companions)

    def _judge(self, place: str, name: str, *, is_member: bool) -> None:
        if not os.path.lexists(place):
            return
        if is_member:
            self._others.append(_unknown_member(place))
        elif _is_partial(name):
            self._partial(place)
        else:
            self.unknown.add(place)
            if self._owns_directory(place):
                self._belonging.add(companion_of(place))

    def _partial(self, place: str) -> None:
        fault = Fault(
            kind=Kind.UNFINISHED_COPY,
            place=place,
            text="a copy that was not finished; what it was copied from was not removed",
            remedy="remove it",
        )
        self._others.append(fault)


def _unknown_member(place: str) -> Fault:
    return Fault(
        kind=Kind.MEMBER_UNKNOWN,
        place=place,
        text="was not recorded with the file that the directory belongs to",
        remedy="move it away",
    )


def _is_partial(name: str) -> bool:
    return name.startswith(".") and name.endswith(".partial")
