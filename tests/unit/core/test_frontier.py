"""Which slots wait for which: only for what could still change their inputs."""

from __future__ import annotations

import datetime as dt
import inspect
import sys
from dataclasses import replace

from dbproc.core.frontier import Frontier, Reach, upstream_reach
from dbproc.core.model import Definition, Input, Inspector, Process, Product, Slot, Timebase, Validity
from tests.kit.facts import MISSION

RAW, CLEAN, SMOOTH, OTHER, SUMMARY = 1, 2, 3, 4, 5


def process(number: int, output: int | None, *inputs: Input, timebase: Timebase = Timebase.DAILY) -> Process:
    return Process(
        process_id=number,
        name=f"p{number}",
        timebase=timebase,
        outputs=() if output is None else (output,),
        inputs=inputs,
    )


def mission(*processes: Process) -> Definition:
    return Definition(mission=MISSION, products={}, processes={p.process_id: p for p in processes}, codes={})


TO_CLEAN = process(20, CLEAN, Input(product_id=RAW))
TO_SMOOTH = process(30, SMOOTH, Input(product_id=CLEAN, yesterday=1, tomorrow=1))
TO_OTHER = process(40, OTHER, Input(product_id=RAW))
TO_YEAR = process(50, SUMMARY, Input(product_id=SMOOTH), timebase=Timebase.YEARLY)
CHAIN = mission(TO_SMOOTH, TO_CLEAN, TO_OTHER, TO_YEAR)


def clean(day: int) -> Slot:
    return Slot(20, dt.date(2020, 1, day))


def smooth(day: int) -> Slot:
    return Slot(30, dt.date(2020, 1, day))


def test_a_slot_with_nothing_before_it_is_open_once() -> None:
    frontier = Frontier(CHAIN)
    frontier.add([clean(1), clean(1)])
    assert frontier.open() == [clean(1)]
    assert frontier.open() == []


def test_a_slot_waits_until_every_slot_that_could_change_its_inputs_is_settled() -> None:
    frontier = Frontier(CHAIN)
    frontier.add([smooth(5), clean(4), clean(6)])
    assert frontier.open() == [clean(4), clean(6)]
    frontier.settle(clean(4))
    assert frontier.open() == []
    frontier.settle(clean(6))
    assert frontier.open() == [smooth(5)]


def test_days_out_of_reach_and_other_products_are_not_waited_for() -> None:
    frontier = Frontier(CHAIN)
    frontier.add([clean(10), Slot(40, dt.date(2020, 1, 5)), smooth(5)])
    assert set(frontier.open()) == {clean(10), Slot(40, dt.date(2020, 1, 5)), smooth(5)}


def test_a_file_that_may_reach_a_little_over_its_day_is_waited_for() -> None:
    """A window of one day reaches from day 9 to 11: the files of 8 and 12 may be found to reach into it."""
    assert upstream_reach(CHAIN)[30][20] == Reach(2, 2)


def test_of_several_ways_the_widest_counts_on_either_side() -> None:
    ways = [
        process(30, SMOOTH, Input(product_id=CLEAN, yesterday=5)),
        process(40, OTHER, Input(product_id=CLEAN, tomorrow=7)),
        process(50, SUMMARY, Input(product_id=SMOOTH), Input(product_id=OTHER), Input(product_id=CLEAN)),
    ]
    assert upstream_reach(mission(TO_CLEAN, *ways))[50][20] == Reach(7, 9)


def test_the_last_day_within_reach_is_waited_for_and_the_next_is_not() -> None:
    before, after, _ = upstream_reach(CHAIN)[30][20]
    for day, waits in ((10 - before, True), (9 - before, False), (10 + after, True), (11 + after, False)):
        frontier = Frontier(CHAIN)
        frontier.add([smooth(10), clean(day)])
        assert frontier.open() == ([clean(day)] if waits else [smooth(10), clean(day)])


