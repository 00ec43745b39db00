"""What is found while a mission is taken over: what hinders it, what is to be known, and how it is asked for."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from enum import StrEnum
from zoneinfo import ZoneInfo

_SHOWN = 20


class Verify(StrEnum):
    """How files are looked at."""

    NONE = "none"  #: not at all: what is recorded of them is believed
    SIZE = "size"  #: whether they are there, and how large they are
    SHA1 = "sha1"  #: read through, and their digests compared


@dataclass(frozen=True, slots=True)
class Options:
    """How a mission is taken over.

    `root`, `codes_from`: where it is now, None: as recorded. `timezone`: that of the times when files were made; None:
    the files themselves tell. `rehash`: digests are taken anew. `judge`: what is stale by dbproc's rules is stale.
    """

    root: str | None = None
    timezone: ZoneInfo | None = None
    codes_from: str | None = None
    verify: Verify = Verify.SIZE
    rehash: bool = False
    judge: bool = False


@dataclass(slots=True)
class Findings:
    """Sentences by what they are about: of many that are alike the first are told, and how many there are."""

    _found: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def add(self, about: str, what: str) -> None:
        """Note one; `about` says what is wrong and what helps, `what` of which."""
        self._found[about].append(what)

    def __bool__(self) -> bool:
        return bool(self._found)

    def count(self, about: str) -> int:
        """How many there are."""
        return len(self._found.get(about, ()))

    @property
    def sentences(self) -> tuple[str, ...]:
        """One for each that it is about."""
        return tuple(_sentence(about, some) for about, some in self._found.items())


def _sentence(about: str, some: list[str]) -> str:
    shown = "; ".join(some[:_SHOWN])
    more = f"; … and {len(some) - _SHOWN:,} more" if len(some) > _SHOWN else ""
    return f"{about}: {shown}{more}" if any(some) else about
