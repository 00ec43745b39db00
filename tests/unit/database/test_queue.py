"""For which campaign a file is queued: the one of the attempt that made it last, whichever of its outputs it is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, insert, select

from dbproc.core.version import Part
from dbproc.database import queue, schema
from dbproc.database.store import Store, open_store
from tests.kit.mission import Mission, name_of, process, product

BLOCKS = [
    product("raw", 0),
    product("a", 1),
    product("b", 1),
    product("sum", 2),
    process("to_both", ["a", "b"], ["raw"]),
    process("to_sum", "sum", ["a", "b"]),
]
BOTH = """#!/bin/sh
cp "$1" "$2"
cp "$1" "$3"
"""


@pytest.fixture
def mission(tmp_path: Path, database: str) -> Mission:
    """One with a campaign; the two files that it made are queued, as what comes of them may not be built now."""
    mission = Mission(tmp_path / "mission", database)
    mission.code("to_both.sh", BOTH)
    mission.create(*BLOCKS)
    mission.deliver(name_of("raw", 1))
    mission.run()
    mission.dbproc("reprocess", "--product", "a", "--force", "1", "--campaign", "again")
    mission.run("-o", "to_both")
    return mission


def campaigns_of(store: Store) -> list[int | None]:
    with store.begin() as connection:
        return [item.campaign_id for item in queue.load(connection)]


def made_again(store: Store, campaign_ids: Sequence[int | None]) -> None:
    """More attempts like the last one, each for a campaign or none."""
    with store.begin() as connection:
        attempt = schema.attempt
        last = connection.execute(select(attempt).order_by(attempt.c.attempt_id.desc()).limit(1)).mappings().one()
        for campaign_id in campaign_ids:
            row = {key: value for key, value in last.items() if key != "attempt_id"}
            connection.execute(insert(attempt).values(**{**row, "campaign_id": campaign_id}))


def test_a_file_is_queued_for_the_campaign_that_it_was_made_for_last(mission: Mission) -> None:
    store = open_store(mission.database)
    try:
        assert campaigns_of(store) == [1, 1]
        made_again(store, [None])
        assert sorted(campaigns_of(store), key=str) == [1, None]
        made_again(store, [None, 1])
        assert campaigns_of(store) == [1, 1]
    finally:
        store.close()


def test_what_is_queued_for_another_reason_is_of_no_campaign_and_stays_as_it_was_queued_first(mission: Mission) -> None:
    store = open_store(mission.database)
    try:
        with store.begin() as connection:
            ids = sorted(queue.file_ids(connection))
            queue.remove(connection, ids)
            queue.push(connection, [ids[0], ids[0], ids[1]], "by hand", Part.QUALITY)
            queue.push(connection, ids, "again")
            queued = queue.load(connection)
        assert [(item.version_bump, item.campaign_id) for item in queued] == [(Part.QUALITY, None)] * 2
    finally:
        store.close()


def test_the_versions_of_queued_files_are_found_by_an_index(tmp_path: Path) -> None:
    """However many files a product has, and also those that were replaced, which no index for unique names covers."""
    mission = Mission(tmp_path / "mission", str(tmp_path / "mission.sqlite"))
    mission.create(*BLOCKS)
    asked: list[tuple[str, Any]] = []
    with open_store(mission.database) as store:
        event.listen(store.engine, "before_cursor_execute", lambda *given: asked.append((given[2], given[3])))
        with store.begin() as connection:
            queue.load(connection)
            (statement, parameters) = asked[-1]
            steps = [row.detail for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]
    assert any("product_id=? AND utc_file_date=? AND process_keywords=?" in step for step in steps), steps
