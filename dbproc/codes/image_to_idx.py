#!/usr/bin/env python3
"""Convert a picture, or tiles of one, to an IDX dataset: ``[--mosaic TABLE.csv] INPUT... OUTPUT.idx``.

JPEG, PNG and TIFF, grey or in colour, 8 or 16 bits. The picture stands upright: a camera's orientation is applied to
the pixels. Place, time and camera are kept.
"""

from __future__ import annotations

import sys
from pathlib import Path

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from dbproc.codes.conversion.converter import Converter
from dbproc.codes.formats.image_file import SUFFIXES
from dbproc.codes.formats.orientation import top_first
from dbproc.codes.idx.attributes import own, shared
from dbproc.codes.idx.description import Axis, Description, Field, number
from dbproc.codes.idx.refusal import Refusal

if TYPE_CHECKING:
    from dbproc.codes.formats.image_file import Facts, Picture
    from dbproc.codes.formats.mosaic import Plan, Tile
    from dbproc.codes.idx.slabs import Box
    from dbproc.codes.idx.values import Values

NAME = "image_to_idx"
CONVERTER = Converter(NAME, f"dbproc.codes.{NAME}:open_source", SUFFIXES, joins=False)
CACHE_BYTES = 128 << 20
"""Decoded tiles that are kept open for the next box, each of which may be held twice: as it is read by either way."""
OPEN_TILES = 32
"""So many tiles are kept open at most."""
SAMPLE_BYTES = 32
MOST_TILES = 1000
"""Of more tiles not all is kept that their cameras tell: every viewer reads all of it first."""
KEPT = ("make", "model", "date", "latitude", "longitude", "altitude")
"""What is kept of each tile of a mosaic."""
UPRIGHT = "upright: the first row is the top of the picture"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; returns its exit status."""
    parser = CONVERTER.parser("Convert a JPEG, PNG or TIFF picture, or the tiles of one, to IDX, exactly.")
    placed = parser.add_mutually_exclusive_group()
    placed.add_argument("--mosaic", type=_absolute, metavar="TABLE.csv", help="the tiles' places: lines of file,x,y")
    placed.add_argument(
        "--tiles", metavar="PATTERN", help='how names tell the tiles\' places, such as "*_{row}_{column}"'
    )
    placed.add_argument("--by-coordinates", action="store_true", help="GeoTIFF coordinates tell the tiles' places")
    parser.add_argument("--overlap", choices=("first", "last"), help="which tile counts where tiles differ")
    parser.add_argument("--fill", type=float, metavar="VALUE", help="what is stored where there is no tile")
    parser.add_argument("--mask", action="store_true", help="a further field: 1 where there is a tile, 0 elsewhere")
    names = ("mosaic", "tiles", "by_coordinates", "overlap", "fill", "mask")
    return CONVERTER.main(parser, arguments, lambda given: {name: getattr(given, name) for name in names})


@contextmanager
def open_source(inputs: Sequence[Path], options: Mapping[str, Any]) -> Iterator[PictureSource | MosaicSource]:
    """Open one picture, or the tiles of one; ``options`` are those of the command line, all may be left out."""
    from dbproc.codes.formats import image_file

    if any(options.get(name) for name in ("mosaic", "tiles", "by_coordinates")):
        with ExitStack() as stack:
            yield MosaicSource(inputs, options, stack)
    elif len(inputs) > 1:
        what = f"{len(inputs)} pictures are given, and not how they belong together"
        raise Refusal(
            inputs[0], what, "Say --mosaic TABLE.csv, --tiles PATTERN or --by-coordinates, or convert them apart"
        )
    else:
        with image_file.opened(inputs[0]) as picture:
            yield PictureSource(inputs[0], picture)


class PictureSource:
    """One picture, as the writer wants it."""

    def __init__(self, path: Path, picture: Picture) -> None:
        from dbproc.codes.idx.files import origins

        facts = picture.facts
        _require_sample(path, facts)
        self._picture, (rows, columns) = picture, axes(facts)
        self.description = Description(
            code=NAME,
            origins=origins([path]),
            shape=(facts.rows, facts.columns),
            axes=(rows, columns),
            fields=(Field("image", "image", facts.dtype, facts.components),),
            orientation=UPRIGHT,
            top_first=top_first(rows),
            notes=facts.notes,
            attributes=facts.attributes,
        )

    def read(self, field: str, box: Box) -> Values:
        """The values inside ``box``: (row, column)."""
        return squeezed(self._picture.read(*box))

    def plain(self, field: str, box: Box) -> Iterator[tuple[Box, Values]]:
        """Parts of the same, read by another way."""
        for part, values in self._picture.plain(*box):
            yield part, squeezed(values)


class MosaicSource:
    """Tiles of one kind, as one picture; only those that a box needs are decoded.

    Parameters
    ----------
    paths
        The tiles; of two that overlap the one named first is ``--overlap``'s ``first``.
    options
        How they are placed, and what counts where they overlap or are missing.
    stack
        What closes them in the end.
    """

    def __init__(self, paths: Sequence[Path], options: Mapping[str, Any], stack: ExitStack) -> None:
        self._paths = {path.name: path for path in paths}
        if len(self._paths) < len(paths):
            raise Refusal(paths[0].parent, "two tiles have the same name", "Rename one of them")
        self._open: OrderedDict[str, tuple[Picture, ExitStack]] = OrderedDict()
        stack.callback(self._close, 0)
        self._facts = {name: self._picture(name).facts for name in self._paths}
        _require_one_kind(self._facts)
        self._plan = placed(self._facts, options)
        self._overlap, self._fill = options.get("overlap"), options.get("fill")
        self.description = self._describe(paths, bool(options.get("mask")))

    def read(self, field: str, box: Box) -> Values:
        """The values inside ``box``: (row, column); those of the mask are 1 where there is a tile."""
        import numpy as np

        rows, columns = box
        facts = next(iter(self._facts.values()))
        shape = (rows.stop - rows.start, columns.stop - columns.start)
        covered = np.zeros(shape, np.uint8)
        pixels = np.full((*shape, facts.components), self._fill or 0, facts.dtype)
        for tile in self._plan.tiles:
            inside = _inside(tile, rows, columns)
            if inside is None:
                continue
            first, last = inside[0].start + tile.row - rows.start, inside[0].stop + tile.row - rows.start
            left, right = inside[1].start + tile.column - columns.start, inside[1].stop + tile.column - columns.start
            target, across = slice(first, last), slice(left, right)
            if field != "mask":
                found = self._picture(tile.name).read(*inside)
                self._place(tile, found, pixels[target, across], covered[target, across])
            covered[target, across] = 1
        return covered if field == "mask" else squeezed(pixels)

    def plain(self, field: str, box: Box) -> Iterator[tuple[Box, Values]]:
        """The same, put together of the tiles' own plain pixels at the places that the metadata tell."""
        import numpy as np

        told = self.description.attributes["tiles"]
        image = self.description.fields[0]
        shape = tuple(part.stop - part.start for part in box)
        fill = image.fills[0] if image.fills else 0
        pixels = np.full((*shape, image.components), fill, image.dtype) if field != "mask" else np.zeros(shape, "u1")
        for each in told if self._overlap != "first" else reversed(told):
            picture = self._picture(each["file"])
            size, corner = (picture.facts.rows, picture.facts.columns), (each["y"], each["x"])
            low = [max(part.start, start) for part, start in zip(box, corner, strict=True)]
            ends = zip(box, corner, size, strict=True)
            high = [min(part.stop, start + length) for part, start, length in ends]
            if low[0] >= high[0] or low[1] >= high[1]:
                continue
            place = tuple(slice(a - part.start, b - part.start) for a, b, part in zip(low, high, box, strict=True))
            if field == "mask":
                pixels[place] = 1
                continue
            inside = (slice(a - start, b - start) for a, b, start in zip(low, high, corner, strict=True))
            for part, values in picture.plain(*inside):
                down, across = (
                    slice(p.start + c - b.start, p.stop + c - b.start)
                    for p, c, b in zip(part, corner, box, strict=True)
                )
                pixels[down, across] = values
        yield box, pixels if field == "mask" else squeezed(pixels)

    def _place(self, tile: Tile, found: Values, pixels: Values, covered: Values) -> None:
        """Put a tile's pixels to the others, which they must agree with where nobody said which ones count."""
        before = covered.astype(bool)
        if self._overlap is None and pixels[before].tobytes() != found[before].tobytes():
            what = "where it overlaps another tile its pixels differ"
            raise Refusal(self._paths[tile.name], what, "Say which one counts: --overlap first or last")
        if self._overlap == "first":
            pixels[~before] = found[~before]
        else:
            pixels[...] = found

    def _picture(self, name: str) -> Picture:
        from dbproc.codes.formats import image_file

        if name not in self._open:
            closing = ExitStack()
            self._open[name] = closing.enter_context(image_file.opened(self._paths[name])), closing
            self._close(self._room())
        self._open.move_to_end(name)
        return self._open[name][0]

    def _room(self) -> int:
        """How many of the open tiles, the last used ones, may stay so."""
        sizes = accumulate(_bytes(picture.facts) for picture, _ in reversed(self._open.values()))
        return max(1, min(OPEN_TILES, sum(size <= CACHE_BYTES for size in sizes)))

    def _close(self, keep: int) -> None:
        """Close the tiles longest unused, but for so many."""
        while len(self._open) > keep:
            _, (_, closing) = self._open.popitem(last=False)
            closing.close()

    def _describe(self, paths: Sequence[Path], mask: bool) -> Description:
        from dbproc.codes.idx.files import origins

        plan, facts = self._plan, next(iter(self._facts.values()))
        _require_sample(paths[0], facts)
        gaps = plan.gaps > 0
        if gaps and self._fill is None:
            what = f"{plan.gaps} of the mosaic's {plan.rows * plan.columns} pixels are in no tile"
            raise Refusal(paths[0], what, "Say what to store there: --fill VALUE")
        fill = _fill(self._fill, facts)
        fills = (fill,) if gaps else ()
        fields = [Field("image", "image", facts.dtype, facts.components, fills=fills)]
        if mask:
            fields.append(Field("mask", "mask", "uint8", long_name="1 where there is a tile, 0 where there is none"))
        notes = [
            f"mosaic of {len(paths)} tiles",
            *dict.fromkeys(n for each in self._facts.values() for n in each.notes),
        ]
        if plan.overlap:
            told = f"the {self._overlap} one named counts" if self._overlap else "their pixels agree there"
            notes.append(f"tiles overlap, {plan.overlap} for one: {told}")
        if gaps:
            notes.append(f"{plan.gaps} pixels are in no tile: {fill} is stored there")
        rows, columns = _mosaic_axes(plan, self._facts)
        return Description(
            code=NAME,
            origins=origins(paths),
            shape=(plan.rows, plan.columns),
            axes=(rows, columns),
            fields=tuple(fields),
            orientation=UPRIGHT,
            top_first=top_first(rows),
            notes=tuple(notes),
            attributes=_attributes(plan, self._facts),
        )


