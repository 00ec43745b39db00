"""The end of a text file that may be of any size, and still be written."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tail:
    """The last lines of a file."""

    text: str
    size: int  #: bytes of the whole file
    is_whole: bool


def tail_of(path: str, most: int) -> Tail | None:
    """At most so many bytes of the end of a file, in whole lines; None where there is no such file. A link is not
    followed: whoever writes logs could make it lead anywhere."""
    try:
        number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    found = os.fstat(number)
    if not stat.S_ISREG(found.st_mode):
        os.close(number)
        return None
    with open(number, "rb") as stream:
        stream.seek(max(0, found.st_size - most))
        content = stream.read(most)
    is_whole = found.st_size <= most
    if not is_whole:
        content = content.partition(b"\n")[2] or content
    return Tail(content.decode(errors="replace"), found.st_size, is_whole)
