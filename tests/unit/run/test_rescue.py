"""Files of the catalogue that a job took along without having been given them."""

from __future__ import annotations

from pathlib import Path

from dbproc.core.model import Job
from dbproc.run.dispatch import Dispatch
from dbproc.run.outputs import Success
from tests.kit.engine import RAW, FakeEngine, delivered, setup_of, tasks_of, write_output
from tests.kit.mission import chain


def test_a_file_that_was_held_to_be_gone_and_that_a_job_had_is_back_and_is_built_from(tmp_path: Path) -> None:
    mission = delivered(tmp_path / "mission", chain())
    taken = mission.files()[RAW[2]].path

    def act(job: Job) -> None:
        taken.rename(Path(job.directory) / "mine")
        write_output(job)

    mission.execute(f"UPDATE file SET exists_on_disk = 0 WHERE filename = '{RAW[2]}'")
    mission.execute("DELETE FROM processqueue")
    with setup_of(mission, FakeEngine(act)) as setup:
        (result,) = Dispatch(setup, lambda *_: "").step(tasks_of(setup.store, setup.definition)[:1])
    assert isinstance(result, Success)
    assert taken.read_text() == "raw_20200103"
    assert mission.rows("SELECT f.filename, q.reason FROM processqueue q JOIN file f ON f.file_id = q.file_id") == [
        (RAW[2], "restored")
    ]
    assert mission.one(f"SELECT exists_on_disk FROM file WHERE filename = '{RAW[2]}'") == 1
