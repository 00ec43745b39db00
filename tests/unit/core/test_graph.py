"""Circles among the edges of a graph."""

from __future__ import annotations

import pytest

from dbproc.core.graph import circles


@pytest.mark.parametrize(
    ("edges", "found"),
    [
        ([], []),
        ([(1, 2), (2, 3), (1, 3)], []),
        ([(1, 1)], [{1}]),
        ([(1, 2), (2, 3), (3, 1), (3, 4)], [{1, 2, 3}]),
        ([(1, 2), (2, 1), (3, 4), (4, 5), (5, 3)], [{1, 2}, {3, 4, 5}]),
    ],
)
def test_circles_are_found_each_once(edges: list[tuple[int, int]], found: list[set[int]]) -> None:
    circled = list(circles(edges))
    assert sorted(map(sorted, map(set, circled))) == sorted(map(sorted, found))
    assert all(circle[0] == circle[-1] for circle in circled)
