"""The model of periods and keys, held against cases worked out by hand."""

from __future__ import annotations

import datetime as dt

from tests.property.partitions_model import File, Process, Product, State, Use, end_state, read, rebuilt

HOUR = dt.timedelta(hours=1)
DAY = dt.timedelta(days=1)
MIDNIGHT = dt.datetime(2020, 1, 2)

SCAN = Product("scan", ("station",), "minute", dt.timedelta(minutes=15))
RAW = Product("raw", ("station",))
BAND = Product("band", ("band",))
GAIN = Product("gain", time="year")
CAL = Product("cal", ("station",))
TABLE = Product("table", covers=3 * DAY)
ORBIT = Product("orbit", ("orbit",), inside=True)
ALL = (SCAN, RAW, BAND, GAIN, CAL, TABLE, ORBIT)


def made(process: Process, *names: str, **times: str) -> State:
    files = [f"{name}_v1.0.0.txt" for name in names]
    state = end_state(ALL, [process], files, {f"{name}_v1.0.0.txt": text for name, text in times.items()})
    return {stem: frozenset(name.removesuffix("_v1.0.0.txt") for name in inputs) for stem, inputs in state.items()}


def daily(*uses: Use, fields: tuple[str, ...] = ("station",)) -> Process:
    return Process(Product("p", fields), "DAILY", uses)


def times_of(file: File) -> tuple[str, str]:
    return str(file.start), str(file.stop)


def test_names_tell_date_keywords_and_times() -> None:
    file = read(SCAN, "scan_ANK_20200102T0615_v1.0.0.txt")
    assert (file.stem, file.date) == ("scan_ANK_20200102T0615", dt.date(2020, 1, 2))
    assert file.values == {"station": "ANK", "H": "06", "M": "15"}
    assert times_of(file) == ("2020-01-02 06:15:00", "2020-01-02 06:29:59.999999")
    assert times_of(read(GAIN, "gain_2020")) == ("2020-01-01 00:00:00", "2020-12-31 23:59:59.999999")
    assert times_of(read(TABLE, "table_20200102")) == ("2020-01-02 00:00:00", "2020-01-04 23:59:59.999999")


def test_contents_tell_times() -> None:
    file = read(ORBIT, "orbit_17_20200102_v1.0.0.txt", "2020-01-02T23:00:00 2020-01-03T00:30:00")
    assert file.date == dt.date(2020, 1, 2)
    assert times_of(file) == ("2020-01-02 23:00:00", "2020-01-03 00:30:00")


def test_the_newest_version_counts() -> None:
    names = ["raw_ANK_20200102_v1.10.0.txt", "raw_ANK_20200102_v1.9.0.txt"]
    assert end_state(ALL, [daily(Use((RAW,)))], names, {}) == {"p_ANK_20200102": {"raw_ANK_20200102_v1.10.0.txt"}}


def test_each_key_is_due_by_itself_and_takes_its_own_files() -> None:
    assert made(daily(Use((SCAN,))), "scan_ANK_20200102T0000", "scan_ANK_20200102T2345", "scan_BOL_20200103T0000") == {
        "p_ANK_20200102": {"scan_ANK_20200102T0000", "scan_ANK_20200102T2345"},
        "p_BOL_20200103": {"scan_BOL_20200103T0000"},
    }


def test_fields_that_the_output_lacks_are_aggregated_over() -> None:
    week = Process(Product("p"), "WEEKLY", (Use((RAW,)),))
    assert made(week, "raw_ANK_20200105", "raw_BOL_20200103", "raw_BOL_20200106") == {
        "p_20191230": {"raw_ANK_20200105", "raw_BOL_20200103"},
        "p_20200106": {"raw_BOL_20200106"},
    }


def test_a_month_is_dated_on_its_first_day() -> None:
    month = Process(Product("p"), "MONTHLY", (Use((RAW,)),))
    assert made(month, "raw_ANK_20200131", "raw_BOL_20200201") == {
        "p_20200101": {"raw_ANK_20200131"},
        "p_20200201": {"raw_BOL_20200201"},
    }


def test_keys_are_those_that_all_required_inputs_give() -> None:
    crossed = daily(Use((RAW,)), Use((BAND,)), fields=("station", "band"))
    assert made(crossed, "raw_ANK_20200102", "raw_BOL_20200102", "band_g_20200102", "band_r_20200103") == {
        "p_ANK_g_20200102": {"raw_ANK_20200102", "band_g_20200102"},
        "p_BOL_g_20200102": {"raw_BOL_20200102", "band_g_20200102"},
    }


def test_an_optional_input_is_taken_where_it_is_and_delays_nothing() -> None:
    process = daily(Use((RAW,)), Use((CAL,), optional=True))
    assert made(process, "raw_ANK_20200102", "raw_BOL_20200102", "cal_ANK_20200102", "cal_BOL_20200103") == {
        "p_ANK_20200102": {"raw_ANK_20200102", "cal_ANK_20200102"},
        "p_BOL_20200102": {"raw_BOL_20200102"},
    }


