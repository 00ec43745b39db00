"""The end state depends on which files and codes exist: not on order, batches, or interruptions.

What it is to be is said by a model of a few lines, :meth:`Plan.expected`, that knows nothing of dbproc.
"""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, event, given, settings
from hypothesis import strategies as st

from dbproc.run.selection import Options
from tests.kit import mission as kit
from tests.kit.examples import examples
from tests.kit.filesystems import MEMORY
from tests.kit.mission import Mission
from tests.property import killable
from tests.property.conftest import Copy

LABELLED = """#!/bin/sh
printf '%s' "$1" > made; shift
while [ $# -gt 1 ]; do printf '(%s)' "$(cat "$1")" >> made; shift; done
mv made "$1"
"""
FIRST_DAY = dt.date(2020, 1, 2)
DAYS = 6
VERSIONS = ("1.0.0", "1.0.1", "1.1.0", "2.0.0")


@dataclass(frozen=True)
class Input:
    product: str
    optional: bool
    yesterday: int
    tomorrow: int


@dataclass(frozen=True)
class Process:
    name: str
    timebase: str
    inputs: tuple[Input, ...]
    level: int
    version: int = 0
    build: str = "at once"

    @property
    def label(self) -> str:
        return f"{self.name}-1.{self.version}.0"

    def blocks(self) -> Iterator[str]:
        inputs = [
            {"product": i.product, "optional": i.optional, "yesterday": i.yesterday, "tomorrow": i.tomorrow}
            for i in self.inputs
        ]
        yield kit.product(self.name, self.level)
        code = {"file": "x.sh", "version": f"1.{self.version}.0", "arguments": [self.name + "-{CODEVERSION}"]}
        when = {} if self.build == "at once" else {"build": self.build, "wait": "36000 days"}
        yield kit.process(f"to_{self.name}", self.name, inputs, self.timebase, keys=when, **code)


@dataclass(frozen=True)
class Raw:
    product: str
    day: int
    version: str
    text: str = ""  #: what is in it; nothing: its name
    moved: int = 0  #: by how many days its inspector says another date than its name

    @property
    def date(self) -> dt.date:
        return FIRST_DAY + dt.timedelta(days=self.day + self.moved)

    @property
    def name(self) -> str:
        return f"{self.product}_{FIRST_DAY + dt.timedelta(days=self.day):%Y%m%d}_v{self.version}.txt"

    @property
    def content(self) -> str:
        return self.text or self.name


@dataclass(frozen=True)
class Plan:
    raws: tuple[str, ...]
    processes: tuple[Process, ...]

    def blocks(self) -> list[str]:
        made = [block for process in self.processes for block in process.blocks()]
        return [*(kit.product(name, 0, expect="daily") for name in self.raws), *made]

    def released(self, number: int) -> Plan:
        """With a new version of the code of one process."""
        at = number % len(self.processes)
        newer = replace(self.processes[at], version=self.processes[at].version + 1)
        return replace(self, processes=(*self.processes[:at], newer, *self.processes[at + 1 :]))

    def expected(self, files: list[Raw]) -> dict[tuple[str, dt.date], str]:
        """The content of the newest file of every product and date."""
        content: dict[tuple[str, dt.date], str] = {}
        for file in sorted(files, key=lambda file: file.version):
            content[file.product, file.date] = file.content
        for process in self.processes:
            firsts = {first(process.timebase, date) for _, date in content}
            for start in sorted(firsts):
                made = self._made(process, start, content)
                if made is not None:
                    content[process.name, start] = made
        return content

    def _made(self, process: Process, start: dt.date, content: dict[tuple[str, dt.date], str]) -> str | None:
        stop = last(process.timebase, start)
        parts, covered = [process.label], False
        for link in process.inputs:
            since, until = start - dt.timedelta(link.yesterday), stop + dt.timedelta(link.tomorrow)
            found = sorted(date for name, date in content if name == link.product and since <= date <= until)
            if not found and not link.optional:
                return None
            covered = covered or any(start <= date <= stop for date in found)
            parts += [f"({content[link.product, date]})" for date in found]
        return "".join(parts) if covered else None


def first(timebase: str, day: dt.date) -> dt.date:
    return {"DAILY": day, "WEEKLY": day - dt.timedelta(day.weekday()), "MONTHLY": day.replace(day=1)}[timebase]


def last(timebase: str, day: dt.date) -> dt.date:
    lengths = {"DAILY": 0, "WEEKLY": 6, "MONTHLY": 30}
    return day + dt.timedelta(lengths[timebase])  # every date of these tests is in January


