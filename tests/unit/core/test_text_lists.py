"""Lists of words as they stand in the database."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbproc.core.text_lists import arguments_of, arguments_text, parameters_of, parameters_text

WORDS = st.lists(st.text(st.characters(codec="utf-8")) | st.sampled_from(["", "[", '["a"]', "a|b", " ", "a b"])).map(
    tuple
)


@given(WORDS)
def test_arguments_come_back_exactly(words: tuple[str, ...]) -> None:
    assert arguments_of(arguments_text(words)) == words


@given(WORDS)
def test_extra_parameters_come_back_exactly(words: tuple[str, ...]) -> None:
    assert parameters_of(parameters_text(words)) == words


@pytest.mark.parametrize("text", ["", "-c {CODEVERSION}  day", "[1, 2] x", "a 'b c'", '{"a": 1}'])
def test_dbprocessings_texts_are_split_as_there(text: str) -> None:
    assert list(arguments_of(text)) == text.split()
    assert list(parameters_of(text)) == (text.split("|") if text else [])


def test_plain_words_stand_in_the_database_as_dbprocessing_writes_them() -> None:
    assert arguments_text(("-c", "3")) == "-c 3"
    assert parameters_text(("-c", "two words")) == "-c|two words"
    assert arguments_text(()) is None
    assert arguments_text(("two words",)) == '["two words"]'
