"""Names that two filename formats have in common."""

from __future__ import annotations

import datetime as dt
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbproc.core.common_names import common_name
from dbproc.core.filenames import FIELDS, compile_format

FORMATS = st.lists(
    st.sampled_from([*(f"{{{name}}}" for name in FIELDS), "{station}", "{band}", "{n:03d}", "_", "a", "20", "-", "."]),
    min_size=1,
    max_size=6,
).map("".join)
KEYWORDS = st.text(string.ascii_lowercase + string.digits + "_.-", min_size=1, max_size=4).filter(
    lambda text: text.strip(".") != ""  # nothing can be named "." or ".."
)


@pytest.mark.parametrize(
    ("one", "other", "name"),
    [
        ("raw_{Y}{m}{d}", "{station}_{Y}{m}{d}", "raw_20000101"),
        ("raw_{Y}{m}{d}", "raw_{DATE}", "raw_20000101"),
        ("x{Y}{m}{d}.nc", "x{n:04d}{j}0.nc", "x20000110.nc"),
        ("{a}_{Y}{m}{d}.nc", "{st}-{Y}{m}{d}_{Y}{m}{d}.nc", "x-20000101_20000101.nc"),
        ("a_{Y}0229", "a_{Y}{m}{d}", "a_20000229"),
        ("a_{Y}{m}{d}_v{VERSION}", "a_{Y}{m}{d}_v{x}", "a_21110101_v1.1.1"),
        ("{Y}{m}{d}_{Y}", "{Y}{m}{d}_2019", "20190101_2019"),
        ("{mday}.{Y}", "-{nn}.{Y}", "-00.2000"),
        ("q{QACODE}{Y}", "q{??}{Y}", "qok2000"),
        ("{{{a}}}{Y}", "{st}{Y}", "{x}2000"),
    ],
)
def test_a_common_name_is_of_both_formats(one: str, other: str, name: str) -> None:
    assert common_name(compile_format(one), compile_format(other)) == name


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("raw_{Y}{m}{d}", "clean_{Y}{m}{d}"),
        ("raw_{Y}{m}{d}.a", "raw_{Y}{m}{d}.b"),
        ("raw_{Y}{m}{d}", "raw_{Y}{m}{d}T{H}"),
        ("raw_{station}_{Y}{m}{d}.nc", "raw_{station}_{Y}{m}{d}T{H}.nc"),
        ("a_{Y}0231", "a_{Y}{m}{d}"),
        ("a_{Y}{m}32", "a_{Y}{m}{d}"),
        ("a_{Y}13", "a_{Y}{m}"),
        ("a_{Y}{m}{d}{H}", "a_{Y}{m}{d}24"),
        ("a_{Y}{m}{d}_{Y}", "a_2018{m}{d}_2019"),
        ("a_{Y}_v0.0.0", "a_{Y}_v{VERSION}"),
        ("{n:03d}_{Y}", "{??}_{Y}"),
    ],
)
def test_formats_without_a_common_name_have_none(one: str, other: str) -> None:
    assert common_name(compile_format(one), compile_format(other)) is None


@given(FORMATS, FORMATS)
def test_what_is_found_is_read_by_both(one: str, other: str) -> None:
    found = common_name(compile_format(one), compile_format(other))
    for each in (one, other) if found is not None else ():
        assert compile_format(each).match(str(found)) is not None


@given(st.lists(st.sampled_from(["{station}", "_", "{band}", "a", "{Y}{m}{d}"]), min_size=2, max_size=5), st.data())
def test_a_name_that_both_read_is_not_overlooked(pieces: list[str], data: st.DataObject) -> None:
    """A format, and one that is more general: a piece of it is a keyword."""
    place = data.draw(st.integers(0, len(pieces) - 1))
    general = [*pieces[:place], "{other}", *pieces[place + 1 :]]
    one, other = compile_format("".join(pieces)), compile_format("".join(general))
    values = {field: data.draw(KEYWORDS) for field in sorted(one.keyword_fields)}
    name = one.render(dt.datetime(2019, 1, 31, tzinfo=dt.UTC), "1.0.0", values)
    if one.match(name) is not None and other.match(name) is not None:
        assert common_name(one, other) is not None


@pytest.mark.parametrize("field", list(FIELDS))
def test_every_field_is_of_one_language_with_the_one_that_reads_it(field: str) -> None:
    """What is found for a field alone is read by it, and something is found."""
    one = compile_format(f"a{{{field}}}b{{Y}}")
    assert common_name(one, compile_format("a{station}b{Y}")) is not None
