"""Withdraw files: they are no inputs and not the newest any more, nor is what cannot be made without them.

The bytes go aside, and every row stays; :mod:`dbproc.changes.restore` undoes it. What can be made without them is made
anew by the next run.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from dbproc.changes.correcting import Correcting, correcting, refuse, require_some, require_there
from dbproc.changes.trial import Descendant, descendants, foresee
from dbproc.core.errors import PlacementError, UserError
from dbproc.core.model import KnownFile
from dbproc.core.states import Correction, Standing
from dbproc.database import corrections, data_releases, files, lineage, queue, verdicts
from dbproc.database import moves as placements
from dbproc.database.corrections import LOST, Corrected
from dbproc.database.definition.load import load_definition
from dbproc.database.files import FileRow
from dbproc.database.store import Store, Transaction
from dbproc.run.withdrawal import WITHDRAWN, former_of, moved
from dbproc.storage.aside import move_aside
from dbproc.storage.digest import algorithm_of, digest_file, state_of

Choice = Callable[[Transaction], Sequence[FileRow]]
"""Finds the files that are meant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawnFile:
    """A file that is withdrawn by a person's word."""

    file: str  #: its name
    product: str  #: the name of its product
    successor: str | None  #: the earlier version that is the newest then
    why: str  #: why an earlier version is withdrawn along with it


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawn:
    """What a withdrawal does."""

    reason: str  #: why
    files: tuple[WithdrawnFile, ...]  #: the files themselves
    releases: tuple[str, ...]  #: the releases of data that hold some of them, or of what is withdrawn with them
    descendants: tuple[Descendant, ...]  #: what was made from them, and what becomes of it
    is_done: bool  #: whether it was done, not only foreseen


def withdraw(
    store: Store, choice: Choice, reason: str, *, whole_slot: bool = False, only_look: bool = False
) -> Withdrawn:
    """Withdraw files, or with `only_look` say what would come of it.

    Parameters
    ----------
    store
        The mission's database.
    choice
        Finds the files.
    reason
        Why; it is shown by ``why``.
    whole_slot
        Withdraw every version, so that no earlier one takes the place.
    only_look
        Change nothing.

    Raises
    ------
    UserError
        No file is meant, or one of them is out of its place already.
    BusyError, LockError
        A run is live.
    """
    if not reason.strip():
        raise UserError("give the reason, for those who ask later: --reason TEXT")
    with correcting(store, "withdraw", only_look=only_look) as ground:
        with store.begin() as connection:
            rows = list(choice(connection))
        require_some(rows, "withdraw")
        refuse(
            [row for row in rows if not row.standing.exists and row.standing is not Standing.LOST],
            "out of their places already",
            "see: dbproc why FILE",
        )
        plan = _planned(ground, rows, whole_slot=whole_slot)
        foreseen = foresee(store, partial(_enter, plan=plan, reason=reason))
        with store.begin() as connection:
            gone = list(corrections.with_former(connection, {row.file_id: True for row in plan.rows}))
        following = foreseen.withdrawn_with(gone)
        with store.begin() as connection:
            numbers = [*(row.file_id for row in plan.rows), *(number for number, _ in following)]
            leaving = files.known_by_number(connection, numbers)
            releases = data_releases.names_holding(connection, numbers)
            marked = verdicts.meant(connection, foreseen.definition, gone)
        require_there(ground, leaving)
        told = Withdrawn(
            reason=reason,
            files=tuple(plan.told()),
            releases=releases,
            descendants=descendants(store, [*gone, *marked], foreseen),
            is_done=not only_look,
        )
        if not only_look:
            _carry_out(ground, plan, leaving, following, reason)
    return told


