#!/usr/bin/env python3
"""Convert raw binary to an IDX dataset: ``--shape 10,512,512 --dtype uint16 INPUT OUTPUT.idx``.

The file holds nothing but the values, after a header of ``--offset`` bytes; what it holds must agree with its size to
the byte.
"""

from __future__ import annotations

import sys
from pathlib import Path

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[2])

import argparse
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from typing import IO, TYPE_CHECKING, Any

from dbproc.codes.conversion.converter import Converter
from dbproc.codes.formats.field_names import safe
from dbproc.codes.idx.description import Axis, Description, Field, Number, number
from dbproc.codes.idx.refusal import Refusal

if TYPE_CHECKING:
    import numpy as np

    from dbproc.codes.idx.slabs import Box
    from dbproc.codes.idx.values import Values

NAME = "raw_to_idx"
CONVERTER = Converter(NAME, f"dbproc.codes.{NAME}:open_source", (".raw", ".bin", ".dat"))
AXES = ("u", "w", "v", "z", "y", "x")
"""How axes are named for want of names, slowest first."""
SAMPLE_BYTES = 32
"""The largest sample that OpenVisus stores exactly."""
COPIED = 256 << 20
"""Bytes beyond which an array in Fortran's order is copied into C's first, instead of being read through per slab."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; returns its exit status."""
    parser = CONVERTER.parser("Convert raw binary of a declared shape and type to IDX, exactly.")
    told = parser.add_argument_group("what the file holds")
    told.add_argument(
        "--shape", type=_sizes, required=True, metavar="SIZES", help="size of every axis, slowest first: 10,512,512"
    )
    told.add_argument("--dtype", required=True, metavar="TYPE", help="type of a value: uint16, '>f4', …")
    told.add_argument(
        "--order",
        choices=("C", "F"),
        default="C",
        help="whether in the file the last axis runs quickest (C, the default) or the first (F)",
    )
    told.add_argument("--offset", type=_count, default=0, metavar="BYTES", help="bytes before the values (default: 0)")
    told.add_argument("--components", type=_count, default=1, metavar="N", help="values to a sample (default: 1)")
    named = parser.add_argument_group("what it means")
    named.add_argument("--axes", type=_words, metavar="NAMES", help="name of every axis, slowest first: z,y,x")
    named.add_argument("--axis-units", type=_words, metavar="UNITS", help="units of every axis: um,um,um")
    named.add_argument("--name", default="data", help="name of the field (default: data)")
    named.add_argument("--units", default="", help="units of the values")
    named.add_argument("--fill", metavar="VALUE", help="the value that stands for a missing one")
    return CONVERTER.main(parser, arguments, _options)


@contextmanager
def open_source(inputs: Sequence[Path], options: Mapping[str, Any]) -> Iterator[RawSource]:
    """Open a file of raw values, which ``options`` describe as the command line does."""
    (path,) = inputs
    layout = _Layout.told(path, options)
    layout.require_size()
    with path.open("rb") as stream:
        source = RawSource(layout, stream, options)
        try:
            yield source
        finally:
            source.close()


