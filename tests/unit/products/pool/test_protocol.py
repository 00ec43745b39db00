"""What a worker says is checked once more by who asked it."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from dbproc.core.version import Version
from dbproc.products.base import Nonsense
from dbproc.products.facts import FIRST_VERSION, CheckedFacts
from dbproc.products.pool.protocol import facts_content, facts_of

DAY = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)


def content(version: Version = FIRST_VERSION, keywords: str = "") -> dict[str, Any]:
    return facts_content(CheckedFacts(DAY.date(), DAY, DAY, version, keywords, {}))


def test_facts_come_back_as_they_were() -> None:
    said = content(Version(30_000, 2, 30_000), "station=" + "é" * 990)
    assert facts_content(facts_of(said)) == said


@pytest.mark.parametrize("version", [Version(30_001, 0, 0), Version(1, 40_000, 0), Version(1, 0, 10**30)])
def test_a_version_that_the_database_cannot_hold_is_nonsense(version: Version) -> None:
    with pytest.raises(Nonsense, match="has a part above 30000"):
        facts_of(content(version))


@pytest.mark.parametrize("keywords", ["a" * 2_001, "é" * 1_001])
def test_keywords_that_no_index_holds_are_nonsense(keywords: str) -> None:
    with pytest.raises(Nonsense, match="more than 2000 bytes"):
        facts_of(content(keywords=keywords))
