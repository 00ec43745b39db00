"""Take files out of their places and put them back: announced moves, then one transaction that says so.

A file that is withdrawn or replaced goes to ``.dbproc/withdrawn``, in a directory named by its digest; one that is
reaped to ``.dbproc/trash``. A kill before the transaction leaves moves that the next run undoes.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from dbproc.core.errors import PlacementError, StorageError
from dbproc.core.model import KnownFile, Mission, Move
from dbproc.core.plan import Decision
from dbproc.core.states import Correction, Purpose
from dbproc.database import corrections, files, queue
from dbproc.database import moves as placements
from dbproc.database.corrections import Corrected
from dbproc.database.store import Store
from dbproc.storage import layout, moves
from dbproc.storage.digest import algorithm_of, digest_file, state_of

WITHDRAWN = "withdrawn"
"""Why a file is queued that was taken back."""


def path_of(mission: Mission, file: KnownFile) -> str:
    """The absolute path of a file's place."""
    return os.path.join(mission.root, file.directory, file.filename)


def move_aside(mission: Mission, file: KnownFile, place: str = layout.WITHDRAWN) -> Move | None:
    """The move of a file out of its place; None when nothing is there."""
    source = path_of(mission, file)
    try:
        is_as_recorded = (
            state_of(os.lstat(source)) == file.state or digest_file(source, algorithm_of(file.digest)) == file.digest
        )
    except FileNotFoundError:
        return None
    target = layout.kept_path(mission, file.digest, file.filename, place)
    return Move(Purpose.ASIDE, source, target, file.digest if is_as_recorded else "", file.members)


def move_home(mission: Mission, file: KnownFile, place: str = layout.WITHDRAWN) -> Move | None:
    """The move of a file back into its place; None when its bytes are not kept."""
    source = layout.kept_path(mission, file.digest, file.filename, place)
    if not os.path.lexists(source):
        return None
    return Move(Purpose.ASIDE, source, path_of(mission, file), file.digest, file.members)


@contextmanager
def moved(store: Store, wanted: Sequence[Move]) -> Iterator[None]:
    """Announce and make moves; the block records them and what comes of them (:func:`dbproc.database.moves.withdraw`).

    PlacementError or StorageError when one cannot be made; then, and when the block raises, all are undone.
    """
    with store.begin() as connection:
        placements.announce(connection, wanted)
    done: list[Move] = []
    try:
        for move in wanted:
            moves.move(move)
            done.append(move)
        moves.sync(done)
        yield
    except BaseException as error:
        try:
            for move in reversed(done):
                moves.move_back(move)
        except (OSError, PlacementError) as second:
            raise StorageError(f"{error}; nor can what was moved be put back: {second}; the next run does") from error
        with store.begin() as connection:
            placements.withdraw(connection, wanted)
        raise


def follow(
    store: Store, mission: Mission, run_id: int, decisions: Iterable[Decision]
) -> Iterator[tuple[Decision, Sequence[int], str]]:
    """Withdraw what was made from inputs that were taken back, as the planner decided; yield each decision with the
    numbers of the files that were withdrawn, or the reason why they could not be moved."""
    for decision in decisions:
        pairs = {file.filename: (file, cause) for file, cause in decision.withdraws}
        with store.begin() as connection:
            known = files.known_by_name(connection, list(pairs))
        aside = [move for file in known.values() if (move := move_aside(mission, file)) is not None]
        try:
            with moved(store, aside), store.begin() as connection:
                reason = decision.explanation
                following = [Corrected(file.file_id, cause.file_id) for file, cause in pairs.values()]
                number = corrections.enter(connection, Correction.WITHDRAW, reason, following, run_id)
                ids = [each.file_id for each in following]
                corrections.take_out(connection, number, ids)
                queue.push(connection, ids, WITHDRAWN)
                placements.withdraw(connection, aside)
        except PlacementError as error:
            yield decision, (), str(error)
        else:
            yield decision, ids, ""
