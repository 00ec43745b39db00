"""A task on its way through the engine: not started, ended, having harmed its inputs, or stopped."""

from __future__ import annotations

import datetime as dt
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from dbproc.core.model import Ending, Job, Outcome
from dbproc.run.dispatch import Dispatch, Setup, unless_shut_down
from dbproc.run.outputs import Failure, Result, Success
from dbproc.run.rescue import Found
from dbproc.system import signals
from dbproc.system.signals import Interrupted
from tests.kit.engine import RAW, FakeEngine, delivered, setup_of, tasks_of, write_output
from tests.kit.mission import Mission, chain, name_of

JOB = Job(attempt_id=1, command=("x",), directory="/x", log="/x.log", cpu=1, ram=0.0, time_limit=None)


@pytest.mark.parametrize(
    ("status", "seconds_before", "counts"),
    [
        (-15, 60, Ending.INTERRUPTED),  # the run was busy, and could not hear it
        (143, 60, Ending.INTERRUPTED),
        (-9, 60, Ending.INTERRUPTED),
        (1, 0.5, Ending.INTERRUPTED),  # a script whose own child was ended
        (1, 60, Ending.FAILED),
        (-11, 60, Ending.FAILED),
        (None, 0.5, Ending.FAILED),  # it was never started
    ],
)
def test_a_failure_that_comes_of_the_shutdown_is_none(
    monkeypatch: pytest.MonkeyPatch, status: int | None, seconds_before: float, counts: Ending
) -> None:
    ended = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=3 + seconds_before)
    outcome = Outcome(job=JOB, ending=Ending.FAILED, message="it", exit_status=status, started=ended, ended=ended)
    assert unless_shut_down(outcome) is outcome
    monkeypatch.setattr(signals, "seconds_since", lambda: 3.0)
    assert unless_shut_down(outcome).ending is counts


RAW_TEXT = "raw_20200102"


@pytest.fixture
def mission(tmp_path: Path) -> Mission:
    return delivered(tmp_path / "mission", chain())


def kept(directory: str, _: Found) -> str:
    return f"; kept {os.path.basename(directory)}"


def work_off(setup: Setup, dispatch: Dispatch) -> list[Result]:
    """All results, in the order of their dates."""
    waiting = tasks_of(setup.store, setup.definition)
    results: list[Result] = []
    while waiting or dispatch.running:
        results += dispatch.step(waiting)
    return sorted(results, key=lambda result: result.task.slot)


def input_of(mission: Mission, day: int = 2) -> Path:
    return mission.files()[RAW[day - 1]].path


def on_the_second_day(act: Callable[[Path, Path], Ending | None]) -> Callable[[Job], Ending | None]:
    """Does `act` with input and output of the second day; the others do what they should."""

    def acting(job: Job) -> Ending | None:
        if RAW_TEXT in job.command[-2]:
            return act(Path(job.command[-2]), Path(job.command[-1]))
        write_output(job)
        return None

    return acting


def test_no_more_jobs_are_started_than_the_engine_takes(mission: Mission) -> None:
    engine = FakeEngine(room=2)
    with setup_of(mission, engine) as setup:
        dispatch, waiting = Dispatch(setup, kept, "9-"), tasks_of(setup.store, setup.definition)
        assert [len(dispatch.step(waiting)), len(waiting)] == [2, 1]
        assert [len(dispatch.step(waiting)), len(waiting)] == [1, 0]
    assert [os.path.basename(job.directory) for job in engine.started] == ["9-1", "9-2", "9-3"]
    assert [job.attempt_id for job in engine.started] == [1, 2, 3]


def is_gone(path: Path) -> None:
    path.unlink()


def is_edited(path: Path) -> None:
    path.write_text("other")


def is_edited_secretly(path: Path) -> None:
    """Of the same size, and the time set back."""
    status = path.stat()
    path.write_bytes(b"x" * status.st_size)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def is_another(path: Path) -> None:
    """Another file was moved into its place, of its size and time."""
    status, other = path.stat(), path.with_name("other")
    other.write_bytes(b"x" * status.st_size)
    os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
    other.rename(path)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (is_gone, "is missing from disk; put it back, or deliver it again, or dbproc check --repair"),
        *(
            (spoil, "put the former bytes back, or to use others: dbproc replace raw_20200102_v1.0.0.txt with PATH")
            for spoil in (is_edited, is_edited_secretly, is_another)
        ),
    ],
)
def test_a_task_whose_input_is_not_there_or_not_itself_is_not_started_and_others_are(
    spoil: Callable[[Path], None], words: str, mission: Mission
) -> None:
    spoil(input_of(mission))
    engine = FakeEngine()
    with setup_of(mission, engine) as setup:
        first, second, third = work_off(setup, Dispatch(setup, kept))
    assert isinstance(second, Failure)
    assert second.is_obstacle
    assert str(input_of(mission)) in second.message
    assert words in second.message
    assert all(isinstance(result, Success) for result in (first, third))
    assert len(engine.started) == 2


