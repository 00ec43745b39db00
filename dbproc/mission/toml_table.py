"""A table of a TOML file, read key by key with its type; what is wrong is noted and reading goes on."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Collection
from typing import Any

from dbproc.core.errors import VersionError
from dbproc.core.spec import KeyPath
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
    """One table; every key that is asked for is allowed in it, and :meth:`close` complains of the others.

    A key that is missing though it must be there, or has the wrong type, is noted; the reader gets a neutral value.
    """

    def __init__(self, content: object, path: KeyPath, problems: Problems) -> None:
        if not isinstance(content, dict):
            problems.add(path, f"must be a table: [{'.'.join(str(part) for part in path)}]")
        self.content: dict[str, Any] = content if isinstance(content, dict) else {}
        self.path = path
        self.problems = problems
        self._allowed: set[str] = set()

    def at(self, key: str) -> KeyPath:
        """The path of a key of this table."""
        return (*self.path, key)

    def complain(self, key: str, text: str) -> None:
        """Note what is wrong with a key."""
        self.problems.add(self.at(key), text)

    def has(self, key: str) -> bool:
        """Whether the key is there."""
        self._allowed.add(key)
        return key in self.content

    def text(self, key: str, default: str | None = None, *, lines: bool = False) -> str:
        """Text; it must be there when there is no `default`."""
        value = self._value(key, str, "" if default is None else default, required=default is None)
        return self._clean(key, value, lines)

    def optional_text(self, key: str) -> str | None:
        """Text, None when it is not there."""
        return self.text(key, "") if self.has(key) else None

    def choice(self, key: str, allowed: Collection[str], default: str) -> str:
        """One of several words."""
        word = self.text(key, default)
        if word in allowed:
            return word
        self.complain(key, f"{word!r} is not allowed; choose one of {', '.join(allowed)}")
        return default

    def flag(self, key: str, default: bool) -> bool:
        """``true`` or ``false``."""
        return bool(self._value(key, bool, default))

    def whole(self, key: str, default: int) -> int:
        """A whole number."""
        value: int = self._value(key, int, default)
        return default if self._is_too_large(key, value) else value

    def number(self, key: str, default: float | None = None) -> float:
        """A finite number; it must be there when there is no `default`."""
        written = self._value(key, float, 0.0 if default is None else default, required=default is None)
        if self._is_too_large(key, written):
            return 0.0
        value = float(written)
        if math.isfinite(value):
            return value
        self.complain(key, f"{value} is no number that can be used")
        return 0.0

    def _is_too_large(self, key: str, value: float) -> bool:
        """Complain of a whole number that nothing can be done with, not even be printed."""
        is_too_large = isinstance(value, int) and value.bit_length() > _MOST_BITS
        if is_too_large:
            self.complain(key, "is a larger number than any that can be used")
        return is_too_large

    def date(self, key: str, default: dt.date) -> dt.date:
        """A date."""
        value: dt.date = self._value(key, dt.date, default)
        return value

    def version(self, key: str, default: Version) -> Version:
        """A version; it must be there."""
        written = self.text(key)
        try:
            return Version.parse(written) if written else default
        except VersionError as error:
            self.complain(key, str(error))
            return default

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts, empty when it is not there."""
        items = self._value(key, list, [])
        for position, item in enumerate(items):
            if not isinstance(item, str):
                self.problems.add((*self.at(key), position), f"must be {_KINDS[str]}, not {_shown(item)}")
        return tuple(self._clean(key, item, True) for item in items if isinstance(item, str))

    def words(self, key: str) -> dict[str, str]:
        """A table of texts, numbers and truth values, all of them as text; empty when it is not there."""
        table = self._value(key, dict, {})
        for name, item in table.items():
            if not isinstance(item, str | int | float):
                self.problems.add((*self.at(key), name), f"must be {_KINDS[str]}, not {_shown(item)}")
        return {name: str(item) for name, item in table.items() if isinstance(item, str | int | float)}

    def items(self, key: str) -> list[Any]:
        """A list of whatever, empty when it is not there."""
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
        """Complain of every key that nobody asked for."""
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
        self.complain(key, f"must be {_KINDS[kind]}, not {_shown(value)}")
        return default

    def _clean(self, key: str, value: str, lines: bool) -> str:
        bad = "\0" if lines else "".join(map(chr, (*range(32), 127)))
        if any(letter in bad for letter in value):
            self.complain(key, f"{value!r} has control characters in it; write printable text")
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


def _shown(value: object) -> str:
    """A value as it stands in the file, nearly; cut when it is long."""
    if isinstance(value, int) and value.bit_length() > _MOST_BITS:
        return "a very large number"
    shown = str(value).lower() if isinstance(value, bool) else repr(value) if isinstance(value, str) else str(value)
    return shown if len(shown) <= 60 else f"{shown[:57]}…"
