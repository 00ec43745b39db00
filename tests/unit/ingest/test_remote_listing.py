"""Looking at a source: which directories are listed, which files are meant, and what is refused."""

from __future__ import annotations

import datetime as dt
import time

import pytest

from dbproc.core.errors import GoneError, PermanentError, TemporaryError
from dbproc.core.places import SourceSpec
from dbproc.core.remote import Seen
from dbproc.ingest.remote_listing import MOST_LOOKED_AT, Listing, SideFiles, list_source
from dbproc.storage.stores.base import Entry
from tests.kit.told_place import ToldPlace, directories, files

TODAY = dt.date(2024, 5, 6)
TREE = {
    "data": directories("data", "2022", "2023", "2024", "latest"),
    **{f"data/{year}": directories(f"data/{year}", "01", "12") for year in (2022, 2023, 2024)},
    **{
        f"data/{year}/{month}": files(f"data/{year}/{month}", f"raw_{year}{month}01.cdf", "README")
        for year in (2022, 2023, 2024)
        for month in ("01", "12")
    },
}


def source(path: str = "data/{Y}/{m}/*.cdf", **keys: object) -> SourceSpec:
    return SourceSpec(name="x", url="http://x", path=path, **keys)  # type: ignore[arg-type]


def paths(listing: Listing) -> list[str]:
    return sorted(each.path for each in listing.seen)


def test_all_files_that_are_meant_are_found() -> None:
    found = list_source(ToldPlace(TREE), source(), (), TODAY)
    assert len(found.seen) == 6
    assert (found.failures, found.refused) == ([], [])
    assert found.listed == set(TREE)


def test_directories_and_files_of_earlier_dates_are_left_alone() -> None:
    place = ToldPlace(TREE)
    found = list_source(place, source(since=dt.date(2023, 6, 1)), (), TODAY)
    assert sorted(place.asked) == ["data", "data/2023", "data/2023/12", "data/2024", "data/2024/01", "data/2024/12"]
    assert len(found.seen) == 3
    named = source("data/{Y}/{m}/raw_{Y}{m}{d}.cdf", since=dt.date(2023, 12, 2))
    assert paths(list_source(place, named, (), TODAY)) == [
        "data/2024/01/raw_20240101.cdf",
        "data/2024/12/raw_20241201.cdf",
    ]


def test_old_directories_are_told_and_those_that_are_settled_not_listed() -> None:
    back = source(back=dt.timedelta(days=200))
    found = list_source(ToldPlace(TREE), back, (), TODAY)
    assert sorted(found.old) == ["data/2022", "data/2022/01", "data/2022/12", "data/2023/01"]
    place = ToldPlace(TREE)
    list_source(place, back, {"data/2022", "data/2023/01", "data/2023/12"}, TODAY)
    assert sorted(place.asked) == ["data", "data/2023", "data/2023/12", "data/2024", "data/2024/01", "data/2024/12"]


def test_a_file_that_is_named_is_asked_for_alone() -> None:
    place = ToldPlace(TREE)
    assert paths(list_source(place, source("data/2024/01/README"), (), TODAY)) == ["data/2024/01/README"]
    gone = list_source(place, source("data/2024/01/NOTHING"), (), TODAY)
    assert [type(each) for each in gone.failures] == [GoneError]


def test_names_that_no_file_may_have_are_refused_in_words() -> None:
    bad = ["..", ".", "../x.cdf", "a/b.cdf", "a\0.cdf", "a\n.cdf", "x" * 300 + ".cdf", "a\udcff.cdf", "good.cdf"]
    listing = {"": [Entry(path=name, size=1) for name in bad] + directories("", "..", "a\nb")}
    found = list_source(ToldPlace(listing), source("*.cdf"), (), TODAY)
    assert paths(found) == ["good.cdf"]
    assert {name for name, _ in found.refused} == {
        *("../x.cdf", "a/b.cdf", "a\\x00.cdf", "a\\n.cdf", "x" * 300 + ".cdf", "a\\xff.cdf")
    }
    assert all(why for _, why in found.refused)
    inner = list_source(ToldPlace({"": directories("", "..", "a\nb", "c"), "c": []}), source("*/*"), (), TODAY)
    assert sorted(name for name, _ in inner.refused) == ["..", "a\\nb"]


def test_unfinished_files_are_somebodys_work() -> None:
    listing = {"": files("", "a.cdf", "a.cdf.part", ".a.cdf.x1y2", "b.tmp", "c~")}
    assert paths(list_source(ToldPlace(listing), source("*"), (), TODAY)) == ["a.cdf"]
    assert list_source(ToldPlace(listing), source("*"), (), TODAY).refused == []


def test_a_file_of_which_the_listing_tells_the_name_alone_is_looked_at() -> None:
    place = ToldPlace(
        {"": [Entry(path="a"), Entry(path="b", size=1), Entry(path="gone"), Entry(path="c.other")]},
        facts=[Entry(path="a", size=5, etag="e1")],
        faults={"gone": GoneError("404")},
    )
    found = list_source(place, source("*[!r]"), (), TODAY)
    assert found.seen == [Seen("a", 5, None, "e1"), Seen("b", 1)]
    assert place.asked == ["", "a", "gone"]


