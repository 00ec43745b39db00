#!/usr/bin/env python3
"""Benchmarks of dbproc: each is timed in turn with something that it can be compared with, and told as ratios.

Run with ``make bench``, or ``python bench/run.py --help``; ``bench/README.md`` says what is measured.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench import decision, edits, files, idle, idx, ingest, jobs, keys, page, transfers, uploads, whatif  # noqa: E402
from bench.places import Database, Place, postgresql, sqlite  # noqa: E402
from bench.table import Row, print_table  # noqa: E402

BENCHMARKS = (
    "idle",
    "edits",
    "ingest",
    "decision",
    "keys",
    "jobs",
    "whatif",
    "files",
    "page",
    "idx",
    "transfers",
    "uploads",
)
DATABASES: dict[str, Callable[[Path], Iterator[Database]]] = {"sqlite": sqlite, "postgresql": postgresql}


def main() -> None:
    """Run what was asked for and print a table, or JSON."""
    options = _options()
    os.environ["DBPROC_SETTLE_SECONDS"] = "0"  # whatever the user has set
    rows: list[Row] = []
    with ExitStack() as stack:
        directory = stack.enter_context(_directory(options.directory))
        for name in dict.fromkeys(options.database or ["sqlite"]):
            database = stack.enter_context(contextmanager(DATABASES[name])(directory))
            for benchmark in _chosen(options):
                rows += benchmark(Place(directory, database))
                if not options.json:
                    print(f"{name}: {rows[-1].benchmark}", file=sys.stderr)
    if options.json:
        print(json.dumps([_facts(row) for row in rows], indent=2))
    else:
        print_table(rows)


def _facts(row: Row) -> dict[str, object]:
    return asdict(row) | {"median": row.value, "ratio": row.ratio, "is_within": row.is_within}


def _chosen(options: argparse.Namespace) -> list[Callable[[Place], list[Row]]]:
    rounds, slots = options.rounds, options.slots
    known: dict[str, Callable[[Place], list[Row]]] = {
        "idle": partial(idle.measure, rounds=options.idle_rounds),
        "edits": partial(edits.measure, codes=options.codes, rounds=options.idle_rounds),
        "ingest": partial(ingest.measure, days=options.days, rounds=rounds),
        "decision": partial(decision.measure, days=sorted({options.days, options.many_days}), rounds=rounds),
        "keys": partial(keys.measure, slots=options.files, rounds=rounds),
        "jobs": partial(jobs.measure, days=options.days, slots=slots, rounds=rounds),
        "whatif": partial(whatif.measure, files=options.files, rounds=rounds),
        "files": partial(files.measure, files=options.catalogue, rounds=rounds),
        "page": partial(page.measure, files=options.catalogue, rounds=rounds),
        "idx": partial(idx.measure, side=options.side, images=options.images, rounds=rounds),
        "transfers": partial(
            transfers.measure,
            mebibytes=options.mebibytes,
            files=options.small,
            listed=options.listed,
            rounds=rounds,
        ),
        "uploads": partial(uploads.measure, mebibytes=options.mebibytes, jobs=options.days, rounds=rounds),
    }
    return [known[name] for name in options.benchmark or known]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    names = ", ".join(BENCHMARKS) + " [all]"
    parser.add_argument("benchmark", nargs="*", metavar="BENCHMARK", help=names)
    parser.add_argument("--days", type=int, default=1_000, help="days of the mission [%(default)s]")
    parser.add_argument("--many-days", type=int, default=10_000, help="days of the large one [%(default)s]")
    parser.add_argument("--codes", type=int, default=200, help="codes of the mission of edits [%(default)s]")
    parser.add_argument(
        "--files", type=int, default=100_000, help="files that a release touches, and slots of keys [%(default)s]"
    )
    parser.add_argument("--catalogue", type=int, default=1_000_000, help="files that are listed [%(default)s]")
    parser.add_argument("--side", type=int, default=640, help="of the volume of idx, in samples [%(default)s: 1 GiB]")
    parser.add_argument("--images", type=int, default=1_000, help="small images of idx [%(default)s]")
    parser.add_argument(
        "--mebibytes", type=int, default=1024, help="of the large file of transfers and uploads [%(default)s]"
    )
    parser.add_argument("--small", type=int, default=10_000, help="small files of transfers [%(default)s]")
    parser.add_argument("--listed", type=int, default=100_000, help="files of a listing of transfers [%(default)s]")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is timed, in turn [%(default)s]")
    parser.add_argument("--idle-rounds", type=int, default=15, help="the same for idle and edits [%(default)s]")
    parser.add_argument("--slots", type=int, default=2, help="slots for jobs [%(default)s]")
    parser.add_argument("--database", action="append", choices=list(DATABASES), help="again for several [sqlite]")
    parser.add_argument("--directory", type=Path, help="a place on a disk for the missions [the system's for such]")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    unknown = set(options.benchmark) - set(BENCHMARKS)
    if unknown:
        parser.error(f"no benchmark {', '.join(sorted(unknown))}; there are: {names.removesuffix(' [all]')}")
    return options


@contextmanager
def _directory(parent: Path | None) -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix="dbproc-bench-", dir=parent))
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
