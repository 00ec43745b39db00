"""What is foreseen is what then happens: file for file, version for version, reason for reason."""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, event, given, settings
from hypothesis import strategies as st

from dbproc.changes.whatif import Change, Prediction, Release, _predicted, if_delivered, if_nothing, if_released
from dbproc.core.candidates import candidates, consumers
from dbproc.core.version import Part, Version
from dbproc.database import queue
from dbproc.database.definition.load import load_definition
from dbproc.database.store import create_database, open_store
from dbproc.run.selection import Options
from tests.kit import mission as kit
from tests.kit.mission import Mission
from tests.property import mortal

# Every output holds its own name, so that no two versions are equal.
CODE = """#!/bin/sh
count=$1; shift
while [ $# -gt "$count" ]; do printf '%s ' "$(basename "$1")" >> made; shift; done
for output; do { basename "$output"; cat made; } > "$output"; done
rm made
"""
FIRST_DAY = dt.date(2020, 1, 2)
DAYS = 5
STATIONS = ("north", "south")
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
FIRST_VERSION = Version(1, 0, 0)
VERSIONS = ("1.0.0", "1.0.1", "1.1.0", "2.0.0")
ATTEMPTS = "SELECT attempt_id, output_file, reasons FROM attempt WHERE status = 'succeeded'"
FILES = "SELECT file_id, filename, interface_version, quality_version, revision_version FROM file"
BESIDE = "SELECT attempt_id, file_id FROM attemptoutput"


@dataclass(frozen=True)
class Process:
    """A process p0 whose outputs are p0 and maybe p0b; its inputs are as a mission file says."""

    name: str
    timebase: str
    inputs: tuple[object, ...]
    outputs: tuple[str, ...]
    level: int
    version: Version = FIRST_VERSION
    interface: int = 1

    def blocks(self) -> Iterator[str]:
        keyword = "_{station}" if self.timebase == "FILE" else ""
        for name in self.outputs:
            yield kit.product(name, self.level, f"{name}{keyword}_{{Y}}{{m}}{{d}}_v{{VERSION}}.txt")
        output = self.outputs[0] if len(self.outputs) == 1 else list(self.outputs)
        code = {
            "file": "x.sh",
            "version": str(self.version),
            "output_interface": self.interface,
            "arguments": [str(len(self.outputs))],
        }
        yield kit.process(f"to_{self.name}", output, list(self.inputs), self.timebase, **code)


