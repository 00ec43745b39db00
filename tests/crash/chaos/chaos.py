"""The events: which there are, how often they come, and what each does."""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import psycopg2

from tests.crash.chaos import disturbances
from tests.crash.chaos.arrivals import JUNK, Arrival, arrival, lost_and_found, replaced, slowly
from tests.crash.chaos.children import RUN, Children, said, send, send_to_all
from tests.crash.chaos.definition import EDITED, Delivery, deliveries
from tests.crash.chaos.disturbances import Hold
from tests.crash.chaos.end import finish, lost, state, taken
from tests.crash.chaos.ground import Ground
from tests.crash.chaos.starter import CLOSED, Starter, starter
from tests.kit.postgres import PostgresServer

KINDS = (
    *("kill", "term", "machine", "shutdown", "full", "output", "connection", "lock", "clock"),
    *("rights", "away", "root", "edit", "apply", "repair", "retry", "unlock", "reading", "junk", "lost"),
    *("late", "movers", "leavers", "linked", "replaced"),
)
"""What can be left out. The last line are habits of codes and senders."""
HABITS = frozenset({"late", "movers", "leavers", "linked", "replaced"})
_MOST_ALIVE = 5
_MOST_TICKS = 40
_SHOWN = 12
_PAUSE_SECONDS = (0.02, 0.4)
_CLOCKS = (-400 * 86400.0, -7200.0, 7200.0, 400 * 86400.0)
_READING = (
    ("status",),
    ("status", "--json"),
    ("plan",),
    ("queue",),
    ("why", "week", "2024-01-03"),
    ("stats",),
    ("check",),
    ("export",),
    ("quarantine", "list"),
)


@dataclass(frozen=True)
class Extent:
    """How long it goes on: seconds, or so many events; and of how many days files arrive."""

    seconds: float
    events: int | None
    days: int

    def is_over(self, elapsed: float, count: int) -> bool:
        """Whether it has gone on long enough."""
        return elapsed >= self.seconds if self.events is None else count >= self.events

    def part(self, elapsed: float, count: int) -> float:
        """Which part of it is over."""
        return elapsed / self.seconds if self.events is None else count / self.events


