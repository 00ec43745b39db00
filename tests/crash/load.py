"""Every run is killed, whole, at a random moment, while slow writers deliver; in the end all is there once, and right.

    python -m tests.crash.load                                                  200 rounds on 500 files, both databases
    python -m tests.crash.load --database sqlite --rounds 20 --files 50 --seed 7

Exit status 1 when something was lost, doubled, damaged or built wrongly.
"""

from __future__ import annotations

import argparse
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.crash.invariants import violations
from tests.crash.trials import DATABASES
from tests.crash.writers import WRITERS, Writer, lines_of
from tests.kit.mission import Mission, chain, days, name_of
from tests.kit.postgres import running_server

SETTLE_SECONDS = 2.0
WRITER_SECONDS = 0.6
WRITERS_OF_A_KIND = 2
LAST_SECONDS = 600.0
"""So long may the run take to which all the rest is left."""
LOOKED_AFTER_EVERY = 10
AHEAD = 4
"""Files that are there when the first run begins."""
SHOWN = 20

SLOW = """#!/bin/sh
printf '%s' NAME > made
while [ $# -gt 1 ]; do printf '(%s)' "$(cat "$1")" >> made; shift; done
sleep 0.05
mv made "$1"
"""


@dataclass(frozen=True)
class Load:
    """What a mission has to bear: so many runs, killed, while so many files arrive."""

    rounds: int
    files: int
    seed: int

    @property
    def names(self) -> list[str]:
        """The names of the files, by date."""
        return [name_of("raw", day) for day in days("2020-01-01", self.files)]


@dataclass
class Patience:
    """How long runs live until they are killed: so long that most of them are, and some come to their end.

    It finds its measure by itself, on any machine and with any amount of work.
    """

    seconds: float = 1.0

    def drawn(self, chance: random.Random) -> float:
        """How long the next one lives at most."""
        return self.seconds * chance.uniform(0.3, 1.0)

    def learn(self, *, was_killed: bool) -> None:
        """Grow slowly as long as runs are killed, and shrink quickly when one was not."""
        self.seconds *= 1.1 if was_killed else 0.7


@dataclass
class Figures:
    """What came of it."""

    runs: int = 0
    kills: int = 0  #: runs that were alive when they were killed
    kills_at_work: int = 0  #: of these, the ones that had the lock
    made: int = 0  #: files that jobs made
    made_last: int = 0  #: of these, the ones that were left to the run that nothing disturbed
    said: str = ""  #: by the last of the runs
    faults: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{self.runs} runs, {self.kills} of them killed alive ({self.kills_at_work} under their lock), "
            f"{len(self.faults)} faults"
        )


