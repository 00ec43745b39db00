"""Which files of a source are meant: a path with fields of dates and patterns, walked part by part. Pure.

``data/{Y}/{m}/*.cdf``: a part without a field and without a pattern is gone into as it is, every other one is looked
for in the listing of its directory. What the fields of a directory say is known before it is listed, so that
directories of other times are not.
"""

from __future__ import annotations

import datetime as dt
import posixpath
import re
import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from dbproc.core.errors import FormatError
from dbproc.core.filenames import FIELDS, UNFIT, days_named

_GLOB = re.compile(r"(\*|\?|\[!?\]?[^\]]*\])")
_ANY = "[^/]"
_LONGEST = 255
"""Bytes of a name: more than that no filesystem takes."""


@dataclass(frozen=True, slots=True)
class Part:
    """One name of a path. `pattern` is None where it is written as it is; `groups`: the fields, and which group has
    their value."""

    text: str
    pattern: re.Pattern[str] | None = None
    groups: tuple[tuple[str, str], ...] = ()

    def read(self, name: str, values: Mapping[str, str]) -> dict[str, str] | None:
        """What is known of dates once `name` stands here, besides `values`; None where it cannot."""
        if self.pattern is None:
            return dict(values) if name == self.text else None
        found = self.pattern.fullmatch(name)
        if found is None:
            return None
        known = dict(values)
        for field_name, group in self.groups:
            if known.setdefault(field_name, found[group]) != found[group]:
                return None
        return known


@dataclass(frozen=True, slots=True)
class Spot:
    """A directory on the way to files: `depth` parts of the path lead there; `values` is what they say of dates."""

    path: str
    depth: int
    values: Mapping[str, str] = field(default_factory=dict)

    @property
    def last_day(self) -> dt.date | None:
        """The last day of which files in it can be; None where that cannot be told."""
        return last_day(self.values)


@dataclass(frozen=True, slots=True)
class RemotePath:
    """A compiled path; make one with :func:`compile_path`."""

    text: str
    parts: tuple[Part, ...]

    @property
    def name(self) -> Part:
        """What the names of files must be."""
        return self.parts[-1]

    def start(self) -> Spot:
        """The directory with which the walk begins."""
        return self._onwards(Spot("", 0))

    def is_last(self, spot: Spot) -> bool:
        """Whether files are in this directory, not directories."""
        return spot.depth == len(self.parts) - 1

    def below(self, spot: Spot, name: str) -> Spot | None:
        """Where a directory of this name leads to; None where no file that is meant is in it."""
        values = self.parts[spot.depth].read(name, spot.values)
        return None if values is None else self._onwards(Spot(posixpath.join(spot.path, name), spot.depth + 1, values))

    def _onwards(self, spot: Spot) -> Spot:
        """Into the directories that are written as they are."""
        path, depth = spot.path, spot.depth
        while depth < len(self.parts) - 1 and self.parts[depth].pattern is None:
            path, depth = posixpath.join(path, self.parts[depth].text), depth + 1
        return Spot(path, depth, spot.values)


def last_day(values: Mapping[str, str]) -> dt.date | None:
    """The last day of what stands for fields of dates; None where that tells none."""
    days = days_named(values)
    return None if days is None else days[1]


@lru_cache(maxsize=256)
def compile_path(text: str) -> RemotePath:
    """Compile the path of a source.

    Raises
    ------
    FormatError
        It leads out of its place, has an empty name, an unknown field, or unbalanced braces.
    """
    names = text.removeprefix("/").split("/")
    for name in names:
        if name in ("", ".", "..", "**"):
            what = f"has the part {name!r}" if name else "has a part without a name"
            raise FormatError(f"{text!r} {what}: every directory and the file needs a name, or a pattern such as *")
    return RemotePath(text, tuple(_part(text, name) for name in names))


def _part(text: str, name: str) -> Part:
    try:
        parsed = list(string.Formatter().parse(name))
    except ValueError as error:
        raise FormatError(f"{text!r}: {error}; write {{Y}} for a field, {{{{ and }}}} for braces") from error
    pieces: list[str] = []
    groups: list[tuple[str, str]] = []
    for literal, field_name, spec, conversion in parsed:
        pieces.append(_globbed(literal))
        if field_name is None:
            continue
        if field_name not in FIELDS or spec or conversion:
            raise FormatError(
                f"{text!r}: {{{field_name}}} is no field of a path; fields of dates are {{Y}}, {{m}}, {{d}}"
            )
        groups.append((field_name, f"g{len(groups)}"))
        pieces.append(f"(?P<{groups[-1][1]}>{FIELDS[field_name]})")
    literal = "".join(piece for piece, *_ in parsed)
    if not groups and _GLOB.search(literal) is None:
        return Part(literal)
    try:
        return Part(name, re.compile("".join(pieces), re.DOTALL | re.ASCII), tuple(groups))
    except re.error as error:
        raise FormatError(f"{text!r}: {name!r} is no pattern: {error}") from error


def _globbed(literal: str) -> str:
    """A text with ``*``, ``?`` and ``[…]`` as a regular expression."""
    return "".join(map(_glob_regex, _GLOB.split(literal)))


def _glob_regex(piece: str) -> str:
    if piece == "*":
        return f"{_ANY}*"
    if piece == "?":
        return _ANY
    if _GLOB.fullmatch(piece) is None:
        return re.escape(piece)
    inside = piece[1:-1]
    negation = "^/" if inside.startswith("!") else ""
    return (
        "(?!/)["
        + negation
        + inside.removeprefix("!").replace("\\", r"\\").replace("[", r"\[").replace("^", r"\^")
        + "]"
    )


def name_fault(name: str) -> str | None:
    """Why no file is fetched under a name that a listing gives, or None."""
    if name in ("", ".", ".."):
        return "is the name of no file"
    if "/" in name or "\\" in name:
        return "leads into another directory"
    if UNFIT.search(name):
        return "has characters that no name may have: control characters, or bytes that are not UTF-8"
    if len(name.encode()) > _LONGEST:
        return f"is longer than {_LONGEST} bytes"
    return None
