"""How many examples a property is tried with."""

from __future__ import annotations

from hypothesis import settings


def examples(many: int) -> int:
    """So many where other stories are tried each time, in make test-all; half of them where it is always the same."""
    return many // 2 if settings().derandomize else many
