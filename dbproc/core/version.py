"""Versions ``interface.quality.revision`` and the rules by which they rise.

Interface starts at 1 and rises when the format of a file or the interface of a code changes; quality rises when the
contents change in a way that matters; revision rises for everything smaller.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from dbproc.core.errors import VersionError

_MOST_DIGITS = 300


class Part(IntEnum):
    """A part of a version, by its position."""

    INTERFACE = 0
    QUALITY = 1
    REVISION = 2


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """An ordered, immutable version, e.g. ``Version(2, 1, 0)``."""

    interface: int
    quality: int
    revision: int

    def __post_init__(self) -> None:
        if self.interface < 1 or self.quality < 0 or self.revision < 0:
            raise VersionError(
                f"{self} is not a version: interface starts at 1, quality and revision at 0, as in 1.0.0"
            )

    def __str__(self) -> str:
        return f"{self.interface}.{self.quality}.{self.revision}"

    @classmethod
    def parse(cls, text: str) -> Version:
        """Read ``"2.1.0"``.

        Raises
        ------
        VersionError
            The text is not three whole numbers with dots between.
        """
        parts = text.strip().split(".")
        if len(parts) != 3 or not all(part.isascii() and part.isdigit() for part in parts):
            raise VersionError(f"{text[:80]!r} is not a version: write interface.quality.revision, for example 1.0.0")
        if max(map(len, parts)) > _MOST_DIGITS:
            raise VersionError(f"{text[:80]!r} is not a version: a part of it has more than {_MOST_DIGITS} digits")
        return cls(*(int(part) for part in parts))

    def bumped(self, part: Part) -> Version:
        """The next version in `part`; the parts after it start again at 0."""
        if part is Part.INTERFACE:
            return Version(self.interface + 1, 0, 0)
        if part is Part.QUALITY:
            return Version(self.interface, self.quality + 1, 0)
        return Version(self.interface, self.quality, self.revision + 1)


def risen_part(old: Version, new: Version) -> Part | None:
    """The most important part in which `old` and `new` differ, None when they are equal."""
    if old.interface != new.interface:
        return Part.INTERFACE
    if old.quality != new.quality:
        return Part.QUALITY
    return Part.REVISION if old.revision != new.revision else None


def next_version(
    newest: Version | None,
    output_interface: int,
    changes: Iterable[Part],
    *,
    forced: Part | None = None,
) -> Version:
    """The version of an output that is about to be built.

    Parameters
    ----------
    newest
        The newest version of the output that exists, None when there is none.
    output_interface
        The interface version that the active code declares for its output.
    changes
        For each thing that changed since `newest` was made the part that rose: a change of interface or quality of an
        input or of the code, and a changed set of inputs, count as ``QUALITY`` at least.
    forced
        The part that an operator asked to raise, independent of what changed.
    """
    if newest is None:
        return Version(output_interface, 0, 0)
    if output_interface > newest.interface:
        return Version(output_interface, 0, 0)
    if forced is not None:
        return newest.bumped(forced)
    only_revisions = all(part is Part.REVISION for part in changes)
    return newest.bumped(Part.REVISION if only_revisions else Part.QUALITY)
