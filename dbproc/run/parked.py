"""Tasks that wait for inputs which are not on the disk: they begin when these have come from a store.

Other jobs go on meanwhile. What cannot come now is left to a later run: an outage of a store delays, and fails nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING

from dbproc.core.events import Event, Report
from dbproc.core.model import Mission, Slot, Task
from dbproc.core.reasons import some_names
from dbproc.core.states import Standing
from dbproc.core.text import size_words
from dbproc.database import files
from dbproc.database.store import Store
from dbproc.run.recall import RULE, Recall, came
from dbproc.run.spoilt import leave_to_stores

if TYPE_CHECKING:
    from dbproc.run.mover import Mover

_MOST_AHEAD = 16  # files on their way at the same time


class Parked:
    """The tasks of a run that wait for files from stores.

    Parameters
    ----------
    subject
        What a task is called.
    """

    def __init__(
        self, store: Store, mission: Mission, run_id: int, report: Report, subject: Callable[[Task], str]
    ) -> None:
        self._store = store
        self._mission = mission
        self._run_id = run_id
        self._report = report
        self._subject = subject
        self._recall = Recall(store, mission)
        self._tasks: list[Task] = []
        self._to_ask: list[set[int]] = []  # the files of tasks that wait, and nobody has asked for
        self._mover: Mover | None = None
        self._over = ""  # why nothing more is brought in this run

    @property
    def count(self) -> int:
        """How many tasks wait."""
        return len(self._tasks)

    @property
    def slots(self) -> list[Slot]:
        """Of the tasks that wait."""
        return [task.slot for task in self._tasks]

    def release(self) -> None:
        """Let all go, because they are decided anew; what is on its way for them comes nevertheless."""
        self._tasks.clear()
        self._to_ask.clear()

    def admit(self, tasks: Sequence[Task]) -> list[Task]:
        """The tasks whose inputs are on the disk, or can come from nowhere; the others wait from now on."""
        if not self._mission.stores or not tasks:
            return list(tasks)
        away = self._away({file.file_id for task in tasks for file in task.inputs})
        for task in tasks:
            if not away.isdisjoint(task.input_ids):
                self._tasks.append(task)
                self._to_ask.append(away.intersection(task.input_ids))
        self._ask()
        return [task for task in tasks if away.isdisjoint(task.input_ids)]

    def _ask(self) -> None:
        """Ask for the files of the first tasks that wait, not for more than are needed soon: there is to be room."""
        while self._to_ask and (self._over or len(self._recall.wanted) < _MOST_AHEAD):
            self._recall.want(self._to_ask.pop(0), self._over)
        self._settle()
        if self._recall.wanted:
            self._begin()

    def step(self, seconds: float) -> list[Task]:
        """The tasks whose inputs have come; waits at most so many seconds for something to happen."""
        if not self._tasks:
            return []
        if self._mover is not None and seconds:
            self._mover.wait(seconds)
        is_at_work = self._mover is not None and self._mover.is_at_work
        self._recall.take_back()
        if not is_at_work:
            self._next_round()
        self._ask()
        return self._ready()

    def ask_to_stop(self) -> None:
        """Have what moves files end."""
        if self._mover is not None:
            self._mover.ask_to_stop()

    def stop(self) -> None:
        """End what moves files, and say what came."""
        if self._mover is not None:
            self._end()
            with self._store.begin() as connection:
                for each in came(connection, self._run_id):
                    count = f"{each.files} file{'' if each.files == 1 else 's'}"
                    self._report.add(Event.NOTE, "recall", f"{count}, {size_words(each.size)}, from {each.store}")

    def _end(self) -> None:
        if self._mover is not None:
            self._mover.stop()
            self._mover = None

    def _begin(self) -> None:
        if self._mover is None or not self._mover.is_at_work:
            from dbproc.run.mover import Mover  # with it comes all that moves files

            self._end()
            self._mover = Mover(self._store, RULE, self._run_id)

    def _next_round(self) -> None:
        """Nothing moves any more: what has not come is asked for elsewhere, or given up."""
        mover = self._mover
        if mover is not None and mover.is_busy:
            self._over = "another process brings such files just now; the next run goes on"
        elif mover is not None and mover.fault:
            self._over = f"{mover.fault}; the next run goes on"
        if self._over:
            self._recall.give_up(self._over)
        elif self._recall.go_on():
            self._begin()

    def _ready(self) -> list[Task]:
        """Take out the tasks that wait for nothing any more."""
        wanted = self._recall.wanted.union(*self._to_ask)
        ready = [task for task in self._tasks if wanted.isdisjoint(task.input_ids)]
        self._tasks = [task for task in self._tasks if not wanted.isdisjoint(task.input_ids)]
        return ready

    def _settle(self) -> None:
        """Let go the tasks whose inputs do not come now: they stay undecided, and what leads to them queued."""
        given_up = self._recall.given_up
        for task in [task for task in self._tasks if not given_up.keys().isdisjoint(task.input_ids)]:
            self._tasks.remove(task)
            names = [file.filename for file in task.inputs if file.file_id in given_up]
            why = next(given_up[number] for number in task.input_ids if number in given_up)
            self._report.add_once(Event.NOTE, self._subject(task), f"waits for {some_names(names)}: {why}")
        for task in self._tasks:
            for file in task.inputs:
                if file.file_id in self._recall.hopeless:
                    self._report.add_once(Event.PROBLEM, file.filename, self._recall.hopeless[file.file_id])

    # --- which inputs are away ---

    def _away(self, file_ids: Collection[int]) -> set[int]:
        """The files that are in stores alone; so are those that are gone or rotten here, and good in a store."""
        with self._store.begin() as connection:
            rows = files.files_numbered(connection, sorted(file_ids))
        away = {row.file_id for row in rows if row.standing is Standing.OFFLOADED}
        here = [row.file_id for row in rows if row.standing is Standing.IN_PLACE]
        away |= leave_to_stores(self._store, self._mission, here, self._report)
        return away - self._recall.hopeless.keys()
