"""Two specifications held against each other, key by key, and what differs in words."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from dbproc.core.durations import duration_text
from dbproc.core.keys import Effect, Form, Key, keys
from dbproc.core.spec import Change, CodeSpec, InspectorSpec, Kind, MissionSpec, ProcessSpec, ProductSpec
from dbproc.mission.problems import Problem

AnySpec = TypeVar("AnySpec", MissionSpec, ProductSpec, InspectorSpec, ProcessSpec, CodeSpec)


@dataclass(slots=True)
class Comparison:
    """The changes and the refusals so far."""

    changes: list[Change]
    problems: list[Problem]


def differences(old: AnySpec, new: AnySpec, *effects: Effect) -> Iterator[str]:
    """``level 1.0 → 2.0`` for every different scalar key, or only those with one of these effects."""
    for key in differing(old, new, *effects):
        if key.form is Form.TABLES:
            yield from table_differences(key.words, getattr(old, key.name), getattr(new, key.name))
            continue
        remark = f" ({key.remark})" if key.remark else ""
        yield f"{key.words} {shown(getattr(old, key.name))} → {shown(getattr(new, key.name))}{remark}"


def table_differences(kind: str, old: Sequence[Any], new: Sequence[Any]) -> Iterator[str]:
    """``source dmas: every 1 h → 6 h`` for every difference of tables of one kind, which have names."""
    before, after = {each.name: each for each in old}, {each.name: each for each in new}
    yield from (f"{kind} {name} added: {each.summary}" for name, each in after.items() if name not in before)
    yield from (f"{kind} {name} removed" for name in before if name not in after)
    stay = [name for name in after if name in before]
    for name in stay:
        yield from (f"{kind} {name}: {words}" for words in differences(before[name], after[name]))
    if stay != [name for name in before if name in after]:
        yield f"order of the {kind}s {', '.join(before)} → {', '.join(after)}"


def differing(old: AnySpec, new: AnySpec, *effects: Effect) -> list[Key]:
    return [
        key
        for key in keys(type(new))
        if key.effect in (effects or tuple(Effect)) and getattr(old, key.name) != getattr(new, key.name)
    ]


def given_words(spec: Any) -> Iterator[str]:
    """``every 6 h`` for every key that has to be given, or is not as by default."""
    for key in keys(type(spec)):
        value = getattr(spec, key.name)
        if key.is_required or value != key.default:
            yield f"{key.words} {shown(value)}"


def shown(value: object) -> str:
    """A value for people."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return "[" + ", ".join(f'"{item}"' for item in value) + "]"
    if isinstance(value, Mapping):
        return ", ".join(f"{key}={item}" for key, item in value.items()) or "none"
    if isinstance(value, dt.timedelta):
        return duration_text(value)
    if isinstance(value, str):
        return f'"{value}"'
    return "none" if value is None else str(value)


def change_of(
    kind: Kind,
    place: str,
    new: MissionSpec | ProductSpec | ProcessSpec | None,
    old: MissionSpec | ProductSpec | ProcessSpec | None,
    details: tuple[str, ...],
    again: str = "",
) -> Change:
    known = old or new
    name = known.name if known else ""
    return Change(kind=kind, place=place, name=name, old=old, new=new, details=details, again=again)
