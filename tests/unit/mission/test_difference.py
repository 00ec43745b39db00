"""What has to change so that the database holds what a mission file says."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace

import pytest

from dbproc.core.errors import DefinitionError
from dbproc.core.model import Keying, Validity
from dbproc.core.spec import CodeSpec, Definition, Holdings, InputSpec, Kind, MissionSpec, ProcessSpec, ProductSpec
from dbproc.core.version import Version
from dbproc.mission import difference


def product(name: str, level: float = 0) -> ProductSpec:
    return ProductSpec(
        name=name,
        level=level,
        directory=name,
        format=name + "_{Y}{m}{d}_v{VERSION}",
        satellite="s",
        instrument="i",
    )


CODE = CodeSpec(file="clean.sh", version=Version(1, 0, 0), arguments=("-a",), running=Version(1, 0, 0), code_id=1)
PROCESS = ProcessSpec(name="clean", timebase="DAILY", output="out", inputs=(InputSpec(product="raw"),), codes=(CODE,))
OLD = Definition(
    mission=MissionSpec(name="m", root="/m"),
    products={"raw": product("raw"), "out": product("out", 1)},
    processes={"clean": PROCESS},
)


def with_code(**values: object) -> Definition:
    """The code as a mission file says it: without what only the database knows."""
    return with_process(codes=(replace(CODE, **{"running": None, "code_id": None, **values}),))  # type: ignore[arg-type]


def with_process(**values: object) -> Definition:
    return replace(OLD, processes={"clean": replace(PROCESS, **values)})  # type: ignore[arg-type]


def with_product(name: str, **values: object) -> Definition:
    return replace(OLD, products={**OLD.products, name: replace(OLD.products[name], **values)})  # type: ignore[arg-type]


def sentences(old: Definition | None, new: Definition, holdings: Holdings | None = None) -> list[str]:
    return [change.sentence for change in difference(old, new, holdings)]


def test_the_same_definition_is_no_difference() -> None:
    assert difference(OLD, OLD) == []


def test_everything_of_a_new_mission_is_added_in_an_order_that_works() -> None:
    assert [(change.kind, change.place) for change in difference(None, OLD)] == [
        (Kind.ADD, "mission m"),
        (Kind.ADD, "product raw"),
        (Kind.ADD, "product out"),
        (Kind.ADD, "process clean"),
        (Kind.ADD, "code clean.sh 1.0.0 of process clean"),
    ]


@pytest.mark.parametrize(
    ("new", "sentence", "again"),
    [
        (
            replace(OLD, mission=replace(OLD.mission, root="/n", retry_limit=3)),
            'change: mission m: the root "/m" → "/n" (files are looked for below it from now on; none is moved); '
            "retry_limit 8 → 3",
            "",
        ),
        (
            with_product("raw", level=0.5),
            "change: product raw: level 0 → 0.5 (files that exist keep their data level)",
            "",
        ),
        (with_product("raw", description="x"), 'change: product raw: description "" → "x"', ""),
        (
            with_process(inputs=(InputSpec(product="raw", yesterday=1),)),
            "change: process clean: input raw → raw (days before: 1, after: 0)",
            "process clean: input raw → raw (days before: 1, after: 0)",
        ),
        (
            with_process(extra_params=("-x",)),
            'change: process clean: extra_params [] → ["-x"]',
            'process clean: extra_params [] → ["-x"]',
        ),
        (
            with_code(version=Version(1, 1, 0), arguments=("-b",)),
            "release: code clean.sh 1.1.0 of process clean: replaces clean.sh 1.0.0",
            "code clean.sh 1.1.0 released",
        ),
        (
            with_code(stop=dt.date(2020, 1, 1)),
            "change: code clean.sh 1.0.0 of process clean: to 2100-12-31 → 2020-01-01",
            "code clean.sh 1.0.0: to 2100-12-31 → 2020-01-01",
        ),
        (with_code(cpu=2), "change: code clean.sh 1.0.0 of process clean: cpu 1 → 2", ""),
        (with_code(active=False), "change: code clean.sh 1.0.0 of process clean: active true → false", ""),
    ],
)  # fmt: skip
def test_a_change_is_one_sentence_and_says_whether_inputs_are_looked_at_again(
    new: Definition, sentence: str, again: str
) -> None:
    (change,) = difference(OLD, new)
    assert (change.sentence, change.again) == (sentence, again)


def test_another_format_of_an_output_makes_its_process_look_at_its_inputs_again() -> None:
    product_change, process_change = difference(OLD, with_product("out", format="o_{Y}{j}"))
    assert product_change.sentence == ('change: product out: format "out_{Y}{m}{d}_v{VERSION}" → "o_{Y}{j}"')
    assert process_change.again == "the format of out changed"


@pytest.mark.parametrize(
    ("new", "said"),
    [
        (with_code(version=Version(1, 0, 0), arguments=("-b",)), "raise its version; give a version above 1.0.0"),
        (with_code(file="other.sh"), 'file "clean.sh" → "other.sh": that changes what the code makes, so raise'),
        (with_code(output_interface=2), "output_interface 1 → 2: that changes what the code makes"),
        (replace(OLD, mission=MissionSpec(name="n", root="/m")), "this database holds the mission 'm'; name that, or"),
    ],
)  # fmt: skip
def test_what_a_version_must_say_is_refused_without_a_raised_one(new: Definition, said: str) -> None:
    with pytest.raises(DefinitionError, match="the mission file cannot be applied") as caught:
        difference(OLD, new)
    assert said in str(caught.value)


def test_a_lowered_version_is_refused() -> None:
    old = with_code(version=Version(2, 0, 0), running=Version(2, 0, 0))
    with pytest.raises(DefinitionError, match=r"1\.9\.9 is not above 2\.0\.0, which the database runs; give a version"):
        difference(old, with_code(version=Version(1, 9, 9)))


class TestARevisionThatARunRaised:
    """The database runs 1.0.2, and the mission file says 1.0.0: the code's bytes were edited twice."""

    old = with_code(running=Version(1, 0, 2))

    def test_the_same_mission_file_still_fits(self) -> None:
        assert difference(self.old, with_code()) == []

    @pytest.mark.parametrize("revision", [1, 2])
    def test_a_version_up_to_it_is_refused(self, revision: int) -> None:
        with pytest.raises(DefinitionError, match=r"give a version above 1\.0\.2"):
            difference(self.old, with_code(version=Version(1, 0, revision)))

    def test_a_version_above_it_is_released(self) -> None:
        (change,) = difference(self.old, with_code(version=Version(1, 0, 3)))
        assert change.kind is Kind.RELEASE


