"""No file is taken before it is whole, and every one soon after: of a hundred slow writers, and after a kill."""

from __future__ import annotations

import random
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from threading import Event

import pytest

from tests.crash.held import RAW, Held
from tests.crash.writers import WRITERS, Writer, append, lines_of, part, pausing, rsync
from tests.kit.mission import days, name_of, product

OF_EACH_KIND = 25
NAMES = [name_of("raw", day) for day in days("2020-01-01", OF_EACH_KIND * len(WRITERS))]
WRITER_OF = dict(zip(NAMES, WRITERS * OF_EACH_KIND, strict=True))
SETTLE_SECONDS = 4.0
BETWEEN_SECONDS = 0.8
"""From one run to the next."""
LATEST_SECONDS = 2.0
"""When the last writer begins."""


@dataclass(frozen=True)
class Pace:
    """How many lines a kind of writer writes, and in how many seconds, at least and at most."""

    lines: int
    seconds: tuple[float, float]


PACES: dict[Writer, Pace] = {
    append: Pace(8, (0.5, 4.0)),
    part: Pace(2, (8.2, 9.0)),
    rsync: Pace(2, (8.2, 9.0)),
    pausing: Pace(8, (0.3, 1.0)),
}
"""Under its final name no file stands still for nearly as long as it takes to settle; under another name it does."""
LAST = NAMES[0]
"""The file that is begun when runs have taken others, however slow the machine is."""


def lines(name: str) -> list[str]:
    """What a file is made of."""
    return lines_of(name, PACES[WRITER_OF[name]].lines)


def write(path: Path, begin: Event, wait: float, seconds: float) -> float:
    """Begin a while after the event; when it was done."""
    begin.wait()
    time.sleep(wait)
    WRITER_OF[path.name](path, lines(path.name), seconds)
    return time.time()


def start_writers(
    pool: ThreadPoolExecutor, incoming: Path, chance: random.Random, last: Event
) -> dict[str, Future[float]]:
    """As many writers as there are names, each at its own pace; one waits for an event."""
    now = Event()
    now.set()
    begun = {}
    for name, writer in WRITER_OF.items():
        wait, seconds = chance.uniform(0, LATEST_SECONDS), chance.uniform(*PACES[writer].seconds)
        begun[name] = pool.submit(write, incoming / name, last if name == LAST else now, wait, seconds)
    return begun


def settled(writers: dict[str, Future[float]], now: float) -> set[str]:
    """The names of the files that nobody has touched for long enough."""
    return {name for name, done in writers.items() if done.done() and done.result() + SETTLE_SECONDS <= now}


def check_whole(mission: Held) -> set[str]:
    """Every file in the catalogue is whole; their names."""
    assert mission.quarantined() == {}
    files = mission.files()
    for name, file in files.items():
        assert file.path.read_text() == "".join(lines(name))
        assert file.size == file.path.stat().st_size
    return set(files)


def test_files_are_taken_when_they_are_whole_and_not_before(held_sqlite: Held) -> None:
    held_sqlite.create(product("raw", 0), settle_seconds=SETTLE_SECONDS)
    last, partly = Event(), 0
    with ThreadPoolExecutor(len(NAMES)) as pool, ExitStack() as stack:
        stack.callback(last.set)
        writers = start_writers(pool, held_sqlite.incoming, random.Random(1), last)
        while not all(done.done() for done in writers.values()):
            ready = settled(writers, time.time())
            held_sqlite.run()
            taken = check_whole(held_sqlite)
            assert ready <= taken
            partly += 0 < len(taken) < len(NAMES)
            if partly >= 2:
                last.set()
            time.sleep(BETWEEN_SECONDS)
    time.sleep(SETTLE_SECONDS)
    held_sqlite.run()
    held_sqlite.run()
    assert check_whole(held_sqlite) == set(NAMES)
    assert held_sqlite.waiting() == []


def kill_when(mission: Held, point: str) -> None:
    """Deliver what has settled, have a run killed that takes it, and let what changes settle for long from then on."""
    mission.create(product("raw", 0))
    mission.deliver(*RAW)
    mission.die_on(point)
    mission.environment["DBPROC_SETTLE_SECONDS"] = "3600"


@pytest.mark.parametrize("second", [(), ("DELETE FROM placement ",)], ids=["one kill", "two kills"])
def test_what_a_killed_run_had_taken_has_settled_for_the_next_one(second: tuple[str, ...], held_sqlite: Held) -> None:
    kill_when(held_sqlite, "INSERT INTO file ")
    for point in second:
        held_sqlite.die_on(point)
    held_sqlite.run()
    assert held_sqlite.waiting() == []
    assert held_sqlite.names("raw") == RAW


def test_what_has_changed_since_a_killed_run_took_it_is_to_settle_anew(held_sqlite: Held) -> None:
    kill_when(held_sqlite, "os.rename ")
    held_sqlite.deliver(RAW[0], content="first line of a better one")
    held_sqlite.run()
    assert RAW[0] in held_sqlite.waiting()
    assert RAW[0] not in held_sqlite.names("raw")