def test_a_slot_waits_for_what_reaches_it_through_a_process_between() -> None:
    frontier = Frontier(CHAIN)
    year = Slot(50, dt.date(2020, 1, 1))
    frontier.add([year, clean(15)])
    assert frontier.open() == [clean(15)]
    frontier.add([smooth(15)])
    frontier.settle(clean(15))
    assert frontier.open() == [smooth(15)]
    frontier.settle(smooth(15))
    assert frontier.open() == [year]


def test_two_slots_of_one_date_are_both_waited_for() -> None:
    files = process(20, CLEAN, Input(product_id=RAW), timebase=Timebase.FILE)
    frontier = Frontier(mission(files, TO_SMOOTH))
    first, second = (Slot(20, dt.date(2020, 1, 5), f"station={name}") for name in "ab")
    frontier.add([first, second, smooth(5)])
    assert frontier.open() == [first, second]
    frontier.settle(first)
    assert frontier.open() == []
    frontier.settle(second)
    assert frontier.open() == [smooth(5)]


def test_a_slot_added_again_while_it_is_built_is_looked_at_again() -> None:
    frontier = Frontier(CHAIN)
    frontier.add([clean(1), smooth(1)])
    assert frontier.open() == [clean(1)]
    frontier.add([clean(1)])
    assert frontier.settle(clean(1)) is False
    assert frontier.open() == [clean(1)]
    assert frontier.settle(clean(1)) is True
    assert frontier.open() == [smooth(1)]


def test_a_settled_slot_may_come_again() -> None:
    frontier = Frontier(CHAIN)
    frontier.add([clean(1)])
    frontier.settle(*frontier.open())
    frontier.add([clean(1)])
    assert frontier.open() == [clean(1)]


def test_reach_grows_along_the_chain() -> None:
    reach = upstream_reach(CHAIN)
    assert reach[20] == {}
    assert set(reach[30]) == {20}
    assert set(reach[50]) == {20, 30}
    (direct, far) = reach[50][30], reach[50][20]
    assert direct[1] >= 365
    assert far[0] > direct[0]
    assert far[1] > direct[1]


def test_the_edges_of_windows_are_reached() -> None:
    before, after, _ = upstream_reach(mission(TO_CLEAN, process(30, SMOOTH, Input(product_id=CLEAN, yesterday=3))))[30][
        20
    ]
    assert before >= 3
    assert 0 <= after < 3


def test_a_year_waits_for_the_week_that_begins_in_the_year_before() -> None:
    week = process(20, CLEAN, Input(product_id=RAW), timebase=Timebase.WEEKLY)
    year = process(30, SMOOTH, Input(product_id=CLEAN), timebase=Timebase.YEARLY)
    frontier = Frontier(mission(week, year))
    turn = Slot(20, dt.date(2019, 12, 30))
    years = [Slot(30, dt.date(2019, 1, 1)), Slot(30, dt.date(2020, 1, 1))]
    frontier.add([*years, turn])
    assert frontier.open() == [turn]
    frontier.settle(turn)
    assert frontier.open() == years


def test_everything_is_opened_in_the_end_and_the_last_days_of_the_calendar_too() -> None:
    frontier = Frontier(CHAIN)
    last = dt.date(9999, 12, 31)
    wanted = {Slot(number, last) for number in (20, 30, 40)} | {Slot(50, dt.date(9999, 1, 1))}
    frontier.add(wanted)
    seen = []
    while opened := frontier.open():
        seen += opened
        for slot in opened:
            frontier.settle(slot)
    assert (len(seen), set(seen)) == (4, wanted)


def test_a_chain_of_processes_may_be_long() -> None:
    chain = [process(number, number, Input(product_id=number - 1)) for number in range(1000, 1400)]
    limit = sys.getrecursionlimit()
    for processes in (chain, chain[::-1]):
        sys.setrecursionlimit(len(inspect.stack(0)) + 200)  # a call for every second process
        try:
            reach = upstream_reach(mission(*processes))
        finally:
            sys.setrecursionlimit(limit)
        assert max(map(len, reach.values())) == 399


# --- keys ---


STATION = frozenset({"station"})


def keyed(made: Process, *fields: str) -> Process:
    return replace(made, key_fields=frozenset(fields))


