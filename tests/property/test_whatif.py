"""What is foreseen is what then happens: file for file, version for version, reason for reason."""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, event, given, settings
from hypothesis import strategies as st

from dbproc import cycle
from dbproc.changes import release, reprocess
from dbproc.changes.whatif import Prediction, if_delivered, if_released, if_reprocessed
from dbproc.core.errors import UserError
from dbproc.core.events import Report
from dbproc.core.model import SameName
from dbproc.core.slot_text import SlotChoice, between_days
from dbproc.core.version import Part, Version
from dbproc.database import files
from dbproc.database.store import Store, open_store
from dbproc.explain.plan import plan
from dbproc.run.selection import Options
from tests.kit import mission as kit
from tests.kit.examples import examples
from tests.kit.filesystems import MEMORY
from tests.kit.mission import Mission
from tests.property import killable
from tests.property.conftest import Copy
from tests.property.foresight import Made, T, ask, built, foreseen, last_attempt, made, planned, waiting, waiting_then

# Every output holds its own name, so that no two versions are equal.
CODE = """#!/bin/sh
[ ! -e "$(dirname "$0")/../broken" ] || exit 1
count=$1; shift
while [ $# -gt "$count" ]; do printf '%s ' "$(basename "$1")" >> made; shift; done
for output; do { basename "$output"; cat made; } > "$output"; done
rm made
"""
FIRST_DAY = dt.date(2020, 1, 2)
DAYS = 5
STATIONS = ("north", "south")
FIRST_VERSION = Version(1, 0, 0)
VERSIONS = ("1.0.0", "1.0.1", "1.1.0", "2.0.0")
CODES = """
SELECT DISTINCT c.interface_version, c.quality_version, c.revision_version
FROM code c JOIN process p ON p.process_id = c.process_id WHERE p.process_name = '{}'
"""
FAILED = """
SELECT p.process_name, a.message FROM attempt a JOIN process p ON p.process_id = a.process_id
WHERE a.status = 'failed' AND a.attempt_id > {}
"""
ACTIVE = """
SELECT count(*) FROM code c JOIN process p ON p.process_id = c.process_id
WHERE c.active_code AND p.process_name = '{}'
"""


@dataclass(frozen=True)
class Process:
    """A process p0 whose outputs are p0 and maybe p0b; its inputs are as a mission file says."""

    name: str
    timebase: str
    inputs: tuple[object, ...]
    outputs: tuple[str, ...]
    level: int
    build: str = "at once"
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
        when = {} if self.build == "at once" else {"build": self.build, "wait": "36000 days"}
        yield kit.process(f"to_{self.name}", output, list(self.inputs), self.timebase, keys=when, **code)


@dataclass(frozen=True)
class World:
    raws: tuple[str, ...]
    processes: tuple[Process, ...]

    def blocks(self) -> list[str]:
        form = "{name}_{{station}}_{{Y}}{{m}}{{d}}_v{{VERSION}}.txt"
        raws = [kit.product(name, 0, form.format(name=name), expect="daily") for name in self.raws]
        return [*raws, *(block for process in self.processes for block in process.blocks())]


@st.composite
def worlds(draw: st.DrawFn) -> World:
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
        inputs = draw(some_inputs(chosen, timebase))
        builds = ["at once", "at once", "when over", *(["when complete"] if set(raws) & set(chosen) else [])]
        processes.append(Process(f"p{number}", timebase, inputs, outputs, number + 1, draw(st.sampled_from(builds))))
        below += outputs
    return World(raws, tuple(processes))


@st.composite
def some_inputs(draw: st.DrawFn, names: list[str], timebase: str) -> tuple[object, ...]:
    """Each product by itself, or one for want of the other; by FILE, some is required that tells the station."""
    if len(names) == 2 and draw(st.integers(0, 2)) == 0:
        return ({"first_of": names},)
    days = st.integers(0, 2) if timebase == "DAILY" else st.just(0)
    required = names[0] if timebase == "FILE" else ""
    return tuple(
        {
            "product": name,
            "optional": name != required and draw(st.booleans()),
            "yesterday": draw(days),
            "tomorrow": draw(days),
        }
        for name in names
    )


