"""The base class of dbprocessing's inspectors, and its helpers for reading filenames."""

from __future__ import annotations

import datetime
import os
import re
import warnings
from collections.abc import Mapping
from typing import Any

from . import DBlogging, DBstrings, Diskfile, Version

_FIRST_SATELLITE = datetime.datetime(1957, 10, 4, 19, 28, 34)
_LATEST = datetime.datetime(2050, 1, 1)
_MONTH = r"[12][90]\d\d[01]\d"
_NEEDED = (
    "filename",
    "utc_file_date",
    "utc_start_time",
    "utc_stop_time",
    "data_level",
    "file_create_date",
    "exists_on_disk",
    "product_id",
    "version",
)


class DefaultFields(dict[str, tuple[str, str]]):
    """Says of every field that it has it; one that nobody described matches anything."""

    def __missing__(self, key: str) -> tuple[str, str]:
        return "{" + key + "}", ".*"

    def __contains__(self, key: object) -> bool:
        return key is not None


class DefaultFormatter(DBstrings.DBformatter):
    """Makes regular expressions of formats with any fields."""

    SPECIAL_FIELDS: Mapping[str, tuple[str, str]] = DefaultFields(DBstrings.DBformatter.SPECIAL_FIELDS)


class inspector:
    """Derive ``Inspector`` from this and give it ``inspect(self, kwargs)``, which fills ``self.diskfile.params``."""

    code_name: str | None = None

    def __init__(self, filename: str, dbu: Any, product: int, **kwargs: str) -> None:
        self.dbu = dbu
        self.filename = filename
        self.dirname, self.basename = os.path.split(filename)
        self.product = product
        self.filenameformat = dbu.getEntry("Product", product).format
        self.filenameregex = DefaultFormatter().re(self.filenameformat)
        self.diskfile: Diskfile.Diskfile | None = Diskfile.Diskfile(filename, dbu)
        if self.inspect(kwargs) is None:
            self.diskfile = None
        else:
            self._populate()

    def inspect(self, kwargs: dict[str, str]) -> Any:
        """Override this: return None when the file is not of the product, anything else when it is."""
        return None

    def _populate(self) -> None:
        """Add what is known without the inspector. The digest is made elsewhere, once for each file."""
        diskfile = self.diskfile
        if diskfile is None:
            return
        params = diskfile.params
        if params["data_level"] is not None:
            message = (
                f"Inspector {self.code_name}:  set level to {params['data_level']}, "
                "this is ignored and set by the product definition"
            )
            DBlogging.dblogger.info(message)
            warnings.warn(message, stacklevel=2)
        diskfile.mission = self.dbu.getTraceback("Product", self.product)["mission"].mission_name
        params["file_create_date"] = datetime.datetime.fromtimestamp(os.path.getmtime(diskfile.infile))
        params["exists_on_disk"] = True
        params["product_id"] = self.product
        params["data_level"] = self.dbu.getEntry("Product", self.product).level

    def __call__(self) -> Diskfile.Diskfile | None:
        """The file with its facts; None when it is not of the product or a necessary fact is missing."""
        if self.diskfile is None:
            return None
        lacking = [name for name in _NEEDED if self.diskfile.params.get(name) is None]
        if lacking:
            DBlogging.dblogger.debug("it confirmed the file but did not set %s", ", ".join(lacking))
            return None
        return self.diskfile

    def extract_YYYYMMDD(self) -> datetime.datetime | None:
        """The first date in the file's path."""
        return extract_YYYYMMDD(self.filename)


def extract_YYYYMMDD(filename: str) -> datetime.datetime | None:
    """The first date written YYYYMMDD, None when it does not exist or is not one of the space age up to 2050."""
    return _first_time(_MONTH + r"[0-3]\d", filename, "%Y%m%d")


def extract_YYYYMM(filename: str) -> datetime.date | None:
    """The first day of the first month written YYYYMM, None as :func:`extract_YYYYMMDD` has it."""
    found = _first_time(_MONTH, filename, "%Y%m")
    return None if found is None else found.date()


def valid_YYYYMMDD(inval: str) -> bool:
    """Whether the text is a date written YYYYMMDD."""
    return _time(inval, "%Y%m%d") is not None


def extract_Version(filename: str, basename: bool = False) -> Any:
    """The first version written like ``v1.2.3.``, with `basename` also what stands before it; None without one."""
    found = re.search(r"[vV](\d+)\.(\d+)\.(\d+)\.", filename)
    if found is None:
        return None
    version = Version.Version(*found.groups())
    return (version, filename[: found.start()]) if basename else version


def _first_time(pattern: str, text: str, written: str) -> datetime.datetime | None:
    found = re.search(pattern, text)
    time = _time(found[0], written) if found else None
    return time if time is not None and _FIRST_SATELLITE <= time <= _LATEST else None


def _time(text: str, written: str) -> datetime.datetime | None:
    try:
        return datetime.datetime.strptime(text, written)
    except ValueError:
        return None