class Chaos:
    """One mission in chaos, and in the end one in peace.

    Parameters
    ----------
    base
        A directory that is there and empty.
    server
        The PostgreSQL server; None: SQLite.
    seed
        Of all that is left to chance. What happens is the same each time; when it happens is not.
    kinds
        Which of :data:`KINDS` there are.
    """

    def __init__(self, base: Path, server: PostgresServer | None, seed: int, kinds: frozenset[str]) -> None:
        self.events: list[str] = []
        self.ground = Ground(base / "chaos", _database(base, "chaos", server), kinds & HABITS)
        self.children: Children
        self.holds: list[Hold] = []
        self.chance = random.Random()
        self._base = base
        self._server = server
        self._seed = seed
        self._kinds = kinds
        self._began = time.monotonic()
        self._arrivals: list[Arrival] = []
        self._names: dict[str, set[str]] = {}
        self._faults: list[str] = []
        self._counts: Counter[str] = Counter()
        self.junk = 0

    @property
    def figures(self) -> str:
        """What happened, in words."""
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(self._counts.items()))
        statuses = sorted(self.children.statuses.items())
        ended = ", ".join(f"{count} {name} {status}" for (name, status), count in statuses)
        return f"{sum(self._counts.values())} events ({kinds}), {len(self._names)} files; ended: {ended}"

    def run(self, extent: Extent) -> list[str]:
        """Everything, from the first file to the comparison; gives the faults."""
        with starter() as started:
            self.children = Children(self.ground, started)
            _set_up(self.ground, self.children)
            self._rage(extent)
            self._put_right()
            faults = [*finish(self.ground, self.children), *lost(self.ground)]
            faults += self._compared(started)
        return [*self._faults, *self.children.faults, *faults]

    # --- chaos ---

    def _rage(self, extent: Extent) -> None:
        """Events and arrivals, until the time is over; then all that is still to arrive."""
        waiting = deliveries(extent.days)
        whole, count = len(waiting), 0
        while not extent.is_over(self._elapsed, count):
            self.chance.seed(f"{self._seed} {count}")
            while waiting and whole - len(waiting) < 3 + 1.2 * whole * extent.part(self._elapsed, count):
                self._arrive(waiting.pop(self.chance.randrange(min(len(waiting), 12))))
            self._event()
            self._tick()
            count += 1
        for delivery in waiting:
            self._arrive(delivery)

    @property
    def _elapsed(self) -> float:
        return time.monotonic() - self._began

    def _arrive(self, delivery: Delivery) -> None:
        way = arrival(delivery, random.Random(f"{self._seed} {delivery.name}"))
        if way is replaced and "replaced" not in self._kinds:
            way = slowly
        self._names[delivery.name] = {delivery.content}
        if way is replaced:
            self._names[delivery.name].add(f"other {delivery.content}")
        self._arrivals.append(way(self.ground, delivery))

    def _event(self) -> None:
        possible = {kind: weight for kind, (weight, _) in EVENTS.items() if kind in self._kinds or kind == "run"}
        (kind,) = self.chance.choices(list(possible), list(possible.values()))
        words = EVENTS[kind][1](self)
        if words:
            self._counts[kind] += 1
            self._note(f"{kind}: {words}")

    def _tick(self) -> None:
        """Let all that goes on go on a little."""
        self._go_on()
        for hold in list(self.holds):
            hold.ticks -= 1
            if hold.ticks <= 0:
                self._release(hold)
        for child, status in self.children.look():
            self._note(f"{child.words} ended: {status}")
        time.sleep(self.chance.uniform(*_PAUSE_SECONDS))

    def _go_on(self) -> None:
        self._arrivals = [each for each in self._arrivals if next(each, _OVER) is not _OVER]

    def _release(self, hold: Hold) -> None:
        self.holds.remove(hold)
        self._faults += hold.undo()
        self._note(f"no more: {hold.name}")

    def _note(self, words: str) -> None:
        self.events.append(f"{self._elapsed:7.2f} {words}")

    # --- peace ---

    def _put_right(self) -> None:
        """A person ends what holds, lets everything arrive, and waits for what was started."""
        for hold in reversed(list(self.holds)):
            self._release(hold)
        self.children.wait_for_all()
        _readable(self.ground.incoming)
        for _ in range(_MOST_TICKS):
            self._go_on()
            if not self._arrivals:
                break
            for child in self.children.alive.values():
                self.children.wait(child)
            self.children.wait(self.children.start(RUN, "-n", "2"))  # some senders wait until theirs is taken
        else:
            self._faults.append(f"{len(self._arrivals)} files that senders wait for are never taken")

    def _compared(self, started: Starter) -> Iterator[str]:
        """The same files and codes, in a mission that nothing disturbs."""
        chosen, faults = taken(self.ground, self._names)
        yield from faults
        peace = Ground(self._base / "peace", _database(self._base, "peace", self._server), frozenset())
        children = Children(peace, started)
        peace.codes.editions = dict(self.ground.codes.editions)
        peace.codes.write_all()
        _set_up(peace, children)
        for delivery in deliveries(_days_of(self._names)):
            for _ in slowly(peace, Delivery(delivery.name, chosen[delivery.name], delivery.members)):
                pass
        yield from (f"in peace: {fault}" for fault in finish(peace, children))
        yield from (f"in peace: {fault}" for fault in children.faults)
        differences = state(self.ground).differences(state(peace))
        if differences:
            yield f"{len(differences)} slots are not as they would be"
            yield from differences[:_SHOWN]


_OVER = object()


def _days_of(names: dict[str, set[str]]) -> int:
    return len([name for name in names if name.startswith("cal_")])


def _database(base: Path, name: str, server: PostgresServer | None) -> str:
    return str(base / f"{name}.sqlite") if server is None else server.url(server.create())


def _set_up(ground: Ground, children: Children) -> None:
    for start in (children.create, lambda: children.start("dbproc", "apply", str(ground.mission_file))):
        child = start()
        assert children.wait(child) == 0, said(child)


def _readable(directory: Path) -> None:
    """Give back the rights that what arrived lacks."""
    for path in directory.iterdir():
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() else 0o644)


# --- what each kind of event does ---


def _run(chaos: Chaos) -> str:
    if len(chaos.children.alive) >= _MOST_ALIVE:
        return ""
    count = chaos.chance.choice((1, 1, 1, 2))
    for _ in range(count):
        chaos.children.start(RUN, "-n", "2")
    return f"{count} started"


