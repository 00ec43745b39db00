"""Verify and place the outputs of jobs; nothing is recorded here.

A job has succeeded only when it exits 0 and each promised output exists, is not empty, and is what was planned
according to its product's inspector.
"""

from __future__ import annotations

import os
import shlex
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from dbproc.core.errors import FormatError, PlacementError
from dbproc.core.filenames import companion_of, keywords_of, keywords_text
from dbproc.core.model import (
    Comparison,
    Definition,
    Ending,
    FileFacts,
    Keying,
    Member,
    Move,
    NewFile,
    Outcome,
    Period,
    Planned,
    Product,
    Task,
    Verdict,
)
from dbproc.core.slots import joined, restricted, time_of_output
from dbproc.core.states import Purpose, Standing
from dbproc.core.text import one_line
from dbproc.database import audit, data_releases
from dbproc.database.store import Store
from dbproc.products.facts import FIRST_VERSION
from dbproc.products.inspection import Inspection
from dbproc.storage import layout, moves
from dbproc.storage.digest import algorithm_of, digest_file
from dbproc.storage.fingerprint import Measured, Unmeasured, measure_all
from dbproc.storage.layout import directory_of, file_path
from dbproc.storage.workspace import INPUT_LIST


@dataclass(frozen=True, slots=True)
class Success:
    """A successful job with its files, their places and targets; without files for timebases RUN and STARTUP."""

    task: Task
    outcome: Outcome
    files: tuple[NewFile, ...] = ()
    moves: tuple[Move, ...] = ()
    beside: tuple[str, ...] = ()  #: what it left in its directory besides


@dataclass(frozen=True, slots=True)
class Failure:
    """A failed job. `is_interrupted`: the run was ended; `is_obstacle`: it could not be started, and the next run tries
    again."""

    task: Task
    outcome: Outcome
    message: str
    is_interrupted: bool = False
    is_obstacle: bool = False


Result = Success | Failure

_Recorded = Mapping[int, tuple[int | None, str, frozenset[Member]]]
"""By file: the size, the digest and the members that are recorded."""


@dataclass(frozen=True, slots=True)
class _Made:
    """An output of a job, with its place."""

    task: Task
    outcome: Outcome
    planned: Planned
    path: str


@dataclass(frozen=True, slots=True)
class _Output:
    """A verified output."""

    file: NewFile
    move: Move


def verify(
    store: Store, definition: Definition, inspection: Inspection, ended: Sequence[tuple[Task, Outcome]]
) -> list[Result]:
    """Verify the outputs of each job."""
    return _Verification(store, definition, inspection).results(ended)


def moves_of(results: Sequence[Result]) -> list[Move]:
    """The moves that bring the outputs of successes to their places."""
    return [move for result in results if isinstance(result, Success) for move in result.moves]


def place(result: Result) -> Result:
    """Place the outputs: the result, or a failure when one cannot be placed: then none is."""
    if isinstance(result, Failure):
        return result
    done: list[Move] = []
    try:
        for move in result.moves:
            moves.move(move)
            done.append(move)
    except PlacementError as error:
        for move in reversed(done):
            moves.move_back(move)
        return Failure(result.task, result.outcome, str(error))
    return result


