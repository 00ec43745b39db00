"""New databases for missions: made as ``dbproc init`` makes them, and quicker where one is like another.

The first database of a kind is made by dbproc, and the others are copies of it.
"""

from __future__ import annotations

import os
import tempfile
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from dbproc.database.store import create_database
from tests.kit.postgres import PostgresServer


def new_database(name: str) -> str:
    """Make the tables of a new mission's database, as :func:`create_database` does; returns `name`."""
    if "://" not in name:
        _write(name, _empty_file())
        return name
    server, database = _plain(name)
    if server is None:
        create_database(name)
    else:
        server.drop(database)  # what was made without any tables
        server.create(_template(server.directory), database)
    return name


def _write(name: str, content: bytes) -> None:
    with open(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o664), "wb") as file:
        file.write(content)


@cache
def _empty_file() -> bytes:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "mission.sqlite"
        create_database(str(path))
        assert os.listdir(directory) == [path.name]
        return path.read_bytes()


@cache
def _template(server: Path) -> str:
    template = PostgresServer(server).create()
    create_database(PostgresServer(server).url(template))
    return template


def _plain(url: str) -> tuple[PostgresServer | None, str]:
    """The server of the tests whose database it is, and its name; no server where the URL asks for more, or is that of
    a pooler, which keeps sessions open."""
    database = urlsplit(url).path[1:]
    server = PostgresServer(Path(urlsplit(url).query.removeprefix("host=")))
    is_server = url == server.url(database) and (server.directory / "data" / "PG_VERSION").exists()
    return (server if is_server else None), database
