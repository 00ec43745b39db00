"""How jobs are executed. An engine is a few verbs, and never touches the database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from dbproc.core.model import Job, Outcome


class Engine(Protocol):
    """What executes jobs."""

    def room(self) -> int:
        """How many more jobs may be started now."""

    def fits(self, cpu: int, ram: float) -> bool:
        """Whether jobs that ask for so much together would begin at once."""

    def start(self, job: Job) -> None:
        """Execute a job as soon as its slots are free."""

    def wait(self, timeout: float) -> None:
        """Wait until a job has ended that :meth:`finished` has not given, at most `timeout` seconds."""

    def finished(self) -> list[Outcome]:
        """The jobs that ended since the last call; each is given once."""

    def stop(self) -> list[Outcome]:
        """End every job, and give the outcomes that are left."""
