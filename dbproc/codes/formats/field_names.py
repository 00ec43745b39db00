"""Names of fields that OpenVisus can hold, and names of axes that are told apart."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from dbproc.codes.idx.description import Axis, told_apart
from dbproc.codes.idx.refusal import Refusal


def safe(name: str) -> str:
    """``name`` with what OpenVisus could stumble over replaced."""
    found = re.sub(r"[^A-Za-z0-9_.-]", "_", name)
    return found if re.match(r"[A-Za-z_]", found) else f"v_{found}"


def distinct(where: object, names: Sequence[str]) -> list[str]:
    """The safe names of ``names``; refuses those that would become the same."""
    found = [safe(name) for name in names]
    if len(set(found)) < len(found):
        what = f"the variables {', '.join(names)} would have the same field names: {', '.join(found)}"
        raise Refusal(where, what, "Convert one at a time")
    return found


def distinct_axes(axes: Sequence[Axis]) -> tuple[Axis, ...]:
    """The axes, those of one name told apart."""
    names = told_apart(axis.name for axis in axes)
    return tuple(replace(axis, name=name) for axis, name in zip(axes, names, strict=True))