def bear(mission: Mission, load: Load, say: Callable[[str], None] = lambda _: None) -> Figures:
    """Deliver and kill, let one run do what is left, and look whether all is well."""
    define(mission)
    figures, chance, patience = Figures(), random.Random(load.seed), Patience()
    with arriving(mission.incoming, chance.sample(load.names, load.files)) as deliveries:
        deliveries.allow(AHEAD)
        time.sleep(WRITER_SECONDS + SETTLE_SECONDS)
        for number in range(1, load.rounds + 1):
            deliveries.allow(AHEAD + load.files * number // load.rounds)
            while figures.kills < number and not figures.faults:
                is_late = number % 2 == 0  # every other one is killed when it is at work, the others at any moment
                seconds = patience.drawn(chance) * (0.1 if is_late else 1.0)
                was_killed = start_and_kill(mission, seconds, figures, from_lock=is_late)
                if not is_late:
                    patience.learn(was_killed=was_killed)
            if number % LOOKED_AFTER_EVERY == 0:
                figures.faults += violations(mission, frozenset())
                say(f"{figures}")
    time.sleep(SETTLE_SECONDS)
    before = number_made(mission)
    figures.faults += faults_at_the_end(mission, load)
    figures.made = number_made(mission)
    figures.made_last = figures.made - before
    return figures


def define(mission: Mission) -> None:
    """Define a mission whose jobs take a moment."""
    for name in ("to_clean.sh", "to_smooth.sh"):
        mission.code(name, SLOW)
    mission.create(*chain(), settle_seconds=SETTLE_SECONDS, retry_seconds=0)


def number_made(mission: Mission) -> int:
    """How many files jobs have made by now."""
    return int(mission.one("SELECT count(*) FROM attempt WHERE status = 'succeeded'"))


# --- arrivals ---


@dataclass
class Deliveries:
    """Files that are still to be written, each when it is allowed to come."""

    names: Sequence[str]
    allowed: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    count: int = 0

    def allow(self, count: int) -> None:
        """Let the writers begin with so many files in all."""
        more = min(count, len(self.names)) - self.count
        if more > 0:
            self.allowed.release(more)
            self.count += more

    def write(self, writer: Writer, incoming: Path, names: Sequence[str]) -> None:
        """Write one file after another."""
        for name in names:
            self.allowed.acquire()
            writer(incoming / name, lines_of(name), WRITER_SECONDS)


@contextmanager
def arriving(incoming: Path, names: Sequence[str]) -> Iterator[Deliveries]:
    """Slow writers of every kind, as long as the block lasts and they have not written everything."""
    deliveries = Deliveries(names)
    writers = WRITERS * WRITERS_OF_A_KIND
    with ThreadPoolExecutor(len(writers)) as pool:
        shares = ((writer, names[number :: len(writers)]) for number, writer in enumerate(writers))
        begun: list[Future[None]] = [pool.submit(deliveries.write, writer, incoming, share) for writer, share in shares]
        try:
            yield deliveries
        finally:
            deliveries.allow(len(names))
            for each in begun:
                each.result()


# --- kills ---


def start_and_kill(mission: Mission, seconds: float, figures: Figures, *, from_lock: bool = False) -> bool:
    """A run that is killed after so many seconds, with `from_lock` counted from its lock; not, when it ends before."""
    before = mission.one("SELECT coalesce(max(logging_id), 0) FROM logging")
    run = mission.start()
    while from_lock and run.poll() is None and not _has_lock(mission, before):
        time.sleep(0.002)
    try:
        run.wait(seconds)
        figures.said, err = run.communicate()
    except subprocess.TimeoutExpired:
        figures.said, err = kill_tree(run)
    figures.runs += 1
    was_killed = run.returncode == -signal.SIGKILL
    if was_killed:
        figures.kills += 1
        figures.kills_at_work += mission.one("SELECT count(*) FROM logging WHERE currently_processing")
    elif run.returncode or err:
        figures.faults.append(f"run {figures.runs}: exit status {run.returncode}\n{figures.said}{err}")
    return was_killed


def _has_lock(mission: Mission, before: int) -> bool:
    """Whether a run has its row, and with it the lock, that had none before."""
    return mission.one(f"SELECT count(*) FROM logging WHERE logging_id > {before} AND currently_processing") > 0


def kill_tree(run: subprocess.Popen[str]) -> tuple[str, str]:
    """End a run and everything that it started before any of it can take notice, as the end of a machine does."""
    try:
        process = psutil.Process(run.pid)
        process.suspend()
        tree = [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        tree = []
    for process in tree:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    return run.communicate()


# --- the end ---


def faults_at_the_end(mission: Mission, load: Load) -> Iterator[str]:
    """What is not as it should be after a run that nothing disturbed, in words."""
    last = Figures()
    start_and_kill(mission, LAST_SECONDS, last)
    yield from last.faults
    for step in (mission.check, lambda: mission.dbproc("check", "--deep")):
        yield from failed(step)
    yield from violations(mission, frozenset())
    for fault in left_over(mission):
        yield f"{fault}; the last run said:\n{last.said}"
    yield from wrong_files(mission, load.names)
    before = mission.state()
    yield from failed(mission.run)
    if mission.state() != before:
        yield "a further run changes something"


def failed(step: Callable[[], object]) -> Iterator[str]:
    """What a step says that does not hold."""
    try:
        step()
    except Exception as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        yield f"{frame.name}: {error or frame.line}"


def left_over(mission: Mission) -> Iterator[str]:
    for what, found in (
        ("in incoming", mission.waiting()),
        ("in quarantine", sorted(mission.quarantined())),
        ("in the queue", mission.rows("SELECT file_id FROM processqueue")),
    ):
        if found:
            yield f"{len(found)} still {what}: {found[:SHOWN]}"


def wrong_files(mission: Mission, names: Sequence[str]) -> Iterator[str]:
    """Files that are missing, too many, or of other bytes than their inputs call for."""
    files = mission.files()
    texts = {name: file.path.read_text() if file.path.is_file() else "" for name, file in files.items()}
    for product in ("raw", "clean"):
        found = {name for name, file in files.items() if file.product == product}
        odd = found ^ {of(product, name) for name in names}
        if odd:
            yield f"{product}: of other names than were delivered: {sorted(odd)[:SHOWN]}"
    builds: dict[str, list[str]] = defaultdict(list)
    for name in sorted(texts):
        builds[stem(name)].append(texts[name])
    for name, text in wanted(names).items():
        made = builds[stem(name)]
        if made[-1:] != [text]:
            yield f"{name} has other bytes"
        if len(made) != len(set(made)):
            yield f"{name} was built again of the same inputs"


def wanted(names: Sequence[str]) -> dict[str, str]:
    """What every file is to be in the end; a smooth one in its newest version, whichever that is."""
    raw = ["".join(lines_of(name)) for name in names]
    clean = [f"clean({text.rstrip()})" for text in raw]
    smooth = [
        "smooth" + "".join(f"({text})" for text in clean[max(0, day - 1) : day + 2]) for day, _ in enumerate(clean)
    ]
    made = zip(("raw", "clean", "smooth"), (raw, clean, smooth), strict=True)
    return {of(product, name): text for product, texts in made for name, text in zip(names, texts, strict=True)}


def of(product: str, raw: str) -> str:
    """The name of the file of a product that is made from a raw one."""
    return raw.replace("raw", product, 1)


def stem(name: str) -> str:
    """A name without its version."""
    return name.rsplit("_v", 1)[0]


# --- the command ---


def main() -> int:
    given = _arguments()
    load = Load(given.rounds, given.files, given.seed)
    return max([_bear_on(database, load) for database in given.database or DATABASES])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests.crash.load", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--database", action="append", choices=DATABASES)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--files", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def _bear_on(database: str, load: Load) -> int:
    """Bear it on one of the databases; the exit status."""
    began = time.monotonic()
    with ExitStack() as stack:
        base = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dbproc-load-")))
        url = str(base / "mission.sqlite")
        if database == "postgresql":
            server = stack.enter_context(running_server())
            url = server.url(server.create())
        figures = bear(Mission(base / "mission", url), load, lambda text: print(f"{database}: {text}", flush=True))
    for fault in figures.faults[:SHOWN]:
        print(f"FAULT {fault}")
    print(
        f"{database}, seed {load.seed}: {load.rounds} rounds: {figures}; {load.files} files delivered, "
        f"{figures.made} made, {figures.made_last} of them by the last run, in {time.monotonic() - began:.0f} s",
        flush=True,
    )
    return 1 if figures.faults else 0


if __name__ == "__main__":
    sys.exit(main())
