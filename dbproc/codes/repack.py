#!/usr/bin/env python3
"""Pack an archive as another kind: ``[--to KIND] [--level N] [--sha1] INPUT OUTPUT [MEMBERS.json]``.

A zip, 7z or tar file, the latter plain or compressed, becomes a 7z, a zip or a tar file compressed by Zstandard. Its
members go from the one into the other without lying on disk, the result is read back and compared, member by member,
and is put in place whole or not at all.
"""

from __future__ import annotations

import sys
from pathlib import Path

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[2])

import argparse
import resource
from collections.abc import Sequence

from dbproc.codes.archives.repacking import WRITING, repack
from dbproc.codes.idx.refusal import Refusal, run

NAME = "repack"
LEVEL = 6
MEMORY = 512 << 20
"""Bytes of memory that are taken at most."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; returns its exit status."""
    parser = argparse.ArgumentParser(prog=NAME, description="Pack an archive as another kind.")
    parser.add_argument("--to", choices=list(WRITING), help="the kind, where the output's name does not end in it")
    parser.add_argument(
        "--level",
        type=int,
        choices=range(1, 10),
        default=LEVEL,
        metavar="N",
        help="effort, 1 to 9 (default: %(default)s)",
    )
    parser.add_argument("--sha1", action="store_true", help="list SHA-1 besides SHA-256")
    parser.add_argument("input", type=Path, metavar="INPUT", help="a zip, 7z or tar file, plain or compressed")
    parser.add_argument("output", type=Path, metavar="OUTPUT", help="the archive to write")
    parser.add_argument("members", type=Path, nargs="?", metavar="MEMBERS.json", help="a list of its members to write")
    return run(NAME, lambda: _program(parser.parse_args(arguments)))


def _program(given: argparse.Namespace) -> None:
    kind = _kind(given.output, given.to)
    digests = ("sha256", "sha1") if given.sha1 else ("sha256",)
    _bound()
    try:
        print(repack(given.input, given.output, kind, level=given.level, digests=digests, listed=given.members))
    except MemoryError as error:
        what = f"it cannot be repacked in {MEMORY >> 20} MiB: its compressor remembers more than that"
        raise Refusal(given.input, what, "Unpack it by hand") from error


def _bound() -> None:
    """Let the system see to it that no more memory is taken."""
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    given = [each for each in (soft, hard) if each != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_DATA, (min([MEMORY, *given]), hard))


def _kind(output: Path, to: str | None) -> str:
    ends = next((kind for kind in WRITING if output.name.lower().endswith(f".{kind}")), None)
    if to and ends and to != ends:
        raise Refusal(output, f"its name ends in .{ends}, and --to says {to}", f"Name it something.{to}")
    kind = to or ends
    if kind is None:
        what = f"its name does not end in {', '.join(f'.{each}' for each in WRITING)}"
        raise Refusal(output, what, "Name it so, or tell the kind by --to")
    return kind


if __name__ == "__main__":
    sys.exit(main())
