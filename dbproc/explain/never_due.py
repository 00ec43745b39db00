"""Processes that go by files of equal keywords, and whose inputs have none that could be equal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from dbproc.core.model import Definition, Process, Timebase
from dbproc.core.slots import fields_of
from dbproc.core.staleness import alternatives
from dbproc.database.files import keywords_seen
from dbproc.database.store import Transaction

_Shapes = frozenset[frozenset[str]]
"""Which keywords files have: the names of those of each."""


def never_due(
    connection: Transaction, definition: Definition, processes: Iterable[Process] | None = None
) -> Iterator[str]:
    """A sentence on each process of which every required input has files, and none of them will ever fit together; of
    all processes, or some."""
    every = definition.processes.values() if processes is None else processes
    some = [process for process in every if _goes_by_equal(process)]
    inputs = {link.product_id for process in some for link in process.inputs}
    seen = keywords_seen(connection, inputs) if inputs else {}
    shapes = {number: frozenset(map(fields_of, keywords)) for number, keywords in seen.items()}
    for process in some:
        sentence = _sentence(definition, process, shapes)
        if sentence:
            yield sentence


def _goes_by_equal(process: Process) -> bool:
    return process.timebase is Timebase.FILE and process.keywords.is_merged and len(process.inputs) > 1


def _sentence(definition: Definition, process: Process, shapes: Mapping[int, _Shapes]) -> str:
    required = [links for links in alternatives(process.inputs) if not links[0].optional and links[0].valid is None]
    found = {
        " or ".join(definition.products[link.product_id].name for link in links): frozenset[frozenset[str]]().union(
            *(shapes.get(link.product_id, frozenset()) for link in links)
        )
        for links in required
    }
    if len(found) < 2 or not all(found.values()) or frozenset.intersection(*found.values()):
        return ""
    have = ", ".join(f"those of {name} have {_words(each)}" for name, each in found.items())
    return (
        f"process {process.name} is never due: timebase FILE takes files of equal keywords, and {have}; have the "
        "inspectors give the same"
    )


def _words(shapes: _Shapes) -> str:
    return " or ".join(sorted(", ".join(f"{{{name}}}" for name in sorted(each)) or "none" for each in shapes))
