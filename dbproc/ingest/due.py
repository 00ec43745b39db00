"""Which sources are due: what every run asks, with nothing imported that moves a file."""

from __future__ import annotations

import datetime as dt

from dbproc.core.model import Mission
from dbproc.core.places import SourceSpec
from dbproc.database import remotefiles, transfers
from dbproc.database.remotefiles import Look
from dbproc.database.store import Store


def is_due(source: SourceSpec, last: Look | None, now: dt.datetime) -> bool:
    """Whether a run looks at a source again."""
    if last is None or last.next_time is None or last.next_time <= now:
        return True
    is_ahead = last.look_time > now  # by a clock that was
    return is_ahead or (not last.failures and now - last.look_time >= source.every)


def sources_due(store: Store, mission: Mission) -> list[tuple[SourceSpec, bool]]:
    """The sources from which the next run fetches, and whether it looks at them; else only at what waits of them."""
    now = dt.datetime.now(dt.UTC)
    with store.begin() as connection:
        looks = remotefiles.looks(connection)
        waits = set(transfers.rules_due(connection, now))
    due = [(source, is_due(source, looks.get(source.name), now)) for source in mission.sources if source.active]
    return [(source, looked_at) for source, looked_at in due if looked_at or f"source {source.name}" in waits]
