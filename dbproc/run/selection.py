"""Options of a run, and the processes that they allow."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from dbproc.core.errors import NotFoundError
from dbproc.core.likeness import no_such
from dbproc.core.model import Definition, Process, Timebase


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Options of a run.

    `only`: processes by name or number; None: all. Jobs together use at most `slots` CPUs and `ram` GiB.
    """

    ingest: bool = True
    process: bool = True
    only: tuple[str, ...] | None = None
    skip_run: bool = False
    slots: int = 2
    ram: float | None = None
    pattern: str = "*"
    log_level: str = "info"


def startup_processes(definition: Definition, allowed: Collection[int]) -> list[Process]:
    """The allowed processes that every run begins with."""
    return [
        process
        for process_id, process in definition.processes.items()
        if process.timebase is Timebase.STARTUP and process_id in allowed
    ]


def allowed_processes(definition: Definition, options: Options) -> frozenset[int]:
    """The processes that a run may run.

    Raises
    ------
    NotFoundError
        One of `only` is not a process of the mission.
    """
    chosen = definition.processes.values()
    if options.only is not None:
        by_key = {key: p for p in chosen for key in (p.name, str(p.process_id))}
        unknown = [name for name in options.only if name not in by_key]
        if unknown:
            raise NotFoundError("; ".join(no_such("process", name, [p.name for p in chosen]) for name in unknown))
        chosen = [by_key[name] for name in options.only]  # type: ignore[assignment]
    return frozenset(p.process_id for p in chosen if not (options.skip_run and not p.outputs))
