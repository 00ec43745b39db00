"""Which stores are to have copies, which copies count, and from which is read first."""

from __future__ import annotations

import pytest

from dbproc.core.copies import in_order, is_same_place, least_copies, least_for, places, rules_of, stores_of
from dbproc.core.places import ReplicateSpec, StoreSpec, Trust


def store(name: str, url: str = "", **keys: object) -> StoreSpec:
    return StoreSpec(name=name, url=url or f"sftp://{name}.example/", **keys)  # type: ignore[arg-type]


NEAR, FAR = store("near", preference=1), store("far", preference=9)
DOUBTFUL = store("doubtful", preference=0, trust=Trust.UNTRUSTED)
STORES = (FAR, DOUBTFUL, NEAR)


def rule(*products: str, to: tuple[str, ...] = ("near", "far"), copies: int | None = None) -> ReplicateSpec:
    return ReplicateSpec(name="1", products=products, to=to, copies=copies)


def test_what_is_preferred_is_read_first_and_what_is_untrusted_last() -> None:
    assert [each.name for each in in_order(STORES)] == ["near", "far", "doubtful"]


def test_rules_and_stores_are_named_by_patterns() -> None:
    raw, every = rule("raw", "x*"), rule("*")
    assert rules_of([raw, every], "raw") == [raw, every]
    assert rules_of([raw, every], "clean") == [every]
    assert stores_of(rule("raw", to=("*a*",)), STORES) == [FAR, NEAR]


def test_a_rule_wants_a_copy_in_each_trusted_place_unless_it_says_how_many() -> None:
    assert least_copies(rule("raw", to=("near", "far", "doubtful")), STORES) == 2
    assert least_copies(rule("raw", copies=1), STORES) == 1


def test_at_least_one_copy_lets_a_file_go_from_the_disk() -> None:
    assert least_for([], STORES, "raw") == 1
    assert least_for([rule("raw", to=("doubtful",))], STORES, "raw") == 1
    assert least_for([rule("raw", copies=1), rule("*")], STORES, "raw") == 2


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("file:///a/b", "file:///a/b/", True),
        ("file:///a", "file:///a/b", True),
        ("file:///a/b", "file:///a/bc", False),
        ("s3://bucket/one", "s3://bucket/other", True),
        ("s3://bucket", "s3://other", False),
        ("sftp://host/one", "sftp://HOST/one", True),
        ("sftp://host/one", "sftp://host/two", False),
        ("sftp://host/one", "sftp://other/one", False),
    ],
)
def test_stores_at_one_place_are_one_copy(one: str, other: str, same: bool) -> None:
    first, second = store("first", one), store("second", other)
    assert is_same_place(first, second) is is_same_place(second, first) is same
    assert len(places([first, second])) == (1 if same else 2)


def test_two_services_with_one_bucket_are_two_places() -> None:
    here, there = (store(name, "s3://bucket", endpoint=f"https://{name}.example") for name in ("here", "there"))
    assert not is_same_place(here, there)
