"""A stage of a mission's life: what comes before it, and the run (or another command) that is killed in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.crash.site import Site

Command = tuple[str, ...]
RUN: Command = ("ProcessQueue.py", "-n", "1")


def _nothing(_: Site) -> Iterator[str]:
    yield from ()


@dataclass(frozen=True, kw_only=True)
class _Circumstances:
    """What is special about a stage.

    `far`: incoming is on another filesystem than the root. `is_obedient`: the runs have no rights but those that modes
    give. `on_copy`: what is killed works on a copy of the database. `moves_inputs`: a code may have a delivered file
    in its own directory when it is killed. `again`: what follows a kill, the same command twice by default; its
    statuses are to be among `accepted`. `meanwhile`: what is to hold between the kill and that, in words where it
    does not.
    """

    status: int = 1
    after: str | None = None
    far: bool = False
    is_obedient: bool = False
    on_copy: bool = False
    moves_inputs: bool = False
    again: tuple[Command, ...] = ()
    accepted: tuple[int, ...] = (0, 1)
    meanwhile: Callable[[Site], Iterator[str]] = _nothing


@dataclass(frozen=True)
class Stage(_Circumstances):
    """A part of the mission's life; `status`: that of an undisturbed run."""

    name: str
    before: Callable[[Site], None]
    program: str = "ProcessQueue.py"
    arguments: Command = ("-n", "1")

    @property
    def afterwards(self) -> tuple[Command, ...]:
        """The commands that follow a kill."""
        return self.again or ((self.program, *self.arguments),) * 2
