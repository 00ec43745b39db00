"""The facts that the planner is handed: outputs there are, attempts that failed. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from dbproc.core.model import File, Slot
from dbproc.core.states import AttemptStatus, Standing
from dbproc.core.version import Version


@dataclass(frozen=True, slots=True)
class Baseline:
    """What an imported file counts as made from, though it may have been made from something else.

    `code_id` is the number of the first row that is the same code, None where no code was in force. `other_name`: its
    name was not as the format of its product has it.
    """

    code_id: int | None
    inputs: tuple[File, ...]
    other_name: bool = False


@dataclass(frozen=True, slots=True)
class Output:
    """The newest version of an output, or the newest of those in place, and what it was made from.

    `code_id` is the number of the first row that is the same code, None for a delivered file.
    """

    file: File
    code_id: int | None
    code_version: Version | None
    inputs: tuple[File, ...]
    baseline: Baseline | None = None

    @property
    def exists(self) -> bool:
        """Whether it is in its place, or in stores."""
        return self.file.standing.exists

    @property
    def counted(self) -> tuple[File, ...]:
        """What it counts as made from."""
        return self.inputs if self.baseline is None else self.baseline.inputs

    @property
    def is_held(self) -> bool:
        """Whether a person withdrew it: nothing is made in its place from the same inputs by the same code."""
        return self.file.standing is Standing.WITHDRAWN


@dataclass(frozen=True, slots=True)
class Tried:
    """The last attempt for a slot, when it is of interest: it failed or was refused, or it is of timebase RUN."""

    attempt_id: int
    status: AttemptStatus
    code_id: int
    code_digest: str
    code_version: Version
    inputs: frozenset[int]
    failures: int
    next_try: dt.datetime | None
    message: str


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of a product: the keys of its existing files, each with the date of the first of them."""

    firsts: Mapping[str, dt.date] = field(default_factory=dict)

    @property
    def first(self) -> dt.date | None:
        """The date of the first file."""
        return min(self.firsts.values(), default=None)


@dataclass(frozen=True, slots=True)
class Facts:
    """What the catalogue knows about the slots to decide, fetched in a handful of queries."""

    by_time: Mapping[int, Sequence[File]]  #: newest existing files that overlap the days asked for, by product
    by_date: Mapping[int, Sequence[File]]  #: newest existing files dated on the days asked for, by product
    outputs: Mapping[tuple[int, dt.date], Sequence[Output]]  #: by product and date
    tried: Mapping[Slot, Tried] = field(default_factory=dict)
    by_start: Mapping[int, Sequence[File]] = field(default_factory=dict)
    """Newest existing files that begin on the days asked for, by product."""
    seen: Mapping[int, Seen] = field(default_factory=dict)  #: by product, of those asked for
    made_from: Mapping[int, Sequence[Slot]] = field(default_factory=dict)
    """By file, of those asked for: the slot that it was made for, and those whose files in place were made from it."""
