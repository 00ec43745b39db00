"""PostgreSQL: connections and transactions that depend on no state of a session.

pgbouncer may give each transaction another session, so what a transaction needs is set in its first statement.
That statement also shows whether the connection still is one: nothing was written yet, and another one may be taken.
"""

from __future__ import annotations

import os
import re
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event

from dbproc.database.store.faults import translator
from dbproc.database.store.limits import ANSWER_SECONDS, CONNECT_SECONDS, STATEMENT_SECONDS, lock_seconds
from dbproc.database.store.naming import shown_name

_KEEPING_ALIVE = {
    "keepalives": "1",
    "keepalives_idle": "60",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
}
"""Firewalls forget a connection that is still for longer; a server that is gone is noticed in half a minute."""

_STILL = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ;"
_BEGIN = """
SELECT pg_backend_pid(),
  extract(epoch FROM set_config('statement_timeout', CASE current_setting('statement_timeout') WHEN '0' THEN %(longest)s
    ELSE current_setting('statement_timeout') END, true)::interval)::float8,
  set_config('lock_timeout', CASE current_setting('lock_timeout') WHEN '0' THEN %(lock)s
    ELSE current_setting('lock_timeout') END, true),
  set_config('timezone', 'UTC', true), set_config('datestyle', 'ISO', true)
"""
_READ_ONLY = ", set_config('transaction_read_only', 'on', true)"
_SEARCH_PATH = ", set_config('search_path', %(path)s, true)"

_WORD = re.compile(r"(?:\\.|[^\s\\])+")
_SEARCH_PATH_OPTION = re.compile(r"(?:-c\s*|--)search[_-]path=(.*)", re.DOTALL)


def server_engine(url: URL, *, echo: bool = False, read_only: bool = False) -> Engine:
    """An engine for a PostgreSQL database; all its errors are those of :mod:`dbproc.core.errors`."""
    options, path = divided_options(_given_options(url))
    settings = {"client_encoding": "UTF8", "options": options}
    for name, value in {**_KEEPING_ALIVE, "application_name": "dbproc"}.items():
        if name not in url.query:
            settings[name] = value
    engine = create_engine(
        url.difference_update_query(["options"]),
        echo=echo,
        hide_parameters=True,
        connect_args=settings,
        use_native_hstore=False,
    )
    first = _BEGIN + _SEARCH_PATH * (path is not None)
    values = {"longest": _in_milliseconds(STATEMENT_SECONDS), "lock": _in_milliseconds(lock_seconds()), "path": path}

    def begin(connection: Connection) -> None:
        session = connection.connection.dbapi_connection
        assert session is not None
        session.pid, session.seconds = None, ANSWER_SECONDS
        options = connection.get_execution_options()
        still = _STILL if options.get("still") else ""
        reading = _READ_ONLY * (read_only and not options.get("trial"))
        row = connection.exec_driver_sql(still + first + reading, values).one()
        session.pid, session.seconds = row[0], row[1] + ANSWER_SECONDS

    event.listen(engine, "do_connect", _connect)
    event.listen(engine, "begin", begin)
    event.listen(engine, "handle_error", translator(shown_name(url)))
    return engine


def divided_options(options: str) -> tuple[str, str | None]:
    """The options of a connection without ``search_path``, and the value of that, None where there is none.

    pgbouncer takes no options, and a search path is what they are given for: it is set in each transaction.
    """
    words, rest, path = _WORD.findall(options), [], None
    while words:
        word = words.pop(0)
        if word == "-c" and words:
            word = f"-c {words.pop(0)}"
        found = _SEARCH_PATH_OPTION.fullmatch(word)
        if found is None:
            rest.append(word)
        else:
            path = re.sub(r"\\(.)", r"\1", found[1], flags=re.DOTALL)
    return " ".join(rest), path


def search_path(url: URL) -> str | None:
    """The search path that the URL or PGOPTIONS ask for."""
    return divided_options(_given_options(url))[1]


def _given_options(url: URL) -> str:
    given = url.query.get("options", os.environ.get("PGOPTIONS", ""))
    return given if isinstance(given, str) else " ".join(given)


def _connect(_: object, __: object, ___: object, parameters: dict[str, Any]) -> Any:
    from dbproc.database.store.waiting import connect

    if not parameters["options"] and "PGOPTIONS" not in os.environ:  # else libpq takes it from there
        parameters = {name: value for name, value in parameters.items() if name != "options"}
    return connect(parameters, _connect_seconds(parameters))


def _connect_seconds(parameters: dict[str, Any]) -> float:
    given = str(parameters.get("connect_timeout", os.environ.get("PGCONNECT_TIMEOUT", "")))
    return max(2.0, float(given)) if given.isdigit() and int(given) else CONNECT_SECONDS


def _in_milliseconds(seconds: float) -> str:
    return str(max(1, round(seconds * 1000)))