def test_codes_for_new_ranges_of_dates_continue_those_that_are_most_like_them() -> None:
    split = dt.date(2019, 12, 31)
    first = replace(CODE, stop=split, code_id=None, running=None)
    second = CodeSpec(file="new.sh", version=Version(1, 0, 0), start=split + dt.timedelta(days=1))
    found = difference(OLD, with_process(codes=(second, first)))
    assert [(change.kind, change.place) for change in found] == [
        (Kind.ADD, "code new.sh 1.0.0 of process clean"),
        (Kind.CHANGE, "code clean.sh 1.0.0 of process clean"),
    ]


def test_a_code_that_is_gone_is_retired_and_comes_back_as_it_was() -> None:
    other = replace(CODE, file="other.sh", start=dt.date(2020, 1, 1), code_id=2)
    both = with_process(codes=(replace(CODE, stop=dt.date(2019, 12, 31)), other))
    one = with_process(codes=(replace(CODE, stop=dt.date(2019, 12, 31)),))
    (gone,) = difference(both, one)
    assert (gone.kind, gone.old) == (Kind.RETIRE, other)
    (back,) = difference(one, both, Holdings(definition=one, retired={"clean": (other,)}))
    assert (back.kind, back.old) == (Kind.RESTORE, other)


@pytest.mark.parametrize("version", [Version(1, 0, 0), Version(2, 0, 0)])
def test_a_retired_code_comes_back_only_as_it_was_or_above(version: Version) -> None:
    retired = replace(CODE, version=Version(2, 0, 0), running=Version(2, 0, 1))
    old = with_process(codes=())
    holdings = Holdings(definition=old, retired={"clean": (retired,)})
    with pytest.raises(DefinitionError, match=r"was retired at 2\.0\.1, and .* is not above it"):
        difference(old, with_code(version=version, arguments=("-z",)), holdings)
    (change,) = difference(old, with_code(version=Version(2, 0, 2)), holdings)
    assert change.kind is Kind.ADD


