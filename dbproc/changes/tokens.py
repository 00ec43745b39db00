"""Tokens of the service: made, and revoked; both are told in the audit trail."""

from __future__ import annotations

import base64
import datetime as dt
import secrets
from collections.abc import Collection
from dataclasses import dataclass, field

from dbproc.core.access import Principal, Scope
from dbproc.core.answers import INLINE
from dbproc.core.errors import NotFoundError, UserError
from dbproc.core.tokens import Token
from dbproc.database import tokens, trail
from dbproc.database.store import Store
from dbproc.database.tokens import NewToken, TokenRow

NO_TOKEN = "-"
"""What the sessions of people have as `parent` for whom an issuer vouches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenMade:
    """A token that was made; this is the only time that it is told."""

    token: str  #: what is to be sent: Authorization: Bearer TOKEN
    row: TokenRow = field(metadata=INLINE)


def new_token() -> Token:
    """A token that nobody has."""
    secret = base64.b32encode(secrets.token_bytes(32)).decode().rstrip("=").lower()
    return Token(secrets.token_hex(6), secret)


def create(
    store: Store, who: Principal, *, name: str, owner: str, scopes: Collection[Scope], expires: dt.datetime | None
) -> TokenMade:
    """Make a token.

    Raises
    ------
    UserError
        It would hold no more when it is made, has no owner, or lets nobody do anything.
    """
    if expires is not None and expires <= dt.datetime.now(dt.UTC):
        raise UserError("the token would have expired already: name a later time")
    if not owner or not owner.isprintable() or not scopes:
        raise UserError("a token has an owner, one line of text, and a scope")
    token = new_token()
    with store.begin() as connection:
        tokens.enter(connection, NewToken(token=token, name=name, owner=owner, scopes=scopes, expires=expires))
        row = tokens.by_word(connection, token.word)
        assert row is not None
        told = {"name": name, "owner": owner, "scopes": row.scopes, "expires": expires}
        trail.add(connection, who=who, action="token create", object=token.word, detail=told)
    return TokenMade(token=str(token), row=row)


def revoke(store: Store, who: Principal, word: str) -> TokenRow:
    """Have a token hold no longer, and no session that was begun with it.

    Raises
    ------
    NotFoundError
        There is no such token.
    """
    word = word.removeprefix("dbp_").partition("_")[0]
    with store.begin() as connection:
        is_done = tokens.revoke(connection, word)
        row = tokens.by_word(connection, word)
        if row is None:
            raise NotFoundError(f"there is no token {word}; all of them: dbproc token list --all")
        if is_done:
            trail.add(connection, who=who, action="token revoke", object=word, detail={"owner": row.owner})
    return row


def begin_session(store: Store, who: Principal, length: dt.timedelta) -> str:
    """Begin a session of the page: a token that lasts so long, and no longer than the one with which somebody logs in;
    its text, for the cookie."""
    token, until = new_token(), dt.datetime.now(dt.UTC) + length
    new = NewToken(
        token=token,
        name="the page",
        owner=who.name,
        scopes=who.scopes,
        expires=until if who.until is None else min(until, who.until),
        parent=who.token or NO_TOKEN,
    )
    with store.begin() as connection:
        tokens.forget_sessions(connection)
        tokens.enter(connection, new)
        trail.add(connection, who=who, action="session begin", object=token.word, detail={"issuer": who.issuer})
    return str(token)


def end_session(store: Store, who: Principal, token: Token) -> None:
    """End a session of the page."""
    with store.begin() as connection:
        if tokens.revoke(connection, token.word):
            trail.add(connection, who=who, action="session end", object=token.word)
