"""Filename formats: what a name says, and the name that says it."""

from __future__ import annotations

import datetime as dt
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dbproc.core.errors import FormatError
from dbproc.core.filenames import (
    FIELDS,
    TIME_OF_DAY,
    NameFacts,
    compile_format,
    keywords_of,
    keywords_text,
    render,
    substitute,
    without_ending,
)
from dbproc.core.version import Version

DAY = dt.date(2019, 1, 31)
NOON = dt.datetime(2019, 1, 31, 12, 34, 56, 789012, dt.UTC)


def read(format: str, name: str) -> NameFacts:
    facts = compile_format(format).match(name)
    assert facts is not None
    return facts


# --- dates ---


@pytest.mark.parametrize(
    ("format", "name"),
    [
        ("x{Y}{m}{d}", "x20190131"),
        ("x{Y}-{b}-{d}", "x2019-Jan-31"),
        ("x{y}{m}{d}", "x190131"),
        ("x{Y}.{j}", "x2019.031"),
        ("x{y}{j}", "x19031"),
        ("x{DATE}", "x20190131"),
        ("x{datetime}", "x2019-01-31"),
        ("x{datetime}", "x20190131"),
        ("{d}{m}{Y}", "31012019"),
    ],
)
def test_each_way_to_write_a_day_is_read(format: str, name: str) -> None:
    facts = read(format, name)
    assert facts.date == DAY
    assert facts.start == dt.datetime(2019, 1, 31, tzinfo=dt.UTC)
    assert facts.stop == dt.datetime(2019, 1, 31, 23, 59, 59, 999999, dt.UTC)
    assert facts.keywords == {}


@pytest.mark.parametrize(
    ("format", "name", "first", "last"),
    [
        ("{Y}{m}", "201902", dt.date(2019, 2, 1), dt.date(2019, 2, 28)),
        ("{Y}{m}", "202002", dt.date(2020, 2, 1), dt.date(2020, 2, 29)),
        ("{b}{y}", "Dec99", dt.date(1999, 12, 1), dt.date(1999, 12, 31)),
        ("{Y}", "2019", dt.date(2019, 1, 1), dt.date(2019, 12, 31)),
        ("{y}", "69", dt.date(2069, 1, 1), dt.date(2069, 12, 31)),
        ("{y}", "70", dt.date(1970, 1, 1), dt.date(1970, 12, 31)),
    ],
)
def test_a_month_or_a_year_without_a_day_is_the_whole_of_it(
    format: str, name: str, first: dt.date, last: dt.date
) -> None:
    facts = read(format, name)
    assert (facts.date, facts.start) == (first, dt.datetime.combine(first, dt.time(), dt.UTC))
    assert facts.stop == dt.datetime.combine(last, dt.time.max, dt.UTC)


@pytest.mark.parametrize(
    ("format", "name"),
    [
        ("{Y}{m}{d}", "20190229"),
        ("{Y}{m}{d}", "20191301"),
        ("{Y}{m}{d}", "20190100"),
        ("{Y}{m}{d}", "18990101"),
        ("{Y}{j}", "2019366"),
        ("{Y}{j}", "2019000"),
        ("{DATE}", "20190431"),
        ("{datetime}", "2019-02-30"),
        ("{Y}{m}", "201900"),
        ("{Y}{b}", "2019jan"),
        ("{Y}{m}{d}{H}", "2019013124"),
    ],
)
def test_a_time_that_does_not_exist_is_not_of_the_format(format: str, name: str) -> None:
    assert compile_format(format).match(name) is None


def test_the_last_day_of_a_leap_year_is_day_366() -> None:
    assert read("{Y}{j}", "2020366").date == dt.date(2020, 12, 31)


def test_a_name_without_a_date_has_none() -> None:
    assert read("x_{station}", "x_north") == NameFacts(None, None, None, None, {"station": "north"})
    assert read("x_{m}{d}", "x_0131").date is None


# --- time of day ---


def test_the_time_of_day_is_the_start_and_a_keyword_each() -> None:
    facts = read("{Y}{m}{d}T{H}{M}{S}.{MILLI}{MICRO}", "20190131T123456.789012")
    assert facts.start == facts.stop == NOON
    assert facts.keywords == {"H": "12", "M": "34", "S": "56", "MILLI": "789", "MICRO": "012"}


