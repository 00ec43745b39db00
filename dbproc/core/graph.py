"""Circles in what should have none."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator
from graphlib import CycleError, TopologicalSorter
from typing import TypeVar

Node = TypeVar("Node", bound=Hashable)


def circles(edges: Iterable[tuple[Node, Node]]) -> Iterator[list[Node]]:
    """Circles among edges (from, to) that have no node in common; each ends where it begins.

    There is none if and only if the edges have no circle.
    """
    graph: dict[Node, list[Node]] = defaultdict(list)
    for source, target in edges:
        graph[target].append(source)
    while True:
        try:
            TopologicalSorter(graph).prepare()
        except CycleError as error:
            circle: list[Node] = error.args[1]
            yield circle
            gone = set(circle)
            graph = {
                node: [source for source in sources if source not in gone]
                for node, sources in graph.items()
                if node not in gone
            }
        else:
            return
