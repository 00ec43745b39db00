"""Sources, stores, rules and areas that a mission file changes or has no more: what is said, and what is refused."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from dbproc.core.errors import DefinitionError
from dbproc.core.hooks import Hook
from dbproc.core.places import AreaSpec, Recorded, ReplicateSpec, SourceSpec, StoreSpec
from dbproc.core.spec import Definition, Holdings, MissionSpec
from dbproc.mission import difference

OLD = MissionSpec(
    name="m",
    root="/m",
    notify=(Hook(name="me", webhook="env:HOOK"),),
    sources=(SourceSpec(name="dmas", url="https://example.org"),),
    stores=(StoreSpec(name="nas", url="file:///nas"), StoreSpec(name="s3", url="s3://b")),
    replicates=(ReplicateSpec(name="1", products=("raw",), to=("nas",)),),
    areas=(AreaSpec(name="users", directory="/users"),),
)


def sentences(new: MissionSpec, places: Recorded | None = None, old: MissionSpec | None = OLD) -> list[str]:
    former = None if old is None else Definition(mission=old)
    held = Holdings(definition=former, places=places or Recorded())
    return [each.sentence for each in difference(held.definition, Definition(mission=new), held)]


def problems(new: MissionSpec, places: Recorded) -> tuple[str, ...]:
    with pytest.raises(DefinitionError) as caught:
        sentences(new, places)
    return caught.value.problems


def test_a_new_mission_says_what_it_has() -> None:
    assert sentences(OLD, old=None) == [
        "add: mission m: root /m; hook me added: env:HOOK; source dmas added: https://example.org; "
        "store nas added: file:///nas; store s3 added: s3://b; replicate 1 added: raw → nas; area users added: /users"
    ]


def test_each_difference_is_told_at_its_table() -> None:
    assert sentences(OLD) == []
    new = replace(
        OLD,
        notify=(),
        sources=(replace(OLD.sources[0], every=dt.timedelta(hours=6), since=dt.date(2020, 1, 1)),),
        stores=(OLD.stores[1], replace(OLD.stores[0], url="file:///new")),
        replicates=(replace(OLD.replicates[0], to=("nas", "s3"), copies=1),),
        areas=(*OLD.areas, AreaSpec(name="guests", directory="/guests")),
    )
    assert sentences(new) == [
        "change: mission m: hook me removed; source dmas: every 1 h → 6 h; source dmas: since none → 2020-01-01; "
        'store nas: url "file:///nas" → "file:///new" (what is recorded is looked for there from now on; nothing is '
        "moved); order of the stores nas, s3 → s3, nas; "
        'replicate 1: to ["nas"] → ["nas", "s3"]; replicate 1: copies none → 1; area guests added: /guests'
    ]


def test_what_nothing_is_recorded_of_may_go() -> None:
    (said,) = sentences(replace(OLD, sources=(), stores=(), areas=(), replicates=()))
    assert said == (
        "change: mission m: source dmas removed; store nas removed; store s3 removed; replicate 1 removed; "
        "area users removed"
    )


def test_copies_in_a_store_that_goes_count_no_more_and_that_is_said() -> None:
    held = Recorded(copies={"nas": 12, "s3": 1}, kept_in={frozenset({"nas", "s3"}): 3})
    (said,) = sentences(replace(OLD, stores=OLD.stores[1:], replicates=()), held)
    assert said.endswith("; 12 copies recorded in store nas count no more while it is away")


def test_a_store_with_the_only_bytes_of_files_stays() -> None:
    held = Recorded(copies={"nas": 12}, kept_in={frozenset({"nas", "s3"}): 3, frozenset({"nas"}): 2})
    (said,) = problems(replace(OLD, stores=OLD.stores[1:], replicates=()), held)
    assert said.startswith("the store 'nas' is not in the mission file any more, and the bytes of 2 files are nowhere")
    (said,) = problems(replace(OLD, stores=(), replicates=()), Recorded(kept_in={frozenset({"nas", "s3"}): 1}))
    assert "the bytes of a file are nowhere" in said


def test_open_transfers_and_placed_files_hold_what_they_need() -> None:
    held = Recorded(transfers={"source dmas": 1, "store nas": 2, "root": 3}, placed={"users": 5})
    said = problems(replace(OLD, sources=(), stores=OLD.stores[1:], areas=(), replicates=()), held)
    assert [each.partition(";")[0] for each in said] == [
        "the source 'dmas' is not in the mission file any more, and a transfer from or to it is open",
        "the store 'nas' is not in the mission file any more, and 2 transfers from or to it are open",
        "the area 'users' is not in the mission file any more, and 5 files that were placed lie in it",
    ]
    assert "dbproc transfers cancel" in said[0]
    assert sentences(OLD, held) == []


def test_only_whether_something_is_recorded_counts_for_what_was_seen() -> None:
    few, more = Holdings(places=Recorded(copies={"nas": 1})), Holdings(places=Recorded(copies={"nas": 2}))
    assert few.calls_for_the_same(more)
    assert not few.calls_for_the_same(Holdings(places=Recorded(copies={"nas": 1}, transfers={"store nas": 1})))


def test_another_name_is_told_by_the_place_and_takes_along_what_is_recorded() -> None:
    new = replace(
        OLD,
        sources=(replace(OLD.sources[0], name="archive"),),
        stores=(replace(OLD.stores[0], name="disk", preference=1), OLD.stores[1]),
        replicates=(replace(OLD.replicates[0], to=("disk",)),),
        areas=(replace(OLD.areas[0], name="people"),),
    )
    held = Recorded(
        transfers={"source dmas": 1, "store nas": 1},
        copies={"nas": 12},
        kept_in={frozenset({"nas"}): 2},
        placed={"users": 1},
    )
    assert sentences(new, held) == [
        "change: mission m: source dmas → archive; store nas → disk; area users → people; "
        'store disk: preference 100 → 1; replicate 1: to ["nas"] → ["disk"]'
    ]
    (said,) = problems(new, replace(held, copies={"nas": 12, "disk": 1}))
    assert said == "store.disk: copies are recorded of a former store of this name; take another name"


def test_of_two_at_one_place_nobody_knows_which_has_the_new_name() -> None:
    twice = replace(OLD, sources=(*OLD.sources, replace(OLD.sources[0], name="other")))
    new = replace(OLD, sources=(replace(OLD.sources[0], name="third"),))
    (said,) = sentences(new, old=twice)
    assert "source third added" in said
    assert "source dmas removed; source other removed" in said
    elsewhere = replace(OLD, sources=(replace(OLD.sources[0], name="third", path="x/*"),))
    assert "source dmas removed" in sentences(elsewhere)[0]


def test_a_file_of_dbprocessing_leaves_them_as_they_are() -> None:
    held = Holdings(definition=Definition(mission=OLD), places=Recorded(placed={"users": 1}))
    unsaid = MissionSpec(name="m", root="/m")
    assert difference(held.definition, Definition(mission=unsaid, partial=True), held) == []
