"""Events that hooks tell people of: entered once, with what happened, and taken before they are told."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, select, update

from dbproc.core.hooks import HOOKS, Hook, Notice
from dbproc.core.states import NoticeEvent
from dbproc.core.text import storable
from dbproc.database import schema
from dbproc.database._queries import batches, columns_of

_TABLE = schema.notice
_KEPT_TRYING = dt.timedelta(days=7)
_UNFINISHED = "nobody saw how this try ended; it is not told again"
_PARAMETERS = 1000
"""How many rows are entered, or taken, at a time."""


def hooks_for(connection: Connection, event: NoticeEvent) -> list[Hook]:
    """The hooks of the mission that tell people of an event."""
    text = connection.scalar(select(schema.mission.c.notify))
    return [hook for hook in HOOKS.from_column(text or "[]") if hook.tells(event)]


def enter(
    connection: Connection, event: NoticeEvent, happened: Iterable[tuple[str, str]], hooks: Sequence[Hook] | None = None
) -> None:
    """Enter what happened, subject and message of each; what was entered before is not entered again.

    `hooks`: only these tell people of it; otherwise all that tell people of such an event.
    """
    telling = hooks_for(connection, event) if hooks is None else hooks
    now = dt.datetime.now(dt.UTC)
    rows = [
        {"event": event, "subject": subject, "hook": hook.name, "message": storable(message), "noticed_time": now}
        for subject, message in (happened if telling else ())
        for hook in telling
    ]
    if connection.dialect.name == "postgresql":
        from sqlalchemy.dialects.postgresql import insert
    else:
        from sqlalchemy.dialects.sqlite import insert  # type: ignore[assignment]
    for some in batches(rows, _PARAMETERS):
        connection.execute(insert(_TABLE).on_conflict_do_nothing(), some)


def take(connection: Connection, hook: Hook) -> list[Notice]:
    """What a hook is to tell people of now, marked as given to it: nobody else takes it.

    What it could not tell for a week is not tried any more.
    """
    now = dt.datetime.now(dt.UTC)
    is_open = (_TABLE.c.hook == hook.name, _TABLE.c.sent_time.is_(None), _TABLE.c.noticed_time > now - _KEPT_TRYING)
    statement = select(*columns_of(Notice, _TABLE)).where(*is_open).order_by(_TABLE.c.notice_id).limit(_PARAMETERS)
    notices = [Notice(**row) for row in connection.execute(statement).mappings()]
    if not notices:
        return []
    taking = update(_TABLE).where(_TABLE.c.notice_id.in_([each.notice_id for each in notices]), *is_open)
    taking = taking.values(sent_time=now, tries=_TABLE.c.tries + 1, problem=_UNFINISHED)
    taken = set(connection.scalars(taking.returning(_TABLE.c.notice_id)))
    return [each for each in notices if each.notice_id in taken]


def close(connection: Connection, notices: Sequence[Notice], problem: str | None, *, is_open: bool) -> None:
    """Record what came of notices that were taken; `is_open`: they were not told, and are to be told by a later run."""
    values: dict[str, object] = {"problem": problem and storable(problem)}
    if is_open:
        values["sent_time"] = None
    ids = [each.notice_id for each in notices]
    connection.execute(update(_TABLE).where(_TABLE.c.notice_id.in_(ids)).values(values))


def untold(connection: Connection, hooks: Sequence[str], limit: int = 10) -> list[tuple[str, Notice, str]]:
    """What hooks could not tell people of within the last week, or may not have, the latest first: hook, notice and
    why."""
    is_recent = _TABLE.c.noticed_time > dt.datetime.now(dt.UTC) - _KEPT_TRYING
    has_problem = _TABLE.c.hook.in_(hooks), _TABLE.c.problem.is_not(None), is_recent
    statement = select(*columns_of(Notice, _TABLE), _TABLE.c.hook, _TABLE.c.problem).where(*has_problem)
    rows = connection.execute(statement.order_by(_TABLE.c.notice_id.desc()).limit(limit)).mappings()
    return [
        (row["hook"], Notice(**{k: v for k, v in row.items() if k not in ("hook", "problem")}), row["problem"])
        for row in rows
    ]