class RawSource:
    """An array of raw values in an open file, as the writer wants it."""

    def __init__(self, layout: _Layout, stream: IO[bytes], options: Mapping[str, Any]) -> None:
        from dbproc.codes.formats.array_file import ArrayFile

        self._layout = layout
        self._file = ArrayFile(stream, layout.offset, layout.sample, layout.filed(layout.shape))
        self._copied: Any = None
        self.description = _describe(layout, stream, options)

    def read(self, field: str, box: Box) -> Values:
        """The values inside ``box``, components last."""
        values = self._ordered(box)
        return values if self._layout.components == 1 else values[..., None].view(self._layout.dtype)

    def plain(self, field: str, box: Box) -> Iterator[tuple[Box, Values]]:
        """Runs of the same, as numpy reads them."""
        from dbproc.codes.formats.plain_raw import PlainRaw

        told = self._layout
        return PlainRaw(told.path, told.dtype, told.offset, told.shape, told.order, told.components).read(box)

    def close(self) -> None:
        """Give back what a copy took."""
        if self._copied is not None:
            self._copied.close()

    def _ordered(self, box: Box) -> Values:
        layout = self._layout
        if layout.order == "C":
            return self._file.read(box)
        if self._copied is None and layout.bytes > COPIED:
            self._copied = self._copy()
        values: Values = self._file.read(box[::-1]).T if self._copied is None else self._copied.read(box)
        return _contiguous(values)

    def _copy(self) -> Any:
        from dbproc.codes.formats.array_file import Copy, tiles, transposing_steps

        layout = self._layout
        boxes = tiles(layout.shape, transposing_steps(layout.shape, layout.sample.itemsize))
        return Copy(layout.path, layout.shape, layout.sample, boxes, lambda box: self._file.read(box[::-1]).T)


