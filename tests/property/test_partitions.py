"""Missions with keys, periods, windows and calibrations: the end state is the one of a model that knows no dbproc,
whatever the order, the batches and the interruptions, and what is foreseen is what then happens."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, assume, event, given, settings
from hypothesis import strategies as st

from dbproc.changes.whatif import if_delivered
from dbproc.run.selection import Options
from tests.kit.examples import examples
from tests.kit.filesystems import MEMORY
from tests.kit.mission import Mission
from tests.property import killable
from tests.property.conftest import Copy
from tests.property.foresight import Made, ask, built, foreseen, last_attempt, made, planned
from tests.property.partitions import (
    DATA,
    Delivery,
    World,
    calibrations,
    deliver,
    deliveries,
    worlds,
    worlds_of_moving_orbits,
)
from tests.property.partitions_model import State, rebuilt

pytestmark = pytest.mark.timeout(400)  # two cores may be shared by many

MOST = 40
"""Outputs of a mission; there are some of hundreds, which take long and tell no more."""
QUICK = settings(
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    print_blob=True,
)


@contextmanager
def mission_of(world: World, copy: Copy) -> Iterator[Mission]:
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        yield world.mission(Path(folder) / "m", copy)


def check_batches(data: st.DataObject, copy: Copy, world: World) -> None:
    """Files in batches, and a run after each that does what was foreseen, and what the model says, and no more."""
    left = data.draw(deliveries(world))
    assume(len(world.expected(left)) <= MOST)
    files: list[Delivery] = []
    with mission_of(world, copy) as mission:
        while left:
            some = data.draw(st.integers(3, 12), "files delivered")
            files, before = files + left[:some], world.expected(files)
            deliver(mission, left[:some])
            del left[:some]
            check_run(mission, before, world.expected(files))
        check_idle(mission)


def check_disturbed(data: st.DataObject, copy: Copy) -> None:
    """Files in batches, and runs that do a part of the work, or are killed."""
    world = data.draw(worlds())
    files = data.draw(deliveries(world))
    assume(len(world.expected(files)) <= MOST)
    left = list(files)
    with mission_of(world, copy) as mission:
        while left:
            some = data.draw(st.integers(3, 12), "files delivered")
            deliver(mission, left[:some])
            del left[:some]
            options, last_step = data.draw(runs(world))
            finished = killable.run(mission.database, options, last_step)
            event(f"a run {'ended' if finished else 'was killed'}")
        killable.run_here(mission.database, Options())
        check_end_state(mission, world.expected(files))
        check_idle(mission)


def runs(world: World) -> st.SearchStrategy[tuple[Options, int | None]]:
    names = [f"to_{process.output.name}" for process in world.processes]
    only = st.sampled_from(names).map(lambda name: Options(only=(name,)))
    options = st.one_of(st.just(Options()), st.just(Options()), st.just(Options(process=False)), only)
    return st.tuples(options, st.one_of(st.none(), st.integers(1, 60)))


def check_run(mission: Mission, before: State, after: State) -> None:
    """One run that brings a mission from one state to another."""
    since, plan = last_attempt(mission), planned(mission)
    killable.run_here(mission.database, Options())
    assert built(mission, since) == plan
    assert stems(name for name, _ in plan) == sorted(rebuilt(before, after))
    check_end_state(mission, after)
    event("outputs appear" if after.keys() - before.keys() else "outputs are rebuilt" if plan else "nothing to do")


def foretold(mission: Mission, file: Delivery) -> list[Made]:
    """What is said of a delivery, of a file that lies elsewhere."""
    path = mission.root / file.name
    path.write_text(file.contents)
    said = ask(mission, lambda store: if_delivered(store, str(path)))
    path.unlink()
    return foreseen(said)


def check_end_state(mission: Mission, expected: State) -> None:
    newest = {name for (name,) in mission.rows("SELECT filename FROM newest_file")}
    outputs = {name: file for name, file in mission.files().items() if file.code and name in newest}
    found: State = {}
    for name, file in outputs.items():
        assert file.inputs <= newest
        assert file.path.read_text().split() == [name, *sorted(file.inputs)]
        (stem,) = stems([name])
        found[stem] = frozenset(stems([each])[0] if each in outputs else each for each in file.inputs)
    assert found == expected
    assert mission.queued() == 0
    assert mission.waiting() == []
    mission.check()


def check_idle(mission: Mission) -> None:
    since = last_attempt(mission)
    assert planned(mission) == []
    killable.run_here(mission.database, Options())
    assert last_attempt(mission) == since


def stems(names: Sequence[str] | Iterator[str]) -> list[str]:
    return sorted(name.partition("_v")[0] for name in names)


@settings(QUICK, max_examples=examples(18))
@given(data=st.data())
def test_whatever_the_batches_each_run_makes_what_is_due_and_no_more(data: st.DataObject, sqlite_copy: Copy) -> None:
    check_batches(data, sqlite_copy, data.draw(worlds()))


@settings(QUICK, max_examples=examples(6))
@given(data=st.data())
def test_an_orbit_of_other_times_takes_other_files(data: st.DataObject, sqlite_copy: Copy) -> None:
    check_batches(data, sqlite_copy, data.draw(worlds_of_moving_orbits()))


@settings(QUICK, max_examples=examples(8))
@given(data=st.data())
def test_order_batches_and_interruptions_leave_no_trace(data: st.DataObject, sqlite_copy: Copy) -> None:
    check_disturbed(data, sqlite_copy)


@settings(QUICK, max_examples=examples(8))
@given(data=st.data())
def test_a_calibration_for_a_past_date_makes_stale_what_should_have_used_it(
    data: st.DataObject, sqlite_copy: Copy
) -> None:
    world = data.draw(worlds(calibrated=True))
    files = data.draw(deliveries(world))
    assume(len(world.expected(files)) <= MOST)
    with mission_of(world, sqlite_copy) as mission:
        deliver(mission, files)
        killable.run_here(mission.database, Options())
        for late in data.draw(calibrations(world, files)):
            before = world.expected(files)
            files = [*files, late]
            after = world.expected(files)
            since = last_attempt(mission)
            said = foretold(mission, late)
            deliver(mission, [late])
            check_run(mission, before, after)
            assert said == made(mission, since)


@settings(QUICK, max_examples=80)
@given(data=st.data())
@pytest.mark.thorough
def test_many_batches(data: st.DataObject, sqlite_copy: Copy) -> None:
    check_batches(data, sqlite_copy, data.draw(worlds(DATA)))


@settings(QUICK, max_examples=8)
@given(data=st.data())
@pytest.mark.thorough
def test_batches_on_postgresql(data: st.DataObject, postgres_copy: Copy) -> None:
    check_batches(data, postgres_copy, data.draw(worlds()))


@settings(QUICK, max_examples=6)
@given(data=st.data())
@pytest.mark.thorough
def test_interruptions_on_postgresql(data: st.DataObject, postgres_copy: Copy) -> None:
    check_disturbed(data, postgres_copy)
