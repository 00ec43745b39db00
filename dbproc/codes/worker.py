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
from collections.abc import Callable
from math import prod
from typing import Any

from dbproc.codes import slabs
from dbproc.codes.building import convert
from dbproc.codes.refusal import Refusal
from dbproc.codes.reports import Reports
from dbproc.codes.source import opener

MEMORY = 4 << 30
"""Address space beyond what slabs need: libraries, their threads, one page of a picture."""

Job = dict[str, Any]


def main() -> None:
    """Take one job from standard input, do it, report."""
    stream = os.fdopen(int(sys.argv[1]), "wb")
    job = json.loads(sys.stdin.buffer.readline())
    reports = Reports(stream, float(job["patience"]))
    _die_with_parent()
    _limit_memory(int(job["slab"]))
    try:
        JOBS[job["kind"]](job, reports)
        reports.send({"done": True})
    except Refusal as refusal:
        reports.send({"refusal": [refusal.where, refusal.what, refusal.todo]})
    except MemoryError:
        todo = "Give a smaller --slab, or a machine with more memory"
        reports.send({"refusal": [job["about"], "it needs more memory than a conversion may take", todo]})
    except OSError as error:
        traceback.print_exc()
        where = error.filename or job.get("idx") or job["about"]
        reports.send({"refusal": [str(where), str(error.strerror or error), "Nothing was kept; mend that first"]})
    except Exception as error:
        traceback.print_exc()
        reports.send({"refusal": [job["about"], _defect(error), "This is a defect; please report it"]})
    os._exit(0)  # OpenVisus may hang or crash while it is taken down


def read(job: Job, reports: Reports) -> None:
    """Send a box of one field: a line with its size, then the values as raw bytes, slab by slab."""
    import numpy as np

    from dbproc.codes.blocks import Blocks
    from dbproc.codes.values import native

    blocks = Blocks(Path(job["idx"]))
    box, field = slabs.from_json(job["box"]), job["field"]
    sample = np.dtype(job["dtype"]).itemsize * job["components"]
    for step in job["steps"]:
        for part in slabs.plan(slabs.shape_of(box), sample, job["slab"]):
            reports.step(prod(slabs.shape_of(part)) * sample)
            values = native(blocks.read(field, slabs.shifted(part, box), step))
            if values.dtype.name != job["dtype"] or values.nbytes != prod(slabs.shape_of(part)) * sample:
                raise Refusal(job["about"], f"field {field!r} holds {values.dtype}, its metadata says {job['dtype']}")
            reports.send({"bytes": values.nbytes}, values.reshape(-1).view("uint8").data)


def inspect(job: Job, reports: Reports) -> None:
    """Send a dataset's shape, fields and timesteps, and which of its blocks cannot be read."""
    from dbproc.codes.blocks import Blocks

    blocks = Blocks(Path(job["idx"]))
    reports.step(sum(each.stat().st_size for each in Path(job["idx"]).with_suffix("").rglob("*.bin")))
    layout = blocks.layout
    reports.send({"shape": layout.shape, "fields": layout.fields, "steps": layout.steps, "absent": blocks.absent()})


def call(job: Job, reports: Reports) -> None:
    """Do what the function ``job["call"]``, named ``module:function``, does; it announces steps by their bytes."""
    function: Any = opener(job["call"])
    function(job, reports.step)


JOBS: dict[str, Callable[[Job, Reports], None]] = {"convert": convert, "read": read, "inspect": inspect, "call": call}


def _die_with_parent() -> None:
    def watch() -> None:
        while sys.stdin.buffer.read(1):
            pass
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _limit_memory(slab: int) -> None:
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    wanted = MEMORY + 16 * slab
    resource.setrlimit(resource.RLIMIT_AS, (wanted if hard < 0 else min(wanted, hard), hard))


def _defect(error: Exception) -> str:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} at {Path(frame.filename).name}:{frame.lineno}: {error}"


if __name__ == "__main__":
    main()
