"""Where the values of an HDF5 dataset lie, and whether all of them are there: the library reads fill values or zeros
for chunks that were never written, for what external files lack, and for what a virtual dataset's sources lack.
"""

from __future__ import annotations

import importlib
import struct
from collections.abc import Iterator, Sequence
from contextlib import suppress
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dbproc.codes.formats.hdf5 import Tree, is_dataset, name_of
from dbproc.codes.formats.hdf5_links import file_of
from dbproc.codes.idx.refusal import Refusal
from dbproc.codes.idx.slabs import shape_of

if TYPE_CHECKING:
    from dbproc.codes.idx.slabs import Box
    from dbproc.codes.idx.values import Values

NESTED = 8
"""How deep virtual datasets may be made of virtual datasets."""
FILTERS = {
    4: "szip",
    307: "bzip2",
    32001: "blosc",
    32004: "lz4",
    32008: "bitshuffle",
    32013: "zfp",
    32015: "zstd",
    32017: "sz",
    32018: "fcidecomp",
    32024: "sz3",
    32026: "blosc2",
    32028: "sperr",
}
"""Registered filters by number, for those that do not tell their name."""
KEEPING = (2, 3)
"""Filters that do not change how a chunk begins and how large it is: shuffle, fletcher32."""
HEADERS = {32001: ("<I", 4), 32004: (">Q", 0)}
"""How and where chunks of blosc and lz4 say of how many bytes they are made."""
ODD_FILE = "Put that file right, or everything into one file with h5repack"


