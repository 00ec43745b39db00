"""What would come of a correction: it is entered on trial, the next run is foreseen, and all is undone.

The prediction asks the same functions as the run, on the rows that the correction writes itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from dbproc.changes.whatif import predict
from dbproc.core.model import Definition, Task
from dbproc.core.plan import Decision, State
from dbproc.database import files, lineage
from dbproc.database.definition.load import load_definition
from dbproc.database.files import FileRow
from dbproc.database.store import Store, Transaction
from dbproc.run.simulation import Hypothesis


class Becomes(StrEnum):
    """What becomes of a file that was made from one that is corrected."""

    WITHDRAWN = "withdrawn"  #: it cannot be made any more
    MADE_ANEW = "made anew"  #: a new version takes its place
    MADE = "made"  #: there was none before
    WAITS = "waits"  #: it is made anew later
    HINDERED = "stays, and is stale"  #: it should be made anew, and cannot be now
    STAYS = "stays"  #: it is as it would be made


@dataclass(frozen=True, slots=True, kw_only=True)
class Descendant:
    """A newest file that was made from what is corrected, and what becomes of it."""

    file: str  #: its name
    product: str  #: the name of its product
    level: float  #: how far down it is
    becomes: Becomes  #: what becomes of it
    by: str | None  #: the name of the file that takes its place
    why: str  #: why


@dataclass(frozen=True, slots=True)
class Foreseen:
    """The next run after a correction."""

    definition: Definition
    decisions: tuple[Decision, ...]

    def withdrawn_with(self, file_ids: Iterable[int]) -> list[tuple[int, int]]:
        """The files of the catalogue withdrawn because of some files, or of what is withdrawn because of those,
        with all versions of them; each with its cause."""
        gone, found = set(file_ids), list[tuple[int, int]]()
        for decision in self.decisions:
            pairs = [(file.file_id, cause.file_id) for file, cause in decision.withdraws]
            if any(cause in gone for _, cause in pairs):
                found += [pair for pair in pairs if pair[0] not in gone and pair[0] > 0]
                gone.update(file_id for file_id, _ in pairs)
        return found

    def fate_of(self, row: FileRow) -> tuple[Becomes, str | None]:
        """What becomes of a file itself, and the name of its next version, if the run makes one."""
        identity = row.product_id, row.date, row.keywords
        for decision in self.decisions:
            if any(file.file_id == row.file_id for file, _ in decision.withdraws):
                return Becomes.WITHDRAWN, None
            if decision.task is not None and decision.state is State.STALE:
                for planned in decision.task.outputs:
                    if planned.replaces is not None and planned.replaces.identity == identity:
                        return Becomes.MADE_ANEW, planned.name
        return Becomes.STAYS, None


def foresee(store: Store, correct: Callable[[Transaction], None]) -> Foreseen:
    """The next run, after what `correct` writes in one transaction; nothing of it stays.

    Parameters
    ----------
    store
        The mission's database.
    correct
        Writes the correction.
    """
    with store.on_trial() as (trial, connection):
        correct(connection)
        definition = load_definition(connection)
        return Foreseen(definition, tuple(predict(trial, Hypothesis(definition))))


def descendants(
    store: Store, file_ids: Iterable[int], foreseen: Foreseen, names: Iterable[str] = ()
) -> tuple[Descendant, ...]:
    """Every newest file that was made from some files, or is made from them now, every one that is withdrawn because of
    them, and what becomes of it; `names` are of those that have no numbers yet."""
    ids, new = set(file_ids), set(names)
    with store.begin() as connection:
        rows = {row.file_id: row for row in lineage.newest_made_from(connection, sorted(ids))}
        more = [
            *_remade(foreseen.decisions, ids, new),
            *(number for number, _ in foreseen.withdrawn_with(ids)),
        ]
        more = [number for number in dict.fromkeys(more) if number not in rows]
        rows.update((row.file_id, row) for row in files.rows_numbered(connection, more))
    fates = _fates(foreseen.decisions)
    found = [_descendant(row, foreseen.definition, fates.get(row.file_id)) for row in rows.values()]
    found += _made_first(foreseen, ids, new)
    return tuple(sorted(found, key=lambda each: (each.level, each.file)))


def _of_files(decisions: Sequence[Decision], file_ids: set[int], new: set[str]) -> Iterator[tuple[Decision, Task]]:
    """The jobs that take some files, or what such jobs make."""
    names = set(new)
    for decision in decisions:
        task = decision.task
        if task is not None and any(file.file_id in file_ids or file.filename in names for file in task.inputs):
            names.update(planned.name for planned in task.outputs)
            yield decision, task


def _remade(decisions: Sequence[Decision], file_ids: set[int], new: set[str]) -> Iterator[int]:
    """The files of the catalogue in whose places such jobs put others."""
    for _, task in _of_files(decisions, file_ids, new):
        for planned in task.outputs:
            if planned.replaces is not None and planned.replaces.file_id > 0:
                yield planned.replaces.file_id


def _made_first(foreseen: Foreseen, file_ids: set[int], new: set[str]) -> Iterator[Descendant]:
    """What such jobs make that was not there before."""
    for decision, task in _of_files(foreseen.decisions, file_ids, new):
        for planned in task.outputs:
            if planned.replaces is None and decision.state is State.STALE:
                product = foreseen.definition.products[planned.product_id]
                yield Descendant(
                    file=planned.name,
                    product=product.name,
                    level=product.level,
                    becomes=Becomes.MADE,
                    by=None,
                    why=decision.explanation,
                )


_Fate = tuple[Becomes, str | None, str]


def _fates(decisions: Sequence[Decision]) -> Mapping[int, _Fate]:
    """By the number of a file: what becomes of it, what takes its place, and why."""
    fates: dict[int, _Fate] = {}
    for decision in decisions:
        for file, _ in decision.withdraws:
            fates[file.file_id] = (Becomes.WITHDRAWN, None, decision.explanation)
        if decision.task is not None:
            fates.update(_of_task(decision, decision.task))
    return fates


def _of_task(decision: Decision, task: Task) -> Iterator[tuple[int, _Fate]]:
    kinds = {State.STALE: Becomes.MADE_ANEW, State.WAITING: Becomes.WAITS}
    becomes = kinds.get(decision.state, Becomes.HINDERED)
    for planned in task.outputs:
        if planned.replaces is not None:
            is_made = becomes is Becomes.MADE_ANEW
            yield planned.replaces.file_id, (becomes, planned.name if is_made else None, decision.explanation)


def _descendant(row: FileRow, definition: Definition, fate: _Fate | None) -> Descendant:
    becomes, by, why = fate or (Becomes.STAYS, None, "")
    product = definition.products.get(row.product_id)
    level = 0.0 if product is None else product.level
    return Descendant(file=row.filename, product=row.product, level=level, becomes=becomes, by=by, why=why)
