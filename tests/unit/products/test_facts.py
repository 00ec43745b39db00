from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from dbproc.core.filenames import NameFacts, compile_format
from dbproc.core.version import Version
from dbproc.products import Facts, Nonsense, NotMine
from dbproc.products.facts import settle

UTC = dt.UTC


def name_of(text: str, filename: str) -> NameFacts:
    found = compile_format(text).match(filename)
    assert found is not None
    return found


DAY = name_of("met_{Y}{m}{d}_{site}_v{VERSION}.nc", "met_20190102_sgp_v2.1.0.nc")
DATELESS = name_of("met_{site}.nc", "met_sgp.nc")


def test_what_an_inspector_leaves_open_is_taken_from_the_name() -> None:
    settled = settle(Facts(), DAY)
    assert settled.date == dt.date(2019, 1, 2)
    assert settled.start == dt.datetime(2019, 1, 2, tzinfo=UTC)
    assert settled.stop == dt.datetime(2019, 1, 2, 23, 59, 59, 999999, tzinfo=UTC)
    assert (settled.version, settled.keywords, settled.extra) == (Version(2, 1, 0), "site=sgp", {})


def test_without_a_version_anywhere_it_is_the_first() -> None:
    assert settle(Facts(start=dt.datetime(2019, 1, 1)), DATELESS).version == Version(1, 0, 0)


def test_naive_times_are_utc_and_aware_ones_are_converted() -> None:
    east = dt.timezone(dt.timedelta(hours=2))
    facts = Facts(start=dt.datetime(2019, 1, 2, 1), stop=dt.datetime(2019, 1, 2, 12, tzinfo=east))
    settled = settle(facts, DAY)
    assert settled.start == dt.datetime(2019, 1, 2, 1, tzinfo=UTC)
    assert settled.stop == dt.datetime(2019, 1, 2, 10, tzinfo=UTC)
    assert settled.stop.tzinfo is UTC


def test_the_date_is_the_names_and_without_one_the_day_of_the_start() -> None:
    start = dt.datetime(2019, 1, 1, 23, 59)
    stop = dt.datetime(2019, 1, 2, 23)
    assert settle(Facts(start=start, stop=stop), DAY).date == dt.date(2019, 1, 2)
    assert settle(Facts(start=start, stop=stop), DATELESS).date == dt.date(2019, 1, 1)


def test_an_instant_has_equal_start_and_stop() -> None:
    settled = settle(Facts(start=dt.datetime(2019, 1, 1, 5)), DATELESS)
    assert settled.start == settled.stop


HOUR = dt.timedelta(hours=1)
LASTING = name_of("met_{Y}{m}{d}T{H}.nc", "met_20190102T05.nc").lasting(2 * HOUR)


@pytest.mark.parametrize(
    ("start", "stop", "expected"),
    [
        (None, None, dt.datetime(2019, 1, 2, 6, 59, 59, 999999)),
        (dt.datetime(2019, 1, 2, 5, 7), None, dt.datetime(2019, 1, 2, 6, 59, 59, 999999)),
        (dt.datetime(2019, 1, 2, 5, 7), dt.datetime(2019, 1, 2, 5, 8), dt.datetime(2019, 1, 2, 5, 8)),
        (dt.datetime(2019, 1, 2, 9), None, dt.datetime(2019, 1, 2, 10, 59, 59, 999999)),
    ],
)
def test_how_long_a_file_lasts_holds_where_its_inspector_gives_no_stop(
    start: dt.datetime | None, stop: dt.datetime | None, expected: dt.datetime
) -> None:
    settled = settle(Facts(start=start, stop=stop), LASTING, 2 * HOUR)
    assert settled.stop == expected.replace(tzinfo=UTC)


def test_a_file_without_a_date_in_its_name_lasts_from_the_start_of_its_contents() -> None:
    settled = settle(Facts(start=dt.datetime(2019, 1, 1, 5)), DATELESS, HOUR)
    assert settled.stop == dt.datetime(2019, 1, 1, 5, 59, 59, 999999, UTC)


