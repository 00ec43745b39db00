"""Which slots a file may be an input of, and which wait for what comes of a slot."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

from dbproc.core.candidates import Anchors, Queued, Reach, affected, descendants, needs_of_reaches
from dbproc.core.model import Definition, File, Input, Keying, Process, Slot, Timebase, Validity
from dbproc.core.periods import ALWAYS, days_period
from dbproc.core.version import Version
from tests.kit.facts import MISSION

RAW, WEEK, DAY, PLOT, CAL = 1, 2, 3, 4, 5
MONDAY = dt.date(2020, 1, 6)


def process(number: int, output: int, *inputs: Input, timebase: Timebase = Timebase.DAILY) -> Process:
    return Process(process_id=number, name=f"p{number}", timebase=timebase, outputs=(output,), inputs=inputs)


def mission(*processes: Process) -> Definition:
    return Definition(mission=MISSION, products={}, processes={p.process_id: p for p in processes}, codes={})


def day(number: int) -> dt.date:
    return dt.date(2020, 1, number)


def test_with_timebase_file_too_a_file_makes_the_dates_candidates_whose_window_holds_it() -> None:
    link = Input(product_id=RAW, yesterday=2, tomorrow=1)
    made = replace(process(10, DAY, link, timebase=Timebase.FILE), keywords=Keying.MERGED)
    queued = Queued(1, RAW, day(5), "station=a", (days_period(day(5), day(5)),))
    assert list(affected(made, link, queued)) == [Slot(10, day(number), "station=a") for number in (4, 5, 6, 7)]


def test_what_waits_for_a_period_is_all_that_its_days_are_inputs_of() -> None:
    definition = mission(
        process(10, WEEK, Input(product_id=RAW), timebase=Timebase.WEEKLY),
        process(20, DAY, Input(product_id=WEEK)),
        process(30, PLOT, Input(product_id=DAY, yesterday=1)),
    )
    found = descendants(definition, Slot(10, MONDAY))
    assert found == [
        *(Slot(20, day(number)) for number in range(6, 13)),
        *(Slot(30, day(number)) for number in range(6, 14)),
    ]


def test_a_calibration_reaches_a_week_that_begins_while_it_holds_and_has_all_its_files_later() -> None:
    links = Input(product_id=RAW), Input(product_id=CAL, valid=Validity.LATEST, max_age=dt.timedelta(days=1))
    made = process(10, WEEK, *links, timebase=Timebase.WEEKLY)
    sunday, saturday = (days_period(date, date) for date in (day(5), day(11)))
    (reach,) = affected(made, links[1], Queued(1, CAL, day(5), "", (sunday,)))
    assert isinstance(reach, Reach)
    raw = File(2, RAW, "raw", day(11), *saturday, Version(1, 0, 0), "", "")
    assert needs_of_reaches([reach]).by_time == {RAW: [(day(5), day(12))]}
    assert list(Anchors({RAW: [raw]}, {}).slots(reach)) == [Slot(10, MONDAY)]


def test_a_calibration_that_holds_for_ever_reaches_every_part_of_a_day() -> None:
    link = Input(product_id=CAL, valid=Validity.LATEST)
    made = replace(process(10, DAY, link, timebase=Timebase.PART), step=dt.timedelta(hours=6))
    (reach,) = affected(made, link, Queued(1, CAL, day(5), "", (days_period(day(5), day(5)),)))
    assert isinstance(reach, Reach)
    assert reach.whole.stop == ALWAYS.stop


def test_of_a_file_of_many_periods_those_are_asked_for_that_have_other_inputs() -> None:
    century = days_period(dt.date(2000, 1, 1), dt.date(2099, 12, 31))
    table, raw = Input(product_id=RAW), Input(product_id=DAY, before=dt.timedelta(hours=1))
    made = replace(process(10, PLOT, raw, table, timebase=Timebase.PART), step=dt.timedelta(hours=1))
    item = Queued(1, RAW, century.start.date(), "", (century,))
    (found,) = affected(made, table, item)
    assert found == Reach(made, "", century, (raw,))
    start = century.start + dt.timedelta(days=9000, hours=5)
    stop = start + dt.timedelta(minutes=59)
    file = File(7, DAY, "raw", start.date(), start, stop, Version(1, 0, 0), "", "")
    slots = list(Anchors({DAY: [file]}, {}).slots(found))
    assert slots == [Slot(10, start.date(), "H=05"), Slot(10, start.date(), "H=06")]
    alone = replace(made, inputs=(table,), timebase=Timebase.DAILY, step=dt.timedelta())
    assert len(list(affected(alone, table, item))) == 36_525
