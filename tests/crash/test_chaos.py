"""The short form of ``python -m tests.crash.chaos``, which ``make chaos`` runs: forty events, always the same ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crash.chaos.chaos import KINDS, Chaos, Extent
from tests.crash.chaos.definition import deliveries
from tests.crash.trials import DATABASES
from tests.kit.postgres import PostgresServer

SHORT = Extent(seconds=0, events=40, days=4)


@pytest.mark.parametrize("database", DATABASES)
def test_whatever_is_done_to_a_mission_in_the_end_it_is_as_if_nothing_had_happened(
    database: str, tmp_path: Path, postgres_server: PostgresServer
) -> None:
    chaos = Chaos(tmp_path, postgres_server if database == "postgresql" else None, seed=1, kinds=frozenset(KINDS))
    faults = chaos.run(SHORT)
    assert not faults, "\n".join([*chaos.events, *faults])
    assert len(chaos.children.statuses) > 5


def test_files_of_all_kinds_arrive() -> None:
    names = [delivery.name.split("_")[0] for delivery in deliveries(SHORT.days)]
    assert set(names) == {"met", "obs", "cal", "scan"}
