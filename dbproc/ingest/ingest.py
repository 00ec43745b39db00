"""From incoming into the catalogue: what was decided is announced, placed, and recorded.

Nothing is lost on the way: what is refused goes to quarantine with its reason; every move is announced in the
database before it is made and recorded in one transaction afterwards.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from dbproc.core.errors import PlacementError, UnsettledError
from dbproc.core.events import Event, Progress, Report
from dbproc.core.model import Definition, KnownFile, Move, NewFile, SameName
from dbproc.core.slot_text import file_words
from dbproc.core.states import Correction, Purpose
from dbproc.core.text import storable, time_of
from dbproc.database import corrections, directories, files, log, quarantine, queue, transfers, verdicts
from dbproc.database import moves as placements
from dbproc.database.corrections import LOST, Corrected
from dbproc.database.store import Store, Transaction
from dbproc.ingest.incoming import Arrival, Kind
from dbproc.ingest.triage import Accepted, Decision, Duplicate, Left, Refused, Restored, Triage, is_copy
from dbproc.products.inspection import Inspection
from dbproc.storage import layout, moves
from dbproc.storage.absence import has_entries
from dbproc.storage.aside import is_whole, move_aside
from dbproc.storage.digest import algorithm_of, state_of
from dbproc.storage.fingerprint import measure_recorded

_BATCH = 250
_DELIVERED = "delivered with other bytes"

_Step = tuple[Decision, Move | None]
"""A decision, and the move of the file; None where nothing has to be moved."""


@dataclass(frozen=True, slots=True)
class Order:
    """A person's word that files take the places of those of their names, and why."""

    reason: str


