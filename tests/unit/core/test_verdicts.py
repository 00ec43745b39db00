"""Names that say how good other files are, and which of several words holds."""

from __future__ import annotations

import datetime as dt

import pytest

from dbproc.core.filenames import compile_format
from dbproc.core.states import Quality
from dbproc.core.verdicts import Change, Mark, Word, fields_fault, judge, judged_by, named, names_about

CLEAN = "clean_{Y}{m}{d}_{station}_v{VERSION}.nc"
QA = "qa_{Y}{m}{d}_{station}_v{VERSION}_{QACODE}.txt"
UNKNOWN, OK, IGNORE, PROBLEM = Quality


def at(hour: int) -> dt.datetime:
    return dt.datetime(2024, 5, 1, hour, tzinfo=dt.UTC)


def word(by: str, quality: Quality, hour: int) -> Word:
    return Word(by, quality, at(hour))


def test_a_name_names_one_file_and_is_found_by_it() -> None:
    assert named(QA, CLEAN, "qa_20240501_BOL_N_v1.2.0_problem.txt") == (PROBLEM, "clean_20240501_BOL_N_v1.2.0.nc")
    assert named(QA, CLEAN, "qa_20240501_BOL_v1.2.0_fine.txt") is None
    assert names_about(QA, CLEAN, "clean_20240501_BOL_N_v1.2.0.nc") == {
        f"qa_20240501_BOL_N_v1.2.0_{quality}.txt": quality for quality in (OK, IGNORE, PROBLEM)
    }
    assert names_about(QA, CLEAN, "other.nc") == {}


@pytest.mark.parametrize(
    ("judging", "judged", "words"),
    [
        (QA, CLEAN, None),
        ("qa_{Y}{m}{d}_{station}_v{VERSION}.txt", CLEAN, "no {QACODE}"),
        ("qa_{Y}{m}{d}_{QACODE}.txt", CLEAN, "lacks {VERSION}{station}"),
        (QA.replace("{QACODE}", "{QACODE}_{who}"), CLEAN, "has {who}"),
        (QA, QA, "say themselves"),
    ],
)
def test_formats_that_would_not_name_one_file_each_are_told(judging: str, judged: str, words: str | None) -> None:
    fault = fields_fault(compile_format(judging), compile_format(judged))
    assert fault is None if words is None else words in str(fault)


def test_without_a_word_of_the_mission_file_it_is_the_product_whose_format_is_part_of_it() -> None:
    formats = {"l1": "sat_l1_{Y}{m}{d}_v{VERSION}.cdf", "l2": "sat_l2_{Y}{m}{d}_v{VERSION}.cdf"}
    assert judged_by("{QACODE}_sat_l1_{Y}{m}{d}_v{VERSION}.cdf", formats) == "l1"
    assert judged_by("sat_l2_{Y}{m}{d}_v{VERSION}_{QACODE}.txt", formats) == "l2"
    assert judged_by("qa_{Y}{m}{d}_v{VERSION}_{QACODE}.txt", formats) == ""
    assert judged_by("sat_l1_{Y}{m}{d}_{QACODE}.txt", formats) == ""
    twice = {"short": "l1_{Y}{m}{d}_v{VERSION}.cdf", **formats}
    assert judged_by("sat_l1_{Y}{m}{d}_v{VERSION}_{QACODE}.txt", twice) == "l1"
    assert judged_by("sat_l1_{Y}{m}{d}_v{VERSION}_{QACODE}.txt", {**formats, "same": formats["l1"]}) == ""


@pytest.mark.parametrize(
    ("now", "marks", "words", "then"),
    [
        (UNKNOWN, [], [], None),
        (UNKNOWN, [], [word("a", OK, 1)], OK),
        (OK, [Mark(at(2), UNKNOWN, "a")], [word("a", OK, 1)], None),
        (OK, [Mark(at(2), UNKNOWN, "a")], [word("a", OK, 1), word("b", PROBLEM, 3)], PROBLEM),
        (UNKNOWN, [], [word("a", OK, 1), word("b", PROBLEM, 1)], PROBLEM),
        (PROBLEM, [Mark(at(2), OK, None)], [word("a", OK, 1)], None),
        (PROBLEM, [Mark(at(2), OK, None)], [word("a", OK, 3)], OK),
        (OK, [Mark(at(2), UNKNOWN, "a")], [], UNKNOWN),
        (OK, [Mark(at(1), UNKNOWN, None), Mark(at(2), IGNORE, "a")], [], IGNORE),
        (OK, [Mark(at(1), UNKNOWN, "a"), Mark(at(2), PROBLEM, "b")], [], UNKNOWN),
        (OK, [Mark(at(1), UNKNOWN, "a"), Mark(at(3), PROBLEM, "b")], [word("a", PROBLEM, 1)], PROBLEM),
        (PROBLEM, [Mark(at(2), OK, None)], [], None),
        (UNKNOWN, [Mark(at(2), UNKNOWN, "a", is_of_other_bytes=True)], [word("a", OK, 1)], None),
        (UNKNOWN, [Mark(at(2), UNKNOWN, "a", is_of_other_bytes=True)], [word("a", OK, 3)], OK),
    ],
)
def test_the_last_word_holds(now: Quality, marks: list[Mark], words: list[Word], then: Quality | None) -> None:
    change = judge(now, marks, words)
    assert (change and change.quality) == then
    assert judge(now, marks, list(reversed(words))) == change


def test_a_mark_says_where_it_comes_from() -> None:
    assert judge(UNKNOWN, [], [word("a", OK, 1)]) == Change(OK, "a", "as a says")
    assert judge(OK, [Mark(at(2), UNKNOWN, "a")], []) == Change(UNKNOWN, "a", "a was taken back")
