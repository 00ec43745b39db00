"""Compressing a raw dataset block by block, and making sure of what came out.

A block is compressed, undone and compared before it counts; one that does not get smaller stays raw. Each bin is
written anew beside the raw one, which it then replaces. The same input gives the same bytes, whatever the threads.
"""

from __future__ import annotations

import importlib
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from dbproc.codes.idx import bins, hz, idx_file
from dbproc.codes.idx.bins import Entry, Table
from dbproc.codes.idx.codec import Codec, unzfped, unzipped, zfped, zipped
from dbproc.codes.idx.files import sha256
from dbproc.codes.idx.idx_file import IdxFile, StoredField
from dbproc.codes.idx.manifest import Facts
from dbproc.codes.idx.refusal import Refusal

if TYPE_CHECKING:
    from dbproc.codes.idx.description import Field

T = TypeVar("T")
R = TypeVar("R")

AHEAD = 4
"""Blocks under way for each thread."""
SETTLERS = 4
"""Threads that wait until bins are on the disk: a system makes several durable at once, and one in as much time."""
PROBES = 24
"""Blocks that are read through OpenVisus after packing."""
Progress = Callable[[int], None]
Checks = tuple[int, ...]


@dataclass(frozen=True)
class Packed:
    """What became of a dataset.

    Parameters
    ----------
    codec
        As it was asked for.
    files
        Size and digests of each bin, by its name relative to the ``.idx``'s directory: for :func:`manifest.write`.
    raw_bytes, packed_bytes
        Of all bins.
    errors
        For a lossy codec the largest difference of each field's values from the raw ones; empty where nothing is lost.
    """

    codec: Codec
    files: Mapping[str, Facts]
    raw_bytes: int
    packed_bytes: int
    errors: Mapping[str, float]

    @property
    def notes(self) -> tuple[str, ...]:
        """What is to be said of it in the metadata; nothing where nothing is lost."""
        return tuple(
            f"field {name}: stored with {self.codec}, values differ from the source's by at most {error!r}"
            for name, error in self.errors.items()
        )


@dataclass(frozen=True)
class _Block:
    """A block as it is to be written."""

    stream: bytes
    flags: int
    crc: int
    error: float


@dataclass(frozen=True)
class _Task:
    """A raw block to compress: where it lies, and what it holds."""

    descriptor: int
    entry: Entry
    field: StoredField
    shape: Callable[[], tuple[int, ...]]


def pack(
    idx: Path,
    codec: Codec,
    *,
    threads: int = 2,
    progress: Progress = lambda _: None,
    fields: Sequence[Field] = (),
) -> Packed:
    """Compress the bins of a raw, closed dataset in place; to be called in a child process.

    Parameters
    ----------
    idx
        The ``.idx``, its companion directory beside it; nobody else may use them.
    codec
        How. For ``zfp`` the ``.idx`` is told, too.
    threads
        How many work at it.
    progress
        Is called with the raw bytes done in all.
    fields
        What the fields' values mean: a block with a missing or infinite value is never stored with loss.

    Raises
    ------
    Refusal
        When the codec does not fit, before anything is written; or when a bin is not as expected.
    """
    stored = idx_file.read(idx)
    if stored.arco:
        raise Refusal(idx, "it is of the arco layout", "Pack it as such")
    codec.require_fit(idx, len(stored.box), stored.fields)
    meanings = {each.name: each for each in fields}
    found: dict[str, tuple[Path, Checks, Future[str]]] = {}
    errors: dict[str, float] = {}
    raw_bytes = 0
    with ThreadPoolExecutor(threads) as pool, ThreadPoolExecutor(SETTLERS) as settling:
        for _, first, path in stored.bins(idx):
            if path.exists():
                done = partial(_advance, progress, raw_bytes)
                size = path.stat().st_size
                checks = _pack_bin(path, stored, first, codec, meanings, errors, (pool, threads * AHEAD), done)
                found[path.relative_to(idx.parent).as_posix()] = path, checks, settling.submit(_settled, path)
                raw_bytes += size
                progress(raw_bytes)
    if codec.in_idx:
        told = idx_file.with_compression(idx.read_text(), {each.name: codec.in_idx for each in stored.fields})
        idx.write_text(told)
    files = {name: Facts(path.stat().st_size, sha.result(), checks) for name, (path, checks, sha) in found.items()}
    packed = sum(each.bytes for each in files.values())
    return Packed(codec, files, raw_bytes, packed, errors if codec.lossy else {})


