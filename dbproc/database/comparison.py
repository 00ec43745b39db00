"""The files of a catalogue by their names, with what they were made from and by: to be held against another one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from itertools import groupby
from typing import Any

from sqlalchemy import ColumnElement, Connection, FromClause, Select, select

from dbproc.core.version import Version
from dbproc.database import schema
from dbproc.database._queries import FILE, standing, streamed, version_columns

_LINK, _CODELINK, _CODE, _MEMBER = schema.filefilelink, schema.filecodelink, schema.code, schema.filemember
_PLAIN = (
    *("utc_file_date", "utc_start_time", "utc_stop_time", "process_keywords", "data_level", "relative_path"),
    *("file_size", "shasum", "quality", "caveats", "quality_comment", "check_date", "quality_checked"),
    *("met_start_time", "met_stop_time"),
)
"""The columns of a file that are held against each other."""


def files_by_name(connection: Connection) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and facts of each file that is not replaced, in the order of the names, whatever the database."""
    named = schema.product.c.product_name
    statement = select(
        FILE.c.filename, named, *version_columns(FILE), standing(FILE), *(FILE.c[name] for name in _PLAIN)
    )
    statement = statement.join(schema.product, schema.product.c.product_id == FILE.c.product_id)
    rows = streamed(connection, statement.where(FILE.c.replaced_by.is_(None)).order_by(_in_order(connection, FILE)))
    inputs, codes, members = (_Beside(pairs(connection)) for pairs in (_inputs, _codes, _members))
    for name, product, *rest in rows:
        facts = {"product": product, "version": str(Version(*rest[:3])), "standing": rest[3]}
        facts.update(zip(_PLAIN, rest[4:], strict=True))
        beside = {"code": codes.of(name), "inputs": inputs.of(name), "members": _in_short(members.of(name))}
        yield name, facts | beside


class _Beside:
    """What a second stream has of the same names, in the same order."""

    def __init__(self, pairs: Iterator[tuple[str, str]]) -> None:
        self._groups = groupby(pairs, lambda pair: pair[0])
        self._next = self._following()

    def of(self, name: str) -> tuple[str, ...]:
        """What there is of a name; names are asked for in their order."""
        while self._next is not None and self._next[0] < name:
            self._next = self._following()
        return self._next[1] if self._next is not None and self._next[0] == name else ()

    def _following(self) -> tuple[str, tuple[str, ...]] | None:
        group = next(self._groups, None)
        return None if group is None else (group[0], tuple(sorted({text for _, text in group[1]})))


def _inputs(connection: Connection) -> Iterator[tuple[str, str]]:
    """Names of files, each with that of a file that it was made from."""
    source = FILE.alias()
    statement = select(FILE.c.filename, source.c.filename).join(_LINK, _LINK.c.resulting_file == FILE.c.file_id)
    statement = statement.join(source, source.c.file_id == _LINK.c.source_file)
    return ((row[0], row[1]) for row in streamed(connection, _ordered(connection, statement)))


def _codes(connection: Connection) -> Iterator[tuple[str, str]]:
    """Names of files, each with a code that made it and its version."""
    statement = select(FILE.c.filename, _CODE.c.filename, *version_columns(_CODE))
    statement = statement.join(_CODELINK, _CODELINK.c.resulting_file == FILE.c.file_id)
    statement = statement.join(_CODE, _CODE.c.code_id == _CODELINK.c.source_code)
    rows = streamed(connection, _ordered(connection, statement))
    return ((name, f"{code} {Version(*version)}") for name, code, *version in rows)


def _members(connection: Connection) -> Iterator[tuple[str, str]]:
    """Names of files, each with a file of its companion directory and the digest of that."""
    statement = select(FILE.c.filename, _MEMBER.c.member_path, _MEMBER.c.shasum)
    statement = statement.join(_MEMBER, _MEMBER.c.file_id == FILE.c.file_id)
    return ((row[0], f"{row[1]} {row[2]}") for row in streamed(connection, _ordered(connection, statement)))


def _in_short(members: tuple[str, ...]) -> str | None:
    """How many there are, and a digest of their names and digests."""
    if not members:
        return None
    return f"{len(members)} ({hashlib.sha256(chr(10).join(members).encode()).hexdigest()[:12]})"


def _ordered(connection: Connection, statement: Select[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
    return statement.where(FILE.c.replaced_by.is_(None)).order_by(_in_order(connection, FILE))


def _in_order(connection: Connection, file: FromClause) -> ColumnElement[str]:
    """The names of files in the order of their characters: as SQLite sorts by itself, and PostgreSQL when told to."""
    name: ColumnElement[str] = file.c.filename
    return name.collate("C") if connection.dialect.name == "postgresql" else name
