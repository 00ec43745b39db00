"""Tokens of the service: who may ask, until when. Their secrets are kept nowhere.

A session of the page is such a token, too: a short-lived one, made with another.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, RowMapping, delete, insert, or_, select, update

from dbproc.core.access import Scope
from dbproc.core.text import storable
from dbproc.core.tokens import Token
from dbproc.database import schema
from dbproc.system.machine import user_name

_T = schema.token
_MAKER = _T.alias()
_HOUR = dt.timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRow:
    """A token of the service, without its secret."""

    word: str  #: by which it is named
    name: str  #: what it is for
    owner: str  #: whose what is sent with it is
    scopes: tuple[str, ...]  #: what may be done with it
    created_time: dt.datetime  #: when it was made
    user: str  #: who made it
    expires_time: dt.datetime | None  #: until when it holds; null: for good
    used_time: dt.datetime | None  #: when it was last used, to the hour
    revoked_time: dt.datetime | None  #: when it was revoked
    parent: str  #: of a session of the page: with which token somebody logged in


@dataclass(frozen=True, slots=True, kw_only=True)
class NewToken:
    """A token that is to be entered."""

    token: Token
    name: str
    owner: str
    scopes: Collection[Scope]
    expires: dt.datetime | None
    parent: str = ""


def enter(connection: Connection, new: NewToken) -> None:
    """Enter a token, by the digest of its secret."""
    values = {
        "word": new.token.word,
        "shasum": new.token.digest,
        "name": storable(new.name),
        "owner": storable(new.owner),
        "scopes": json.dumps([scope for scope in Scope if scope in new.scopes]),
        "created_time": dt.datetime.now(dt.UTC),
        "user": user_name(),
        "expires_time": new.expires,
        "parent": new.parent,
    }
    connection.execute(insert(_T).values(values))


def known(connection: Connection, token: Token) -> TokenRow | None:
    """The row of a token that holds now, and with it the one with which it was made; None for any other."""
    with_maker = _T.outerjoin(_MAKER, _MAKER.c.word == _T.c.parent)
    statement = select(_T, _MAKER.c.revoked_time.label("maker_revoked"), _MAKER.c.expires_time.label("maker_expires"))
    row = connection.execute(statement.select_from(with_maker).where(_T.c.word == token.word)).mappings().first()
    if row is None or not token.has(row["shasum"]):
        return None
    now = dt.datetime.now(dt.UTC)
    is_revoked = row["revoked_time"] is not None or row["maker_revoked"] is not None
    is_over = any(time is not None and time <= now for time in (row["expires_time"], row["maker_expires"]))
    return None if is_revoked or is_over else _row(row)


def used(connection: Connection, word: str) -> None:
    """Enter that a token is used now."""
    now = dt.datetime.now(dt.UTC)
    long_ago = or_(_T.c.used_time.is_(None), _T.c.used_time < now - _HOUR)
    connection.execute(update(_T).where(_T.c.word == word, long_ago).values(used_time=now))


def is_used_anew(row: TokenRow) -> bool:
    """Whether :func:`used` has something to enter."""
    return row.used_time is None or row.used_time < dt.datetime.now(dt.UTC) - _HOUR


def listed(connection: Connection, *, owner: str | None = None, everything: bool = False) -> list[TokenRow]:
    """Tokens, oldest first: of an owner, or of all; without `everything` only those that hold, and no sessions."""
    statement = select(_T).order_by(_T.c.token_id)
    if owner is not None:
        statement = statement.where(_T.c.owner == owner)
    if not everything:
        is_open = or_(_T.c.expires_time.is_(None), _T.c.expires_time > dt.datetime.now(dt.UTC))
        statement = statement.where(_T.c.revoked_time.is_(None), _T.c.parent == "", is_open)
    return [_row(row) for row in connection.execute(statement).mappings()]


def ending(connection: Connection, until: dt.datetime) -> list[TokenRow]:
    """Tokens that hold and will not at a time, the first to end first; no sessions."""
    is_ending = _T.c.expires_time.between(dt.datetime.now(dt.UTC), until)
    statement = select(_T).where(_T.c.revoked_time.is_(None), _T.c.parent == "", is_ending)
    return [_row(row) for row in connection.execute(statement.order_by(_T.c.expires_time)).mappings()]


def by_word(connection: Connection, word: str) -> TokenRow | None:
    """A token by its word."""
    row = connection.execute(select(_T).where(_T.c.word == word)).mappings().first()
    return None if row is None else _row(row)


def revoke(connection: Connection, word: str) -> bool:
    """Have a token hold no longer; whether it was not revoked before."""
    statement = update(_T).where(_T.c.word == word, _T.c.revoked_time.is_(None))
    return connection.execute(statement.values(revoked_time=dt.datetime.now(dt.UTC))).rowcount == 1


def forget_sessions(connection: Connection) -> None:
    """Remove the rows of sessions that are over."""
    connection.execute(delete(_T).where(_T.c.parent != "", _T.c.expires_time < dt.datetime.now(dt.UTC)))


def _row(row: RowMapping) -> TokenRow:
    values: dict[str, Any] = {name: row[name] for name in TokenRow.__dataclass_fields__}
    return TokenRow(**{**values, "scopes": tuple(json.loads(row["scopes"]))})
