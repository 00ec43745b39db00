"""What is in an HDF5 file itself.

HDF5 lets a file take objects from others: by external links, by values stored outside, by virtual datasets. A file that
came from elsewhere shall not have other files of this machine opened, so what lies in those is as if it were not there.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from dbproc.products.base import NotMine

_MOST_LINKS = 16
_HERE = "."


def own(group: Any, path: str) -> Any:
    """The group or dataset at a path below `group`, None when there is none in the same file."""
    found = _at(group, path)
    return found if found is None or _holds_its_values(found) else None


def own_children(group: Any) -> list[Any]:
    """The groups and datasets right below `group` that are in the same file."""
    found = (own(group, name) for name in group)
    return [each for each in found if each is not None]


def require_own(path: str) -> None:
    """Raise NotMine when a file is HDF5 and an object of it lies in another file; others pass."""
    import h5py

    if not h5py.is_hdf5(path):
        return
    with h5py.File(path, "r") as file:

        def look(name: bytes, link: Any) -> bytes | None:
            if link.type == h5py.h5l.TYPE_HARD:
                return name if _sources(h5py.h5o.open(file.id, name)) - {_HERE} else None
            return name if link.type == h5py.h5l.TYPE_EXTERNAL else None

        outside = file.id.links.visit(look, info=True)
    if outside is not None:
        raise NotMine(f"is not whole by itself: {outside.decode('utf-8', 'replace')!r} lies in another file")


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
        elif kind == h5py.h5l.TYPE_SOFT and links < _MOST_LINKS:
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
    sources = _sources(item.id)
    if sources != {_HERE}:
        return not sources
    made = item.id.get_create_plist()
    parts = [_at(item.file, made.get_virtual_dsetname(number)) for number in range(made.get_virtual_count())]
    return all(part is not None and not _sources(part.id) for part in parts)


def _sources(item: Any) -> set[str]:
    """The files of which a dataset takes its values; none when it holds them, or is no dataset."""
    import h5py

    if not isinstance(item, h5py.h5d.DatasetID):
        return set()
    made = item.get_create_plist()
    if made.get_layout() == h5py.h5d.VIRTUAL:
        return {made.get_virtual_filename(number) for number in range(made.get_virtual_count())}
    return {made.get_external(number)[0].decode("utf-8", "replace") for number in range(made.get_external_count())}
