"""Tables fit the room that there is, and nothing of them is cut."""

from __future__ import annotations

from hypothesis import example, given
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
    told = lines(20)
    assert told[:4] == ["file:", f"    {ROW[0]}", f"time: {ROW[1]}", "note: withdrawn: the"]
    assert told[-4:] == ["", "file: a", "time: b", "note: c"]


def test_names_paths_and_times_are_never_broken() -> None:
    row = ("1", "2024-05-01 09:12Z", "unknown_20240501.txt", "it is confirmed by /data/products.d/mean_and_mode alone")
    told = list(table_lines(("number", "time", "file", "message"), [row], 80))
    assert max(map(len, told)) <= 80
    assert all(whole in "\n".join(told) for whole in (row[1], row[2], "/data/products.d/mean_and_mode"))


@example([("xxxxxxxxxxxxxx x", "", " x xxxxxxxxxxx")], 34)
@given(st.lists(st.tuples(*[st.text("xyz ", max_size=40)] * 3), max_size=4), st.integers(34, 90))
def test_no_line_is_longer_but_that_of_one_long_word_and_no_letter_is_lost(
    rows: list[tuple[str, str, str]], room: int
) -> None:
    found = list(table_lines(HEAD, rows, room))
    assert all(len(line) <= room or len(line.split()) == 1 for line in found)
    assert [sorted(letter for letter in "".join(found) if letter in "xyz")] == [
        sorted("".join(map("".join, rows)).replace(" ", ""))
    ]
