"""What is stale, and why: every decision, from facts written down here.

Product 1 (raw) is what process 10 makes product 2 (clean) from; a test says the rest. Files are named by
:func:`file`, and what the catalogue would give is worked out from all of them as it would do.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from dbproc.core.candidates import Queued, affected, consumers
from dbproc.core.facts import Baseline, Facts, Output, Tried
from dbproc.core.filenames import compile_format
from dbproc.core.model import Build, Code, Definition, File, Input, Inspector, Keying, Process, Product, Slot, Timebase
from dbproc.core.needs import needs
from dbproc.core.periods import days_period
from dbproc.core.plan import Decision, Planner, State, valid_code
from dbproc.core.retry import meant_try
from dbproc.core.slots import key_fields
from dbproc.core.states import AttemptStatus, Standing
from dbproc.core.version import Part, Version
from tests.kit.facts import MISSION

DAY = dt.date(2020, 1, 2)
NOW = dt.datetime(2020, 6, 1, 12, tzinfo=dt.UTC)
RAW, CLEAN, CAL = 1, 2, 3
MAKE = 10
OF_STATION = "clean_{station}_{Y}{m}{d}_v{VERSION}"
NAMES = {RAW: "raw", CLEAN: "clean", CAL: "cal"}


def day(number: int) -> dt.date:
    return DAY + dt.timedelta(days=number - 2)


def file(
    file_id: int,
    number: int = 2,
    version: str = "1.0.0",
    *,
    product: int = RAW,
    keywords: str = "",
    first: dt.date | None = None,
    last: dt.date | None = None,
    name: str | None = None,
) -> File:
    date = day(number)
    named = name or f"{NAMES[product]}_{date:%Y%m%d}_v{version}"
    return File(
        file_id,
        product,
        named,
        date,
        *days_period(first or date, last or date),
        Version.parse(version),
        keywords,
        f"data/{product}",
    )


def code(code_id: int = 100, version: str = "1.0.0", **keys: Any) -> Code:
    keys = {"output_interface": 1, "start": dt.date.min, "stop": dt.date.max, "digest": f"sha256:{code_id}", **keys}
    return Code(
        code_id=code_id, process_id=MAKE, path="/m/codes/make.sh", version=Version.parse(version), arguments=(), **keys
    )


def made(output: File, *inputs: File, by: Code | None = None, exists: bool = True) -> Output:
    by = by or code()
    there = replace(output, standing=Standing.IN_PLACE if exists else Standing.LOST)
    return Output(there, by.code_id, by.version, inputs)


class Site:
    """A mission with one process, and the files that it has."""

    def __init__(
        self,
        timebase: Timebase = Timebase.DAILY,
        inputs: Iterable[Input] = (Input(product_id=RAW),),
        codes: Iterable[Code] = (code(),),
        format: str = "clean_{Y}{m}{d}_v{VERSION}",
        has_output: bool = True,
    ) -> None:
        formats = {RAW: "raw_{Y}{m}{d}_v{VERSION}", CLEAN: format, CAL: "cal_{Y}{m}{d}_v{VERSION}"}
        products = {
            key: Product(
                product_id=key,
                name=NAMES[key],
                level=float(key == CLEAN),
                directory="data",
                format=formats[key],
                instrument="i",
                satellite="s",
                mission="test",
                inspector=Inspector(inspector_id=key, name="filename"),
            )
            for key in NAMES
        }
        self.process = Process(
            process_id=MAKE,
            name="make",
            timebase=timebase,
            outputs=(CLEAN,) if has_output else (),
            inputs=tuple(inputs),
            key_fields=key_fields(timebase, Keying.EACH, [compile_format(format).keyword_fields], []),
        )
        self.definition = Definition(
            mission=MISSION, products=products, processes={MAKE: self.process}, codes={MAKE: tuple(codes)}
        )

    def decide(
        self,
        *files: File,
        at: dt.date = DAY,
        keywords: str = "",
        outputs: Iterable[Output] = (),
        tried: Tried | None = None,
        forced: Part | None = None,
    ) -> Decision:
        slot = Slot(MAKE, at, keywords)
        asked = needs(self.definition, [slot])

        def within(key: int, first: dt.date, last: dt.date, ranges: Any) -> bool:
            return any(first <= b and last >= a for a, b in ranges.get(key, ()))

        by_time = {
            key: [f for f in files if f.product_id == key and within(key, *f.period.days, asked.by_time)]
            for key in asked.by_time
        }
        by_date = {
            key: [f for f in files if f.product_id == key and within(key, f.date, f.date, asked.by_date)]
            for key in asked.by_date
        }
        known = {(CLEAN, at): list(outputs)}
        facts = Facts(by_time, by_date, known, {} if tried is None else {slot: tried})
        return Planner(self.definition, facts, asked, NOW).decide(slot, forced)


def reasons(decision: Decision) -> list[str]:
    assert decision.task is not None, decision
    return [str(reason) for reason in decision.task.reasons]


def version(decision: Decision) -> str:
    assert decision.task is not None, decision
    return str(decision.task.output_version)


def inputs(decision: Decision) -> list[int]:
    assert decision.task is not None, decision
    return [file.file_id for file in decision.task.inputs]


# --- whether there is anything to do ---


def test_what_was_never_made_is_stale() -> None:
    decision = Site(codes=[code(output_interface=2)]).decide(file(1))
    assert (decision.state, reasons(decision)) == (State.STALE, ["no output yet"])
    assert decision.task is not None
    assert (decision.task.output_name, version(decision)) == ("clean_20200102_v2.0.0", "2.0.0")
    assert (decision.task.level, inputs(decision)) == (1.0, [1])


def test_what_was_made_from_the_wanted_inputs_by_the_valid_code_is_up_to_date() -> None:
    decision = Site().decide(file(1), outputs=[made(file(9, product=CLEAN), file(1))])
    assert (decision.state, decision.task) == (State.UP_TO_DATE, None)
    assert decision.explanation == "clean_20200102_v1.0.0 is up to date"


def test_a_missing_required_input_is_named() -> None:
    decision = Site(inputs=[Input(product_id=RAW), Input(product_id=CAL)]).decide(file(1))
    assert (decision.state, decision.explanation) == (State.NOT_DUE, "no file of the required input cal for 2020-01-02")


def test_an_optional_input_is_not_waited_for_and_counts_when_it_is_there() -> None:
    site = Site(inputs=[Input(product_id=RAW), Input(product_id=CAL, optional=True)])
    assert inputs(site.decide(file(1))) == [1]
    assert inputs(site.decide(file(1), file(2, product=CAL))) == [1, 2]


def test_optional_inputs_alone_are_enough() -> None:
    site = Site(inputs=[Input(product_id=RAW, optional=True), Input(product_id=CAL, optional=True)])
    assert inputs(site.decide(file(2, product=CAL))) == [2]
    assert site.decide().state is State.NOT_DUE


def test_neighbours_alone_make_nothing_due() -> None:
    site = Site(inputs=[Input(product_id=RAW, yesterday=1, tomorrow=1)])
    decision = site.decide(file(1, 1), file(3, 3))
    assert (decision.state, decision.explanation) == (State.NOT_DUE, "no input covers 2020-01-02 itself")


def test_an_input_of_another_product_may_be_the_one_that_covers_the_date() -> None:
    site = Site(inputs=[Input(product_id=RAW, yesterday=1), Input(product_id=CAL)])
    assert inputs(site.decide(file(1, 1), file(2, product=CAL))) == [1, 2]


def test_without_a_valid_code_nothing_is_built() -> None:
    site = Site(codes=[code(start=day(3))])
    decision = site.decide(file(1))
    assert decision.state is State.NO_CODE
    assert decision.explanation == "no active code of process make is valid for 2020-01-02"
    assert Site(codes=[]).decide(file(1)).state is State.NO_CODE


# --- the wanted inputs ---


def test_windows_take_the_days_around() -> None:
    site = Site(inputs=[Input(product_id=RAW, yesterday=2, tomorrow=1)])
    files = [file(number + 10, number) for number in range(-1, 5)]
    assert inputs(site.decide(*files)) == [10, 11, 12, 13]


def test_inputs_stand_in_the_order_of_the_definition_then_of_their_dates() -> None:
    site = Site(inputs=[Input(product_id=CAL), Input(product_id=RAW, yesterday=1, tomorrow=1)])
    assert inputs(site.decide(file(1, 3), file(2, 1), file(3, 2), file(4, product=CAL))) == [4, 2, 3, 1]


def test_a_file_that_is_wanted_twice_is_given_once() -> None:
    site = Site(inputs=[Input(product_id=RAW), Input(product_id=RAW, yesterday=1)])
    assert inputs(site.decide(file(1, 1), file(2, 2))) == [2, 1]


def test_stop_times_are_inclusive() -> None:
    site = Site()
    assert inputs(site.decide(file(1, 1, last=day(2)))) == [1]
    assert inputs(site.decide(file(1, 3, first=day(2)))) == [1]
    assert site.decide(file(1, 1, last=day(1))).state is State.NOT_DUE


def test_a_daily_output_is_made_from_files_of_all_keywords() -> None:
    files = [file(1, keywords="H=06"), file(2, keywords="H=00"), file(3, keywords="H=12")]
    assert inputs(Site().decide(*files)) == [2, 1, 3]


def test_a_file_of_timebase_file_goes_by_its_date_and_keywords() -> None:
    site = Site(Timebase.FILE, format=OF_STATION)
    files = [file(1, keywords="station=a"), file(2, keywords="station=b"), file(3, 1, last=day(2))]
    decision = site.decide(*files, keywords="station=b")
    assert inputs(decision) == [2]
    assert decision.task is not None
    assert decision.task.output_name == "clean_b_20200102_v1.0.0"
    missing = site.decide(*files, keywords="station=c")
    assert missing.explanation == "no file of the required input raw for 2020-01-02 station=c"


def test_the_output_of_other_keywords_is_another_output() -> None:
    site = Site(Timebase.FILE, format=OF_STATION)
    other = file(9, product=CLEAN, version="3.0.0", keywords="station=a", name="clean_a_20200102_v3.0.0")
    own = file(8, product=CLEAN, keywords="station=b", name="clean_b_20200102_v1.0.0")
    source = file(1, keywords="station=b")
    assert version(site.decide(source, keywords="station=b", outputs=[made(other, file(2))])) == "1.0.0"
    outputs = [made(other, file(2)), made(own, source)]
    assert site.decide(source, keywords="station=b", outputs=outputs).state is State.UP_TO_DATE


def test_a_keyword_that_no_input_has_is_named() -> None:
    decision = Site(format=OF_STATION).decide(file(1))
    assert decision.state is State.NOT_DUE
    assert decision.explanation == "none of the inputs gives {station} for 2020-01-02"


def test_the_hour_of_an_input_is_no_keyword_of_a_day() -> None:
    site = Site(format="clean_{Y}{m}{d}T{H}_v{VERSION}")
    decision = site.decide(file(1, keywords="H=06"))
    assert decision.task is not None
    assert decision.task.output_name == "clean_20200102T00_v1.0.0"


# --- periods ---


@pytest.mark.parametrize(
    ("timebase", "start", "inside", "outside"),
    [
        (Timebase.WEEKLY, dt.date(2019, 12, 30), ["2019-12-30", "2020-01-05"], ["2019-12-29", "2020-01-06"]),
        (Timebase.MONTHLY, dt.date(2020, 2, 1), ["2020-02-01", "2020-02-29"], ["2020-01-31", "2020-03-01"]),
        (Timebase.YEARLY, dt.date(2020, 1, 1), ["2020-01-01", "2020-12-31"], ["2019-12-31", "2021-01-01"]),
    ],
)
def test_a_period_is_made_from_all_its_days(
    timebase: Timebase, start: dt.date, inside: list[str], outside: list[str]
) -> None:
    texts = sorted(inside + outside)
    files = [file(key, (dt.date.fromisoformat(text) - DAY).days + 2) for key, text in enumerate(texts)]
    decision = Site(timebase).decide(*files, at=start)
    assert inputs(decision) == [1, 2]
    assert decision.task is not None
    assert decision.task.output_name == f"clean_{start:%Y%m%d}_v1.0.0"
    assert Site(timebase).decide(files[0], files[3], at=start).state is State.NOT_DUE


def test_a_week_at_the_turn_of_the_year_is_input_of_both_years() -> None:
    week = file(1, -1, first=dt.date(2019, 12, 30), last=dt.date(2020, 1, 5))
    site = Site(Timebase.YEARLY)
    assert inputs(site.decide(week, at=dt.date(2019, 1, 1))) == [1]
    assert inputs(site.decide(week, at=dt.date(2020, 1, 1))) == [1]


def test_an_explanation_names_the_whole_period() -> None:
    decision = Site(Timebase.WEEKLY).decide(at=dt.date(2019, 12, 30))
    assert decision.explanation.endswith("for 2019-12-30 to 2020-01-05")


# --- codes ---


def test_the_code_of_the_date_is_taken_both_ends_included() -> None:
    old, new = code(1, "1.0.0", stop=day(2)), code(2, "2.0.0", start=day(3))
    assert [getattr(valid_code([old, new], day(number)), "code_id", None) for number in (2, 3)] == [1, 2]
    assert valid_code([old], day(3)) is None


def test_of_overlapping_codes_the_highest_version_is_taken() -> None:
    assert valid_code([code(1, "1.10.0"), code(2, "1.9.0"), code(3, "1.2.0")], DAY) == code(1, "1.10.0")
    assert valid_code([code(1), code(2)], DAY) == code(2)


@pytest.mark.parametrize(
    ("released", "expected"), [("1.0.1", "1.2.4"), ("1.1.0", "1.3.0"), ("2.0.0", "1.3.0"), ("1.0.0", "1.2.4")]
)
def test_a_released_code_raises_what_it_made(released: str, expected: str) -> None:
    output = made(file(9, version="1.2.3", product=CLEAN), file(1), by=code(99, "1.0.0"))
    decision = Site(codes=[code(100, released)]).decide(file(1), outputs=[output])
    assert reasons(decision) == [f"code make.sh changed from 1.0.0 to {released}"]
    assert version(decision) == expected


def test_what_the_same_code_made_before_a_rollback_or_for_other_dates_is_up_to_date() -> None:
    output = made(file(9, version="1.2.3", product=CLEAN), file(1), by=code(99))
    assert Site(codes=[code(100, same_as=99)]).decide(file(1), outputs=[output]).state is State.UP_TO_DATE
    assert Site(codes=[code(100, same_as=98)]).decide(file(1), outputs=[output]).state is State.STALE


def test_a_code_with_a_new_output_interface_starts_it_anew() -> None:
    output = made(file(9, version="1.2.3", product=CLEAN), file(1), by=code(99))
    decision = Site(codes=[code(100, "1.0.1", output_interface=2)]).decide(file(1), outputs=[output])
    assert version(decision) == "2.0.0"


# --- inputs that changed ---


@pytest.mark.parametrize(("new", "expected"), [("1.0.1", "1.2.4"), ("1.1.0", "1.3.0"), ("2.0.0", "1.3.0")])
def test_a_replaced_input_raises_the_output(new: str, expected: str) -> None:
    output = made(file(9, version="1.2.3", product=CLEAN), file(1))
    decision = Site().decide(file(2, version=new), outputs=[output])
    assert reasons(decision) == [f"input raw_20200102_v1.0.0 replaced by raw_20200102_v{new}"]
    assert version(decision) == expected


def test_files_of_one_date_are_replaced_each_by_the_one_of_its_keywords() -> None:
    old = [file(1, keywords="station=a", name="a_v1.0.0"), file(2, keywords="station=b", name="b_v1.0.0")]
    new = [file(3, version="1.0.1", keywords="station=a", name="a_v1.0.1"), file(4, keywords="station=b", name="b2")]
    decision = Site().decide(*new, outputs=[made(file(9, product=CLEAN), *old)])
    assert reasons(decision) == ["input a_v1.0.0 replaced by a_v1.0.1", "input b_v1.0.0 replaced by b2"]


def test_an_input_that_went_back_counts_by_the_part_that_differs() -> None:
    output = made(file(9, product=CLEAN), file(2, version="1.0.1"))
    assert version(Site().decide(file(1), outputs=[output])) == "1.0.1"


def test_an_input_more_and_an_input_less_raise_the_quality() -> None:
    site = Site(inputs=[Input(product_id=RAW, yesterday=1)])
    output = made(file(9, product=CLEAN), file(2))
    more = site.decide(file(1, 1), file(2), outputs=[output])
    assert (reasons(more), version(more)) == (["input raw_20200101_v1.0.0 added"], "1.1.0")
    output = made(file(9, product=CLEAN), file(1, 1), file(2))
    less = site.decide(file(2), outputs=[output])
    assert (reasons(less), version(less)) == (["input raw_20200101_v1.0.0 removed"], "1.1.0")


def test_as_many_inputs_are_not_the_same_inputs() -> None:
    site = Site(inputs=[Input(product_id=RAW, yesterday=1, tomorrow=1)])
    output = made(file(9, product=CLEAN), file(1, 1), file(2))
    decision = site.decide(file(2), file(3, 3), outputs=[output])
    assert reasons(decision) == ["input raw_20200103_v1.0.0 added", "input raw_20200101_v1.0.0 removed"]


def test_every_reason_is_told_and_the_greatest_counts() -> None:
    output = made(file(9, product=CLEAN), file(1), by=code(99))
    decision = Site(codes=[code(100, "1.0.1")]).decide(file(2, version="1.1.0"), outputs=[output])
    assert reasons(decision) == [
        "code make.sh changed from 1.0.0 to 1.0.1",
        "input raw_20200102_v1.0.0 replaced by raw_20200102_v1.1.0",
    ]
    assert (decision.explanation, version(decision)) == ("; ".join(reasons(decision)), "1.1.0")


# --- the output itself ---


def test_an_output_that_is_gone_from_disk_is_made_again() -> None:
    decision = Site().decide(file(1), outputs=[made(file(9, product=CLEAN), file(1), exists=False)])
    assert reasons(decision) == ["clean_20200102_v1.0.0 is gone from disk"]
    assert version(decision) == "1.0.1"


def test_one_whose_names_have_no_version_comes_back_as_it_was() -> None:
    site = Site(format="clean_{Y}{m}{d}")
    gone = file(9, product=CLEAN, name="clean_20200102")
    for files, is_as_before in (((1,), True), ((1, 2), False)):
        decision = site.decide(*(file(number) for number in files), outputs=[made(gone, file(1), exists=False)])
        assert decision.task is not None
        (planned,) = decision.task.outputs
        lost = replace(gone, standing=Standing.LOST)
        assert (planned.again, planned.version, planned.is_as_before) == (lost, gone.version, is_as_before)
    assert site.decide(file(1), file(2), outputs=[made(gone, file(1))]).state is State.REFUSED


def test_a_delivered_file_in_the_place_of_an_output_is_replaced() -> None:
    delivered = Output(file(9, product=CLEAN), None, None, ())
    decision = Site().decide(file(1), outputs=[delivered])
    assert reasons(decision) == ["clean_20200102_v1.0.0 was delivered, not made by this process"]
    assert version(decision) == "1.1.0"


def test_the_newest_of_several_outputs_is_the_one_that_counts() -> None:
    old = made(file(8, version="1.9.0", product=CLEAN), file(1))
    new = made(file(9, version="1.10.0", product=CLEAN), file(2))
    assert version(Site().decide(file(1), outputs=[old, new])) == "1.11.0"


def test_an_output_named_by_a_format_of_before_is_made_under_its_new_name() -> None:
    site = Site(format="tidy_{Y}{m}{d}_v{VERSION}")
    decision = site.decide(file(1), outputs=[made(file(9, product=CLEAN), file(1))])
    assert reasons(decision) == ["clean_20200102_v1.0.0 is named by another format"]
    assert decision.task is not None
    assert decision.task.output_name == "tidy_20200102_v1.0.1"


def test_a_second_version_of_a_product_without_version_is_refused() -> None:
    site = Site(format="clean_{Y}{m}{d}")
    output = made(file(9, product=CLEAN, name="clean_20200102"), file(1))
    assert site.decide(file(1), outputs=[output]).state is State.UP_TO_DATE
    decision = site.decide(file(2, version="1.1.0"), outputs=[output])
    assert decision.state is State.REFUSED
    assert decision.explanation.startswith("product clean has no {VERSION} in its format 'clean_{Y}{m}{d}'")
    assert "raw_20200102_v1.0.0 replaced by raw_20200102_v1.1.0" in decision.explanation


@pytest.mark.parametrize(("part", "expected"), list(zip(Part, ("2.0.0", "1.1.0", "1.0.1"), strict=True)))
def test_what_is_forced_is_built_though_it_is_up_to_date(part: Part, expected: str) -> None:
    decision = Site().decide(file(1), outputs=[made(file(9, product=CLEAN), file(1))], forced=part)
    assert (decision.state, version(decision)) == (State.STALE, expected)
    assert reasons(decision) == [f"forced to raise {part.name.lower()}"]


# --- timebase RUN ---


def ran(*files: int, status: AttemptStatus = AttemptStatus.SUCCEEDED, by: Code | None = None, **keys: Any) -> Tried:
    by = by or code()
    keys = {"failures": 0, "next_try": None, "message": "", **keys}
    return Tried(
        attempt_id=1,
        status=status,
        code_id=by.code_id,
        code_digest=by.digest,
        code_version=by.version,
        inputs=frozenset(files),
        **keys,
    )


def effect() -> Site:
    return Site(Timebase.RUN, has_output=False)


def test_a_run_is_due_once_for_its_inputs() -> None:
    decision = effect().decide(file(1))
    assert (decision.state, reasons(decision)) == (State.STALE, ["not run yet"])
    assert decision.task is not None
    assert (decision.task.output_name, decision.task.output_version) == (None, None)
    assert effect().decide(file(1), tried=ran(1)).state is State.UP_TO_DATE


def test_a_run_is_due_again_when_its_inputs_or_its_code_change() -> None:
    assert reasons(effect().decide(file(2, version="1.0.1"), tried=ran(1))) == ["its inputs changed"]
    decision = effect().decide(file(1), tried=ran(1, by=code(99, "1.9.0")))
    assert reasons(decision) == ["code make.sh changed from 1.9.0 to 1.0.0"]
    assert reasons(effect().decide(file(1), tried=ran(1), forced=Part.QUALITY)) == ["forced"]


def test_a_run_that_failed_or_was_interrupted_is_due_again() -> None:
    later = NOW + dt.timedelta(minutes=1)
    assert reasons(effect().decide(file(1), tried=ran(1, status=AttemptStatus.INTERRUPTED))) == [
        "the last run of it failed"
    ]
    delayed = effect().decide(file(1), tried=ran(1, status=AttemptStatus.FAILED, next_try=later, failures=1))
    assert delayed.state is State.DELAYED


# --- what waits for its time ---


TODAY = NOW.date()


def waiting_site(wait: dt.timedelta | None = None, **keys: Any) -> Site:
    """A mission whose process waits until its period is over."""
    site = Site(**keys)
    site.process = replace(site.process, build=Build.WHEN_OVER, wait=wait)
    site.definition = replace(site.definition, processes={MAKE: site.process})
    return site


def of_today(file_id: int, **keys: Any) -> File:
    return file(file_id, (TODAY - DAY).days + 2, **keys)


def test_what_is_stale_waits_until_its_period_is_over() -> None:
    decision = waiting_site().decide(of_today(1), at=TODAY)
    assert (decision.state, decision.explanation) == (
        State.WAITING,
        "no output yet; waits until 2020-06-02 00:00Z",
    )
    assert decision.until == dt.datetime(2020, 6, 2, tzinfo=dt.UTC)
    assert decision.task is not None
    assert waiting_site().decide(file(1)).state is State.STALE
    assert waiting_site().decide(file(1)).until is None


def test_it_waits_as_long_after_that_as_its_process_says() -> None:
    age = NOW - dt.datetime(2020, 1, 3, tzinfo=dt.UTC)  # since the end of the day of the file
    assert waiting_site(age).decide(file(1)).state is State.STALE
    assert waiting_site(age + dt.timedelta(microseconds=1)).decide(file(1)).state is State.WAITING


def test_what_is_run_for_its_effect_waits_until_its_day_is_over() -> None:
    site = waiting_site(timebase=Timebase.RUN, has_output=False)
    assert site.decide(of_today(1), at=TODAY).state is State.WAITING
    assert site.decide(file(1)).state is State.STALE


def test_what_is_forced_does_not_wait() -> None:
    assert waiting_site().decide(of_today(1), at=TODAY, forced=Part.REVISION).state is State.STALE


def test_only_what_is_stale_waits() -> None:
    raw, output = of_today(1), of_today(9, product=CLEAN)
    site = waiting_site()
    assert site.decide(raw, at=TODAY, outputs=[made(output, raw)]).state is State.UP_TO_DATE
    assert site.decide(at=TODAY).state is State.NOT_DUE
    assert waiting_site(codes=[]).decide(raw, at=TODAY).state is State.NO_CODE
    assert site.decide(raw, at=TODAY, tried=failed(1)).state is State.DELAYED
    flat = waiting_site(format="clean_{Y}{m}{d}")
    standing = made(of_today(9, product=CLEAN, name=f"clean_{TODAY:%Y%m%d}"), of_today(2))
    assert flat.decide(raw, at=TODAY, outputs=[standing]).state is State.REFUSED


# --- what failed before ---


LATER, EARLIER = NOW + dt.timedelta(minutes=1), NOW - dt.timedelta(minutes=1)


def failed(*files: int, **keys: Any) -> Tried:
    return ran(*files, **{"status": "failed", "failures": 2, "next_try": LATER, "message": "exit 3", **keys})


def test_what_failed_waits_for_its_time() -> None:
    decision = Site().decide(file(1), tried=failed(1))
    assert decision.state is State.DELAYED
    assert decision.explanation == "failed, tried again after 2020-06-01 12:01Z: exit 3"
    assert decision.task is not None
    assert decision.task.failures == 2


def test_what_failed_is_tried_again_when_its_time_has_come() -> None:
    for time in (EARLIER, NOW):
        decision = Site().decide(file(1), tried=failed(1, next_try=time))
        assert (decision.state, decision.explanation) == (State.STALE, "no output yet; tried again")
        assert decision.task is not None
        assert decision.task.failures == 2


@pytest.mark.parametrize(
    ("next_try", "made", "longest", "is_due"),
    [
        (60, -60, 86_400, False),
        (86_400, -1, 86_400, False),
        (86_401, -1, 86_400, True),  # longer than anything may wait
        (86_401, -1, 10 * 86_400, False),
        (120, 60, 86_400, True),  # made in time to come: by a clock that was ahead
        (1e10, 1e10, 86_400, True),
        (1e10, -1, 1e300, False),
        (-60, -120, 86_400, True),
    ],
)
def test_a_clock_that_was_ahead_delays_nothing(next_try: float, made: float, longest: float, is_due: bool) -> None:
    at, by = (NOW + dt.timedelta(seconds=seconds) for seconds in (next_try, made))
    meant = meant_try(at, by, longest, NOW)
    assert meant is not None
    assert (meant <= NOW) is is_due
    assert is_due or meant == at
    assert meant_try(None, by, longest, NOW) is None


def test_what_was_given_up_stays_so() -> None:
    decision = Site().decide(file(1), tried=failed(1, next_try=None))
    assert (decision.state, decision.explanation) == (State.DELAYED, "failed, and given up: exit 3")


def test_what_the_definition_did_not_allow_is_built_as_soon_as_it_does() -> None:
    decision = Site().decide(file(1), tried=failed(1, status=AttemptStatus.REFUSED, next_try=None, failures=0))
    assert (decision.state, decision.explanation) == (State.STALE, "no output yet")


@pytest.mark.parametrize("next_try", [LATER, None])
def test_what_failed_is_tried_at_once_when_code_or_inputs_change(next_try: dt.datetime | None) -> None:
    for site, files, tried in (
        (Site(), [file(2, version="1.0.1")], failed(1, next_try=next_try)),
        (Site(), [file(1)], failed(1, next_try=next_try, by=code(99))),
        (Site(), [file(1)], failed(1, next_try=next_try, by=code(100, digest="sha256:other"))),
    ):
        decision = site.decide(*files, tried=tried)
        assert decision.state is State.STALE
        assert decision.task is not None
        assert decision.task.failures == 0


def test_what_failed_is_tried_at_once_when_it_is_forced() -> None:
    assert Site().decide(file(1), tried=failed(1), forced=Part.REVISION).state is State.STALE


def test_an_interrupted_job_did_not_fail() -> None:
    assert Site().decide(file(1), tried=failed(1, status=AttemptStatus.INTERRUPTED)).state is State.STALE


# --- which slots a queued file makes candidates ---


def slots(site: Site, *spans: tuple[int, int], keywords: str = "", product: int = RAW) -> list[tuple[str, str]]:
    times = tuple(days_period(day(first), day(last)) for first, last in spans)
    queued = Queued(1, product, times[0].start.date(), keywords, times)
    taken = consumers(site.definition).get(product, ())
    found = {slot for process, link in taken for slot in affected(process, link, queued) if isinstance(slot, Slot)}
    return sorted((slot.date.isoformat(), slot.keywords) for slot in found)


def test_a_file_makes_the_dates_candidates_whose_window_holds_it() -> None:
    site = Site(inputs=[Input(product_id=RAW, yesterday=2, tomorrow=1)])
    assert [date for date, _ in slots(site, (5, 5))] == ["2020-01-04", "2020-01-05", "2020-01-06", "2020-01-07"]


def test_a_file_of_several_days_makes_all_of_them_candidates() -> None:
    assert [date for date, _ in slots(Site(), (1, 2), (5, 5))] == ["2020-01-01", "2020-01-02", "2020-01-05"]


def test_a_file_makes_the_periods_candidates_that_it_overlaps() -> None:
    assert slots(Site(Timebase.WEEKLY), (5, 6)) == [("2019-12-30", ""), ("2020-01-06", "")]
    assert slots(Site(Timebase.MONTHLY), (0, 1)) == [("2019-12-01", ""), ("2020-01-01", "")]
    assert slots(Site(Timebase.YEARLY), (-1, 5)) == [("2019-01-01", ""), ("2020-01-01", "")]


def test_a_file_of_timebase_file_is_a_candidate_with_its_keywords_on_its_date() -> None:
    assert slots(Site(Timebase.FILE, format=OF_STATION), (2, 3), keywords="station=a") == [("2020-01-02", "station=a")]
    assert slots(effect(), (2, 2), keywords="station=a") == [("2020-01-02", "")]


def test_a_file_that_nothing_is_made_from_makes_no_candidate() -> None:
    assert slots(Site(), (2, 2), product=CAL) == []


def test_what_is_asked_for_is_the_days_of_windows_and_periods() -> None:
    site = Site(Timebase.WEEKLY, inputs=[Input(product_id=RAW, yesterday=1, tomorrow=2)])
    monday = dt.date(2019, 12, 30)
    asked = needs(site.definition, [Slot(MAKE, monday)])
    assert asked.by_time == {RAW: [(dt.date(2019, 12, 29), dt.date(2020, 1, 7))]}
    assert (asked.by_date, asked.outputs) == ({}, {CLEAN: [(monday, monday)]})
    asked = needs(effect().definition, [Slot(MAKE, DAY), Slot(MAKE, day(3))])
    assert (asked.by_time, asked.by_date, asked.outputs) == ({}, {RAW: [(DAY, day(3))]}, {})


# --- what an imported file counts as made from ---


def imported(output: Output, *counted: File, by: Code | None = None, other_name: bool = False) -> Output:
    """An output that counts as made from something else than it was made from."""
    return replace(output, baseline=Baseline((by or code()).code_id, counted, other_name))


WITH_CAL = (Input(product_id=RAW), Input(product_id=CAL, optional=True))


def test_what_counts_as_made_from_the_wanted_inputs_is_left_as_it_is() -> None:
    site, cal = Site(inputs=WITH_CAL, codes=[code(101, "1.1.0")]), file(2, product=CAL)
    output = imported(made(file(9, product=CLEAN), file(1)), file(1), cal, by=code(101))
    decision = site.decide(file(1), cal, outputs=[output])
    assert (decision.state, decision.confirmed) == (State.UP_TO_DATE, ())
    assert decision.explanation == "clean_20200102_v1.0.0 is up to date, as it was taken over"
    assert site.decide(file(1), cal, outputs=[replace(output, code_id=None, code_version=None)]).task is None
    named = replace(output, file=replace(output.file, filename="as it was called"))
    assert site.decide(file(1), cal, outputs=[named]).state is State.STALE
    kept = replace(named, baseline=Baseline(101, (file(1), cal), other_name=True))
    assert site.decide(file(1), cal, outputs=[kept]).state is State.UP_TO_DATE


def test_when_something_of_it_changes_all_is_told_that_is_other_than_it_was() -> None:
    site, cal = Site(inputs=WITH_CAL, codes=[code(101, "1.0.1")]), file(2, product=CAL)
    output = imported(made(file(9, product=CLEAN), file(1)), file(1), cal, by=code(101))
    newer = file(3, version="1.0.1")
    decision = site.decide(newer, cal, outputs=[output])
    assert version(decision) == "1.1.0"
    assert reasons(decision) == [
        "code make.sh changed from 1.0.0 to 1.0.1",
        "input raw_20200102_v1.0.0 replaced by raw_20200102_v1.0.1",
        "input cal_20200102_v1.0.0 added",
    ]
    assert site.decide(file(1), outputs=[output]).state is State.STALE  # one less is a change, too
    gone = replace(output, file=replace(output.file, standing=Standing.LOST))
    assert "clean_20200102_v1.0.0 is gone from disk" in reasons(site.decide(file(1), cal, outputs=[gone]))


def test_what_was_really_made_from_a_file_that_is_taken_back_is_made_anew() -> None:
    old, new = file(1), file(3, version="1.1.0")
    output = imported(made(file(9, product=CLEAN), old), new)
    assert Site().decide(new, outputs=[output]).state is State.UP_TO_DATE
    back = replace(output, inputs=(replace(old, standing=Standing.WITHDRAWN),))
    assert reasons(Site().decide(new, outputs=[back])) == [
        "input raw_20200102_v1.0.0 withdrawn, raw_20200102_v1.1.0 in its place"
    ]


def test_nothing_imported_is_withdrawn_because_it_would_not_be_made_now() -> None:
    site = Site(inputs=[Input(product_id=RAW), Input(product_id=CAL)])
    other = file(5, number=3)
    output = imported(made(file(9, product=CLEAN), file(1), other), file(1))
    assert site.decide(file(1), outputs=[output]).state is State.NOT_DUE
    assert site.decide(file(1), outputs=[made(output.file, file(1), other)]).state is State.WITHDRAW
