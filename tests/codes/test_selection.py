"""Choosing what of a file is converted: refusals list the choices."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from dbproc.codes.formats.selection import Candidate, Candidates, few, require_alike
from dbproc.codes.idx.refusal import Refusal

A, B = Candidate("a", "a (2)", 2), Candidate("b", "b (3)", 3)
TEXT = Candidate("c", "c (4)", 4, unfit="is text", kind="text")


def of(*found: Candidate, none: str = "Use another program") -> Candidates:
    named = {each.name: each for each in found}
    return Candidates("in.x", "--thing", "thing", lambda: found, named.get, none)


@pytest.mark.parametrize(
    ("names", "what"),
    [
        ([], "several things could be meant"),
        (["x"], "it has no thing 'x'"),
        (["c"], "thing 'c' is text"),
    ],
)
def test_what_is_not_clear_is_refused_with_the_choices(names: Sequence[str], what: str) -> None:
    with pytest.raises(Refusal) as caught:
        of(A, B, TEXT).chosen(names)
    assert str(caught.value) == f"in.x: {what}. Choose with --thing: a (2), b (3). Not supported: c (text)"


def test_the_only_one_is_meant_and_one_that_is_named_is_found_without_a_list() -> None:
    assert of(A, TEXT).chosen([]) == [A]

    def listed() -> list[Candidate]:
        raise AssertionError("it may take long")

    assert Candidates("in.x", "--thing", "thing", listed, lambda name: A).chosen(["a"]) == [A]


def test_where_there_is_no_choice_it_is_said_what_else_to_do() -> None:
    with pytest.raises(Refusal) as caught:
        of().chosen([])
    assert str(caught.value) == "in.x: it has no thing of data that can be converted. Use another program"


def test_what_differs_is_named() -> None:
    require_alike("in.x", [("a", 2), ("b", 2)], "{} differ")
    with pytest.raises(Refusal, match="a and b and c differ"):
        require_alike("in.x", [("a", 2), ("b", 2), ("c", 3)], "{} differ")


def test_of_many_choices_the_first_are_listed() -> None:
    names = [f"n{i}" for i in range(23)]
    assert few(names[:20]) == names[:20]
    assert few(names)[-1] == "n19 and 3 more"
    assert len(few(names)) == 20