@pytest.mark.parametrize(
    ("format", "name", "stop"),
    [
        ("{Y}{m}{d}{H}", "2019013112", "12:59:59.999999"),
        ("{Y}{m}{d}{H}{M}", "201901311234", "12:34:59.999999"),
        ("{Y}{j}T{H}{M}{S}", "2019031T123456", "12:34:56.999999"),
        ("{DATE}{H}{M}{S}{MILLI}", "20190131123456789", "12:34:56.789999"),
        ("{datetime}{H}{M}{S}{MILLI}{MICRO}", "2019-01-31123456789012", "12:34:56.789012"),
        ("{Y}{m}{d}{H}", "2019013123", "23:59:59.999999"),
        ("{Y}{m}{d}", "20190131", "23:59:59.999999"),
    ],
)
def test_a_file_is_of_the_hour_minute_or_second_to_which_it_is_named(format: str, name: str, stop: str) -> None:
    assert read(format, name).stop == dt.datetime.combine(DAY, dt.time.fromisoformat(stop), dt.UTC)


def test_an_hour_of_no_day_is_of_the_whole_month() -> None:
    facts = read("{Y}{m}{H}", "20190112")
    assert facts.start == dt.datetime(2019, 1, 1, 12, tzinfo=dt.UTC)
    assert facts.stop == dt.datetime(2019, 1, 31, 23, 59, 59, 999999, dt.UTC)


def test_a_file_may_last_longer_or_shorter_than_its_name_says() -> None:
    facts = read("{Y}{m}{d}{H}", "2019013123")
    assert facts.lasting(None) == facts
    assert facts.lasting(dt.timedelta(hours=2)).stop == dt.datetime(2019, 2, 1, 0, 59, 59, 999999, dt.UTC)
    assert facts.lasting(dt.timedelta(seconds=1)).stop == dt.datetime(2019, 1, 31, 23, 0, 0, 999999, dt.UTC)
    dateless = read("x_{station}", "x_north")
    assert dateless.lasting(dt.timedelta(hours=2)) == dateless


def test_a_leap_second_counts_as_the_second_before_it() -> None:
    facts = read("{Y}{m}{d}{H}{M}{S}", "20161231235960")
    assert facts.start == dt.datetime(2016, 12, 31, 23, 59, 59, tzinfo=dt.UTC)
    assert facts.keywords["S"] == "60"


# --- the other fields ---


@pytest.mark.parametrize(
    ("field", "good", "bad"),
    [
        ("QACODE", "ignore", "good"),
        ("mday", "-12", "1-2"),
        ("APID", "3fA", "3g"),
        ("??", "é!", "abc"),
        ("???", "a.b", "ab"),
        ("????", "abcd", "abc"),
        ("nn", "07", "7"),
        ("nnn", "007", "07"),
        ("nnnn", "0007", "00007"),
        ("station", "two words", ""),
    ],
)
def test_each_field_without_time_is_a_keyword(field: str, good: str, bad: str) -> None:
    compiled = compile_format("x_{" + field + "}_{Y}")
    assert read("x_{" + field + "}_{Y}", f"x_{good}_2019").keywords == {field: good}
    assert compiled.match(f"x_{bad}_2019") is None
    assert compiled.keyword_fields == {field}


def test_the_fields_with_a_meaning_are_dbprocessings() -> None:
    names = "Y m b d y j H M S MILLI MICRO QACODE VERSION DATE datetime mday APID ?? ??? ???? nn nnn nnnn"
    assert set(FIELDS) == set(names.split())


def test_keywords_hold_neither_a_separator_nor_a_control_character() -> None:
    for value in ("a/b", "a\nb", "a\x00b", "a\x7fb"):
        assert compile_format("{station}_{Y}").match(f"{value}_2019") is None


def test_no_keyword_holds_what_ends_a_line() -> None:
    for value in ("a\x85b", "a\x9b2J", "a\u2028b", "a\u2029b", "a\udcffb"):
        assert compile_format("{station}_{Y}").match(f"{value}_2019") is None
        assert compile_format("{??}_{Y}").match(f"{value[1]}b_2019") is None