def placed(facts: Mapping[str, Facts], options: Mapping[str, Any]) -> Plan:
    """Where the tiles lie, in the way that the options tell."""
    from dbproc.codes.formats import mosaic

    sizes = {name: (each.rows, each.columns) for name, each in facts.items()}
    if options.get("mosaic"):
        table = Path(options["mosaic"])
        if not table.is_file():
            raise Refusal(table, "there is no such table", "Check its name")
        return mosaic.plan(mosaic.from_table(table.name, table.read_text(errors="replace"), sizes))
    if options.get("tiles"):
        return mosaic.plan(mosaic.from_names(options["tiles"], sizes))
    return mosaic.plan(mosaic.from_coordinates(facts))


def axes(facts: Facts) -> tuple[Axis, Axis]:
    """A picture's rows and columns."""
    return facts.axes or (Axis("y", facts.rows, units="pixel"), Axis("x", facts.columns, units="pixel"))


def squeezed(pixels: Values) -> Values:
    """Pixels without the axis of components where there is but one."""
    return pixels[:, :, 0] if pixels.shape[-1] == 1 else pixels


def _mosaic_axes(plan: Plan, facts: Mapping[str, Facts]) -> tuple[Axis, Axis]:
    """Rows and columns, with the coordinates of the tile in the mosaic's corner carried on where tiles have some."""
    tile = plan.tiles[0]
    known = facts[tile.name].axes
    if known is None or any(each.axes is None for each in facts.values()):
        return Axis("y", plan.rows, units="pixel"), Axis("x", plan.columns, units="pixel")
    return _carried(known[0], tile.row, plan.rows), _carried(known[1], tile.column, plan.columns)