@dataclass(frozen=True)
class _Layout:
    """How the values lie in the file."""

    path: Path
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    order: str
    offset: int
    components: int

    @staticmethod
    def told(path: Path, options: Mapping[str, Any]) -> _Layout:
        dtype, components = _dtype(path, str(options["dtype"])), int(options["components"])
        if not 1 <= components * dtype.itemsize <= SAMPLE_BYTES:
            what = f"{components} components of {dtype.name} are not a sample of 1 to {SAMPLE_BYTES} bytes"
            raise Refusal(path, what, "Make the components an axis of --shape")
        shape = tuple(options["shape"])
        if not 1 <= len(shape) <= len(AXES):
            raise Refusal(path, f"--shape tells of {len(shape)} axes; supported are 1 to {len(AXES)}")
        return _Layout(path, shape, dtype, options["order"], options["offset"], components)

    @property
    def sample(self) -> np.dtype[Any]:
        """The type of a whole sample: its value, or so many bytes that lie together."""
        import numpy as np

        return self.dtype if self.components == 1 else np.dtype((np.void, self.dtype.itemsize * self.components))

    @property
    def bytes(self) -> int:
        """Bytes of all values."""
        return prod(self.shape) * self.sample.itemsize

    def filed(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """``shape`` as it is in the file, slowest axis first."""
        return shape if self.order == "C" else shape[::-1]

    def require_size(self) -> None:
        """Refuse a file of another size, telling what would agree with it."""
        actual = self.path.stat().st_size
        if actual == self.offset + self.bytes:
            return
        shape = " x ".join(map(str, self.shape))
        what = (
            f"it is {actual} bytes long, but an offset of {self.offset} and {shape} samples of "
            f"{self.sample.itemsize} bytes make {self.offset + self.bytes}"
        )
        agreeing = self._agreeing(actual)
        todo = f"What would agree: {', '.join(agreeing)}" if agreeing else "It may be cut; check its shape and type"
        raise Refusal(self.path, what, todo)

    def _agreeing(self, actual: int) -> list[str]:
        """Changes of one option with which the file's size would be right."""
        found, values = [], actual - self.offset
        if actual >= self.bytes:
            found.append(f"--offset {actual - self.bytes}")
        if values <= 0:
            return found
        axis = 0 if self.order == "C" else len(self.shape) - 1
        plane = self.bytes // self.shape[axis]
        if values % plane == 0:
            sizes = [*self.shape[:axis], values // plane, *self.shape[axis + 1 :]]
            found.append(f"--shape {','.join(map(str, sizes))}")
        count = prod(self.shape) * self.components
        if values % count == 0 and values // count in (1, 2, 4, 8):
            found.append(f"a --dtype of {values // count} bytes")
        return found


def _describe(layout: _Layout, stream: IO[bytes], options: Mapping[str, Any]) -> Description:
    from dbproc.codes.idx.files import origins

    fill = options["fill"]
    field = Field(
        name=safe(options["name"]),
        variable=options["name"],
        dtype=layout.dtype.newbyteorder("=").name,
        components=layout.components,
        units=options["units"],
        fills=() if fill is None else (_fill(layout, fill),),
    )
    attributes = {"dtype": layout.dtype.str, "order": layout.order, "offset": layout.offset}
    if layout.offset:
        attributes["header_sha256"] = _digest(stream, layout.offset)
    return Description(
        code=NAME,
        origins=origins([layout.path]),
        shape=layout.shape,
        axes=_axes(layout, options),
        fields=(field,),
        orientation="first row first, as in the file; nothing is told about directions",
        attributes={**attributes, "axes_without_coordinates": [axis.name for axis in _axes(layout, options)]},
    )


def _axes(layout: _Layout, options: Mapping[str, Any]) -> tuple[Axis, ...]:
    count = len(layout.shape)
    names = options["axes"] or AXES[-count:]
    units = options["axis_units"] or [""] * count
    for option, told in (("--axes", names), ("--axis-units", units)):
        if len(told) != count:
            raise Refusal(
                layout.path, f"{option} tells {len(told)} where --shape has {count} axes", "Tell one for each"
            )
    if len(set(names)) < count:
        raise Refusal(layout.path, f"--axes names one twice: {','.join(names)}", "Give each its own name")
    return tuple(Axis(*each) for each in zip(names, layout.shape, units, strict=True))


def _dtype(path: Path, told: str) -> np.dtype[Any]:
    import numpy as np

    todo = "Supported are int8 to int64, uint8 to uint64, float16, float32 and float64, such as uint16 or '>f4'"
    try:
        found = np.dtype(told)
    except (TypeError, SyntaxError, ValueError) as error:
        raise Refusal(path, f"--dtype {told!r} is no type", todo) from error
    if found.kind == "c":
        parts = f"--dtype float{found.itemsize * 4} --components 2"
        raise Refusal(path, f"--dtype {told!r} is complex", f"Declare its parts: {parts}")
    if found.kind not in "iuf" or found.itemsize > 8 or found.shape:
        raise Refusal(path, f"--dtype {told!r} is not supported", todo)
    return found


def _fill(layout: _Layout, text: str) -> Number:
    """The fill value, which must be one that the type can hold."""
    import numpy as np

    try:
        value = layout.dtype.type(int(text) if layout.dtype.kind in "iu" else float(text))
    except (ValueError, OverflowError) as error:
        raise Refusal(layout.path, f"--fill {text} is no {layout.dtype.name}", "Give a value of that type") from error
    if layout.dtype.kind == "f" and np.isinf(value) and "inf" not in text.lower():
        raise Refusal(layout.path, f"--fill {text} is no {layout.dtype.name}", "Give a value of that type")
    return number(value)


def _digest(stream: IO[bytes], size: int) -> str:
    """The SHA-256 of the header."""
    digest, left = hashlib.sha256(), size
    stream.seek(0)
    while left:
        digest.update(part := stream.read(min(left, 1 << 20)))
        left -= len(part)
    return digest.hexdigest()


def _contiguous(values: Values) -> Values:
    import numpy as np

    return np.ascontiguousarray(values)


def _options(given: argparse.Namespace) -> dict[str, Any]:
    names = ("shape", "dtype", "order", "offset", "components", "axes", "axis_units", "name", "units", "fill")
    return {name: getattr(given, name) for name in names}


def _sizes(text: str) -> list[int]:
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and int(part) for part in parts):
        raise argparse.ArgumentTypeError(f"{text!r} are not whole numbers from 1 up, such as 10,512,512")
    return [int(part) for part in parts]


def _count(text: str) -> int:
    count = int(text)
    if count < 0:
        raise argparse.ArgumentTypeError("must not be negative")
    return count


def _words(text: str) -> list[str]:
    return [part.strip() for part in text.split(",")]


if __name__ == "__main__":
    sys.exit(main())