def test_own_keywords_win_over_the_names() -> None:
    assert settle(Facts(keywords={"site": "nsa", "mode": "a b"}), DAY).keywords == "mode=a%20b site=nsa"


def test_contents_that_contradict_the_name_are_refused_with_both_dates() -> None:
    with pytest.raises(NotMine, match=r"2019-01-05.*but its name says 2019-01-02"):
        settle(Facts(start=dt.datetime(2019, 1, 5), stop=dt.datetime(2019, 1, 6)), DAY)


@pytest.mark.parametrize("day", [1, 2, 3])
def test_contents_may_begin_a_day_beside_the_name(day: int) -> None:
    assert settle(Facts(start=dt.datetime(2019, 1, day), stop=dt.datetime(2019, 1, day)), DAY).date.day == 2


def test_contents_of_several_days_agree_with_any_of_them() -> None:
    facts = Facts(start=dt.datetime(2018, 12, 25), stop=dt.datetime(2019, 1, 1, 23))
    assert settle(facts, DAY).start == dt.datetime(2018, 12, 25, tzinfo=UTC)


def test_a_month_in_the_name_agrees_with_every_day_of_it() -> None:
    month = name_of("met_{Y}{m}.nc", "met_201902.nc")
    settled = settle(Facts(start=dt.datetime(2019, 2, 17), stop=dt.datetime(2019, 2, 20)), month)
    assert settled.date == dt.date(2019, 2, 1)


def test_the_tolerance_widens_what_agrees() -> None:
    late = dt.datetime(2019, 1, 8)
    assert settle(Facts(start=late, stop=late, tolerance=7), DAY).date == dt.date(2019, 1, 2)


def test_a_date_that_the_inspector_gives_is_not_disputed() -> None:
    facts = Facts(start=dt.datetime(2019, 3, 1), stop=dt.datetime(2019, 3, 1), date=dt.date(2019, 3, 1))
    assert settle(facts, DAY).date == dt.date(2019, 3, 1)


def test_no_date_anywhere_is_refused() -> None:
    with pytest.raises(NotMine, match="neither its name nor its contents"):
        settle(Facts(), DATELESS)


NOW = dt.datetime(2019, 1, 2, 12)


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        (42, "returned 42"),
        ({"start": NOW}, "not Facts"),
        (Facts(start="yesterday"), "start is 'yesterday', not a datetime"),  # type: ignore[arg-type]
        (Facts(start=NOW, stop=dt.datetime(2019, 1, 2, 11)), "after its stop"),
        (Facts(date=dt.date(1066, 10, 14)), "outside 1900..2100"),
        (Facts(date=dt.date(2500, 1, 1)), "outside 1900..2100"),
        (Facts(date="2019"), "date is '2019'"),  # type: ignore[arg-type]
        (Facts(version="new"), "version is 'new'"),
        (Facts(version=1.0), "version is 1.0"),  # type: ignore[arg-type]
        (Facts(version="0.1.0"), "version is '0.1.0'"),
        (Facts(keywords=["a"]), "keywords are"),  # type: ignore[arg-type]
        (Facts(keywords={"a": 1}), "not text"),  # type: ignore[dict-item]
        (Facts(keywords={"a b": "1"}), "one word"),
        (Facts(keywords={"a": "\udcff"}), "control characters"),
        (Facts(extra={"colour": "red"}), "extra has 'colour'"),
        (Facts(extra={"caveats": "x\x00y"}), "control characters"),
        (Facts(extra={"caveats": "x" * 20_000}), "20000 characters"),
        (Facts(extra={"met_start_time": "soon"}), "met_start_time is 'soon', not a number"),
        (Facts(extra={"met_stop_time": float("nan")}), "not a number"),
        (Facts(extra={"quality_checked": "perhaps"}), "neither true nor false"),
        (Facts(extra={"check_date": "yesterday"}), "check_date is 'yesterday', not a time"),
        (Facts(tolerance="7"), "tolerance"),  # type: ignore[arg-type]
    ],
)
def test_nonsense_is_named(facts: Any, words: str) -> None:
    with pytest.raises(Nonsense, match=words):
        settle(facts, DAY)
