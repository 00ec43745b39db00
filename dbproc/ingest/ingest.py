"""From incoming into the catalogue: what was decided is announced, placed, and recorded.

Nothing is lost on the way: what is refused goes to quarantine with its reason; every move is announced in the
database before it is made and recorded in one transaction afterwards.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace

from dbproc.core.errors import PlacementError, UnsettledError
from dbproc.core.events import Event, Progress, Report
from dbproc.core.model import Definition, KnownFile, Move
from dbproc.core.states import Purpose
from dbproc.core.text import storable
from dbproc.database import files, quarantine, queue
from dbproc.database import moves as placements
from dbproc.database.store import Store
from dbproc.ingest.incoming import Arrival, Kind
from dbproc.ingest.triage import Accepted, Decision, Duplicate, Refused, Restored, Triage, is_copy
from dbproc.products.inspection import Inspection
from dbproc.storage import layout, moves
from dbproc.storage.digest import algorithm_of, state_of
from dbproc.storage.fingerprint import measure_recorded

_BATCH = 250

_Step = tuple[Decision, Move | None]
"""A decision, and the move that carries it out; None where nothing has to be moved."""


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
        steps = [(decision, self._move_of(decision)) for decision in self._triage.decide(arrivals)]
        announced = [move for _, move in steps if move is not None]
        with self._store.begin() as connection:
            placements.withdraw(connection, announced)  # of a dead run, whose files these are
            placements.announce(connection, announced)
        moved = [step for step in steps if self._is_moved(*step)]
        moves.sync(move for _, move in moved if move is not None)
        made = [step for each in moved if (step := self._as_placed(*each)) is not None]
        self._record(made, announced)
        self._tidy(made)

    def _move_of(self, decision: Decision) -> Move | None:
        arrival, measured = decision.arrival, decision.measured
        if isinstance(decision, Duplicate):
            return None
        if isinstance(decision, Refused):
            target = layout.set_aside_path(self._definition.mission.quarantine, arrival.name)
        elif arrival.kind is Kind.LINK or os.path.lexists(target := decision.target):
            return None
        return Move(
            purpose=Purpose.QUARANTINE if isinstance(decision, Refused) else Purpose.INCOMING,
            source=arrival.path,
            target=target,
            digest="" if measured is None else measured.digest,
            members=() if measured is None or arrival.kind is Kind.LINK else measured.members,
            state=arrival.state if arrival.kind is Kind.FILE else "",
        )

    def _is_moved(self, decision: Decision, move: Move | None) -> bool:
        """Make a move; False when the file stays in incoming."""
        if move is None:
            return True
        put = moves.move if move.purpose is Purpose.QUARANTINE else moves.place
        try:
            put(move)
        except PlacementError as error:
            self._report.add(Event.PROBLEM, decision.arrival.name, f"{error}; it stays in incoming")
            return False
        return True

    def _as_placed(self, decision: Decision, move: Move | None) -> _Step | None:
        """The row for a placed file; None when it was written to meanwhile and was moved back to incoming."""
        if not isinstance(decision, Accepted | Restored) or move is None:
            return decision, move
        try:
            state, members = moves.as_placed(move)
        except PlacementError as error:
            moves.move_back(move, as_it_is=True)
            self._report.add(Event.PROBLEM, decision.arrival.name, f"{error}; it is in incoming again")
            return None
        if isinstance(decision, Restored):
            return decision, move
        return replace(decision, file=replace(decision.file, state=state, members=members)), move

    def _record(self, made: Sequence[_Step], announced: Sequence[Move]) -> None:
        placed = [decision.file for decision, _ in made if isinstance(decision, Accepted)]
        restored = [decision.known.file_id for decision, _ in made if isinstance(decision, Restored)]
        entries = [
            (decision, _entry(decision, move))
            for decision, move in made
            if isinstance(decision, Refused) and move is not None
        ]
        with self._store.begin() as connection:
            ids = files.insert_files(connection, placed)
            queue.push(connection, ids, "ingested")
            files.set_existing(connection, restored, exists=True)
            queue.push(connection, restored, "restored")
            quarantine.insert_entries(connection, self._run_id, [entry for _, entry in entries])
            placements.withdraw(connection, announced)
        for decision, _ in made:
            self._say(decision)
        for decision, entry in entries:
            text = f"{decision.message} (now {entry.stored_name} in {self._definition.mission.quarantine})"
            self._report.add(Event.QUARANTINED, decision.arrival.name, text, reason=decision.reason)

    def _say(self, decision: Decision) -> None:
        name = decision.arrival.name
        if isinstance(decision, Accepted):
            file, product = decision.file, self._name(decision.file.product_id)
            date = file.facts.date.isoformat()
            self._report.add(Event.INGESTED, name, f"{product} {date} {file.version}", product=product, date=date)
        elif isinstance(decision, Restored):
            self._report.add(Event.RESTORED, name, f"it was missing from {decision.target}")

    def _tidy(self, made: Sequence[_Step]) -> None:
        """Remove from incoming what is safe elsewhere: links, and bytes that are in the catalogue."""
        for decision, move in made:
            if isinstance(decision, Duplicate):
                self._drop(decision)
            elif isinstance(decision, Accepted) and move is None:
                self._remove(decision)

    def _drop(self, duplicate: Duplicate) -> None:
        """Remove a duplicate once the bytes at home are seen to be good."""
        arrival, known = duplicate.arrival, duplicate.known
        if arrival.kind is Kind.LINK or _is_sound(duplicate.target, known):
            if not known.exists:
                with self._store.begin() as connection:
                    files.set_existing(connection, [known.file_id], exists=True)
                    queue.push(connection, [known.file_id], "restored")
            if self._remove(duplicate):
                self._report.add(Event.DUPLICATE, arrival.name, "its bytes are in the catalogue already")
        else:
            text = (
                f"{duplicate.target} does not have the bytes that were recorded; move it away, this one takes its place"
            )
            self._report.add(Event.PROBLEM, arrival.name, text)

    def _remove(self, decision: Accepted | Duplicate) -> bool:
        """Remove what is safe elsewhere, unless it is something else by now; whether it is gone."""
        arrival = decision.arrival
        try:
            if state_of(os.lstat(arrival.path)) != arrival.state:
                return False
            if arrival.kind is Kind.LINK:
                os.unlink(arrival.path)
            else:
                self._remove_unchanged(decision)
        except FileNotFoundError:
            return True
        except PlacementError:
            return False
        except OSError as error:
            text = f"its bytes are in the catalogue already, and it cannot be removed from incoming: {error.strerror}"
            self._report.add(Event.PROBLEM, arrival.name, text)
            return False
        return True

    def _remove_unchanged(self, decision: Accepted | Duplicate) -> None:
        """Remove it with its members, if they are exactly those that were read."""
        arrival, members = decision.arrival, decision.measured.members
        if isinstance(decision, Accepted):
            is_owner = self._definition.products[decision.file.product_id].companion
        else:
            is_owner = bool(decision.known.members)
        read = Move(Purpose.INCOMING, arrival.path, "", members=members, state=arrival.state)
        moves.require_unchanged(read, has_companion=is_owner)
        moves.remove(arrival.path, members, has_companion=arrival.has_companion)

    def _name(self, product_id: int) -> str:
        return self._definition.products[product_id].name


def _is_sound(path: str, known: KnownFile) -> bool:
    """Whether the file at home still has the bytes that were recorded."""
    try:
        return is_copy(measure_recorded(path, algorithm_of(known.digest), known.members), known)
    except (OSError, UnsettledError, PlacementError):
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
        members=move.members,
    )