class Ingest:
    """Takes the settled arrivals of one run into the catalogue, batch by batch; or what a person `order` replaces."""

    def __init__(
        self,
        store: Store,
        definition: Definition,
        inspection: Inspection,
        run_id: int,
        report: Report,
        order: Order | None = None,
    ) -> None:
        self._store = store
        self._definition = definition
        self._triage = Triage(store, definition, inspection, None if order is None else SameName.REPLACE)
        self._run_id = run_id
        self._report = report
        self._order = order

    def take(self, arrivals: Sequence[Arrival], progress: Progress | None = None) -> None:
        """Take all arrivals."""
        for start in range(0, len(arrivals), _BATCH):
            batch = arrivals[start : start + _BATCH]
            self._take_batch(batch)
            if progress is not None:
                progress(start + len(batch), len(arrivals))

    def _take_batch(self, arrivals: Sequence[Arrival]) -> None:
        decisions = [each for each in self._triage.decide(arrivals) if self._may_go(each)]
        ways = {id(decision): way for decision in decisions if (way := self._way_for(decision)) is not None}
        steps = [(decision, self._move_of(decision)) for decision in decisions]
        announced = [*ways.values(), *(move for _, move in steps if move is not None)]
        with self._store.begin() as connection:
            placements.withdraw(connection, announced)  # of a dead run, whose files these are
            placements.announce(connection, announced)
        moved = [step for step in steps if self._is_moved(*step, ways.get(id(step[0])))]
        moves.sync([*(move for _, move in moved if move is not None), *ways.values()])
        made = [step for each in moved if (step := self._as_placed(*each, ways.get(id(each[0])))) is not None]
        self._record(made, announced)
        self._tidy(made)

    def _may_go(self, decision: Decision) -> bool:
        """Whether a file may leave incoming: not where its inspector cannot be loaded, which is the mission's fault."""
        if isinstance(decision, Left):
            self._report.needs_person = True
            for name, why in decision.unloadable.items():
                self._report.add_once(
                    Event.PROBLEM, name, f"{why.removeprefix(f'{name} ')}; what it is to look at stays in incoming"
                )
            return False
        return self._has_home(decision)

    def _has_home(self, decision: Decision) -> bool:
        """Whether its directory is there, or is new; it stays in incoming where a disk may not be mounted."""
        if not isinstance(decision, Accepted):
            return True
        if has_entries(os.path.dirname(decision.target)):
            return True
        with self._store.begin() as connection:
            trouble = directories.away_places(connection, self._definition.mission, [decision.file.directory])
        if trouble is not None:
            self._report.add_once(Event.PROBLEM, decision.arrival.name, f"{trouble}; it stays in incoming")
        return trouble is None

    def _move_of(self, decision: Decision) -> Move | None:
        arrival, measured = decision.arrival, decision.measured
        if isinstance(decision, Duplicate | Left):
            return None
        if isinstance(decision, Refused):
            target = layout.set_aside_path(self._definition.mission.quarantine, arrival.name)
        elif arrival.kind is Kind.LINK or (os.path.lexists(target := decision.target) and not _makes_way(decision)):
            return None
        return Move(
            purpose=Purpose.QUARANTINE if isinstance(decision, Refused) else Purpose.INCOMING,
            source=arrival.path,
            target=target,
            digest="" if measured is None else measured.digest,
            members=() if measured is None or arrival.kind is Kind.LINK else measured.members,
            state=arrival.state if arrival.kind is Kind.FILE else "",
        )

    def _way_for(self, decision: Decision) -> Move | None:
        """The move of a file that makes way for one of its name."""
        if not isinstance(decision, Accepted) or decision.former is None:
            return None
        return move_aside(self._definition.mission, decision.former)

    def _is_moved(self, decision: Decision, move: Move | None, way: Move | None) -> bool:
        """Make a move, after what makes way for it; False when the file stays in incoming."""
        if move is None:
            return True
        put = moves.move if move.purpose is Purpose.QUARANTINE else moves.place
        made: list[Move] = []
        try:
            if way is not None:
                moves.move(way)
                made.append(way)
            put(move)
        except PlacementError as error:
            for each in made:
                moves.move_back(each)
            self._report.add_once(Event.PROBLEM, decision.arrival.name, f"{error}; it stays in incoming")
            return False
        return True

    def _as_placed(self, decision: Decision, move: Move | None, way: Move | None) -> _Step | None:
        """The row for a placed file; None when it was written to meanwhile and was moved back to incoming."""
        if not isinstance(decision, Accepted | Restored) or move is None:
            return decision, move
        try:
            state, members = moves.as_placed(move)
        except PlacementError as error:
            moves.move_back(move, as_it_is=True)
            if way is not None:
                moves.move_back(way)
            self._report.add_once(Event.PROBLEM, decision.arrival.name, f"{error}; it is in incoming again")
            return None
        if isinstance(decision, Restored):
            return decision, move
        return replace(decision, file=replace(decision.file, state=state, members=members)), move

    def _record(self, made: Sequence[_Step], announced: Sequence[Move]) -> None:
        accepted = (decision.file for decision, _ in made if isinstance(decision, Accepted))
        placed = [replace(file, run_id=self._run_id) for file in accepted]
        sizes = {each.known.file_id: each.measured.size for each, _ in made if isinstance(each, Restored)}
        restored = list(sizes)
        entries = [
            (decision, _entry(decision, move))
            for decision, move in made
            if isinstance(decision, Refused) and move is not None
        ]
        with self._store.begin() as connection:
            ids = files.insert_files(connection, placed)
            queue.push(connection, ids, "ingested")
            former = [decision.former for decision, _ in made if isinstance(decision, Accepted) and decision.former]
            if former:
                reason, by = (_DELIVERED, self._run_id) if self._order is None else (self._order.reason, None)
                corrections.enter(
                    connection, Correction.REPLACE, reason, [_corrected(file, announced) for file in former], by
                )
                queue.push(connection, [file.file_id for file in former], "replaced")
            files.set_existing(connection, restored, exists=True, sizes=sizes)
            log.note_files(connection, log.BACK, restored)
            queue.push(connection, restored, "restored")
            quarantine.insert_entries(connection, self._run_id, [entry for _, entry in entries])
            again = [decision for decision, _ in made if isinstance(decision, Duplicate)]
            marked = self._settle_words(connection, [*ids, *restored], again)
            self._note_fetched(connection, made, ids)
            placements.withdraw(connection, announced)
        for decision, _ in made:
            self._say(decision)
        for each in marked:
            self._report.add(Event.NOTE, each.filename, f"is marked {each.quality}, {each.reason}")
        for decision, entry in entries:
            text = f"{decision.message} (now {entry.stored_name} in {self._definition.mission.quarantine})"
            self._report.add(Event.QUARANTINED, decision.arrival.name, text, reason=decision.reason)

    def _note_fetched(self, connection: Transaction, made: Sequence[_Step], ids: Sequence[int]) -> None:
        """Record of files that were fetched which ones of the catalogue they are, by name and bytes."""
        new = iter(ids)
        files_of = {
            decision.arrival.name: (decision, next(new) if isinstance(decision, Accepted) else decision.known.file_id)
            for decision, _ in made
            if isinstance(decision, Accepted | Duplicate | Restored)
        }
        became = {
            each.transfer_id: files_of[each.filename][1]
            for each in transfers.arrived(connection, list(files_of))
            if _is_what_came(files_of[each.filename][0], each)
        }
        transfers.ingested(connection, became)

    def _settle_words(
        self, connection: Transaction, file_ids: Sequence[int], again: Sequence[Duplicate]
    ) -> list[verdicts.Marked]:
        """Mark what new files say of others, or others of them; what came again says its word again."""
        judging = verdicts.judging(self._definition)
        if not judging:
            return []
        came = {each.known.file_id: time_of(min(each.arrival.changed, time.time())) for each in again}
        files.came_again(connection, came, products=judging)
        return verdicts.settle(connection, self._definition, [*file_ids, *came], self._run_id)

    def _say(self, decision: Decision) -> None:
        name = decision.arrival.name
        if isinstance(decision, Accepted):
            file, product = decision.file, self._name(decision.file.product_id)
            date = file.facts.date.isoformat()
            text = accepted_words(self._definition, file)
            self._report.add(Event.INGESTED, name, text, product=product, date=date)
        elif isinstance(decision, Restored):
            before = "offloaded from" if decision.known.is_offloaded else "missing from"
            self._report.add(Event.RESTORED, name, f"it was {before} {decision.target}")

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
        fault = fault_at_home(duplicate)
        if fault is None:
            if not known.exists or known.is_offloaded:
                with self._store.begin() as connection:
                    sizes = {known.file_id: duplicate.measured.size}
                    files.set_existing(connection, [known.file_id], exists=True, sizes=sizes)
                    log.note_files(connection, log.BACK, [known.file_id])
                    queue.push(connection, [known.file_id], "restored")
            if self._remove(duplicate):
                self._report.add(Event.DUPLICATE, arrival.name, "its bytes are in the catalogue already")
        else:
            self._report.add_once(Event.PROBLEM, arrival.name, fault)

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
            self._report.add_once(Event.PROBLEM, arrival.name, text)
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


