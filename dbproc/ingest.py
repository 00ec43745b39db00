"""From incoming into the catalogue: identify, compare with what is known, announce, place, record.

Nothing is lost on the way: what is refused goes to quarantine with its reason; every move is announced in the
database before it is made and recorded in one transaction afterwards.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dbproc import placement, queue
from dbproc.catalogue import files, placements, quarantine
from dbproc.catalogue.placements import Move
from dbproc.errors import FormatError, PlacementError
from dbproc.incoming import Arrival, Kind
from dbproc.inspection import Identity, Inspection, Refusal
from dbproc.measure import Measured, measure, measure_all
from dbproc.model import Definition, KnownFile, NewFile, Product
from dbproc.report import Event, Progress, Report
from dbproc.run import directory_of
from dbproc.store import Store
from dbproc.version import Version

_BATCH = 250
_FIRST = Version(1, 0, 0)


@dataclass(frozen=True, slots=True)
class Accepted:
    """A file that enters the catalogue; it stays where it is when it came as a link."""

    arrival: Arrival
    file: NewFile
    target: str


@dataclass(frozen=True, slots=True)
class Duplicate:
    """The bytes are in the catalogue under this name already; `target` is their place."""

    arrival: Arrival
    known: KnownFile
    target: str


@dataclass(frozen=True, slots=True)
class Refused:
    """A file that goes to quarantine."""

    arrival: Arrival
    reason: str
    message: str
    verdicts: str = "[]"
    digest: str | None = None
    other_digest: str | None = None


Decision = Accepted | Duplicate | Refused


def preview(definition: Definition, inspection: Inspection, settled: Sequence[Arrival]) -> list[tuple[str, str]]:
    """What would be done with each arrival, changing nothing: its name, and a sentence."""
    lines = []
    for arrival in settled:
        if arrival.kind in (Kind.DIRECTORY, Kind.OTHER):
            lines.append((arrival.name, "to quarantine: it is no file"))
            continue
        (answer,) = inspection.identify([os.path.realpath(arrival.path)])
        if isinstance(answer, Identity):
            version = answer.facts.version or _FIRST
            lines.append((arrival.name, f"{answer.product.name} {answer.facts.date} {version}"))
        else:
            lines.append((arrival.name, f"to quarantine: {answer.message}"))
    return lines


class Ingest:
    """Takes the settled arrivals of one run into the catalogue, batch by batch."""

    def __init__(
        self, store: Store, definition: Definition, inspection: Inspection, run_id: int, report: Report
    ) -> None:
        self._store = store
        self._definition = definition
        self._inspection = inspection
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
        decisions = self._decide(arrivals)
        accepted = [decision for decision in decisions if isinstance(decision, Accepted)]
        refused = [decision for decision in decisions if isinstance(decision, Refused)]
        moving: list[Accepted | Refused] = [*accepted, *refused]
        moves = {id(decision): self._move_of(decision) for decision in moving}
        with self._store.begin() as connection:
            placements.announce(connection, [move for move in moves.values() if move is not None])
        placed = [decision for decision in accepted if self._made(decision.arrival, moves[id(decision)])]
        stored = [decision for decision in refused if self._made(decision.arrival, moves[id(decision)])]
        placement.sync(decision.target for decision in placed)
        self._record(placed, stored, [move for move in moves.values() if move is not None], moves)
        self._tidy(placed, [decision for decision in decisions if isinstance(decision, Duplicate)])

    def _decide(self, arrivals: Sequence[Arrival]) -> list[Decision]:
        early = [refused for arrival in arrivals if (refused := _refused_early(arrival)) is not None]
        known_early = {decision.arrival.path for decision in early}
        rest = [arrival for arrival in arrivals if arrival.path not in known_early]
        paths = [os.path.realpath(arrival.path) if arrival.kind is Kind.LINK else arrival.path for arrival in rest]
        answers = self._inspection.identify(paths)
        measured = measure_all(paths, self._definition.mission.digest)
        steady = [
            (arrival, answer, size)
            for arrival, answer, size in zip(rest, answers, measured, strict=True)
            if _is_steady(arrival)
        ]
        with self._store.begin() as connection:
            known = files.known_by_name(
                connection, [arrival.name for arrival, _, _ in steady if _is_text(arrival.name)]
            )
        decisions = [*early, *(self._judge(*item, known.get(item[0].name)) for item in steady)]
        return self._without_twins(decisions)

    def _judge(
        self,
        arrival: Arrival,
        answer: Identity | Refusal,
        measured: Measured | OSError | PlacementError,
        known: KnownFile | None,
    ) -> Decision:
        if isinstance(measured, OSError | PlacementError):
            text = getattr(measured, "strerror", None) or str(measured)
            return Refused(arrival, "unreadable", f"cannot be read: {text}")
        if known is not None:
            return self._judge_known(arrival, measured, known)
        if isinstance(answer, Refusal):
            verdicts = [{"product": self._name(v.product_id), "reason": v.reason} for v in answer.verdicts]
            return Refused(arrival, answer.reason, answer.message, json.dumps(verdicts), measured.digest)
        try:
            return self._accepted(arrival, answer, measured)
        except (PlacementError, FormatError) as error:
            return Refused(arrival, "bad_place", str(error), digest=measured.digest)

    def _judge_known(self, arrival: Arrival, measured: Measured, known: KnownFile) -> Decision:
        place = os.path.join(self._definition.mission.root, known.directory, known.filename)
        if measured.digest == known.digest:
            return Duplicate(arrival, known, place)
        message = f"a file of this name with other bytes is in the catalogue ({place}); give the new one a new version"
        return Refused(arrival, "same_name", message, digest=measured.digest, other_digest=known.digest)

    def _accepted(self, arrival: Arrival, answer: Identity, measured: Measured) -> Decision:
        product, facts = answer.product, answer.facts
        version = facts.version or _FIRST
        directory = directory_of(product, facts, version)
        target = placement.inside(self._definition.mission.root, os.path.join(directory, arrival.name))
        if arrival.kind is Kind.LINK and os.path.realpath(arrival.path) != os.path.realpath(target):
            text = (
                f"links to {os.path.realpath(arrival.path)}, which is not its product's place {target}; move it there"
            )
            return Refused(arrival, "link_elsewhere", text, digest=measured.digest)
        if arrival.kind is not Kind.LINK and os.path.lexists(target) and not _same_bytes(target, measured):
            text = f"{target} exists and is not in the catalogue; move it away, or deliver it first"
            return Refused(arrival, "place_taken", text, digest=measured.digest)
        return Accepted(arrival, _new_file(arrival, product, answer, version, directory, measured), target)

    def _without_twins(self, decisions: list[Decision]) -> list[Decision]:
        """Refuse a file whose product, date, keywords and version another file has, known or in the same batch."""
        accepted = [decision for decision in decisions if isinstance(decision, Accepted)]
        with self._store.begin() as connection:
            names = dict(files.known_by_identity(connection, [files.identity_of(item.file) for item in accepted]))
        result: list[Decision] = []
        for decision in decisions:
            if isinstance(decision, Accepted):
                identity = files.identity_of(decision.file)
                if identity in names:
                    decision = self._twin(decision, names[identity])
                else:
                    names[identity] = decision.file.filename
            result.append(decision)
        return result

    def _twin(self, decision: Accepted, other: str) -> Refused:
        file = decision.file
        keywords = f" with {file.facts.keywords}" if file.facts.keywords else ""
        message = (
            f"{other} is already {self._name(file.product_id)} of {file.facts.date}{keywords} in version "
            f"{file.version}; give this one another version, or a keyword that tells them apart"
        )
        return Refused(decision.arrival, "same_version", message, digest=file.digest)

    def _move_of(self, decision: Accepted | Refused) -> Move | None:
        source = decision.arrival.path
        if isinstance(decision, Refused):
            return Move("quarantine", source, self._quarantine_path(decision.arrival), decision.digest or "")
        if decision.arrival.kind is Kind.LINK or os.path.lexists(decision.target):
            return None
        return Move("incoming", source, decision.target, decision.file.digest)

    def _quarantine_path(self, arrival: Arrival) -> str:
        stem, suffix = os.path.splitext(arrival.name)
        safe = "".join(char if char.isprintable() else "_" for char in stem)[:100]
        directory = self._definition.mission.quarantine
        stamp = f"{time.time_ns():x}"
        return os.path.join(directory, f"{safe}.{stamp}{suffix if suffix.isprintable() else ''}")

    def _made(self, arrival: Arrival, move: Move | None) -> bool:
        if move is None:
            return True
        try:
            placement.move(move.source, move.target)
        except PlacementError as error:
            self._report.add(Event.PROBLEM, arrival.name, f"{error}; it stays in incoming")
            return False
        return True

    def _record(
        self,
        placed: Sequence[Accepted],
        stored: Sequence[Refused],
        announced: Sequence[Move],
        moves: Mapping[int, Move | None],
    ) -> None:
        entries = []
        for decision in stored:
            move = moves[id(decision)]
            assert move is not None
            entries.append(_entry(decision, move))
        with self._store.begin() as connection:
            ids = files.insert_files(connection, [decision.file for decision in placed])
            queue.push(connection, ids, "ingested")
            quarantine.insert_entries(connection, self._run_id, entries)
            placements.withdraw(connection, announced)
        for accepted in placed:
            file = accepted.file
            self._report.add(
                Event.INGESTED,
                file.filename,
                f"{self._name(file.product_id)} {file.facts.date} {file.version}",
                product=self._name(file.product_id),
                date=file.facts.date.isoformat(),
            )
        for refusal, entry in zip(stored, entries, strict=True):
            text = f"{refusal.message} (now {entry.stored_name} in {self._definition.mission.quarantine})"
            self._report.add(Event.QUARANTINED, refusal.arrival.name, text, reason=refusal.reason)

    def _tidy(self, placed: Sequence[Accepted], duplicates: Sequence[Duplicate]) -> None:
        """Remove from incoming what is safe elsewhere: links, and bytes that are in the catalogue."""
        for decision in placed:
            if os.path.lexists(decision.arrival.path):
                self._remove(decision.arrival)
        for duplicate in duplicates:
            self._drop(duplicate)

    def _drop(self, duplicate: Duplicate) -> None:
        """Remove a duplicate once the bytes at home are seen to be good; else it takes their place."""
        arrival, known = duplicate.arrival, duplicate.known
        if arrival.kind is Kind.LINK or _has_digest(duplicate.target, known.digest):
            self._remove(arrival)
            self._restore(known, missing=not known.exists)
            self._report.add(Event.DUPLICATE, arrival.name, "its bytes are in the catalogue already")
        elif not os.path.lexists(duplicate.target):
            if self._made(arrival, Move("incoming", arrival.path, duplicate.target)):
                placement.sync([duplicate.target])
                self._restore(known, missing=True)
                self._report.add(Event.RESTORED, arrival.name, f"it was missing from {duplicate.target}")
        else:
            text = (
                f"{duplicate.target} does not have the bytes that were recorded; move it away, this one takes its place"
            )
            self._report.add(Event.PROBLEM, arrival.name, text)

    def _restore(self, known: KnownFile, *, missing: bool) -> None:
        if not missing:
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


def _refused_early(arrival: Arrival) -> Refused | None:
    """What is refused by what it is, unopened."""
    if arrival.kind is Kind.DIRECTORY:
        return Refused(arrival, "directory", "it is a directory; put its files into incoming themselves")
    if arrival.kind is Kind.OTHER:
        return Refused(arrival, "not_a_file", "it is a fifo, socket or device, not a file")
    if arrival.kind is Kind.LINK:
        target = os.path.realpath(arrival.path)
        if not os.path.isfile(target):
            return Refused(arrival, "dangling_link", f"links to {target}, which is no file")
        if os.path.basename(target) != arrival.name:
            return Refused(arrival, "link_renamed", f"links to {target}, a file of another name")
    return None


def _is_steady(arrival: Arrival) -> bool:
    """Whether the file still is what was scanned: not gone, not grown while it was read."""
    try:
        return os.lstat(arrival.path).st_size == arrival.size
    except OSError:
        return False


def _same_bytes(path: str, measured: Measured) -> bool:
    try:
        return measure(path, measured.digest.partition(":")[0]) == measured
    except (OSError, PlacementError):
        return False


def _has_digest(path: str, digest: str) -> bool:
    try:
        return measure(path, digest.partition(":")[0]).digest == digest
    except (OSError, PlacementError):
        return False


def _new_file(
    arrival: Arrival, product: Product, answer: Identity, version: Version, directory: str, measured: Measured
) -> NewFile:
    return NewFile(
        filename=arrival.name,
        product_id=product.product_id,
        facts=answer.facts,
        version=version,
        level=product.level,
        directory=directory,
        size=measured.size,
        digest=measured.digest,
        created=dt.datetime.fromtimestamp(os.stat(arrival.path).st_mtime, dt.UTC),
        members=measured.members,
    )


def _entry(decision: Refused, move: Move) -> quarantine.Entry:
    return quarantine.Entry(
        filename=_storable(decision.arrival.name),
        stored_name=os.path.basename(move.target),
        came_from=_storable(decision.arrival.path),
        reason=decision.reason,
        message=decision.message,
        verdicts=decision.verdicts,
        size=decision.arrival.size,
        digest=decision.digest,
        other_digest=decision.other_digest,
    )


def _is_text(name: str) -> bool:
    return name == _storable(name)


def _storable(name: str) -> str:
    """A name as text that any database takes: bytes that are no UTF-8 are escaped."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace").replace("\x00", "\\x00")
