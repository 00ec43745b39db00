"""What attributes of several things share, and what each has of its own."""

from __future__ import annotations

from dbproc.codes.idx.attributes import own, shared


def test_attributes_are_shared_within_attributes_too() -> None:
    one = {"make": "M", "exif": {"iso": 100, "time": 1}, "date": "a"}
    other = {"make": "M", "exif": {"iso": 100, "time": 2, "lens": "L"}}
    common = shared([one, other])
    assert common == {"make": "M", "exif": {"iso": 100}}
    assert own(one, common) == {"exif": {"time": 1}, "date": "a"}
    assert own(other, common) == {"exif": {"time": 2, "lens": "L"}}


def test_what_is_of_another_kind_is_not_shared() -> None:
    common = shared([{"a": {"b": 1}, "c": None}, {"a": 1}])
    assert common == {}
    assert own({"a": {"b": 1}}, common) == {"a": {"b": 1}}