def changes(source: Path, target: Path) -> None:
    source.write_text("changed")
    target.write_text("made")


def test_a_job_that_changed_its_input_has_failed_and_is_named_among_the_harms(mission: Mission) -> None:
    with setup_of(mission, FakeEngine(on_the_second_day(changes))) as setup:
        dispatch = Dispatch(setup, kept)
        first, second, third = work_off(setup, dispatch)
    assert isinstance(second, Failure)
    assert f"it changed its input {input_of(mission)}, which no code may do" in second.message
    assert not (second.is_obstacle)
    assert not (second.is_interrupted)
    assert dispatch.harms == [second.message]
    assert all(isinstance(result, Success) for result in (first, third))


def test_one_that_was_ended_counts_as_ended_all_the_same(mission: Mission) -> None:
    def act(source: Path, target: Path) -> Ending:
        changes(source, target)
        return Ending.INTERRUPTED

    with setup_of(mission, FakeEngine(on_the_second_day(act))) as setup:
        dispatch = Dispatch(setup, kept)
        _, second, _ = work_off(setup, dispatch)
    assert isinstance(second, Failure)
    assert second.is_interrupted
    assert len(dispatch.harms) == 1


def test_an_input_that_a_job_moved_is_put_back(mission: Mission) -> None:
    def act(source: Path, target: Path) -> None:
        source.rename(target)

    with setup_of(mission, FakeEngine(on_the_second_day(act))) as setup:
        _, second, _ = work_off(setup, Dispatch(setup, kept))
    assert isinstance(second, Failure)
    assert "it moved its input" in second.message
    assert "kept" not in second.message
    assert input_of(mission).read_text() == RAW_TEXT


def test_what_may_be_left_of_an_input_is_kept_and_it_is_said_where(mission: Mission) -> None:
    def act(source: Path, target: Path) -> None:
        target.write_text(source.read_text() + " and more")
        source.unlink()

    with setup_of(mission, FakeEngine(on_the_second_day(act))) as setup:
        _, second, _ = work_off(setup, Dispatch(setup, kept))
        assert isinstance(second, Failure)
        assert second.message.endswith("; kept 2")
        assert Path(second.outcome.job.directory, name_of("clean", 2)).read_text() == f"{RAW_TEXT} and more"


def test_stopped_it_gives_what_ran_and_what_was_not_verified(mission: Mission, monkeypatch: pytest.MonkeyPatch) -> None:
    with setup_of(mission, FakeEngine()) as setup:
        dispatch, tasks = Dispatch(setup, kept), tasks_of(setup.store, setup.definition)

        def interrupted(*_: object) -> None:
            raise Interrupted

        with monkeypatch.context() as patch:
            patch.setattr("dbproc.run.dispatch.verify", interrupted)
            with pytest.raises(Interrupted):
                dispatch.step(tasks[:1])
        (prepared,) = dispatch.prepare(tasks[1:2])
        assert dispatch.start(prepared, 77) is None
        ended = dispatch.stop()
        assert [(task.slot.date.day, outcome.ending) for task, outcome in ended] == [
            (1, Ending.SUCCEEDED),
            (2, Ending.INTERRUPTED),
        ]
        assert ended[1][1].job.attempt_id == 77
        made, lost = dispatch.verify(ended)
        assert isinstance(made, Success)
        assert isinstance(lost, Failure)
        assert lost.is_interrupted
        assert dispatch.stop() == []


class Signalled(FakeEngine):
    """An engine of which outcomes are taken just as the run is told to end."""

    def finished(self) -> list[Outcome]:
        outcomes = super().finished()
        if outcomes:
            os.kill(os.getpid(), signal.SIGTERM)
        return outcomes


def test_an_outcome_that_is_taken_as_a_signal_comes_is_not_lost(mission: Mission) -> None:
    with setup_of(mission, Signalled()) as setup:
        dispatch, tasks = Dispatch(setup, kept), tasks_of(setup.store, setup.definition)
        with pytest.raises(Interrupted), signals.signals_interrupt():
            dispatch.step(tasks[:1])
        assert [(task.slot.date.day, outcome.ending) for task, outcome in dispatch.stop()] == [(1, Ending.SUCCEEDED)]
