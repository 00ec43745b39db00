"""A child process within limits: ``python -P -m dbproc.engines.confined MEMORY PARENT MODULE ARGUMENTS…``.

It limits its own address space, lives no longer than the process that started it, and then runs a module as a program.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
from collections.abc import Sequence

from dbproc.engines.environment import public_environment
from dbproc.system import processes
from dbproc.system.encoding import this_python
from dbproc.system.package import PACKAGE

_SET_PARENT_DEATH_SIGNAL = 1


def limit_memory(memory: int) -> None:
    """Limit the address space in bytes, 0 for no limit, and leave no core files."""
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if memory:
            resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    except (ImportError, OSError, ValueError):
        return  # a system without such limits: the time limit of the parent remains


def die_with(parent: int) -> None:
    """Have the kernel end this process when its parent ends, on Linux."""
    processes.control(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent:
        raise SystemExit("its parent is gone")


def command(module: str, arguments: Sequence[str], memory: int) -> list[str]:
    """The command line that runs `module` as a child of this process, with at most `memory` bytes (0: no limit)."""
    limits = (str(memory), str(os.getpid()))
    return [*this_python(), "-P", "-m", "dbproc.engines.confined", *limits, module, *arguments]


def environment() -> dict[str, str]:
    """The child finds this very dbproc, starts no threads for arithmetic, locks no HDF5 file that it reads, and is not
    given the password of the database."""
    home = os.path.dirname(PACKAGE)
    paths = [home, *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    defaults = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "HDF5_USE_FILE_LOCKING": "FALSE"}
    return {**defaults, **public_environment(), "PYTHONPATH": os.pathsep.join(path for path in paths if path)}


def main(arguments: Sequence[str]) -> None:
    """Confine this process, and run the module in it."""
    memory, parent, module, *rest = arguments
    die_with(int(parent))
    limit_memory(int(memory))
    sys.argv = [module, *rest]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv[1:])
