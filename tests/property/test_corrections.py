"""After deliveries, withdrawals, restorations, replacements, reinspections, releases, losses of made files and
runs, the end state is that of the files in force, as the model of :mod:`tests.property.test_end_state` says it."""

from __future__ import annotations

import json
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

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
from tests.property.foresight import built, last_attempt, last_correction, planned, to_withdraw, withdrawn
from tests.property.test_end_state import LABELLED, Plan, Raw, check_end_state, deliver, plans, raw_files

pytestmark = pytest.mark.timeout(400)  # two cores may be shared by many

QUICK = settings(
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    print_blob=True,
)
CALENDAR = '''
import datetime as dt
import json
import os

from dbproc.products import Facts, Inspector


class Calendar(Inspector):
    """The dates of some files are other than their names say."""

    def inspect(self, path, name):
        with open("CALENDAR") as text:
            days = dt.timedelta(json.load(text).get(os.path.basename(path), 0))
        day = dt.datetime.combine(name.date, dt.time(), dt.UTC) + days
        stop = day + dt.timedelta(days=1, microseconds=-1)
        return Facts(start=day, stop=stop, date=day.date(), tolerance=10)
'''


class Story:
    """What happens to a mission, and which files are in force."""

    def __init__(self, plan: Plan, folder: Path, copy: Copy, *, inspected: bool) -> None:
        self.plan = plan
        self.inspected = inspected
        self.force: dict[str, Raw] = {}
        self.out: dict[str, Raw] = {}
        self.together: list[set[str]] = []
        self.mission = Mission(folder, copy(folder))
        self.mission.code("x.sh", LABELLED)
        self.calendar = folder / "calendar.json"
        self.calendar.write_text("{}")
        self.mission.inspector("calendar.py", CALENDAR.replace("CALENDAR", str(self.calendar)))
        self.define()

    def define(self) -> None:
        keys: dict[str, Any] = {"inspector": {"file": "calendar.py"}} if self.inspected else {}
        raws = [kit.product(name, 0, **keys) for name in self.plan.raws]
        made = [block for process in self.plan.processes for block in process.blocks()]
        self.mission.define(*raws, *made, settle_seconds=0)

    def run(self) -> None:
        """One run, which does what was foreseen."""
        jobs, corrections = last_attempt(self.mission), last_correction(self.mission)
        foreseen = planned(self.mission), to_withdraw(self.mission)
        assert killable.run(self.mission.database, Options())
        assert (built(self.mission, jobs), withdrawn(self.mission, corrections)) == foreseen

    def deliver(self, files: list[Raw]) -> None:
        new = [file for file in files if file.name not in (*self.force, *self.out) and not self.has_twin(file)]
        deliver(self.mission, new)
        self.force.update((file.name, file) for file in new)
        assert killable.run(self.mission.database, Options(process=False))

    def has_twin(self, file: Raw) -> bool:
        """Whether another file is of the same product, date and version, as one may be that was inspected anew."""
        others = (each for each in (*self.force.values(), *self.out.values()) if each.name != file.name)
        mine = (file.product, file.date, file.version)
        return any((each.product, each.date, each.version) == mine for each in others)

    def withdraw(self, name: str, *, whole: bool) -> None:
        words = ("--whole-slot",) if whole else ()
        self.mission.dbproc("withdraw", name, "--reason", "bad", *words)
        file = self.force.pop(name)
        self.out[name] = file
        if whole:
            same = [each for each in self.force.values() if (each.product, each.date) == (file.product, file.date)]
            self.out.update((each.name, self.force.pop(each.name)) for each in same)
            self.together.append({name, *(each.name for each in same)})

    def restore(self, name: str) -> None:
        self.mission.dbproc("restore", name)
        back = next((names for names in self.together if name in names), {name})
        self.together = [names for names in self.together if name not in names]
        self.force.update((each, self.out.pop(each)) for each in back)

    def replace(self, name: str, text: str) -> None:
        path = self.mission.root / "corrected"
        path.write_text(text)
        self.mission.dbproc("replace", name, "with", str(path), "--reason", "better")
        self.force[name] = replace(self.force[name], text=text)

    def reinspect(self, name: str, days: int) -> bool:
        file = replace(self.force[name], moved=days)
        if self.has_twin(file):
            return False
        calendar = json.loads(self.calendar.read_text())
        self.calendar.write_text(json.dumps({**calendar, name: days}))
        self.mission.dbproc("reinspect", name)
        self.force[name] = file
        return True

    def lose(self, data: st.DataObject) -> None:
        """Something that was made vanishes from disk, if something else of its directory stays."""
        made = self.mission.rows(
            "SELECT f.relative_path, f.filename FROM newest_file f WHERE EXISTS "
            "(SELECT 1 FROM filecodelink l WHERE l.resulting_file = f.file_id) ORDER BY 2"
        )
        paths = [self.mission.root / directory / name for directory, name in made]
        paths = [path for path in paths if path.exists() and len(list(path.parent.iterdir())) > 1]
        if paths:
            data.draw(st.sampled_from(paths)).unlink()

    def check(self) -> None:
        check_end_state(self.mission, self.plan, list(self.force.values()))
        attempts = self.mission.attempts()
        self.run()
        assert self.mission.attempts() == attempts


def newest(mission: Mission) -> set[str]:
    return {name for (name,) in mission.rows("SELECT filename FROM newest_file")}


def tell(data: st.DataObject, copy: Copy, folder: Path) -> None:
    plan = data.draw(plans())
    story = Story(plan, folder / "m", copy, inspected=data.draw(st.integers(0, 2)) == 0)
    files = data.draw(raw_files(plan))
    story.deliver(files[:5])
    for number in range(data.draw(st.integers(3, 6), "events")):
        inside, outside = sorted(story.force), sorted(story.out)
        kinds = ["deliver", "run", "release", "lose"] + ["withdraw", "replace"] * 2 * bool(inside)
        kinds += ["reinspect"] * 2 * (bool(inside) and story.inspected) + ["restore"] * 2 * bool(outside)
        kind = data.draw(st.sampled_from(kinds))
        event(kind)
        if kind == "deliver":
            story.deliver(data.draw(raw_files(plan))[:3])
        elif kind == "run":
            story.run()
        elif kind == "release":
            story.plan = story.plan.released(data.draw(st.integers(0, 2)))
            story.define()
        elif kind == "lose":
            story.lose(data)
        elif kind == "withdraw":
            story.withdraw(data.draw(st.sampled_from(inside)), whole=data.draw(st.booleans()))
        elif kind == "restore":
            story.restore(data.draw(st.sampled_from(outside)))
        elif kind == "replace":
            story.replace(data.draw(st.sampled_from(inside)), f"text {number}")
        else:
            story.reinspect(data.draw(st.sampled_from(inside)), data.draw(st.integers(-2, 2)))
    story.run()
    story.check()


@settings(QUICK, max_examples=examples(14))
@given(data=st.data())
def test_the_end_state_is_that_of_what_is_in_force(data: st.DataObject, sqlite_copy: Copy) -> None:
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        tell(data, sqlite_copy, Path(folder))


@settings(QUICK, max_examples=60)
@given(data=st.data())
@pytest.mark.thorough
def test_many_corrections(data: st.DataObject, sqlite_copy: Copy) -> None:
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        tell(data, sqlite_copy, Path(folder))


@settings(QUICK, max_examples=8)
@given(data=st.data())
@pytest.mark.thorough
def test_corrections_on_postgresql(data: st.DataObject, postgres_copy: Copy) -> None:
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        tell(data, postgres_copy, Path(folder))
