"""The mission's umask and group: who may do what with the files and directories that dbproc makes or places.

With every umask nothing is writable for everybody, and no file keeps the right to run as somebody else.
"""

from __future__ import annotations

import errno
import getpass
import grp
import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass

from dbproc.core.errors import UserError
from dbproc.core.model import Mission

_FOR_EVERYBODY = 0o002


@dataclass(frozen=True, slots=True)
class Access:
    """What files and directories are made without, and the number of their group, None for that of who makes them.

    `root` is the mission's, which is never made: where it is missing, its disk is not mounted, or it was moved away.
    """

    umask: int = _FOR_EVERYBODY
    group: int | None = None
    root: str | None = None

    def mode(self, status: os.stat_result) -> int:
        """The mode that a file or directory is to have; a directory hands the mission's group on to what is in it."""
        if not stat.S_ISDIR(status.st_mode):
            return status.st_mode & 0o777 & ~self.umask
        handing_on = 0 if self.group is None else stat.S_ISGID
        return stat.S_IMODE(status.st_mode) & ~self.umask & ~stat.S_ISUID | handing_on

    def is_given(self, status: os.stat_result) -> bool:
        """Whether a file or directory has this access already; a link has none of its own."""
        has_group = self.group in (None, status.st_gid)
        return stat.S_ISLNK(status.st_mode) or (has_group and stat.S_IMODE(status.st_mode) == self.mode(status))

    def is_bearable(self, status: os.stat_result) -> bool:
        """Whether what belongs to somebody else may stay his: none but he and a group may do more than is wanted."""
        excess = stat.S_IMODE(status.st_mode) & ~self.mode(status)
        return self.group in (None, status.st_gid) and not excess & ~0o770


_ANY = Access()
_in_force: ContextVar[Access] = ContextVar("access", default=_ANY)


@contextmanager
def in_force(mission: Mission) -> Iterator[None]:
    """Make and place everything with the mission's umask and group, in child processes too, and never its root.

    UserError when there is no such group, or the user is not in it.
    """
    with as_given(mission.umask, mission.group, os.path.normpath(mission.root)):
        yield


@contextmanager
def as_given(umask: int, group: str | None, root: str | None = None) -> Iterator[None]:
    """:func:`in_force`, for a mission that is being defined."""
    access = Access(umask | _FOR_EVERYBODY, None if group is None else _group_number(group), root)
    token = _in_force.set(access)
    umask = os.umask(access.umask)
    try:
        yield
    finally:
        os.umask(umask)
        _in_force.reset(token)


def settled(path: str) -> bool:
    """Give a file, or a directory with all below it, the access in force; whether it has it now.

    It has not where something belongs to somebody else, or has a second name elsewhere, which would change as well: a
    copy takes its place then. What is as it should be is left alone.
    """
    status = os.lstat(path)
    return _is_settled(path, status) and (not stat.S_ISDIR(status.st_mode) or all(map(give, _below(path))))


def give(path: str) -> bool:
    """:func:`settled` for a file or a directory itself."""
    return _is_settled(path, os.lstat(path))


def give_like(path: str, status: os.stat_result) -> None:
    """Give a copy of our own the access that what it was copied from, with this `status`, would have."""
    access = _in_force.get()
    with suppress(PermissionError):  # its filesystem knows no groups, or no modes
        if access.group is not None:
            os.chown(path, -1, access.group)
        os.chmod(path, access.mode(status))


def give_open(descriptor: int) -> None:
    """Give an open file or directory of our own the access in force."""
    access, status = _in_force.get(), os.fstat(descriptor)
    if access.is_given(status):
        return  # to give it again would be one more change to be synced
    with suppress(PermissionError):  # its filesystem knows no groups, or no modes
        if access.group not in (None, status.st_gid):
            os.chown(descriptor, -1, access.group or 0)
        os.chmod(descriptor, access.mode(status))


def make_directories(path: str) -> None:
    """Make a directory, and those above it that are missing, with the access in force; never the mission's root."""
    if os.path.isdir(path):
        return
    if os.path.normpath(path) == _in_force.get().root:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
    make_directories(os.path.dirname(path))
    try:
        os.mkdir(path)
    except FileExistsError:
        if not os.path.isdir(path):
            raise
    give(path)


def _is_settled(path: str, status: os.stat_result) -> bool:
    access = _in_force.get()
    if access.is_given(status):
        return True
    if stat.S_ISREG(status.st_mode) and status.st_nlink > 1:
        return False
    try:
        _change(path, access)
    except PermissionError:
        return access.is_bearable(status) or not _is_copyable(path, status)
    return True


def _change(path: str, access: Access) -> None:
    """Set group and mode of what is at `path`, and not of what a link there would name by now."""
    descriptor = os.open(path, os.O_PATH | os.O_NOFOLLOW)
    try:
        status = os.fstat(descriptor)
        if stat.S_ISLNK(status.st_mode):
            return
        place = f"/proc/self/fd/{descriptor}"
        if access.group not in (None, status.st_gid):
            os.chown(place, -1, access.group or 0)
        os.chmod(place, access.mode(status))
    finally:
        os.close(descriptor)


def _is_copyable(path: str, status: os.stat_result) -> bool:
    is_readable = os.access(path, os.R_OK, effective_ids=os.access in os.supports_effective_ids)
    return is_readable and (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode))


def _below(path: str) -> Iterator[str]:
    """Everything below a directory; links are not followed."""
    for place, directories, names in os.walk(path):
        yield from (os.path.join(place, name) for name in (*directories, *names))


def _group_number(name: str) -> int:
    try:
        number = grp.getgrnam(name).gr_gid
    except KeyError:
        raise UserError(
            f"the mission's group {name!r} does not exist on {socket.gethostname()}: have it made, or name another one "
            "in the mission file (group = …) and apply it"
        ) from None
    if os.geteuid() != 0 and number not in (os.getegid(), *os.getgroups()):
        raise UserError(
            f"{_user()} is not in the mission's group {name!r} and cannot give files to it: have him added "
            "(he logs in again then), run as somebody who is, or name another group in the mission file and apply it"
        )
    return number


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # no name is known for the number
        return f"user {os.geteuid()}"
