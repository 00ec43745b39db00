"""Writing a source into the blocks of a dataset slab by slab, and reading all of it back.

To be used in a child process only. While one thread reads the source, another one writes.
"""

from __future__ import annotations

import re
import struct
import traceback
import zlib
from collections.abc import Container, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from queue import Queue
from threading import Semaphore, Thread
from typing import TYPE_CHECKING, Any

from dbproc.codes.conversion.rows import turned
from dbproc.codes.conversion.source import Source, runs
from dbproc.codes.conversion.spots import OF_SLAB, Spot, taken
from dbproc.codes.conversion.witness import require_same
from dbproc.codes.idx import slabs
from dbproc.codes.idx.description import Axis, Description, Field, Tally
from dbproc.codes.idx.refusal import Refusal
from dbproc.codes.idx.reports import Reports
from dbproc.codes.idx.slabs import Box

if TYPE_CHECKING:
    from dbproc.codes.idx.values import Values

THREADS = 2
"""Threads that read back."""
DAMAGE = (OSError, EOFError, RuntimeError, struct.error, zlib.error)
"""What libraries raise where bytes of a file are missing or wrong; of other errors the file may be innocent."""
UNSUPPORTED = re.compile(
    r"not (yet )?(supported|implemented)|unsupported|unrecognized compression|could not import", re.IGNORECASE
)
"""What libraries say of what they cannot do, be it sound or not."""
PIECE = 16 << 20
"""Bytes that are read back at once: OpenVisus takes several times as much for it."""


@dataclass(frozen=True)
class Plan:
    """How a description is stored.

    Parameters
    ----------
    description
        Of the source, its timesteps, if any, being the first axis.
    slab
        Bytes of a slab.
    done
        Timesteps that are not to be written.
    """

    description: Description
    slab: int
    done: Container[int] = ()

    @property
    def shape(self) -> tuple[int, ...]:
        """The stored shape: of a timestep, where there are some."""
        return slabs.stored_shape(self._spatial(self.description.shape) or (1,))

    @property
    def steps(self) -> int | None:
        """How many timesteps; None where there is no time."""
        return self.description.shape[0] if self.description.timesteps else None

    @property
    def axes(self) -> tuple[Axis, ...]:
        """The axes of :attr:`shape`, as they are stored."""
        axes = self.description.axes
        stored = axes[max(0, len(axes) - len(self.shape)) :]
        return tuple(turned(axis) if axis.name in self.description.reversed else axis for axis in stored)

    @property
    def turned(self) -> tuple[int, ...]:
        """The axes of the description that are stored from their last index to the first."""
        return tuple(i for i, axis in enumerate(self.description.axes) if axis.name in self.description.reversed)

    @property
    def bytes(self) -> int:
        """Size of all values that are to be written."""
        rows = sum(stop - start for start, stop in self._runs())
        samples = rows * prod(self.description.shape[1:])
        return samples * sum(sample_bytes(each) for each in self.description.fields)

    def boxes(self) -> Iterator[tuple[Box, Field]]:
        """Boxes as they are stored, in the order of the source, all fields of a box after one another."""
        sample = max(sample_bytes(each) for each in self.description.fields)
        for start, stop in self._runs():
            shape = (stop - start, *self.description.shape[1:])
            for box in self._in_order(slabs.plan(shape, sample, self.slab)):
                for field in self.description.fields:
                    yield (slice(box[0].start + start, box[0].stop + start), *box[1:]), field

    def _in_order(self, boxes: list[Box]) -> list[Box]:
        """Boxes with those first that the source has first: it may be costly to read backwards."""
        signs = [-1 if i in self.turned else 1 for i in range(len(self.description.shape))]
        if not self.turned:
            return boxes
        return sorted(boxes, key=lambda box: [sign * part.start for sign, part in zip(signs, box, strict=True)])

    def stored(self, box: Box) -> Iterator[tuple[int, Box]]:
        """The timesteps that a box of the source touches, and the stored box in each."""
        spatial = self._spatial(box)
        inside = spatial[len(spatial) - len(self.shape) :] if spatial else (slice(0, 1),)
        for step in range(box[0].start, box[0].stop) if self.steps is not None else (0,):
            yield step, inside

    def size(self, box: Box, field: Field) -> int:
        """Bytes of a field's values in a box."""
        return prod(slabs.shape_of(box)) * sample_bytes(field)

    def _spatial(self, axes: Any) -> Any:
        return axes[1:] if self.description.timesteps else axes

    def _runs(self) -> Iterator[tuple[int, int]]:
        """Where to start and stop on the first axis, so that what is done is passed over."""
        size, start = self.description.shape[0], 0
        if self.steps is None:
            yield 0, size
            return
        for stop in range(1, size + 1):
            if stop == size or (stop in self.done) != (start in self.done):
                if start not in self.done:
                    yield start, stop
                start = stop


