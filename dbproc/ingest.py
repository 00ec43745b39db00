"""From incoming into the catalogue: what was decided is announced, placed, and recorded.

Nothing is lost on the way: what is refused goes to quarantine with its reason; every move is announced in the
database before it is made and recorded in one transaction afterwards.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from dbproc import placement, queue
from dbproc.catalogue import files, placements, quarantine
from dbproc.catalogue.placements import Move
from dbproc.digest import algorithm_of
from dbproc.errors import PlacementError
from dbproc.incoming import Arrival, Kind
from dbproc.inspection import Inspection
from dbproc.measure import measure
from dbproc.model import Definition, KnownFile
from dbproc.report import Event, Progress, Report
from dbproc.store import Store
from dbproc.triage import Accepted, Decision, Duplicate, Refused, Restored, Triage, is_copy, storable

_BATCH = 250


def preview(
    store: Store, definition: Definition, inspection: Inspection, settled: Sequence[Arrival]
) -> list[tuple[str, str]]:
    """What would be done with each arrival, changing nothing: its name, and a sentence."""
    decisions = Triage(store, definition, inspection).decide(settled)
    return [(decision.arrival.name, _sentence(definition, decision)) for decision in decisions]


def _sentence(definition: Definition, decision: Decision) -> str:
    if isinstance(decision, Refused):
        return f"to quarantine: {decision.message}"
    if isinstance(decision, Duplicate):
        return "nothing: its bytes are in the catalogue already"
    if isinstance(decision, Restored):
        return f"back to {decision.target}, where it is missing"
    file = decision.file
    return f"{definition.products[file.product_id].name} {file.facts.date} {file.version}"


class Ingest:
    """Takes the settled arrivals of one run into the catalogue, batch by batch."""

    def __init__(
        self, store: Store, definition: Definition, inspection: Inspection, run_id: int, report: Report
    ) -> None:
        self._store = store
        self._definition = definition
        self._triage = Triage(store, definition, inspection)
        self._run_id = run_id
        self._report = report

    def take(self, arrivals: Sequence[Arrival], progress: Progress | None = None) -> None:
        """Take all arrivals."""
        for start in range(0, len(arrivals), _BATCH):
            batch = arrivals[start : start + _BATCH]
            self._take_batch(batch)
            if progress is not None:
                progress(start + len(batch), len(arrivals))

    def _take_batch(self, arrivals: Sequence[Arrival]) -> None:
        decisions = self._triage.decide(arrivals)
        moves = {id(decision): self._move_of(decision) for decision in decisions}
        announced = [move for move in moves.values() if move is not None]
        with self._store.begin() as connection:
            placements.withdraw(connection, announced)  # of a dead run, whose files these are
            placements.announce(connection, announced)
        made = [decision for decision in decisions if self._made(decision.arrival, moves[id(decision)])]
        placement.sync(decision.target for decision in made if isinstance(decision, Accepted | Restored))
        self._record(made, announced, moves)
        self._tidy(made)

    def _move_of(self, decision: Decision) -> Move | None:
        source = decision.arrival.path
        if isinstance(decision, Refused):
            return Move("quarantine", source, self._quarantine_path(decision.arrival), decision.digest or "")
        if isinstance(decision, Restored):
            return Move("incoming", source, decision.target, decision.known.digest)
        if isinstance(decision, Duplicate) or decision.arrival.kind is Kind.LINK or os.path.lexists(decision.target):
            return None
        return Move("incoming", source, decision.target, decision.file.digest)

    def _quarantine_path(self, arrival: Arrival) -> str:
        return placement.set_aside_path(self._definition.mission.quarantine, arrival.name)

    def _made(self, arrival: Arrival, move: Move | None) -> bool:
        if move is None:
            return True
        put = placement.move if move.purpose == "quarantine" else placement.place
        try:
            put(move.source, move.target)
        except PlacementError as error:
            self._report.add(Event.PROBLEM, arrival.name, f"{error}; it stays in incoming")
            return False
        return True

    def _record(self, made: Sequence[Decision], announced: Sequence[Move], moves: Mapping[int, Move | None]) -> None:
        placed = [decision.file for decision in made if isinstance(decision, Accepted)]
        restored = [decision.known.file_id for decision in made if isinstance(decision, Restored)]
        entries = {
            id(decision): _entry(decision, move)
            for decision in made
            if isinstance(decision, Refused) and (move := moves[id(decision)]) is not None
        }
        with self._store.begin() as connection:
            ids = files.insert_files(connection, placed)
            queue.push(connection, ids, "ingested")
            files.set_existing(connection, restored, exists=True)
            queue.push(connection, restored, "restored")
            quarantine.insert_entries(connection, self._run_id, list(entries.values()))
            placements.withdraw(connection, announced)
        for decision in made:
            self._say(decision, entries.get(id(decision)))

    def _say(self, decision: Decision, entry: quarantine.Entry | None) -> None:
        name = decision.arrival.name
        if isinstance(decision, Accepted):
            file, product = decision.file, self._name(decision.file.product_id)
            date = file.facts.date.isoformat()
            self._report.add(Event.INGESTED, name, f"{product} {date} {file.version}", product=product, date=date)
        elif isinstance(decision, Restored):
            self._report.add(Event.RESTORED, name, f"it was missing from {decision.target}")
        elif isinstance(decision, Refused) and entry is not None:
            text = f"{decision.message} (now {entry.stored_name} in {self._definition.mission.quarantine})"
            self._report.add(Event.QUARANTINED, name, text, reason=decision.reason)

    def _tidy(self, made: Sequence[Decision]) -> None:
        """Remove from incoming what is safe elsewhere: links, and bytes that are in the catalogue."""
        for decision in made:
            if isinstance(decision, Duplicate):
                self._drop(decision)
            elif isinstance(decision, Accepted) and os.path.lexists(decision.arrival.path):
                self._remove(decision.arrival)

    def _drop(self, duplicate: Duplicate) -> None:
        """Remove a duplicate once the bytes at home are seen to be good."""
        arrival, known = duplicate.arrival, duplicate.known
        if arrival.kind is Kind.LINK or _is_sound(duplicate.target, known):
            self._remove(arrival)
            self._mark_existing(known)
            self._report.add(Event.DUPLICATE, arrival.name, "its bytes are in the catalogue already")
        else:
            text = (
                f"{duplicate.target} does not have the bytes that were recorded; move it away, this one takes its place"
            )
            self._report.add(Event.PROBLEM, arrival.name, text)

    def _mark_existing(self, known: KnownFile) -> None:
        if known.exists:
            return
        with self._store.begin() as connection:
            files.set_existing(connection, [known.file_id], exists=True)
            queue.push(connection, [known.file_id], "restored")

    def _remove(self, arrival: Arrival) -> None:
        if arrival.kind is Kind.LINK:
            os.unlink(arrival.path)
        else:
            placement.remove(arrival.path)

    def _name(self, product_id: int) -> str:
        return self._definition.products[product_id].name


def _is_sound(path: str, known: KnownFile) -> bool:
    """Whether the file at home still has the bytes that were recorded."""
    try:
        return is_copy(measure(path, algorithm_of(known.digest)), known)
    except (OSError, PlacementError):
        return False


def _entry(decision: Refused, move: Move) -> quarantine.Entry:
    return quarantine.Entry(
        filename=storable(decision.arrival.name),
        stored_name=os.path.basename(move.target),
        came_from=storable(decision.arrival.path),
        reason=decision.reason,
        message=storable(decision.message),
        verdicts=decision.verdicts,
        size=decision.arrival.size,
        digest=decision.digest,
        other_digest=decision.other_digest,
    )
