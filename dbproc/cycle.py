"""The loop: the only module that knows the whole flow.

One run takes the lock, puts right what a dead run left, ingests, processes the queue until nothing is stale, and
releases the lock however it ends. Most runs find nothing to do: each step is imported when it is needed.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING

from dbproc.changes.touched import any_code_touched, any_inspector_touched
from dbproc.core.errors import (
    EXIT_DONE,
    EXIT_INTERRUPTED,
    EXIT_NEEDS_PERSON,
    EXIT_SOME_FAILED,
    BusyError,
    DbprocError,
    LockError,
    UserError,
)
from dbproc.core.events import LOGGER, Event, Progress, Report
from dbproc.core.filenames import is_unfinished
from dbproc.core.model import Definition, Mission, Move
from dbproc.core.overlaps import refuse_harmful
from dbproc.core.text import one_line
from dbproc.database import links, lock, moves
from dbproc.database.definition.load import load_definition, load_mission
from dbproc.database.pending import pending
from dbproc.database.store import Store
from dbproc.explain.monitor import Monitor
from dbproc.ingest.incoming import Arrival, scan_mission
from dbproc.run.daily_log import log_to, stop_logging
from dbproc.run.places import changed
from dbproc.run.selection import Options, allowed_processes, startup_processes
from dbproc.storage import permissions
from dbproc.storage.workspace import Workspace
from dbproc.system.signals import Interrupted, signals_ignored, signals_interrupt

if TYPE_CHECKING:
    from dbproc.products.inspection import Inspection
    from dbproc.run.campaigns import Campaigns
    from dbproc.run.executor import WorkSource
    from dbproc.run.on_demand import Request


def run(store: Store, options: Options, report: Report, progress: Progress | None = None) -> None:
    """One run of the mission.

    Raises
    ------
    BusyError, LockError
        The lock is held; nothing was done.
    RootError
        The root is gone, or another database's; nothing was done.
    Interrupted
        A signal ended the run; what was finished is recorded.
    """
    with _begun(store, options, report, progress) as this_run:
        this_run.ingest_and_process()


def run_by_hand(
    store: Store, request: Request, options: Options, report: Report, progress: Progress | None = None
) -> None:
    """Run one process over a range of dates, under the lock as a run does; the outputs enter the catalogue.

    Raises
    ------
    BusyError, LockError, RootError, Interrupted
        As :func:`run` does.
    UserError
        The request cannot be fulfilled.
    """
    with _begun(store, options, report, progress) as this_run:
        this_run.work_off(request)


@contextmanager
def _begun(store: Store, options: Options, report: Report, progress: Progress | None) -> Iterator[_Run]:
    """A run under the lock, with the mission's umask and group, in the daily log, and recovered from the last one."""
    with _watched(store, report) as monitor, _telling(store, report), _locked(store, report) as acquired:
        this_run = _Run(store, options, report, progress, acquired.run_id)
        monitor.began(this_run.mission, acquired.run_id)
        with this_run.logged():
            this_run.recover(was_killed=acquired.crashed is not None)
            this_run.drop_logs()
            yield this_run
            this_run.forget_returned()


@contextmanager
def _watched(store: Store, report: Report) -> Iterator[Monitor]:
    """Tell who watches over runs of this one; of one that found another at work that one tells."""
    monitor = Monitor(store, report)
    try:
        yield monitor
    except BusyError:
        raise
    except Interrupted as signal:
        monitor.ended(EXIT_INTERRUPTED, f"ended by {signal}")
        raise
    except Exception as error:
        status = error.exit_status if isinstance(error, DbprocError) else EXIT_SOME_FAILED
        monitor.ended(status, one_line(str(error)) or type(error).__name__)
        raise
    monitor.ended(report.exit_status, report.summary())


@contextmanager
def _telling(store: Store, report: Report) -> Iterator[None]:
    """Tell people what happened, when the lock is free again, or somebody holds it for too long; but for signals."""
    try:
        yield
    except (BusyError, LockError):
        _tell(store, report, is_busy=True)
        raise
    except UserError:
        _tell(store, report)
        raise
    _tell(store, report)