def test_of_a_choice_each_key_takes_the_first_that_it_has() -> None:
    process = daily(Use((RAW, CAL)))
    assert made(process, "raw_ANK_20200102", "cal_ANK_20200102", "cal_BOL_20200102") == {
        "p_ANK_20200102": {"raw_ANK_20200102"},
        "p_BOL_20200102": {"cal_BOL_20200102"},
    }


def test_a_window_takes_neighbours_and_makes_nothing_due_by_itself() -> None:
    process = daily(Use((RAW,), yesterday=1, tomorrow=1))
    assert made(process, "raw_ANK_20200102", "raw_ANK_20200103", "raw_BOL_20200104") == {
        "p_ANK_20200102": {"raw_ANK_20200102", "raw_ANK_20200103"},
        "p_ANK_20200103": {"raw_ANK_20200102", "raw_ANK_20200103"},
        "p_BOL_20200104": {"raw_BOL_20200104"},
    }


def test_windows_of_parts_of_a_day_are_exact() -> None:
    output = Product("p", ("station",), "minute")
    process = Process(output, "HOURLY", (Use((SCAN,), before=HOUR / 2, after=HOUR / 4),), step=HOUR)
    around = ["scan_ANK_20200101T2315", "scan_ANK_20200101T2330", "scan_ANK_20200102T0100", "scan_ANK_20200102T0115"]
    found = made(process, "scan_ANK_20200102T0030", *around)
    assert found["p_ANK_20200102T0000"] == {"scan_ANK_20200102T0030", *around[1:3]}
    assert sorted(found) == ["p_ANK_20200101T2300", "p_ANK_20200102T0000", "p_ANK_20200102T0100"]


def test_files_of_one_date_meet_by_their_keywords_and_share_what_has_none() -> None:
    process = Process(Product("p", ("station",)), "FILE", (Use((RAW,)), Use((GAIN,), valid="covers")))
    assert made(process, "raw_ANK_20200102", "raw_BOL_20200102", "gain_2020", "gain_2019") == {
        "p_ANK_20200102": {"raw_ANK_20200102", "gain_2020"},
        "p_BOL_20200102": {"raw_BOL_20200102", "gain_2020"},
    }


def test_the_time_of_day_is_a_keyword_where_periods_come_from_files() -> None:
    process = Process(Product("p", ("station",), "minute"), "FILE", (Use((SCAN,)), Use((RAW,))))
    assert made(process, "raw_ANK_20200102", "scan_ANK_20200102T0600", "scan_ANK_20200102T0615") == {
        "p_ANK_20200102T0600": {"raw_ANK_20200102", "scan_ANK_20200102T0600"},
        "p_ANK_20200102T0615": {"raw_ANK_20200102", "scan_ANK_20200102T0615"},
    }


def test_the_latest_is_the_newest_of_the_key_that_begins_before() -> None:
    process = daily(Use((RAW,)), Use((CAL,), valid="latest"))
    cals = ["cal_ANK_20191201", "cal_ANK_20200103", "cal_BOL_20200104"]
    assert made(process, *(f"raw_{key}" for key in ("ANK_20200102", "ANK_20200103", "BOL_20200103")), *cals) == {
        "p_ANK_20200102": {"raw_ANK_20200102", "cal_ANK_20191201"},
        "p_ANK_20200103": {"raw_ANK_20200103", "cal_ANK_20200103"},
    }


def test_the_latest_is_taken_for_each_value_that_the_output_lacks() -> None:
    process = daily(Use((RAW,)), Use((CAL,), valid="latest"), fields=())
    assert made(process, "raw_ANK_20200105", "cal_ANK_20200101", "cal_ANK_20200103", "cal_BOL_20200102") == {
        "p_20200105": {"raw_ANK_20200105", "cal_ANK_20200103", "cal_BOL_20200102"}
    }


def test_what_is_too_old_is_not_the_latest() -> None:
    process = daily(Use((RAW,)), Use((CAL,), valid="latest", max_age=2 * DAY))
    assert made(process, "raw_ANK_20200104", "raw_ANK_20200105", "cal_ANK_20200102") == {
        "p_ANK_20200104": {"raw_ANK_20200104", "cal_ANK_20200102"}
    }


def test_what_covers_holds_the_whole_period() -> None:
    names = ("raw_ANK_20200104", "raw_ANK_20200105", "table_20200101", "table_20200102", "table_20200104")
    assert made(daily(Use((RAW,)), Use((TABLE,), valid="covers")), *names) == {
        "p_ANK_20200104": {"raw_ANK_20200104", "table_20200102", "table_20200104"},
        "p_ANK_20200105": {"raw_ANK_20200105", "table_20200104"},
    }
    week = Process(Product("p"), "WEEKLY", (Use((RAW,)), Use((TABLE,), valid="covers")))
    assert made(week, *names) == {}


