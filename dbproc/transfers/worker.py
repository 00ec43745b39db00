"""The process that works at the transfers of a rule, beside a run: ``python -m dbproc.transfers.worker RULE RUN``.

It is a process of its own so that a store that hangs hangs no run. Which database it is stands in its environment.
"""

from __future__ import annotations

import os
import sys

from dbproc.core.errors import DbprocError
from dbproc.core.text import one_line
from dbproc.database.definition.load import load_mission
from dbproc.database.store import open_store
from dbproc.storage import permissions
from dbproc.system.ending import leave
from dbproc.system.signals import EXIT_INTERRUPTED, Interrupted, signals_interrupt
from dbproc.transfers.work import work

MISSION = "DBPROC_MISSION"
"""The variable of the environment that names the database."""

EXIT_BUSY = 75
"""Another process works at these transfers."""


def main(rule: str, run: str) -> int:
    """Work off what can be done now; the exit status."""
    try:
        with signals_interrupt(), open_store(os.environ[MISSION]) as store:
            with store.begin() as connection:
                mission = load_mission(connection)
            with permissions.in_force(mission):
                worked = work(store, mission, rule, run_id=int(run) if run else None)
        return EXIT_BUSY if worked.is_busy else 0
    except Interrupted:
        return EXIT_INTERRUPTED
    except DbprocError as error:
        print(one_line(str(error)), file=sys.stderr)
        return 1


if __name__ == "__main__":
    leave(main(*sys.argv[1:3]))
