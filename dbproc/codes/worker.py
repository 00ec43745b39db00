#!/usr/bin/env python3
"""The child process in which sources are opened and OpenVisus works, so that neither can harm who asked.

Started by :mod:`dbproc.codes.supervision` with the number of a pipe's end; the job comes as one line of JSON on
standard input, reports go as lines of JSON through the pipe. When standard input ends, the parent is gone, and so is
this process.
"""

from __future__ import annotations

import sys
from pathlib import Path

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[2])

import json
import os
import resource
import threading
import traceback
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from math import prod
from typing import IO, Any

from dbproc.codes import slabs
from dbproc.codes.refusal import Refusal

MEMORY = 4 << 30
"""Address space beyond what slabs need: libraries, their threads, one page of a picture."""
RATE = 1 << 20
"""Bytes a second below which a step counts as hanging."""
SPACE = 2.2
"""Free space that is asked for, as a multiple of the padded size."""

Report = Callable[[dict[str, Any]], None]


def main() -> None:
    """Take one job from standard input, do it, report."""
    reports = os.fdopen(int(sys.argv[1]), "wb")
    job = json.loads(sys.stdin.buffer.readline())
    _die_with_parent()
    _limit_memory(int(job["budget"]))
    try:
        JOBS[job["kind"]](job, reports)
        _send(reports, {"done": True})
    except Refusal as refusal:
        _send(reports, {"refusal": [refusal.where, refusal.what, refusal.todo]})
    except MemoryError:
        todo = "Give a smaller --slab, or a machine with more memory"
        _send(reports, {"refusal": [job["about"], "it needs more memory than a conversion may take", todo]})
    except Exception as error:
        traceback.print_exc()
        _send(reports, {"refusal": [job["about"], _defect(error), "This is a defect; please report it"]})
    reports.flush()
    os._exit(0)  # OpenVisus may hang or crash while it is taken down


def convert(job: dict[str, Any], reports: IO[bytes]) -> None:
    """Write the dataset of a source into a staging directory and verify it: ``x.idx`` and ``x/``."""
    from dbproc.codes.source import opener, state

    inputs = [Path(name) for name in job["inputs"]]
    before = state(inputs)
    with ExitStack() as stack:
        with _reading(job["about"]):
            source = stack.enter_context(opener(job["opener"])(inputs, job["options"]))
        _write(source, Path(job["idx"]), job, reports)
    if state(inputs) != before:
        raise Refusal(job["about"], "it changed while it was converted", "Convert it again once it is complete")


def read(job: dict[str, Any], reports: IO[bytes]) -> None:
    """Send a box of one field: a line with its type, then the values as raw bytes, slab by slab."""
    import numpy as np

    from dbproc.codes.blocks import Blocks
    from dbproc.codes.values import native

    blocks = Blocks(Path(job["idx"]))
    box, field = slabs.from_json(job["box"]), job["field"]
    sample = np.dtype(job["dtype"]).itemsize * job["components"]
    for part in slabs.plan(slabs.shape_of(box), sample, job["budget"]):
        _step(reports, prod(slabs.shape_of(part)) * sample, job)
        values = native(blocks.read(field, slabs.shifted(part, box)))
        if values.dtype.name != job["dtype"] or values.nbytes != prod(slabs.shape_of(part)) * sample:
            raise Refusal(job["about"], f"field {field!r} holds {values.dtype}, its metadata says {job['dtype']}")
        _send(reports, {"bytes": values.nbytes})
        reports.write(values.reshape(-1).view("uint8").data)


def inspect(job: dict[str, Any], reports: IO[bytes]) -> None:
    """Send a dataset's shape and fields, and which of its blocks cannot be read."""
    from dbproc.codes.blocks import Blocks

    blocks = Blocks(Path(job["idx"]))
    _step(reports, sum(each.stat().st_size for each in Path(job["idx"]).parent.glob("*/*.bin")), job)
    layout = blocks.layout
    _send(reports, {"shape": layout.shape, "fields": layout.fields, "absent": blocks.absent()})


def call(job: dict[str, Any], reports: IO[bytes]) -> None:
    """Do what the function ``job["call"]``, named ``module:function``, does; it announces steps by their bytes."""
    from dbproc.codes.source import opener

    function: Any = opener(job["call"])
    function(job, lambda size: _step(reports, size, job))


JOBS: dict[str, Callable[[dict[str, Any], IO[bytes]], None]] = {
    "convert": convert,
    "read": read,
    "inspect": inspect,
    "call": call,
}


