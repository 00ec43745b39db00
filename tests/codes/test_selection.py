"""Choosing what of a file is converted: refusals list the choices."""

from __future__ import annotations

import pytest

from dbproc.codes.formats.selection import Selection, few, require_alike
from dbproc.codes.idx.refusal import Refusal

SELECTION = Selection("in.x", "--thing", lambda: (["a (2)", "b (3)"], ["c (text)"]))


@pytest.mark.parametrize(("meant", "what"), [([], "there is nothing"), (["a", "b"], "several could be meant")])
def test_what_is_not_clear_is_refused_with_the_choices(meant: list[str], what: str) -> None:
    with pytest.raises(Refusal) as caught:
        SELECTION.only(meant, "several could be meant", "there is nothing")
    assert str(caught.value) == f"in.x: {what}. Choose with --thing: a (2), b (3). Not supported: c (text)"


def test_the_only_one_is_meant_and_nothing_is_told() -> None:
    def told() -> tuple[list[str], list[str]]:
        raise AssertionError("it may take long")

    assert Selection("in.x", "--thing", told).only(["a"], "", "") == "a"


def test_where_there_is_no_choice_it_is_said_what_else_to_do() -> None:
    refusal = Selection("in.x", "--thing", lambda: ([], []), "Use another program").refusal("it is empty")
    assert str(refusal) == "in.x: it is empty. Use another program"


def test_what_differs_is_named() -> None:
    require_alike("in.x", [("a", 2), ("b", 2)], "{} differ")
    with pytest.raises(Refusal, match="a and b and c differ"):
        require_alike("in.x", [("a", 2), ("b", 2), ("c", 3)], "{} differ")


def test_of_many_choices_the_first_are_listed() -> None:
    names = [f"n{i}" for i in range(23)]
    assert few(names[:20]) == names[:20]
    assert few(names)[-1] == "n19 and 3 more"
    assert len(few(names)) == 20
