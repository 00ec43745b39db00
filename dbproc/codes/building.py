"""Building a dataset in a staging directory: written slab by slab, read back, packed, audited, described.

To be used in a child process only. While one thread reads the source, another writes; the inputs' digests are taken
besides. What is written is read back through OpenVisus before it is packed, and packing compares every block.
"""

from __future__ import annotations

import shutil
import traceback
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from queue import Queue
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

from dbproc.codes import slabs
from dbproc.codes.description import Description, Field, Metadata, Origin, Part, Tally
from dbproc.codes.joined import joined
from dbproc.codes.refusal import Refusal
from dbproc.codes.reports import Reports
from dbproc.codes.slabs import Box
from dbproc.codes.source import Source, digested, opener, state
from dbproc.codes.stepped import arranged

if TYPE_CHECKING:
    from dbproc.codes.values import Values

SPACE = 2.2
"""Free space that is asked for, as a multiple of the padded size."""
THREADS = 2
"""Threads that read back; each takes several times the memory of a slab."""


@dataclass(frozen=True)
class Piece:
    """A box of one field in one timestep, as it was read from the source; ``box`` is the stored one."""

    field: Field
    step: int
    box: Box
    checksum: int
    tally: Tally

    @property
    def bytes(self) -> int:
        """Size of its values."""
        return prod(slabs.shape_of(self.box)) * sample_bytes(self.field)


@dataclass(frozen=True)
class Plan:
    """How a description is stored: shape of a timestep, number of timesteps (None: no time), bytes of a slab."""

    description: Description
    shape: tuple[int, ...]
    steps: int | None
    slab: int

    @staticmethod
    def of(description: Description, slab: int) -> Plan:
        """The plan for a description whose timesteps, if any, are its first axis."""
        steps = description.shape[0] if description.timesteps else None
        spatial = description.shape[1:] if description.timesteps else description.shape
        return Plan(description, slabs.stored_shape(spatial or (1,)), steps, slab)

    @property
    def bytes(self) -> int:
        """Size of all values."""
        return prod(self.description.shape) * sum(sample_bytes(each) for each in self.description.fields)

    def boxes(self) -> Iterator[tuple[Box, Field]]:
        """Boxes of the source, fields within boxes."""
        sample = max(sample_bytes(each) for each in self.description.fields)
        for box in slabs.plan(self.description.shape, sample, self.slab):
            for field in self.description.fields:
                yield box, field

    def stored(self, box: Box) -> Iterator[tuple[int, int, Box]]:
        """The timesteps that a box of the source touches: place within the box, step, stored box."""
        spatial = box[1:] if self.steps is not None else box
        inside = spatial[len(spatial) - len(self.shape) :] or (slice(0, 1),)
        steps = range(box[0].start, box[0].stop) if self.steps is not None else range(1)
        for place, step in enumerate(steps):
            yield place, step, inside


def convert(job: dict[str, Any], reports: Reports) -> None:
    """Write the dataset of a source into a staging directory and verify it: ``x.idx`` and ``x/``."""
    inputs = [Path(name) for name in job["inputs"]]
    before = state(inputs)
    with ExitStack() as stack:
        with reading(job["about"]):
            found = stack.enter_context(opened(job, inputs))
            source = arranged(found, job["timesteps"], job["about"])
        _build(source, Path(job["idx"]), job, reports)
    if state(inputs) != before:
        raise Refusal(job["about"], "it changed while it was converted", "Convert it again once it is complete")


@contextmanager
def opened(job: dict[str, Any], inputs: Sequence[Path]) -> Iterator[Source]:
    """The inputs as one source."""
    function = opener(job["opener"])
    if job["is_whole"]:
        with function(inputs, job["options"]) as source:
            yield source
    else:
        with joined(function, inputs, job["options"], job["join"], job["new_axis"]) as source:
            yield source


@contextmanager
def reading(about: str) -> Iterator[None]:
    """Whatever a library raises while it reads a source is said to be the source's fault."""
    try:
        yield
    except (Refusal, MemoryError):
        raise
    except Exception as error:
        traceback.print_exc()
        what = f"it cannot be read: {type(error).__name__}: {error}"
        raise Refusal(about, what, "It seems damaged or of another kind; get it again from where it came") from error


def sample_bytes(field: Field) -> int:
    """Bytes of one sample of a field, all components of it."""
    import numpy as np

    return int(np.dtype(field.dtype).itemsize * field.components)


def _build(source: Source, path: Path, job: dict[str, Any], reports: Reports) -> None:
    from dbproc.codes import blocks

    description = source.description
    plan = Plan.of(description, job["slab"])
    _check_space(path.parent, plan)
    blocks.create(path, plan.shape, description.fields, description.axes[-len(plan.shape) :], plan.steps)
    with ThreadPoolExecutor(THREADS) as pool:
        origins = [pool.submit(digested, each) for each in description.origins]
        pieces = list(_written(source, plan, path, job["about"], reports))
        _verify(path, pieces, plan, pool, reports)
        absent = blocks.Blocks(path).absent()
        if absent:
            raise Refusal(path.name, f"blocks were not written: {', '.join(absent[:5])}", "Is the disk full?")
        metadata = _metadata(plan, pieces, origins)
    blocks.annotate(path, metadata.to_text())
    fields = [f"{each.name} {each.openvisus_dtype}" for each in description.fields]
    reports.send({"fields": fields, "shape": description.shape, "notes": metadata.description.notes})