@dataclass(frozen=True)
class Plan:
    raws: tuple[str, ...]
    processes: tuple[Process, ...]

    def blocks(self) -> list[str]:
        raws = [kit.product(name, 0, f"{name}_{{station}}_{{Y}}{{m}}{{d}}_v{{VERSION}}.txt") for name in self.raws]
        return [*raws, *(block for process in self.processes for block in process.blocks())]

    def with_process(self, at: int, process: Process) -> Plan:
        return replace(self, processes=(*self.processes[:at], process, *self.processes[at + 1 :]))


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Missions of two to four processes: of files with keywords first, then of days, at last maybe of a longer time."""
    raws = ("a", "b")
    by_file, below, processes = list(raws), list(raws), []
    count = draw(st.integers(2, 4))
    for number in range(count):
        if number == 0 and draw(st.booleans()):
            timebase, sources = "FILE", by_file
        elif number == count - 1:
            timebase, sources = draw(st.sampled_from(["DAILY", "WEEKLY", "MONTHLY"])), below
        else:
            timebase, sources = "DAILY", below
        chosen = draw(st.lists(st.sampled_from(sources), min_size=1, max_size=2, unique=True))
        outputs = (f"p{number}", f"p{number}b") if draw(st.integers(0, 3)) == 0 else (f"p{number}",)
        inputs = draw(some_inputs(chosen, is_daily=timebase == "DAILY"))
        processes.append(Process(f"p{number}", timebase, inputs, outputs, number + 1))
        below += outputs
    return Plan(raws, tuple(processes))


@st.composite
def some_inputs(draw: st.DrawFn, names: list[str], *, is_daily: bool) -> tuple[object, ...]:
    """Each product by itself, or one for want of the other."""
    if len(names) == 2 and draw(st.integers(0, 2)) == 0:
        return ({"first_of": names},)
    days = st.integers(0, 2) if is_daily else st.just(0)
    return tuple(
        {"product": name, "optional": draw(st.booleans()), "yesterday": draw(days), "tomorrow": draw(days)}
        for name in names
    )


def raw_names(plan: Plan) -> st.SearchStrategy[str]:
    def name(product: str, station: str, day: int, version: str) -> str:
        return f"{product}_{station}_{FIRST_DAY + dt.timedelta(day):%Y%m%d}_v{version}.txt"

    days = st.integers(0, DAYS - 1)
    return st.builds(name, st.sampled_from(plan.raws), st.sampled_from(STATIONS), days, st.sampled_from(VERSIONS))


Made = dict[str, tuple[str, list[str]]]
"""By the name of a file that was made: its version, and the reasons."""


def foreseen(foresight: Prediction) -> Made:
    assert not foresight.hindered
    names = [each.name for each in foresight.made]
    assert len(names) == len(set(names))
    return {str(each.name): (str(each.version), sorted(each.reasons)) for each in foresight.made}


def made(mission: Mission) -> Made:
    """Every file that a job made."""
    files = {row[0]: (row[1], ".".join(map(str, row[2:]))) for row in mission.rows(FILES)}
    reasons = {row[0]: sorted(json.loads(row[2])) for row in mission.rows(ATTEMPTS)}
    pairs = [row[:2] for row in mission.rows(ATTEMPTS)] + mission.rows(BESIDE)
    return {files[file_id][0]: (files[file_id][1], reasons[attempt_id]) for attempt_id, file_id in pairs}


def deliver(mission: Mission, names: list[str]) -> None:
    for name in names:
        mission.deliver(name, content=name)


def release_something(data: st.DataObject, mission: Mission, plan: Plan) -> Prediction:
    at = data.draw(st.integers(0, len(plan.processes) - 1), "process")
    process = plan.processes[at]
    part, rises = data.draw(st.sampled_from(Part), "part"), data.draw(st.booleans(), "output interface rises")
    newer = replace(process, version=process.version.bumped(part), interface=process.interface + rises)
    interface = newer.interface if rises else None
    release = Release(process=f"to_{process.name}", version=newer.version, output_interface=interface)
    foresight = ask(mission, lambda store: if_released(store, release))
    mission.define(*plan.with_process(at, newer).blocks())
    return foresight


def force_something(data: st.DataObject, mission: Mission, plan: Plan) -> Prediction:
    """Queue a file with the part that is to rise in whatever is made from it."""
    part = data.draw(st.sampled_from(Part), "part")
    with open_store(mission.database) as store, store.begin() as connection:
        definition = load_definition(connection)
        every = [row[0] for row in mission.rows("SELECT file_id FROM newest_file ORDER BY filename")]
        item = queue.as_queued(connection, file_ids=[data.draw(st.sampled_from(every), "file")])
        waiting = {each.file_id for each in queue.load(connection)}
    slots = sorted({slot for slot, _ in candidates(consumers(definition), item)})
    foresight = ask(mission, lambda store: _predicted(store, Change(definition, slots=slots, forced=part)))
    with open_store(mission.database) as store, store.begin() as connection:
        queue.remove(connection, waiting & {item[0].file_id})
        queue.push(connection, [item[0].file_id], "forced", int(part))
    return foresight


def deliver_something(data: st.DataObject, mission: Mission, plan: Plan) -> Prediction:
    name = data.draw(raw_names(plan).filter(lambda name: name not in mission.files()), "file")
    path = mission.root / name
    path.write_text(name)
    foresight = ask(mission, lambda store: if_delivered(store, str(path)))
    path.rename(mission.incoming / name)
    return foresight


def leave_it(_: st.DataObject, mission: Mission, __: Plan) -> Prediction:
    return ask(mission, if_nothing)


CHANGES = [release_something, release_something, force_something, deliver_something, leave_it]


def ask(mission: Mission, question: object) -> Prediction:
    with open_store(mission.database, read_only=True) as store:
        return question(store)  # type: ignore[operator,no-any-return]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "empty.sqlite"
    create_database(str(path))
    return path


pytestmark = pytest.mark.timeout(400)  # two cores may be shared by many


@settings(
    max_examples=10,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    print_blob=True,
)
@given(data=st.data())
def test_what_is_foreseen_is_what_then_happens(data: st.DataObject, template: Path) -> None:
    plan = data.draw(plans())
    names = data.draw(st.lists(raw_names(plan), min_size=3, max_size=9, unique=True))
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        root = Path(folder) / "m"
        root.mkdir()
        mission = Mission(root, str(shutil.copy(template, root / "mission.sqlite")))
        mission.code("x.sh", CODE)
        mission.define(*plan.blocks())
        later = data.draw(st.integers(0, 2), "files that are only queued")
        deliver(mission, names[later:])
        mortal.run_here(mission.database, Options())
        deliver(mission, names[:later])
        mortal.run_here(mission.database, Options(process=False))
        before = made(mission)
        change = data.draw(st.sampled_from(CHANGES), "change")
        foresight = foreseen(change(data, mission, plan))
        assert made(mission) == before
        mortal.run_here(mission.database, Options())
        happened = {name: facts for name, facts in made(mission).items() if name not in before}
        assert foresight == happened
        event(f"{change.__name__}: {'some' if happened else 'no'} files")
        assert foreseen(ask(mission, if_nothing)) == {}