def _carried(axis: Axis, shift: int, size: int) -> Axis:
    assert axis.regular is not None
    start, step = axis.regular.start - shift * axis.regular.step, axis.regular.step
    coordinates = tuple(start + i * step for i in range(size))
    return replace(axis, size=size, coordinates=coordinates, regular=replace(axis.regular, start=start))


def _inside(tile: Tile, rows: slice, columns: slice) -> tuple[slice, slice] | None:
    """The part of a tile in a box, told from the tile's corner; None where there is none."""
    own_rows = slice(max(rows.start - tile.row, 0), min(rows.stop - tile.row, tile.rows))
    own_columns = slice(max(columns.start - tile.column, 0), min(columns.stop - tile.column, tile.columns))
    if own_rows.start >= own_rows.stop or own_columns.start >= own_columns.stop:
        return None
    return own_rows, own_columns


def _fill(value: float | None, facts: Facts) -> Any:
    """The fill as a value of the tiles' type; refused where this type does not hold it."""
    import numpy as np

    dtype = np.dtype(facts.dtype)
    wanted = float(value or 0)
    if dtype.kind != "f" and (not wanted.is_integer() or not np.iinfo(dtype).min <= wanted <= np.iinfo(dtype).max):
        raise Refusal("--fill", f"{value} is no value of {dtype}", "Choose one that pixels can have")
    return number(dtype.type(wanted))