def raw_names(world: World) -> st.SearchStrategy[str]:
    def name(product: str, station: str, day: int, version: str) -> str:
        return f"{product}_{station}_{FIRST_DAY + dt.timedelta(day):%Y%m%d}_v{version}.txt"

    days = st.integers(0, DAYS - 1)
    return st.builds(name, st.sampled_from(world.raws), st.sampled_from(STATIONS), days, st.sampled_from(VERSIONS))


def on_disk(mission: Mission) -> dict[str, str]:
    """Every product's file by its name, with what is in it."""
    return {path.name: path.read_text() for path in (mission.root / "data").rglob("*.txt")}


def deliver(mission: Mission, names: list[str]) -> None:
    for name in names:
        mission.deliver(name, content=name)


def tell(mission: Mission, change: Callable[[Store], T]) -> T:
    with open_store(mission.database) as store:
        return change(store)


def outcome(way: Callable[[Mission, Callable[[Store], T]], T], mission: Mission, what: Callable[[Store], T]) -> T | str:
    """What comes of it, or the words in which it is refused."""
    try:
        return way(mission, what)
    except UserError as error:
        return str(error)


# --- changes: what is said of one, and then it is made ---


def release_something(data: st.DataObject, mission: Mission, world: World) -> Prediction | None:
    """Any version, dates and interface: what is refused is refused in the same words."""
    process = f"to_{data.draw(st.sampled_from(world.processes), 'process').name}"
    known = sorted(Version(*row) for row in mission.rows(CODES.format(process)))
    rising = [known[-1].bumped(part) for part in Part]
    is_rollback = data.draw(st.booleans(), "rollback") and len(known) > 1
    days = [FIRST_DAY + dt.timedelta(day) for day in range(-1, DAYS + 1)]
    dates = [None, None, *days] if mission.one(ACTIVE.format(process)) == 1 else days
    first = data.draw(st.sampled_from(dates), "from")
    last = data.draw(st.sampled_from([None, None, *(day for day in days if first is None or day >= first)]), "to")
    request = release.Request(
        process=process,
        version=data.draw(st.sampled_from(known[:-1] if is_rollback else rising), "version"),
        first=first,
        last=last,
        is_rollback=is_rollback,
    )
    if data.draw(st.integers(0, 3), "refused, maybe") == 0:
        request = replace(request, version=data.draw(st.sampled_from([*known, Version(1, 0, 7)]), "any version"))
    elif not is_rollback:
        file = data.draw(st.sampled_from([None, None, "x.sh", "y.sh"]), "file")
        request = replace(
            request, file=file, output_interface=data.draw(st.sampled_from([None, None, 1, 2]), "interface")
        )
    said = outcome(ask, mission, lambda store: if_released(store, request))
    done = outcome(tell, mission, lambda store: release.release(store, request))
    if isinstance(said, str) or isinstance(done, str):
        assert said == done
        event("a release is refused")
        return None
    event("a rollback" if request.is_rollback else "a release")
    return said


def release_for_later_dates(data: st.DataObject, mission: Mission, world: World) -> None:
    """A version that there may be a rollback from."""
    process = data.draw(st.sampled_from(world.processes), "process that had two versions")
    first = FIRST_DAY + dt.timedelta(data.draw(st.integers(0, DAYS - 1), "first day of the second"))
    request = release.Request(process=f"to_{process.name}", version=Version(1, 0, 1), first=first)
    tell(mission, lambda store: release.release(store, request))
    killable.run_here(mission.database, Options())


def reprocess_something(data: st.DataObject, mission: Mission, world: World) -> Prediction | None:
    """What is stale, of which something may be lost, or everything."""
    if data.draw(st.booleans(), "a file is lost"):
        lose(mission, data.draw(st.sampled_from(sorted(on_disk(mission))), "lost file"))
    selection = some_selection(data, world)
    part = data.draw(st.sampled_from([None, *Part, *Part]), "part")
    said = ask(mission, lambda store: if_reprocessed(store, selection, part))

    def put(store: Store) -> object:
        chosen = reprocess.choose(store, selection, part)
        if part is None:
            return reprocess.queue_inputs(store, chosen)
        return reprocess.begin_campaign(store, chosen, part, reprocess.Order()) if chosen.decisions else None

    tell(mission, put)
    return said


