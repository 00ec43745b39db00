"""Problems of a mission file, with their places."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from dbproc.core.errors import DefinitionError
from dbproc.core.likeness import likely
from dbproc.core.spec import Finder, KeyPath, Place

_LONGEST_LABEL = 200


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault: its place, and one sentence that says what is wrong and what is allowed."""

    path: KeyPath
    text: str


@dataclass(slots=True)
class Problems:
    """The faults found so far, at most one for each place."""

    found: list[Problem] = field(default_factory=list)

    def add(self, path: KeyPath, text: str) -> None:
        """Note a fault, unless its place already has one."""
        if not any(problem.path == path for problem in self.found):
            self.found.append(Problem(path, text))

    def extend(self, problems: Iterable[Problem]) -> None:
        """Note several."""
        for problem in problems:
            self.add(problem.path, problem.text)


def raise_for(problems: Iterable[Problem], name: str, finder: Finder | None) -> None:
    """Raise DefinitionError when there are problems.

    Raises
    ------
    DefinitionError
        It holds all of them, in the order of the file's lines.
    """
    found = sentences(problems, finder)
    if found:
        count = "a problem" if len(found) == 1 else f"{len(found)} problems"
        raise DefinitionError(f"{name} cannot be applied, it has {count}:", found)


def dotted_place(path: KeyPath) -> Place:
    """The place of a key that was not read from a file."""
    label = ""
    for part in path:
        label += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if label else part
    return Place(None, label)


def suggestion(word: str, allowed: Iterable[str], *, listed: bool = True) -> str:
    """``; did you mean 'format'?``, or the list of what exists when nothing is similar and `listed` is set."""
    names = sorted(str(name) for name in allowed)
    near = likely(word, names)
    if near:
        return f"; did you mean {near[0]!r}?"
    if not names or not listed:
        return ""
    shown = ", ".join(names[:20]) + (", …" if len(names) > 20 else "")
    return f"; there {'is' if len(names) == 1 else 'are'}: {shown}"


def sentences(problems: Iterable[Problem], finder: Finder | None) -> tuple[str, ...]:
    """The problems with their places; one that all tables of a template have is told once."""
    placed = [((finder or dotted_place)(problem.path), problem.text) for problem in problems]
    placed.sort(key=lambda item: item[0].line or 0)
    alike: dict[tuple[Place, str], list[str]] = {}
    for place, text in placed:
        alike.setdefault((replace(place, made=""), text), []).append(place.made)
    return tuple(f"{_prefix(place, made)}{text}" for (place, text), made in alike.items())


def _prefix(place: Place, made: Sequence[str]) -> str:
    line = f"line {place.line}" if place.line else ""
    label = place.label if len(place.label) <= _LONGEST_LABEL else f"{place.label[:_LONGEST_LABEL]}…"
    prefix = ", ".join(part for part in (line, label) if part)
    return f"{prefix}{_which(list(dict.fromkeys(made)))}: " if prefix else ""


def _which(made: Sequence[str]) -> str:
    """The tables of a template that have a problem; nothing for a table that is none."""
    more = f" and {len(made) - 1} more" if len(made) > 1 else ""
    return f" ({made[0]}{more})" if made[0] else ""
