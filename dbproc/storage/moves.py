"""Moving files so that a crash loses nothing.

A file is never overwritten. On one filesystem a move is one atomic rename; across filesystems a copy is made beside the
target, synced, compared with the digest and renamed, and the source is removed last. A file takes along exactly those
members of its companion directory (``x/`` of ``x.idx``) that its move lists: nothing is moved or removed because of its
name alone. Members go first, there and back: where the file is, all of it is. What is moved has the mission's umask
and group before it has its new name (:mod:`dbproc.storage.permissions`).
"""

from __future__ import annotations

import errno
import filecmp
import hashlib
import os
import shutil
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace

from dbproc.core.errors import ForeignFileError, PlacementError, StorageError
from dbproc.core.filenames import companion_of
from dbproc.core.model import Member, Move
from dbproc.core.states import Purpose
from dbproc.storage import durable, permissions, removal, renaming
from dbproc.storage.digest import algorithm_of, digest_file, state_of
from dbproc.storage.fingerprint import require_directory

PARTIAL = ".dbproc.partial"
"""How the names of unfinished copies end."""

_Seen = dict[str, os.stat_result]
"""What the system said of each file and link when it was copied."""


def parts(path: str, members: Iterable[Member]) -> list[str]:
    """The paths of a file and of its members."""
    return [path, *(os.path.join(companion_of(path), member.path) for member in members)]


def files_below(directory: str) -> list[str]:
    """What is below a directory and is not one (as a link is not), by its path in it, in order; nothing without it."""
    found: list[str] = []
    if os.path.islink(directory):
        return found
    for place, below, names in os.walk(directory):
        links = [name for name in below if os.path.islink(os.path.join(place, name))]
        found += [os.path.relpath(os.path.join(place, name), directory) for name in (*names, *links)]
    return sorted(found)


def move(move: Move) -> None:
    """Move a file and its members to a place where nothing is.

    PlacementError when something is at the target already, the source is not what was announced, or the system refuses:
    everything is where it was. StorageError when it refused in the middle, and refuses to put it back, too.
    """
    _require_free(move)
    require_unchanged(move)
    try:
        permissions.make_directories(os.path.dirname(move.target))
        _move_all(move)
    except OSError as error:
        if _is_taken(error):
            text = f"{error.filename2} exists already and is not overwritten"
            if not move.digest:
                raise PlacementError(text) from error  # it is one piece, and where it was
        else:
            text = f"cannot move {move.source} to {move.target}: {error.strerror or error}"
        try:
            move_back(move)
        except (OSError, PlacementError) as second:
            raise StorageError(f"{text}; nor can it be put back: {second}; mend that and run again") from error
        raise PlacementError(text) from error


def place(wanted: Move) -> None:
    """:func:`move` a file of a product: what has become a link, or anything else, since it was looked at is refused."""
    if not os.path.isfile(wanted.source) or os.path.islink(wanted.source):
        raise PlacementError(f"{wanted.source} is not a regular file any more")
    move(wanted)


def move_back(move: Move, *, as_it_is: bool = False) -> None:
    """Undo a :func:`move` that was announced and perhaps half done, or undone by half.

    With `as_it_is` it was made by this process just now, and bytes that were written into it since go back with it.
    ForeignFileError when what is at the target is not what was announced: it is left there. PlacementError when another
    file has taken the source's name: what was moved is still at the target.
    """
    for path in (move.source, move.target):
        for end in (path, companion_of(path)):
            removal.remove(_partial(end))
    pairs = _moved_members(move, as_it_is=as_it_is)
    if os.path.lexists(move.target):
        if as_it_is or _is_announced(move):
            pairs.append((move.source, move.target))
        elif not os.path.lexists(move.source):
            raise ForeignFileError(f"{move.target} does not have the bytes that were moved there")
        # else it was never moved: somebody else has put a file there
    for source, target in pairs:
        if os.path.lexists(source) and not _is_equal(source, target):
            raise PlacementError(f"{source} is another file by now")
    for source, target in pairs:
        _return(source, target)
    if move.members:  # also where all is back: the one who brought it back may have died before this
        _prune(companion_of(move.target))


