"""A mission as a picture: its products and processes, from what is delivered on the left to what is made of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape

from dbproc.core.model import Definition

_HEIGHT, _GAP, _ACROSS, _LETTER = 34, 16, 70, 8
_SVG = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"
     font-family="sans-serif" font-size="13" role="{role}" aria-label="{title}">
<defs><marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto">
<path class="tip" d="M0 0 10 5 0 10z" fill="#37474f"/></marker></defs>
<rect class="ground" width="{width}" height="{height}" fill="#ffffff"/>
{drawn}
</svg>
"""


@dataclass(frozen=True, slots=True)
class Node:
    """A product or a process."""

    name: str  #: its name
    is_process: bool  #: whether it is a process
    rank: int  #: how many steps it is from what is delivered


@dataclass(frozen=True, slots=True)
class Edge:
    """What goes from a product into a process, or comes from a process."""

    source: int  #: the place of a node in the list of all, counted from 0
    target: int  #: the place of the other one
    is_optional: bool  #: whether it is an input that may be missing


@dataclass(frozen=True, slots=True)
class Graph:
    """The products and processes of a mission, and what goes from one into another."""

    mission: str  #: its name
    nodes: tuple[Node, ...]  #: the products, then the processes
    edges: tuple[Edge, ...]  #: what goes from one into another


def graph(definition: Definition) -> Graph:
    """The picture of a mission."""
    products, processes = definition.products, definition.processes
    keys = [(False, number) for number in products] + [(True, number) for number in processes]
    place = {key: position for position, key in enumerate(keys)}
    edges = [
        Edge(place[False, link.product_id], place[True, number], link.optional)
        for number, process in processes.items()
        for link in process.inputs
    ]
    edges += [
        Edge(place[True, number], place[False, made], False)
        for number, each in processes.items()
        for made in each.outputs
    ]
    ranks = _ranks(len(keys), edges)
    names = [(processes if is_process else products)[number].name for is_process, number in keys]
    nodes = (Node(name, key[0], rank) for name, key, rank in zip(names, keys, ranks, strict=True))
    return Graph(definition.mission.name, tuple(nodes), tuple(edges))


def _ranks(count: int, edges: list[Edge]) -> list[int]:
    """The longest way to each node; a definition has no circles."""
    ranks = [0] * count
    for _ in range(count):
        before = list(ranks)
        for edge in edges:
            ranks[edge.target] = max(ranks[edge.target], ranks[edge.source] + 1)
        if ranks == before:
            break
    return ranks


def dot(drawn: Graph) -> str:
    """The picture in the language of Graphviz."""
    lines = [f"digraph {_quoted(drawn.mission)} {{", "  rankdir=LR;"]
    for position, node in enumerate(drawn.nodes):
        shape = "ellipse" if node.is_process else "box"
        lines.append(f"  n{position} [label={_quoted(node.name)}, shape={shape}];")
    for edge in drawn.edges:
        lines.append(f"  n{edge.source} -> n{edge.target}{' [style=dashed]' if edge.is_optional else ''};")
    return "\n".join([*lines, "}"])


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


@dataclass(frozen=True, slots=True)
class Look:
    """How a picture within a page is: what it is called; by the place of a node where it leads to, and further classes
    of its style."""

    title: str
    addresses: Mapping[int, str]
    classes: Mapping[int, str] = field(default_factory=dict)


def svg(drawn: Graph, look: Look | None = None) -> str:
    """The picture as SVG, a column for each step."""
    look = look or Look(f"Products and processes of {drawn.mission}", {})
    columns: dict[int, list[int]] = defaultdict(list)
    for position, node in enumerate(drawn.nodes):
        columns[node.rank].append(position)
    widths = {rank: 24 + _LETTER * max(len(drawn.nodes[i].name) for i in some) for rank, some in columns.items()}
    lefts, left = dict[int, int](), 20
    for rank in sorted(columns):
        lefts[rank], left = left, left + widths[rank] + _ACROSS
    tops = _tops(drawn, columns)
    height = max(tops.values(), default=0) + _HEIGHT + 20
    shapes = [
        _linked(_shape(node, lefts[node.rank], tops[i], widths[node.rank], look.classes.get(i, "")), look, i)
        for i, node in enumerate(drawn.nodes)
    ]
    arrows = []
    for edge in drawn.edges:
        one, other = drawn.nodes[edge.source], drawn.nodes[edge.target]
        begin, end = lefts[one.rank] + widths[one.rank], lefts[other.rank] - 2
        arrows.append(_arrow(begin, tops[edge.source], end, tops[edge.target], is_optional=edge.is_optional))
    size = {"width": max(left - _ACROSS + 20, 60), "height": height}
    role = "group" if look.addresses else "img"  # what is a picture has no links for whoever hears the page
    return _SVG.format(**size, role=role, title=escape(look.title, quote=True), drawn="\n".join(arrows + shapes))


def _linked(shape: str, look: Look, place: int) -> str:
    """A shape that leads to something."""
    address = look.addresses.get(place)
    return shape if address is None else f'<a href="{escape(address, quote=True)}">{shape}</a>'


def _tops(drawn: Graph, columns: dict[int, list[int]]) -> dict[int, int]:
    """Where each node is from the top: near the middle of what leads to it, and on none other."""
    into: dict[int, list[int]] = defaultdict(list)
    for edge in drawn.edges:
        into[edge.target].append(edge.source)
    tops: dict[int, int] = {}
    for rank in sorted(columns):
        wish = {i: sum(tops[j] for j in into[i]) // len(into[i]) if into[i] else 0 for i in columns[rank]}
        free = 20
        for i in sorted(columns[rank], key=lambda i: (wish[i], i)):
            tops[i] = max(free, wish[i])
            free = tops[i] + _HEIGHT + _GAP
    return tops


def _shape(node: Node, left: int, top: int, width: int, kind: str = "") -> str:
    radius, fill = (_HEIGHT // 2, "#fff3e0") if node.is_process else (4, "#e3f2fd")
    classes = f"{'process' if node.is_process else 'product'} {kind}".rstrip()
    return (
        f'<rect class="{classes}" x="{left}" y="{top}" width="{width}" height="{_HEIGHT}" rx="{radius}" fill="{fill}"'
        ' stroke="#37474f"/>'
        f'<text x="{left + width // 2}" y="{top + 22}" text-anchor="middle" fill="#102027">{escape(node.name)}</text>'
    )


def _arrow(begin: int, top: int, end: int, below: int, *, is_optional: bool) -> str:
    one, other, bend = top + _HEIGHT // 2, below + _HEIGHT // 2, _ACROSS // 2
    dashed = ' stroke-dasharray="5 4"' if is_optional else ""
    way = f"M{begin} {one}C{begin + bend} {one} {end - bend} {other} {end} {other}"
    return f'<path class="edge" d="{way}" fill="none" stroke="#37474f" marker-end="url(#tip)"{dashed}/>'
