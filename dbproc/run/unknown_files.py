"""Files that lie where outputs belong, and that the catalogue does not know: noticed before a code is run."""

from __future__ import annotations

import datetime as dt
import os
from dataclasses import dataclass, field
from itertools import islice

from dbproc.core.errors import FormatError
from dbproc.core.filenames import keywords_of, render
from dbproc.core.model import Definition, Mission, Planned, Product, Task
from dbproc.core.reasons import some_names
from dbproc.database.store import Store
from dbproc.database.unknown_files import is_new, unknown_files

_MOST = 1000  # files of a product that are counted

PROCESSED_BEFORE = "this looks like a mission that was processed before"


@dataclass(slots=True)
class Newcomers:
    """The products of which the catalogue has no file at all: before the first is made, their directories are looked
    at, once in a run."""

    store: Store
    definition: Definition
    _seen: dict[int, str | None] = field(default_factory=dict)

    def fault(self, task: Task) -> str | None:
        """Why nothing is to be made of a product of a task; None where nothing hinders it."""
        faults = (self._fault(planned.product_id) for planned in task.outputs)
        return next((fault for fault in faults if fault is not None), None)

    def _fault(self, product_id: int) -> str | None:
        if product_id not in self._seen:
            self._seen[product_id] = _look(self.store, self.definition.mission, self.definition.products[product_id])
        return self._seen[product_id]


def _look(store: Store, mission: Mission, product: Product) -> str | None:
    with store.begin() as connection:
        if not is_new(connection, product.product_id):
            return None
    path = next(unknown_files(store, mission, product), None)
    if path is None:
        return None
    return (
        f"{path} is in its place, and the catalogue has no file of product {product.name}: {PROCESSED_BEFORE}, and "
        f"nothing more is made of it; {ways_of(product.name)}"
    )


def half_moved(store: Store, definition: Definition, *, only_made: bool = False) -> str | None:
    """A sentence on files in the directories of products of which the catalogue has none; None without any. With
    `only_made` of those that processes make: nothing is made of them."""
    made = {product_id for process in definition.processes.values() for product_id in process.outputs}
    counts: dict[str, int] = {}
    for product in definition.products.values():
        if only_made and product.product_id not in made:
            continue
        with store.begin() as connection:
            is_asked = is_new(connection, product.product_id)
        found = islice(unknown_files(store, definition.mission, product), _MOST + 1) if is_asked else ()
        counts[product.name] = sum(1 for _ in found)
    shown = [f"{_some(count)} of {name}" for name, count in counts.items() if count]
    if not shown:
        return None
    return (
        f"in the directories of products are files that the catalogue does not know: {some_names(shown)}; "
        f"{PROCESSED_BEFORE}: take over its database (dbproc import dbprocessing OLD), or take in the files "
        "(dbproc adopt --derived), before anything is made"
    )


def _some(count: int) -> str:
    return f"more than {_MOST:,}" if count > _MOST else f"{count:,}"


def ways_of(product: str) -> str:
    """What helps where files of a product are in place that the catalogue does not know."""
    return (
        f"take it in (dbproc adopt --derived --product {product}), or all of it with its history (dbproc import "
        "dbprocessing OLD), or move it away"
    )


def taken_place(definition: Definition, task: Task) -> str | None:
    """What is wrong with the places of the outputs of a task, as far as their names tell the places: something is
    there. Otherwise it would be found when the code has been run."""
    for planned in task.outputs:
        path = _place(definition, task, planned)
        if path is not None and os.path.lexists(path):
            return f"{path} exists already and is not overwritten; {_way_out(definition, planned)}"
    return None


def _place(definition: Definition, task: Task, planned: Planned) -> str | None:
    product = definition.products[planned.product_id]
    name = product.read(planned.name)
    clock = task.period.start.timetz() if task.process.timebase.by_time else dt.time(tzinfo=dt.UTC)
    keywords = {**keywords_of(task.slot.keywords), **({} if name is None else name.keywords)}
    try:
        directory = render(
            product.directory, dt.datetime.combine(task.slot.date, clock), str(planned.version), keywords
        )
    except FormatError:
        return None
    return os.path.normpath(os.path.join(definition.mission.root, directory, planned.name))


def _way_out(definition: Definition, planned: Planned) -> str:
    if planned.again is not None:
        return "if it is the file that was gone: dbproc check --repair records that it is back; else move it away"
    product = definition.products[planned.product_id].name
    return f"take it in (dbproc adopt --derived --product {product}), or move it away, and the next run goes on"