def test_of_very_many_known_ones_only_some_are_looked_at() -> None:
    names = [f"{number}.cdf" for number in range(3000)]
    place = ToldPlace({"": [Entry(path=name) for name in names]})
    found = list_source(place, source("*.cdf"), (), TODAY, known=set(names))
    assert len(found.seen) == 3000
    assert len(place.asked) == 1 + MOST_LOOKED_AT


def test_where_files_cannot_be_looked_at_the_rest_is_as_it_was() -> None:
    place = ToldPlace({"": [Entry(path="a"), Entry(path="b", size=2)]}, faults={"a": TemporaryError("503")})
    found = list_source(place, source("*"), (), TODAY, known={"a"})
    assert (found.seen, len(found.failures)) == ([Seen("b", 2), Seen("a")], 1)


def test_a_file_that_cannot_be_looked_at_keeps_no_other_back() -> None:
    names = ("a", "b", "c", "d")
    place = ToldPlace(
        {"": [Entry(path=name) for name in names]},
        facts=[Entry(path="d", size=5)],
        faults={"a": PermanentError("403"), "b": TemporaryError("500"), "c": PermanentError("leads elsewhere")},
    )
    new = list_source(place, source("*"), (), TODAY)
    assert new.seen == [Seen("a"), Seen("b"), Seen("c"), Seen("d", 5)], "their transfers tell what is wrong"
    assert (new.failures, new.refused) == ([], [])
    known = list_source(place, source("*"), (), TODAY, known={"a", "c", "d"})
    assert sorted(known.seen, key=lambda each: each.path) == new.seen
    assert dict(known.refused) == {"a": "cannot be looked at: 403", "c": "cannot be looked at: leads elsewhere"}
    for faults in (
        {"a": TemporaryError("down", is_of_place=True)},
        {"a": TemporaryError("down", retry_after=60)},
        {name: TemporaryError("down") for name in names},
    ):
        down = ToldPlace({"": [Entry(path=name) for name in names]}, faults=faults)
        assert [str(each) for each in list_source(down, source("*"), (), TODAY).failures] == ["down"]


def test_what_cannot_be_listed_leaves_the_rest() -> None:
    place = ToldPlace(TREE, faults={"data/2023": TemporaryError("503"), "data/2022/01": PermanentError("403")})
    found = list_source(place, source(), (), TODAY)
    assert [str(each) for each in found.failures] == ["503", "403"]
    assert len(found.seen) == 3
    assert "data/2023" not in found.listed


def test_a_place_that_is_down_is_not_asked_again() -> None:
    place = ToldPlace(TREE, faults={"data/2023": TemporaryError("no route", is_of_place=True)})
    found = list_source(place, source(), (), TODAY)
    assert place.asked[-1] == "data/2023"
    assert len(found.failures) == 1


def test_a_directory_that_goes_away_while_others_are_listed_is_no_failure() -> None:
    tree = {path: entries for path, entries in TREE.items() if path != "data/2022/01"}
    assert list_source(ToldPlace(tree), source(), (), TODAY).failures == []


DIGEST = "ab" * 32


@pytest.mark.parametrize(
    ("key", "name", "text"), [("{name}.sha256", "a.sha256", DIGEST), ("SUMS", "SUMS", f"{DIGEST}  a\n{DIGEST}  b\n")]
)
def test_side_files_are_read_once_and_are_no_files_of_the_source(key: str, name: str, text: str) -> None:
    spec = source("d/*", digests=key)
    place = ToldPlace({"d": files("d", "a", "b", name)}, {f"d/{name}": text})
    found = list_source(place, spec, (), TODAY)
    assert paths(found) == ["d/a", "d/b"]
    beside = SideFiles(place, spec, found)
    assert [beside.of("d/a"), beside.of("d/a")] == [(f"sha256:{DIGEST}", f"d/{name}")] * 2
    beside.of("d/b")
    assert place.asked == ["d", f"d/{name}"], "what is not listed is not asked for"


def test_a_side_file_that_cannot_be_read_is_told() -> None:
    spec = source("d/*", digests="SUMS")
    place = ToldPlace({"d": files("d", "a", "SUMS")}, faults={"d/SUMS": TemporaryError("503")})
    with pytest.raises(TemporaryError):
        SideFiles(place, spec, list_source(place, spec, (), TODAY)).of("d/a")


def test_a_side_file_without_end_is_given_up() -> None:
    spec = source("d/*", digests="SUMS")
    place = ToldPlace({"d": files("d", "a", "SUMS")}, {"d/SUMS": "x" * (17 << 20)})
    with pytest.raises(PermanentError, match="no list of digests"):
        SideFiles(place, spec, list_source(place, spec, (), TODAY)).of("d/a")


@pytest.mark.thorough
def test_a_hundred_thousand_files_are_listed_quickly() -> None:
    listing = {"": [Entry(path=f"raw_{number:06d}.cdf", size=1) for number in range(100_000)]}
    began = time.process_time()
    assert len(list_source(ToldPlace(listing), source("*.cdf", digests="{name}.md5"), (), TODAY).seen) == 100_000
    assert time.process_time() - began < 5