def _metadata(plan: Plan, pieces: Sequence[Piece], origins: Sequence[Future[Origin]]) -> Metadata:
    from dbproc.codes.values import total

    description = replace(plan.description, origins=tuple(each.result() for each in origins))
    spatial = description.shape[1:] if plan.steps is not None else description.shape
    if len(plan.shape) < len(spatial):
        description = description.noting(f"stored as {plan.shape}: leading axes of size 1 are left out of the IDX")
    tallies: dict[str, list[Tally]] = {each.name: [] for each in description.fields}
    of_steps: dict[tuple[int, str], list[Tally]] = defaultdict(list)
    for piece in pieces:
        tallies[piece.field.name].append(piece.tally)
        of_steps[piece.step, piece.field.name].append(piece.tally)
    if plan.steps is not None:
        parts = tuple(_counted(part, of_steps, tallies) for part in description.parts)
        description = replace(description, parts=parts)
    return Metadata(description, plan.shape, {name: total(found) for name, found in tallies.items()})


def _counted(part: Part, of_steps: dict[tuple[int, str], list[Tally]], fields: Sequence[str] | Any) -> Part:
    from dbproc.codes.values import total

    steps = range(part.start, part.stop)
    return replace(part, tallies={name: total(t for step in steps for t in of_steps[step, name]) for name in fields})


def _written(source: Source, plan: Plan, path: Path, about: str, reports: Reports) -> Iterator[Piece]:
    """Write everything, reading ahead by one slab."""
    from dbproc.codes.blocks import Blocks

    target = Blocks(path)
    reports.begin("writing", plan.bytes)
    for box, field, values, checked in _read_ahead(source, plan, about, reports):
        for (place, step, inside), (checksum, tally) in zip(plan.stored(box), checked, strict=True):
            part = values[place] if plan.steps is not None else values
            piece = Piece(field, step, inside, checksum, tally)
            target.write(field, inside, part.reshape(_array_shape(field, inside)), step)
            yield piece
            reports.advance(piece.bytes)


Slab = tuple[Box, Field, "Values", list[tuple[int, Tally]]]


def _read_ahead(source: Source, plan: Plan, about: str, reports: Reports) -> Iterator[Slab]:
    """Slabs with their checksums and tallies, the next one being read in a thread while one is worked on."""
    queue: Queue[Slab | BaseException | None] = Queue(1)
    stopped = Event()

    def produce() -> None:
        try:
            for box, field in plan.boxes():
                reports.step(prod(slabs.shape_of(box)) * sample_bytes(field))
                with reading(about):
                    found = source.read(field.name, box)
                values = _values(found, field, box)
                queue.put((box, field, values, _checked(values, plan, field)))
                del found, values
                if stopped.is_set():
                    return
            queue.put(None)
        except BaseException as error:
            queue.put(error)

    Thread(target=produce, daemon=True).start()
    try:
        while (found := queue.get()) is not None:
            if isinstance(found, BaseException):
                raise found
            yield found
    finally:
        stopped.set()


def _values(found: Values, field: Field, box: Box) -> Values:
    """What a source read for a box, contiguous and in this machine's byte order."""
    from dbproc.codes.values import native

    values = native(found)
    wanted = _array_shape(field, box)
    if values.dtype.name != field.dtype or values.shape != wanted:
        raise AssertionError(f"{field.name}: {values.dtype} {values.shape} read where {field.dtype} {wanted} was told")
    return values


def _checked(values: Values, plan: Plan, field: Field) -> list[tuple[int, Tally]]:
    """Checksum and tally of each timestep in a slab."""
    from dbproc.codes.values import measure

    parts = values if plan.steps is not None else [values]
    return [(checksum(part), measure(part, field)) for part in parts]


def checksum(values: Values) -> int:
    """A checksum (CRC-32) of contiguous values."""
    from isal import isal_zlib

    return int(isal_zlib.crc32(values.reshape(-1).view("uint8").data))


def _array_shape(field: Field, box: Box) -> tuple[int, ...]:
    return slabs.shape_of(box) if field.components == 1 else (*slabs.shape_of(box), field.components)


def _verify(path: Path, pieces: Sequence[Piece], plan: Plan, pool: ThreadPoolExecutor, reports: Reports) -> None:
    """Read everything back through OpenVisus, from the files, and compare."""
    reports.begin("reading back", plan.bytes)
    waiting = iter(pieces)

    def work() -> None:
        from dbproc.codes.blocks import Blocks

        target = Blocks(path)
        for piece in waiting:
            reports.step(piece.bytes)
            _compare(target, piece, path)
            reports.advance(piece.bytes)

    for each in [pool.submit(work) for _ in range(THREADS)]:
        each.result()


def _compare(target: Any, piece: Piece, path: Path) -> None:
    from dbproc.codes.values import native

    values = native(target.read(piece.field.name, piece.box, piece.step))
    if values.dtype.name != piece.field.dtype or checksum(values) != piece.checksum:
        where = f"at {slabs.to_json(piece.box)}" + (f" of timestep {piece.step}" if piece.step else "")
        what = f"field {piece.field.name!r} reads back otherwise than it was written, {where}"
        raise Refusal(path.name, what, "Is the disk sound? Nothing was kept")


def _check_space(directory: Path, plan: Plan) -> None:
    sample = sum(sample_bytes(each) for each in plan.description.fields)
    needed = int(SPACE * slabs.padded_size(plan.shape) * sample * (plan.steps or 1))
    free = shutil.disk_usage(directory).free
    if free < needed:
        what = f"{needed / 1e6:.0f} MB of free space are needed, there are {free / 1e6:.0f} MB"
        raise Refusal(directory.parent, what, "Make room or name another directory")
