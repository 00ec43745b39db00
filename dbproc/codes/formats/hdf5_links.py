"""What is in an HDF5 file itself.

HDF5 lets a file take objects from others: by external links, by values stored outside, by virtual datasets. What came
from elsewhere shall not have other files of this machine opened, so what lies in those is as if it were not there.
"""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import Any

from dbproc.codes.idx.refusal import Refusal

MOST_LINKS = 16
"""Soft links that one path may lead through."""
HERE = "."
"""How a virtual dataset names the file that it is in."""


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
    found = (own(group, name) for name in group)
    return [each for each in found if each is not None]


def _at(group: Any, path: str) -> Any:
    """What is at a path, reached by the links within the file alone."""
    import h5py

    here, parts, links = group, deque(path.split("/")), 0
    while parts:
        part = parts.popleft()
        if part in ("", "."):
            continue
        kind = _link_type(here, part) if isinstance(here, h5py.Group) else None
        if kind == h5py.h5l.TYPE_HARD:
            here = here[part]
        elif kind == h5py.h5l.TYPE_SOFT and links < MOST_LINKS:
            links += 1
            target = here.id.links.get_val(part.encode()).decode()
            here = here.file if target.startswith("/") else here
            parts.extendleft(reversed(target.split("/")))
        else:
            return None
    return here


def _link_type(group: Any, name: str) -> int | None:
    links, key = group.id.links, name.encode()
    return int(links.get_info(key).type) if links.exists(key) else None


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
