"""One trial: a run is killed at a point; after the next one the mission is as if nothing had happened."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from tests.crash.fork_server import End, ForkServer
from tests.crash.invariants import contents, stray_logs, violations
from tests.crash.picture import Picture, picture
from tests.crash.scenario import STAGES
from tests.crash.site import EMPTY, Site, new_site
from tests.crash.stage import Stage
from tests.kit.postgres import PostgresServer

DATABASES = ("sqlite", "postgresql")
CLEARED_EVERY = 5
_MOST_LINES = 12


@dataclass(frozen=True)
class Trial:
    """A run to kill at `point`; with `second`, its recovery is killed at that point, too.

    `is_cleared`: before the next run a person clears the lock, though nobody has to.
    """

    database: str
    stage: str
    point: int
    second: int | None = None
    is_steady: bool = True
    is_cleared: bool = False

    @property
    def mode(self) -> str:
        words = ["one kill" if self.second is None else "two kills"]
        words += ["cleared"] if self.is_cleared else []
        words += [] if self.is_steady else ["free-running"]
        return ", ".join(words)

    def __str__(self) -> str:
        words = [f"--database {self.database} --stage {self.stage} --point {self.point}"]
        if self.second is not None:
            words.append(f"--second {self.second}")
        words += ["--cleared"] if self.is_cleared else []
        words += [] if self.is_steady else ["--free"]
        return " ".join(words)


@dataclass(frozen=True)
class Verdict:
    """What came of a trial; it survived when `faults` is empty. `places`: where it was killed."""

    trial: Trial
    faults: tuple[str, ...]
    places: tuple[str, ...]
    is_beyond: bool = False

    def __str__(self) -> str:
        lines = [f"{self.trial}", *(f"  killed at {place}" for place in self.places)]
        return "\n".join([*lines, *(f"  {fault}" for fault in self.faults)])


@dataclass
class _Reference:
    """What an undisturbed run of a stage makes of the mission; `faults`: what is wrong with that already."""

    picture: Picture
    points: list[str]
    before: frozenset[str]
    known: frozenset[str]
    faults: tuple[str, ...]


@dataclass
class Laboratory:
    """A site on which the stages are prepared, and trials made."""

    site: Site
    references: dict[str, _Reference] = field(default_factory=dict)

    def prepare(self, stage: Stage) -> None:
        """Bring the mission to the beginning of a stage, keep it, and run it undisturbed."""
        self.site.put_back(EMPTY if stage.after is None else f"{stage.after} done")
        try:
            stage.before(self.site)
        except (AssertionError, OSError) as error:
            self.site.keep(f"{stage.name} done")
            self.references[stage.name] = _Reference(
                Picture(()), [], frozenset(), frozenset(), (f"before it: {error}",)
            )
            return
        before, known = contents(self.site), violations(self.site, frozenset())
        self.site.keep(stage.name)
        faults: list[str] = []
        end = self._run(stage)
        if end.status != stage.status or "Traceback" in self.site.said():
            faults.append(f"undisturbed: status {end.status} instead of {stage.status}: {self.site.said()}")
        points = self.site.points()
        faults += [f"undisturbed: {fault}" for fault in self._lost(before)]
        for program, *arguments in stage.again[:-1]:
            self._command(stage, program, arguments)
        seen = picture(self.site)
        self.site.keep(f"{stage.name} done")
        program, *arguments = stage.afterwards[-1]
        self._command(stage, program, arguments)
        changed = picture(self.site).difference(seen)
        faults += [f"undisturbed: another run changes {line}" for line in changed[:_MOST_LINES]]
        self.references[stage.name] = _Reference(seen, points, before, frozenset(known), tuple(faults))

    def attempt(self, trial: Trial) -> Verdict:
        """Make a trial."""
        stage, reference = STAGES[trial.stage], self.references[trial.stage]
        if reference.faults:
            return Verdict(trial, reference.faults, ())
        self.site.put_back(stage.name)
        places: list[str] = []
        faults: list[str] = []
        for point in (trial.point, trial.second):
            if point is None:
                continue
            end = self._run(stage, point, is_steady=trial.is_steady)
            if end.was_killed:
                places.append(self.site.points()[-1])
                faults += self._faults_now(stage, reference)
                faults += self._clear() if trial.is_cleared else ()
            elif end.status not in (stage.status, *stage.accepted):
                faults.append(f"status {end.status}: {self.site.said()}")
        if places and not faults:
            faults += self._faults_afterwards(stage, reference, is_steady=trial.is_steady)
        return Verdict(trial, tuple(faults), tuple(places), is_beyond=not places)

    def _faults_now(self, stage: Stage, reference: _Reference) -> Iterator[str]:
        found = violations(self.site, reference.before, while_moved=stage.moves_inputs)
        yield from (f"after the kill: {fault}" for fault in found if fault not in reference.known)
        yield from (f"after the kill: {fault}" for fault in stage.meanwhile(self.site))

    def _lost(self, before: frozenset[str]) -> Iterator[str]:
        lost = before - contents(self.site)
        if lost:
            yield f"{len(lost)} contents that were there are nowhere any more"

    def _clear(self) -> Iterator[str]:
        end = self.site.perform("dbproc", ("unlock", "--reason", "it was killed"))
        if end.status != 0:
            yield f"the lock cannot be cleared: status {end.status}: {self.site.said()}"

    def _faults_afterwards(self, stage: Stage, reference: _Reference, *, is_steady: bool) -> Iterator[str]:
        """The commands that follow; after the last two of them the mission is to be as it would be."""
        for number, (program, *arguments) in enumerate(stage.afterwards, start=1):
            end = self._command(stage, program, arguments, is_steady=is_steady)
            if end.status not in stage.accepted or "Traceback" in self.site.said():
                yield f"run {number} after it: status {end.status}: {self.site.said()}"
            if number < len(stage.afterwards) - 1:
                continue
            difference = picture(self.site).difference(reference.picture)
            if difference:
                yield f"after run {number} the mission is not as it would be (+ too much, - missing):"
                yield from (f"    {line}" for line in difference[:_MOST_LINES])
            others = [*self._lost(reference.before), *stray_logs(self.site)]
            yield from others
            if difference or others:
                return

    def _run(self, stage: Stage, at: int | None = None, *, is_steady: bool = True) -> End:
        """What is killed in a stage."""
        return self.site.perform(
            stage.program,
            stage.arguments,
            at,
            is_steady=is_steady,
            is_obedient=stage.is_obedient,
            on_copy=stage.on_copy,
        )

    def _command(self, stage: Stage, program: str, arguments: Sequence[str], *, is_steady: bool = True) -> End:
        """What follows it."""
        return self.site.perform(program, tuple(arguments), is_steady=is_steady, is_obedient=stage.is_obedient)


class Laboratories:
    """The laboratories of one worker, prepared when they are first needed. Use it as a context manager."""

    def __init__(self, server: PostgresServer | None) -> None:
        self._server = server
        self._stack = ExitStack()
        self._fork_server: ForkServer | None = None
        self._made: dict[tuple[str, bool], Laboratory] = {}

    def __enter__(self) -> Laboratories:
        self._fork_server = self._stack.enter_context(ForkServer())
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def points(self, database: str, stage: str) -> int:
        """How many points an undisturbed run of a stage has."""
        return len(self._for(database, STAGES[stage]).references[stage].points)

    def faults(self, database: str, stage: str) -> tuple[str, ...]:
        """What is wrong with an undisturbed run of a stage."""
        return self._for(database, STAGES[stage]).references[stage].faults

    def attempt(self, trial: Trial) -> Verdict:
        """Make a trial where it belongs."""
        return self._for(trial.database, STAGES[trial.stage]).attempt(trial)

    def _for(self, database: str, stage: Stage) -> Laboratory:
        assert self._fork_server is not None
        server = self._server if database == "postgresql" else None
        key = (database, stage.far)
        if key not in self._made:
            self._made[key] = Laboratory(self._stack.enter_context(new_site(server, self._fork_server, far=stage.far)))
        laboratory = self._made[key]
        for each in _up_to(stage):
            if each.name not in laboratory.references:
                laboratory.prepare(each)
        return laboratory


@contextmanager
def laboratories(server: PostgresServer | None) -> Iterator[Laboratories]:
    """Laboratories, closed at the end."""
    with Laboratories(server) as made:
        yield made


def _up_to(stage: Stage) -> list[Stage]:
    return [*(_up_to(STAGES[stage.after]) if stage.after else ()), stage]


def single_kills(database: str, stage: str, points: int) -> list[Trial]:
    """A kill at every point."""
    return [Trial(database, stage, point) for point in range(1, points + 1)]


def double_kills(database: str, stage: str, points: int, seed: int) -> list[Trial]:
    """A kill at every point, and one at a random point of the recovery."""
    chance = random.Random(f"{seed} {database} {stage}")
    return [Trial(database, stage, point, chance.randint(1, points)) for point in range(1, points + 1)]


def cleared_kills(database: str, stage: str, points: int) -> list[Trial]:
    """A kill at every so-manieth point, after which the lock is cleared."""
    return [Trial(database, stage, point, is_cleared=True) for point in range(1, points + 1, CLEARED_EVERY)]