def product(number: int, inspector: str = "filename") -> Product:
    return Product(
        product_id=number,
        name=str(number),
        level=0.0,
        directory="data",
        format="x_{station}_{Y}{m}{d}",
        instrument="i",
        satellite="s",
        mission="m",
        inspector=Inspector(inspector_id=number, name=inspector),
    )


def of_stations(inspector: str = "filename", between: Process | None = None) -> Definition:
    """Clean files of each station, and what is made of them, by way of a product between where there is one."""
    last = process(50, SUMMARY, Input(product_id=OTHER if between else CLEAN))
    made = [keyed(TO_CLEAN, "station", "band"), *([between] if between else []), keyed(last, "station")]
    return replace(mission(*made), products={number: product(number, inspector) for number in (CLEAN, OTHER)})


def test_a_slot_does_not_wait_for_another_key() -> None:
    frontier = Frontier(of_stations())
    own, other = (
        Slot(20, dt.date(2020, 1, 1), "band=red station=a"),
        Slot(20, dt.date(2020, 1, 1), "band=red station=b"),
    )
    waiting = Slot(50, dt.date(2020, 1, 1), "station=a")
    frontier.add([waiting, own, other])
    assert frontier.open() == [own, other]
    frontier.settle(own)
    assert frontier.open() == [waiting]


def test_keys_count_all_the_way_or_not_at_all() -> None:
    through = process(40, OTHER, Input(product_id=CLEAN))
    assert upstream_reach(of_stations(between=keyed(through, "station")))[50][20].fields == STATION
    assert upstream_reach(of_stations(between=through))[50][20].fields == frozenset()


def test_where_an_inspector_may_find_another_key_all_are_waited_for() -> None:
    assert upstream_reach(of_stations("/m/own.py"))[50][20].fields == frozenset()


def test_nobody_knows_how_far_periods_of_files_and_validity_reach() -> None:
    orbits = process(30, SMOOTH, Input(product_id=CLEAN), timebase=Timebase.PER)
    valid = process(40, OTHER, Input(product_id=CLEAN, valid=Validity.LATEST))
    young = process(50, SUMMARY, Input(product_id=CLEAN, valid=Validity.LATEST, max_age=dt.timedelta(hours=36)))
    found = upstream_reach(mission(TO_CLEAN, orbits, valid, young))
    assert found[30][20].after > 400 * 365
    assert found[40][20].before > 400 * 365
    assert found[40][20].after == 1
    assert found[50][20] == Reach(3, 1)


def test_a_duration_reaches_all_the_days_that_it_begins() -> None:
    made = process(30, SMOOTH, Input(product_id=CLEAN, before=dt.timedelta(minutes=90), after=dt.timedelta(days=2)))
    assert upstream_reach(mission(TO_CLEAN, made))[30][20] == Reach(2, 3)


def test_a_time_of_day_that_says_nothing_of_a_key_is_not_compared() -> None:
    products = {CLEAN: product(CLEAN)}
    made = keyed(TO_CLEAN, "station", "H")
    driver = Input(product_id=RAW)
    ways = {
        process(30, SMOOTH, driver, Input(product_id=CLEAN), timebase=Timebase.PER): STATION,
        process(30, SMOOTH, driver, Input(product_id=CLEAN, valid=Validity.COVERS), timebase=Timebase.FILE): STATION,
        process(30, SMOOTH, Input(product_id=CLEAN), timebase=Timebase.FILE): STATION | {"H"},
    }
    for way, fields in ways.items():
        later = replace(keyed(way, "station", "H"), driver=RAW if way.timebase is Timebase.PER else None)
        assert upstream_reach(replace(mission(made, later), products=products))[30][20].fields == fields


def test_what_is_made_for_longer_than_its_date_is_waited_for() -> None:
    long = replace(product(CLEAN), covers=dt.timedelta(days=2, hours=1))
    later = process(30, SMOOTH, Input(product_id=CLEAN))
    made = replace(TO_CLEAN, timebase=Timebase.FILE)
    assert upstream_reach(replace(mission(made, later), products={CLEAN: long}))[30][20] == Reach(4, 1)
