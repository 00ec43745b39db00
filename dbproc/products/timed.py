"""What the inspectors for NetCDF and HDF5 share: which of a file's times and versions are asked for, and how."""

from __future__ import annotations

import datetime as dt
from abc import abstractmethod
from contextlib import AbstractContextManager
from typing import Any

from dbproc.core.filenames import NameFacts
from dbproc.products.base import Facts, Inspector, NotMine, days
from dbproc.products.times import as_text, cf_times, clock, ends, is_cf

Times = tuple[dt.datetime | None, dt.datetime | None]


class TimedInspector(Inspector):
    """Opens the file and takes its times from a variable or from attributes, else from its name."""

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
            Attributes with times, ISO 8601 unless `time_format` says otherwise.
        time_format
            How the attributes write times, in the codes of ``strptime``.
        version_attribute
            Attribute with the file's version.
        tolerance
            Days that the contents may lie away from the name's date.
        """
        with self.opened(path) as file:
            start, stop = self._times(file, time, (start_attribute, stop_attribute), time_format)
            version = self.text(file, version_attribute) if version_attribute else None
        if version is not None and name.version is not None and version.strip() != str(name.version):
            raise NotMine(f"its contents say version {version}, but its name says {name.version}")
        return Facts(start=start, stop=stop, version=version, tolerance=days(tolerance))

    @abstractmethod
    def opened(self, path: str) -> AbstractContextManager[Any]:
        """The file, whole and of its kind."""

    @abstractmethod
    def variable(self, file: Any, name: str) -> Any:
        """The variable of this name, with the attributes that netCDF4 gives it; NotMine where there is none."""

    @abstractmethod
    def text(self, file: Any, name: str) -> str:
        """The text of the attribute of this name; NotMine where there is none."""

    @abstractmethod
    def usual_times(self, file: Any) -> Times:
        """The times where such files usually have them."""

    def _times(self, file: Any, variable: str, attributes: tuple[str, str], pattern: str) -> Times:
        if variable:
            return _named_times(self.variable(file, variable), variable)
        if not any(attributes):
            return self.usual_times(file)
        start, stop = (_required_clock(self.text(file, each), each, pattern) if each else None for each in attributes)
        return start, stop


def times_of(variable: Any) -> tuple[dt.datetime, dt.datetime] | None:
    """The times of a variable; None when its units are not of time, or it holds no value."""
    units = as_text(getattr(variable, "units", ""))
    values = ends(variable) if is_cf(units) else None
    return None if values is None else cf_times(values, units, as_text(getattr(variable, "calendar", "")))


def _named_times(variable: Any, name: str) -> tuple[dt.datetime, dt.datetime]:
    """The times of a variable that the arguments name."""
    units = as_text(getattr(variable, "units", ""))
    if not is_cf(units):
        raise NotMine(f"the units of {name!r} are {units!r}, none of time such as 'seconds since 1970-01-01'")
    times = times_of(variable)
    if times is None:
        raise NotMine(f"{name!r} holds no value")
    return times


def _required_clock(text: str, what: str, pattern: str) -> dt.datetime:
    """The time that `text`, found at `what`, says."""
    time = clock(text, pattern)
    if time is None:
        raise NotMine(f"{what!r} is {text!r}, no time {f'of the format {pattern!r}' if pattern else 'in ISO 8601'}")
    return time
