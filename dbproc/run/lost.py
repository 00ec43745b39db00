"""Made files that are gone from disk when a job wants them: recorded as missing, and made again."""

from __future__ import annotations

import os
from collections.abc import Sequence

from dbproc.core.candidates import Queued
from dbproc.core.model import Definition, File, Task
from dbproc.database import files, lineage, queue
from dbproc.database.store import Store, Transaction
from dbproc.storage.layout import file_path


def record_lost(store: Store, definition: Definition, tasks: Sequence[Task]) -> tuple[list[File], list[Queued]]:
    """Record which made inputs of tasks are gone, and queue what those were made from; both are returned.

    Files whose directory is gone or was emptied are left alone: its disk may not be mounted.
    """
    wanted = {file.file_id: file for task in tasks for file in task.inputs}
    gone = {number: file for number, file in wanted.items() if not os.path.lexists(file_path(definition, file))}
    if not gone:
        return [], []
    made = {product_id for process in definition.processes.values() for product_id in process.outputs}
    with store.begin() as connection:
        links = lineage.links_among(connection, list(gone))
        again = {number for _, number in links if gone[number].product_id in made}
        lost = [gone[number] for number in sorted(again) if _is_by_itself(connection, definition, gone[number])]
        numbers = {file.file_id for file in lost}
        sources = sorted({source for source, number in links if number in numbers})
        files.set_existing(connection, sorted(numbers), exists=False)
        queue.push(connection, sources, queue.MADE)
        return lost, queue.load(connection, sources)


def _is_by_itself(connection: Transaction, definition: Definition, file: File) -> bool:
    """Whether the file is gone, and not the directory, or all that was in it."""
    try:
        others = os.listdir(os.path.dirname(file_path(definition, file)))
    except OSError:
        return False
    return bool(others) or files.count_in(connection, file.directory) == 1