def _tell(store: Store, report: Report, *, is_busy: bool = False) -> None:
    """Tell them; whatever goes wrong with that is a note."""
    try:
        with store.begin() as connection:
            if not load_mission(connection).notify:
                return
        from dbproc.run.notices import note_long_lock, tell

        with signals_interrupt():
            if is_busy:
                note_long_lock(store)
            tell(store, report)
    except (DbprocError, OSError) as error:
        report.add(Event.NOTE, "hooks", f"cannot be told: {one_line(str(error))}; the next run tries it again")


@contextmanager
def _locked(store: Store, report: Report) -> Iterator[lock.Acquired]:
    """Hold the lock, with signals that interrupt; what came of it stands in the lock's row."""
    with signals_interrupt():
        acquired = lock.acquire(store)
        comment, has_crashed, status = "ended by an exception", True, EXIT_SOME_FAILED
        try:
            if acquired.crashed is not None:
                report.add(Event.NOTE, "lock", f"taken from a dead run ({acquired.crashed})")
            yield acquired
            has_crashed = False
            status = report.exit_status
            comment = "done" if status == EXIT_DONE else "done, with failures"
        except Interrupted as signal:
            comment, has_crashed, status = f"ended by {signal}", False, EXIT_INTERRUPTED
            raise
        except UserError as error:
            comment, has_crashed = one_line(str(error)), error.exit_status == EXIT_NEEDS_PERSON
            status = error.exit_status
            raise
        finally:
            with signals_ignored():
                lock.release(store, acquired, comment, has_crashed=has_crashed, exit_status=status)


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
        refuse_harmful(self._definition)
        self._allowed = allowed_processes(self._definition, options)
        self._workspace = Workspace(self._definition.mission.root)
        self._has_stages = False
        self._has_imports = False
        self._has_uploads = False
        self._unreadable: set[str] = set()  # of incoming, told already
        self._returned: tuple[Move, ...] = ()  # of files that a dead run had taken, and that are in incoming again

    @property
    def mission(self) -> Mission:
        """The mission as it was when the run began."""
        return self._definition.mission

    @contextmanager
    def logged(self) -> Iterator[None]:
        """Work with the mission's umask and group, and say in the daily log what came of it."""
        with permissions.in_force(self._definition.mission):
            self._workspace.prepare()
            log = log_to(self._workspace.logs, self._options.log_level)
            try:
                yield
                LOGGER.info("run %d: %s", self._run_id, self._report.summary())
            except BaseException as error:
                if isinstance(error, Interrupted):
                    self._workspace.end_orphans()
                LOGGER.error("run %d ended by %s: %s", self._run_id, type(error).__name__, one_line(str(error)))
                raise
            finally:
                stop_logging(log)

    def ingest_and_process(self) -> None:
        """Ingest and process, as the options say."""
        no_inspector = self._settle_inspectors()
        if self._options.ingest:
            self._fetch()
            returned = frozenset(move.source for move in self._returned)
            settled = self._settled(returned)
            if not no_inspector:
                self._ingest(settled)
        self._notice_lost()
        with self._copying():
            if self._options.process:
                self._process(no_inspector)
        self._stage()

    def _fetch(self) -> None:
        """Put uploads right that a service left, and fetch what is due of sources, and what clients named by a URL."""
        mission = self._definition.mission
        if self._has_uploads:
            from dbproc.ingest.uploads import settle

            settle(self._store, mission, self._report)
        if any(source.active for source in mission.sources):
            from dbproc.ingest.due import sources_due

            due = sources_due(self._store, mission)
            if due:
                from dbproc.ingest.sources import fetch_from

                fetch_from(due, self._store, mission, self._report, self._run_id)
        if self._has_imports:
            from dbproc.ingest.imports import fetch_imports

            fetch_imports(self._store, mission, self._report, self._run_id)

    def work_off(self, request: Request) -> None:
        """Run one process over a range of dates."""
        from dbproc.core.lookup import process_named
        from dbproc.products.inspection import Inspection
        from dbproc.run.on_demand import OnDemand, decisions_of, leave_out, narrowed, tell_undue

        refused = self._makers(self._settle_inspectors()) | self._settle_edits()
        self._notice_lost()
        process = process_named(self._definition, request.process).process_id
        if process in refused:
            return
        definition = narrowed(self._definition, request)
        leave_out(self._store, self._definition, request)
        decisions = decisions_of(self._store, definition, request)
        tell_undue(self._report, definition, decisions)
        with self._store.begin() as connection:
            links.outdate(connection)
        with self._copying(), Inspection(definition) as inspection:
            if not self._unconfirmed(inspection, frozenset({process})):
                self._execute(definition, OnDemand(definition, decisions), inspection)
        self._put_links_right(None)

    def _copying(self) -> AbstractContextManager[object]:
        """Copies of files go into stores meanwhile, as the mission wants."""
        if not self._definition.mission.replicates:
            return nullcontext()
        from dbproc.run.copying import Copying

        return Copying(self._store, self._definition, self._run_id, self._report)

    def recover(self, *, was_killed: bool) -> None:
        """Put right what a dead run left; `was_killed`: it held the lock."""
        with self._store.begin() as connection:
            waits = pending(connection, dt.datetime.now(dt.UTC))
        self._has_stages, self._has_uploads, self._has_imports = waits.stages, waits.uploads, waits.imports
        self._workspace.try_again()
        has_leftovers = bool(waits.moves or waits.running or self._workspace.leftovers())
        if has_leftovers or was_killed:
            from dbproc.run.recovery import recover

            mission = self._definition.mission
            self._returned = recover(self._store, mission, self._workspace, self._run_id, self._report)
            from dbproc.check.after_crash import check_after_crash

            check_after_crash(self._store, self._report)

    def drop_logs(self) -> None:
        """Remove the logs of jobs that succeeded so long ago that they need not be kept any more."""
        keep = self._definition.mission.keep_logs
        if keep is not None:
            with suppress(OverflowError):  # they are kept for ever
                self._workspace.drop_logs((dt.datetime.now(dt.UTC) - keep).date())

    def forget_returned(self) -> None:
        """Withdraw the announced moves of files that are in incoming again, and were looked at since."""
        if self._returned:
            with self._store.begin() as connection:
                moves.withdraw(connection, self._returned)

    def _notice_lost(self) -> None:
        """Record which files are gone from disk since the last run, before anything is decided."""
        places = changed(self._store, self._definition.mission)
        if places:
            from dbproc.run.lost import notice

            notice(self._store, self._definition, places, self._report)

    def _settle_inspectors(self) -> frozenset[int]:
        """Apply the policy to edited inspectors; return the products whose inspectors must not be used."""
        if not any_inspector_touched(self._definition):
            return frozenset()
        from dbproc.changes.edits import settle_inspector_edits

        self._definition, refused = settle_inspector_edits(self._store, self._definition, self._report)
        return refused

    def _settled(self, returned: frozenset[str] = frozenset()) -> Sequence[Arrival]:
        """What may be taken from incoming; what cannot be looked at is told once."""
        found = scan_mission(self._store, self._definition, self._options.pattern, returned)
        self._report.unsettled = found.unsettled
        self._report.took_nothing = not (found.settled or all(map(is_unfinished, found.names)))
        for name, why in found.unreadable:
            if name not in self._unreadable:
                self._report.add(
                    Event.PROBLEM, name, f"{why}; it stays in incoming, give dbproc's user the right to it"
                )
        self._unreadable.update(name for name, _ in found.unreadable)
        return found.settled

    def _ingest(self, settled: Sequence[Arrival]) -> None:
        if not settled:
            return
        from dbproc.ingest.ingest import Ingest
        from dbproc.products.inspection import Inspection

        with Inspection(self._definition) as inspection:
            ingest = Ingest(self._store, self._definition, inspection, self._run_id, self._report)
            ingest.take(settled, self._progress)

    def _ingest_more(self) -> None:
        """Take in what has settled since."""
        if self._options.ingest and not self._settle_inspectors():
            self._ingest(self._settled())

    def _process(self, no_inspector: frozenset[int]) -> None:
        """Build what is stale, but for products whose inspectors must not be used."""
        refused = self._settle_edits() | self._makers(no_inspector)
        self._start_up(self._allowed - refused)
        with self._store.begin() as connection:
            waits = pending(connection, dt.datetime.now(dt.UTC))
        if waits.queued or waits.retries or waits.waited or waits.campaigns:
            from dbproc.products.inspection import Inspection
            from dbproc.run.campaigns import Campaigns
            from dbproc.run.scheduler import Scheduler

            with Inspection(self._definition) as inspection:
                refused |= self._unconfirmed(inspection, self._allowed - refused)
                scheduler = Scheduler(self._store, self._definition, self._allowed - refused)
                with self._store.begin() as connection:
                    links.outdate(connection)  # until all of it is done
                scheduler.begin()
                self._execute(self._definition, scheduler, inspection, Campaigns(scheduler))
            self._put_links_right(None if waits.links else scheduler.touched)
        elif waits.links:
            self._put_links_right(None)

    def _put_links_right(self, touched: Mapping[int, Collection[dt.date]] | None) -> None:
        """Put the trees of links right, where files of these products and days changed, or everywhere."""
        from dbproc.run.links import refresh

        refresh(self._store, self._definition.mission, self._report, touched)

    def _stage(self) -> None:
        """End requests for staging whose time is over, and work at those of which files wait."""
        if self._has_stages:
            from dbproc.changes.staging.runs import work_off

            work_off(self._store, self._run_id, self._report)

    def _settle_edits(self) -> frozenset[int]:
        """Do what the policy says about edited codes; the processes that must not run."""
        if not any_code_touched(self._definition):
            return frozenset()
        from dbproc.changes.edits import settle_edits

        self._definition, refused = settle_edits(self._store, self._definition, self._report)
        return refused

    def _makers(self, products: frozenset[int]) -> frozenset[int]:
        """The processes that make one of these products."""
        made_by = self._definition.processes.values()
        return frozenset(process.process_id for process in made_by if not products.isdisjoint(process.outputs))

    def _unconfirmed(self, inspection: Inspection, processes: frozenset[int]) -> frozenset[int]:
        """Those of the processes that make what no inspector can confirm, because it cannot be loaded."""
        made = {number for each in processes for number in self._definition.processes[each].outputs}
        faults = inspection.unloadable(made)
        if not faults:
            return frozenset()
        self._report.needs_person = True
        for name, why in faults.items():
            self._report.add_once(
                Event.PROBLEM, name, f"{why.removeprefix(f'{name} ')}; what it is to confirm is not made"
            )
        products = self._definition.products
        return self._makers(frozenset(number for number in made if products[number].inspector.name in faults))

    def _start_up(self, allowed: frozenset[int]) -> None:
        """Run what every run begins with."""
        processes = startup_processes(self._definition, allowed)
        if not processes:
            return
        from dbproc.core.plan import startup_decision
        from dbproc.products.inspection import Inspection
        from dbproc.run.on_demand import OnDemand

        today = dt.datetime.now(dt.UTC).date()
        decisions = [startup_decision(self._definition, process, today) for process in processes]
        with Inspection(self._definition) as inspection:
            self._execute(self._definition, OnDemand(self._definition, decisions), inspection)

    def _execute(
        self,
        definition: Definition,
        source: WorkSource,
        inspection: Inspection,
        campaigns: Campaigns | None = None,
    ) -> None:
        from dbproc.engines.local import LocalEngine
        from dbproc.run.dispatch import Setup
        from dbproc.run.executor import Executor

        engine = LocalEngine(self._options.slots, self._options.ram)
        setup = Setup(self._store, definition, inspection, engine, self._workspace, self._report)
        Executor(setup, self._run_id, source, campaigns, self._ingest_more, self._progress).run()
        self._remark()

    def _remark(self) -> None:
        """Say which versions of codes are slower than the one before, or make files of another size."""
        if not (self._report.counts[Event.BUILT] or self._report.counts[Event.RAN]):
            return
        from dbproc.explain.statistics import remarks_on_run

        for process, remark in remarks_on_run(self._store, self._run_id):
            self._report.add(Event.NOTE, process, remark)