@dataclass(frozen=True, slots=True)
class _Verification:
    """Checks outputs: existence, inspectors' verdicts, size and digest."""

    store: Store
    definition: Definition
    inspection: Inspection

    def results(self, ended: Sequence[tuple[Task, Outcome]]) -> list[Result]:
        products = self.definition.products
        faults = [_fault(task, outcome) or _shared_companion(task, products) for task, outcome in ended]
        made = [
            _Made(task, outcome, planned, os.path.join(outcome.job.directory, planned.name))
            for (task, outcome), fault in zip(ended, faults, strict=True)
            if fault is None
            for planned in task.outputs
        ]
        checked = self._checked_outputs(made)
        results = [
            _result(task, outcome, fault, checked.get(outcome.job.attempt_id, []))
            for (task, outcome), fault in zip(ended, faults, strict=True)
        ]
        return _without_twins([self._with_beside(result) for result in results])

    def _with_beside(self, result: Result) -> Result:
        """A success without output with the names of what it left, which is thrown away: that may be its effect. What
        lies beside an output is what the code worked with."""
        if isinstance(result, Failure) or result.task.outputs:
            return result
        return replace(result, beside=tuple(_names_in(result.outcome.job.directory)))

    def _checked_outputs(self, made: Sequence[_Made]) -> dict[int, list[_Output | str]]:
        """By attempt: the row for each output, or what is wrong with it."""
        verdicts = self.inspection.confirm_many([(each.path, each.planned.product_id) for each in made])
        wanted = [(each.path, self._has_companion(each.planned)) for each in made]
        measured = measure_all(wanted, self.definition.mission.digest)
        before = self._before([each.planned for each in made])
        checked: dict[int, list[_Output | str]] = defaultdict(list)
        for each, verdict, size in zip(made, verdicts, measured, strict=True):
            checked[each.outcome.job.attempt_id].append(self._checked(each, verdict, size, before))
        return checked

    def _has_companion(self, planned: Planned) -> bool:
        return self.definition.products[planned.product_id].companion

    def _before(self, planned: Sequence[Planned]) -> _Recorded:
        """The records of the files that outputs replace."""
        replaced = [each.replaces.file_id for each in planned if each.replaces is not None]
        if not replaced:
            return {}
        with self.store.begin() as connection:
            return audit.recorded(connection, replaced)

    def _checked(
        self, made: _Made, verdict: Verdict, measured: Measured | Unmeasured, before: _Recorded
    ) -> _Output | str:
        name = "its output" if len(made.task.outputs) == 1 else f"its output {made.planned.name}"
        if not isinstance(measured, Measured):
            return f"{name} cannot be read: {measured}"
        facts = verdict.facts
        if facts is None:
            return f"{name} is not what was promised: {verdict.reason}"
        product = self.definition.products[made.planned.product_id]
        fault = _disagreement(made.task, made.planned, facts, has_version=product.compiled.has_version)
        if fault is not None:
            return f"{name} is not what was promised: {fault}"
        try:
            file = self._new_file(made, product, facts, measured, before)
            target = layout.home(self.definition.mission, product, file.directory, file.filename)
        except (PlacementError, FormatError) as error:
            return str(error)
        return _Output(file, Move(Purpose.OUTPUT, made.path, target, file.digest, file.members, measured.state))

    def _new_file(
        self, made: _Made, product: Product, facts: FileFacts, measured: Measured, before: _Recorded
    ) -> NewFile:
        planned = made.planned
        is_planned = product.compiled.has_version or _follows_another_name(planned, facts)
        version = planned.version if is_planned else facts.version or planned.version
        facts = replace(facts, keywords=facts.keywords or _planned_keywords(made.task, product.compiled.keyword_fields))
        if product.inspector.name == "filename":
            time = time_of_output(made.task.process, made.task.period, Period(facts.start, facts.stop))
            facts = replace(facts, start=time.start, stop=time.stop)
        return NewFile(
            filename=os.path.basename(made.path),
            product_id=product.product_id,
            facts=facts,
            version=version,
            level=product.level,
            directory=directory_of(product, facts, version),
            size=measured.size,
            digest=measured.digest,
            created=made.outcome.ended,
            members=measured.members,
            provenance=shlex.join(made.outcome.job.command),
            same_as=self._same_as(made, product, measured, before),
            **self._in_place_of(made, measured, before),
        )

    def _in_place_of(self, made: _Made, measured: Measured, before: _Recorded) -> dict[str, Any]:
        """For a file made again under its name: its number, and whether its contents changed; of one that was
        withdrawn, or is of a release and has other contents now, the row stays, and it takes over its name."""
        again = made.planned.again
        if again is None:
            return {}
        if again.standing is not Standing.LOST:
            return {"replaces": again.file_id}
        known = before.get(again.file_id)
        is_other = known is None or not _has_contents(made.path, measured, known)
        if is_other and self._is_released(again.file_id):
            return {"replaces": again.file_id}
        return {"again": again.file_id, "is_other": is_other}

    def _is_released(self, file_id: int) -> bool:
        with self.store.begin() as connection:
            return bool(data_releases.holding(connection, [file_id]))

    def _same_as(self, made: _Made, product: Product, measured: Measured, before: _Recorded) -> int | None:
        """The oldest of the earlier versions with the same contents as an output."""
        replaced = made.planned.replaces
        if replaced is None or replaced.file_id not in before or made.planned.again is not None:
            return None
        if _has_contents(made.path, measured, before[replaced.file_id]):
            return replaced.content
        if product.comparison is Comparison.BYTES:
            return None
        from dbproc.products.comparison import same_contents

        is_same = same_contents(
            product.comparison, file_path(self.definition, replaced), made.path, companion=product.companion
        )
        return replaced.content if is_same else None


