"""Directories of products that are links to places outside of the root."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from dbproc.core.errors import FormatError
from dbproc.core.filenames import compile_format
from dbproc.core.spec import Definition, MissionSpec
from dbproc.mission import paths
from dbproc.mission.problems import Problem


@dataclass(frozen=True, slots=True)
class Link:
    """A link on the way to the files of a product, and the place outside of the root to which it leads."""

    product: str
    path: str
    place: str

    @property
    def sentence(self) -> str:
        """That files are followed there."""
        return f"product {self.product}: {self.path} is a link to {self.place}, and files of the product are kept there"


def links_outside(definition: Definition) -> list[Link]:
    """The links out of the root in the directories of products, as far as those have no fields, and directly below:
    where each year has a disk of its own."""
    root = definition.mission.root
    known: dict[str, Link] = {}
    for product in definition.products.values():
        if product.active and not paths.leads_outside(product.directory):
            for path in _ways(root, [part for part in product.directory.split("/") if part not in ("", ".")]):
                link = _link(product.name, root, path)
                if link is not None:
                    known.setdefault(link.path, link)
    return list(known.values())


def link_problems(definition: Definition) -> Iterator[Problem]:
    """The links that lead to places that the mission does not name."""
    places = [os.path.realpath(place) for place in definition.mission.outside]
    for link in links_outside(definition):
        if not any(paths.is_inside(link.place, place) for place in places):
            text = f"{link.path} is a link to {link.place}, outside of the root {definition.mission.root}"
            remedy = f'if files of the product are to be kept there, write outside = ["{link.place}"] into [mission]'
            yield Problem(("product", link.product, "directory"), f"{text}; {remedy}")


def followed(definition: Definition) -> Definition:
    """A definition whose mission names all the places to which links lead."""
    outside = with_places(definition.mission, [link.place for link in links_outside(definition)])
    return replace(definition, mission=outside)


def with_places(mission: MissionSpec, places: Sequence[str]) -> MissionSpec:
    """A mission that names some places outside of its root, too."""
    known = [os.path.realpath(place) for place in mission.outside]
    new = [place for place in dict.fromkeys(places) if not any(paths.is_inside(place, each) for each in known)]
    return replace(mission, outside=(*mission.outside, *new))


def _ways(root: str, parts: Sequence[str]) -> Iterator[str]:
    """The directories of a product: its fixed part, or what is there of the first part that has fields."""
    path = root
    for part in parts:
        try:
            made = compile_format(part)
        except FormatError:
            return  # another check says so
        if made.fields:
            yield path
            yield from (os.path.join(path, name) for name in _names_in(path) if made.match(name) is not None)
            return
        path = os.path.join(path, part.replace("{{", "{").replace("}}", "}"))
    yield path


def _names_in(directory: str) -> list[str]:
    try:
        return sorted(os.listdir(directory))
    except OSError:
        return []


def _link(product: str, root: str, path: str) -> Link | None:
    """The first link on the way from the root to a directory that leads out of the root."""
    real_root, place = os.path.realpath(root), root
    for part in os.path.relpath(path, root).split(os.sep):
        place = os.path.join(place, part)
        if not os.path.lexists(place):
            return None  # nor is there a link below it
        real = os.path.realpath(place)
        if not paths.is_inside(real, real_root):
            return Link(product, place, real)
    return None