@dataclass(frozen=True)
class Piece:
    """A box of one field in one timestep that was written: the checksum and the tally of its values."""

    field: Field
    step: int
    box: Box
    checksum: int
    tally: Tally

    @property
    def bytes(self) -> int:
        """Size of its values."""
        return prod(slabs.shape_of(self.box)) * sample_bytes(self.field)


@contextmanager
def reading(about: str, todo: str = "", field: str = "") -> Iterator[None]:
    """Whatever a library raises while it reads a source is said to be the source's fault, and what to do about it.

    ``field`` is what it reads, of several.
    """
    try:
        yield
    except (Refusal, MemoryError):
        raise
    except Exception as error:
        traceback.print_exc()
        whose = f"its field {field!r}" if field else "it"
        what = f"{whose} cannot be read: {type(error).__name__}: {error}"
        raise Refusal(about, what, todo or _advice(error)) from error


def _advice(error: Exception) -> str:
    """What to do about what a library raised: what is not supported is told by its words, damage by its types."""
    if isinstance(error, NotImplementedError) or UNSUPPORTED.search(str(error)):
        return "It holds what is not supported; save it in another way"
    if isinstance(error, DAMAGE) and not isinstance(error, RecursionError):
        return "It seems damaged or of another kind; get it again from where it came"
    return "It holds something that this program does not read, or is damaged; try whether another program reads it"


def sample_bytes(field: Field) -> int:
    """Bytes of one sample of a field, all components of it."""
    import numpy as np

    return int(np.dtype(field.dtype).itemsize * field.components)


def write(source: Source, plan: Plan, path: Path, about: str, reports: Reports, spots: list[Spot]) -> Iterator[Piece]:
    """Write everything that is planned, reading ahead by one slab; yields what was written.

    Parameters
    ----------
    source
        What the plan's description is of.
    plan
        What is to be written.
    path
        The ``.idx``, which has no blocks of it yet.
    about
        The input, for messages.
    reports
        Where the progress is told.
    spots
        Spots of what was read are added to it.
    """
    from dbproc.codes.idx.blocks import Blocks

    target = Blocks(path)
    reports.begin("writing", plan.bytes)
    for slab in _read_ahead(source, plan, about, reports):
        spots += slab.spots
        for each in slab.layers:
            target.write(each.field, each.box, each.values, each.step)
            reports.advance(each.values.nbytes)
            yield from each.pieces


def read_back(path: Path, pieces: Sequence[Piece], reports: Reports) -> None:
    """Read what was written through OpenVisus, from the files, and compare.

    Raises
    ------
    Refusal
        Naming the first box that reads otherwise.
    """
    reports.begin("reading back", sum(each.bytes for each in pieces))
    waiting = iter(pieces)

    def work() -> None:
        from dbproc.codes.idx.blocks import Blocks

        target = Blocks(path)
        for piece in waiting:
            reports.step(piece.bytes)
            _compare(target, piece, path)
            reports.advance(piece.bytes)

    with ThreadPoolExecutor(THREADS) as pool:
        for each in [pool.submit(work) for _ in range(THREADS)]:
            each.result()


@dataclass(frozen=True)
class Layer:
    """What of a slab goes into one timestep, and the pieces in which it is read back."""

    field: Field
    step: int
    box: Box
    values: Values
    pieces: Sequence[Piece]


@dataclass(frozen=True)
class Slab:
    """What was read at once, told apart by timesteps, and spots of it."""

    layers: Sequence[Layer]
    spots: Sequence[Spot]


