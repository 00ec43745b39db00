"""What the executor starts, when something arrives while a campaign is at work."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbproc.core.version import Part
from dbproc.database import queue
from dbproc.run import executor
from dbproc.run.campaigns import Campaigns
from dbproc.run.executor import Executor
from dbproc.run.scheduler import Scheduler
from tests.kit.engine import FakeEngine, delivered, setup_of
from tests.kit.mission import chain, name_of


def test_what_waits_for_room_is_decided_anew_when_something_arrives_and_started_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executor, "_LOOK_SECONDS", -1.0)
    blocks = chain()[:2] + chain()[3:4]
    mission = delivered(tmp_path / "mission", blocks, [name_of("raw", day) for day in (1, 2, 3, 4, 5)])
    arriving = [[1, 2, 3], [4]]

    def ingest() -> None:
        if arriving:
            with setup.store.begin() as connection:
                queue.push(connection, arriving.pop(0), "by hand", Part.QUALITY)

    engine = FakeEngine()
    with setup_of(mission, engine) as setup:
        source = Scheduler(setup.store, setup.definition, frozenset(setup.definition.processes))
        source.begin()
        Executor(setup, 1, source).run()
        mission.dbproc("reprocess", "--product", "clean", "--force", "2", "--campaign", "again")
    run_id, engine = int(mission.one("SELECT max(logging_id) FROM logging")), FakeEngine(room=1)
    with setup_of(mission, engine) as setup:
        source = Scheduler(setup.store, setup.definition, frozenset(setup.definition.processes))
        source.begin()
        Executor(setup, run_id, source, Campaigns(source), ingest).run()
    assert arriving == []
    assert sorted(Path(job.command[-1]).name for job in engine.started) == sorted(
        [*(name_of("clean", day, "1.1.0") for day in (1, 2, 3, 4)), name_of("clean", 5, "1.0.1")]
    )
