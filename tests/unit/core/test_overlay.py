"""Files that do not exist, as they would be queued."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

from dbproc.core.model import Definition, File
from dbproc.core.overlay import Overlay
from dbproc.core.periods import days_period
from dbproc.core.version import Version
from tests.kit.facts import MISSION

FIRST, SECOND, THIRD = (dt.date(2020, 1, day) for day in (1, 2, 3))


def test_a_version_is_queued_with_the_days_that_the_one_before_it_covered() -> None:
    overlay = Overlay(Definition(mission=MISSION, products={}, processes={}, codes={}))
    older = File(0, 1, "raw_v1", FIRST, *days_period(FIRST, THIRD), Version(1, 0, 0), "", "")
    newer = replace(older, filename="raw_v2", stop=days_period(SECOND, SECOND).stop, version=Version(1, 1, 0))
    assert overlay.deliver(older).spans == (days_period(FIRST, THIRD),)
    assert overlay.deliver(newer).spans == (days_period(FIRST, SECOND), days_period(FIRST, THIRD))
