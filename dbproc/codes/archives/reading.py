"""Whatever kind an archive is of, its members one after the other."""

from __future__ import annotations

from pathlib import Path

from dbproc.codes.archives import sevenzip_file, tar_file, zip_file
from dbproc.codes.archives.compression import kind
from dbproc.codes.archives.member import Members


def read(archive: Path) -> Members:
    """The members of a zip, 7z or tar file, the latter plain or compressed, and the bytes of each.

    A stream is read before the next member is asked for. What libraries raise is passed on.

    Raises
    ------
    Refusal
        When it is encrypted, holds something else than files, directories and links, or names a place outside of it.
    """
    name, found = archive.name.lower(), kind(archive)
    if found == "zip" or name.endswith(".zip"):
        return zip_file.read(archive)
    if found == "7z" or name.endswith(".7z"):
        return sevenzip_file.read(archive)
    return tar_file.read(archive)
