"""What attributes of several things have in common, and what each has of its own; within attributes too. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def shared(attributes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Those attributes that are the same in all."""
    first, *rest = attributes
    found: dict[str, Any] = {}
    for key, value in first.items():
        others = [each.get(key) for each in rest]
        if all(key in each for each in rest) and all(other == value for other in others):
            found[key] = value
        elif isinstance(value, Mapping) and all(isinstance(other, Mapping) for other in others):
            inner = shared([value, *(other for other in others if isinstance(other, Mapping))])
            found |= {key: inner} if inner else {}
    return found


def own(attributes: Mapping[str, Any], common: Mapping[str, Any]) -> dict[str, Any]:
    """Those attributes that are not among the ones in common."""
    found: dict[str, Any] = {}
    for key, value in attributes.items():
        if key not in common:
            found[key] = value
        elif value != common[key]:
            found[key] = own(value, common[key])
    return found
