"""What waits for a run: what the service looks at to start one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from dbproc.core.uploads import RULE
from dbproc.database import lock, metrics, summary, transfers
from dbproc.database.definition.load import load_definition
from dbproc.database.pending import Pending, pending
from dbproc.database.store import Store
from dbproc.ingest.due import sources_due
from dbproc.ingest.incoming import scan_mission
from dbproc.system.machine import Judgement

_WORDS = {
    "moves": "what a dead run left",
    "running": "what a dead run left",
    "queued": "queued files",
    "retries": "failed jobs whose time has come",
    "waited": "slots whose time has come",
    "campaigns": "campaigns",
    "links": "trees of links",
    "stages": "requests for staging",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What a run would find to do. Two that are equal: nothing was done about it in between.

    Attributes
    ----------
    incoming
        The names of the files that have settled there.
    recorded
        What waits in the database; None where somebody is at work.
    queue
        How many files are queued.
    transfers
        The rules of which transfers are due.
    sources
        Those that are to be looked at.
    is_overdue
        Whether the last run is so long ago that one is to come without any other reason.
    """

    incoming: tuple[str, ...] = ()
    recorded: Pending | None = None
    queue: int = 0
    transfers: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    is_overdue: bool = False

    @property
    def words(self) -> tuple[str, ...]:
        """What waits; nothing: no run is needed."""
        return tuple(dict.fromkeys(self._words()))

    def _words(self) -> Iterator[str]:
        if self.incoming:
            yield f"{len(self.incoming):,} files in incoming"
        if self.recorded is not None:
            yield from (_WORDS.get(name, name) for name, waits in self.recorded._asdict().items() if waits)
        yield from (f"transfers of {rule}" for rule in self.transfers)
        yield from (f"source {name}" for name in self.sources)
        if self.is_overdue:
            yield "the time of the next run has come"


def waiting_work(store: Store) -> Work:
    """What a run would find to do that began now; nothing while one is at work."""
    holder = lock.seen(store)
    if holder is not None and lock.judged(holder) is not Judgement.DEAD:
        return Work()
    now = dt.datetime.now(dt.UTC)
    with store.begin() as connection:
        definition = load_definition(connection)
        recorded, last = pending(connection, now), summary.last_run(connection)
        queue = metrics.queue_age(connection)[0]
        rules = [rule for rule in transfers.rules_due(connection, now) if not rule.startswith(("source ", RULE))]
    mission = definition.mission
    age = None if last is None else now - (last.processing_end_time or last.processing_start_time)
    return Work(
        incoming=tuple(each.name for each in scan_mission(store, definition).settled),
        recorded=recorded,
        queue=queue,
        transfers=tuple(rules),
        sources=tuple(source.name for source, _ in sources_due(store, mission)),
        is_overdue=age is None or not dt.timedelta() <= age < mission.monitor.every,
    )
