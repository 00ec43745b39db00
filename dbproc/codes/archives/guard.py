"""What keeps an archive that anybody may have made from doing harm: bombs, names that are there twice, damage."""

from __future__ import annotations

import errno
import posixpath
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from dbproc.codes.archives.member import Kind, Member, Stream, inside
from dbproc.codes.idx.refusal import GET_AGAIN, Refusal

MOST_FILES = 100_000
RATIO = 200
"""An archive may unpack to so many times its own size …"""
ALWAYS = 1 << 30
"""… and to so many bytes in any case."""
ROOM = "Make room or name another directory"
CHUNK = 1 << 20

_FULL = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)


class Guard:
    """What was seen of an archive so far.

    Parameters
    ----------
    archive
        The archive.
    room
        Bytes that there is room for; none where they are not kept.
    """

    def __init__(self, archive: Path, room: int | None = None) -> None:
        self.archive, self.at = archive, ""
        self._allowed = max(RATIO * archive.stat().st_size, ALWAYS)
        self._room = room
        self._kinds: dict[PurePosixPath, Kind] = {}
        self._above: set[PurePosixPath] = set()
        self._size = 0

    def admit(self, member: Member) -> None:
        """Take note of a member; refused where it cannot be beside those before it."""
        self.at, path = member.name, PurePosixPath(member.name)
        if path in self._kinds:
            raise Refusal(self.archive, f"it holds {member.name!r} twice", "Pack it again")
        if len(self._kinds) == MOST_FILES:
            raise Refusal(self.archive, f"it holds more than {MOST_FILES} files", "Pack them in several archives")
        above = [each for each in path.parents if each.parts]
        wrong = [each for each in above if self._kinds.get(each, Kind.DIRECTORY) is not Kind.DIRECTORY]
        if wrong or (path in self._above and member.kind is not Kind.DIRECTORY):
            other = wrong[0] if wrong else path
            what = f"it holds {str(other)!r} as a {self._kinds.get(other, member.kind)} and as a directory"
            raise Refusal(self.archive, what, GET_AGAIN)
        self._require_inside(member)
        self._kinds[path] = member.kind
        self._above.update(above)

    def _require_inside(self, member: Member) -> None:
        """Refuse a link that leads out of the archive, or is of a file that was not before it."""
        if member.kind is Kind.LINK:
            leads = posixpath.normpath(posixpath.join(posixpath.dirname(member.name), member.target))
            if not member.target or posixpath.isabs(leads) or leads.split("/")[0] == "..":
                what = f"the link {member.name!r} in it leads outside: to {member.target!r}"
                raise Refusal(self.archive, what, "Do not trust it, or pack it without that link")
        if member.kind is Kind.HARD_LINK:
            target = inside(self.archive, member.target)
            if self._kinds.get(target) is not Kind.FILE:
                raise Refusal(
                    self.archive, f"{member.name!r} in it is {member.target!r}, which is no file before it", GET_AGAIN
                )

    def take(self, size: int) -> None:
        """Count bytes, before they are written."""
        self._size += size
        if self._size > self._allowed:
            what = f"it unpacks to more than {self._allowed >> 20} MiB, over {RATIO} times its size"
            raise Refusal(self.archive, what, "It may be a bomb; if it is not, unpack it by hand")
        if self._room is not None and self._size > self._room:
            what = f"it unpacks to more than the {self._room / 1e6:.0f} MB that there is room for"
            raise Refusal(self.archive, what, ROOM)

    def chunks(self, member: Member, stream: Stream) -> Iterator[bytes]:
        """The bytes of a member, counted, which are as many as it says."""
        found = 0
        for chunk in self.counted(stream):
            found += len(chunk)
            yield chunk
        self.require_size(member, found)

    def require_size(self, member: Member, found: int) -> None:
        """Refuse a member that has not as many bytes as it tells."""
        if found != member.size:
            what = f"{member.name!r} in it has {found} bytes where it tells of {member.size}"
            raise Refusal(self.archive, what, GET_AGAIN)

    def counted(self, stream: Stream) -> Iterator[bytes]:
        """The bytes of a stream, counted."""
        while chunk := stream.read(CHUNK):
            self.take(len(chunk))
            yield chunk

    @contextmanager
    def sound(self, directory: Path, done: str = "unpacked") -> Iterator[None]:
        """Whatever a library raises is said to be the archive's fault, but for what the disk has no room for."""
        try:
            yield
        except (Refusal, MemoryError):
            raise
        except OSError as error:
            name = str(error.filename or "").removeprefix(f"{directory}/") or self.at
            what = f"it cannot be {done}: {error.strerror or error}" + (f": {name!r}" if name else "")
            raise Refusal(self.archive, what, ROOM if error.errno in _FULL else GET_AGAIN) from error
        except Exception as error:
            where = f", at {self.at!r}" if self.at else ""
            raise Refusal(
                self.archive, f"it cannot be {done}{where}: {type(error).__name__}: {error}", GET_AGAIN
            ) from error