def accepted_words(definition: Definition, file: NewFile) -> str:
    """What a file is that enters the catalogue, and whether it takes the place of another."""
    words = file_words(definition.products[file.product_id], file.facts)
    return f"{words} {file.version}{'' if file.replaces is None else ', in the place of other bytes'}"


def _is_what_came(decision: Accepted | Duplicate | Restored, fetched: transfers.Arrived) -> bool:
    """Whether a file has the bytes that were fetched."""
    digest = decision.measured.digest
    if algorithm_of(digest) == algorithm_of(fetched.digest):
        return digest == fetched.digest
    return fetched.placed != "" and decision.arrival.state == fetched.placed


def _corrected(former: KnownFile, made: Sequence[Move]) -> Corrected:
    """A file whose name and place others have taken; its bytes are lost where no move has put them aside, unless
    they are in stores."""
    is_kept = any(move.purpose is Purpose.ASIDE and _is_of(move, former) for move in made)
    was_aside = former.correction_id is not None or former.is_offloaded
    return Corrected(former.file_id, former={} if is_kept or was_aside else LOST)


def _is_of(move: Move, file: KnownFile) -> bool:
    return is_whole(file, move) and os.path.basename(move.source) == file.filename


def _makes_way(decision: Decision) -> bool:
    """Whether what is at the target makes way."""
    return isinstance(decision, Accepted) and decision.former is not None


def fault_at_home(duplicate: Duplicate) -> str | None:
    """Why a duplicate stays in incoming: the file of the catalogue has not its recorded bytes any more."""
    if duplicate.arrival.kind is Kind.LINK or _is_sound(duplicate.target, duplicate.known):
        return None
    return f"{duplicate.target} does not have the bytes that were recorded; move it away, this one takes its place"


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
