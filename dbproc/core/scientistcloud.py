"""The words of ScientistCloud's upload API: its statuses are views of the states of transfers. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from dbproc.core.transfers import TransferState

_S = TransferState
STATUSES: Mapping[TransferState, str] = {
    _S.WAITING: "queued",
    _S.MOVING: "uploading",
    _S.CHECKING: "verifying",
    _S.VERIFIED: "completed",
    _S.UNVERIFIED: "completed",
    _S.FAILED: "failed",
    _S.CANCELLED: "cancelled",
}
"""By state: what ScientistCloud calls it."""

NEVER = ("initializing", "processing", "paused")
"""Its other words, in which no upload ever is here."""

SENSORS = ("IDX", "TIFF", "TIFF RGB", "NETCDF", "HDF5", "4D_NEXUS", "RGB", "MAPIR", "OTHER")
_OLDER = {
    "4D_PROBE": "4D_NEXUS",
    "NEXUS": "4D_NEXUS",
    "TIFF_RGB": "TIFF RGB",
    "TIFFRGB": "TIFF RGB",
    "RGB DRONE": "RGB",
    "MAPIR DRONE": "MAPIR",
}

MINUTES: Mapping[str, int] = {"local": 5, "google_drive": 10, "s3": 8, "url": 15}
"""By source: how long an upload takes as a rule; these are the sources of both generations."""

SECONDS: Mapping[str, int] = {"url": 180, "google_drive": 600}
"""The same as the second generation has it; others take 300."""

LATER_SOURCES = ("dropbox", "onedrive")
"""Sources that the second generation names, and never had."""

CHUNK = 100 << 20
"""Bytes of a chunk of a large file."""

MOST = 10 << 40
"""Bytes of a large file at most."""

_TRUE, _FALSE = ("true", "1", "yes", "on"), ("false", "0", "no", "off")


def states_of(status: str) -> tuple[TransferState, ...] | None:
    """The states that a status is a view of; None: there is no such status."""
    found = tuple(state for state, name in STATUSES.items() if name == status)
    return found if found or status in NEVER else None


def sensor_of(text: str) -> str | None:
    """A sensor in the one spelling that it has; None: there is none."""
    shown = text.strip().upper()
    shown = _OLDER.get(shown, shown)
    return shown if shown in SENSORS else None


def truth_of(value: object) -> bool | None:
    """What a boolean value says, as text, too; None: it is none."""
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    if word in _TRUE:
        return True
    return False if word in _FALSE else None


def minutes_words(minutes: int) -> str:
    """``10 minutes``, ``2 hours 5 minutes``, ``1 days 3 hours``."""
    if minutes < 60:
        return f"{minutes} minutes"
    hours, rest = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} hours" + (f" {rest} minutes" if rest else "")
    days, rest = divmod(hours, 24)
    return f"{days} days" + (f" {rest} hours" if rest else "")
