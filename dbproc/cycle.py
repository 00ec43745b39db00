"""The loop: the only module that knows the whole flow.

One run takes the lock, puts right what a dead run left, ingests, walks the queue until nothing is stale, and releases
the lock however it ends. Most runs find nothing to do: the stations are imported when they are needed.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from dbproc import access, lock
from dbproc.catalogue.definition import load_definition
from dbproc.catalogue.pending import pending
from dbproc.digest import stat_text
from dbproc.errors import NotFoundError, UserError
from dbproc.incoming import Arrival, scan_mission
from dbproc.model import Definition
from dbproc.report import LOGGER, Event, Progress, Report, log_to, one_line, stop_logging
from dbproc.signals import Interrupted, signals_interrupt
from dbproc.store import Store
from dbproc.workspace import Workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a run is to do.

    `only` names processes (by name or number); None: all. `slots` CPUs and `ram` GiB are what jobs may use together.
    """

    ingest: bool = True
    process: bool = True
    only: tuple[str, ...] | None = None
    skip_run: bool = False
    slots: int = 2
    ram: float | None = None
    pattern: str = "*"
    log_level: str = "info"


def run(store: Store, options: Options, report: Report, progress: Progress | None = None) -> None:
    """One run of the mission.

    Raises
    ------
    BusyError, LockError
        The lock is held; nothing was done.
    Interrupted
        A signal ended the run; what was finished is recorded.
    """
    acquired = lock.acquire(store)
    comment = "ended by an exception"
    try:
        with signals_interrupt():
            if acquired.crashed is not None:
                report.add(Event.NOTE, "lock", f"taken from a dead run ({acquired.crashed})")
            run = _Run(store, options, report, progress, acquired.run_id)
            run.work(was_killed=acquired.crashed is not None)
        comment = "done" if report.exit_status == 0 else "done, with failures"
    except Interrupted as signal:
        comment = f"ended by {signal}"
        raise
    except UserError as error:
        comment = one_line(str(error))
        raise
    finally:
        lock.release(store, acquired.run_id, comment)


class _Run:
    """One run under the lock."""

    def __init__(self, store: Store, options: Options, report: Report, progress: Progress | None, run_id: int) -> None:
        self._store = store
        self._options = options
        self._report = report
        self._progress = progress
        self._run_id = run_id
        with store.begin() as connection:
            self._definition = load_definition(connection)
        self._allowed = allowed_processes(self._definition, options)
        self._workspace = Workspace(self._definition.mission.root)

    def work(self, *, was_killed: bool) -> None:
        """Recover, ingest, process, with the mission's umask and group; `was_killed`: the lock is a dead run's."""
        with access.in_force(self._definition.mission):
            self._work(was_killed=was_killed)

    def _work(self, *, was_killed: bool) -> None:
        """Do it all, and say it in the daily log."""
        self._workspace.prepare()
        log = log_to(self._workspace.logs, self._options.log_level)
        try:
            self._recover(was_killed=was_killed)
            if self._options.ingest:
                found = scan_mission(self._definition.mission, self._options.pattern)
                self._report.unsettled = found.unsettled
                self._ingest(found.settled)
            if self._options.process:
                self._process()
            LOGGER.info("run %d: %s", self._run_id, self._report.summary())
        except BaseException as error:
            if isinstance(error, Interrupted):
                self._workspace.end_orphans()
            LOGGER.error("run %d ended by %s: %s", self._run_id, type(error).__name__, one_line(str(error)))
            raise
        finally:
            stop_logging(log)

    def _recover(self, *, was_killed: bool) -> None:
        with self._store.begin() as connection:
            waits = pending(connection, dt.datetime.now(dt.UTC))
        has_leftovers = bool(waits.moves or waits.running or self._workspace.leftovers())
        if has_leftovers:
            from dbproc.recovery import recover

            recover(self._store, self._definition.mission, self._workspace, self._run_id, self._report)
        if has_leftovers or was_killed:
            from dbproc.check.aftermath import check_aftermath

            check_aftermath(self._store, self._report)

    def _ingest(self, settled: Sequence[Arrival]) -> None:
        if not settled:
            return
        from dbproc.ingest import Ingest
        from dbproc.inspection import Inspection

        with Inspection(self._definition) as inspection:
            ingest = Ingest(self._store, self._definition, inspection, self._run_id, self._report)
            ingest.take(settled, self._progress)

    def _process(self) -> None:
        refused: frozenset[int] = frozenset()
        if any_code_touched(self._definition):
            from dbproc.edits import settle_edits

            self._definition, refused = settle_edits(self._store, self._definition, self._report)
        with self._store.begin() as connection:
            waits = pending(connection, dt.datetime.now(dt.UTC))
        if waits.queued or waits.retries:
            self._build(self._allowed - refused)

    def _build(self, allowed: frozenset[int]) -> None:
        from dbproc.engines.local import LocalEngine
        from dbproc.execution import Execution
        from dbproc.inspection import Inspection
        from dbproc.walk import Walk

        walk = Walk(self._store, self._definition, allowed)
        engine = LocalEngine(self._options.slots, self._options.ram)
        with Inspection(self._definition) as inspection:
            Execution(walk, inspection, self._workspace, engine, self._run_id, self._report, self._progress).run()


def any_code_touched(definition: Definition) -> bool:
    """Whether the file of an active code changed its size, time or inode since its digest was taken."""
    for codes in definition.codes.values():
        for code in codes:
            try:
                if stat_text(code.path) != code.stat:
                    return True
            except OSError:
                continue
    return False


def allowed_processes(definition: Definition, options: Options) -> frozenset[int]:
    """The processes that a run may run.

    Raises
    ------
    NotFoundError
        One of `only` is no process of the mission.
    """
    chosen = definition.processes.values()
    if options.only is not None:
        by_key = {key: p for p in chosen for key in (p.name, str(p.process_id))}
        unknown = [name for name in options.only if name not in by_key]
        if unknown:
            names = ", ".join(sorted(p.name for p in chosen)) or "none"
            raise NotFoundError(f"no process {', '.join(unknown)}; the mission has: {names}")
        chosen = [by_key[name] for name in options.only]  # type: ignore[assignment]
    return frozenset(p.process_id for p in chosen if not (options.skip_run and p.output_product is None))
