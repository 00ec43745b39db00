"""Versions as dbprocessing's inspectors make them: mutable, with three public numbers."""

from __future__ import annotations

from functools import total_ordering


class VersionError(Exception):
    """Numbers that are no version."""


@total_ordering
class Version:
    """``Version(1, 2, 3)``; the numbers may be text."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, interface_version: int | str, quality_version: int | str, revision_version: int | str) -> None:
        self.interface = int(interface_version)
        self.quality = int(quality_version)
        self.revision = int(revision_version)
        self._checkVersion()

    @staticmethod
    def fromString(inval: str) -> Version:
        """Read ``"1.2.3"``; a TypeError for another number of parts."""
        return Version(*inval.split("."))

    def _checkVersion(self) -> None:
        if self.interface == 0:
            raise VersionError("the interface version of a version is at least 1")

    def _numbers(self) -> tuple[int, int, int]:
        return self.interface, self.quality, self.revision

    def __str__(self) -> str:
        return ".".join(map(str, self._numbers()))

    def __repr__(self) -> str:
        return f"Version: {self}"

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)

    def incInterface(self) -> None:
        """Raise the interface; the others start again."""
        self.interface, self.quality, self.revision = self.interface + 1, 0, 0

    def incQuality(self) -> None:
        """Raise the quality; the revision starts again."""
        self.quality, self.revision = self.quality + 1, 0

    def incRevision(self) -> None:
        """Raise the revision."""
        self.revision += 1

    def __eq__(self, other: object) -> bool:
        return self._numbers() == other._numbers() if isinstance(other, Version) else NotImplemented

    def __lt__(self, other: Version) -> bool:
        return self._numbers() < other._numbers()

    def __sub__(self, other: Version) -> list[int]:
        return [mine - theirs for mine, theirs in zip(self._numbers(), other._numbers(), strict=True)]