class TestWhatIsNoLongerInTheFile:
    new = replace(OLD, products={"raw": OLD.products["raw"]}, processes={})

    def test_it_is_deleted_when_nothing_was_made(self) -> None:
        assert sentences(OLD, self.new) == [
            "delete: process clean: it is not in the mission file, and nothing was made by it",
            "delete: product out: it is not in the mission file, and no file is of it",
        ]

    def test_it_is_retired_when_something_was_made(self) -> None:
        assert sentences(OLD, self.new, Holdings(files={"out": 3}, uses={"clean": 4})) == [
            "retire: code clean.sh 1.0.0 of process clean: its process is not in the mission file; what it made stays",
            "retire: product out: it is not in the mission file; its files (3) stay, no new ones are taken in",
        ]

    def test_a_product_that_a_retired_process_refers_to_is_not_deleted(self) -> None:
        assert sentences(OLD, self.new, Holdings(uses={"clean": 1}))[1] == (
            "retire: product out: it is not in the mission file; the retired process clean refers to it, "
            "no new ones are taken in"
        )

    def test_it_is_left_alone_by_a_partial_file(self) -> None:
        assert difference(OLD, replace(self.new, partial=True)) == []

    def test_what_is_retired_already_is_not_retired_again(self) -> None:
        retired = replace(
            OLD,
            products={"raw": OLD.products["raw"], "out": replace(OLD.products["out"], active=False)},
            processes={"clean": replace(PROCESS, codes=())},
        )
        assert difference(retired, self.new, Holdings(files={"out": 3}, uses={"clean": 4})) == []

    def test_a_product_that_comes_back_is_used_again(self) -> None:
        retired = with_product("out", active=False)
        assert sentences(retired, OLD) == ["restore: product out: it was retired, and is used again"]


def test_a_process_with_another_name_and_the_same_output_is_renamed() -> None:
    new = replace(OLD, processes={"cleaning": replace(PROCESS, name="cleaning")})
    (change,) = difference(OLD, new, Holdings(uses={"clean": 1}))
    assert change.sentence == "change: process cleaning: name clean → cleaning"
    assert (change.name, change.again) == ("clean", "")


def test_the_output_of_a_process_that_stays_for_what_it_made_is_not_given_to_another() -> None:
    other = replace(PROCESS, name="other", output="more", codes=(replace(CODE, code_id=2),))
    old = replace(OLD, products={**OLD.products, "more": product("more")}, processes={"clean": PROCESS, "other": other})
    new = replace(old, processes={"other": replace(other, output="out")})
    with pytest.raises(DefinitionError, match="'out' was made by the process 'clean', which is no longer there"):
        difference(old, new, Holdings(uses={"clean": 1}))
    assert [change.kind for change in difference(old, new)][:2] == [Kind.DELETE, Kind.CHANGE]