def test_a_keyword_takes_as_little_as_it_can() -> None:
    assert read("{station}_{Y}{m}{d}_v{VERSION}.nc", "a_b_20190131_v1.0.0.nc").keywords == {"station": "a_b"}
    assert read("{first}_{second}", "a_b_c").keywords == {"first": "a", "second": "b_c"}


def test_the_version_is_read_and_is_no_keyword() -> None:
    compiled = compile_format("x_v{VERSION}")
    assert read("x_v{VERSION}", "x_v2.10.3") == NameFacts(None, None, None, Version(2, 10, 3), {})
    assert compiled.has_version
    assert not compile_format("x_{Y}").has_version
    assert compiled.match("x_v0.1.0") is None
    assert compiled.match("x_v1.0") is None


def test_a_version_that_the_database_cannot_hold_is_not_of_the_format() -> None:
    for version in ("30001.0.0", "1.40000.0", "1.0." + "9" * 200):
        assert compile_format("x_v{VERSION}").match(f"x_v{version}") is None
    assert read("x_v{VERSION}", "x_v30000.0.0").version == Version(30000, 0, 0)


@pytest.mark.timeout(10)
def test_a_name_that_keywords_could_share_in_a_billion_ways_is_answered_at_once() -> None:
    compiled = compile_format("{one}_{two}_{three}_{four}_{five}_{six}_{Y}{m}{d}_v{VERSION}.txt")
    assert compiled.match("_" * 240 + ".txt") is None
    assert compiled.match("a_b_c_d_e_f_20190131_v1.0.txt") is None


PIECES = ("{u}", "{v}", "{w}", "{nn}", "{??}", "{m}", "{APID}", "{VERSION}", "_", "1", "1.1", "a", ".")


@settings(max_examples=300)
@given(
    st.lists(st.sampled_from(PIECES), min_size=1, max_size=7, unique=True),
    st.lists(st.sampled_from(["_", "1", "0", "12", "1.1.1", "a", ".", "__"]), max_size=12),
)
def test_keywords_are_what_trying_every_way_would_find_first(pieces: list[str], name: list[str]) -> None:
    every_way = "".join(
        f"(?P<g{number}>{FIELDS.get(piece[1:-1], '[^/]+?')})" if piece[0] == "{" else re.escape(piece)
        for number, piece in enumerate(pieces)
    )
    found = re.fullmatch(every_way, "".join(name))
    compiled = compile_format("".join(pieces)).pattern.fullmatch("".join(name))
    assert (compiled and compiled.groups()) == (found and found.groups())


def test_a_field_of_any_length_leaves_the_next_keyword_something() -> None:
    assert read("{u}_v{VERSION}{w}", "x_v1.0.10").keywords == {"u": "x", "w": "0"}
    assert read("{u}_{APID}{v}_{w}", "x_1f_y").keywords == {"u": "x", "APID": "1", "v": "f", "w": "y"}


def test_digits_are_ascii() -> None:
    for format, name in (("{Y}{m}{d}", "٢٠١٩٠١٣١"), ("v{VERSION}", "v１.0.0"), ("{nn}", "٠٧"), ("{x:03d}", "٠٠٧")):
        assert compile_format(format).match(name) is None


def test_the_whole_name_must_match_and_dots_are_dots() -> None:
    compiled = compile_format("x.{Y}.nc")
    for name in ("x.2019.nc.part", "_x.2019.nc", "x-2019.nc", "x.2019xnc", "x.2019.nc\n"):
        assert compiled.match(name) is None


def test_braces_are_doubled_to_stand_for_themselves() -> None:
    assert read("{{a}}_{Y}", "{a}_2019").date == dt.date(2019, 1, 1)
    assert render("{{a}}_{Y}", NOON, "1.0.0", {}) == "{a}_2019"


# --- repeated fields ---


@pytest.mark.parametrize(
    ("format", "good", "bad"),
    [
        ("{Y}_{Y}{m}{d}", "2019_20190131", "2018_20190131"),
        ("{station}-{station}", "a-a", "a-b"),
        ("{VERSION}_{VERSION}", "1.0.0_1.0.0", "1.0.0_1.0.1"),
        ("{H}{M}_{H}", "1234_12", "1234_13"),
    ],
)
def test_fields_that_occur_twice_must_agree(format: str, good: str, bad: str) -> None:
    assert compile_format(format).match(good) is not None
    assert compile_format(format).match(bad) is None


