"""Two specifications held against each other, key by key, and what differs in words."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from dbproc.core.durations import duration_text
from dbproc.core.keys import Effect, Key, keys
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
        remark = f" ({key.remark})" if key.remark else ""
        yield f"{key.words} {shown(getattr(old, key.name))} → {shown(getattr(new, key.name))}{remark}"


def differing(old: AnySpec, new: AnySpec, *effects: Effect) -> list[Key]:
    return [
        key
        for key in keys(type(new))
        if key.effect in (effects or tuple(Effect)) and getattr(old, key.name) != getattr(new, key.name)
    ]


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