class TestAPartialFile:
    """One of dbprocessing's INI files: it cannot say everything."""

    @staticmethod
    def partial(change: Callable[[CodeSpec], CodeSpec] = lambda code: code) -> Definition:
        bare = replace(CODE, time_limit=None, code_id=None, running=None)
        process = replace(PROCESS, codes=(change(bare),))
        mission = MissionSpec(name="m", root="/m")
        unsaid = frozenset({"settle_seconds"})
        return Definition(mission=mission, processes={"clean": process}, partial=True, unsaid=unsaid)

    old = replace(with_code(time_limit=60.0), mission=replace(OLD.mission, settle_seconds=5))

    def test_what_it_cannot_say_stays(self) -> None:
        assert difference(self.old, self.partial()) == []

    def test_a_raised_version_is_released_with_its_time_limit(self) -> None:
        (change,) = difference(self.old, self.partial(lambda code: replace(code, version=Version(2, 0, 0))))
        assert change.kind is Kind.RELEASE
        assert isinstance(change.new, CodeSpec)
        assert change.new.time_limit == 60.0

    def test_codes_for_other_dates_stay(self) -> None:
        later = replace(CODE, file="later.sh", start=dt.date(2020, 1, 1), code_id=2)
        early = replace(CODE, stop=dt.date(2019, 12, 31))
        old = with_process(codes=(early, later))
        assert difference(old, self.partial(lambda code: replace(code, stop=dt.date(2019, 12, 31)))) == []


# --- names that stay taken, and codes that come back ---


def renamed(**values: object) -> Definition:
    """The product that is made under another name, with the same filenames."""
    other = replace(OLD.products["out"], name="other", **values)  # type: ignore[arg-type]
    return replace(with_process(output="other"), products={"raw": OLD.products["raw"], "other": other})


def test_a_product_that_takes_the_names_of_one_that_is_gone_is_refused_unless_it_is_said_to_be_that() -> None:
    held = Holdings(definition=OLD, files={"out": 3}, uses={"clean": 3})
    with pytest.raises(DefinitionError) as caught:
        difference(OLD, renamed(format="out_{DATE}_v{VERSION}"), held)
    assert any('the same product, write renamed_from = "out"' in problem for problem in caught.value.problems)
    told = difference(OLD, renamed(format="out_{DATE}_v{VERSION}", renamed_from="out"), held)
    assert told[0].sentence == (
        'change: product other: name out → other; format "out_{Y}{m}{d}_v{VERSION}" → "out_{DATE}_v{VERSION}"'
    )


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "name out → other"),
        ({"format": "other_{Y}{m}{d}_v{VERSION}", "directory": "other"}, "name out → other; the directory"),
    ],
)
def test_a_product_that_is_equal_but_for_its_name_is_recognized_with_what_makes_it(
    values: dict[str, object], said: str
) -> None:
    held = Holdings(definition=OLD, files={"out": 3}, uses={"clean": 3})
    changes = difference(OLD, renamed(**values), held)
    assert {(change.place, change.name) for change in changes} <= {("product other", "out"), ("process clean", "clean")}
    assert changes[0].sentence.startswith(f"change: product other: {said.split(';')[0]}")
    assert {type(change.new) for change in changes if not change.again} == {ProductSpec}


@pytest.mark.parametrize(
    ("new", "said"),
    [
        (renamed(renamed_from="oat"), "the database has no product 'oat'; did you mean 'out'?"),
        (renamed(renamed_from="raw"), "the mission file has the product 'raw' as well"),
        (
            replace(
                with_product("out", renamed_from="raw"), products={"out": replace(product("out"), renamed_from="raw")}
            ),
            "the database has a product 'out' already, and 'raw' as well",
        ),
        (
            replace(
                OLD,
                products={
                    name: replace(product(name), renamed_from={"raw": "out", "out": "raw"}[name])
                    for name in OLD.products
                },
            ),
            "cannot be exchanged at once; give one of them a name that is free",
        ),
        (with_product("raw", renamed_from="gone"), None),
        (with_product("raw", renamed_from="out"), None),
        (with_process(name="clean", renamed_from="wash"), None),
    ],
)
def test_what_renamed_from_says_and_cannot_be_is_refused(new: Definition, said: str | None) -> None:
    if said is None:
        difference(OLD, new)
        return
    with pytest.raises(DefinitionError) as caught:
        difference(OLD, new)
    assert any(said in problem for problem in caught.value.problems), caught.value.problems


def test_so_is_one_that_takes_the_names_of_one_that_was_retired_before() -> None:
    old = replace(OLD, products={**OLD.products, "gone": replace(product("gone"), active=False)})
    new = with_product("raw", format="gone_{Y}{m}{d}_v{VERSION}")
    with pytest.raises(DefinitionError, match="these are the names of 2 files of the product 'gone'"):
        difference(old, new, Holdings(definition=old, files={"gone": 2}))


