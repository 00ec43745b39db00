"""Whether an HDF5 file takes objects from other files: a conversion must hold nothing that was not in its source."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dbproc.codes.idx.refusal import Refusal


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
        what = f"{outside.decode('utf-8', 'replace')!r} lies in another file, which is not read"
        raise Refusal(path, what, "Put everything into one file, with h5repack or h5copy")


def _reaches_out(item: Any) -> bool:
    import h5py

    if not isinstance(item, h5py.h5d.DatasetID):
        return False
    made = item.get_create_plist()
    if made.get_layout() != h5py.h5d.VIRTUAL:
        return bool(made.get_external_count())
    return any(made.get_virtual_filename(number) != "." for number in range(made.get_virtual_count()))
