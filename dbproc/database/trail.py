"""The audit trail: what was done by way of the service, and to its tokens. Entries are added, and never changed."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from typing import Any

from sqlalchemy import Connection, RowMapping, func, insert, select, text

from dbproc.core.access import Principal
from dbproc.core.redaction import HIDDEN, masked, without_credentials
from dbproc.core.text import storable
from dbproc.core.trail import BEGINNING, Entry, digest_of
from dbproc.database import schema

_A = schema.audit
_COLUMNS = (
    *(_A.c.audit_id, _A.c.time, _A.c.who, _A.c.token, _A.c.address, _A.c.action, _A.c.object, _A.c.detail),
    *(_A.c.result, _A.c.request, _A.c.previous, _A.c.shasum),
)
_SECRET = re.compile("secret|passw|credential|private|authorization|access_key", re.IGNORECASE)
_FETCHED_AT_ONCE = 1000


def add(
    connection: Connection,
    *,
    who: Principal,
    action: str,
    object: str = "",
    detail: Mapping[str, object] | None = None,
    result: str = "done",
) -> int:
    """Add an entry to the audit trail; its number. Passwords and credentials in it are hidden.

    Call it last in the transaction that makes the change: until that ends, nobody else can add an entry.

    Parameters
    ----------
    connection
        A transaction that writes.
    who
        Who asks, or a person at the command line by their name.
    action
        What is done, as ``NOUN VERB``: ``token create``, ``upload cancel``.
    object
        To what: a name or number by which people find it.
    detail
        What was asked for, before and after; JSON is made of it.
    result
        What came of it.
    """
    _alone(connection)
    last = connection.execute(select(_A.c.audit_id, _A.c.shasum).order_by(_A.c.audit_id.desc()).limit(1)).first()
    entry = Entry(
        number=last.audit_id + 1 if last else 1,
        time=dt.datetime.now(dt.UTC),
        who=_told(who.name),
        token=who.token,
        address=who.address,
        action=action,
        object=_told(object),
        detail=json.dumps(_without_secrets(detail or {}), ensure_ascii=False),
        result=_told(result),
        request=who.request,
        previous=last.shasum if last else BEGINNING,
    )
    row = asdict(replace(entry, digest=digest_of(entry)))
    connection.execute(insert(_A).values(audit_id=row.pop("number"), shasum=row.pop("digest"), **row))
    return entry.number


def _told(words: str) -> str:
    """Words as they are kept: without secrets, and without characters that a database refuses."""
    return storable(without_credentials(masked(words)))


def _without_secrets(value: object) -> object:
    """A value as JSON can hold it; what stands under the name of a secret is hidden."""
    if isinstance(value, Mapping):
        return {
            str(name): HIDDEN if each and _SECRET.search(str(name)) else _without_secrets(each)
            for name, each in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [_without_secrets(each) for each in value]
    return value if value is None or isinstance(value, bool | int | float) else _told(str(value))


def _alone(connection: Connection) -> None:
    """Wait until nobody else adds an entry; on SQLite whoever writes is alone."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(CAST(CAST('audit' AS regclass) AS oid)::bigint)"))


def entries(connection: Connection) -> Iterator[Entry]:
    """All entries, from the first on."""
    statement = select(*_COLUMNS).order_by(_A.c.audit_id)
    for row in connection.execution_options(yield_per=_FETCHED_AT_ONCE).execute(statement).mappings():
        yield _entry(row)


def newest(
    connection: Connection, *, most: int, before: int | None = None, who: str = "", action: str = "", object: str = ""
) -> list[Entry]:
    """The newest entries, newest first: those below a number, of a person, of an action (or all of its noun), of an
    object."""
    statement = select(*_COLUMNS).order_by(_A.c.audit_id.desc()).limit(most)
    if before is not None:
        statement = statement.where(_A.c.audit_id < before)
    if who:
        statement = statement.where(_A.c.who == who)
    if action:
        statement = statement.where((_A.c.action == action) | _A.c.action.startswith(f"{action} ", autoescape=True))
    if object:
        statement = statement.where(_A.c.object == object)
    return [_entry(row) for row in connection.execute(statement).mappings()]


def count(connection: Connection) -> int:
    """How many entries there are."""
    return connection.scalar(select(func.count()).select_from(_A)) or 0


def _entry(row: RowMapping) -> Entry:
    values: dict[str, Any] = {**row}
    return Entry(number=values.pop("audit_id"), digest=values.pop("shasum"), **values)
