"""Which files are the inputs of a slot: matched, shared and aggregated keywords, exact times, validity, drivers."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from dbproc.core.facts import Facts
from dbproc.core.filenames import keywords_text
from dbproc.core.model import (
    Definition,
    File,
    Input,
    Inspector,
    Keying,
    Period,
    Process,
    Product,
    Slot,
    Timebase,
    Validity,
)
from dbproc.core.needs import Needs
from dbproc.core.periods import days_period
from dbproc.core.slots import period_of
from dbproc.core.version import Version
from dbproc.core.wanted import Wanted
from tests.kit.facts import MISSION

DAY = dt.date(2024, 5, 6)
RAW, CAL, PASS = 1, 2, 3
HOURS = {hours: dt.timedelta(hours=hours) for hours in range(-48, 49)}


def at(hour: float) -> dt.datetime:
    return days_period(DAY, DAY).start + dt.timedelta(hours=hour)


class Files:
    """What the catalogue gave, and how its files are called here."""

    def __init__(self) -> None:
        self.every: list[File] = []
        self.definition = Definition(mission=MISSION, products={}, processes={}, codes={})

    def add(self, product: int, start: float, stop: float, **keywords: str) -> File:
        time = at(start)
        name = f"{product} {time:%d %H%M} {keywords_text(keywords)}".rstrip()
        file = File(
            len(self.every) + 1,
            product,
            name,
            time.date(),
            time,
            at(stop),
            Version(1, 0, 0),
            keywords_text(keywords),
            "data",
        )
        self.every.append(file)
        return file

    def wanted(self) -> Wanted:
        by_product = {number: [file for file in self.every if file.product_id == number] for number in (RAW, CAL, PASS)}
        always = {number: [(dt.date.min, dt.date.max)] for number in by_product}
        facts = Facts(by_time=by_product, by_date=by_product, outputs={}, by_start=by_product)
        return Wanted(self.definition, facts, Needs(always, always, {}, always))

    def of(self, process: Process, slot: Slot, link: Input, period: Period | None = None) -> list[str]:
        found = self.wanted().files(process, slot, period or period_of(process, slot), link)
        return [file.filename for file in found]

    def whole(self, process: Process, slot: Slot, period: Period | None = None) -> list[str]:
        return [each.keywords for each in self.wanted().whole(process, slot, period or period_of(process, slot))]


def process(*inputs: Input, fields: str = "", timebase: Timebase = Timebase.DAILY, **keys: object) -> Process:
    made = Process(process_id=10, name="make", timebase=timebase, outputs=(9,), inputs=inputs)
    return replace(made, key_fields=frozenset(fields.split()), **keys)  # type: ignore[arg-type]


def slot(keywords: str = "") -> Slot:
    return Slot(10, DAY, keywords)


@pytest.fixture
def files() -> Files:
    return Files()


def test_files_agree_with_a_key_in_the_fields_that_they_have(files: Files) -> None:
    files.add(RAW, 0, 1, station="a", band="red")
    files.add(RAW, 0, 1, station="b", band="red")
    files.add(RAW, 0, 1, station="a", band="nir")
    link = Input(product_id=RAW)
    assert files.of(process(link, fields="station band"), slot("band=red station=a"), link) == [
        "1 06 0000 band=red station=a"
    ]
    assert files.of(process(link, fields="station"), slot("station=a"), link) == [
        "1 06 0000 band=nir station=a",
        "1 06 0000 band=red station=a",
    ]
    assert len(files.of(process(link), slot(), link)) == 3


def test_a_file_without_the_fields_is_shared_by_all_keys(files: Files) -> None:
    files.add(CAL, 0, 1)
    link = Input(product_id=CAL)
    assert files.of(process(link, fields="station"), slot("station=a"), link) == ["2 06 0000"]
    assert files.of(process(link, fields="station"), slot("station=b"), link) == ["2 06 0000"]


def test_merged_keywords_of_timebase_file_are_equal_or_not_taken(files: Files) -> None:
    files.add(RAW, 0, 1, station="a")
    files.add(RAW, 0, 1)
    link = Input(product_id=RAW)
    made = process(link, timebase=Timebase.FILE, keywords=Keying.MERGED)
    assert files.of(made, slot("station=a"), link) == ["1 06 0000 station=a"]
    assert files.of(made, slot(), link) == ["1 06 0000"]
    assert files.whole(made, slot()) == ["", "station=a"]


@pytest.mark.parametrize(
    ("link", "hours"),
    [
        (Input(product_id=RAW), [3]),
        (Input(product_id=RAW, before=dt.timedelta(minutes=1)), [2, 3]),
        (Input(product_id=RAW, before=dt.timedelta(minutes=90), after=dt.timedelta(minutes=60)), [1, 2, 3, 4]),
        (Input(product_id=RAW, after=dt.timedelta(minutes=61)), [3, 4, 5]),
        (Input(product_id=RAW, yesterday=1), [-24, *range(4)]),
        (Input(product_id=RAW, tomorrow=1), [*range(3, 24), 24, 47]),
    ],
)
def test_windows_of_parts_of_a_day_are_exact_in_time(files: Files, link: Input, hours: list[int]) -> None:
    for hour in (-25, -24, *range(24), 24, 47, 48):
        files.add(RAW, hour, hour + 1 - 1e-6)
    made = process(link, timebase=Timebase.PART, step=HOURS[1])
    assert files.of(made, slot("H=03"), link) == [f"1 {at(hour):%d %H%M}" for hour in hours]


def test_the_latest_is_the_newest_that_has_begun_and_is_not_too_old(files: Files) -> None:
    link = Input(product_id=CAL, valid=Validity.LATEST)
    young = replace(link, max_age=HOURS[24])
    made = process(Input(product_id=RAW), link)
    assert files.of(made, slot(), link) == []
    files.add(CAL, -48, -47)
    files.add(CAL, 1, 2)
    assert files.of(made, slot(), link) == ["2 04 0000"]
    assert files.of(made, slot(), young) == []
    files.add(CAL, -24, -23)
    assert files.of(made, slot(), link) == files.of(made, slot(), young) == ["2 05 0000"]
    files.add(CAL, 0, 1)
    assert files.of(made, slot(), link) == ["2 06 0000"]


def test_of_each_kind_that_keys_do_not_tell_apart_the_latest_is_taken(files: Files) -> None:
    link = Input(product_id=CAL, valid=Validity.LATEST)
    for station, hour in (("a", -3), ("a", -2), ("b", -9)):
        files.add(CAL, hour, hour + 1, station=station, H=f"{hour % 24:02d}")
    assert files.of(process(link), slot(), link) == ["2 05 1500 H=15 station=b", "2 05 2200 H=22 station=a"]
    assert files.of(process(link, fields="station"), slot("station=b"), link) == ["2 05 1500 H=15 station=b"]


def test_what_covers_holds_the_whole_period(files: Files) -> None:
    link = Input(product_id=CAL, valid=Validity.COVERS)
    for start, stop in ((-1, 23), (0, 23.9), (0, 24), (-24, 48), (1, 30)):
        files.add(CAL, start, stop)
    assert files.of(process(link), slot(), link) == ["2 05 0000", "2 06 0000"]


def test_the_period_of_a_driving_file_takes_what_overlaps_it(files: Files) -> None:
    files.add(PASS, 5, 7, orbit="1", H="05")
    files.add(PASS, 7, 9, orbit="2", H="07")
    for hour in (4, 5, 6, 7):
        files.add(RAW, hour, hour + 0.5, H=f"{hour:02d}")
    driver, raw = Input(product_id=PASS), Input(product_id=RAW)
    made = process(driver, raw, fields="orbit H", timebase=Timebase.PER, driver=PASS)
    one, period = slot("H=05 orbit=1"), Period(at(5), at(7))
    assert files.of(made, one, driver, period) == ["3 06 0500 H=05 orbit=1"]
    assert files.of(made, one, raw, period) == [f"1 06 0{hour}00 H=0{hour}" for hour in (5, 6, 7)]


def test_an_input_with_validity_is_not_matched_on_the_time_of_day(files: Files) -> None:
    files.add(CAL, -10, -9, H="14")
    raw, cal = Input(product_id=RAW), Input(product_id=CAL, valid=Validity.LATEST)
    made = process(raw, cal, fields="H", timebase=Timebase.FILE)
    assert files.of(made, slot("H=05"), cal) == ["2 05 1400 H=14"]


@pytest.mark.parametrize(("inspector", "count"), [("filename", 1), ("/m/own.py", 2)])
def test_what_was_made_for_other_keys_before_the_format_changed_is_no_input(
    files: Files, inspector: str, count: int
) -> None:
    made = Product(
        product_id=RAW,
        name="raw",
        level=0.0,
        directory="data",
        format="raw_{station}_{Y}{m}{d}",
        instrument="i",
        satellite="s",
        mission="m",
        inspector=Inspector(inspector_id=1, name=inspector),
    )
    maker = replace(process(Input(product_id=CAL)), outputs=(RAW,))
    files.add(RAW, 0, 1)
    files.add(RAW, 0, 1, station="a")
    link = Input(product_id=RAW)
    assert len(files.of(process(link), slot(), link)) == 2
    files.definition = replace(files.definition, products={RAW: made}, processes={1: maker})
    assert len(files.of(process(link), slot(), link)) == count


# --- keys ---


def test_keys_are_what_the_required_inputs_have_in_common(files: Files) -> None:
    one, other = Input(product_id=RAW), Input(product_id=PASS)
    made = process(one, other, fields="station band")
    files.add(RAW, 0, 1, station="a")
    files.add(RAW, 0, 1, station="b")
    files.add(RAW, 30, 31, station="c")
    assert files.whole(made, slot()) == []
    files.add(PASS, 0, 1, station="a", band="red")
    files.add(PASS, 0, 1, station="c", band="red")
    assert files.whole(made, slot()) == ["band=red station=a"]
    assert files.whole(made, slot("band=nir")) == []


def test_keys_may_be_of_every_pair(files: Files) -> None:
    made = process(Input(product_id=RAW), Input(product_id=PASS), fields="station band")
    for station in "ab":
        files.add(RAW, 0, 1, station=station)
    for band in ("red", "nir"):
        files.add(PASS, 0, 1, band=band)
    assert len(files.whole(made, slot())) == 4
    assert files.whole(made, slot("station=b")) == ["band=nir station=b", "band=red station=b"]


def test_optional_and_valid_inputs_tell_only_what_no_other_does(files: Files) -> None:
    required, optional = Input(product_id=RAW), Input(product_id=PASS, optional=True)
    valid = Input(product_id=CAL, valid=Validity.LATEST)
    files.add(RAW, 0, 1, station="a")
    files.add(PASS, 0, 1, station="b")
    files.add(CAL, 0, 1, station="c", band="red")
    assert files.whole(process(required, optional, fields="station"), slot()) == ["station=a"]
    assert files.whole(process(required, valid, fields="station"), slot()) == ["station=a"]
    files.add(CAL, 0, 1, band="nir")
    assert files.whole(process(required, valid, fields="station band"), slot()) == ["band=nir station=a"]


def test_a_key_that_is_whole_is_not_completed_otherwise(files: Files) -> None:
    """The best product of a choice has bands, the other one has not, and an optional one has another band."""
    choice = (Input(product_id=RAW, choice=RAW), Input(product_id=CAL, choice=RAW))
    made = process(*choice, Input(product_id=PASS, optional=True), fields="station band")
    files.add(RAW, 0, 1, station="a", band="green")
    files.add(CAL, 0, 1, station="a")
    assert files.whole(made, slot()) == ["band=green station=a"]
    files.add(PASS, 0, 1, station="a", band="red")
    assert files.whole(made, slot()) == ["band=green station=a", "band=red station=a"]


def test_a_part_of_a_day_keeps_its_time(files: Files) -> None:
    files.add(RAW, 3, 3.5, station="a", H="03")
    files.add(RAW, 4, 4.5, station="b", H="04")
    made = process(Input(product_id=RAW), fields="station", timebase=Timebase.PART, step=HOURS[1])
    assert files.whole(made, slot("H=03")) == ["H=03 station=a"]
