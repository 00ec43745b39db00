"""HDF5 files as a tree whose links are followed, but never out of the directory that the source lies in.

The library would open whatever a link, an external storage or a virtual dataset names; here each such file is looked
at first, and every file that gave something is known in the end.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dbproc.codes.formats.hdf5_links import file_of, followed, key_of, link_type, names
from dbproc.codes.formats.texts import of_bytes
from dbproc.codes.idx.description import Origin, plain
from dbproc.codes.idx.refusal import Refusal

if TYPE_CHECKING:
    from dbproc.codes.formats.plain_hdf5 import PlainHdf5

CACHE = 128 << 20
"""Bytes of decoded chunks that are kept, unless told otherwise."""
CACHE_SHARE = 8
"""The decoded chunks that are kept are this part of the memory, for all fields together."""
SLOTS = 100_003
"""Places in the library's table of chunks: prime, and more than there are chunks in a row of them."""
PREEMPTION = 0.75
"""How much chunks that were read whole are the first to go; with 1 the library never lets others go."""
PREFIXES = ("HDF5_EXT_PREFIX", "HDF5_EXTFILE_PREFIX", "HDF5_VDS_PREFIX")
"""Variables of the environment with which the library would look for files elsewhere."""
ENTRIES = 100_000
"""Objects that are looked at when a choice is to be made."""


@contextmanager
def opened(path: Path, cache: int = CACHE) -> Iterator[Tree]:
    """Open an HDF5 file; what other files it leads to must not change until it is closed.

    Parameters
    ----------
    path
        The file.
    cache
        Bytes of decoded chunks to keep for each dataset.

    Raises
    ------
    Refusal
        When it is no HDF5 file, cut or damaged; or, in the end, when a further file has changed.
    """
    from dbproc.codes.idx.files import state

    for name in PREFIXES:
        os.environ.pop(name, None)
    with ExitStack() as stack:
        tree = Tree(path, cache, stack)
        yield tree
        before = tree.states
        for file, seen in before.items():
            if state([file]) != seen:
                raise Refusal(file, "it changed while it was converted", "Convert it again once it is complete")


class Tree:
    """An open file and the files that its links lead to.

    Parameters
    ----------
    path
        The source.
    cache
        Bytes of decoded chunks to keep for each dataset.
    stack
        What closes the files in the end.
    """

    def __init__(self, path: Path, cache: int, stack: ExitStack) -> None:
        self.path = path
        self.directory = path.absolute().parent.resolve()
        self.states: dict[Path, Any] = {}
        self.largest_chunk = 4 * cache
        self._cache, self._stack = cache, stack
        self._files: dict[Path, Any] = {}
        self._plain: PlainHdf5 | None = None
        self.root = self._open(path)

    def find(self, name: str, start: Any = None) -> Any:
        """The group or dataset of a path, seen from ``start`` (the root by default).

        Raises
        ------
        KeyError
            When there is none of that path.
        Refusal
            When a link on the way leads where it must not.
        """
        return followed(self.root if start is None else start, name, self._outside)

    def entries(self) -> Iterator[tuple[str, Any]]:
        """All groups and datasets by path, each once; links to other files are followed where that is possible.

        Nothing is taken from those files by that alone.
        """
        used = dict(self.states)
        try:
            yield from self._entries()
        finally:
            self.states = used

    def _entries(self) -> Iterator[tuple[str, Any]]:
        seen = {_identity(self.root)}
        pending = [("", self.root)]
        while pending:
            path, group = pending.pop(0)
            for name in names(group):
                found = self._entry(group, name)
                if found is None or _identity(found) in seen:
                    continue
                seen.add(_identity(found))
                if len(seen) > ENTRIES:
                    what = f"it holds more than {ENTRIES} objects"
                    raise Refusal(self.path, what, "Name what is wanted by its path")
                yield f"{path}/{name}", found
                if is_group(found):
                    pending.append((f"{path}/{name}", found))

    def other(self, name: str, holder: Any, where: str) -> Path:
        """The file that ``where`` in the file of ``holder`` names, which must lie beside or below the source."""
        found = (file_of(holder).parent / name).resolve()
        if not found.is_relative_to(self.directory):
            what = f"{where} lies in {name!r}, outside the directory of the source"
            raise Refusal(self.path, what, "Put that file beside it, or everything into one file with h5repack")
        if not found.is_file():
            what = f"{where} lies in {name!r}, which is not there"
            raise Refusal(self.path, what, "Put that file where it belongs")
        return found

    def use(self, path: Path) -> Path:
        """Count a file among those that something was taken from."""
        from dbproc.codes.idx.files import state

        if path != self.path.resolve():
            self.states.setdefault(path, state([path]))
        return path

    def file(self, path: Path) -> Any:
        """The root of another HDF5 file (one that :meth:`other` has found)."""
        found = path.resolve()
        return self.root if found == self.path.resolve() else self._files.get(found) or self._open(found)

    def plain(self) -> PlainHdf5:
        """The file opened anew, to be read by nothing but the library."""
        from dbproc.codes.formats.plain_hdf5 import PlainHdf5

        if self._plain is None:
            self._plain = PlainHdf5(self.path, self._stack)
        return self._plain

    def origins(self) -> tuple[Origin, ...]:
        """The source and the files beside it that gave something, these by their path from the source."""
        from dbproc.codes.idx.files import origins

        others = sorted(self.states)
        names = [path.relative_to(self.directory).as_posix() for path in others]
        further = (replace(each, name=name) for each, name in zip(origins(others), names, strict=True))
        return (*origins([self.path]), *further)

    def _open(self, path: Path) -> Any:
        import h5py

        if not h5py.is_hdf5(path):
            raise Refusal(path, "it is no HDF5 file", _other_kind(path))
        try:
            kept = {"rdcc_nbytes": self._cache, "rdcc_nslots": SLOTS, "rdcc_w0": PREEMPTION}
            file = h5py.File(path, "r", locking="best-effort", **kept)
        except OSError as error:
            what = "the file is cut" if "truncated" in str(error) else "it cannot be opened"
            raise Refusal(path, f"{what}: {error}", "Get it again from where it came") from error
        self._stack.enter_context(file)
        self._files[path.resolve()] = file["/"]
        return self._files[path.resolve()]

    def _entry(self, group: Any, name: str) -> Any:
        """What a name in a group stands for; None for soft links, and for links that lead nowhere."""
        import h5py

        if link_type(group, name) == h5py.h5l.TYPE_SOFT:
            return None
        try:
            return self.find(name, group)
        except (KeyError, Refusal):
            return None

    def _outside(self, group: Any, name: str, file: str) -> Any:
        """The root of the file that an external link names, which counts as used then."""
        other = self.other(file, group, repr(f"{group.name}/{name}".replace("//", "/")))
        return self.file(self.use(other))