def audit(idx: Path) -> None:
    """Make sure that every block which holds a part of the data is there, and that OpenVisus reads some of them.

    Raises
    ------
    Refusal
        Naming the first blocks that are missing, or that OpenVisus reads otherwise than they are.
    """
    stored = idx_file.read(idx)
    wanted = list(hz.needed(stored))
    absent = []
    for step, first, path in stored.bins(idx):
        inside = [block for block in wanted if first <= block < first + stored.blocks_per_file]
        if inside:
            none: Table = [None] * _entries(stored)
            table = bins.read_table(path, stored) if path.exists() else none
            absent += [told(stored, step, *each) for each in _absent(stored, table, first, inside)]
    if absent:
        raise Refusal(idx.name, f"{len(absent)} blocks are not there: {', '.join(absent[:5])}", "Is the disk full?")
    _probe(idx, stored, wanted)


def told(stored: IdxFile, step: int, field: int, block: int) -> str:
    """A block's name for people."""
    time = f"timestep {step} " if stored.time_template else ""
    return f"{time}field {stored.fields[field].name} block {block}"


def _settled(path: Path) -> str:
    """Have a finished bin written to the disk while others are packed; returns its SHA-256."""
    with path.open("rb") as stream:
        os.fsync(stream.fileno())
    return sha256(path)


def _checks(path: Path, stored: IdxFile) -> Checks:
    """The CRC-32 of the table and of each block of a bin as it is."""
    table = bins.read_table(path, stored)
    with path.open("rb") as source:
        crcs = [_crc(source.read(bins.table_bytes(stored)))]
        for entry in table:
            crcs.append(0 if entry is None else _crc(os.pread(source.fileno(), entry.size, entry.offset)))
    return tuple(crcs)


def in_order(pool: ThreadPoolExecutor, work: Callable[[T], R], items: Iterable[T], ahead: int) -> Iterator[R]:
    """The results of ``work`` in the order of ``items``, at most ``ahead`` of them under way."""
    under_way: deque[Future[R]] = deque()
    for item in items:
        under_way.append(pool.submit(work, item))
        if len(under_way) >= ahead:
            yield under_way.popleft().result()
    while under_way:
        yield under_way.popleft().result()


def undone(stream: bytes, entry: Entry, stored: IdxFile, field: int, block: int) -> bytes:
    """The samples of a block as bytes.

    Raises
    ------
    ValueError
        When the stream is damaged.
    LookupError
        When its codec is not undone here.
    """
    kind = stored.fields[field]
    size = stored.block_bytes(kind)
    if entry.codec == "zip":
        return unzipped(stream, size)
    if entry.codec == "zfp":
        return unzfped(stream, hz.shape(stored, block), kind.dtype, kind.compression)
    if entry.codec != "raw":
        raise LookupError(f"{entry.codec} is not undone here")
    if len(stream) != size:
        raise ValueError(f"it is {len(stream)} bytes long, not {size}")
    return stream


def _advance(progress: Progress, before: int, done: int) -> None:
    progress(before + done)


def _pack_bin(
    path: Path,
    stored: IdxFile,
    first: int,
    codec: Codec,
    meanings: Mapping[str, Field],
    errors: dict[str, float],
    workers: tuple[ThreadPoolExecutor, int],
    progress: Progress,
) -> Checks:
    """Pack one bin; returns the CRC-32 of its table and of each block."""
    table = bins.read_table(path, stored)
    bins.require_raw(path, stored, table)
    if codec.name == "raw":
        return _checks(path, stored)
    packed = path.with_name(f"{path.name}.packed")
    crcs = [0] * len(table)
    new: Table = [None] * len(table)
    work = partial(_packed_block, codec, meanings)
    done = 0
    try:
        with path.open("rb") as source, packed.open("xb") as target:
            target.write(bytes(bins.table_bytes(stored)))
            tasks = list(_tasks(source.fileno(), table, stored, first))
            blocks = in_order(workers[0], work, (task for _, task in tasks), workers[1])
            for (i, task), block in zip(tasks, blocks, strict=True):
                new[i], crcs[i] = Entry(target.tell(), len(block.stream), block.flags), block.crc
                target.write(block.stream)
                errors[task.field.name] = max(errors.get(task.field.name, 0.0), block.error)
                done += task.entry.size
                progress(done)
            header = bins.encode_table(new)
            target.seek(0)
            target.write(header)
        os.replace(packed, path)
    finally:
        packed.unlink(missing_ok=True)
    return (_crc(header), *crcs)


def _tasks(descriptor: int, table: Table, stored: IdxFile, first: int) -> Iterator[tuple[int, _Task]]:
    for i, entry in enumerate(table):
        if entry is not None:
            field, within = divmod(i, stored.blocks_per_file)
            yield i, _Task(descriptor, entry, stored.fields[field], partial(hz.shape, stored, first + within))


