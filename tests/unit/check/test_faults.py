"""The kinds of faults."""

from __future__ import annotations

import pytest

from dbproc.check.faults import Kind


@pytest.mark.parametrize("kind", Kind)
def test_each_kind_is_explained_by_one_sentence(kind: Kind) -> None:
    assert kind.sentence[0].isupper()
    assert kind.sentence.endswith(".")
    assert kind == kind.value == str(kind)


def test_no_two_kinds_have_one_explanation() -> None:
    assert len({kind.sentence for kind in Kind}) == len(Kind)