def test_a_product_with_other_filenames_or_whose_old_one_has_no_files_may_have_another_name() -> None:
    assert difference(OLD, renamed(), Holdings(definition=OLD))
    assert difference(OLD, renamed(format="other_{Y}{m}{d}_v{VERSION}"), Holdings(definition=OLD, files={"out": 3}))


def test_the_code_that_was_in_use_last_comes_back_although_a_higher_version_was_there() -> None:
    gone = with_process(codes=())
    versions = [
        replace(CODE, version=Version(n, 0, 0), running=Version(n, 0, 0), code_id=at)
        for at, n in ((1, 1), (2, 2), (3, 1))
    ]
    held = Holdings(definition=gone, uses={"clean": 3}, retired={"clean": tuple(versions)})
    back = [change for change in difference(gone, with_code(), held) if change.kind is Kind.RESTORE]
    assert [(change.old.code_id if isinstance(change.old, CodeSpec) else None) for change in back] == [3]
    held = Holdings(definition=gone, uses={"clean": 2}, retired={"clean": tuple(versions[:2])})
    with pytest.raises(DefinitionError, match="or say that it is a rollback: --rollback"):
        difference(gone, with_code(), held)


def test_another_way_to_be_given_its_inputs_needs_a_raised_version() -> None:
    with pytest.raises(DefinitionError, match="that changes what the code makes, so raise its version"):
        difference(OLD, with_code(inputs_by="file"))
    (change,) = difference(OLD, with_code(inputs_by="file", version=Version(1, 1, 0)))
    assert change.kind is Kind.RELEASE


@pytest.mark.parametrize("held", list(Keying))
def test_an_ini_file_applied_again_leaves_alone_what_keywords_do(held: Keying) -> None:
    old = with_process(keywords=held)
    again = replace(with_process(keywords=Keying.MERGED), partial=True)
    assert difference(old, again) == []


@pytest.mark.parametrize(
    "changed",
    [
        {"timebase": "FILE"},
        {"inputs": (InputSpec(product="raw"), InputSpec(product="more"))},
        {"output": "more"},
    ],
)
def test_keywords_are_merged_where_an_ini_file_changes_what_they_depend_on(changed: dict[str, object]) -> None:
    new = replace(with_process(keywords=Keying.MERGED, **changed), partial=True)
    (change,) = difference(OLD, new)
    assert 'keywords "each" → "merged"' in change.details


def test_keywords_are_merged_where_an_ini_file_changes_a_format() -> None:
    new = with_product("out", format="out_{station}_{Y}{m}{d}_v{VERSION}")
    new = replace(new, processes=with_process(keywords=Keying.MERGED).processes, partial=True)
    changes = difference(OLD, new)
    assert 'keywords "each" → "merged"' in changes[-1].details


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (InputSpec(product="raw"), "raw"),
        (InputSpec(product="raw", yesterday=1), "raw (days before: 1, after: 0)"),
        (InputSpec(product="raw", before=dt.timedelta(minutes=90)), "raw (90 min before)"),
        (
            InputSpec(product="raw", before=dt.timedelta(hours=1), after=dt.timedelta(days=2)),
            "raw (1 h before, 2 days after)",
        ),
        (InputSpec(product="raw", valid=Validity.LATEST), "raw (the latest)"),
        (
            InputSpec(product="raw", valid=Validity.LATEST, max_age=dt.timedelta(days=30), optional=True),
            "raw (the latest, at most 30 days old, optional)",
        ),
        (InputSpec(product="raw", valid=Validity.COVERS), "raw (what covers the period)"),
    ],
)
def test_an_input_is_told_with_all_that_chooses_its_files(given: InputSpec, words: str) -> None:
    other = InputSpec(product="other")
    (change,) = difference(with_process(inputs=(other,)), with_process(inputs=(other, given)))
    assert f"input {words} added" in change.details
