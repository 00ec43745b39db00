"""Versions: reading, order, and what they rise by."""

from __future__ import annotations

import pytest

from dbproc.core.errors import VersionError
from dbproc.core.version import Part, Version, next_version, risen_part

I, Q, R = Part.INTERFACE, Part.QUALITY, Part.REVISION  # noqa: E741
NEWEST = Version(2, 3, 4)


def test_a_version_is_read_and_written_as_three_numbers() -> None:
    assert Version.parse("2.10.0") == Version(2, 10, 0)
    assert str(Version.parse(" 2.10.0\n")) == "2.10.0"


@pytest.mark.parametrize("text", ["", "1", "1.0", "1.0.0.0", "1.0.x", "1.-1.0", "1..0", "v1.0.0", "1.0.0rc1", "１.0.0"])
def test_what_is_not_three_numbers_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(VersionError, match=r"for example 1\.0\.0"):
        Version.parse(text)


@pytest.mark.parametrize("text", ["0.0.0", "0.9.9"])
def test_interface_starts_at_one(text: str) -> None:
    with pytest.raises(VersionError, match="interface starts at 1"):
        Version.parse(text)


def test_parts_below_zero_are_refused() -> None:
    for parts in ((1, -1, 0), (1, 0, -1)):
        with pytest.raises(VersionError):
            Version(*parts)


def test_versions_are_ordered_by_number_and_not_by_text() -> None:
    texts = ["1.0.0", "1.0.9", "1.0.10", "1.2.0", "1.10.0", "2.0.0", "10.0.0"]
    assert sorted(map(Version.parse, reversed(texts))) == [Version.parse(text) for text in texts]


def test_a_bump_starts_the_later_parts_again() -> None:
    assert [str(NEWEST.bumped(part)) for part in Part] == ["3.0.0", "2.4.0", "2.3.5"]


@pytest.mark.parametrize(
    ("new", "part"), [("2.3.4", None), ("2.3.5", R), ("2.4.0", Q), ("2.2.9", Q), ("3.0.0", I), ("1.3.4", I)]
)
def test_the_first_part_that_differs_is_the_one_that_rose(new: str, part: Part | None) -> None:
    assert risen_part(NEWEST, Version.parse(new)) is part


def test_the_first_output_has_the_interface_of_its_code() -> None:
    assert next_version(None, 3, []) == Version(3, 0, 0)
    assert next_version(None, 3, [R], forced=Q) == Version(3, 0, 0)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [([R], "2.3.5"), ([R, R], "2.3.5"), ([Q], "2.4.0"), ([I], "2.4.0"), ([R, I, R], "2.4.0"), ([R, Q], "2.4.0")],
)
def test_only_when_nothing_but_revisions_rose_the_revision_rises(changes: list[Part], expected: str) -> None:
    assert str(next_version(NEWEST, 2, changes)) == expected


def test_a_risen_output_interface_is_the_new_interface_whatever_else_changed() -> None:
    for forced in (None, *Part):
        assert next_version(NEWEST, 4, [R, Q], forced=forced) == Version(4, 0, 0)


def test_an_output_interface_behind_the_newest_file_takes_nothing_back() -> None:
    assert next_version(NEWEST, 1, [Q]) == Version(2, 4, 0)


def test_a_forced_part_rises_whatever_changed() -> None:
    assert [str(next_version(NEWEST, 2, [R, Q], forced=part)) for part in Part] == ["3.0.0", "2.4.0", "2.3.5"]


def test_a_number_without_end_is_no_version() -> None:
    with pytest.raises(VersionError, match="is not a version"):
        Version.parse(f"1.{'9' * 5000}.0")