# --- formats that mean nothing ---


@pytest.mark.parametrize("format", ["", "a/b", "{Y", "Y}", "x_{}", "{Y!r}", "{Y:s}", "{x:>3}", "{n:.2f}"])
def test_a_format_that_means_nothing_is_refused(format: str) -> None:
    with pytest.raises(FormatError, match=re.escape(repr(format))):
        compile_format(format)


def test_a_number_of_digits_may_be_asked_for() -> None:
    assert read("{orbit:05d}_{Y}", "00123_2019").keywords == {"orbit": "00123"}
    assert compile_format("{orbit:05d}_{Y}").match("123_2019") is None


# --- writing ---


def test_every_field_of_time_is_written() -> None:
    text = "{Y}|{m}|{b}|{d}|{y}|{j}|{H}|{M}|{S}|{MILLI}|{MICRO}|{DATE}|{datetime}|{VERSION}"
    assert render(text, NOON, "1.2.3", {}) == "2019|01|Jan|31|19|031|12|34|56|789|012|20190131|2019-01-31|1.2.3"


def test_keywords_are_written_before_the_time() -> None:
    assert render("{station}_{Y}_{H}", NOON, "", {"station": "a", "H": "07"}) == "a_2019_07"


def test_a_missing_keyword_is_named() -> None:
    with pytest.raises(FormatError, match=r"needs the keyword \{station\}"):
        render("{station}_{Y}", NOON, "1.0.0", {})


@pytest.mark.parametrize(
    "value", ["a/b", "../x", "/etc", "a\nb", "a\x00b", "a\x1b[2Jb", "a\u2028b", "a\x85b", "\udcff"]
)
def test_a_keyword_that_no_name_can_hold_is_refused(value: str) -> None:
    for format in ("{station}_{Y}", "data/{station}", "{Y}/x{station}"):
        with pytest.raises(FormatError, match=r"keyword \{station\} is .*, which no name can hold") as error:
            render(format, NOON, "1.0.0", {"station": value})
        assert str(error.value).isprintable()


@pytest.mark.parametrize("value", ["", ".", ".."])
def test_no_keyword_leads_upwards_or_leaves_a_directory_out(value: str) -> None:
    for format in ("{station}", "data/{station}", "data/{station}/{Y}", "{station}/data"):
        with pytest.raises(FormatError, match="no file and no directory can be named"):
            render(format, NOON, "1.0.0", {"station": value})
    assert render("data/x{station}", NOON, "1.0.0", {"station": value}) == f"data/x{value}"


def test_what_keywords_make_together_does_not_lead_upwards_either() -> None:
    with pytest.raises(FormatError, match="no file and no directory can be named"):
        render("data/{a}{b}", NOON, "1.0.0", {"a": ".", "b": "."})


def test_a_name_that_no_filesystem_takes_is_refused() -> None:
    with pytest.raises(FormatError, match="which no file and no directory can be named") as error:
        render("{station}", NOON, "1.0.0", {"station": "é" * 128})
    assert len(str(error.value)) < 200
    assert render("{station}", NOON, "1.0.0", {"station": "é" * 127 + "e"})


def test_what_the_definition_itself_says_is_left_alone() -> None:
    assert render("./data/../{Y}//x/", NOON, "1.0.0", {}) == "./data/../2019//x/"


def test_constants_are_substituted_and_fields_stay() -> None:
    assert substitute("{MISSION}/{Y}/{x}", {"MISSION": "sgp"}) == "sgp/{Y}/{x}"


SEPARATING = ("Cc", "Cs", "Zl", "Zp")
DATED = ("{Y}{m}{d}", "{Y}-{b}-{d}", "{y}{j}", "{DATE}", "{datetime}", "{Y}_{Y}{j}")


