#!/usr/bin/env python3
"""The child process in which sources are opened and OpenVisus works, so that neither can harm who asked.

Started by :mod:`dbproc.codes.idx.supervision` with the number of a pipe's end; the job comes as one line of JSON on
standard input and names the function that does it, reports go as lines of JSON through the pipe. When standard input
ends, the parent is gone, and so is this process.
"""

from __future__ import annotations

import sys
from pathlib import Path

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[3])

import importlib
import json
import os
import resource
import threading
import traceback
from collections.abc import Callable
from typing import Any

from dbproc.codes.idx.refusal import Refusal
from dbproc.codes.idx.reports import Reports

MEMORY = 4 << 30
"""Address space beyond what slabs need: libraries, their threads, one page of a picture."""


def main() -> None:
    """Take one job from standard input, do it, report."""
    stream = os.fdopen(int(sys.argv[1]), "wb")
    job = json.loads(sys.stdin.buffer.readline())
    reports = Reports(stream, float(job["patience"]))
    _die_with_parent()
    _limit_memory(int(job["slab"]))
    try:
        _named(job["work"])(job, reports)
        reports.send({"done": True})
    except Refusal as refusal:
        reports.send({"refusal": [refusal.where, refusal.what, refusal.todo]})
    except MemoryError:
        todo = "Give a smaller --slab, or a machine with more memory"
        reports.send({"refusal": [job["about"], "it needs more memory than a conversion may take", todo]})
    except OSError as error:
        traceback.print_exc()
        where = error.filename or job.get("idx") or job["about"]
        reports.send({"refusal": [str(where), str(error.strerror or error), "Nothing was kept; mend that first"]})
    except Exception as error:
        traceback.print_exc()
        reports.send({"refusal": [job["about"], _defect(error), "This is a defect; please report it"]})
    os._exit(0)  # OpenVisus may hang or crash while it is taken down


def _named(name: str) -> Callable[[dict[str, Any], Reports], None]:
    """The function called ``module:function``."""
    module, _, function = name.partition(":")
    found: Callable[[dict[str, Any], Reports], None] = getattr(importlib.import_module(module), function)
    return found


def _die_with_parent() -> None:
    def watch() -> None:
        while sys.stdin.buffer.read(1):
            pass
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _limit_memory(slab: int) -> None:
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    wanted = MEMORY + 16 * slab
    resource.setrlimit(resource.RLIMIT_AS, (wanted if hard < 0 else min(wanted, hard), hard))


def _defect(error: Exception) -> str:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} at {Path(frame.filename).name}:{frame.lineno}: {error}"


if __name__ == "__main__":
    main()
