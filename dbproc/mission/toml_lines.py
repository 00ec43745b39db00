"""The line numbers of the tables and keys of a TOML file, which ``tomllib`` does not give."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator

from dbproc.core.spec import KeyPath, Place

_QUOTES = ('"""', "'''", '"', "'")


class TomlPlaces:
    """Finds the line of a key, or of the nearest table around it.

    Parameters
    ----------
    text
        A file that ``tomllib`` can read.
    """

    def __init__(self, text: str) -> None:
        self._lines: dict[KeyPath, int] = {}
        self._arrays: dict[KeyPath, int] = {}
        self._table: KeyPath = ()
        self._content = tomllib.loads(text)
        for number, line in _top_level_lines(text):
            self._note(number, line)

    def __call__(self, path: KeyPath) -> Place:
        """The place of `path`."""
        written = self._as_written(path)
        label = ""
        for part in written:
            label += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if label else part
        for length in range(len(written), 0, -1):
            if written[:length] in self._lines:
                return Place(self._lines[written[:length]], label)
        return Place(None, label)

    def _as_written(self, path: KeyPath) -> KeyPath:
        """Drop the number of a table that is not part of an array."""
        written: KeyPath = ()
        content: object = self._content
        for part in path:
            if isinstance(part, int) and isinstance(content, dict):
                continue
            written = (*written, part)
            content = _inner(content, part)
        return written

    def _note(self, number: int, line: str) -> None:
        if line.startswith("[["):
            path = self._inside(_key_path(line[2 : line.rindex("]]")]))
            self._arrays[path] = self._arrays.get(path, -1) + 1
            self._table = (*path, self._arrays[path])
            self._remember(path, number)
        elif line.startswith("["):
            self._table = self._inside(_key_path(line[1 : line.rindex("]")]))
        else:
            self._remember((*self._table, *_key_path(_before_equals(line))), number)
            return
        self._remember(self._table, number)

    def _inside(self, path: KeyPath) -> KeyPath:
        """`path` with the number of the newest table put behind every array of tables on the way."""
        inside: KeyPath = ()
        for part in path[:-1]:
            inside = (*inside, part)
            if inside in self._arrays:
                inside = (*inside, self._arrays[inside])
        return (*inside, path[-1])

    def _remember(self, path: KeyPath, number: int) -> None:
        for length in range(1, len(path) + 1):
            self._lines.setdefault(path[:length], number)


def _inner(content: object, part: str | int) -> object:
    if isinstance(content, dict):
        return content.get(part)
    if isinstance(content, list) and isinstance(part, int) and part < len(content):
        return content[part]
    return None


def _top_level_lines(text: str) -> Iterator[tuple[int, str]]:
    """The lines on which a table or a key begins, without comments."""
    depth, quote = 0, ""
    for number, line in enumerate(text.split("\n"), start=1):
        begins = not depth and not quote
        content, depth, quote = _scanned(line, depth, quote)
        if begins and content.strip():
            yield number, content.strip()


def _scanned(line: str, depth: int, quote: str) -> tuple[str, int, str]:
    """The line up to its comment, the brackets still open after it, and the quote of a text that goes on."""
    header = not depth and not quote and line.lstrip().startswith("[")
    at = 0
    while at < len(line):
        if quote:
            if line[at] == "\\" and quote[0] == '"':
                at += 2
                continue
            if line.startswith(quote, at):
                at, quote = at + len(quote), ""
                continue
        elif opened := next((mark for mark in _QUOTES if line.startswith(mark, at)), ""):
            at, quote = at + len(opened), opened
            continue
        elif line[at] == "#":
            line = line[:at]
            break
        elif not header:
            depth += (line[at] in "[{") - (line[at] in "]}")
        at += 1
    return line, depth, quote if len(quote) == 3 else ""


def _before_equals(line: str) -> str:
    """The key of a line: the text before the first = outside quotes."""
    at = line.find("=")
    while at > 0:
        try:
            tomllib.loads(f"{line[:at]}= 0")
        except tomllib.TOMLDecodeError:
            at = line.find("=", at + 1)
        else:
            return line[:at]
    return line


def _key_path(text: str) -> KeyPath:
    """The parts of a dotted key."""
    content: object = tomllib.loads(f"{text} = 0")
    path: list[str] = []
    while isinstance(content, dict):
        ((key, content),) = content.items()
        path.append(key)
    return tuple(path)
