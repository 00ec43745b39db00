"""The inspector for NetCDF, classic and 4."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

from dbproc.codes.formats.classic import require_whole
from dbproc.codes.formats.hdf5_links import require_own
from dbproc.core.filenames import NameFacts
from dbproc.products.base import Facts, Inspector, NotMine, days, reading
from dbproc.products.times import as_text, cf_times, clock, ends, is_cf

Times = tuple[dt.datetime | None, dt.datetime | None]


class NetcdfInspector(Inspector):
    """Opens the file and takes its times from a variable or from global attributes, else from its name.

    Without arguments it looks for a variable ``time`` with CF units, then for the attributes ``time_coverage_start``
    and ``time_coverage_end``.
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
            Variable with CF units, ``group/name`` for one in a group.
        start_attribute, stop_attribute
            Global attributes with times, ISO 8601 unless `time_format` says otherwise.
        time_format
            How the attributes write times, in the codes of ``strptime``.
        version_attribute
            Global attribute with the file's version.
        tolerance
            Days that the contents may lie away from the name's date.
        """
        import netCDF4

        with reading("NetCDF"):
            require_whole(Path(path))
            require_own(Path(path))
            with netCDF4.Dataset(path) as dataset:
                start, stop = _times(dataset, time, (start_attribute, stop_attribute), time_format)
                version = _attribute(dataset, version_attribute) if version_attribute else None
        require_same_version(version, name)
        return Facts(start=start, stop=stop, version=version, tolerance=days(tolerance))


def named_times(variable: Any, name: str) -> tuple[dt.datetime, dt.datetime]:
    """The times of a variable that the arguments name; `variable` is netCDF4's or has the same attributes."""
    units = as_text(getattr(variable, "units", ""))
    if not is_cf(units):
        raise NotMine(f"the units of {name!r} are {units!r}, none of time such as 'seconds since 1970-01-01'")
    values = ends(variable)
    if values is None:
        raise NotMine(f"{name!r} holds no value")
    return cf_times(values, units, as_text(getattr(variable, "calendar", "")))


def required_clock(text: str, what: str, pattern: str) -> dt.datetime:
    """The time that `text`, found at `what`, says; NotMine when it says none."""
    time = clock(text, pattern)
    if time is None:
        raise NotMine(f"{what!r} is {text!r}, no time {f'of the format {pattern!r}' if pattern else 'in ISO 8601'}")
    return time


def require_same_version(version: str | None, name: NameFacts) -> None:
    """Refuse a file whose contents give another version than its name."""
    if version is not None and name.version is not None and version.strip() != str(name.version):
        raise NotMine(f"its contents say version {version}, but its name says {name.version}")


def _variable(dataset: Any, name: str) -> Any:
    try:
        return dataset[name]
    except (IndexError, KeyError) as error:
        raise NotMine(f"it has no variable {name!r}") from error


def _attribute(dataset: Any, name: str) -> str:
    if name not in dataset.ncattrs():
        raise NotMine(f"it has no attribute {name!r}")
    return as_text(dataset.getncattr(name))


def _times(dataset: Any, variable: str, attributes: tuple[str, str], pattern: str) -> Times:
    if variable:
        return named_times(_variable(dataset, variable), variable)
    if not any(attributes):
        return _usual_times(dataset)
    start, stop = (required_clock(_attribute(dataset, each), each, pattern) if each else None for each in attributes)
    return start, stop


def _usual_times(dataset: Any) -> Times:
    variable = dataset.variables.get("time")
    if variable is not None and is_cf(getattr(variable, "units", "")):
        values = ends(variable)
        if values is not None:
            return cf_times(values, as_text(variable.units), as_text(getattr(variable, "calendar", "")))
    found = dataset.ncattrs()
    start, stop = (
        clock(as_text(dataset.getncattr(each))) if each in found else None
        for each in ("time_coverage_start", "time_coverage_end")
    )
    return start, stop
