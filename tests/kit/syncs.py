"""What is made to outlive a power cut."""

from __future__ import annotations

import os

import pytest


def watched_syncs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths of what is synced from now on, in order, by the names that it has then."""
    seen: list[str] = []
    fsync = os.fsync

    def syncing(descriptor: int) -> None:
        fsync(descriptor)
        seen.append(os.readlink(f"/proc/self/fd/{descriptor}"))

    monkeypatch.setattr(os, "fsync", syncing)
    return seen