def _write(source: Any, path: Path, job: dict[str, Any], reports: IO[bytes]) -> None:
    from dbproc.codes import blocks
    from dbproc.codes.description import Metadata
    from dbproc.codes.values import total

    description = source.description
    shape = slabs.stored_shape(description.shape)
    axes = description.axes[len(description.shape) - len(shape) :]
    _check_space(path.parent, shape, description.fields)
    blocks.create(path, shape, description.fields, axes)
    written = {each.name: list(_write_field(source, each, shape, path, job, reports)) for each in description.fields}
    for each in description.fields:
        _verify(path, each, [(box, checksum) for box, checksum, _ in written[each.name]], job, reports)
    absent = blocks.Blocks(path).absent()
    if absent:
        raise Refusal(path.name, f"blocks were not written: {', '.join(absent[:5])}", "Is the disk full?")
    if len(shape) < len(description.shape):
        description = description.noting(f"stored as {shape}: leading axes of size 1 are left out of the IDX")
    tallies = {name: total(tally for _, _, tally in parts) for name, parts in written.items()}
    blocks.annotate(path, Metadata(description, shape, tallies).to_text())
    fields = [f"{each.name} {each.openvisus_dtype}" for each in description.fields]
    _send(reports, {"fields": fields, "shape": description.shape, "notes": description.notes})


def _write_field(
    source: Any, field: Any, shape: tuple[int, ...], path: Path, job: dict[str, Any], reports: IO[bytes]
) -> Iterator[tuple[slabs.Box, int, Any]]:
    """Write one field slab by slab; yields each slab's box, checksum and tally."""
    from dbproc.codes.blocks import Blocks
    from dbproc.codes.values import measure, native

    target = Blocks(path)
    leading = (slice(0, 1),) * (len(source.description.shape) - len(shape))
    for box in slabs.plan(shape, _sample_bytes(field), job["budget"]):
        _step(reports, prod(slabs.shape_of(box)) * _sample_bytes(field), job)
        with _reading(job["about"]):
            values = native(source.read(field.name, (*leading, *box)))
        values = values.reshape(slabs.shape_of(box) if field.components == 1 else (*slabs.shape_of(box), -1))
        target.write(field, box, values)
        yield box, zlib.crc32(values.reshape(-1).view("uint8").data), measure(values, field)


def _verify(
    path: Path, field: Any, parts: Sequence[tuple[slabs.Box, int]], job: dict[str, Any], reports: IO[bytes]
) -> None:
    """Read every slab back through OpenVisus, from the files, and compare."""
    from dbproc.codes.blocks import Blocks
    from dbproc.codes.values import native

    target = Blocks(path)
    for box, checksum in parts:
        _step(reports, prod(slabs.shape_of(box)) * _sample_bytes(field), job)
        values = native(target.read(field.name, box))
        if values.dtype.name != field.dtype or zlib.crc32(values.reshape(-1).view("uint8").data) != checksum:
            what = f"field {field.name!r} reads back otherwise than it was written, at {slabs.to_json(box)}"
            raise Refusal(path.name, what, "Is the disk sound? Nothing was kept")


def _sample_bytes(field: Any) -> int:
    import numpy as np

    return int(np.dtype(field.dtype).itemsize * field.components)


def _check_space(directory: Path, shape: tuple[int, ...], fields: Sequence[Any]) -> None:
    import shutil

    needed = int(SPACE * slabs.padded_size(shape) * sum(_sample_bytes(each) for each in fields))
    free = shutil.disk_usage(directory).free
    if free < needed:
        what = f"{needed / 1e6:.0f} MB of free space are needed, there are {free / 1e6:.0f} MB"
        raise Refusal(directory.parent, what, "Make room or name another directory")


@contextmanager
def _reading(about: str) -> Iterator[None]:
    """Whatever a library raises while it reads a source is said to be the source's fault."""
    try:
        yield
    except (Refusal, MemoryError):
        raise
    except Exception as error:
        traceback.print_exc()
        what = f"it cannot be read: {type(error).__name__}: {error}"
        raise Refusal(about, what, "It seems damaged or of another kind; get it again from where it came") from error


def _step(reports: IO[bytes], size: int, job: dict[str, Any]) -> None:
    """Announce a step over ``size`` bytes, and how long it may take before it counts as hanging."""
    seconds = float(job["patience"]) + size / RATE
    used = resource.getrusage(resource.RUSAGE_SELF)
    limit = int(used.ru_utime + used.ru_stime + (os.cpu_count() or 1) * seconds) + 1
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (limit if hard < 0 else min(limit, hard), hard))
    _send(reports, {"seconds": seconds})


def _send(reports: IO[bytes], message: dict[str, Any]) -> None:
    reports.write(json.dumps(message).encode() + b"\n")
    reports.flush()


def _die_with_parent() -> None:
    def watch() -> None:
        while sys.stdin.buffer.read(1):
            pass
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _limit_memory(budget: int) -> None:
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    wanted = MEMORY + 6 * budget
    resource.setrlimit(resource.RLIMIT_AS, (wanted if hard < 0 else min(wanted, hard), hard))


def _defect(error: Exception) -> str:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} at {Path(frame.filename).name}:{frame.lineno}: {error}"


if __name__ == "__main__":
    main()
