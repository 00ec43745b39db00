"""What runs and people did: of all, of a process, of a file."""

from __future__ import annotations

import datetime as dt

from dbproc.core.errors import NotFoundError
from dbproc.core.lookup import process_named
from dbproc.core.model import Process
from dbproc.database import files
from dbproc.database.definition.load import load_definition
from dbproc.database.log import Asked, LogEntry, log, named_now
from dbproc.database.store import Store, Transaction


def history(
    store: Store,
    since: dt.datetime | None = None,
    process: str | None = None,
    name: str | None = None,
    most: int | None = None,
) -> list[LogEntry]:
    """What was done, in its order: since a time, or in the last runs; to a process or a file: since ever. With `most`
    the last so much of it.

    Raises
    ------
    NotFoundError
        There is no such process or file.
    """
    with store.begin() as connection:
        asked = Asked(
            since=since,
            process_id=None if process is None else _process(connection, process).process_id,
            file_ids=() if name is None else _states(connection, name),
            most=most,
        )
        found = log(connection, asked)
        return found if most is None else found[-most:]


def _process(connection: Transaction, name: str) -> Process:
    """A process by its name.

    Raises
    ------
    NotFoundError
        There is none; of one that has another name by now it says which.
    """
    try:
        return process_named(load_definition(connection), name)
    except NotFoundError:
        now = named_now(connection, "process", name)
        if now is None:
            raise
        raise NotFoundError(f"the process {name} is called {now} now") from None


def _states(connection: Transaction, name: str) -> tuple[int, ...]:
    """A file with all that had its name before."""
    row = files.find_file(connection, name)
    return (row.file_id, *files.states_of(connection, row.filename))
