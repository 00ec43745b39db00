"""Drawings within pages: what came of what, and products with processes; each box is a link."""

from __future__ import annotations

from collections.abc import Callable

from markupsafe import Markup

from dbproc.database.files import FileRow
from dbproc.explain.graph import Edge, Graph, Look, Node, svg
from dbproc.explain.lineage import Family


def lineage_drawing(family: Family, address: Callable[[int], str]) -> Markup | None:
    """A file between what it came from, on its left, and what came from it; None where it has no relatives."""
    if not (family.ancestors or family.descendants):
        return None
    deepest = max((depth for _, depth in family.ancestors), default=0)
    placed = {row.file_id: (row, deepest - depth) for row, depth in family.ancestors}
    placed[family.file.file_id] = (family.file, deepest)
    placed |= {row.file_id: (row, deepest + depth) for row, depth in family.descendants}
    place = {number: position for position, number in enumerate(placed)}
    nodes = tuple(Node(row.filename, is_process=False, rank=rank) for row, rank in placed.values())
    edges = tuple(
        Edge(place[source], place[result], is_optional=False)
        for source, result in family.links
        if source in place and placed[source][1] < placed[result][1]
    )
    look = Look(
        title=f"What {family.file.filename} came from, and what came from it",
        addresses={position: address(number) for number, position in place.items()},
        classes={position: _kind(family, placed[number][0]) for number, position in place.items()},
    )
    return Markup(svg(Graph(family.file.filename, nodes, edges), look))


def mission_drawing(drawn: Graph, address: Callable[[str], str]) -> Markup:
    """The products and processes of a mission; a product is a link."""
    addresses = {place: address(node.name) for place, node in enumerate(drawn.nodes) if not node.is_process}
    return Markup(svg(drawn, Look(f"Products and processes of {drawn.mission}", addresses)))


def _kind(family: Family, row: FileRow) -> str:
    return "self" if row.file_id == family.file.file_id else "" if row.standing.exists else "bad"
