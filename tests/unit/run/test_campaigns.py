"""How much of a campaign one run does."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbproc.run.campaigns import Campaigns
from dbproc.run.executor import Executor
from dbproc.run.scheduler import Scheduler
from tests.kit.engine import FakeEngine, delivered, setup_of
from tests.kit.mission import Mission, chain


def started(mission: Mission) -> int:
    """How many jobs one run begins."""
    engine = FakeEngine()
    with setup_of(mission, engine) as setup:
        source = Scheduler(setup.store, setup.definition, frozenset(setup.definition.processes))
        source.begin()
        Executor(setup, int(mission.one("SELECT max(logging_id) FROM logging")), source, Campaigns(source)).run()
    return len(engine.started)


@pytest.mark.parametrize(("blocks", "counts"), [(chain()[:2] + chain()[3:4], [2, 1, 0]), (chain(), [3, 4, 3])])
def test_a_run_does_as_many_jobs_as_the_limit_lets_it(blocks: list[str], counts: list[int], tmp_path: Path) -> None:
    """Of the chain the first item is built with all that follows from it, whatever the limit says."""
    mission = delivered(tmp_path / "mission", blocks)
    started(mission)
    mission.dbproc("reprocess", "--product", "clean", "--force", "2", "--campaign", "again", "--jobs-per-run", "2")
    assert [started(mission) for _ in counts] == counts


def test_a_paused_campaign_does_nothing_until_it_is_resumed(tmp_path: Path) -> None:
    mission = delivered(tmp_path / "mission", chain())
    started(mission)
    mission.dbproc("reprocess", "--product", "clean", "--force", "2", "--campaign", "again")
    for word, count in (("pause", 0), ("resume", 6)):
        mission.dbproc("campaign", word, "again")
        assert started(mission) == count
