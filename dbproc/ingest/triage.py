"""What to do with the files that arrived: accept, refuse, or known already. Reads, and changes nothing."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from dbproc.core.errors import FormatError, PlacementError, UnsettledError
from dbproc.core.filenames import companion_of, keywords_of, keywords_text
from dbproc.core.model import Definition, FileFacts, KnownFile, Mission, NewFile, Product, SameName
from dbproc.core.states import RefusalReason, Standing
from dbproc.core.text import storable, time_of
from dbproc.core.verdicts import FIELD
from dbproc.database import corrections, files
from dbproc.database.store import Store, Transaction
from dbproc.ingest.incoming import Arrival, Kind
from dbproc.products.facts import FIRST_VERSION
from dbproc.products.inspection import Identity, Inspection, Refusal
from dbproc.storage.digest import algorithm_of, digest_file, state_of
from dbproc.storage.fingerprint import Measured, Unmeasured, measure, measure_all
from dbproc.storage.layout import directory_of, home, is_ours


@dataclass(frozen=True, slots=True)
class Accepted:
    """A file that enters the catalogue; it stays where it is when it came as a link. `former` makes way for it: it has
    other bytes under the same name."""

    arrival: Arrival
    file: NewFile
    target: str
    measured: Measured
    former: KnownFile | None = None


@dataclass(frozen=True, slots=True)
class Duplicate:
    """The bytes are in the catalogue under this name already; `target` is their place.

    Members of its companion directory may be missing: a run died while it removed the duplicate.
    """

    arrival: Arrival
    known: KnownFile
    target: str
    measured: Measured


@dataclass(frozen=True, slots=True)
class Restored:
    """A file of the catalogue that is missing from `target`, its place, and came again."""

    arrival: Arrival
    known: KnownFile
    target: str
    measured: Measured


@dataclass(frozen=True, slots=True)
class Refused:
    """A file that goes to quarantine."""

    arrival: Arrival
    reason: RefusalReason
    message: str
    verdicts: str = "[]"
    measured: Measured | None = None
    other_digest: str | None = None

    @property
    def digest(self) -> str | None:
        """The digest of its bytes, where they were read."""
        return None if self.measured is None else self.measured.digest


@dataclass(frozen=True, slots=True)
class Left:
    """A file that stays where it is: it may be of a product whose inspector cannot be loaded.

    `unloadable`: by inspector, why that is.
    """

    arrival: Arrival
    unloadable: Mapping[str, str]
    measured: Measured | None = None

    @property
    def message(self) -> str:
        """Why it stays."""
        return "; ".join(self.unloadable.values())


Decision = Accepted | Duplicate | Restored | Refused | Left
Seen = tuple[Arrival, Identity | Refusal, Measured | Unmeasured]
"""A file, what the inspectors say of it, and what it was measured to be."""


class Triage:
    """Decides about arrivals: identified by inspectors, compared with the catalogue.

    `same_name`: what is done with other bytes under the name of a file; None: what the mission says.
    """

    def __init__(
        self, store: Store, definition: Definition, inspection: Inspection, same_name: SameName | None = None
    ) -> None:
        self._store = store
        self._definition = definition
        self._inspection = inspection
        self._same_name = same_name or definition.mission.same_name
        self._is_ordered = same_name is not None  # by a person, who may want what was replaced before

    def decide(self, arrivals: Sequence[Arrival]) -> list[Decision]:
        """What to do with each arrival that is still as it was scanned; nothing is changed."""
        mission = self._definition.mission
        early = [refused for arrival in arrivals if (refused := _refused_early(arrival, mission)) is not None]
        known_early = {decision.arrival.path for decision in early}
        rest = [arrival for arrival in arrivals if arrival.path not in known_early]
        paths = [os.path.realpath(arrival.path) if arrival.kind is Kind.LINK else arrival.path for arrival in rest]
        answers = self._inspection.identify(paths)
        owners = [_has_companion(arrival, answer) for arrival, answer in zip(rest, answers, strict=True)]
        measured = measure_all(list(zip(paths, owners, strict=True)), self._definition.mission.digest)
        steady = [
            (arrival, answer, size)
            for arrival, answer, size in zip(rest, answers, measured, strict=True)
            if _is_steady(arrival, size)
        ]
        decisions = [*early, *self.judge(steady)]
        return [*decisions, *_companions_unread(decisions)]

    def judge(self, seen: Sequence[Seen]) -> list[Decision]:
        """What to do with files that were identified and measured."""
        with self._store.begin() as connection:
            names = [arrival.name for arrival, _, _ in seen if arrival.name == storable(arrival.name)]
            known = files.known_by_name(connection, names)
            former = _former(connection, list(known.values()))
        return self._without_twins([self._judge(*item, known.get(item[0].name), former) for item in seen])

    def _judge(
        self,
        arrival: Arrival,
        answer: Identity | Refusal,
        measured: Measured | Unmeasured,
        known: KnownFile | None,
        former: Mapping[int, Sequence[KnownFile]],
    ) -> Decision:
        if not isinstance(measured, Measured):
            text = getattr(measured, "strerror", None) or str(measured)
            return Refused(arrival, RefusalReason.UNREADABLE, f"cannot be read: {text}")
        decided = None if known is None else self._judge_known(arrival, measured, known, former.get(known.file_id, ()))
        if decided is not None:
            return decided
        if isinstance(answer, Refusal) and answer.unloadable:
            return Left(arrival, answer.unloadable, measured)
        if isinstance(answer, Refusal):
            verdicts = [{"product": self._name(v.product_id), "reason": v.reason} for v in answer.verdicts]
            return Refused(arrival, answer.reason, answer.message, json.dumps(verdicts), measured)
        try:
            return self._accepted(arrival, answer, measured, known)
        except (PlacementError, FormatError) as error:
            return Refused(arrival, RefusalReason.BAD_PLACE, str(error), measured=measured)

    def _judge_known(
        self, arrival: Arrival, measured: Measured, known: KnownFile, former: Sequence[KnownFile]
    ) -> Decision | None:
        """What to do with a file whose name is known; None: it takes the place of that one, if it is of its product."""
        place = os.path.join(self._definition.mission.root, known.directory, known.filename)
        found = measured
        measured = _in_terms_of(known, arrival, found)
        has_its_bytes = measured.digest == known.digest and set(measured.members) <= set(known.members)
        is_out = not known.standing.exists and known.standing is not Standing.LOST
        if not is_out and is_copy(measured, known) and arrival.kind is Kind.FILE and not os.path.lexists(place):
            return Restored(arrival, known, place, found)
        if not is_out and has_its_bytes:
            return Duplicate(arrival, known, place, found)
        message = ""
        if has_its_bytes:
            message = (
                f"its bytes are those of a file that is {known.standing}; to have it back: "
                f"dbproc restore {known.filename}"
            )
        elif not self._is_ordered and any(is_copy(_in_terms_of(each, arrival, found), each) for each in former):
            message = "it had these bytes before others took their place; to have them back: dbproc quarantine accept"
        if message:
            return Refused(arrival, RefusalReason.TAKEN_BACK, message, measured=found, other_digest=known.digest)
        may_replace = is_out or self._same_name is SameName.REPLACE
        if may_replace and not known.is_made and arrival.kind is Kind.FILE:
            return None
        remedy = "a process makes it" if known.is_made else "give the new one a new name, or: dbproc quarantine accept"
        message = f"a file of this name with other bytes is in the catalogue ({place}); {remedy}"
        return Refused(arrival, RefusalReason.SAME_NAME, message, measured=found, other_digest=known.digest)

    def _accepted(self, arrival: Arrival, answer: Identity, measured: Measured, former: KnownFile | None) -> Decision:
        product, facts = answer.product, with_word(answer.product, arrival.name, answer.facts)
        version = facts.version or FIRST_VERSION
        directory = directory_of(product, facts, version)
        target = home(self._definition.mission, product, directory, arrival.name)
        if arrival.kind is Kind.LINK and os.path.realpath(arrival.path) != os.path.realpath(target):
            text = (
                f"links to {os.path.realpath(arrival.path)}, which is not its product's place {target}; move it there"
            )
            return Refused(arrival, RefusalReason.LINK_ELSEWHERE, text, measured=measured)
        place = former and os.path.join(self._definition.mission.root, former.directory, former.filename)
        is_new = arrival.kind is not Kind.LINK and target not in (place, arrival.path)
        is_other = is_new and os.path.lexists(target)
        if is_other and not _same_bytes(target, measured, product):
            text = f"{target} exists and is not in the catalogue; take it in (dbproc adopt), or move it away"
            return Refused(arrival, RefusalReason.PLACE_TAKEN, text, measured=measured)
        file = NewFile(
            filename=arrival.name,
            product_id=product.product_id,
            facts=facts,
            version=version,
            level=product.level,
            directory=directory,
            size=measured.size,
            digest=measured.digest,
            created=time_of(measured.modified),
            arrived=time_of(min(arrival.changed, time.time())),
            members=measured.members,
            replaces=None if former is None else former.file_id,
        )
        return Accepted(arrival, file, target, measured, former)

    def _without_twins(self, decisions: list[Decision]) -> list[Decision]:
        """Refuse a file whose product, date, keywords and version another file has, known or in the same batch."""
        accepted = [decision for decision in decisions if isinstance(decision, Accepted)]
        with self._store.begin() as connection:
            names = dict(files.known_by_identity(connection, [files.identity_of(item.file) for item in accepted]))
        result: list[Decision] = []
        for decision in decisions:
            if isinstance(decision, Accepted):
                identity = files.identity_of(decision.file)
                if names.get(identity, decision.file.filename) != decision.file.filename:
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
        return Refused(decision.arrival, RefusalReason.SAME_VERSION, message, measured=decision.measured)

    def _name(self, product_id: int) -> str:
        return self._definition.products[product_id].name


def _former(connection: Transaction, known: Sequence[KnownFile]) -> dict[int, list[KnownFile]]:
    """By file: those that had its name before."""
    numbers = corrections.former_numbers(connection, [file.file_id for file in known])
    every = files.known_by_number(connection, sorted({each for some in numbers.values() for each in some}))
    by_number = {file.file_id: file for file in every}
    return {file_id: [by_number[each] for each in some] for file_id, some in numbers.items()}


def is_copy(measured: Measured, known: KnownFile) -> bool:
    """Whether what was measured has the bytes of a known file, those of its companion directory included."""
    return measured.digest == known.digest and set(measured.members) == set(known.members)


def _in_terms_of(known: KnownFile, arrival: Arrival, measured: Measured) -> Measured:
    """What was measured, with a digest of the algorithm of a known file: that of an imported one may be another."""
    algorithm = algorithm_of(known.digest)
    if algorithm == algorithm_of(measured.digest):
        return measured
    try:
        return replace(measured, digest=digest_file(os.path.realpath(arrival.path), algorithm))
    except OSError:
        return measured


def _refused_early(arrival: Arrival, mission: Mission) -> Refused | None:
    """What is refused by what it is, unopened."""
    if arrival.kind is Kind.DIRECTORY:
        return Refused(arrival, RefusalReason.DIRECTORY, "it is a directory; put its files into incoming themselves")
    if arrival.kind is Kind.OTHER:
        return Refused(arrival, RefusalReason.NOT_A_FILE, "it is a fifo, socket or device, not a file")
    if arrival.kind is Kind.LINK:
        target = os.path.realpath(arrival.path)
        if not os.path.isfile(target):
            return Refused(arrival, RefusalReason.DANGLING_LINK, f"links to {target}, which is not a file")
        if not is_ours(mission, target):
            text = f"links to {target}, which is outside of {os.path.realpath(mission.root)}; deliver a copy"
            return Refused(arrival, RefusalReason.LINK_ELSEWHERE, text)
        if os.path.basename(target) != arrival.name:
            return Refused(arrival, RefusalReason.LINK_RENAMED, f"links to {target}, a file of another name")
    return None


def _companions_unread(decisions: Sequence[Decision]) -> Iterator[Refused]:
    """The companion directories of files that could not be read through: they leave with their files."""
    for decision in decisions:
        arrival = decision.arrival
        companion = companion_of(arrival.path)
        if arrival.has_companion and decision.measured is None and os.path.isdir(companion):
            directory = Arrival(companion, os.path.basename(companion), Kind.DIRECTORY, 0)
            yield Refused(directory, RefusalReason.UNREADABLE, f"it belongs to {arrival.name}, which is refused")


def _has_companion(arrival: Arrival, answer: Identity | Refusal) -> bool:
    """Whether the directory of its stem belongs to it: its product says so, its name where it is of no product."""
    return answer.product.companion if isinstance(answer, Identity) else arrival.has_companion


def _is_steady(arrival: Arrival, measured: Measured | Unmeasured) -> bool:
    """Whether it still is what was scanned: not gone, not replaced, and not changed while it was looked at."""
    try:
        is_same = state_of(os.lstat(arrival.path)) == arrival.state
    except OSError:
        return False
    if not isinstance(measured, Measured):
        return is_same and not isinstance(measured, UnsettledError | FileNotFoundError)
    return is_same and (arrival.kind is Kind.LINK or measured.state == arrival.state)


def with_word(product: Product, name: str, facts: FileFacts) -> FileFacts:
    """The facts of a file that says how good another one is: its word is a keyword, whatever the inspector gives, so
    that another word about that one is another file."""
    keywords = keywords_of(facts.keywords)
    word = (product.compiled.values(name) or {}).get(FIELD) if product.quality_of else None
    return facts if word is None else replace(facts, keywords=keywords_text({**keywords, FIELD: word}))


def _same_bytes(path: str, measured: Measured, product: Product) -> bool:
    try:
        return measure(path, algorithm_of(measured.digest), companion=product.companion) == measured
    except (OSError, UnsettledError, PlacementError):
        return False