def _signal(number: signal.Signals) -> Callable[[Chaos], str]:
    def act(chaos: Chaos) -> str:
        children = list(chaos.children.alive.values())
        if not children:
            return ""
        child = chaos.chance.choice(children)
        send(child, number)
        return f"{number.name} to {child.words}"

    return act


def _everything(number: signal.Signals) -> Callable[[Chaos], str]:
    def act(chaos: Chaos) -> str:
        children = list(chaos.children.alive.values())
        send_to_all(chaos.ground, children, number)
        return f"{number.name} to {len(children)} processes and all jobs"

    return act


def _full(chaos: Chaos) -> str:
    size = chaos.chance.choice((1, 20, 200, 5000, 60_000))
    chaos.children.start(RUN, "-n", "2", file_size=size)
    return f"a run that writes no file of more than {size} bytes"


def _output(chaos: Chaos) -> str:
    stdout = chaos.chance.choice(("/dev/full", CLOSED))
    words = chaos.chance.choice(((RUN, "-n", "2"), ("dbproc", "status"), ("dbproc", "check")))
    chaos.children.start(*words, stdout=stdout)
    return f"{' '.join(words)} with stdout {stdout}"


def _connection(chaos: Chaos) -> str:
    if chaos.ground.is_sqlite:
        return ""
    with closing(psycopg2.connect(chaos.ground.database)) as connection:
        connection.autocommit = True
        cursor = connection.cursor()
        cursor.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        return f"{cursor.fetchone()} ended"


def _held(make: Callable[[Ground, random.Random], Hold]) -> Callable[[Chaos], str]:
    def act(chaos: Chaos) -> str:
        hold = make(chaos.ground, chaos.chance)
        if any(hold.overlaps(each) for each in chaos.holds) or not hold.do():
            return ""
        chaos.holds.append(hold)
        return f"{hold.name} for {hold.ticks}"

    return act


def _clock(chaos: Chaos) -> str:
    clock = chaos.chance.choice(_CLOCKS)
    chaos.children.start(RUN, "-n", "2", clock=clock)
    return f"a run whose clock is {clock:+.0f} s off"


def _edit(chaos: Chaos) -> str:
    if not chaos.ground.codes.folder.exists():
        return ""
    name = chaos.chance.choice(EDITED)
    chaos.ground.codes.edit(name)
    return f"{name}: edition {chaos.ground.codes.editions[name]}"


def _apply(chaos: Chaos) -> str:
    file = chaos.chance.choice((chaos.ground.mission_file, chaos.ground.mission_file, chaos.ground.changed_file))
    return chaos.children.start("dbproc", "apply", str(file)).words


def _command(*choices: tuple[str, ...]) -> Callable[[Chaos], str]:
    def act(chaos: Chaos) -> str:
        return chaos.children.start("dbproc", *chaos.chance.choice(choices)).words

    return act


def _arrives(*junk: Callable[[Ground, int], None]) -> Callable[[Chaos], str]:
    def act(chaos: Chaos) -> str:
        if not chaos.ground.incoming.exists():
            return ""
        chaos.junk += 1
        make = chaos.chance.choice(junk)
        make(chaos.ground, chaos.junk)
        return make.__name__

    return act


EVENTS: dict[str, tuple[int, Callable[[Chaos], str]]] = {
    "run": (24, _run),
    "kill": (10, _signal(signal.SIGKILL)),
    "term": (5, _signal(signal.SIGTERM)),
    "machine": (2, _everything(signal.SIGKILL)),
    "shutdown": (2, _everything(signal.SIGTERM)),
    "full": (3, _full),
    "output": (2, _output),
    "connection": (3, _connection),
    "lock": (3, _held(disturbances.locked)),
    "clock": (3, _clock),
    "rights": (4, _held(disturbances.forbidden)),
    "away": (3, _held(disturbances.away)),
    "root": (1, _held(disturbances.root_away)),
    "edit": (2, _edit),
    "apply": (3, _apply),
    "repair": (2, _command(("check", "--repair"))),
    "retry": (1, _command(("retry",))),
    "unlock": (1, _command(("unlock", "--reason", "in chaos"))),
    "reading": (5, _command(*_READING)),
    "junk": (3, _arrives(*JUNK)),
    "lost": (1, _arrives(lost_and_found)),
}
"""How often each kind comes, of so many together, and what it does: in words, empty when nothing could be done."""