def _require_one_kind(facts: Mapping[str, Facts]) -> None:
    first_name, first = next(iter(facts.items()))
    for name, each in facts.items():
        if each.kind != first.kind:
            what = f"it is of another kind ({each}) than {first_name} ({first})"
            raise Refusal(name, what, "Tiles must have the same type and components")


def _require_sample(path: Path, facts: Facts) -> None:
    if _bytes(facts) > SAMPLE_BYTES * facts.rows * facts.columns:
        what = f"a pixel has {facts.components} components of {facts.dtype}, more than {SAMPLE_BYTES} bytes"
        raise Refusal(path, what, "Convert it with tiff_to_idx --channels fields")


def _bytes(facts: Facts) -> int:
    import numpy as np

    return facts.rows * facts.columns * facts.components * int(np.dtype(facts.dtype).itemsize)


def _attributes(plan: Plan, facts: Mapping[str, Facts]) -> dict[str, Any]:
    """What all tiles have in common, and of each its place and what it has of its own."""
    common = shared([each.attributes for each in facts.values()])
    few = len(plan.tiles) <= MOST_TILES
    told = {name: own(each.attributes, common) if few else {} for name, each in facts.items()}
    for name, each in facts.items():
        told[name] |= {key: each.attributes[key] for key in KEPT if key in each.attributes}
    tiles = [{**told[tile.name], "file": tile.name, "x": tile.column, "y": tile.row} for tile in plan.tiles]
    return {**common, "tiles": tiles}


def _absolute(text: str) -> str:
    return str(Path(text).absolute())


if __name__ == "__main__":
    sys.exit(main())
