"""The links of an HDF5 file followed, and what is in the file itself.

HDF5 lets a file take objects from others: by external links, by values stored outside, by virtual datasets. What came
from elsewhere shall not have other files of this machine opened: the library would, so every link is looked at first.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dbproc.codes.formats.hdf5_members import member
from dbproc.codes.formats.texts import of_bytes
from dbproc.codes.idx.refusal import Refusal

MOST_LINKS = 32
"""Links that one path may lead through."""
HERE = "."
"""How a virtual dataset names the file that it is in."""

Outside = Callable[[Any, str, str], Any]
"""Gives the root of the file that an external link names: of the link's group, its name and the file's; or refuses."""


def followed(group: Any, path: str, outside: Outside) -> Any:
    """What a path below a group, or from its file's root, leads to by links of every kind; None for a named type.

    Behind a dataset it goes on with a member of its compound values.

    Raises
    ------
    KeyError
        When there is nothing of that path.
    Refusal
        When a link on the way cannot be followed, or ``outside`` says so.
    """
    import h5py

    here, parts, links = _start(group, path), deque(path.split("/")), 0
    while parts:
        name = parts.popleft()
        if name in ("", "."):
            continue
        if isinstance(here, h5py.Dataset):
            here = member(here, name)
            continue
        key = _link(here, name) if isinstance(here, h5py.Group) else b""
        if not key or not here.id.links.exists(key):
            raise KeyError(path)
        kind = link_type(here, name)
        if kind == h5py.h5l.TYPE_HARD:
            here = _object(here, key)
            continue
        links += 1
        if links > MOST_LINKS:
            raise Refusal(file_of(here), f"the link {name!r} leads in a circle", "Mend the file")
        if kind not in (h5py.h5l.TYPE_SOFT, h5py.h5l.TYPE_EXTERNAL):
            what = f"the link {name!r} is of a kind that only its maker can follow"
            raise Refusal(file_of(here), what, "Mend the file")
        told = here.id.links.get_val(key)
        file, told = told if kind == h5py.h5l.TYPE_EXTERNAL else (b"", told)
        target = of_bytes(told)
        here = outside(here, name, os.fsdecode(file)) if kind == h5py.h5l.TYPE_EXTERNAL else _start(here, target)
        parts.extendleft(reversed(target.split("/")))
    return here


def link_type(group: Any, name: str) -> int:
    """The kind of the link that is a name in a group."""
    return int(group.id.links.get_info(_link(group, name)).type)


def names(holder: Any) -> list[str]:
    """The names of what is in a group, or of attributes: the library gives bytes where they are not UTF-8."""
    found = (each if isinstance(each, bytes) else each.encode("utf-8", "surrogateescape") for each in holder)
    return [of_bytes(each) for each in found]


def key_of(name: str, exists: Callable[[bytes], bool]) -> bytes:
    """A name as the file has it: in UTF-8, or in Latin-1 where it ``exists`` so."""
    key = name.encode("utf-8", "surrogateescape")
    latin = name.encode("latin-1", "replace")
    return latin if not exists(key) and exists(latin) else key


def file_of(holder: Any) -> Path:
    """The file that an object lies in."""
    import h5py

    return Path(os.fsdecode(h5py.h5f.get_name(holder.id))).absolute()


def require_own(path: Path) -> None:
    """Refuse HDF5 with external links, values stored outside, or virtual datasets of other files; others pass."""
    import h5py

    if not h5py.is_hdf5(path):
        return
    with h5py.File(path, "r") as file:

        def look(name: bytes, link: Any) -> bytes | None:
            if link.type == h5py.h5l.TYPE_HARD:
                return name if _reaches_out(h5py.h5o.open(file.id, name)) else None
            return name if link.type == h5py.h5l.TYPE_EXTERNAL else None

        outside = file.id.links.visit(look, info=True)
    if outside is not None:
        what = f"it is not whole by itself: {outside.decode('utf-8', 'replace')!r} lies in another file"
        raise Refusal(path, what, "Put everything into one file, with h5repack or h5copy")


def own(group: Any, path: str) -> Any:
    """The group or dataset at a path below ``group``, None when there is none in the same file."""
    found = _at(group, path)
    return found if found is None or _holds_its_values(found) else None


def own_children(group: Any) -> list[Any]:
    """The groups and datasets right below ``group`` that are in the same file."""
    found = (own(group, name) for name in names(group))
    return [each for each in found if each is not None]


def _at(group: Any, path: str) -> Any:
    """What is at a path, reached by the links within the file alone."""
    try:
        return followed(group, path, _nowhere)
    except (KeyError, Refusal):
        return None


def _nowhere(group: Any, name: str, file: str) -> Any:
    raise KeyError(name)


def _start(group: Any, path: str) -> Any:
    return group.file["/"] if path.startswith("/") else group


def _object(group: Any, key: bytes) -> Any:
    import h5py

    if h5py.h5o.get_info(group.id, key).type == h5py.h5o.TYPE_DATASET:
        return h5py.Dataset(h5py.h5d.open(group.id, key))
    found = h5py.h5o.open(group.id, key)
    return h5py.Group(found) if isinstance(found, h5py.h5g.GroupID) else None


def _link(group: Any, name: str) -> bytes:
    return key_of(name, group.id.links.exists)


def _holds_its_values(item: Any) -> bool:
    """Whether what is found is no dataset, or one that takes no values from other files or from composed datasets."""
    if _reaches_out(item.id):
        return False
    sources = [_at(item.file, name) for _, name in _mappings(item.id)]
    return all(each is not None and not _mappings(each.id) and not _reaches_out(each.id) for each in sources)


def _reaches_out(item: Any) -> bool:
    """Whether an object is a dataset with values in other files."""
    import h5py

    if not isinstance(item, h5py.h5d.DatasetID):
        return False
    outside = item.get_create_plist().get_external_count()
    return bool(outside) or any(file != HERE for file, _ in _mappings(item))


def _mappings(item: Any) -> list[tuple[str, str]]:
    """File and path of what a virtual dataset is composed of; nothing for other objects."""
    import h5py

    if not isinstance(item, h5py.h5d.DatasetID):
        return []
    made = item.get_create_plist()
    if made.get_layout() != h5py.h5d.VIRTUAL:
        return []
    numbers = range(made.get_virtual_count())
    return [(made.get_virtual_filename(each), made.get_virtual_dsetname(each)) for each in numbers]