@given(
    st.sampled_from(DATED),
    st.datetimes(dt.datetime(1970, 1, 1), dt.datetime(2069, 12, 31), timezones=st.just(dt.UTC)),
    st.builds(Version, st.integers(1, 99), st.integers(0, 99), st.integers(0, 99)),
    st.text(
        st.characters(exclude_characters="/", exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1, max_size=12
    ),
)
def test_a_name_that_is_written_is_read_back(date: str, time: dt.datetime, version: Version, word: str) -> None:
    compiled = compile_format("a_" + date + "T{H}{M}{S}{MILLI}{MICRO}_{station}_v{VERSION}.nc")
    name = compiled.render(time, str(version), {"station": word})
    facts = compiled.match(name)
    assert facts is not None
    assert (facts.date, facts.start, facts.version) == (time.date(), time, version)
    assert {key: value for key, value in facts.keywords.items() if key not in TIME_OF_DAY} == {"station": word}
    assert compiled.render(time, str(version), facts.keywords) == name


# --- keywords in the database ---


@given(st.dictionaries(st.from_regex(r"[a-zA-Z?]{1,6}", fullmatch=True), st.text(max_size=12), max_size=4))
def test_keywords_are_read_back_as_they_were_written(keywords: dict[str, str]) -> None:
    keywords = {key: value.encode("utf-8", "replace").decode() for key, value in keywords.items()}
    assert keywords_of(keywords_text(keywords)) == keywords


def test_keywords_are_sorted_so_that_equal_ones_are_equal_text() -> None:
    assert keywords_text({"b": "2", "a": "1 %"}) == keywords_text({"a": "1 %", "b": "2"}) == "a=1%20%25 b=2"


def test_dbprocessings_keywords_are_read_in_any_order() -> None:
    assert keywords_of("b=2 a=1") == {"a": "1", "b": "2"}
    assert keywords_of(None) == keywords_of("") == {}


# --- what is impossible in a name ---


@pytest.mark.parametrize(
    ("format", "name", "fault"),
    [
        ("{Y}{m}{d}", "20190229", "its date does not exist"),
        ("{Y}{m}{d}{H}", "2019013124", "its hour 24 does not exist; there are hours from 00 to 23"),
        ("{Y}{m}{d}{H}{M}{S}", "20190131235969", "its second 69 does not exist; there are seconds from 00 to 60"),
        ("{Y}{m}{d}_v{VERSION}", "20190131_v0.9.0", "its version cannot be taken: 0.9.0 is not a version"),
        (
            "{Y}{m}{d}_v{VERSION}",
            "20190131_v1.40000.0",
            "its version cannot be taken: 1.40000.0 has a part above 30000",
        ),
        ("{Y}{m}{d}_{Y}", "20190131_2020", "its field {Y} is 2019 in one place and 2020 in another"),
        ("{Y:30d}", "9" * 30, "its date does not exist"),
        ("{Y}{j:30d}", "2019" + "9" * 30, "its date does not exist"),
        ("{y:03d}{j}", "124001", "its date does not exist"),
    ],
)
def test_what_is_impossible_in_a_name_is_named(format: str, name: str, fault: str) -> None:
    compiled = compile_format(format)
    assert compiled.match(name) is None
    assert (compiled.fault(name) or "").startswith(fault)


def test_a_name_that_is_of_the_format_or_of_none_has_no_fault() -> None:
    assert compile_format("{Y}{m}{d}").fault("20190131") is None
    assert compile_format("{Y}{m}{d}").fault("notes.txt") is None


def test_a_constant_is_put_in_once() -> None:
    assert substitute("{A}{B}", {"A": "{B}", "B": "b{A}"}) == "{B}b{A}"


@pytest.mark.parametrize(
    ("format", "name", "stem"),
    [
        ("A_{Y}{m}{d}.{MILLI}Z-{mode}.tar.gz", "A_20110101.072Z-DIFFUSE.tar.gz", "A_20110101.072Z-DIFFUSE"),
        ("met_{Y}{m}{d}_v{VERSION}.nc", "met_20200101_v1.0.0.nc", "met_20200101_v1.0.0"),
        ("met_{Y}{m}{d}_final.nc", "met_20200101_final.nc", "met_20200101_final"),
        ("met.{Y}{m}{d}", "met.20200101", "met.20200101"),
    ],
)
def test_the_ending_of_a_name_is_what_its_format_ends_with(format: str, name: str, stem: str) -> None:
    assert without_ending(compile_format(format), name) == stem
