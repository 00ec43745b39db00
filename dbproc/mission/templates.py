"""Templates: tables of a mission file that stand for several, ``[product."mosaic_{band}"]`` with ``for``. Pure."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from dbproc.core.filenames import FIELDS
from dbproc.core.spec import Finder, KeyPath, Place, Template
from dbproc.mission.problems import Problems, suggestion
from dbproc.mission.toml_table import is_too_large, shown

KINDS = ("instrument", "product", "process", "source", "store", "area")
"""The tables that can be templates."""

CONSTANTS = frozenset(
    (
        *("MISSION", "ROOTDIR", "SATELLITE", "SPACECRAFT", "INSTRUMENT", "PRODUCT", "LEVEL"),
        *("CODEDIR", "CODEVERSION", "PROCESS"),
    )
)
"""The words in braces that have a meaning beside the fields of formats."""

MOST = 10_000
"""The greatest number of tables that one template stands for."""

_KEY = "for"
_EXAMPLE = 'for = { band = ["red", "green"] }'
_FIELD = re.compile(r"\{\{|\}\}|\{(\w+)([:!][^{}]*)?\}")
"""A doubled brace, which stays, or a field."""


@dataclass(slots=True)
class Expanded:
    """A mission file without templates.

    `origins` are the keys as written, by the path of the key that was made of each.
    """

    content: dict[str, Any]
    templates: list[Template] = field(default_factory=list)
    origins: dict[KeyPath, str] = field(default_factory=dict)

    def places(self, written: Finder) -> Finder:
        """The places of what was made, given those of what is written."""

        def place(path: KeyPath) -> Place:
            found = written(tuple(self.origins.get(path[: at + 1], part) for at, part in enumerate(path)))
            return replace(found, made=str(path[1])) if path[:2] in self.origins else found

        return place


def expanded(content: Mapping[str, Any], problems: Problems) -> Expanded:
    """Put the tables that a template stands for in its place.

    Parameters
    ----------
    content
        A mission file as ``tomllib`` reads it.
    problems
        Filled with the faults of templates, by the paths as written; with any, the answer is not complete.
    """
    result = Expanded(dict(content))
    for kind in KINDS:
        tables = content.get(kind)
        if isinstance(tables, dict):
            result.content[kind] = _Tables(kind, tables, result, problems).filled()
    return result


class _Tables:
    """The tables of one kind."""

    def __init__(self, kind: str, tables: Mapping[str, Any], result: Expanded, problems: Problems) -> None:
        self._kind = kind
        self._tables = tables
        self._result = result
        self._problems = problems
        self._taken = {name: f"the table [{kind}.{name}]" for name, table in tables.items() if not _is_template(table)}

    def filled(self) -> dict[str, Any]:
        """All tables, in their order."""
        made: dict[str, Any] = {}
        for name, table in self._tables.items():
            if _is_template(table):
                made |= self._expanded(name, table)
            else:
                self._refuse_fields(name, ())
                made[name] = table
        return made

    def _expanded(self, name: str, table: Mapping[str, Any]) -> dict[str, Any]:
        lists = _Lists((self._kind, name, _KEY), self._problems).read(table[_KEY])
        if lists is None or not self._is_told_apart(name, lists):
            return {}
        rest = {key: value for key, value in table.items() if key != _KEY}
        made: dict[str, Any] = {}
        for values in _combinations(lists):
            filling = _Filling(values, self._result.origins, self._problems)
            own = filling.text(name, (self._kind, name))
            if self._take(own, name, values):
                made[own] = filling.content(rest, (self._kind, name), (self._kind, own))
                self._result.origins[self._kind, own] = name
        self._result.templates.append(Template(kind=self._kind, name=name, names=tuple(made)))
        return made

    def _is_told_apart(self, name: str, lists: Mapping[str, list[str]]) -> bool:
        """Whether the name of the table has all that is in ``for``, and nothing else."""
        is_right = self._refuse_fields(name, lists)
        for word in lists.keys() - _fields(name):
            text = f"is not in the name of the table, so that several would have the name {name!r}"
            self._problems.add((self._kind, name, _KEY, word), f"{text}; put {{{word}}} into the name")
            is_right = False
        if math.prod(len(values) for values in lists.values()) > MOST:
            self._problems.add((self._kind, name, _KEY), f"makes more than {MOST} tables; write fewer values")
            is_right = False
        return is_right

    def _refuse_fields(self, name: str, words: Mapping[str, list[str]] | tuple[()]) -> bool:
        """Refuse fields of a name that ``for`` lacks; an instrument may have the mission's name in its own."""
        unknown = sorted(_fields(name) - {*words, *(("MISSION",) if self._kind == "instrument" else ())})
        if not unknown:
            return True
        text = f"{name!r} is not a name: no 'for' says for what {{{unknown[0]}}} stands"
        remedy = suggestion(unknown[0], words) or f"; add {_EXAMPLE.replace('band', unknown[0])}"
        self._problems.add((self._kind, name), text + remedy)
        return False

    def _take(self, own: str, name: str, values: Mapping[str, str]) -> bool:
        """Take a name, unless it is taken."""
        what = f"[{self._kind}.{name}] with {_words(values)}"
        if own in self._taken:
            text = f"with {_words(values)} its name is {own!r}, which is that of {self._taken[own]}"
            self._problems.add((self._kind, name), f"{text}; change one of them")
            return False
        self._taken[own] = what
        return True


