"""Files that do not exist, as they would be queued."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

from dbproc.core.facts import Facts, Seen
from dbproc.core.model import Definition, File, Inspector, Product
from dbproc.core.needs import Needs
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


def test_what_would_come_is_seen() -> None:
    product = Product(
        product_id=1,
        name="raw",
        level=0,
        directory="raw",
        format="raw_{station}_{Y}{m}{d}T{H}.txt",
        instrument="i",
        satellite="s",
        mission="m",
        inspector=Inspector(inspector_id=1, name="filename"),
    )
    overlay = Overlay(Definition(mission=MISSION, products={1: product}, processes={}, codes={}))
    there = Facts({}, {}, {}, seen={1: Seen({"station=ANK": SECOND})})
    asked = Needs({}, {}, {}, {}, frozenset({1}))
    assert overlay.over(there, asked).seen == there.seen
    overlay.deliver(File(0, 1, "raw", FIRST, *days_period(FIRST, FIRST), Version(1, 0, 0), "H=03 station=BOL", ""))
    assert overlay.over(there, asked).seen == {1: Seen({"station=ANK": SECOND, "station=BOL": FIRST})}
