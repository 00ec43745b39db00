"""A spread sample of the crash campaign: over both databases, all stages, with one kill and with two.

``make crash`` makes all of them; a failure here names the command that makes it again.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from tests.crash.scenario import STAGES
from tests.crash.trials import DATABASES, Laboratories, Trial, laboratories
from tests.kit.postgres import PostgresServer

PARTS = 2
"""Each stage's points are cut into so many parts, and one point of each is tried: with one kill, with one after which
the lock is cleared, or with two, in turn. On PostgreSQL it is one part of each stage, these in
turn, and make test has every second one of them."""


def marks(database: str, number: int) -> list[pytest.MarkDecorator]:
    """One worker has all of a database; of stages 0, 3, 4, 7, 8 … one part and the other come in turn."""
    is_spared = database == "postgresql" and number % 4 in (1, 2)
    return [pytest.mark.xdist_group(f"k-{database}"), *([pytest.mark.thorough] if is_spared else [])]


CASES = [
    pytest.param(database, stage, part, id=f"{database}-{stage}-{part}", marks=marks(database, number))
    for database in DATABASES
    for number, stage in enumerate(STAGES)
    for part in range(PARTS)
    if database == "sqlite" or part == number % PARTS
]


@pytest.fixture(scope="module")
def made(postgres_server: PostgresServer) -> Iterator[Laboratories]:
    with laboratories(postgres_server) as opened:
        yield opened


def trial(database: str, stage: str, part: int, points: int) -> Trial:
    """One point of a part, the same in every test run as long as the product comes to the same points."""
    chance = random.Random(f"{database} {stage} {part}")
    point = chance.randint(1 + part * points // PARTS, (part + 1) * points // PARTS)
    mode = (part + list(STAGES).index(stage)) % 3
    second = chance.randint(1, points) if mode == 2 else None
    return Trial(database, stage, point, second, is_cleared=mode == 1)


@pytest.mark.parametrize(("database", "stage", "part"), CASES)
def test_the_first_run_after_a_kill_brings_the_mission_where_it_belongs(
    database: str, stage: str, part: int, made: Laboratories
) -> None:
    verdict = made.attempt(trial(database, stage, part, made.points(database, stage)))
    assert not verdict.is_beyond, verdict
    assert not verdict.faults, f"python -m tests.crash.campaign {verdict}"


def test_the_sample_is_spread() -> None:
    chosen = [trial(*case.values, points=600) for case in CASES]  # type: ignore[arg-type, misc]
    assert len(chosen) >= 80
    assert {each.mode for each in chosen} == {"one kill", "one kill, cleared", "two kills"}
    for stage in STAGES:
        points = [each.point for each in chosen if (each.database, each.stage) == ("sqlite", stage)]
        assert points == sorted(set(points))
        assert points[0] <= 300
        assert points[-1] > 300
        assert "postgresql" in {each.database for each in chosen if each.stage == stage}
    assert {each.mode for each in chosen if each.database == "postgresql"} == {
        *("one kill", "one kill, cleared", "two kills")
    }