def _read_ahead(source: Source, plan: Plan, about: str, reports: Reports) -> Iterator[Slab]:
    """Slabs, the next one being read in a thread while one is worked on."""
    queue: Queue[Slab | BaseException | None] = Queue()
    wanted = Semaphore(1)

    def produce() -> None:
        try:
            for box, field in plan.boxes():
                wanted.acquire()
                reports.step(plan.size(box, field))
                queue.put(_slab(source, plan, box, field, about))
            queue.put(None)
        except BaseException as error:
            queue.put(error)

    Thread(target=produce, daemon=True).start()
    while (found := queue.get()) is not None:
        if isinstance(found, BaseException):
            raise found
        wanted.release()
        yield found


def _slab(source: Source, plan: Plan, box: Box, field: Field, about: str) -> Slab:
    """What a source has in a box as it is stored, told apart by timesteps."""
    import numpy as np

    whole = slabs.turned(box, plan.description.shape, plan.turned)
    values: Values = np.empty(0)
    spots: list[Spot] = []
    size = 0
    for place in runs(source)(whole):
        part = slabs.turned(place, plan.description.shape, plan.turned)
        found, stored = _read(source, plan, part, place, field, about)
        spots += taken(field, place, found)
        size += found.nbytes
        if place == whole:
            values = stored
            break
        if not values.size:
            values = np.empty(_array_shape(field, box), stored.dtype)
        values[tuple(slice(a.start - b.start, a.stop - b.start) for a, b in zip(part, box, strict=True))] = stored
    if size != plan.size(box, field):
        raise AssertionError(f"{field.name}: {size} bytes read where {plan.size(box, field)} were asked for")
    steps = values if plan.steps is not None else [values]
    layers = [
        _layer(field, step, inside, part.reshape(_array_shape(field, inside)))
        for (step, inside), part in zip(plan.stored(box), steps, strict=True)
    ]
    return Slab(layers, spots[:: max(1, len(spots) // OF_SLAB)])


def _read(source: Source, plan: Plan, box: Box, place: Box, field: Field, about: str) -> tuple[Values, Values]:
    """What a source has in ``place``: as it is there, and as it is stored in ``box``, the same by another way."""
    import numpy as np

    from dbproc.codes.idx.values import native

    wanted = _array_shape(field, box)
    told = field.name if len(source.description.fields) > 1 else ""
    with reading(about, field=told):
        found = native(np.asarray(source.read(field.name, place)))
        values = native(np.flip(found, plan.turned))
    if values.dtype.name != field.dtype or values.shape != wanted:
        raise AssertionError(f"{field.name}: {values.dtype} {values.shape} read where {field.dtype} {wanted} was told")
    with reading(about, field=told):
        require_same(source, field, box, values, about, plan.turned)
    return found, values


def _layer(field: Field, step: int, box: Box, values: Values) -> Layer:
    from dbproc.codes.idx.values import measure, native

    pieces = []
    for part in slabs.tiles(slabs.shape_of(box), sample_bytes(field), PIECE):
        inside = native(values[part])
        pieces.append(Piece(field, step, slabs.shifted(part, box), checksum(inside), measure(inside, field)))
    return Layer(field, step, box, values, pieces)


def _compare(target: Any, piece: Piece, path: Path) -> None:
    from dbproc.codes.idx.values import native

    values = native(target.read(piece.field.name, piece.box, piece.step))
    if values.dtype.name != piece.field.dtype or checksum(values) != piece.checksum:
        where = f"at {slabs.to_json(piece.box)}" + (f" of timestep {piece.step}" if piece.step else "")
        what = f"field {piece.field.name!r} reads back otherwise than it was written, {where}"
        raise Refusal(path.name, what, "Is the disk sound? Nothing was kept")


def checksum(values: Values) -> int:
    """The CRC-32 of contiguous values."""
    from isal import isal_zlib

    return int(isal_zlib.crc32(values.reshape(-1).view("uint8").data))


def _array_shape(field: Field, box: Box) -> tuple[int, ...]:
    return slabs.shape_of(box) if field.components == 1 else (*slabs.shape_of(box), field.components)
