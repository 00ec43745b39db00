"""What may be asked of staging: where in a users' area files go, for how long, and whether there is room. Pure."""

from __future__ import annotations

import datetime as dt
import posixpath
from collections.abc import Sequence
from dataclasses import dataclass

from dbproc.core.durations import ALLOWED, read_duration
from dbproc.core.errors import NotFoundError, PermanentError, RoomError, UserError
from dbproc.core.filenames import UNFIT
from dbproc.core.likeness import no_such
from dbproc.core.places import AreaSpec, Link
from dbproc.core.slot_text import read_time
from dbproc.core.text import size_words

GIB = 1 << 30
PRIVATE = ".dbproc"
"""How the names begin of what staging has in an area for itself."""

_SMALL = 0.01  # GiB
_LONGEST_NAME = 255
_LONGEST_PATH = 2000


@dataclass(frozen=True, slots=True)
class Destination:
    """Where files go: a directory of a user in an area; an empty one is the user's own."""

    area: str
    owner: str
    directory: str = ""

    def path(self, *names: str) -> str:
        """The path of something in it, relative to the area."""
        return posixpath.join(self.owner, *(each for each in (self.directory, *names) if each))


def destination(text: str) -> Destination:
    """The destination that ``AREA/USER/DIR`` means.

    Raises
    ------
    UserError
        It names no area or no user, or leads out of the user's directory.
    """
    area, _, below = text.partition("/")
    owner, _, directory = below.partition("/")
    if not area or not owner:
        raise UserError(f"{text!a} names no area and user; write AREA/USER or AREA/USER/DIR")
    return Destination(area, owner_name(owner), directory_in(directory))


def owner_name(text: str) -> str:
    """The name of a user's directory.

    Raises
    ------
    UserError
        It cannot be the name of one.
    """
    problem = "it begins with a dot" if text.startswith(".") else _fault(text)
    if problem is None and "/" not in text:
        return text
    raise UserError(f"{text!a} cannot be the name of a user's directory: {problem or 'it has a / in it'}")


def directory_in(text: str) -> str:
    """A directory below a user's, without ``.`` and double slashes.

    Raises
    ------
    UserError
        It is absolute, or has ``..`` or what no name may have in it.
    """
    if text.startswith("/"):
        raise UserError(f"{text!a} is absolute; the directory is one below the user's own")
    parts = [part for part in text.split("/") if part not in ("", ".")]
    for part in parts:
        problem = _fault(part)
        if problem is not None:
            raise UserError(f"{text!a} cannot be a directory of a user: {problem}")
    return "/".join(parts)


def target_fault(path: str) -> str | None:
    """Why a file cannot have a path in an area, or None."""
    if len(path.encode(errors="surrogateescape")) > _LONGEST_PATH:
        return f"{path[:60]!a}… has more than {_LONGEST_PATH} bytes"
    return next((f"{path!a}: {fault}" for part in path.split("/") if (fault := _fault(part))), None)


def _fault(name: str) -> str | None:
    """Why no file or directory can have a name, or None."""
    if name in ("", ".", ".."):
        return f"{name!r} leads elsewhere" if name else "a name in it is empty"
    if UNFIT.search(name):
        return "it has control characters or bytes that are not UTF-8 in it"
    if len(name.encode()) > _LONGEST_NAME:
        return f"{name[:40]!r}… has more than {_LONGEST_NAME} bytes, the most that filesystems take"
    if name.startswith(PRIVATE):
        return f"names that begin with {PRIVATE} are dbproc's own"
    return None


def area_named(areas: Sequence[AreaSpec], name: str) -> AreaSpec:
    """The area of a name.

    Raises
    ------
    NotFoundError
        There is none.
    """
    named = {area.name: area for area in areas}
    if name in named:
        return named[name]
    remedy = "" if named else f"; write one in the mission file: [area.{name}]"
    raise NotFoundError(f"{no_such('area', name, named)}{remedy}")


def takes_room(link: Link) -> bool:
    """Whether what is so placed counts into a quota: copies do, and what may become one; other names do not."""
    return link in (Link.COPY, Link.REFLINK)


def require_room(area: AreaSpec, owner: str, *, wanted: int, used: int, waiting: int, free: int) -> None:
    """See that there is room for what is asked.

    Parameters
    ----------
    wanted
        Bytes that are asked for.
    used
        Bytes that the user has in the area, or that wait for their turn.
    waiting
        Bytes of all users that wait.
    free
        Bytes that are free on the filesystem of the area.

    Raises
    ------
    PermanentError
        It is more than the user may ever have.
    RoomError
        It does not fit now.
    """
    if wanted and area.quota is not None and used + wanted > area.quota * GIB:
        text = f"{owner} may have {_gib(area.quota)} in area {area.name}"
        if wanted > area.quota * GIB:
            raise PermanentError(f"{text}, and this is {size_words(wanted)}; ask for less of it, or raise the quota")
        raise RoomError(
            f"{text} and has {size_words(used)}; this needs {size_words(wanted)}: "
            "end requests that are needed no more (dbproc stages list), or raise the quota"
        )
    left = free - waiting - int(area.reserve * GIB)
    if wanted and wanted > left:
        reserve = f", of which {_gib(area.reserve)} must stay free" if area.reserve else ""
        others = f" and {size_words(waiting)} are waited for" if waiting else ""
        raise RoomError(
            f"there is no room in area {area.name}: {size_words(free)} are free{reserve}{others}; "
            f"this needs {size_words(wanted)}"
        )


def _gib(size: float) -> str:
    return f"{size:g} GiB" if size >= _SMALL else size_words(round(size * GIB))


NEVER = "never"
"""What is written of what stays."""


def read_expiry(text: str) -> dt.timedelta | dt.datetime | None:
    """How long, or until when, something stays; None: until somebody ends it.

    Raises
    ------
    UserError
        The text says neither.
    """
    found = read_duration(text)
    if found is not None or text == NEVER:
        return found
    try:
        return read_time(text).stop
    except UserError:
        raise UserError(f"{text!r} is neither {ALLOWED}, nor a date, nor {NEVER}") from None


def expiry(area: AreaSpec, asked: dt.timedelta | dt.datetime | None, now: dt.datetime) -> dt.datetime | None:
    """When what is asked for now expires; None: never.

    Raises
    ------
    UserError
        That is in the past, or beyond all dates.
    """
    if isinstance(asked, dt.timedelta):
        try:
            return now + asked
        except OverflowError:
            raise UserError("that is beyond all dates; write never") from None
    if asked is not None and asked <= now:
        raise UserError(f"{asked:%Y-%m-%d %H:%M} is over; name a time to come")
    return asked
