#!/usr/bin/env python3
"""Publish a finished IDX dataset for static and cloud serving: ``[--layout arco] INPUT.idx OUTPUT.idx``.

The copy has one compressed file for each block, which OpenVisus reads over plain HTTP. The original is verified first,
the copy is read completely and compared with it, and is put in place whole or not at all.
"""

from __future__ import annotations

import sys
from pathlib import Path

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[2])

import argparse
from collections.abc import Sequence
from dataclasses import replace

from dbproc.codes.conversion.staging import refusing, staging
from dbproc.codes.idx import arco, idx_file, manifest
from dbproc.codes.idx.description import KEY
from dbproc.codes.idx.files import sha256, state
from dbproc.codes.idx.idx_reader import read_metadata
from dbproc.codes.idx.refusal import Refusal, run
from dbproc.codes.idx.supervision import PATIENCE, child
from dbproc.codes.idx.verification import verify

NAME = "idx_publish"
BUDGET = 64 << 20
THREADS = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; returns its exit status."""
    parser = argparse.ArgumentParser(prog=NAME, description="Copy an IDX dataset for static and cloud serving.")
    parser.add_argument("--layout", choices=["arco"], default="arco", help="of the copy (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=THREADS, metavar="N", help="workers (default: %(default)s)")
    parser.add_argument("input", type=Path, metavar="INPUT.idx")
    parser.add_argument("output", type=Path, metavar="OUTPUT.idx")
    given = parser.parse_args(arguments)
    return run(NAME, lambda: print(publish(given.input, given.output, threads=given.threads)))


def publish(source: Path, target: Path, *, threads: int = THREADS, patience: float = PATIENCE) -> str:
    """Make the arco copy of a dataset.

    Returns
    -------
    str
        One line that says what was written.

    Raises
    ------
    Refusal
        When the original is not whole or the copy cannot be written. Nothing of the target is left then.
    """
    source, target = source.absolute(), target.absolute()
    _require_whole(source)
    originals = manifest.files(source)
    before = state(originals)
    with refusing(target), staging(target) as place:
        known = arco.arrange(source, place.idx, threads=threads)
        _note(source, place.idx)
        job = {"source": str(source), "copy": str(place.idx)}
        with child(
            "dbproc.codes.idx.arco:check", source, {**job, "slab": BUDGET, "patience": patience}, keep=(place.lock,)
        ) as worker:
            for _ in worker.reports():
                pass
        if state(originals) != before:
            raise Refusal(source, "it changed while it was published", "Publish it again")
        manifest.write(place.idx, known)
        place.publish()
    size = sum(each.bytes for each in known.values())
    return f"{target.name}: arco, {len(known)} blocks, {size} bytes, read back equal"


def _require_whole(source: Path) -> None:
    verdict = verify(source)
    if not verdict.whole:
        more = f" (and {len(verdict.damages) - 1} more)" if len(verdict.damages) > 1 else ""
        raise Refusal(source, f"it is damaged: {verdict.damages[0]}{more}", "Make it again from its source")


def _note(source: Path, copy: Path) -> None:
    """Say in the metadata of the copy of which dataset it is one."""
    metadata = read_metadata(copy)
    if metadata is None:
        return
    told = f"arco copy of {source.name} with SHA-256 {sha256(source)}"
    noted = replace(metadata, description=metadata.description.noting(told))
    lines = copy.read_text().splitlines()
    lines[lines.index(f"({KEY})") + 1] = noted.to_text()
    copy.write_text("\n".join(lines) + "\n")
    idx_file.read(copy)


if __name__ == "__main__":
    sys.exit(main())
