"""JSON as commands print it."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from dbproc.core.json_text import json_text
from dbproc.core.states import AttemptStatus
from dbproc.core.version import Version
from dbproc.explain.why_file import Choice

LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters(codec="utf-8"))
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)


@given(VALUES)
def test_it_is_what_the_library_writes(value: Any) -> None:
    text = json_text(value)
    assert text in (json.dumps(value, indent=2, ensure_ascii=False), json.dumps(value, indent=2))
    assert text.replace("\n", "").isprintable()


def test_times_are_iso_text_and_what_else_there_is_its_own_text() -> None:
    facts = {"day": dt.date(2024, 5, 1), "pair": (1, "é"), 3: {1}}
    assert json_text(facts) == json.dumps(
        {"day": "2024-05-01", "pair": [1, "é"], "3": "{1}"}, indent=2, ensure_ascii=False
    )


def test_an_answer_is_an_object_of_its_fields_and_a_version_or_a_state_is_text() -> None:
    answer = Choice(of=("best", "quick"), place=2)
    told = [answer, Version(1, 0, 2), AttemptStatus.FAILED, {AttemptStatus.FAILED: 3}]
    expected = [{"of": ["best", "quick"], "place": 2}, "1.0.2", "failed", {"failed": 3}]
    assert json_text(told) == json.dumps(expected, indent=2)


def test_it_has_any_depth() -> None:
    value: Any = []
    for _ in range(3_000):
        value = {"because": [value]}
    text = json_text(value)
    assert text.count('"because"') == 3_000
