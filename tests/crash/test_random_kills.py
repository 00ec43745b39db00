"""kill -9 of a whole run at random moments, while slow writers deliver: what is complete is taken once, and built."""

from __future__ import annotations

import os
import random
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.crash.held import Held
from tests.flow.mission import chain, days, name_of

KILLS = 8
SETTLE_SECONDS = 2.0
PAUSE_SECONDS = 0.1
PER_WRITER = 5
LINES = 6

Writer = Callable[[Path, list[str]], None]


def append(path: Path, lines: list[str]) -> None:
    """Write under the final name, bit by bit."""
    with path.open("w") as stream:
        for line in lines:
            stream.write(line)
            stream.flush()
            time.sleep(PAUSE_SECONDS)


def part(path: Path, lines: list[str]) -> None:
    append(path.with_name(f"{path.name}.part"), lines)
    path.with_name(f"{path.name}.part").rename(path)


def rsync(path: Path, lines: list[str]) -> None:
    append(path.with_name(f".{path.name}.Xy1Z23"), lines)
    path.with_name(f".{path.name}.Xy1Z23").rename(path)


def pausing(path: Path, lines: list[str]) -> None:
    """A copy that stands still half-way, and keeps the times of the original."""
    with path.open("w") as stream:
        stream.writelines(lines[:-1])
        stream.flush()
        os.utime(path, (0, 0))
        time.sleep(PAUSE_SECONDS * LINES)
        stream.writelines(lines[-1:])
    os.utime(path, (0, 0))


WRITERS: tuple[Writer, ...] = (append, part, rsync, pausing)
NAMES = [name_of("raw", day) for day in days("2020-01-01", PER_WRITER * len(WRITERS))]


def lines_of(name: str) -> list[str]:
    return [f"line {number} of {name}\n" for number in range(LINES)]


def kill_tree(run: subprocess.Popen[str]) -> None:
    """End a run and everything it started at the same time, as the end of a machine does."""
    try:
        tree = [*psutil.Process(run.pid).children(recursive=True), psutil.Process(run.pid)]
    except psutil.NoSuchProcess:
        tree = []
    for process in tree:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    run.communicate()


@pytest.mark.parametrize("seed", [1])
def test_nothing_is_lost_doubled_or_truncated(seed: int, held: Held) -> None:
    chance = random.Random(seed)
    held.create(*chain(), settle_seconds=SETTLE_SECONDS, retry_seconds=0)
    shares = [(writer, NAMES[number :: len(WRITERS)]) for number, writer in enumerate(WRITERS)]
    threads = [threading.Thread(target=write, args=(held.incoming, *share)) for share in shares]
    for thread in threads:
        thread.start()
    killed = 0
    try:
        while killed < KILLS or any(thread.is_alive() for thread in threads):
            run = held.start()
            try:
                run.wait(chance.uniform(0.3, 1.5))
            except subprocess.TimeoutExpired:
                killed += 1
            kill_tree(run)
            assert run.returncode in (-9, 0), run.returncode
    finally:
        for thread in threads:
            thread.join()
    time.sleep(SETTLE_SECONDS)
    held.run()
    check_all_is_there_once(held)
    before = held.state()
    held.run()
    assert held.state() == before


def write(incoming: Path, writer: Writer, names: list[str]) -> None:
    for name in names:
        writer(incoming / name, lines_of(name))


def check_all_is_there_once(mission: Held) -> None:
    mission.check()
    assert mission.waiting() == []
    assert mission.quarantined() == {}
    assert mission.queued() == 0
    assert mission.names("raw") == sorted(NAMES)
    for name in NAMES:
        assert mission.content(name) == "".join(lines_of(name))
    cleaned = {name: f"clean({''.join(lines_of(name)).rstrip()})" for name in NAMES}
    for number, name in enumerate(NAMES):
        assert mission.content(name.replace("raw", "clean", 1)) == cleaned[name]
        around = NAMES[max(0, number - 1) : number + 2]
        made = "smooth" + "".join(f"({cleaned[each]})" for each in around)
        newest = max(file for file in mission.names("smooth") if name.split("_")[1] in file)
        assert mission.content(newest) == made