def put(path: str, target: str) -> None:
    """Put a file where it belongs and nothing is, without a word to the database: its row is there already."""
    _rename_or_copy(path, target)
    _sync_all([target, os.path.dirname(target)])


def remove(path: str, members: Sequence[Member] = (), *, has_companion: bool = False) -> None:
    """Remove a file and its members, or a directory: what is safe elsewhere, or was ordered away.

    The members go first, and what is left empty of its companion directory, also where a crash has left no more of it:
    what is left by another one still has the name of the file.
    """
    for member in parts(path, members)[1:]:
        removal.remove(member)
    if members or has_companion:
        _prune(companion_of(path))
    removal.remove(path)


def sync(moves: Iterable[Move]) -> None:
    """Make files that were moved durable, with their members and what names them; links and devices are not opened."""
    files = [path for move in moves for end in parts(move.target, move.members) for path in _regular(end)]
    try:
        _sync_all(files)
        _sync_all(sorted({os.path.dirname(path) for path in files} | {os.path.dirname(move.target) for move in moves}))
    except OSError as error:
        text = f"{error.filename or 'a file'} cannot be made durable: {error.strerror or error}"
        raise PlacementError(f"{text}; nothing of this step is recorded, the next run does it again") from error


def as_placed(move: Move) -> tuple[str, tuple[Member, ...]]:
    """What the system says of a file and its members now that they are where they belong: to be recorded.

    PlacementError when somebody went on writing into them while they were moved.
    """
    before = (move.state, *(member.state for member in move.members))
    states = list(map(_placed_state, parts(move.target, move.members), before))
    members = zip(move.members, states[1:], strict=True)
    return states[0], tuple(replace(member, state=state) for member, state in members)


# --- before ---


def _require_free(move: Move) -> None:
    for wanted in (move.target, companion_of(move.target)) if move.members else (move.target,):
        if os.path.lexists(wanted):
            raise PlacementError(f"{wanted} exists already and is not overwritten")


def require_unchanged(move: Move, *, has_companion: bool = False) -> None:
    """See that the source is what was read, member by member, and has no more of them; PlacementError otherwise."""
    try:
        _require_state(move.source, move.state)
        if not move.members and not has_companion:
            return
        require_directory(companion_of(move.source))
        for path, member in zip(parts(move.source, move.members)[1:], move.members, strict=True):
            _require_state(path, member.state)
    except OSError as error:
        raise PlacementError(f"{error.filename} cannot be taken any more: {error.strerror}") from error
    if files_below(companion_of(move.source)) != sorted(member.path for member in move.members):
        raise PlacementError(f"{companion_of(move.source)} was changed while {move.source} was looked at")


def _placed_state(path: str, before: str) -> str:
    """The state of a file at its place; its size and the time of its bytes are those that it had."""
    try:
        now = state_of(os.stat(path))
    except OSError as error:
        raise PlacementError(f"{path} went away in this moment: {error.strerror}") from error
    if before and now.rpartition(":")[0] != before.rpartition(":")[0]:
        raise PlacementError(f"{path} was written to while it was moved")
    return now


def _require_state(path: str, state: str) -> None:
    if state and state_of(os.lstat(path)) != state:
        raise PlacementError(f"{path} was changed while it was looked at")


# --- there ---


def _move_all(move: Move) -> None:
    """Move by renames, everything with the mission's access before it has its new name.

    Between filesystems, where the access of something cannot be changed, and where somebody else has a name for the
    bytes through which he may go on writing, everything is copied before anything is removed, the file first; what
    somebody has changed a part of stays together.
    """
    copied: list[tuple[str, _Seen]] = []
    for source, target, members in _pieces(move):
        if _is_shared(source, move) or not (permissions.settled(source) and _is_renamed(source, target)):
            copied.append((source, _copy(source, target, move, members)))
    if all(_is_as_seen(path, status) for _, seen in copied for path, status in seen.items()):
        for source, seen in reversed(copied):
            _remove_copied(source, seen)


