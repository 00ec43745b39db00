"""Names of fields that OpenVisus can hold, and names of axes that are told apart."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from dbproc.codes.idx.description import Axis, told_apart


def safe(name: str) -> str:
    """``name`` with what OpenVisus could stumble over replaced."""
    found = re.sub(r"[^A-Za-z0-9_.-]", "_", name)
    return found if re.match(r"[A-Za-z_]", found) else f"v_{found}"


def distinct(names: Sequence[str]) -> list[str]:
    """The safe names of ``names``, those that would become the same told apart by numbers."""
    return told_apart(map(safe, names))


def distinct_axes(axes: Sequence[Axis]) -> tuple[Axis, ...]:
    """The axes, those of one name told apart."""
    names = told_apart(axis.name for axis in axes)
    return tuple(replace(axis, name=name) for axis, name in zip(axes, names, strict=True))
