"""Waiting for PostgreSQL so that signals are heard, and nobody waits for ever.

psycopg2 waits in C, where no handler of Python's is called. It leaves the waiting to a callback of ours, which looks
every now and then at how long it has taken, and asks the server on another connection what the statement waits for.
"""

from __future__ import annotations

import select
import time
from collections.abc import Mapping
from contextlib import closing
from functools import partial
from typing import Any

import psycopg2
from psycopg2 import extensions

from dbproc.database.store.limits import ANSWER_SECONDS, CONNECT_SECONDS
from dbproc.system import signals

_SLICE_SECONDS = 0.5
_FIRST_LOOK_SECONDS = 0.9  # a lock that is held for a moment is not worth a second connection
_LOOK_SECONDS = 8.0
_LOOK_ANSWER_SECONDS = 5.0

_QUESTION = """
SELECT mine.state <> 'active', pg_blocking_pids(mine.pid) @> '{0}',
  other.pid, other.usename, coalesce(other.client_hostname, host(other.client_addr), 'the server itself'),
  other.application_name, other.state, to_char(other.xact_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS'),
  left(other.query, 100)
FROM pg_stat_activity AS mine
LEFT JOIN pg_stat_activity AS other ON other.pid = ANY (pg_blocking_pids(mine.pid))
WHERE mine.pid = %s
"""


class Silent(psycopg2.OperationalError):  # type: ignore[misc]
    """The server does not answer, or has lost the session."""


class Session(extensions.connection):  # type: ignore[misc]
    """A connection, and what is known of the waiting that is done on it.

    Attributes
    ----------
    parameters
        What it was connected with.
    pid
        The process of the server that carries out the transaction (behind pgbouncer another one each time); None
        outside of transactions.
    seconds
        How long an answer is waited for.
    blocked_by
        In words: whom the present statement waited for when we last looked; empty: nobody.
    """

    parameters: Mapping[str, Any] | None = None
    pid: int | None = None
    blocked_by: str = ""

    def __init__(self, dsn: str, *, seconds: float) -> None:
        self.seconds = seconds  # first: to connect is to wait
        super().__init__(dsn)


def connect(parameters: Mapping[str, Any], seconds: float = CONNECT_SECONDS) -> Session:
    """Connect, within so many seconds."""
    extensions.set_wait_callback(_wait)
    session: Session = psycopg2.connect(**parameters, connection_factory=partial(Session, seconds=seconds))
    session.parameters, session.seconds = parameters, ANSWER_SECONDS
    return session


def _wait(connection: extensions.connection) -> None:
    """Wait until the connection has what it is asked for: psycopg2's callback, for every connection of the process.

    What it raises, signals included, makes psycopg2 close the connection.
    """
    watch: _Watch | None = None
    while (state := connection.poll()) != extensions.POLL_OK:
        poller = select.poll()
        poller.register(connection.fileno(), select.POLLIN if state == extensions.POLL_READ else select.POLLOUT)
        if watch is None:
            watch = _Watch(connection)
        try:
            while not poller.poll(_SLICE_SECONDS * 1000):
                watch.look(poller)
        except KeyboardInterrupt:
            signals.hurry()
            raise


class _Watch:
    """One wait of a connection."""

    def __init__(self, connection: extensions.connection) -> None:
        self._session = connection if isinstance(connection, Session) else None
        self._began = time.monotonic()
        self._next_look = self._began + _FIRST_LOOK_SECONDS
        if self._session is not None:
            self._session.blocked_by = ""

    def look(self, poller: select.poll) -> None:
        """See how long it has taken, and now and then what it waits for.

        Raises
        ------
        Silent
            There is nothing to wait for any more.
        """
        session, now = self._session, time.monotonic()
        if session is None:
            return
        if now > signals.patience(session.seconds, self._began):
            raise Silent(f"the server has not answered for {now - self._began:.0f} s{session.blocked_by}")
        if session.pid is not None and now > self._next_look:
            self._next_look = now + _LOOK_SECONDS
            lost = _look_at(session)
            if lost and not poller.poll(0):
                raise Silent(lost)


def _look_at(session: Session) -> str:
    """Ask on another connection what a session waits for; gives why it waits in vain, if it does."""
    assert session.parameters is not None
    try:
        other = connect(session.parameters, _LOOK_ANSWER_SECONDS)
    except Silent:
        return "the server does not answer any more"
    except psycopg2.Error:
        return ""  # it does answer, and does not let us in
    try:
        with closing(other):
            other.seconds = _LOOK_ANSWER_SECONDS
            cursor = other.cursor()
            cursor.execute(_QUESTION, (session.pid,))
            rows = cursor.fetchall()
    except psycopg2.Error:
        return ""  # pgbouncer lets us in, and has no other session for us
    if not rows:
        return "the server has ended the session"
    if rows[0][0]:
        return "the server has lost what was asked, or we its answer"
    session.blocked_by = _in_words(rows)
    return ""


def _in_words(rows: list[tuple[Any, ...]]) -> str:
    if rows[0][1]:
        return "; a prepared transaction holds the lock, see: SELECT * FROM pg_prepared_xacts"
    return "".join(
        f"; PID {pid} of {user} on {host} ({program or 'no name'}), in a transaction since {since}Z and now "
        f"{state or 'hidden from us'}, holds the lock, with: {' '.join((query or '').split())}; "
        f"to end it: SELECT pg_terminate_backend({pid})"
        for _, _, pid, user, host, program, state, since, query in rows
        if pid is not None
    )
