"""What is in incoming, entry by entry."""

from __future__ import annotations

from dataclasses import dataclass

from dbproc.database.definition.load import load_definition
from dbproc.database.store import Store
from dbproc.ingest.incoming import Kind, scan_mission


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingFile:
    """An entry of the incoming directory."""

    name: str  #: its name
    settled: bool  #: whether the next run takes it; else it is still being written
    kind: Kind | None  #: what it is; null: it is still being written
    size: int | None  #: bytes of a file; null: it is still being written


@dataclass(frozen=True, slots=True)
class Incoming:
    """The incoming directory, and what is in it."""

    directory: str
    files: tuple[IncomingFile, ...]


def incoming_files(store: Store, text: str = "", settled: bool | None = None) -> Incoming:
    """What is in incoming, by name: what has settled first; `text`: what stands in the name, in capitals or not;
    `settled`: only what has settled, or only what has not.

    Raises
    ------
    UserError
        It cannot be read.
    """
    with store.begin() as connection:
        definition = load_definition(connection)
    found = scan_mission(store, definition)
    every = [IncomingFile(name=each.name, settled=True, kind=each.kind, size=each.size) for each in found.settled]
    every += [IncomingFile(name=name, settled=False, kind=None, size=None) for name in found.names]
    chosen = (each for each in every if settled in (None, each.settled) and text.lower() in each.name.lower())
    return Incoming(definition.mission.incoming, tuple(chosen))