def _pieces(move: Move) -> Iterator[tuple[str, str, tuple[Member, ...]]]:
    if move.members:
        yield companion_of(move.source), companion_of(move.target), move.members
    yield move.source, move.target, ()


def _is_shared(path: str, move: Move) -> bool:
    """Whether something delivered has a second name; what codes make shares blocks with earlier datasets on purpose."""
    if move.purpose is not Purpose.INCOMING:
        return False
    if os.path.isdir(path) and not os.path.islink(path):
        return any(os.lstat(os.path.join(path, name)).st_nlink > 1 for name in files_below(path))
    return stat.S_ISREG(os.lstat(path).st_mode) and os.lstat(path).st_nlink > 1


def _is_renamed(source: str, target: str) -> bool:
    """Rename what is at `source` now; False when the target is on another filesystem."""
    held = os.open(source, os.O_PATH | os.O_NOFOLLOW)
    try:
        renaming.rename(source, target)
        if not os.path.samestat(os.fstat(held), os.lstat(target)):
            renaming.rename(target, source)
            raise OSError(errno.ESTALE, "it was replaced in this moment", source)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        return False
    finally:
        os.close(held)
    return True


def _copy(source: str, target: str, move: Move, members: Sequence[Member]) -> _Seen:
    """Copy: the target appears whole, of the bytes that were announced, synced and with its access, or not at all."""
    seen: _Seen = {}
    partial = _partial(target)
    removal.remove(partial)
    try:
        _copy_all(source, partial, seen)
        _require_bytes(partial, source, move, members)
        _sync_all(_regular(partial))
        renaming.rename(partial, target)
    except OSError:
        removal.remove(partial)  # on a full disk it would keep the room that others need
        raise
    _sync_one(os.path.dirname(target))
    return seen


def _require_bytes(copy: str, source: str, move: Move, members: Sequence[Member]) -> None:
    """See that a copy has the bytes whose digests are recorded."""
    wanted = [(os.path.join(copy, member.path), member.digest) for member in members]
    if source == move.source and move.digest and os.path.isfile(copy) and not os.path.islink(copy):
        wanted.append((copy, move.digest))
    for path, digest in wanted:
        if digest_file(path, algorithm_of(digest)) != digest:
            raise OSError(errno.ESTALE, "its bytes changed while it was copied", source)


def _copy_all(source: str, target: str, seen: _Seen) -> None:
    """Copy a file, a link, or a directory with all below it; it is for nobody but us before it is whole."""
    status = os.lstat(source)
    if not stat.S_ISDIR(status.st_mode):
        seen[source] = status
    if stat.S_ISLNK(status.st_mode):
        os.symlink(os.readlink(source), target)
        return
    if stat.S_ISDIR(status.st_mode):
        os.mkdir(target, 0o700)
        for name in os.listdir(source):
            _copy_all(os.path.join(source, name), os.path.join(target, name), seen)
    elif stat.S_ISREG(status.st_mode):
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        shutil.copyfile(source, target, follow_symlinks=False)
    else:
        raise OSError(errno.EINVAL, "a fifo, socket or device cannot be copied", source)
    os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))
    permissions.give_like(target, status)


def _remove_copied(source: str, seen: _Seen) -> None:
    """Remove what was copied, and not what has come since under the same name: that is for a later run."""
    for path, status in seen.items():
        if _is_as_seen(path, status):
            os.unlink(path)
    _prune(source)


