"""Whether two filename formats have a name in common, and an example of it. Pure.

A format is a sequence of places, each with the characters that may stand there. Two sequences are followed at once,
the shortest common name first; what is found counts when both formats read it.
"""

from __future__ import annotations

import re
import string
from collections import deque
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import product

from dbproc.core.filenames import FIELDS, Format

_Characters = frozenset[str] | None  # None: any that a keyword may have

_DIGITS = frozenset(string.digits)
_HEXADECIMAL = frozenset(string.hexdigits)
_ANY: _Characters = None
_ORDERS = ("0123456789", "1023456789", "4013256789")
"""Which digit is taken where several may stand, so that a day exists (2000 and 2444 are leap years), and a version."""
_LETTER = "x"


@dataclass(frozen=True, slots=True)
class _Place:
    """What may stand at a place, once; `again`: or more often; `optional`: or not at all."""

    characters: _Characters
    again: bool = False
    optional: bool = False


_Way = tuple[_Place, ...]


def _written(*texts: str) -> tuple[_Way, ...]:
    """Ways to write a field: # stands for a digit, and [abc] for one of these characters."""
    return tuple(tuple(_places(text)) for text in texts)


def _places(text: str) -> Iterator[_Place]:
    rest = text
    while rest:
        if rest[0] == "[":
            chosen, _, rest = rest[1:].partition("]")
            yield _Place(frozenset(chosen))
        else:
            yield _Place(_DIGITS if rest[0] == "#" else frozenset(rest[0]))
            rest = rest[1:]


_NUMBER = _Place(_DIGITS, again=True)
_POINT = _Place(frozenset("."))
_YEAR = ("2###", "19##")
_MONTH = ("0[123456789]", "1[012]")
_DAY = ("0[123456789]", "[12]#", "3[01]")
_DATES = [year + month + day for year in _YEAR for month in _MONTH for day in _DAY]
_WAYS: dict[str, tuple[_Way, ...]] = {
    "Y": _written(*_YEAR),
    "m": _written(*_MONTH),
    "d": _written(*_DAY),
    "b": _written("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
    "y": _written("##"),
    "j": _written("[012]##", "3[0123456]#"),
    "H": _written("[01]#", "2[0123]"),
    "M": _written("[012345]#"),
    "S": _written("[012345]#", "60"),
    "MILLI": _written("###"),
    "MICRO": _written("###"),
    "QACODE": _written("ok", "ignore", "problem"),
    "VERSION": ((_NUMBER, _POINT, _NUMBER, _POINT, _NUMBER),),
    "DATE": _written(*_DATES),
    "datetime": _written(*_DATES, *(f"{y}-{m}-{d}" for y in _YEAR for m in _MONTH for d in _DAY)),
    "mday": ((_Place(frozenset("-"), optional=True), _NUMBER),),
    "APID": ((_Place(_HEXADECIMAL, again=True),),),
    **{"?" * count: ((_Place(_ANY),) * count,) for count in (2, 3, 4)},
    **{"n" * count: _written("#" * count) for count in (2, 3, 4)},
}


@dataclass(slots=True)
class _Paths:
    """The places of a format, which of them may follow which (0 is before the first), and which may be the last."""

    characters: list[_Characters] = field(default_factory=lambda: [_ANY])
    after: list[list[int]] = field(default_factory=lambda: [[]])
    last: set[int] = field(default_factory=lambda: {0})

    def add(self, ways: Iterable[_Way]) -> None:
        """Go on in one of several ways."""
        start = self.last
        ends = [self._followed(way, start) for way in ways]
        self.last = set().union(*ends)

    def _followed(self, way: _Way, last: Collection[int]) -> set[int]:
        ends = set(last)
        for place in way:
            number = len(self.characters)
            self.characters.append(place.characters)
            self.after.append([number] if place.again else [])
            for end in ends:
                self.after[end].append(number)
            ends = ends | {number} if place.optional else {number}
        return ends


@lru_cache(maxsize=4096)
def _paths(text: str) -> _Paths:
    paths = _Paths()
    for literal, name, spec, _ in string.Formatter().parse(text):
        paths.add([tuple(_Place(frozenset(character)) for character in literal)])
        if name is not None:
            paths.add(_ways(name, spec or ""))
    return paths


def _ways(name: str, spec: str) -> tuple[_Way, ...]:
    if spec:
        return _written("#" * int(spec.rstrip("d")))
    return _WAYS[name] if name in FIELDS else ((_Place(_ANY, again=True),),)


def common_name(one: Format, other: Format) -> str | None:
    """A filename that is of both formats; None when none was found."""
    if not _may_meet(one.text, other.text):
        return None
    for order in _ORDERS:
        name = _shortest(_paths(one.text), _paths(other.text), order)
        if name is None:
            return None
        for found in (name, *_with_equal_fields(one, other, name, order)):
            if one.match(found) is not None and other.match(found) is not None:
                return found
    return None


def _with_equal_fields(one: Format, other: Format, name: str, order: str) -> Iterator[str]:
    """Common names in which a field that stands in a format twice has one of the two values that `name` has."""
    for fixed, free in ((one, other), (other, one)):
        found = fixed.pattern.fullmatch(name)
        names = [each for each, _ in fixed.groups]
        for each, group in fixed.groups if found is not None else ():
            if names.count(each) > 1 and found is not None:
                text = _filled(fixed.text, each, found[group])
                again = _shortest(_paths(text), _paths(free.text), order)
                yield from () if again is None else (again,)


def _filled(text: str, name: str, value: str) -> str:
    """A format with a value in the place of a field."""
    return re.sub(rf"\{{{re.escape(name)}(?::[^}}]*)?\}}", lambda _: value.replace("{", "{{").replace("}", "}}"), text)


def _may_meet(one: str, other: str) -> bool:
    """Whether the texts before the first field and behind the last one allow it; this is quick."""
    (begin, end), (other_begin, other_end) = _ends(one), _ends(other)
    begins = begin.startswith(other_begin) or other_begin.startswith(begin)
    return begins and (end.endswith(other_end) or other_end.endswith(end))


@lru_cache(maxsize=4096)
def _ends(text: str) -> tuple[str, str]:
    joined = [""]
    for literal, name, _, _ in string.Formatter().parse(text):
        joined[-1] += literal
        if name is not None:
            joined.append("")
    return joined[0], joined[-1]


def _shortest(one: _Paths, other: _Paths, order: str) -> str | None:
    """The shortest name that leads both from the first place to a last one."""
    came: dict[tuple[int, int], tuple[tuple[int, int], str]] = {}
    waiting = deque([(0, 0)])
    while waiting:
        pair = waiting.popleft()
        if pair != (0, 0) and pair[0] in one.last and pair[1] in other.last:
            return _name(pair, came)
        for next_pair in product(one.after[pair[0]], other.after[pair[1]]):
            if next_pair in came:
                continue
            character = _shared(one.characters[next_pair[0]], other.characters[next_pair[1]], order)
            if character:
                came[next_pair] = pair, character
                waiting.append(next_pair)
    return None


@lru_cache(maxsize=65_536)
def _shared(one: _Characters, other: _Characters, order: str) -> str:
    """A character that both allow; empty when there is none."""
    both = other if one is None else one if other is None else one & other
    if both is None:
        return _LETTER
    return next((digit for digit in order if digit in both), min(both, default=""))


def _name(pair: tuple[int, int], came: dict[tuple[int, int], tuple[tuple[int, int], str]]) -> str:
    characters: list[str] = []
    while pair != (0, 0):
        pair, character = came[pair]
        characters.append(character)
    return "".join(reversed(characters))
