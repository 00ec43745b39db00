"""What is said alike of many inputs is said once."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from dbproc.core.model import File, Input
from dbproc.core.reasons import FEW, Places, in_few_words, places_of
from dbproc.core.staleness import stale_reasons
from dbproc.core.states import Standing
from tests.unit.core.test_plan import CAL, CLEAN, MAKE, RAW, Site, code, file, made

DAYS = [dt.date(2021, 1, 1) + dt.timedelta(number) for number in range(365)]


def names(product: str, version: str = "1.1.0") -> list[str]:
    return [f"{product}_{day:%Y%m%d}_v{version}.txt" for day in DAYS]


def places(*products: str) -> Places:
    return {name: (product, day) for product in products for name, day in zip(names(product), DAYS, strict=True)}


def test_few_are_told_one_by_one() -> None:
    reasons = [f"input {name} added" for name in names("out")[:FEW]]
    assert in_few_words(reasons, places("out")) == reasons


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ("input old.txt replaced by {}", "365 inputs of out replaced"),
        ("input old.txt withdrawn, {} in its place", "365 inputs of out withdrawn, others in their places"),
        ("input {} added", "365 inputs of out added"),
        ("input {} removed", "365 inputs of out removed"),
        ("input {} withdrawn", "365 inputs of out withdrawn"),
        ("input {} has other bytes", "365 inputs of out with other bytes"),
        ("better input {}", "365 better inputs of out"),
        ("other input {} in the place of old.txt", "365 other inputs of out"),
        ("{} equals old.txt", "365 inputs of out equal those before"),
    ],
)
def test_many_that_are_alike_are_one_line(form: str, said: str) -> None:
    reasons = [form.format(name) for name in names("out")]
    assert in_few_words(reasons, places("out")) == [f"{said}, 2021-01-01 to 2021-12-31"]


def test_products_and_kinds_stand_apart_and_what_is_like_nothing_stays() -> None:
    reasons = ["code x.sh changed from 1.0.0 to 1.1.0"]
    reasons += [f"input {name} added" for pair in zip(names("a"), names("b"), strict=True) for name in pair]
    reasons += [f"input {name} removed" for name in names("a")[:2]]
    assert in_few_words(reasons, places("a", "b")) == [
        "code x.sh changed from 1.0.0 to 1.1.0",
        "365 inputs of a added, 2021-01-01 to 2021-12-31",
        "365 inputs of b added, 2021-01-01 to 2021-12-31",
        f"input {names('a')[0]} removed",
        f"input {names('a')[1]} removed",
    ]


def test_of_files_that_nobody_knows_any_more_the_names_are_told() -> None:
    reasons = [f"input {name} added" for name in names("out")]
    assert in_few_words(reasons) == [f"365 inputs added, {names('out')[0]} to {names('out')[-1]}"]


def test_a_thousand_are_counted_as_people_write_numbers() -> None:
    assert in_few_words([f"input {number:04d} added" for number in range(1104)]) == ["1,104 inputs added, 0000 to 1103"]


Files = list[File]


def days(product: int, version: str, first_id: int) -> Files:
    return [file(first_id + number, number + 2, version, product=product) for number in range(9)]


OLD, NEW, BETTER = days(RAW, "1.0.0", 1), days(RAW, "1.1.0", 11), days(CAL, "1.0.0", 21)
WITHDRAWN = [replace(each, standing=Standing.WITHDRAWN) for each in OLD]
SAME_NAME = [replace(each, file_id=each.file_id + 30) for each in OLD]


@pytest.mark.parametrize(
    ("before", "now", "said"),
    [
        ([], OLD, "9 inputs of raw added"),
        (OLD, [], "9 inputs of raw removed"),
        (WITHDRAWN, [], "9 inputs of raw withdrawn"),
        (OLD, NEW, "9 inputs of raw replaced"),
        (WITHDRAWN, NEW, "9 inputs of raw withdrawn, others in their places"),
        (OLD, SAME_NAME, "9 inputs of raw with other bytes"),
        (OLD, BETTER, "9 better inputs of cal"),
        (BETTER, OLD, "9 other inputs of raw"),
    ],
)
def test_every_sentence_on_inputs_is_read_again(before: Files, now: Files, said: str) -> None:
    site = Site(
        inputs=[Input(product_id=CAL, choice=1), Input(product_id=RAW, choice=1)]
        if BETTER in (before, now)
        else [Input(product_id=RAW)]
    )
    process = site.definition.processes[MAKE]
    texts = [each.text for each in stale_reasons(made(file(90, product=CLEAN), *before), code(), now, process)]
    assert len(texts) == 9
    places = places_of([*before, *now], site.definition.products)
    assert in_few_words(texts, places) == [f"{said}, 2020-01-02 to 2020-01-10"]
