"""The inspector for HDF5, NeXus among it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from dbproc.codes.formats.hdf5_links import own, own_children
from dbproc.products.base import NotMine, reading
from dbproc.products.timed import TimedInspector, Times, times_of
from dbproc.products.times import as_text, clock

_OBJECTS_LOOKED_AT = 1_000


class Hdf5Inspector(TimedInspector):
    """Knows datasets, which are variables here, attributes (``group/attribute``), and datasets of text in their place.

    Without arguments it looks for a dataset ``time`` with CF units in the root or in a group of the root, then for the
    root's attributes ``time_coverage_start`` and ``time_coverage_end``, then for the ``start_time`` and ``end_time`` of
    NeXus entries.
    """

    @contextmanager
    def opened(self, path: str) -> Iterator[Any]:
        """The file."""
        import h5py

        with reading("HDF5"), h5py.File(path, "r") as file:
            _look_at_everything(file)
            yield file

    def variable(self, file: Any, name: str) -> Any:
        """A dataset by its path."""
        found = own(file, name)
        if not hasattr(found, "shape"):
            raise NotMine(f"it has no dataset {name!r} of its own")
        return _WithUnits(found)

    def text(self, file: Any, name: str) -> str:
        """An attribute or a dataset of text by its path."""
        found = own(file, name)
        if hasattr(found, "shape"):
            return as_text(found[()])
        parent, _, attribute = name.strip("/").rpartition("/")
        holder = own(file, parent)
        if holder is None or attribute not in holder.attrs:
            raise NotMine(f"it has no attribute or dataset {name!r} of its own")
        return as_text(holder.attrs[attribute])

    def usual_times(self, file: Any) -> Times:
        """Those of a dataset ``time``, of the attributes that name the coverage, or of NeXus entries."""
        groups = [each for each in own_children(file) if hasattr(each, "keys")]
        for found in (own(holder, "time") for holder in (file, *groups)):
            times = times_of(_WithUnits(found)) if hasattr(found, "shape") else None
            if times is not None:
                return times
        start, stop = (clock(as_text(file.attrs.get(f"time_coverage_{each}", ""))) for each in ("start", "end"))
        return (start, stop) if start is not None else _nexus_times(groups)


class _WithUnits:
    """A dataset with its attributes where netCDF4 has them."""

    def __init__(self, dataset: Any) -> None:
        self.units = dataset.attrs.get("units", "")
        self.calendar = dataset.attrs.get("calendar", "")
        self.shape: tuple[int, ...] = dataset.shape or ()
        self._dataset = dataset

    def __getitem__(self, where: Any) -> Any:
        return self._dataset[where]


def _look_at_everything(file: Any) -> None:
    """Read the headers of the objects, so that one that is damaged shows itself."""
    seen = 0

    def look(_: str, item: Any) -> bool | None:
        nonlocal seen
        seen += 1
        getattr(item, "shape", None)
        return True if seen >= _OBJECTS_LOOKED_AT else None

    file.visititems(look)


def _nexus_times(groups: list[Any]) -> Times:
    entries = [group for group in groups if as_text(group.attrs.get("NX_class", "")) == "NXentry"]
    starts = list(_clocks(entries, "start_time"))
    stops = list(_clocks(entries, "end_time"))
    if not starts:
        return None, None
    return min(starts), max(starts + stops)


def _clocks(entries: list[Any], name: str) -> Iterator[dt.datetime]:
    for entry in entries:
        found = own(entry, name)
        time = clock(as_text(found[()])) if hasattr(found, "shape") else None
        if time is not None:
            yield time
