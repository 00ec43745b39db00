"""Telling people: what happened is given to the hooks of the mission, after a run has let the lock go.

Each event is taken by a guarded update before its hook is started, so that no two runs and no kill make it told twice.
What a hook says that it did not tell is told by a later run.
"""

from __future__ import annotations

import datetime as dt

from dbproc.core.events import Event, Report
from dbproc.core.expectations import Expected
from dbproc.core.hooks import Hook
from dbproc.core.model import Period
from dbproc.core.slot_text import time_shown
from dbproc.core.states import NoticeEvent
from dbproc.database import lock, notices, planning
from dbproc.database.definition.load import load_definition, load_mission
from dbproc.database.store import Store, Transaction
from dbproc.engines.hook import Fate, give

_RECENT = dt.timedelta(days=7)
_MOST_LATE = 1000


def tell(store: Store, report: Report) -> None:
    """Give each hook what it is to tell; the lock must be free. What goes wrong is a note, and no failure."""
    with store.begin() as connection:
        mission = load_mission(connection)
        if mission.notify:
            _note_late(connection, dt.datetime.now(dt.UTC))
    for hook in mission.notify:
        with store.begin() as connection:
            taken = notices.take(connection, hook)
        if not taken:
            continue
        tried = give(hook, mission.name, mission.root, taken)
        with store.begin() as connection:
            notices.close(connection, taken, tried.problem, is_open=tried.fate is Fate.NOT_TOLD)
        if tried.problem is not None:
            later = "; the next run tries it again" if tried.fate is Fate.NOT_TOLD else ""
            report.add(Event.NOTE, f"hook {hook.name}", f"{tried.problem}{later}")


def note_long_lock(store: Store) -> None:
    """Note that a run holds the lock, for the hooks for which it has done so for too long."""
    holder = lock.current(store)
    if holder is None:
        return
    held = dt.datetime.now(dt.UTC) - holder.since
    with store.begin() as connection:
        hooks = [hook for hook in notices.hooks_for(connection, NoticeEvent.LONG_LOCK) if held > hook.long_lock]
        happened = [(f"run {holder.run_id}", f"the lock is held by {holder}")]
        notices.enter(connection, NoticeEvent.LONG_LOCK, happened, hooks)


def _note_late(connection: Transaction, now: dt.datetime) -> None:
    """Note what became late within the last week."""
    hooks: list[Hook] = notices.hooks_for(connection, NoticeEvent.LATE)
    definition = load_definition(connection) if hooks else None
    for product in definition.products.values() if definition is not None else ():
        if product.late_after is None:
            continue
        span = Period(now - product.late_after - _RECENT, now)
        late = planning.presence_of(connection, product).late(now, span, most=_MOST_LATE)
        happened = [(words, words) for words in (_words(product.name, each) for each in late.oldest)]
        notices.enter(connection, NoticeEvent.LATE, happened, hooks)


def _words(product: str, expected: Expected) -> str:
    return f"{product} {time_shown(expected.period, expected.key)}"
