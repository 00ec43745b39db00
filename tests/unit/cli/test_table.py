"""Tables fit the room that there is, and nothing of them is cut."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dbproc.cli.table import table_lines

HEAD = ("file", "time", "note")
ROW = ("clean_20200101_v1.0.0.txt", "2020-01-01", "withdrawn: the day was spoilt by a storm on the sun")


def lines(room: int | None) -> list[str]:
    return list(table_lines(HEAD, [ROW, ("a", "b", "c")], room))


def test_without_a_terminal_each_row_is_one_line() -> None:
    assert lines(None) == [
        "file                       time        note",
        f"{ROW[0]}  {ROW[1]}  {ROW[2]}",
        "a                          b           c",
    ]


def test_what_is_too_long_goes_on_in_its_column_and_the_first_one_stays_whole() -> None:
    assert lines(60) == [
        "file                       time        note",
        "clean_20200101_v1.0.0.txt  2020-01-01  withdrawn: the day",
        "                                       was spoilt by a storm",
        "                                       on the sun",
        "a                          b           c",
    ]


def test_where_columns_would_be_too_narrow_each_row_is_a_paragraph() -> None:
    assert lines(20)[:5] == [f"file: {ROW[0]}", f"time: {ROW[1]}", f"note: {ROW[2]}", "", "file: a"]


@given(st.lists(st.tuples(*[st.text("abc ", max_size=40)] * 3), max_size=4), st.integers(34, 90))
def test_no_line_is_longer_and_no_letter_is_lost(rows: list[tuple[str, str, str]], room: int) -> None:
    found = list(table_lines(HEAD, rows, room))
    assert max(map(len, found)) <= room
    assert sorted("".join(found[1:]).replace(" ", "")) == sorted("".join(map("".join, rows)).replace(" ", ""))