def begin_limited_campaign(data: st.DataObject, mission: Mission, world: World) -> None:
    selection, part = some_selection(data, world), data.draw(st.sampled_from(Part), "part")
    order = reprocess.Order(
        newest_first=data.draw(st.booleans(), "newest first"), jobs_per_run=data.draw(st.integers(1, 5), "jobs per run")
    )

    def begin(store: Store) -> None:
        chosen = reprocess.choose(store, selection, part)
        if chosen.decisions:
            reprocess.begin_campaign(store, chosen, part, order)

    tell(mission, begin)


def deliver_something(data: st.DataObject, mission: Mission, world: World) -> Prediction | None:
    """A file, or one that was lost."""
    lost = sorted(path.name for path in (mission.root / "lost").glob("*"))
    name = data.draw(st.sampled_from(lost) if lost else raw_names(world), "file")
    if name in mission.files() and not lost:
        return None
    path = mission.root / "lost" / name
    if not lost:
        path.write_text(name)
    said = ask(mission, lambda store: if_delivered(store, str(path)))
    path.rename(mission.incoming / name)
    return said


def deliver_some(data: st.DataObject, mission: Mission, world: World) -> None:
    deliver(mission, data.draw(st.lists(raw_names(world), max_size=4, unique=True), "files"))


def deliver_of_all_kinds(data: st.DataObject, mission: Mission, world: World) -> None:
    """New files, versions, copies, other bytes under a known name, files of no product, of derived ones, lost ones."""
    lost = sorted((mission.root / "lost").glob("*"))
    for path in data.draw(st.lists(st.sampled_from(lost), max_size=2, unique=True), "come back") if lost else ():
        path.rename(mission.incoming / path.name)
    known = st.sampled_from(sorted(on_disk(mission)))
    names = st.one_of(raw_names(world), known, known.map(as_next_version), st.just("nobody_20200102.txt"))
    for name in data.draw(st.lists(names, min_size=1, max_size=6, unique=True), "files"):
        content = data.draw(st.sampled_from([name, name, f"{name}, better"]), "content")
        if not (mission.incoming / name).exists():
            mission.deliver(name, content=on_disk(mission).get(name, content) if content == name else content)


def as_next_version(name: str) -> str:
    stem, version = name.removesuffix(".txt").rsplit("_v", 1)
    return f"{stem}_v{Version.parse(version).bumped(Part.QUALITY)}.txt"


def break_codes(data: st.DataObject, mission: Mission, world: World) -> None:
    """Jobs that failed, and are tried again, later or at once, or given up."""
    deliver_some(data, mission, world)
    (mission.root / "broken").touch()
    tell(mission, lambda store: cycle.run(store, Options(), Report()))
    (mission.root / "broken").unlink()


def edit_code(_: st.DataObject, mission: Mission, __: World) -> None:
    with (mission.codes / "x.sh").open("a") as code:
        code.write("# edited\n")


def ingest_only(data: st.DataObject, mission: Mission, world: World) -> None:
    """Files that are queued, and nothing is built yet."""
    deliver_some(data, mission, world)
    killable.run_here(mission.database, Options(process=False))


def vanish(data: st.DataObject, mission: Mission, _: World) -> None:
    """Files that are gone from disk, and nobody has said so; never all of a directory."""
    for name in data.draw(st.lists(st.sampled_from(sorted(on_disk(mission))), max_size=4, unique=True), "vanished"):
        path = mission.files()[name].path
        if len(list(path.parent.iterdir())) > 1:
            path.rename(mission.root / "lost" / name)


def edit_in_place(data: st.DataObject, mission: Mission, world: World) -> None:
    """A file that somebody changes where it is: the plan says which jobs of the next run it hinders, and why."""
    deliver_some(data, mission, world)
    path = mission.files()[data.draw(st.sampled_from(sorted(on_disk(mission))), "edited")].path
    former = path.read_bytes()
    path.write_bytes(former + b"edited")
    since = last_attempt(mission)
    answer = ask(mission, lambda store: plan(store, Options()))
    tell(mission, lambda store: cycle.run(store, Options(), Report()))
    failed = mission.rows(FAILED.format(since))
    assert sorted((each.process, each.why) for each in answer.problems or ()) == sorted(failed)
    of_jobs = sorted((name, sorted(task.inputs)) for task in answer.tasks or () for name in task.outputs)
    assert of_jobs == built(mission, since)
    path.write_bytes(former)


