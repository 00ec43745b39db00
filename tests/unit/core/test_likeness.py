"""What may be meant by a name that there is not."""

from __future__ import annotations

from dbproc.core.likeness import likely, no_such

PRODUCTS = ("raw", "clean", "cleaner", "smooth")


def test_what_begins_so_is_meant_rather_than_what_is_spelt_alike() -> None:
    assert likely("clea", PRODUCTS) == ["clean", "cleaner"]
    assert likely("SMO", PRODUCTS) == ["smooth"]
    assert likely("smoth", PRODUCTS) == ["smooth"]
    assert likely("", PRODUCTS) == []


def test_the_message_asks_for_what_is_near_else_lists_what_there_is() -> None:
    assert no_such("product", "smoth", PRODUCTS) == "no product smoth; did you mean smooth?"
    assert no_such("product", "clea", ["clean", "cleaner"]) == "no product clea; did you mean clean or cleaner?"
    assert no_such("product", "x", ["b", "a"]) == "no product x; the mission has: a, b"
    assert no_such("product", "x", []) == "no product x; the mission has: none"
    assert no_such("product", "x", map(str, range(1000, 1022))).endswith("1018, 1019 and 2 more")