def _packed_block(codec: Codec, meanings: Mapping[str, Field], task: _Task) -> _Block:
    raw = os.pread(task.descriptor, task.entry.size, task.entry.offset)
    if len(raw) != task.entry.size:
        raise Refusal(task.field.name, "a block could not be read whole", "Is the disk sound?")
    stream, flags, error = raw, bins.RAW, 0.0
    if codec.name == "zfp":
        stream, flags, error = _zfped(raw, task, codec, meanings.get(task.field.name))
    if codec.name == "zip" or (codec.name == "zfp" and flags == bins.RAW):
        stream, flags = _zipped(raw)
    return _Block(stream, bins.ROWS | flags, _crc(stream), error)


def _zipped(raw: bytes) -> tuple[bytes, int]:
    stream = zipped(raw)
    return (stream, bins.ZIP) if len(stream) < len(raw) else (raw, bins.RAW)


def _zfped(raw: bytes, task: _Task, codec: Codec, meaning: Field | None) -> tuple[bytes, int, float]:
    """A block as zfp; raw where it would not get smaller, miss its bound, or lose what is not to be lost."""
    import numpy as np

    values = np.frombuffer(raw, dtype=task.field.dtype).reshape(task.shape())
    if codec.lossy and _is_precious(values, meaning):
        return raw, bins.RAW, 0.0
    stream, again = zfped(values, codec)
    if codec.bound is None:
        error = 0.0
        if again != raw:
            return raw, bins.RAW, 0.0
    else:
        error = float(
            np.max(np.abs(values.astype(np.float64) - np.frombuffer(again, values.dtype).reshape(task.shape())))
        )
        if not error <= codec.bound:
            return raw, bins.RAW, 0.0
    return (stream, bins.ZFP, error) if len(stream) < len(raw) else (raw, bins.RAW, 0.0)


def _is_precious(values: Any, meaning: Field | None) -> bool:
    """Whether a block has values that mean something by their exact bits."""
    import numpy as np

    from dbproc.codes.idx.values import missing

    return not np.isfinite(values).all() or (meaning is not None and bool(missing(values, meaning).any()))


def _crc(content: bytes) -> int:
    crc: int = importlib.import_module("isal.isal_zlib").crc32(content)
    return crc


def _entries(stored: IdxFile) -> int:
    return len(stored.fields) * stored.blocks_per_file


def _absent(stored: IdxFile, table: Table, first: int, wanted: Sequence[int]) -> Iterator[tuple[int, int]]:
    for field in range(len(stored.fields)):
        for block in wanted:
            if table[field * stored.blocks_per_file + block - first] is None:
                yield field, block


def _probe(idx: Path, stored: IdxFile, wanted: Sequence[int]) -> None:
    """Read some blocks through OpenVisus and compare them with what is in the bins."""
    import numpy as np

    ov = importlib.import_module("OpenVisus")
    db = ov.LoadDataset(str(idx))
    table = lru_cache(maxsize=1)(partial(_table, stored))
    access = db.createAccess()
    access.beginRead()
    try:
        for step, field, block in _probed(stored, wanted):
            query = db.readBlock(block, field=stored.fields[field].name, time=step, access=access)
            found = None if query is None else np.ascontiguousarray(np.asarray(query)).tobytes()
            if found is None or not _agrees(found, stored.bin(idx, step, field, block), stored, table, field, block):
                what = f"OpenVisus does not read {told(stored, step, field, block)} as it was packed"
                raise Refusal(idx.name, what, "Please report it; nothing was kept")
    finally:
        access.endRead()


def _probed(stored: IdxFile, wanted: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """Some blocks, evenly spread over fields, timesteps and the dataset."""
    every = len(stored.fields) * len(stored.steps) * len(wanted)
    for i in sorted({round(k * (every - 1) / PROBES) for k in range(PROBES + 1)}):
        step, rest = divmod(i, len(stored.fields) * len(wanted))
        field, block = divmod(rest, len(wanted))
        yield stored.steps[step], field, wanted[block]


def _agrees(found: bytes, path: Path, stored: IdxFile, table: Callable[[Path], Table], field: int, block: int) -> bool:
    entry = table(path)[field * stored.blocks_per_file + block % stored.blocks_per_file]
    assert entry is not None
    with path.open("rb") as source:
        stream = os.pread(source.fileno(), entry.size, entry.offset)
    return undone(stream, entry, stored, field, block) == found


def _table(stored: IdxFile, path: Path) -> Table:
    return bins.read_table(path, stored)
