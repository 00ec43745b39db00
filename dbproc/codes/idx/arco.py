"""A copy of a dataset with one compressed file for each block: what any static web server or object store can serve.

OpenVisus reads such a dataset over plain HTTP; of the layout with many blocks in a file it would get zeros.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dbproc.codes.idx import hz, idx_file, slabs
from dbproc.codes.idx.codec import zipped
from dbproc.codes.idx.idx_file import IdxFile
from dbproc.codes.idx.manifest import Facts
from dbproc.codes.idx.packing import AHEAD, in_order
from dbproc.codes.idx.refusal import Refusal
from dbproc.codes.idx.reports import Reports
from dbproc.codes.idx.samples import Samples

if TYPE_CHECKING:
    from dbproc.codes.idx.values import Values

BLOCK_BYTES = 1 << 20
"""A block, uncompressed, is at most so large, where the original's blocks are not larger."""

Place = tuple[int, int, int]
"""Timestep, field and block."""


def arrange(
    source: Path, target: Path, *, threads: int = 2, progress: Callable[[int], None] = lambda _: None
) -> dict[str, Facts]:
    """Write the copy; the directory of ``target`` is there, ``target`` and its companion are not.

    Parameters
    ----------
    source
        The ``.idx`` of a whole dataset with many blocks in a file, raw or packed.
    target
        The ``.idx`` to write.
    threads
        How many work at it.
    progress
        Is called with the raw bytes done in all.

    Returns
    -------
    dict
        Size and digest of each file of blocks: for :func:`dbproc.codes.idx.manifest.write`.
    """
    stored = idx_file.read(source)
    if stored.arco:
        raise Refusal(source, "it is of the arco layout already", "Copy it as it is")
    text = rewritten(source.read_text(), stored, target.stem)
    copy = idx_file.parse(text)
    target.write_text(text)
    places = [
        (step, field, block) for step in copy.steps for field in range(len(copy.fields)) for block in hz.needed(copy)
    ]
    work = partial(_write, Samples(source, stored), stored, target, copy)
    known: dict[str, Facts] = {}
    done = 0
    with ThreadPoolExecutor(threads) as pool:
        for (_, field, _), (name, facts) in zip(places, in_order(pool, work, places, threads * AHEAD), strict=True):
            known[name] = facts
            done += copy.block_bytes(copy.fields[field])
            progress(done)
    return known


def rewritten(text: str, stored: IdxFile, stem: str) -> str:
    """The ``.idx`` of the copy, whose companion is called ``stem``."""
    sections = {
        "bitsperblock": str(block_bits(stored)),
        "blocksperfile": "1",
        "filename_template": f"./{stem}/%04x.bin",
        "arco": str(
            max(stored.block_bytes(each) for each in stored.fields) << block_bits(stored) - stored.bits_per_block
        ),
    }
    text = idx_file.with_compression(text, {each.name: "zip" for each in stored.fields})
    if "(arco)" not in text:
        text = text.rstrip("\n") + "\n(arco)\n0\n"
    for name, value in sections.items():
        text = re.sub(rf"(?m)^(\({name}\)\n).*$", lambda found, value=value: found[1] + value, text)  # type: ignore[misc]
    return text


def block_bits(stored: IdxFile) -> int:
    """Two to the power of this is the samples in a block of the copy."""
    largest = max(each.sample_bytes for each in stored.fields)
    wanted = (BLOCK_BYTES // largest).bit_length() - 1
    return max(stored.bits_per_block, min(wanted, len(stored.bitmask)))


def check(job: Mapping[str, Any], reports: Reports) -> None:
    """Read original and copy completely through OpenVisus and compare: a job of a child process."""
    ov = importlib.import_module("OpenVisus")
    stored = idx_file.read(Path(job["source"]))
    original, copy = ov.LoadDataset(job["source"]), ov.LoadDataset(job["copy"])
    for step in stored.steps:
        for field in stored.fields:
            for box in slabs.plan(stored.shape, field.sample_bytes, job["slab"]):
                reports.step(2 * prod(slabs.shape_of(box)) * field.sample_bytes)
                logic = _logic(box, stored)
                first, second = (_read(db, field.name, step, logic) for db in (original, copy))
                if first.dtype != second.dtype or first.shape != second.shape or first.tobytes() != second.tobytes():
                    what = f"field {field.name!r} timestep {step} reads otherwise at {slabs.to_json(box)}"
                    raise Refusal(Path(job["copy"]).name, what, "Please report it; nothing was kept")


def _logic(box: slabs.Box, stored: IdxFile) -> tuple[list[int], list[int]]:
    parts = list(zip(reversed(box), stored.box, strict=True))
    return [part.start + low for part, (low, _) in parts], [part.stop + low for part, (low, _) in parts]


def _read(db: Any, field: str, step: int, logic: tuple[list[int], list[int]]) -> Values:
    import numpy as np

    return np.ascontiguousarray(np.asarray(db.read(field=field, time=step, logic_box=logic)))


def _write(samples: Samples, stored: IdxFile, target: Path, copy: IdxFile, place: Place) -> tuple[str, Facts]:
    """Write one block of the copy; returns the file's name and facts."""
    import hashlib

    stream = zipped(_regrouped(samples, stored, copy, place).tobytes())
    path = copy.bin(target, *place)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(stream)
    return path.relative_to(target.parent).as_posix(), Facts(len(stream), hashlib.sha256(stream).hexdigest())


def _regrouped(samples: Samples, stored: IdxFile, copy: IdxFile, place: Place) -> Values:
    """The samples of a block of the copy, out of the smaller blocks of the original; padding is zero."""
    import numpy as np

    step, field, block = place
    kind = stored.fields[field]
    components = () if kind.components == 1 else (kind.components,)
    values = np.zeros((*hz.shape(copy, block), *components), dtype=kind.dtype)
    whole = hz.lattice(copy.bitmask, copy.bits_per_block, block, len(copy.box))
    ratio = 1 << (copy.bits_per_block - stored.bits_per_block)
    for each in range(block * ratio, min((block + 1) * ratio, stored.blocks)):
        try:
            found = samples.of_block(step, field, each)
        except LookupError as error:
            raise Refusal(kind.name, f"block {each}: {error}", "Convert it anew") from error
        if found is not None:
            rows = hz.lattice(stored.bitmask, stored.bits_per_block, each, len(stored.box))
            values[_within(whole, rows)] = found
    return values


def _within(whole: tuple[hz.Row, ...], rows: tuple[hz.Row, ...]) -> tuple[slice, ...]:
    """Where the samples of a small block lie among those of the large one, slowest axis first."""
    found = []
    for large, small in zip(reversed(whole), reversed(rows), strict=True):
        start = (small.start - large.start) // large.step
        by = small.step // large.step if small.count > 1 else 1
        found.append(slice(start, start + (small.count - 1) * by + 1, by))
    return tuple(found)
