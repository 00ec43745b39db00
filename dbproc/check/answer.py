"""What is told of a check."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from dbproc.check.faults import Fault, Kind
from dbproc.check.look import Findings
from dbproc.core.answers import OPTIONAL
from dbproc.core.events import Told


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultTold:
    """A fault of a mission."""

    kind: Kind  #: what
    place: str  #: where
    text: str  #: what is wrong, in a sentence
    remedy: str  #: what to do about it
    repair: str | None  #: what ``--repair`` does about it


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """The faults of a mission; the last three fields are for ``--repair``."""

    faults: tuple[FaultTold, ...]  #: all that was found
    counts: Mapping[Kind, int]  #: how many faults there are of each kind that there is
    files: int  #: how many files were looked at
    members: int  #: how many files of companion directories were looked at
    deep: bool  #: whether their bytes were, too
    live: str | None  #: the run that was live meanwhile: what it is at work on is left out
    intentions: Sequence[str] | None = field(default=None, metadata=OPTIONAL)  #: what would be done
    repairs: Sequence[Told] | None = field(default=None, metadata=OPTIONAL)  #: what was done
    left: tuple[FaultTold, ...] | None = field(default=None, metadata=OPTIONAL)  #: what is still wrong


def checked(
    found: Findings,
    *,
    intentions: Sequence[str] | None = None,
    repairs: Sequence[Told] | None = None,
    left: Findings | None = None,
) -> Checked:
    """What was found as an answer; and of a repair what would be done, or what was, and what is left."""
    return Checked(
        faults=_told(found.faults),
        counts=found.counts,
        files=found.files,
        members=found.members,
        deep=found.is_deep,
        live=found.live,
        intentions=intentions,
        repairs=repairs,
        left=None if left is None else _told(left.faults),
    )


def _told(faults: Sequence[Fault]) -> tuple[FaultTold, ...]:
    return tuple(
        FaultTold(
            kind=fault.kind,
            place=fault.place,
            text=fault.text,
            remedy=fault.remedy,
            repair=None if fault.cure is None else str(fault.cure),
        )
        for fault in faults
    )