class _Lists:
    """Reads what is in ``for``."""

    def __init__(self, path: KeyPath, problems: Problems) -> None:
        self._path = path
        self._problems = problems
        self._is_right = True

    def read(self, content: object) -> dict[str, list[str]] | None:
        """The values of each name, None when something is wrong."""
        if not isinstance(content, dict) or not content:
            self._refuse((), f"must be a table of lists, such as {_EXAMPLE}")
            return None
        lists = {name: self._list(name, values) for name, values in content.items()}
        return lists if self._is_right else None

    def _list(self, name: str, values: object) -> list[str]:
        if not re.fullmatch(r"\w+", name):
            self._refuse((name,), f"{name!r} cannot stand in braces; take a word of letters, digits and '_'")
        if name in FIELDS or name in CONSTANTS:
            self._refuse((name,), f"{{{name}}} has a meaning of its own, which this would hide; take another word")
        if not isinstance(values, list) or not values:
            self._refuse((name,), f"must be a list of texts or numbers that is not empty, such as {_EXAMPLE}")
            return []
        words = [self._word((name, position), value) for position, value in enumerate(values)]
        for position, word in enumerate(words):
            if word in words[:position]:
                self._refuse((name, position), f"{word!r} is in the list twice; name each once")
        return words

    def _word(self, key: KeyPath, value: object) -> str:
        if isinstance(value, bool) or not isinstance(value, str | int | float) or is_too_large(value):
            self._refuse(key, f"must be text in quotes or a number, not {shown(value)}")
            return ""
        word = str(value)
        if "{" in word or "}" in word:
            self._refuse(key, f"{word!r} has braces in it; write text without")
        return word

    def _refuse(self, key: KeyPath, text: str) -> None:
        self._problems.add((*self._path, *key), text)
        self._is_right = False


@dataclass(frozen=True, slots=True)
class _Filling:
    """Puts the values of one expansion in."""

    values: Mapping[str, str]
    origins: dict[KeyPath, str]
    problems: Problems

    def content(self, content: Any, written: KeyPath, path: KeyPath) -> Any:
        """All texts and keys in a value filled in; `written` and `path` are where it is, and where it will be."""
        if isinstance(content, str):
            return self.text(content, written)
        if isinstance(content, list):
            return [self.content(item, (*written, at), (*path, at)) for at, item in enumerate(content)]
        if isinstance(content, dict):
            return self._table(content, written, path)
        return content

    def _table(self, table: Mapping[str, Any], written: KeyPath, path: KeyPath) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for key, value in table.items():
            place = (*written, key)
            own = self.text(key, place)
            if own in made:
                self.problems.add(place, f"with {_words(self.values)} this key is {own!r}, which is there already")
            if own != key:
                self.origins[*path, own] = key
            made[own] = self.content(value, place, (*path, own))
        return made

    def text(self, text: str, written: KeyPath) -> str:
        """A text filled in; what is put in is not looked at again, and doubled braces stay."""

        def value(found: re.Match[str]) -> str:
            if found[1] not in self.values:
                return found[0]
            if found[2]:
                remedy = f'write {{{found[1]}}}, and zeros in front in the list of \'for\': ["01", "02"]'
                self.problems.add(written, f"{found[0]} is put in as it stands in 'for'; {remedy}")
            return self.values[found[1]]

        return _FIELD.sub(value, text)


def _is_template(table: object) -> bool:
    return isinstance(table, dict) and _KEY in table


def _fields(name: str) -> set[str]:
    return {found[1] for found in _FIELD.finditer(name) if found[1]}


def _combinations(lists: Mapping[str, list[str]]) -> Iterator[dict[str, str]]:
    for values in itertools.product(*lists.values()):
        yield dict(zip(lists, values, strict=True))


def _words(values: Mapping[str, str]) -> str:
    return ", ".join(f"{name} = {value}" for name, value in values.items())