def let_time_pass(_: st.DataObject, mission: Mission, __: World) -> None:
    """What waits has waited long enough."""
    mission.let_time_pass()


def leave_it(_: st.DataObject, __: Mission, ___: World) -> None:
    """Only what campaigns left for a later run."""


def some_selection(data: st.DataObject, world: World) -> reprocess.Selection:
    """Files of a product, or what a process makes, of some dates or of all."""
    days = st.sampled_from([None, None, *(FIRST_DAY + dt.timedelta(day) for day in range(DAYS))])
    start, end = data.draw(days, "start"), data.draw(days, "end")
    if start is not None and end is not None and start > end:
        start, end = end, start
    product = data.draw(st.sampled_from([output for each in world.processes for output in each.outputs]), "product")
    return reprocess.Selection(product=product, slots=SlotChoice(between_days(start, end)))


def lose(mission: Mission, name: str) -> None:
    """A file that is gone from disk, as ``check --repair`` records it."""
    file_id = mission.one(f"SELECT file_id FROM file WHERE filename = '{name}'")
    mission.files()[name].path.rename(mission.root / "lost" / name)

    def record(store: Store) -> None:
        with store.begin() as connection:
            files.set_existing(connection, [file_id], exists=False)

    tell(mission, record)


CHANGES: list[Callable[[st.DataObject, Mission, World], Prediction | None]] = [
    release_something,
    release_something,
    reprocess_something,
    deliver_something,
    begin_limited_campaign,
    begin_limited_campaign,
    deliver_of_all_kinds,
    deliver_of_all_kinds,
    break_codes,
    break_codes,
    ingest_only,
    let_time_pass,
    leave_it,
    vanish,
    vanish,
    edit_in_place,
]


pytestmark = pytest.mark.timeout(400)  # two cores may be shared by many


@settings(
    max_examples=examples(20),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    print_blob=True,
)
@given(data=st.data())
def test_what_is_foreseen_and_planned_is_what_the_next_run_does(data: st.DataObject, sqlite_copy: Copy) -> None:
    world = data.draw(worlds())
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        root = Path(folder) / "m"
        mission = Mission(root, sqlite_copy(root))
        (root / "lost").mkdir()
        for name in ("x.sh", "y.sh"):
            mission.code(name, CODE)
        tries = {"retry_seconds": data.draw(st.sampled_from([0, 36000]), "delay"), "retry_limit": 2}
        mission.define(*world.blocks(), same_name=data.draw(st.sampled_from(SameName), "same name"), **tries)
        deliver(mission, data.draw(st.lists(raw_names(world), min_size=3, max_size=9, unique=True)))
        killable.run_here(mission.database, Options())
        release_for_later_dates(data, mission, world)
        for _ in range(data.draw(st.integers(2, 4), "changes")):
            if data.draw(st.integers(0, 5), "a code is edited before") == 0:
                edit_code(data, mission, world)
            change = data.draw(st.sampled_from(CHANGES), "change")
            happened = holds(mission, change(data, mission, world))
            event(f"{change.__name__}: {'some' if happened else 'no'} files")


def holds(mission: Mission, said: Prediction | None) -> list[Made]:
    """Run, and hold what was said of the change, and what is planned, against what then is in the database and on disk;
    what happened."""
    before, since = on_disk(mission), last_attempt(mission)
    arriving = {path.name for path in mission.incoming.iterdir()}
    plan_of_run, to_wait = planned(mission), waiting_then(mission)
    assert (on_disk(mission), last_attempt(mission)) == (before, since)
    report = Report()
    with Store(mission.database) as store:
        cycle.run(store, Options(), report)
    happened = made(mission, since)
    assert (plan_of_run, to_wait) == (built(mission, since), waiting(mission))
    assert said is None or foreseen(said) == happened
    new = {name for name, content in on_disk(mission).items() if before.get(name) != content}
    assert new - arriving == {each.name for each in happened} - arriving
    return happened
