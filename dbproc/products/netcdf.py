"""The inspector for NetCDF, classic and 4."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dbproc.codes.formats.classic import require_sound
from dbproc.products.base import NotMine, reading
from dbproc.products.timed import TimedInspector, Times, times_of
from dbproc.products.times import as_text, clock


class NetcdfInspector(TimedInspector):
    """Knows variables and global attributes.

    Without arguments it looks for a variable ``time`` with CF units, then for the attributes ``time_coverage_start``
    and ``time_coverage_end``.
    """

    @contextmanager
    def opened(self, path: str) -> Iterator[Any]:
        """The dataset."""
        import netCDF4

        with reading("NetCDF"):
            require_sound(Path(path))
            with netCDF4.Dataset(path) as dataset:
                yield dataset

    def variable(self, file: Any, name: str) -> Any:
        """A variable, of the file itself or of a group."""
        try:
            return file[name]
        except (IndexError, KeyError) as error:
            raise NotMine(f"it has no variable {name!r}") from error

    def text(self, file: Any, name: str) -> str:
        """A global attribute."""
        if name not in file.ncattrs():
            raise NotMine(f"it has no attribute {name!r}")
        return as_text(file.getncattr(name))

    def usual_times(self, file: Any) -> Times:
        """Those of the variable ``time``, or of the attributes that name the coverage."""
        times = times_of(file.variables.get("time"))
        if times is not None:
            return times
        found = file.ncattrs()
        start, stop = (
            clock(as_text(file.getncattr(each))) if each in found else None
            for each in ("time_coverage_start", "time_coverage_end")
        )
        return start, stop