def _is_as_seen(path: str, before: os.stat_result) -> bool:
    """Whether this is the same file or link with the same bytes; the inode also changes with the number of names."""
    try:
        now = os.lstat(path)
    except FileNotFoundError:
        return False
    is_kept = (now.st_size, now.st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    return os.path.samestat(now, before) and is_kept and (before.st_nlink > 1 or now.st_ctime_ns == before.st_ctime_ns)


def _partial(path: str) -> str:
    """Where a copy is made that will be `path`: its name is as short as any."""
    directory, name = os.path.split(path)
    return os.path.join(directory, f".{hashlib.sha256(os.fsencode(name)).hexdigest()[:16]}{PARTIAL}")


# --- back ---


def _moved_members(move: Move, *, as_it_is: bool) -> list[tuple[str, str]]:
    """Source and target of the members that were moved; what somebody else has put there is not among them."""
    if as_it_is:
        ends = zip(parts(move.source, move.members)[1:], parts(move.target, move.members)[1:], strict=True)
        return [(source, target) for source, target in ends if os.path.lexists(target) and not os.path.lexists(source)]
    pairs = zip(parts(move.source, move.members)[1:], parts(move.target, move.members)[1:], move.members, strict=True)
    return [(source, target) for source, target, member in pairs if _is_member(target, member, os.path.lexists(source))]


def _is_member(path: str, member: Member, is_doubtful: bool) -> bool:
    """Whether this is a member, by its size; by its digest as well where it may never have been moved."""
    try:
        status = os.lstat(path)
    except OSError:
        return False
    if not stat.S_ISREG(status.st_mode) or status.st_size != member.size:
        return False
    return not is_doubtful or digest_file(path, algorithm_of(member.digest)) == member.digest


def _is_announced(move: Move) -> bool:
    """Whether what is at the target has the bytes that were to be moved there, as far as they are known."""
    if not move.digest or os.path.islink(move.target) or not os.path.isfile(move.target):
        return True
    return digest_file(move.target, algorithm_of(move.digest)) == move.digest


def _is_equal(one: str, other: str) -> bool:
    """Whether two files or links are equal; of two directories, what both have."""
    if os.path.islink(one):
        return os.path.islink(other) and os.readlink(one) == os.readlink(other)
    if os.path.isdir(one):
        both = set(os.listdir(one)).intersection(os.listdir(other) if os.path.isdir(other) else ())
        return os.path.isdir(other) and all(_is_equal(f"{one}/{name}", f"{other}/{name}") for name in both)
    return os.path.isfile(one) and os.path.isfile(other) and filecmp.cmp(one, other, shallow=False)


def _return(source: str, target: str) -> None:
    """Put back what is at the target; what is at the source as well equals it."""
    if not os.path.lexists(source):
        try:
            _rename_or_copy(target, source)
        except OSError as error:
            if _is_taken(error):
                raise PlacementError(f"{source} is another file by now") from error
            raise
    elif os.path.isdir(target) and not os.path.islink(target):
        for name in files_below(target):
            _return(os.path.join(source, name), os.path.join(target, name))
        _prune(target)
    else:
        os.unlink(target)


def _rename_or_copy(path: str, target: str) -> None:
    permissions.make_directories(os.path.dirname(target))
    if not (permissions.settled(path) and _is_renamed(path, target)):
        _remove_copied(path, _copy(path, target, Move(Purpose.OUTPUT, path, target), ()))


# --- small ---


def _is_taken(error: OSError) -> bool:
    """Whether something took the name in the moment before a renaming."""
    return isinstance(error, FileExistsError) and error.filename2 is not None


def _prune(directory: str) -> None:
    """Remove a directory and those below it, as far as they are empty; links are not followed."""
    if os.path.islink(directory):
        return
    for place, _, _ in os.walk(directory, topdown=False):
        try:
            os.rmdir(place)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT):
                raise


def _regular(path: str) -> list[str]:
    """A regular file, or those below a directory."""
    if os.path.islink(path):
        return []
    if os.path.isdir(path):
        below = (os.path.join(path, name) for name in files_below(path))
        return [each for each in below if os.path.isfile(each) and not os.path.islink(each)]
    return [path] if os.path.isfile(path) else []


def _sync_all(paths: Sequence[str]) -> None:
    """Sync at the same time: flushes that a disk is asked for together cost it little more than one."""
    if len(paths) < 2:
        for path in paths:
            _sync_one(path)
        return
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(max_workers=8) as pool:
        list(pool.map(_sync_one, paths))


def _sync_one(path: str) -> None:
    with suppress(PermissionError):  # what may not be read was not written by us, and goes to quarantine
        durable.sync(path)
