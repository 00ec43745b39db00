"""Where the tiles of a mosaic lie: from a table, from their coordinates, or from numbers in their names. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

from dbproc.codes.formats import georeference
from dbproc.codes.idx.refusal import Refusal

if TYPE_CHECKING:
    from dbproc.codes.formats.image_file import Facts

COLUMNS = ("file", "x", "y")
NEAR = 1e-2
"""How far, in pixels, a tile may be from its place."""


@dataclass(frozen=True)
class Tile:
    """A tile's place: its first row and column, and its size."""

    name: str
    row: int
    column: int
    rows: int
    columns: int


@dataclass(frozen=True)
class Plan:
    """The tiles in the order they were named, their places told from the mosaic's first row and column."""

    tiles: tuple[Tile, ...]
    rows: int
    columns: int
    overlap: str
    gaps: int
    """Pixels that no tile covers."""


def plan(tiles: Sequence[Tile]) -> Plan:
    """The mosaic of tiles placed anywhere."""
    top, left = min(tile.row for tile in tiles), min(tile.column for tile in tiles)
    placed = tuple(replace(tile, row=tile.row - top, column=tile.column - left) for tile in tiles)
    rows, columns = max(t.row + t.rows for t in placed), max(t.column + t.columns for t in placed)
    return Plan(placed, rows, columns, _overlap(placed), rows * columns - _covered(placed))


def from_table(where: object, text: str, sizes: Mapping[str, tuple[int, int]]) -> list[Tile]:
    """Places from lines of ``file,x,y``: x columns to the right, y rows down; each tile once."""
    lines = [line.split(",") for line in text.lstrip("\ufeff").splitlines() if line.strip()]
    if not lines or tuple(part.strip() for part in lines[0]) != COLUMNS:
        raise Refusal(where, f"its first line is not {','.join(COLUMNS)}", "Write it like that")
    found: dict[str, Tile] = {}
    for number, parts in enumerate(lines[1:], 2):
        tile = _line(f"{where} line {number}", [part.strip() for part in parts], sizes)
        if tile.name in found:
            raise Refusal(f"{where} line {number}", f"{tile.name} has a place already", "Name each tile once")
        found[tile.name] = tile
    missing = [name for name in sizes if name not in found]
    if missing:
        more = f" and {len(missing) - 1} more" if missing[1:] else ""
        raise Refusal(where, f"it has no line for {missing[0]}{more}", "Give each tile a line")
    return [found[name] for name in sizes]


def from_names(pattern: str, sizes: Mapping[str, tuple[int, int]]) -> list[Tile]:
    """Places from the numbers of row and column in the names, as ``*_{row}_{column}`` tells; ``*`` is anything."""
    if pattern.count("{row}") != 1 or pattern.count("{column}") != 1:
        raise Refusal(
            "--tiles", f"{pattern!r} does not hold {{row}} and {{column}} once each", "For example {row}_{column}"
        )
    parts = re.escape(pattern).replace(re.escape("{row}"), r"(?P<row>\d+)")
    search = re.compile(parts.replace(re.escape("{column}"), r"(?P<column>\d+)").replace(re.escape("*"), ".*?"))
    cells: dict[tuple[int, int], str] = {}
    for name in sizes:
        match = search.fullmatch(name) or search.fullmatch(name.rpartition(".")[0])
        if match is None:
            raise Refusal(name, f"its name does not fit the pattern {pattern!r}", "* stands for anything")
        cell = int(match["row"]), int(match["column"])
        if cell in cells:
            raise Refusal(name, f"it is at row {cell[0]} and column {cell[1]}, as {cells[cell]} is", "Mend the names")
        cells[cell] = name
    tops = _edges({(row, name): sizes[name][0] for (row, _), name in cells.items()}, "row", "rows")
    lefts = _edges({(column, name): sizes[name][1] for (_, column), name in cells.items()}, "column", "columns")
    return [Tile(name, tops[row], lefts[column], *sizes[name]) for (row, column), name in cells.items()]


