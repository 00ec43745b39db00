"""Arriving files as if a run had ingested them: the resulting catalogue and queue."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from dbproc.core.candidates import Queued
from dbproc.core.model import File, NewFile
from dbproc.database import files, queue
from dbproc.database.store import Store
from dbproc.ingest.triage import Accepted, Decision, Duplicate, Restored


@dataclass(frozen=True, slots=True)
class Taken:
    """Files of the catalogue that would be queued, new files, files that stay newest because an older version arrives,
    and files that take over the names of others: these, and the new ones."""

    queued: tuple[Queued, ...]
    delivered: tuple[File, ...]
    newer: tuple[str, ...] = ()
    replaced: tuple[tuple[File, File], ...] = ()


def taken_in(store: Store, decisions: Sequence[Decision]) -> Taken:
    """The effect of files that triage accepts or that return."""
    taken_over = [decision.file for decision in decisions if isinstance(decision, Accepted) and decision.former]
    accepted = [
        _file(decision.file) for decision in decisions if isinstance(decision, Accepted) and not decision.former
    ]
    again = [
        decision.known.file_id
        for decision in decisions
        if isinstance(decision, Restored | Duplicate) and not decision.known.exists
    ]
    with store.begin() as connection:
        restored = files.files_numbered(connection, again)
        queued = queue.as_queued(connection, file_ids=again)
        numbers = [file.replaces for file in taken_over if file.replaces is not None]
        former = {file.file_id: file for file in files.files_numbered(connection, numbers)}
    replaced = tuple((former[file.replaces], _file(file)) for file in taken_over if file.replaces is not None)
    taken = as_newest(store, [*accepted, *restored])
    newest, others = _among_newest(store, replaced, taken.delivered)
    return replace(taken, queued=(*queued, *others, *taken.queued), replaced=newest)


def _among_newest(
    store: Store, replaced: Sequence[tuple[File, File]], delivered: Iterable[File]
) -> tuple[tuple[tuple[File, File], ...], list[Queued]]:
    """Those that take over the name of a file that is used; the others are queued, and a newer version stays in use."""
    newest: list[tuple[File, File]] = []
    others: list[Queued] = []
    arrived = [(file.product_id, file.date, file.keywords, file.version) for file in delivered]
    with store.begin() as connection:
        for former, file in replaced:
            identity = file.product_id, file.date, file.keywords
            there = files.newest_of(connection, *identity)
            versions = [version for *rest, version in arrived if tuple(rest) == identity]
            versions += [there.version] if there is not None and there.file_id != former.file_id else []
            if all(version <= file.version for version in versions):
                newest.append((former, file))
            else:
                others.append(Queued(0, former.product_id, former.date, former.keywords, (former.period,)))
    return tuple(newest), others


def as_newest(store: Store, arrived: Iterable[File]) -> Taken:
    """Files newly in the catalogue; a newer version there stays the one used."""
    queued: list[Queued] = []
    delivered: list[File] = []
    newer: list[str] = []
    present: dict[int, None] = {}
    with store.begin() as connection:
        for file in sorted(arrived, key=lambda file: file.version):
            newest = files.newest_of(connection, file.product_id, file.date, file.keywords)
            if newest is not None:
                present[newest.file_id] = None
            if newest is None or newest.version < file.version:
                delivered.append(file)
            else:
                queued.append(Queued(0, file.product_id, file.date, file.keywords, (file.period,)))
                newer.append(newest.filename)
        queued += queue.as_queued(connection, file_ids=list(present))
    return Taken(tuple(queued), tuple(delivered), tuple(newer))


def _file(new: NewFile) -> File:
    facts = new.facts
    return File(
        file_id=0,
        product_id=new.product_id,
        filename=new.filename,
        date=facts.date,
        start=facts.start,
        stop=facts.stop,
        version=new.version,
        keywords=facts.keywords,
        directory=new.directory,
    )