def cache_size(options: Mapping[str, Any], fields: int) -> int:
    """Bytes of decoded chunks to keep for each of so many fields."""
    memory = options.get("memory")
    return int(memory) // CACHE_SHARE // max(fields, 1) if memory else CACHE


def is_group(found: Any) -> bool:
    """Whether an object is a group."""
    import h5py

    return isinstance(found, h5py.Group)


def is_dataset(found: Any) -> bool:
    """Whether an object is a dataset."""
    import h5py

    return isinstance(found, h5py.Dataset)


def attributes(holder: Any) -> dict[str, Any]:
    """The attributes of a group or dataset; references are told as the paths that they lead to."""
    found = [name for name in sorted(names(holder.attrs)) if name not in ("DIMENSION_LIST", "REFERENCE_LIST")]
    return {name: _told(holder, name) for name in found}


def name_of(holder: Any) -> str:
    """The path of an object, as the library knows it."""
    return str(decoded(holder.name))


def one_attribute(holder: Any, name: str) -> Any:
    """One attribute of a group or dataset; None where there is none of that name."""
    return _told(holder, name) if name in holder.attrs else None


def surroundings(tree: Tree, paths: Sequence[str]) -> dict[str, Any]:
    """The attributes of the groups that lead to datasets, by their paths, the root's first."""
    parts = [path.strip("/").split("/")[:-1] for path in paths]
    groups = dict.fromkeys("/".join(each[:depth]) for each in parts for depth in range(len(each) + 1))
    found = {f"/{path}": attributes(tree.find(path)) for path in sorted(groups)}
    return {path: told for path, told in found.items() if told}


def text(value: Any) -> str:
    """An attribute as text: of one that is a list of one, that one."""
    alone = value[0] if isinstance(value, list) and len(value) == 1 else value
    return "" if alone is None else str(alone)


def _other_kind(path: Path) -> str:
    """What to do with a file that is no HDF5."""
    with path.open("rb") as stream:
        magic = stream.read(4)
    if magic[:3] == b"CDF":
        return "It is classic NetCDF: use netcdf_to_idx"
    if magic == b"\x0e\x03\x13\x01":
        return "It is HDF4: make it HDF5 first, with h4toh5 or nxconvert"
    return "Name an HDF5 file; this one is of another kind or damaged"


def _told(holder: Any, name: str) -> Any:
    import h5py

    try:
        value = holder.attrs[key_of(name, partial(h5py.h5a.exists, holder.id))]
    except (TypeError, ValueError, OSError, RuntimeError):
        return "of a type that is not read"
    if isinstance(value, h5py.Empty):
        return None
    if isinstance(value, h5py.Reference):
        return name_of(holder.file[value]) if value else None
    return plain(decoded(value))


def decoded(value: Any) -> Any:
    """Text of any encoding as text; other values as they are."""
    if hasattr(value, "tolist") and getattr(value, "dtype", None) is not None and value.dtype.kind in "SO":
        value = value.tolist()
    if isinstance(value, list):
        return [decoded(each) for each in value]
    if not isinstance(value, bytes | str):
        return value
    content = value if isinstance(value, bytes) else value.encode("utf-8", "surrogateescape")
    return of_bytes(content)


def _identity(found: Any) -> tuple[int, int]:
    import h5py

    return int(h5py.h5o.get_info(found.id).fileno), hash(found.id)
