from __future__ import annotations

import datetime as dt
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbproc.products import Nonsense
from dbproc.products.settled import Settled
from dbproc.products.wire import facts_content, facts_of, one_line
from dbproc.version import Version

FACTS = Settled(
    dt.date(2019, 1, 2),
    dt.datetime(2019, 1, 2, tzinfo=dt.UTC),
    dt.datetime(2019, 1, 2, 23, 59, 59, 999999, tzinfo=dt.UTC),
    Version(1, 2, 3),
    "site=sgp",
    {"caveats": "none"},
)
PLAIN = facts_content(FACTS)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


def test_facts_survive_the_way() -> None:
    assert facts_of(json.loads(json.dumps(PLAIN))) == FACTS


@given(JSON)
def test_anything_else_is_nonsense(content: object) -> None:
    with pytest.raises(Nonsense):
        facts_of(content)


@given(st.sampled_from(sorted(PLAIN)), JSON)
def test_facts_that_were_tampered_with_are_nonsense_or_sound(key: str, content: object) -> None:
    try:
        facts = facts_of({**PLAIN, key: content})
    except Nonsense:
        return
    assert facts.start <= facts.stop
    assert isinstance(facts.version, Version)
    assert facts.keywords.isprintable() or set("\n\t") & set(facts.keywords)


@given(st.text())
def test_foreign_words_are_one_printable_line(words: str) -> None:
    assert one_line(words).isprintable()
