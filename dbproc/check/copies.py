"""Whether stores have as many verified copies of files as the mission wants."""

from __future__ import annotations

from collections.abc import Iterator

from dbproc.check.faults import Fault, Kind
from dbproc.core.model import Definition
from dbproc.database.store import Transaction
from dbproc.run.copying import shortages


def copy_faults(connection: Transaction, definition: Definition) -> Iterator[Fault]:
    """What is below its minimum; of each product and number of copies one fault."""
    for each in shortages(connection, definition):
        yield Fault(
            kind=Kind.FEW_COPIES,
            place=f"product {each.product}",
            text=str(each),
            remedy="the next run copies what it can; what hinders it: dbproc transfers list, dbproc stores check",
        )
