"""Take files out of their places and put them back: announced moves, then one transaction that says so.

A file that is withdrawn or replaced goes to ``.dbproc/withdrawn``, in a directory named by its digest; one that is
reaped to ``.dbproc/trash``. A kill before the transaction leaves moves that the next run undoes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from dbproc.core.errors import PlacementError, StorageError
from dbproc.core.model import KnownFile, Mission, Move
from dbproc.core.plan import Decision
from dbproc.core.states import Correction
from dbproc.database import corrections, directories, files, queue
from dbproc.database import moves as placements
from dbproc.database.corrections import LOST, Corrected
from dbproc.database.store import Store
from dbproc.storage import moves
from dbproc.storage.aside import is_whole, move_aside, prune

WITHDRAWN = "withdrawn"
"""Why a file is queued that was taken back."""


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
        for move in done:
            prune(move)
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


def former_of(file: KnownFile, move: Move | None) -> Mapping[str, bool]:
    """What is recorded of a file that was there, or of whose recorded bytes no move has put any aside."""
    return {} if is_whole(file, move) else LOST


def follow(
    store: Store, mission: Mission, run_id: int, decisions: Iterable[Decision]
) -> Iterator[tuple[Decision, Sequence[int], str]]:
    """Withdraw what was made from inputs that were taken back, as the planner decided; yield each decision with the
    numbers of the files that were withdrawn, or the reason why they could not be moved."""
    for decision in decisions:
        pairs = {file.filename: (file, cause) for file, cause in decision.withdraws}
        with store.begin() as connection:
            known = files.known_by_name(connection, list(pairs))
            trouble = directories.away(connection, mission, known.values())
        if trouble is not None:
            yield decision, (), trouble
            continue
        found = {name: move_aside(mission, file) for name, file in known.items()}
        aside = [move for move in found.values() if move is not None]
        try:
            with moved(store, aside), store.begin() as connection:
                reason = decision.explanation
                following = [
                    Corrected(file.file_id, cause.file_id, former_of(known[name], found[name]))
                    for name, (file, cause) in pairs.items()
                ]
                number = corrections.enter(connection, Correction.WITHDRAW, reason, following, run_id)
                ids = [each.file_id for each in following]
                corrections.take_out(connection, number, ids)
                queue.push(connection, ids, WITHDRAWN)
                placements.withdraw(connection, aside)
        except PlacementError as error:
            yield decision, (), str(error)
        else:
            yield decision, ids, ""
