"""Dates as people write them."""

from __future__ import annotations

import datetime as dt

import click
import pytest

from dbproc.cli.dates import AnyDate


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2012-10-02", "2012-10-02", "2012-10-02"),
        ("20121002", "2012-10-02", "2012-10-02"),
        ("2 Oct 2012", "2012-10-02", "2012-10-02"),
        ("2012-10-02T05:00", "2012-10-02", "2012-10-02"),
        ("2012-02", "2012-02-01", "2012-02-29"),
        ("201202", "2012-02-01", "2012-02-29"),
        ("Feb 2012", "2012-02-01", "2012-02-29"),
        ("2012", "2012-01-01", "2012-12-31"),
    ],
)
def test_a_month_or_a_year_begins_and_ends(text: str, first: str, last: str) -> None:
    assert AnyDate().convert(text, None, None) == dt.date.fromisoformat(first)
    assert AnyDate(last=True).convert(text, None, None) == dt.date.fromisoformat(last)


@pytest.mark.parametrize(
    ("text", "words"),
    [("x", "is not a date"), ("2012-13-01", "is not a date"), ("2 Oct", "without a year"), ("9" * 40, "is not")],
)
def test_what_is_no_date_is_refused(text: str, words: str) -> None:
    with pytest.raises(click.BadParameter, match=words):
        AnyDate().convert(text, None, None)