def from_coordinates(facts: Mapping[str, Facts]) -> list[Tile]:
    """Places from the tiles' GeoTIFF coordinates, whose pixels must be of one size and lie on one grid."""
    found = []
    for name, each in facts.items():
        if each.axes is None:
            raise Refusal(name, "it has no coordinates", "Place the tiles with --mosaic TABLE.csv or --tiles PATTERN")
        if what := georeference.other_system(each.attributes, next(iter(facts.values())).attributes):
            raise Refusal(name, f"{what}, as the first tile's is not", "Warp it into the same system (gdalwarp -t_srs)")
        places = []
        for axis, first in zip(each.axes, next(iter(facts.values())).axes or (), strict=True):
            assert axis.regular is not None
            assert first.regular is not None
            step = first.regular.step
            if abs(axis.regular.step - step) * axis.size > NEAR * abs(step) or axis.name != first.name:
                what = f"its pixels are {axis.regular.step} apart along {axis.name}, those of the first tile {step}"
                raise Refusal(name, what, "Tiles must have pixels of one size")
            place = (axis.regular.start - first.regular.start) / step
            if abs(place - round(place)) > NEAR:
                what = f"it lies between the pixels of the first tile: {place} of them away along {axis.name}"
                raise Refusal(name, what, "Resample it onto the same grid")
            places.append(round(place))
        found.append(Tile(name, places[0], places[1], each.rows, each.columns))
    return found


def _line(where: str, parts: Sequence[str], sizes: Mapping[str, tuple[int, int]]) -> Tile:
    if len(parts) != len(COLUMNS):
        raise Refusal(where, f"it has {len(parts)} columns", f"Write {','.join(COLUMNS)}")
    name, x, y = parts
    if name not in sizes:
        raise Refusal(where, f"{name!r} is none of the inputs", "Write the names of the files that are given")
    if not all(re.fullmatch(r"[+-]?\d+", part) for part in (x, y)):
        raise Refusal(where, f"{x!r}, {y!r} is no place in whole pixels", "Write two whole numbers")
    return Tile(name, int(y), int(x), *sizes[name])


def _edges(found: Mapping[tuple[int, str], int], word: str, what: str) -> dict[int, int]:
    """Where each row or column of tiles begins: numbers without any tile take the size of the first of all."""
    sizes: dict[int, int] = {}
    for (number, name), size in found.items():
        if sizes.setdefault(number, size) != size:
            told = f"it has {size} {what} of pixels, others of {word} {number} have {sizes[number]}"
            raise Refusal(name, told, "Place the tiles with --mosaic TABLE.csv")
    numbers = range(min(sizes), max(sizes) + 1)
    empty = [number for number in numbers if number not in sizes]
    if empty and len(set(sizes.values())) > 1:
        told = f"no tile is in {word} {empty[0]}, and how many {what} of pixels it has cannot be told"
        raise Refusal("--tiles", told, "Place the tiles with --mosaic TABLE.csv")
    usual = next(iter(sizes.values()))
    starts = accumulate((sizes.get(number, usual) for number in numbers), initial=0)
    return dict(zip(numbers, starts, strict=False))


def _overlap(tiles: Sequence[Tile]) -> str:
    """Two tiles that overlap, as words; empty where none do."""
    ordered = sorted(tiles, key=lambda tile: tile.row)
    active: list[Tile] = []
    for tile in ordered:
        active = [each for each in active if each.row + each.rows > tile.row]
        for each in active:
            if max(each.column, tile.column) < min(each.column + each.columns, tile.column + tile.columns):
                return f"{each.name} and {tile.name}"
        active.append(tile)
    return ""


def _covered(tiles: Sequence[Tile]) -> int:
    """How many pixels the tiles cover together."""
    edges = sorted({edge for tile in tiles for edge in (tile.row, tile.row + tile.rows)})
    ordered = sorted(tiles, key=lambda tile: tile.row)
    total, active, waiting = 0, list[Tile](), 0
    for low, high in pairwise(edges):
        while waiting < len(ordered) and ordered[waiting].row <= low:
            active.append(ordered[waiting])
            waiting += 1
        active = [tile for tile in active if tile.row + tile.rows > low]
        total += (high - low) * _length((tile.column, tile.column + tile.columns) for tile in active)
    return total


def _length(spans: Iterable[tuple[int, int]]) -> int:
    total, reached = 0, 0
    for low, high in sorted(spans):
        total += max(0, high - max(low, reached))
        reached = max(reached, high)
    return total
