"""Moves of files of the catalogue out of their places, and back: below ``.dbproc``, in directories named by digests."""

from __future__ import annotations

import os
from contextlib import suppress

from dbproc.core.model import KnownFile, Mission, Move
from dbproc.core.states import Purpose
from dbproc.storage import layout
from dbproc.storage.digest import algorithm_of, digest_file, state_of


def path_of(mission: Mission, file: KnownFile) -> str:
    """The absolute path of a file's place."""
    return os.path.join(mission.root, file.directory, file.filename)


def move_aside(mission: Mission, file: KnownFile, place: str = layout.WITHDRAWN) -> Move | None:
    """The move of a file out of its place; None when nothing is there.

    Bytes that are not those that were recorded go where their own digest says: the recorded ones are lost.
    """
    source = path_of(mission, file)
    try:
        is_as_recorded = state_of(os.lstat(source)) == file.state
        digest = file.digest if is_as_recorded else digest_file(source, algorithm_of(file.digest))
    except FileNotFoundError:
        return None
    return Move(
        Purpose.ASIDE,
        source,
        layout.kept_path(mission, file.file_id, digest, file.filename, place),
        digest,
        file.members,
    )


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
    return Move(Purpose.ASIDE, source, path_of(mission, file), file.digest, file.members)