def _has_contents(path: str, measured: Measured, recorded: tuple[int | None, str, frozenset[Member]]) -> bool:
    """Whether a file has the bytes that were recorded, in whatever algorithm."""
    _, digest, members = recorded
    algorithm = algorithm_of(digest)
    found = measured.digest if algorithm == algorithm_of(measured.digest) else digest_file(path, algorithm)
    return digest == found and members == frozenset(measured.members)


def _fault(task: Task, outcome: Outcome) -> str | None:
    """The fault of a job, judged by its end and the presence of its outputs."""
    if outcome.ending is not Ending.SUCCEEDED:
        return outcome.message
    for planned in task.outputs:
        fault = _absent(os.path.join(outcome.job.directory, planned.name), planned.name, outcome.job.directory)
        if fault is not None:
            return fault
    return None


def _shared_companion(task: Task, products: Mapping[int, Product]) -> str | None:
    """The fault of two outputs with the same companion directory."""
    owners: dict[str, str] = {}
    for planned in task.outputs:
        if not products[planned.product_id].companion:
            continue
        companion = companion_of(planned.name)
        if companion in owners:
            names = f"{owners[companion]} and {planned.name}"
            return f"the directory {companion}/ would belong to both {names}; give them other stems"
        owners[companion] = planned.name
    return None


def _absent(path: str, name: str, directory: str) -> str | None:
    """The fault of a missing, empty or irregular output."""
    if not os.path.lexists(path):
        others = _names_in(directory)[:5]
        wrote = f"it wrote {', '.join(map(one_line, others))} instead" if others else "it wrote nothing"
        return f"exit status 0, but its output {name} is not there; {wrote}"
    if os.path.islink(path) or not os.path.isfile(path):
        return f"exit status 0, but its output {name} is not a regular file"
    if os.path.getsize(path) == 0:
        return f"exit status 0, but its output {name} is empty"
    return None


def _names_in(directory: str) -> list[str]:
    """The names in a job's directory; none when the job removed it."""
    try:
        return sorted(name for name in os.listdir(directory) if name != INPUT_LIST)
    except OSError:
        return []


def _follows_another_name(planned: Planned, facts: FileFacts) -> bool:
    """Whether a file that does not tell its version takes the place of one that had a version in its name."""
    before = planned.replaces
    return before is not None and before.filename != planned.name and facts.version in (None, FIRST_VERSION)


def _disagreement(task: Task, planned: Planned, facts: FileFacts, *, has_version: bool) -> str | None:
    """The difference between an output's inspected and planned facts."""
    if facts.date != task.slot.date:
        return f"its inspector finds the date {facts.date}, planned was {task.slot.date}"
    if task.process.keywords is Keying.EACH and joined(facts.keywords, task.slot.keywords) is None:
        return f"its inspector finds the keywords {facts.keywords}, planned were {task.slot.keywords}"
    if has_version and facts.version is not None and facts.version != planned.version:
        return f"its inspector finds version {facts.version}, planned was {planned.version}"
    return None


def _result(task: Task, outcome: Outcome, fault: str | None, outputs: Sequence[_Output | str]) -> Result:
    """The result of a job: all of its outputs, or a failure."""
    wrong = [fault] if fault is not None else [each for each in outputs if isinstance(each, str)]
    if wrong:
        is_interrupted = fault is not None and outcome.ending is Ending.INTERRUPTED
        return Failure(task, outcome, "; ".join(wrong), is_interrupted=is_interrupted)
    good = [each for each in outputs if isinstance(each, _Output)]
    return Success(task, outcome, tuple(each.file for each in good), tuple(each.move for each in good))


def _without_twins(results: Sequence[Result]) -> list[Result]:
    """The results, where the second of two outputs with one name is a failure."""
    targets: set[str] = set()
    checked: list[Result] = []
    for result in results:
        own = {move.target for move in result.moves} if isinstance(result, Success) else set()
        if targets.isdisjoint(own):
            checked.append(result)
            targets |= own
        else:
            twin = min(own & targets)
            message = f"another job made {twin} at the same time; give the format a keyword that tells them apart"
            checked.append(Failure(result.task, result.outcome, message))
    return checked


def _planned_keywords(task: Task, fields: frozenset[str]) -> str:
    """The keywords of an output whose inspector gives none: those of its slot, or merged, of its inputs, or none."""
    if task.process.keywords is Keying.EACH:
        return restricted(task.slot.keywords, fields)
    if task.process.keywords is Keying.INSPECTOR:
        return ""
    keywords: dict[str, str] = {}
    for file in task.inputs:
        keywords.update(keywords_of(file.keywords))
    return keywords_text({key: value for key, value in keywords.items() if key in fields})
