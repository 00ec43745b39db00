"""Moves of files of the catalogue out of their places, and back: below ``.dbproc``, in directories named by digests."""

from __future__ import annotations

import os
from contextlib import suppress

from dbproc.core.filenames import companion_of
from dbproc.core.model import KnownFile, Member, Mission, Move
from dbproc.core.states import Purpose
from dbproc.storage import layout
from dbproc.storage.digest import algorithm_of, digest_file, state_of
from dbproc.storage.moves import files_below


def path_of(mission: Mission, file: KnownFile) -> str:
    """The absolute path of a file's place."""
    return os.path.join(mission.root, file.directory, file.filename)


def move_aside(mission: Mission, file: KnownFile, place: str = layout.WITHDRAWN) -> Move | None:
    """The move of a file out of its place; None when nothing is there, or its bytes are in stores alone.

    Bytes that are not those that were recorded go where their own digest says: the recorded ones are lost.
    """
    if file.is_offloaded:
        return None
    source = path_of(mission, file)
    try:
        is_as_recorded = state_of(os.lstat(source)) == file.state
        digest = file.digest if is_as_recorded else digest_file(source, algorithm_of(file.digest))
    except FileNotFoundError:
        return None
    target = layout.kept_path(mission, file.file_id, digest, file.filename, place)
    return Move(Purpose.ASIDE, source, target, digest, _members_at(source, file))


def is_whole(file: KnownFile, move: Move | None) -> bool:
    """Whether a move has all the bytes that were recorded of a file, or stores have them."""
    if file.is_offloaded:
        return True
    return move is not None and move.digest == file.digest and set(file.members) <= set(move.members)


def _members_at(path: str, file: KnownFile) -> tuple[Member, ...]:
    """What is in the companion directory of a file that has one: all of it goes along, as it is now."""
    if not file.members:
        return ()
    directory, recorded = companion_of(path), {member.path: member for member in file.members}
    return tuple(_member(directory, name, recorded.get(name), file.digest) for name in sorted(files_below(directory)))


def _member(directory: str, name: str, recorded: Member | None, digest: str) -> Member:
    path = os.path.join(directory, name)
    status = os.lstat(path)
    state = state_of(status)
    if recorded is not None and recorded.state == state:
        return recorded
    return Member(name, status.st_size, digest_file(path, algorithm_of(digest)), state)


def prune(move: Move) -> None:
    """Remove the directory that a move home has left empty: it is named by the digest of what was in it."""
    directory = os.path.dirname(move.source)
    if os.path.basename(os.path.dirname(directory)) in (layout.WITHDRAWN, layout.TRASH):
        with suppress(OSError):
            os.rmdir(directory)


def move_home(mission: Mission, file: KnownFile, place: str = layout.WITHDRAWN) -> Move | None:
    """The move of a file back into its place; None when its bytes are not kept."""
    source = layout.kept_path(mission, file.file_id, file.digest, file.filename, place)
    if not os.path.lexists(source):
        return None
    return Move(Purpose.ASIDE, source, path_of(mission, file), file.digest, _members_at(source, file))
