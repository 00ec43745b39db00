"""What a child process reads of a dataset for :mod:`dbproc.codes.idx.idx_reader`."""

from __future__ import annotations

from math import prod
from pathlib import Path
from typing import Any

from dbproc.codes.idx import slabs
from dbproc.codes.idx.refusal import Refusal
from dbproc.codes.idx.reports import Reports
from dbproc.codes.idx.written import known

Job = dict[str, Any]


def read(job: Job, reports: Reports) -> None:
    """Send a box of one field: a line with its size, then the values as raw bytes, slab by slab.

    The box is told, and its values sent, with axes as the source has them.
    """
    import numpy as np

    from dbproc.codes.idx.blocks import Blocks
    from dbproc.codes.idx.values import native

    blocks = Blocks(Path(job["idx"]))
    box, field = slabs.from_json(job["box"]), job["field"]
    sample = np.dtype(job["dtype"]).itemsize * job["components"]
    for step in job["steps"]:
        for part in slabs.plan(slabs.shape_of(box), sample, job["slab"]):
            reports.step(prod(slabs.shape_of(part)) * sample)
            inside = slabs.turned(slabs.shifted(part, box), tuple(job["shape"]), job["turned"])
            values = native(np.flip(blocks.read(field, inside, step), job["turned"]))
            if values.dtype.name != job["dtype"] or values.nbytes != prod(slabs.shape_of(part)) * sample:
                raise Refusal(job["about"], f"field {field!r} holds {values.dtype}, its metadata says {job['dtype']}")
            reports.send({"bytes": values.nbytes}, values.reshape(-1).view("uint8").data)


def inspect(job: Job, reports: Reports) -> None:
    """Send a dataset's shape, fields and timesteps, and which of its blocks cannot be read."""
    from dbproc.codes.idx.blocks import Blocks

    idx = Path(job["idx"])
    blocks, there = Blocks(idx), known(idx)
    reports.step(sum(each.stat().st_size for each in idx.with_suffix("").rglob("*.bin")))
    layout, absent = blocks.layout, blocks.absent(there)
    steps, notes = (there.steps, there.notes) if there else (layout.steps, ())
    reports.send({"shape": layout.shape, "fields": layout.fields, "steps": steps, "absent": absent, "notes": notes})
