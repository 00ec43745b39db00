"""How every command begins and ends: ``dbproc``, ``ProcessQueue.py`` and ``scripts/`` come here.

What costs time to import is imported by the command, when names are known to be UTF-8 and output may fail.
"""

from __future__ import annotations

import gc
import signal
from typing import NoReturn

from dbproc.core.errors import EXIT_INTERRUPTED
from dbproc.system import encoding
from dbproc.system.ending import leave

_MANY = 50_000  # objects until garbage is looked for: what commands import and load is none


def dbproc() -> NoReturn:
    """Run ``dbproc`` as a program."""
    enter("dbproc")


def enter(name: str) -> NoReturn:
    """Run the command of this name as a program, with the arguments of this process."""
    gc.set_threshold(_MANY)
    encoding.ensure_utf8()
    try:
        status = _run(name)
    except KeyboardInterrupt:
        status = EXIT_INTERRUPTED
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # what is left is to exit: nothing that a traceback could tell of
    leave(status)


def _run(name: str) -> int:
    from dbproc.cli import output

    output.install()
    if name == "dbproc":
        from dbproc.cli import main

        return main()
    if name == "ProcessQueue.py":
        from dbproc.cli.dbprocessing import processqueue

        return processqueue.main()
    from dbproc.cli.dbprocessing import commands

    return commands.main(name)
