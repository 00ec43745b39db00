"""A file on disk and what an inspector says of it."""

from __future__ import annotations

import hashlib
import os
from typing import Any

_PARAMETERS = (
    "utc_file_date",
    "utc_start_time",
    "utc_stop_time",
    "data_level",
    "check_date",
    "verbose_provenance",
    "quality_comment",
    "caveats",
    "file_create_date",
    "met_start_time",
    "met_stop_time",
    "exists_on_disk",
    "quality_checked",
    "product_id",
    "shasum",
    "version",
    "process_keywords",
)


class ReadError(Exception):
    """The file cannot be read."""


class FilenameError(Exception):
    """A filename is wrong."""


class WriteError(Exception):
    """The file cannot be written."""


class InputError(Exception):
    """The input is no file."""


class DigestError(Exception):
    """No digest can be made."""


class Diskfile:
    """Holds ``params``, which an inspector fills in."""

    def __init__(self, infile: str, dbu: Any) -> None:
        self.infile = infile
        self.checkAccess()
        self.path, self.filename = os.path.split(infile)
        self.params: dict[str, Any] = {"filename": self.filename, **dict.fromkeys(_PARAMETERS)}
        self.dbu = dbu
        self.mission = dbu.mission

    def __repr__(self) -> str:
        return f"<Diskfile.Diskfile object: {self.infile}>"

    def __str__(self) -> str:
        return "".join(f"params['{name}'] = {value}\n" for name, value in self.params.items())

    def checkAccess(self) -> None:
        """Note what may be done with the file; one that cannot be read is an error, one that is read-only is none."""
        self.READ_ACCESS = os.access(self.infile, os.R_OK)
        self.WRITE_ACCESS = os.access(self.infile, os.W_OK) or os.path.islink(self.infile)
        if not self.READ_ACCESS:
            raise ReadError(f"{self.infile} does not exist or cannot be read")


def calcDigest(infile: str) -> str:
    """The SHA-1 of a file, as hexadecimal digits."""
    try:
        with open(infile, "rb") as stream:
            return hashlib.file_digest(stream, "sha1").hexdigest()
    except OSError as error:
        raise DigestError(f"{infile}: {error.strerror}") from error
