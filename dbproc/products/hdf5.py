"""The inspector for HDF5, NeXus among it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

from dbproc.codes.formats.hdf5_links import own, own_children
from dbproc.core.filenames import NameFacts
from dbproc.products.base import Facts, Inspector, NotMine, days, reading
from dbproc.products.netcdf import Times, named_times, require_same_version, required_clock
from dbproc.products.times import as_text, cf_times, clock, ends, is_cf

_OBJECTS_LOOKED_AT = 1_000


class Hdf5Inspector(Inspector):
    """Opens the file and takes its times from a dataset or from attributes, else from its name.

    Without arguments it looks for a dataset ``time`` with CF units in the root or in a group of the root, then for the
    root's attributes ``time_coverage_start`` and ``time_coverage_end``, then for the ``start_time`` and ``end_time`` of
    NeXus entries.
    """

    def inspect(
        self,
        path: str,
        name: NameFacts,
        *,
        time: str = "",
        start_attribute: str = "",
        stop_attribute: str = "",
        time_format: str = "",
        version_attribute: str = "",
        tolerance: str = "1",
    ) -> Facts:
        """Read the times of the first and the last data.

        Parameters
        ----------
        path, name
            The file.
        time
            Path of a dataset with CF units in its attribute ``units``.
        start_attribute, stop_attribute
            Paths of attributes (``group/attribute``) or of datasets of text (``entry/start_time``) with times, ISO 8601
            unless `time_format` says otherwise.
        time_format
            How they write times, in the codes of ``strptime``.
        version_attribute
            Path of an attribute or a dataset of text with the file's version.
        tolerance
            Days that the contents may lie away from the name's date.
        """
        import h5py

        with reading("HDF5"), h5py.File(path, "r") as file:
            _look_at_everything(file)
            start, stop = _times(file, time, (start_attribute, stop_attribute), time_format)
            version = _text(file, version_attribute) if version_attribute else None
        require_same_version(version, name)
        return Facts(start=start, stop=stop, version=version, tolerance=days(tolerance))


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


def _dataset(file: Any, path: str) -> _WithUnits:
    found = own(file, path)
    if not hasattr(found, "shape"):
        raise NotMine(f"it has no dataset {path!r} of its own")
    return _WithUnits(found)


def _text(file: Any, path: str) -> str:
    found = own(file, path)
    if hasattr(found, "shape"):
        return as_text(found[()])
    parent, _, attribute = path.strip("/").rpartition("/")
    holder = own(file, parent)
    if holder is None or attribute not in holder.attrs:
        raise NotMine(f"it has no attribute or dataset {path!r} of its own")
    return as_text(holder.attrs[attribute])


def _times(file: Any, dataset: str, attributes: tuple[str, str], pattern: str) -> Times:
    if dataset:
        return named_times(_dataset(file, dataset), dataset)
    if not any(attributes):
        return _usual_times(file)
    start, stop = (required_clock(_text(file, each), each, pattern) if each else None for each in attributes)
    return start, stop


def _usual_times(file: Any) -> Times:
    groups = [each for each in own_children(file) if hasattr(each, "keys")]
    for holder in (file, *groups):
        times = _time_dataset(holder)
        if times is not None:
            return times
    start, stop = (clock(as_text(file.attrs.get(f"time_coverage_{each}", ""))) for each in ("start", "end"))
    return (start, stop) if start is not None else _nexus_times(groups)


def _time_dataset(holder: Any) -> tuple[dt.datetime, dt.datetime] | None:
    found = own(holder, "time")
    if not hasattr(found, "shape"):
        return None
    dataset = _WithUnits(found)
    values = ends(dataset) if is_cf(dataset.units) else None
    return None if values is None else cf_times(values, as_text(dataset.units), as_text(dataset.calendar))


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
