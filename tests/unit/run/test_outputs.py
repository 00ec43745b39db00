"""Outputs that are not what was promised make their job fail, whatever its exit status; no run is needed to tell."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from dbproc.core.model import FileFacts, Job, Keying, Planned, Slot, Task
from dbproc.core.version import Version
from dbproc.run.dispatch import Dispatch, Setup
from dbproc.run.outputs import Failure, Result, Success, _disagreement, moves_of, place
from dbproc.storage import fingerprint
from dbproc.storage.digest import digest_file
from tests.kit.engine import FakeEngine, delivered, setup_of, tasks_of, write_output
from tests.kit.mission import Mission, chain, name_of, process, product

TWO = [product("raw", 0), product("a", 1), product("b", 2), process("to_clean", ["a", "b"], ["raw"])]


def results_of(setup: Setup, prefix: str = "") -> list[Result]:
    """What comes of the three days."""
    dispatch = Dispatch(setup, lambda directory, _: f"; kept {directory}", prefix)
    return dispatch.step(tasks_of(setup.store, setup.definition))


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
def setup(tmp_path: Path, engine: FakeEngine) -> Iterator[Setup]:
    with setup_of(delivered(tmp_path / "mission", chain()), engine) as made:
        yield made


@pytest.fixture
def setup_of_two(tmp_path: Path, engine: FakeEngine) -> Iterator[Setup]:
    def write_both(job: Job) -> None:
        for path in job.command[-2:]:
            Path(path).write_text(path)

    engine.act = write_both
    with setup_of(delivered(tmp_path / "mission", TWO), engine) as made:
        yield made


def test_what_was_promised_is_described_with_its_bytes_and_the_place_it_goes_to(setup: Setup) -> None:
    results = results_of(setup)
    assert len(results) == 3
    for day, result in enumerate(results, start=1):
        assert isinstance(result, Success)
        (file,), (move,) = result.files, result.moves
        assert (file.filename, file.size) == (name_of("clean", day), 4)
        assert file.digest == move.digest == digest_file(move.source, setup.definition.mission.digest)
        assert move.target == str(Path(setup.definition.mission.root, "data/clean", file.filename))


def nothing(_: Job) -> None:
    """Make nothing."""


def another_name(job: Job) -> None:
    Path(job.directory, "other.txt").write_text("made")


def an_empty_file(job: Job) -> None:
    Path(job.command[-1]).touch()


def a_link(job: Job) -> None:
    Path(job.command[-1]).symlink_to(job.command[-2])


def a_directory(job: Job) -> None:
    Path(job.command[-1]).mkdir()


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (nothing, "is not there; it wrote nothing"),
        (another_name, "is not there; it wrote other.txt instead"),
        (an_empty_file, "is empty"),
        (a_link, "is not a regular file"),
        (a_directory, "is not a regular file"),
    ],
)
def test_exit_status_0_is_not_enough(act: Callable[[Job], None], words: str, setup: Setup, engine: FakeEngine) -> None:
    engine.act = act
    for result in results_of(setup):
        assert isinstance(result, Failure)
        assert result.message.startswith(f"exit status 0, but its output {result.task.output_name} is")
        assert words in result.message
        assert not result.is_interrupted
        assert not result.is_obstacle


def test_an_output_that_grows_while_it_is_read_is_not_taken(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    read = digest_file

    def read_while_it_grows(path: str, algorithm: str) -> str:
        digest = read(path, algorithm)
        if name_of("clean", 2) in path:
            with open(path, "a", encoding="utf-8") as stream:
                stream.write(" and more")
        return digest

    monkeypatch.setattr(fingerprint, "digest_file", read_while_it_grows)
    first, second, third = results_of(setup)
    assert isinstance(first, Success)
    assert isinstance(third, Success)
    assert isinstance(second, Failure)
    assert "was changed while it was read" in second.message


def test_all_outputs_of_a_job_or_none(setup_of_two: Setup, engine: FakeEngine) -> None:
    assert [len(moves_of([result])) for result in results_of(setup_of_two)] == [2, 2, 2]
    engine.act = write_output
    for result in results_of(setup_of_two, "again-"):
        assert isinstance(result, Failure)
        assert "its output a_2020010" in result.message


def test_when_one_cannot_be_placed_the_others_go_back(setup_of_two: Setup) -> None:
    first, second, _ = results_of(setup_of_two)
    assert isinstance(first, Success)
    Path(first.moves[1].target).mkdir(parents=True)
    failure = place(first)
    assert isinstance(failure, Failure)
    assert first.moves[1].target in failure.message
    assert [Path(move.source).exists() for move in first.moves] == [True, True]
    assert not Path(first.moves[0].target).exists()
    assert place(second) is second
    assert [Path(move.target).exists() for move in moves_of([second])] == [True, True]


def test_of_two_jobs_that_made_one_name_the_second_fails(setup: Setup) -> None:
    task = tasks_of(setup.store, setup.definition)[0]
    dispatch = Dispatch(setup, lambda *_: "")
    made, twin = dispatch.step([task, task])
    assert isinstance(made, Success)
    assert isinstance(twin, Failure)
    assert "another job made" in twin.message


def test_what_a_new_version_has_in_common_with_the_former_is_told(tmp_path: Path) -> None:
    mission: Mission = delivered(tmp_path / "mission", chain())
    mission.run()
    former = mission.rows("SELECT file_id, filename FROM file WHERE filename LIKE 'clean%' ORDER BY filename")
    code = mission.code("to_clean.sh")
    code.write_text(code.read_text() + "\n")
    mission.define(*chain(version="1.0.1"))

    def as_before_on_the_first_day(job: Job) -> None:
        day = Path(job.command[-1]).name[6:14]
        Path(job.command[-1]).write_text(f"clean(raw_{day})" if day.endswith("01") else "other")

    with setup_of(mission, FakeEngine(as_before_on_the_first_day)) as setup:
        files = [file for result in results_of(setup) if isinstance(result, Success) for file in result.files]
    assert [file.same_as for file in files] == [former[0][0], None, None]


# --- what was planned ---

DAY = dt.date(2020, 1, 2)
TASK = cast(Task, SimpleNamespace(slot=Slot(1, DAY, "station=a"), process=SimpleNamespace(keywords=Keying.EACH)))
PLANNED = Planned(product_id=1, name="x", version=Version(1, 1, 0))


def facts(date: dt.date = DAY, version: Version | None = PLANNED.version, keywords: str = "") -> FileFacts:
    time = dt.datetime.combine(date, dt.time(), dt.UTC)
    return FileFacts(date=date, start=time, stop=time, version=version, keywords=keywords)


def test_an_output_as_planned_is_accepted() -> None:
    assert _disagreement(TASK, PLANNED, facts(), has_version=True) is None


def test_an_output_of_another_date_is_refused_by_both_dates() -> None:
    text = str(_disagreement(TASK, PLANNED, facts(date=dt.date(2020, 1, 3)), has_version=True))
    assert "2020-01-03" in text
    assert "2020-01-02" in text


def test_an_output_of_another_key_is_refused_and_one_with_more_keywords_is_not() -> None:
    text = str(_disagreement(TASK, PLANNED, facts(keywords="band=red station=b"), has_version=True))
    assert "station=a" in text
    assert "station=b" in text
    assert _disagreement(TASK, PLANNED, facts(keywords="band=red station=a"), has_version=True) is None


def test_another_version_is_refused_where_the_name_has_one() -> None:
    other = facts(version=Version(1, 0, 0))
    assert "1.0.0" in str(_disagreement(TASK, PLANNED, other, has_version=True))
    assert _disagreement(TASK, PLANNED, other, has_version=False) is None