def require_readable(tree: Tree, dataset: Any, where: str, nested: int = NESTED) -> tuple[str, ...]:
    """Refuse a dataset of which a part is missing or cannot be decoded.

    Returns
    -------
    tuple
        Notes on values that were never written and read as the fill value.
    """
    import h5py

    made = dataset.id.get_create_plist()
    _require_filters(tree, made, where)
    layout = made.get_layout()
    if layout == h5py.h5d.VIRTUAL:
        return _require_sources(tree, dataset, made, where, nested)
    if made.get_external_count():
        _require_external(tree, dataset, made, where)
        return ()
    if layout == h5py.h5d.CHUNKED:
        _require_small_chunks(tree, dataset, where)
        grid = [-(-size // chunk) for size, chunk in zip(dataset.shape, dataset.chunks, strict=True)]
        written = _require_chunks(tree, dataset, made, where, grid)
        return tuple(unwritten(tree.path, dataset, where, prod(grid) - written, f"{prod(grid)} chunks"))
    absent = layout == h5py.h5d.CONTIGUOUS and dataset.id.get_space_status() == h5py.h5d.SPACE_STATUS_NOT_ALLOCATED
    return tuple(unwritten(tree.path, dataset, where, dataset.size if absent else 0, f"{dataset.size} values"))


def stored(tree: Tree, dataset: Any, box: Box) -> Values:
    """The values of a readable dataset inside ``box``, as the file's type has them."""
    import numpy as np

    made = dataset.id.get_create_plist()
    if not made.get_external_count():
        return np.asarray(dataset[box])
    return _Outside(_segments(tree, dataset, made, name_of(dataset)), dataset.dtype, dataset.shape).read(box)


def filters(dataset: Any) -> list[str]:
    """The names of the filters that a dataset's chunks went through."""
    made = dataset.id.get_create_plist()
    return [_filter_name(*made.get_filter(i)) for i in range(made.get_nfilters())]


def _require_filters(tree: Tree, made: Any, where: str) -> None:
    for i in range(made.get_nfilters()):
        code, *_ = found = made.get_filter(i)
        if not _available(code):
            what = f"{where} is compressed with the filter {_filter_name(*found)} ({code}), which is not installed"
            way = "pip install 'dbproc[formats]', or decompress" if code in FILTERS else "Decompress"
            raise Refusal(tree.path, what, f"{way} it with h5repack -f NONE")


def _available(code: int) -> bool:
    import h5py

    if not h5py.h5z.filter_avail(code):
        with suppress(ImportError):
            importlib.import_module("hdf5plugin")
    if not h5py.h5z.filter_avail(code):
        return False
    return bool(h5py.h5z.get_filter_info(code) & h5py.h5z.FILTER_CONFIG_DECODE_ENABLED)


def _filter_name(code: int, flags: int, values: Any, name: bytes) -> str:
    told = name.decode("utf-8", "replace").split(";")[0].strip()
    return FILTERS.get(code) or told or "of no name"


def _require_small_chunks(tree: Tree, dataset: Any, where: str) -> None:
    size = prod(dataset.chunks) * dataset.id.get_type().get_size()
    if size > tree.largest_chunk:
        what = (
            f"a chunk of {where} takes {size >> 20} MiB, more than the {tree.largest_chunk >> 20} MiB there are for it"
        )
        raise Refusal(tree.path, what, "Give more --memory, or make its chunks smaller with h5repack -l CHUNK=...")


def _require_chunks(tree: Tree, dataset: Any, made: Any, where: str, grid: Sequence[int]) -> int:
    """How many chunks were written. All of them must be found in their places, each in bytes of its own, and say that
    they are whole: the library takes a chunk that is not found for one that was never written.
    """
    raw = prod(dataset.chunks) * dataset.id.get_type().get_size()
    codes = [made.get_filter(i)[0] for i in range(made.get_nfilters())]
    chunks: list[Any] = []
    dataset.id.chunk_iter(chunks.append)
    inside = {each.chunk_offset for each in chunks if _is_corner(each.chunk_offset, dataset.chunks, grid)}
    places = {each.byte_offset for each in chunks}
    if len({len(chunks), len(inside), len(places), dataset.id.get_num_chunks()}) > 1:
        what = f"the index of the chunks of {where} is not sound"
        raise Refusal(tree.path, what, "It is damaged; get it again from where it came")
    for each in chunks:
        mask, data = dataset.id.read_direct_chunk(each.chunk_offset)
        whole = len(data) == each.size and (len(data) == raw if not codes else mask or _is_whole(data, codes, raw))
        if not whole:
            what = f"the chunk of {where} at {each.chunk_offset} is not whole"
            raise Refusal(tree.path, what, "It is damaged; get it again from where it came")
    return len(chunks)


def _is_corner(offset: Sequence[int], chunk: Sequence[int], grid: Sequence[int]) -> bool:
    """Whether a chunk of the grid begins there."""
    return all(at % size == 0 and at // size < count for at, size, count in zip(offset, chunk, grid, strict=True))


def _is_whole(data: bytes, codes: Sequence[int], raw: int) -> bool:
    """Whether a chunk says to be made of as many bytes as it should, where its last filter makes it say that."""
    outer = [code for code in codes if code not in KEEPING]
    if len(outer) != 1 or outer[0] not in HEADERS:
        return True
    layout, place = HEADERS[outer[0]]
    end = place + struct.calcsize(layout)
    return len(data) >= end and struct.unpack(layout, data[place:end])[0] == raw


def unwritten(path: Path, dataset: Any, where: str, absent: int, of: str) -> Iterator[str]:
    """The note on values that were never written; a refusal where HDF5 does not say what they are then."""
    import h5py

    if absent <= 0:
        return
    made = dataset.id.get_create_plist()
    never = made.get_fill_time() == h5py.h5d.FILL_TIME_NEVER
    if never or made.fill_value_defined() == h5py.h5d.FILL_VALUE_UNDEFINED:
        what = f"{absent} of {of} of {where} were never written, and it has no fill value for them"
        raise Refusal(path, what, "Nobody knows what they are; convert a dataset that is complete")
    yield f"{where}: {absent} of {of} were never written and read as the fill value {dataset.fillvalue}"


def _require_external(tree: Tree, dataset: Any, made: Any, where: str) -> None:
    """Refuse external storage that is shorter than the dataset."""
    wanted = dataset.size * dataset.id.get_type().get_size()
    if dataset.dtype.itemsize * dataset.size != wanted:
        raise Refusal(tree.path, f"{where} is stored outside in a type that is not read", ODD_FILE)
    for path, offset, size in _segments(tree, dataset, made, where):
        share = min(wanted, size)
        if tree.use(path).stat().st_size < offset + share:
            what = f"{path.name}, which holds values of {where}, ends before byte {offset + share}"
            raise Refusal(tree.path, what, ODD_FILE)
        wanted -= share
    if wanted:
        raise Refusal(tree.path, f"the files that hold {where} lack {wanted} bytes of it", ODD_FILE)


def _segments(tree: Tree, dataset: Any, made: Any, where: str) -> list[tuple[Path, int, int]]:
    """File, offset and size of each piece of a dataset that is stored outside, in order."""
    found = [made.get_external(i) for i in range(made.get_external_count())]
    return [
        (tree.other(name.decode("utf-8", "surrogateescape"), dataset, repr(where)), int(offset), int(size))
        for name, offset, size in found
    ]


class _Outside:
    """Values that lie one after the other in pieces of plain files."""

    def __init__(self, segments: Sequence[tuple[Path, int, int]], dtype: Any, shape: tuple[int, ...]) -> None:
        self._segments, self._dtype, self._shape = segments, dtype, shape

    def read(self, box: Box) -> Values:
        """The values inside ``box``, taken in runs that are as long as the box allows."""
        import numpy as np

        cut = max((i for i, size in enumerate(self._shape) if shape_of(box)[i] < size), default=0)
        strides = [prod(self._shape[i + 1 :]) for i in range(len(self._shape))]
        run = shape_of(box)[cut] * strides[cut]
        found = np.empty((prod(shape_of(box)[:cut]), run), dtype=self._dtype)
        for place, index in enumerate(np.ndindex(*shape_of(box)[:cut])):
            corner = [part.start + step for part, step in zip(box, (*index, 0), strict=False)]
            first = sum(at * stride for at, stride in zip(corner, strides, strict=False))
            found[place] = np.frombuffer(self._bytes(first * self._dtype.itemsize, found[place].nbytes), self._dtype)
        return found.reshape(shape_of(box))

    def _bytes(self, start: int, count: int) -> bytes:
        """A run of bytes, across pieces where need be."""
        found = bytearray()
        for path, offset, size in self._segments:
            if start < size and len(found) < count:
                with path.open("rb") as stream:
                    stream.seek(offset + start)
                    found += stream.read(min(size - start, count - len(found)))
            start = max(0, start - size)
        if len(found) != count:
            raise Refusal(self._segments[0][0], "it ended while it was read", ODD_FILE)
        return bytes(found)


def _require_sources(tree: Tree, dataset: Any, made: Any, where: str, nested: int) -> tuple[str, ...]:
    """Refuse a virtual dataset of which a source is missing or short; values without any source are noted."""
    notes: list[str] = []
    mapped = 0
    for i in range(made.get_virtual_count()):
        source, name = _source(tree, dataset, made.get_virtual_filename(i), made.get_virtual_dsetname(i), where)
        _require_extent(tree, source, made, i, name, where)
        if nested == 0 or (_is_virtual(source) and file_of(source).parent != file_of(dataset).parent):
            what = f"{where} is made of virtual datasets in a way that is not followed: {name}"
            raise Refusal(tree.path, what, "Copy it into a plain dataset with h5repack")
        if source.id.get_create_plist().get_external_count():
            raise Refusal(tree.path, f"{name}, a source of {where}, is stored outside of its file", ODD_FILE)
        notes.extend(require_readable(tree, source, name, nested - 1))
        mapped += _points(made.get_virtual_vspace(i), dataset.size)
    if mapped < dataset.size:
        absent = dataset.size - mapped
        notes += unwritten(tree.path, dataset, where, absent, f"{dataset.size} values")
    return tuple(notes)


def _source(tree: Tree, dataset: Any, file: str, name: str, where: str) -> tuple[Any, str]:
    """A source of a virtual dataset, and how it is called."""
    told = name if file == "." else f"{file}:{name}"
    if "%" in file or "%" in name:
        what = f"{where} takes its values from a pattern of names, {told!r}, which is not followed"
        raise Refusal(tree.path, what, "Copy it into a plain dataset with h5repack")
    holder = dataset.file["/"] if file == "." else tree.file(tree.use(tree.other(file, dataset, where)))
    try:
        found = tree.find(name, holder)
    except KeyError:
        found = None
    if not is_dataset(found) or not found.shape:
        raise Refusal(tree.path, f"{where} takes values from {told!r}, where there is no dataset", ODD_FILE)
    return found, repr(told)


def _require_extent(tree: Tree, source: Any, made: Any, i: int, name: str, where: str) -> None:
    """Refuse a source that is not as large as the virtual dataset supposes."""
    import h5py

    space = made.get_virtual_srcspace(i)
    if _is_unlimited(space):
        return
    if space.get_select_type() == h5py.h5s.SEL_ALL:
        fits = source.size == made.get_virtual_vspace(i).get_select_npoints()
    else:
        _, last = space.get_select_bounds()
        fits = len(last) == len(source.shape) and all(e < size for e, size in zip(last, source.shape, strict=True))
    if not fits:
        what = f"{name} {source.shape} is of another size than {where}, which takes values from it, supposes"
        raise Refusal(tree.path, what, ODD_FILE)


def _points(space: Any, everything: int) -> int:
    return everything if _is_unlimited(space) else int(space.get_select_npoints())


def _is_unlimited(space: Any) -> bool:
    import h5py

    if space.get_select_type() != h5py.h5s.SEL_HYPERSLABS or not space.is_regular_hyperslab():
        return False
    _, _, count, block = space.get_regular_hyperslab()
    return any(int(each) in (-1, h5py.h5s.UNLIMITED, (1 << 64) - 1) for each in (*count, *block))


def _is_virtual(dataset: Any) -> bool:
    import h5py

    return bool(dataset.id.get_create_plist().get_layout() == h5py.h5d.VIRTUAL)
