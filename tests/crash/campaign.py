"""The whole crash campaign: every point of every stage, on both databases, with one kill and with two, or cleared.

    python -m tests.crash.campaign                                         everything
    python -m tests.crash.campaign --database sqlite --stage first         a part of it
    python -m tests.crash.campaign --database sqlite --stage first --point 117 --second 40   one trial again

Exit status 1 when something did not survive.
"""

from __future__ import annotations

import argparse
import os
import queue
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from tests.crash.scenario import STAGES
from tests.crash.trials import DATABASES, Laboratories, Trial, Verdict, cleared_kills, double_kills, single_kills
from tests.kit.postgres import PostgresServer, running_server

MODES = ("one", "two", "cleared")
_SHOWN = 40
_LOOK_SECONDS = 5.0


def main() -> int:
    given = _arguments()
    started = time.monotonic()
    with ExitStack() as stack:
        server = stack.enter_context(running_server()) if "postgresql" in given.database else None
        trials = [_one(given)] if given.point else _all(given, server)
        print(f"{len(trials)} trials, seed {given.seed}", flush=True)
        verdicts = _attempt(trials, server, given.workers)
    return _say(verdicts, time.monotonic() - started)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests.crash.campaign", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--database", action="append", choices=DATABASES)
    parser.add_argument("--stage", action="append", choices=tuple(STAGES))
    parser.add_argument("--point", type=int)
    parser.add_argument("--second", type=int)
    parser.add_argument(
        "--free", action="store_true", help="jobs are taken ahead: points come in another order each time"
    )
    parser.add_argument("--cleared", action="store_true", help="a person clears the lock after the kill")
    parser.add_argument("--mode", action="append", choices=MODES)
    parser.add_argument("--every", type=int, default=1, help="only every so-manieth point")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=min(4, os.cpu_count() or 1))
    given = parser.parse_args()
    given.database = given.database or list(DATABASES)
    given.stage = given.stage or list(STAGES)
    given.mode = given.mode or list(MODES)
    return given


def _one(given: argparse.Namespace) -> Trial:
    return Trial(given.database[0], given.stage[0], given.point, given.second, not given.free, given.cleared)


def _all(given: argparse.Namespace, server: PostgresServer | None) -> list[Trial]:
    trials: list[Trial] = []
    with Laboratories(server) as laboratories:
        for database in given.database:
            for stage in given.stage:
                points = laboratories.points(database, stage)
                faults = laboratories.faults(database, stage)
                print(f"{database}, {stage}: {points} points", flush=True)
                if faults:
                    print("\n  ".join([f"FAILED without any kill: {database}, {stage}", *faults]), flush=True)
                    points = 1
                if "one" in given.mode:
                    trials += single_kills(database, stage, points)[:: given.every]
                if "two" in given.mode:
                    trials += double_kills(database, stage, points, given.seed)[:: given.every]
                if "cleared" in given.mode:
                    trials += cleared_kills(database, stage, points)[:: given.every]
    return trials


def _attempt(trials: Sequence[Trial], server: PostgresServer | None, workers: int) -> list[Verdict]:
    """Make the trials in processes of their own; those of one stage together, so that it is prepared once by each."""
    directory = None if server is None else server.directory
    shares = [trials[number::workers] for number in range(min(workers, len(trials)))]
    verdicts: list[Verdict] = []
    with ProcessPoolExecutor(len(shares), mp_context=get_context("spawn")) as pool, _queue() as told:
        begun = [pool.submit(_work, share, directory, told) for share in shares]
        while len(verdicts) < len(trials):
            try:
                verdict: Verdict = told.get(timeout=_LOOK_SECONDS)
            except queue.Empty:
                if all(each.done() for each in begun) and told.empty():
                    break
                continue
            verdicts.append(verdict)
            if verdict.faults:
                print(f"FAILED {verdict}", flush=True)
            if len(verdicts) % 250 == 0:
                print(f"{len(verdicts)} of {len(trials)}", flush=True)
        for each in begun:
            each.result()
    return verdicts


@contextmanager
def _queue() -> Iterator[Any]:
    """A queue between processes."""
    with get_context("spawn").Manager() as manager:
        yield manager.Queue()


def _work(trials: Sequence[Trial], directory: Path | None, told: Any) -> None:
    """What one process does."""
    with Laboratories(None if directory is None else PostgresServer(directory)) as laboratories:
        for trial in trials:
            told.put(laboratories.attempt(trial))


def _say(verdicts: Iterable[Verdict], seconds: float) -> int:
    counts: Counter[tuple[str, str, str, str]] = Counter()
    failed: list[Verdict] = []
    for verdict in verdicts:
        outcome = "failed" if verdict.faults else "beyond" if verdict.is_beyond else "survived"
        counts[verdict.trial.database, verdict.trial.stage, verdict.trial.mode, outcome] += 1
        if verdict.faults:
            failed.append(verdict)
    print(f"{'database':12}{'stage':20}{'mode':24}{'tried':>8}{'survived':>10}{'failed':>8}")
    for database, stage, mode in dict.fromkeys(key[:3] for key in sorted(counts)):
        survived, lost = (counts[database, stage, mode, outcome] for outcome in ("survived", "failed"))
        print(f"{database:12}{stage:20}{mode:24}{survived + lost:8}{survived:10}{lost:8}")
    tried = sum(number for key, number in counts.items() if key[3] != "beyond")
    print(f"{tried} points tried, {tried - len(failed)} survived, {len(failed)} failed, in {seconds:.0f} s")
    for verdict in failed[:_SHOWN]:
        print(f"again: python -m tests.crash.campaign {verdict.trial}")
    return 1 if failed or not tried else 0


if __name__ == "__main__":
    sys.exit(main())
