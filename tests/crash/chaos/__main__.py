"""Ten minutes of chaos: whatever is done to a mission while files arrive, in the end it is as if nothing had happened.

    python -m tests.crash.chaos                                              both databases, ten minutes each
    python -m tests.crash.chaos --database sqlite --seconds 120 --seed 7
    python -m tests.crash.chaos --events 60 --without clock --without root   so many events, and not these kinds

Exit status 1 when something is not as it should be; then the directory is kept, and the events are listed.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

from tests.crash.chaos.chaos import KINDS, Chaos, Extent
from tests.crash.trials import DATABASES
from tests.kit.postgres import running_server


def main() -> int:
    given = _arguments()
    extent = Extent(given.seconds, given.events, given.days)
    kinds = frozenset(KINDS) - frozenset(given.without)
    return max([_on(database, extent, given.seed, kinds) for database in given.database or DATABASES])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests.crash.chaos", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--database", action="append", choices=DATABASES)
    parser.add_argument("--seconds", type=float, default=600.0, help="how long, for each database")
    parser.add_argument("--events", type=int, help="so many events instead")
    parser.add_argument("--days", type=int, default=28, help="of how many days files arrive")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--without", action="append", default=[], choices=KINDS, help="leave a kind of event out")
    return parser.parse_args()


def _on(database: str, extent: Extent, seed: int, kinds: frozenset[str]) -> int:
    began = time.monotonic()
    base = Path(tempfile.mkdtemp(prefix="dbproc-chaos-"))
    with ExitStack() as stack:
        server = stack.enter_context(running_server()) if database == "postgresql" else None
        chaos = Chaos(base, server, seed, kinds)
        faults = chaos.run(extent)
    seconds = time.monotonic() - began
    print(f"{database}, seed {seed}: {chaos.figures}, {len(faults)} faults, in {seconds:.0f} s", flush=True)
    if not faults:
        shutil.rmtree(base)
        return 0
    for line in chaos.events[-400:]:
        print(f"  {line}")
    for fault, count in Counter(map(_kind_of, faults)).items():
        print(f"FAULT, {count} like this: {next(each for each in faults if _kind_of(each) == fault)}")
    without = "".join(f" --without {kind}" for kind in KINDS if kind not in kinds)
    print(f"seed {seed}, kept: {base}; again: python -m tests.crash.chaos --database {database} --seed {seed}{without}")
    return 1


def _kind_of(fault: str) -> str:
    """What faults that are told once have in common: their last line, but for numbers."""
    lines = [line for line in fault.splitlines() if line.strip()]
    return re.sub(r"\d+", "#", lines[-1])


if __name__ == "__main__":
    sys.exit(main())