def test_an_orbit_takes_what_overlaps_it() -> None:
    process = Process(Product("p", ("orbit",)), "per orbit", (Use((ORBIT,)), Use((SCAN,))), driver=ORBIT)
    scans = ["scan_ANK_20200102T2245", "scan_ANK_20200102T2300", "scan_BOL_20200103T0030", "scan_BOL_20200103T0045"]
    orbits = {
        "orbit_17_20200102": "2020-01-02T23:00:00 2020-01-03T00:30:00",
        "orbit_18_20200103": "2020-01-03T02:00:00 2020-01-03T04:00:00",
    }
    assert made(process, *scans, *orbits, **orbits) == {"p_17_20200102": {"orbit_17_20200102", *scans[1:3]}}


def test_an_orbit_has_a_key_for_each_station_and_a_window() -> None:
    uses = (Use((ORBIT,)), Use((SCAN,), before=HOUR))
    process = Process(Product("p", ("orbit", "station")), "per orbit", uses, driver=ORBIT)
    scans = ["scan_ANK_20200102T1145", "scan_BOL_20200102T1045"]
    orbit = {"orbit_17_20200102": "2020-01-02T12:00:00 2020-01-02T13:00:00"}
    assert made(process, *scans, *orbit, **orbit) == {"p_17_ANK_20200102": {"orbit_17_20200102", scans[0]}}


def test_a_pass_named_by_its_time_takes_what_overlaps_it_of_any_time_of_day() -> None:
    a_pass = Product("pass", time="minute", inside=True)
    flat = Product("flat", time="minute")
    uses = (Use((a_pass,)), Use((SCAN,)), Use((flat,), valid="latest"))
    process = Process(Product("p", ("station",), "minute"), "per pass", uses, driver=a_pass)
    names = ["pass_20200102T2340", "scan_ANK_20200102T2345", "scan_ANK_20200103T0000", "scan_ANK_20200103T0015"]
    flats = ["flat_20200102T2330", "flat_20200102T0600", "flat_20200102T2345"]
    delivered = [f"{name}_v1.0.0.txt" for name in (*names, *flats)]
    times = {delivered[0]: "2020-01-02T23:40:00 2020-01-03T00:10:00"}
    assert end_state((a_pass, SCAN, flat), [process], delivered, times) == {
        "p_ANK_20200102T2340": {f"{name}_v1.0.0.txt" for name in (*names[:3], flats[0])}
    }


def test_a_calibration_is_the_latest_at_any_time_of_day() -> None:
    flat = Product("flat", time="minute")
    process = Process(Product("p", ("station",), "minute"), "FILE", (Use((SCAN,)), Use((flat,), valid="latest")))
    stems = ("scan_ANK_20200102T0600", "flat_20200102T0500", "flat_20200101T0500", "flat_20200102T0700")
    names = [f"{stem}_v1.0.0.txt" for stem in stems]
    assert end_state((SCAN, flat), [process], names, {}) == {"p_ANK_20200102T0600": set(names[:2])}


def test_levels_follow_each_other() -> None:
    hours = Process(Product("h", ("station",), "minute"), "HOURLY", (Use((SCAN,)),), step=HOUR)
    days = Process(Product("d", ("station",)), "DAILY", (Use((hours.output,)),))
    week = Process(Product("w"), "WEEKLY", (Use((days.output,)),))
    scans = [f"scan_{each}_v1.0.0.txt" for each in ("ANK_20200102T0000", "ANK_20200102T2345", "BOL_20200103T0600")]
    assert end_state(ALL, [hours, days, week], scans, {}) == {
        "h_ANK_20200102T0000": {scans[0]},
        "h_ANK_20200102T2300": {scans[1]},
        "h_BOL_20200103T0600": {scans[2]},
        "d_ANK_20200102": {"h_ANK_20200102T0000", "h_ANK_20200102T2300"},
        "d_BOL_20200103": {"h_BOL_20200103T0600"},
        "w_20191230": {"d_ANK_20200102", "d_BOL_20200103"},
    }


def test_an_output_is_of_the_time_of_its_period() -> None:
    week = Process(Product("w", ("station",)), "WEEKLY", (Use((RAW,)),))
    days = Process(Product("d"), "DAILY", (Use((week.output,)),))
    names = ["raw_ANK_20200103_v1.0.0.txt"]
    made_days = {f"d_{date}": {"w_ANK_20191230"} for date in ("20191230", "20191231", *range(20200101, 20200106))}
    assert end_state(ALL, [week, days], names, {}) == {"w_ANK_20191230": set(names), **made_days}


def test_what_is_made_anew_is_what_has_other_inputs_and_what_is_made_from_it() -> None:
    before = {"a": frozenset({"x"}), "b": frozenset({"y"}), "c": frozenset({"a", "b"}), "d": frozenset({"b"})}
    after = {"a": frozenset({"x2"}), "b": frozenset({"y"}), "c": frozenset({"a", "b"}), "d": frozenset({"b"})}
    assert rebuilt(before, after) == {"a", "c"}
    assert rebuilt({}, after) == set(after)