@dataclass(frozen=True, slots=True)
class _Plan:
    """The files to withdraw, earlier versions that go with them, each with its cause, those that succeed, and those
    whose recorded bytes are lost."""

    chosen: tuple[FileRow, ...]
    along: tuple[tuple[FileRow, FileRow, str], ...]
    successors: dict[int, FileRow]
    lost: frozenset[int] = frozenset()

    @property
    def rows(self) -> list[FileRow]:
        """All that is withdrawn."""
        return [*self.chosen, *(row for row, _, _ in self.along)]

    @property
    def corrected(self) -> list[Corrected]:
        """As it is recorded."""
        own = [Corrected(row.file_id, former=self._former(row)) for row in self.chosen]
        return own + [Corrected(row.file_id, cause.file_id, self._former(row)) for row, cause, _ in self.along]

    def former_of(self, file_id: int) -> Mapping[str, bool]:
        """What is recorded of a file that was there, or was lost before."""
        return LOST if file_id in self.lost else {}

    def _former(self, row: FileRow) -> Mapping[str, bool]:
        return self.former_of(row.file_id) if row.exists_on_disk else LOST

    def told(self) -> Iterator[WithdrawnFile]:
        """As an answer."""
        whys = {row.file_id: why for row, _, why in self.along}
        for row in self.rows:
            successor = self.successors.get(row.file_id)
            name = successor.filename if successor else None
            yield WithdrawnFile(file=row.filename, product=row.product, successor=name, why=whys.get(row.file_id, ""))


def _planned(ground: Correcting, rows: Sequence[FileRow], *, whole_slot: bool) -> _Plan:
    """What is withdrawn along with files: every version of them, or those earlier ones that are not sound."""
    chosen = {row.file_id: row for row in rows}
    along: list[tuple[FileRow, FileRow, str]] = []
    successors: dict[int, FileRow] = {}
    taken = set(chosen)
    with ground.store.begin() as connection:
        for row in rows:
            versions = files.versions_of(connection, row)
            if whole_slot:
                chosen.update((each.file_id, each) for each in versions)
                taken.update(chosen)
            rest = list(_unsound(connection, ground, row, versions, taken))
            along += [(each, row, why) for each, why in rest]
            taken.update(each.file_id for each, _ in rest)
            left = [each for each in versions if each.file_id not in taken]
            if left and versions and versions[0].file_id in taken:
                successors[row.file_id] = left[0]
    return _Plan(tuple(chosen.values()), tuple(along), successors)


def _unsound(
    connection: Transaction, ground: Correcting, row: FileRow, versions: Sequence[FileRow], taken: set[int]
) -> Iterator[tuple[FileRow, str]]:
    """The versions before a newest one that is withdrawn, down to the first that may take its place."""
    if not versions or versions[0].file_id not in taken:
        return
    for each in versions:
        if each.file_id in taken:
            continue
        why = _fault_of(connection, ground, each, taken)
        if not why:
            return
        yield each, why


def _fault_of(connection: Transaction, ground: Correcting, row: FileRow, taken: set[int]) -> str:
    """Why a file may not take the place of a newer version; nothing when it may."""
    ancestors = [ancestor for ancestor, _ in lineage.related(connection, row.file_id, ancestors=True)]
    wrong = [each for each in ancestors if each.standing.is_taken_back or each.file_id in taken]
    if wrong:
        return f"made from {wrong[0].filename}, which was taken back"
    (file,) = files.known_by_number(connection, [row.file_id])
    if file.is_offloaded:
        return ""
    path = os.path.join(ground.mission.root, file.directory, file.filename)
    try:
        if state_of(os.lstat(path)) != file.state and digest_file(path, algorithm_of(file.digest)) != file.digest:
            return "its bytes are not those that were recorded"
    except OSError as error:
        return f"it cannot be read: {error.strerror}"
    return ""


def _enter(connection: Transaction, *, plan: _Plan, reason: str, following: Iterable[tuple[int, int]] = ()) -> None:
    """Record the withdrawal, and queue what it changes."""
    corrected = [*plan.corrected, *(Corrected(file_id, cause, plan.former_of(file_id)) for file_id, cause in following)]
    number = corrections.enter(connection, Correction.WITHDRAW, reason, corrected)
    ids = [each.file_id for each in corrected]
    corrections.take_out(connection, number, ids)
    queue.push(connection, ids, WITHDRAWN)
    verdicts.settle(connection, load_definition(connection), ids)


def _carry_out(
    ground: Correcting,
    plan: _Plan,
    leaving: Sequence[KnownFile],
    following: Sequence[tuple[int, int]],
    reason: str,
) -> None:
    found = [(file, move_aside(ground.mission, file)) for file in leaving]
    aside = [move for _, move in found if move is not None]
    plan = replace(plan, lost=frozenset(file.file_id for file, move in found if former_of(file, move)))
    try:
        with moved(ground.store, aside), ground.store.begin() as connection:
            _enter(connection, plan=plan, reason=reason, following=following)
            placements.withdraw(connection, aside)
    except PlacementError as error:
        raise UserError(f"{error}; nothing was withdrawn") from error
