"""Two databases held against each other, by names: definitions, files, digests and lineage. Numbers do not count."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dbproc.core.errors import NO_MISSION, NotFoundError
from dbproc.database.comparison import files_by_name
from dbproc.database.definition.specs import current_definition
from dbproc.database.store import Store, Transaction
from dbproc.mission.export import export_toml

_WORDS = {
    "utc_file_date": "date",
    "utc_start_time": "start",
    "utc_stop_time": "stop",
    "process_keywords": "keywords",
    "data_level": "level",
    "relative_path": "directory",
    "file_size": "size",
    "shasum": "digest",
}
"""What columns are called."""

_Row = tuple[str, dict[str, Any]]
_ROOT = ("mission", "root")
_END: tuple[str, dict[str, Any] | None] = ("", None)


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherValue:
    """Something that is otherwise in one database than in the other."""

    what: str  #: a key of the definition, or what of a file
    first: str | None  #: as the first has it; null: it has none
    second: str | None  #: as the second has it; null: it has none


@dataclass(frozen=True, slots=True, kw_only=True)
class DifferentFile:
    """A file that both have, and not alike."""

    file: str  #: its name
    differences: tuple[OtherValue, ...]  #: what differs


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """How two databases differ; the roots of their missions do not count."""

    definition: tuple[OtherValue, ...]  #: what differs of the definitions
    only_first: tuple[str, ...]  #: the files that only the first has
    only_second: tuple[str, ...]  #: the files that only the second has
    different: tuple[DifferentFile, ...]  #: the files that both have, and not alike
    equal: int  #: how many files both have alike
    not_compared: int  #: how many of these have digests of different algorithms, which say nothing of their bytes

    @property
    def is_equal(self) -> bool:
        """Whether nothing differs."""
        return not (self.definition or self.only_first or self.only_second or self.different)


def compare(first: Store, second: Store) -> Compared:
    """Hold two databases against each other, each as it is at one moment.

    Raises
    ------
    NotFoundError
        One of them holds no mission.
    """
    with first.at_one_moment() as one, second.at_one_moment() as other, one.begin() as a, other.begin() as b:
        definition = tuple(_differences(_flat(_keys(a)), _flat(_keys(b))))
        found = _Files()
        found.compare(files_by_name(a), files_by_name(b))
    return Compared(
        definition=definition,
        only_first=tuple(found.only[0]),
        only_second=tuple(found.only[1]),
        different=tuple(found.different),
        equal=found.equal,
        not_compared=found.not_compared,
    )


def _keys(connection: Transaction) -> Mapping[str, Any]:
    definition = current_definition(connection)
    if definition is None:
        raise NotFoundError(NO_MISSION)
    return tomllib.loads(export_toml(definition))


def _flat(value: object, path: tuple[str, ...] = ()) -> dict[str, Any]:
    """The values of nested tables by their whole keys, but for the root of the mission."""
    if path == _ROOT:
        return {}
    if isinstance(value, dict):
        return {key: each for name in value for key, each in _flat(value[name], (*path, name)).items()}
    if isinstance(value, list) and value and all(isinstance(each, dict) for each in value):
        return {key: each for at, one in enumerate(value, 1) for key, each in _flat(one, (*path, str(at))).items()}
    return {".".join(path): value}


def _differences(first: Mapping[str, Any], second: Mapping[str, Any]) -> Iterator[OtherValue]:
    for key in dict.fromkeys((*first, *second)):
        one, other = first.get(key), second.get(key)
        if one != other:
            yield OtherValue(what=_WORDS.get(key, key), first=_shown(one), second=_shown(other))


def _shown(value: object) -> str | None:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or None
    return None if value is None else str(value)


class _Files:
    """What two streams of files in one order have of each other."""

    def __init__(self) -> None:
        self.only: Sequence[list[str]] = ([], [])
        self.different: list[DifferentFile] = []
        self.equal = 0
        self.not_compared = 0

    def compare(self, first: Iterator[_Row], second: Iterator[_Row]) -> None:
        """Go along both."""
        one, other = next(first, _END), next(second, _END)
        while one[1] is not None or other[1] is not None:
            if other[1] is None or (one[1] is not None and one[0] < other[0]):
                self.only[0].append(one[0])
                one = next(first, _END)
            elif one[1] is None or other[0] < one[0]:
                self.only[1].append(other[0])
                other = next(second, _END)
            else:
                assert one[1] is not None
                assert other[1] is not None
                self._hold(one[0], one[1], other[1])
                one, other = next(first, _END), next(second, _END)

    def _hold(self, name: str, one: dict[str, Any], other: dict[str, Any]) -> None:
        if one["shasum"].partition(":")[0] != other["shasum"].partition(":")[0]:
            self.not_compared += 1
            for facts in (one, other):
                del facts["shasum"], facts["members"]
        found = tuple(_differences(one, other))
        if found:
            self.different.append(DifferentFile(file=name, differences=found))
        else:
            self.equal += 1
