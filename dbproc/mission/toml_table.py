"""A table of a TOML file, read key by key with type checks; problems are noted and reading goes on."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from dbproc.core.durations import ALLOWED, read_duration
from dbproc.core.errors import VersionError
from dbproc.core.keys import Form, Key, keys
from dbproc.core.spec import FIRST_DAY, FIRST_VERSION, KeyPath
from dbproc.core.version import Version
from dbproc.mission.problems import Problems, suggestion

_MOST_BITS = 100
_KINDS = {
    str: "text in quotes",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    dt.date: "a date without quotes, such as 2019-01-31",
    list: "a list in brackets",
    dict: "a table",
}


class Table:
    """One table; every key that is read is allowed, and :meth:`close` reports the others.

    A missing required key or a wrong type is noted; the reader gets a neutral value.
    """

    def __init__(self, content: object, path: KeyPath, problems: Problems) -> None:
        if not isinstance(content, dict):
            problems.add(path, f"must be a table: [{'.'.join(str(part) for part in path)}]")
        self.content: dict[str, Any] = content if isinstance(content, dict) else {}
        self.path = path
        self.problems = problems
        self._allowed: set[str] = set()
        self._secret: frozenset[str] = frozenset()

    def at(self, key: str) -> KeyPath:
        """The path of a key of this table."""
        return (*self.path, key)

    def complain(self, key: str, text: str) -> None:
        """Note a problem with a key."""
        self.problems.add(self.at(key), text)

    def has(self, key: str) -> bool:
        """Whether the table has the key."""
        self._allowed.add(key)
        return key in self.content

    def text(self, key: str, default: str | None = None, *, lines: bool = False) -> str:
        """Text; required unless there is a `default`."""
        value = self._value(key, str, "" if default is None else default, required=default is None)
        return self._clean(key, value, lines)

    def optional_text(self, key: str) -> str | None:
        """Text, or None."""
        return self.text(key, "") if self.has(key) else None

    def known(self, kind: type) -> dict[str, Any]:
        """The scalar keys of a specification that the table has, by field name."""
        self._secret = frozenset(key.label for key in keys(kind) if key.secret)
        return {
            key.name: self._READERS[key.form](self, key)
            for key in keys(kind)
            if key.toml is not None and (self.has(key.toml) or key.is_required)
        }

    def _text(self, key: Key) -> str | None:
        """Text, or one of several words."""
        word = self.text(key.label, lines=key.form is Form.LINES)
        if not key.choices:
            return word
        chosen = key.chosen(word)
        if chosen is None:
            self.complain(key.label, f"{word!r} is not allowed; choose one of {', '.join(key.choices)}")
        return chosen or key.choices[0]

    def _flag(self, key: Key) -> bool:
        return bool(self._value(key.label, bool, False, required=True))

    def _whole(self, key: Key) -> int:
        value: int = self._value(key.label, int, 0, required=True)
        return 0 if self._is_too_large(key.label, value) else value

    def _number(self, key: Key) -> float:
        written = self._value(key.label, float, 0.0, required=True)
        if self._is_too_large(key.label, written):
            return 0.0
        value = float(written)
        if math.isfinite(value):
            return value
        self.complain(key.label, f"{value} is not a finite number")
        return 0.0

    def _is_too_large(self, key: str, value: float) -> bool:
        """Report a whole number that is too large."""
        if is_too_large(value):
            self.complain(key, "is a larger number than any that can be used")
        return is_too_large(value)

    def _date(self, key: Key) -> dt.date:
        value: dt.date = self._value(key.label, dt.date, FIRST_DAY, required=True)
        return value

    def _version(self, key: Key) -> Version:
        written = self.text(key.label)
        try:
            return Version.parse(written) if written else FIRST_VERSION
        except VersionError as error:
            self.complain(key.label, str(error))
            return FIRST_VERSION

    def _duration(self, key: Key) -> dt.timedelta:
        written = self.text(key.label)
        duration = read_duration(written)
        if duration is None and written:
            self.complain(key.label, f"{written!r} is no duration; write {ALLOWED}")
        return dt.timedelta() if duration is None else duration

    def _words(self, key: Key) -> tuple[str, ...]:
        return self.texts(key.label)

    def _choice(self, key: Key) -> tuple[str, ...]:
        return (self.text(key.label),) if isinstance(self.content.get(key.label), str) else self.texts(key.label)

    _READERS: ClassVar[Mapping[Form, Callable[[Table, Key], Any]]] = {
        Form.TEXT: _text,
        Form.LINES: _text,
        Form.NUMBER: _number,
        Form.WHOLE: _whole,
        Form.FLAG: _flag,
        Form.DATE: _date,
        Form.VERSION: _version,
        Form.DURATION: _duration,
        Form.WORDS: _words,
        Form.CHOICE: _choice,
    }

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts, empty when missing."""
        items = self._value(key, list, [])
        for position, item in enumerate(items):
            if not isinstance(item, str):
                self.problems.add((*self.at(key), position), f"must be {_KINDS[str]}, not {shown(item)}")
        return tuple(self._clean(key, item, True) for item in items if isinstance(item, str))

    def words(self, key: str) -> dict[str, str]:
        """A table of texts, numbers and truth values, all as text; empty when missing."""
        table = self._value(key, dict, {})
        for name, item in table.items():
            if not isinstance(item, str | int | float):
                self.problems.add((*self.at(key), name), f"must be {_KINDS[str]}, not {shown(item)}")
        return {name: str(item) for name, item in table.items() if isinstance(item, str | int | float)}

    def items(self, key: str) -> list[Any]:
        """A list of any values, empty when missing."""
        return list(self._value(key, list, []))

    def tables(self, key: str) -> list[tuple[KeyPath, object]]:
        """One table or several: ``[key]`` or ``[[key]]``."""
        self._allowed.add(key)
        found = self.content.get(key, [])
        listed = found if isinstance(found, list) else [found]
        return [((*self.at(key), position), item) for position, item in enumerate(listed)]

    def named(self, key: str) -> dict[str, object]:
        """Tables by name: ``[key.NAME]``."""
        return dict(self._value(key, dict, {}))

    def close(self) -> None:
        """Report every key that was not read."""
        for key in self.content.keys() - self._allowed:
            near = suggestion(key, self._allowed)
            self.complain(key, f"this key is not known{near.replace('there are', 'allowed are')}")

    def _value(self, key: str, kind: type, default: Any, *, required: bool = False) -> Any:
        self._allowed.add(key)
        if key not in self.content:
            if required:
                self.complain(key, f"is missing; it must be {_KINDS[kind]}")
            return default
        value = self.content[key]
        if _is(value, kind):
            return value
        self.complain(key, f"must be {_KINDS[kind]}{'' if key in self._secret else f', not {shown(value)}'}")
        return default

    def _clean(self, key: str, value: str, lines: bool) -> str:
        bad = "\0" if lines else "".join(map(chr, (*range(32), 127)))
        if any(letter in bad for letter in value):
            what = "it" if key in self._secret else repr(value)
            self.complain(key, f"{what} has control characters in it; write printable text")
            return "".join(letter for letter in value if letter not in bad)
        return value


def _is(value: object, kind: type) -> bool:
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if kind is dt.date:
        return isinstance(value, dt.date) and not isinstance(value, dt.datetime)
    return isinstance(value, kind)


def is_too_large(value: object) -> bool:
    """Whether a value is a whole number too large even to be printed."""
    return isinstance(value, int) and value.bit_length() > _MOST_BITS


def shown(value: object) -> str:
    """A value roughly as written in the file; cut when it is long."""
    if is_too_large(value):
        return "a very large number"
    shown = str(value).lower() if isinstance(value, bool) else repr(value) if isinstance(value, str) else str(value)
    return shown if len(shown) <= 60 else f"{shown[:57]}…"
