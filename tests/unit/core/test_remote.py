"""What of the files of a source is new, has changed, has the name of another; which directories are settled."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

from dbproc.core.remote import Seen, news, settled

NOON = dt.datetime(2024, 5, 6, 12, tzinfo=dt.UTC)
FILE = Seen("2024/a.cdf", 5, NOON, "e1")


def paths(files: tuple[Seen, ...]) -> list[str]:
    return [each.path for each in files]


def test_a_file_has_changed_when_size_or_etag_is_another_or_its_time_where_there_is_no_etag() -> None:
    assert not FILE.differs(FILE)
    assert FILE.differs(replace(FILE, size=6))
    assert FILE.differs(replace(FILE, etag="e2"))
    later = NOON + dt.timedelta(seconds=1)
    assert not FILE.differs(replace(FILE, modified=later)), "the same ETag: the same bytes"
    plain = replace(FILE, etag="")
    assert plain.differs(replace(plain, modified=later))


def test_what_a_listing_does_not_tell_has_not_changed() -> None:
    assert not FILE.differs(replace(FILE, size=None))
    assert not Seen("2024/a.cdf").differs(FILE)
    assert replace(FILE, etag="").differs(replace(FILE, modified=NOON + dt.timedelta(seconds=1)))


def test_new_and_changed_files_are_told_apart_and_what_is_known_is_passed_over() -> None:
    known = {"a": Seen("a", 1), "b": Seen("b", 1), "gone": Seen("gone", 1)}
    found = news([Seen("c", 3), Seen("b", 2), Seen("a", 1)], known, {""})
    assert (paths(found.new), paths(found.changed), found.namesakes) == (["c"], ["b"], ())


def test_of_two_files_of_one_name_the_first_is_fetched_and_the_other_told() -> None:
    found = news([Seen("2024/02/x"), Seen("2024/01/x")], {}, {"2024/01", "2024/02"})
    assert paths(found.new) == ["2024/01/x"]
    assert found.namesakes == (("2024/02/x", "2024/01/x"),)


def test_a_file_that_was_fetched_keeps_its_name_against_others() -> None:
    known = {"2024/02/x": Seen("2024/02/x", 1)}
    found = news([Seen("2024/01/x", 1), Seen("2024/02/x", 2)], known, {"2024/01", "2024/02"})
    assert (paths(found.new), paths(found.changed)) == ([], ["2024/02/x"])
    assert found.namesakes == (("2024/01/x", "2024/02/x"),)
    unlisted = news([Seen("2024/01/x", 1)], known, {"2024/01"})
    assert unlisted.namesakes == (("2024/01/x", "2024/02/x"),), "it is there still: its directory was not listed"


def test_a_file_that_is_elsewhere_by_now_is_new_there() -> None:
    found = news([Seen("old/x", 1)], {"new/x": Seen("new/x", 1)}, {"old", "new"})
    assert (paths(found.new), found.namesakes) == (["old/x"], ())


def test_directories_are_settled_in_which_nothing_is_to_be_fetched() -> None:
    old = ["2023", "2023/01", "2023/02", "2022", "2022/01"]
    assert settled(old, ["2023/02/x", "2024/01/y"]) == ["2022", "2023/01"]
    assert settled(old, []) == ["2022", "2023"]
    assert settled(["", "2022"], ["x"]) == ["2022"]