@st.composite
def plans(draw: st.DrawFn, *, can_wait: bool = False) -> Plan:
    """Missions of two or three levels; every process reads what is below it, the last one may be of a period."""
    raws = ("a", "b")[: draw(st.integers(1, 2))]
    below, processes = list(raws), []
    count = draw(st.integers(1, 3))
    for number in range(count):
        timebase = draw(st.sampled_from(["DAILY", "WEEKLY", "MONTHLY"])) if number == count - 1 > 0 else "DAILY"
        chosen = draw(st.lists(st.sampled_from(below), min_size=1, max_size=2, unique=True))
        windows = st.integers(0, 2)
        inputs = tuple(Input(name, draw(st.booleans()), draw(windows), draw(windows)) for name in chosen)
        builds = ["at once", "when over", *(["when complete"] if set(raws) & set(chosen) else [])]
        build = draw(st.sampled_from(builds)) if can_wait else "at once"
        processes.append(Process(f"p{number}", timebase, inputs, number + 1, build=build))
        below.append(f"p{number}")
    return Plan(raws, tuple(processes))


def raw_files(plan: Plan) -> st.SearchStrategy[list[Raw]]:
    one = st.builds(Raw, st.sampled_from(plan.raws), st.integers(0, DAYS - 1), st.sampled_from(VERSIONS))
    return st.lists(one, min_size=3, max_size=9, unique_by=lambda file: file.name)


def runs(plan: Plan) -> st.SearchStrategy[tuple[Options, int | None]]:
    names = [f"to_{process.name}" for process in plan.processes]
    options = st.one_of(
        st.just(Options()),
        st.just(Options()),
        st.builds(Options, process=st.just(False)),
        st.builds(Options, ingest=st.just(False), slots=st.integers(1, 3)),
        st.builds(Options, only=st.lists(st.sampled_from(names), min_size=1, max_size=2, unique=True).map(tuple)),
    )
    return st.tuples(options, st.one_of(st.none(), st.none(), st.integers(1, 60)))


def mission_of(plan: Plan, folder: Path, copy: Copy) -> Mission:
    mission = Mission(folder, copy(folder))
    mission.code("x.sh", LABELLED)
    return mission.define(*plan.blocks())


def check_undisturbed(data: st.DataObject, copy: Copy) -> None:
    plan = data.draw(plans())
    files = data.draw(raw_files(plan))
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        mission = mission_of(plan, Path(folder) / "m", copy)
        deliver(mission, files)
        assert killable.run(mission.database, Options())
        check_end_state(mission, plan, files)
        made = [file for file in mission.files().values() if file.code]
        due = [place for place in plan.expected(files) if place[0] not in plan.raws]
        assert len(mission.attempts()) == len(made) == len(due)


def check_disturbed(data: st.DataObject, copy: Copy) -> None:
    plan = data.draw(plans(can_wait=True))
    files = data.draw(raw_files(plan))
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        mission = mission_of(plan, Path(folder) / "m", copy)
        left = list(files)
        while left:
            some = data.draw(st.integers(1, 4), "files delivered")
            deliver(mission, left[:some])
            del left[:some]
            for options, last_step in data.draw(st.lists(runs(plan), min_size=1, max_size=2), "runs"):
                finished = killable.run(mission.database, options, last_step)
                event(f"a run {'ended' if finished else 'was killed'}")
            if data.draw(st.booleans(), "release a code"):
                plan = plan.released(data.draw(st.integers(0, 2)))
                mission.define(*plan.blocks())
        assert killable.run(mission.database, Options())
        assert mission.queued() == 0
        mission.let_time_pass()
        assert killable.run(mission.database, Options())
        check_end_state(mission, plan, files)
        attempts = mission.attempts()
        assert killable.run(mission.database, Options())
        assert mission.attempts() == attempts


def deliver(mission: Mission, files: list[Raw]) -> None:
    for file in files:
        mission.deliver(file.name, content=file.content)


def check_end_state(mission: Mission, plan: Plan, files: list[Raw]) -> None:
    newest = {name for (name,) in mission.rows("SELECT filename FROM newest_file")}
    found = {
        (file.product, dt.date.fromisoformat(file.date)): file.path.read_text()
        for name, file in mission.files().items()
        if name in newest
    }
    assert found == plan.expected(files)
    labels = {process.name: f"1.{process.version}.0" for process in plan.processes}
    assert all(file.code == labels.get(file.product) for name, file in mission.files().items() if name in newest)
    assert mission.queued() == 0
    assert mission.waiting() == []
    assert mission.rows("SELECT * FROM waitingslot") == []
    mission.check()


# Without shrinking: each example takes a second, and what failed is printed in full.
pytestmark = pytest.mark.timeout(400)  # two cores may be shared by many

QUICK = settings(
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    print_blob=True,
)


@settings(QUICK, max_examples=examples(15))
@given(data=st.data())
def test_one_undisturbed_run_makes_everything_that_is_due_once(data: st.DataObject, sqlite_copy: Copy) -> None:
    check_undisturbed(data, sqlite_copy)


@settings(QUICK, max_examples=examples(20))
@given(data=st.data())
def test_order_batches_and_interruptions_leave_no_trace(data: st.DataObject, sqlite_copy: Copy) -> None:
    check_disturbed(data, sqlite_copy)


@settings(QUICK, max_examples=6)
@given(data=st.data())
@pytest.mark.thorough
def test_order_and_interruptions_leave_no_trace_on_postgresql(data: st.DataObject, postgres_copy: Copy) -> None:
    check_disturbed(data, postgres_copy)
