"""Tokens: which hold, on both databases, and that their secrets are kept nowhere."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import pytest
from sqlalchemy import text, update

from dbproc.changes.tokens import create, new_token, revoke
from dbproc.core.access import Principal, Scope
from dbproc.core.errors import NotFoundError, UserError
from dbproc.core.tokens import Token, read_token
from dbproc.database import schema, tokens, trail
from dbproc.database.store import Store, open_store
from dbproc.database.tokens import NewToken
from tests.kit.databases import new_database

BEN = Principal("ben")
SOON = dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)


@pytest.fixture
def store(database: str) -> Iterator[Store]:
    with open_store(new_database(database)) as store:
        yield store


def _made(store: Store, name: str = "laptop", expires: dt.datetime | None = SOON) -> Token:
    made = create(store, BEN, name=name, owner="ada", scopes={Scope.UPLOAD, Scope.READ}, expires=expires)
    token = read_token(made.token)
    assert token is not None
    return token


def _holds(store: Store, token: Token) -> bool:
    with store.begin() as connection:
        return tokens.known(connection, token) is not None


def test_a_token_is_known_by_its_secret_which_is_kept_nowhere(store: Store) -> None:
    token = _made(store)
    with store.begin() as connection:
        row = tokens.known(connection, token)
        assert row is not None
        assert (row.owner, row.scopes, row.expires_time, row.used_time) == ("ada", ("read", "upload"), SOON, None)
        kept = "".join(map(str, connection.execute(text("SELECT * FROM token")).all()))
        kept += "".join(map(str, trail.entries(connection)))
    assert token.secret not in kept + repr(token)
    assert token.word in kept
    assert not _holds(store, Token(token.word, new_token().secret))
    assert not _holds(store, Token(new_token().word, token.secret))


def test_a_token_holds_until_it_expires_or_is_revoked(store: Store) -> None:
    token, other, for_good = _made(store), _made(store), _made(store, expires=None)
    with store.begin() as connection:
        past = update(schema.token).where(schema.token.c.word == other.word)
        connection.execute(past.values(expires_time=dt.datetime.now(dt.UTC)))
    revoke(store, BEN, str(token))
    revoke(store, BEN, token.word)
    assert [_holds(store, each) for each in (token, other, for_good)] == [False, False, True]
    with store.begin() as connection:
        assert [row.word for row in tokens.listed(connection)] == [for_good.word]
        assert len(tokens.listed(connection, owner="ada", everything=True)) == 3
        assert tokens.listed(connection, owner="ben") == []
        assert [entry.action for entry in trail.entries(connection)] == [*["token create"] * 3, "token revoke"]
    with pytest.raises(NotFoundError, match="there is no token cafe"):
        revoke(store, BEN, "cafe")


def test_a_session_holds_as_long_as_the_token_with_which_it_was_begun(store: Store) -> None:
    parent, session = _made(store), new_token()
    with store.begin() as connection:
        new = NewToken(token=session, name="page", owner="ada", scopes=[Scope.READ], expires=SOON, parent=parent.word)
        tokens.enter(connection, new)
        tokens.forget_sessions(connection)
        assert [row.word for row in tokens.listed(connection)] == [parent.word]
    assert _holds(store, session)
    revoke(store, BEN, parent.word)
    assert not _holds(store, session)


def test_uses_are_entered_to_the_hour(store: Store) -> None:
    token = _made(store)
    times = []
    for _ in range(2):
        with store.begin() as connection:
            tokens.used(connection, token.word)
            times.append(tokens.listed(connection)[0].used_time)
    assert times[0] == times[1] is not None
    with store.begin() as connection:
        assert not tokens.is_used_anew(tokens.listed(connection)[0])


@pytest.mark.parametrize(
    "wrong", [{"owner": ""}, {"owner": "a\nb"}, {"scopes": ()}, {"expires": SOON.replace(year=2020)}]
)
def test_a_token_that_is_of_no_use_is_not_made(store: Store, wrong: dict) -> None:
    right = {"name": "x", "owner": "ada", "scopes": [Scope.READ], "expires": None}
    with pytest.raises(UserError):
        create(store, BEN, **{**right, **wrong})
