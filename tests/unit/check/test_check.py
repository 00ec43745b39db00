"""The parts of `dbproc check` that decide by themselves."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from dbproc.check.definition import directory_faults
from dbproc.check.digests import digest_faults
from dbproc.check.faults import Kind
from dbproc.check.files import Files
from dbproc.check.leftovers import live_run, lock_faults
from dbproc.check.tree import Ground, Tree
from dbproc.core.graph import circles
from dbproc.core.model import CodeEditPolicy, Definition, Mission
from dbproc.database.audit import FileRow, ProductPlace
from dbproc.database.lock import Holder
from dbproc.storage.digest import digest_file
from dbproc.system.machine import this_process

NOBODY = 65534


def mission_in(root: Path) -> Mission:
    return Mission(
        mission_id=1,
        name="test",
        root=str(root),
        incoming=str(root / "incoming"),
        quarantine=str(root / "quarantine"),
        code_directory=str(root / "codes"),
        inspector_directory=str(root / "codes"),
        settle_seconds=0,
        on_code_edit=CodeEditPolicy.BUMP,
        digest="sha256",
        retry_seconds=0,
        retry_limit=0,
    )


def definition_in(root: Path) -> Definition:
    return Definition(mission=mission_in(root), products={}, processes={}, codes={})


def ground_of(root: Path, *directories: str, in_use: tuple[str, ...] = ()) -> Ground:
    places = [ProductPlace(f"p{number}", text, "p_{Y}{m}{d}.txt") for number, text in enumerate(directories)]
    return Ground(mission_in(root), places, in_use, str(root / "mission.sqlite"))


def own_directories(ground: Ground, root: Path) -> set[str]:
    return {os.path.relpath(path, root) for path in ground.read(Tree())}


# --- kinds ---


@pytest.mark.parametrize("kind", Kind)
def test_each_kind_is_explained_by_one_sentence(kind: Kind) -> None:
    assert kind.sentence[0].isupper()
    assert kind.sentence.endswith(".")
    assert kind == kind.value == str(kind)


def test_no_two_kinds_have_one_explanation() -> None:
    assert len({kind.sentence for kind in Kind}) == len(Kind)


# --- circles ---


@pytest.mark.parametrize(
    ("edges", "found"),
    [
        ([], []),
        ([(1, 2), (2, 3), (1, 3)], []),
        ([(1, 1)], [{1}]),
        ([(1, 2), (2, 3), (3, 1), (3, 4)], [{1, 2, 3}]),
        ([(1, 2), (2, 1), (3, 4), (4, 5), (5, 3)], [{1, 2}, {3, 4, 5}]),
    ],
)
def test_circles_are_found_each_once(edges: list[tuple[int, int]], found: list[set[int]]) -> None:
    circled = list(circles(edges))
    assert sorted(map(sorted, map(set, circled))) == sorted(map(sorted, found))
    assert all(circle[0] == circle[-1] for circle in circled)


# --- which directories are products' own ---


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for path in ("data/raw/2020/01", "data/raw/notes", "data/old", "incoming", "codes", "2020/01", "2020/x", "other"):
        (tmp_path / path).mkdir(parents=True)
    return tmp_path


def test_all_below_the_fixed_part_of_a_directory_is_the_products(root: Path) -> None:
    found = own_directories(ground_of(root, "data/raw/{Y}"), root)
    assert found == {"data/raw", "data/raw/2020", "data/raw/2020/01", "data/raw/notes"}


def test_a_directory_in_use_is_the_products_without_what_is_below(root: Path) -> None:
    assert own_directories(ground_of(root, "data/old", in_use=("data",)), root) == {"data", "data/old"}


def test_a_pattern_in_the_root_has_only_the_directories_that_fit(root: Path) -> None:
    assert own_directories(ground_of(root, "{Y}/{m}"), root) == {"2020", "2020/01"}


def test_the_root_itself_is_a_products_directory_for_names_of_its_format_alone(root: Path) -> None:
    ground = ground_of(root, ".")
    assert own_directories(ground, root) == {"."}
    assert ground.counts(str(root), "p_20200101.txt")
    assert not ground.counts(str(root), "mission.toml")


def test_incoming_and_codes_are_not_products_directories(root: Path) -> None:
    mission = replace(mission_in(root), incoming=str(root / "data" / "raw" / "notes"))
    ground = Ground(mission, [ProductPlace("p", "data/{Y}", "p_{Y}.txt")], (), "")
    assert "data/raw/notes" not in own_directories(ground, root)
    assert ground.holds_ours(str(root / "data" / "raw"))


def test_a_directory_that_is_not_there_and_one_outside_are_passed_over(root: Path) -> None:
    assert own_directories(ground_of(root, "nowhere/{Y}", "../out", in_use=("gone", "/etc")), root) == set()


def test_the_database_is_no_file_of_products(root: Path) -> None:
    ground = ground_of(root, "data")
    assert ground.counts(str(root / "data"), "mission.sqlite")
    assert not ground_of(root, ".", in_use=(".",)).counts(str(root), "mission.sqlite-wal")


# --- what may not be read or written ---


@pytest.fixture
def forbidden() -> Iterator[Path]:
    """A directory with ``incoming`` and ``secret``; the test is somebody without any rights there."""
    made = Path(tempfile.mkdtemp())
    (made / "incoming").mkdir()
    (made / "secret").mkdir()
    (made / "file").write_text("x")
    for path, mode in ((made / "file", 0), (made / "secret", 0), (made / "incoming", 0o555), (made, 0o555)):
        path.chmod(mode)
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(NOBODY)
    try:
        yield made
    finally:
        if is_root:
            os.seteuid(0)
        for path in (made, made / "secret"):
            path.chmod(0o700)
        shutil.rmtree(made)


def test_directories_that_cannot_be_written_to_are_named(forbidden: Path) -> None:
    found = {(fault.kind, fault.place) for fault in directory_faults(definition_in(forbidden), has_quarantined=False)}
    assert found == {(Kind.DIRECTORY_READ_ONLY, str(path)) for path in (forbidden, forbidden / "incoming")}


def test_a_quarantine_directory_is_missed_only_when_something_should_be_in_it(forbidden: Path) -> None:
    found = {(fault.kind, fault.place) for fault in directory_faults(definition_in(forbidden), has_quarantined=True)}
    assert (Kind.DIRECTORY_MISSING, str(forbidden / "quarantine")) in found


def test_what_cannot_be_read_is_named_and_its_files_are_not_called_missing(forbidden: Path) -> None:
    ground, tree = ground_of(forbidden, in_use=("secret", ".")), Tree()
    files = Files(ground, tree, ())
    digest = f"sha256:{'0' * 64}"
    files.enter([FileRow(1, "a.txt", "secret", 1, digest, True), FileRow(2, "file", ".", 1, digest, True)], [])
    found = [*files.faults(ground.read(tree)), *digest_faults(files)]
    assert {(fault.kind, fault.place) for fault in found} == {
        (Kind.UNREADABLE, str(forbidden / "secret")),
        (Kind.UNREADABLE, str(forbidden / "file")),
    }


def test_digests_are_read_with_the_algorithm_that_each_names(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a")
    files = Files(ground_of(tmp_path, in_use=(".",)), Tree(), ())
    files.enter([FileRow(1, "a.txt", ".", 1, digest_file(tmp_path / "a.txt", "sha256"), True)], [])
    seen: list[tuple[int, int]] = []
    assert list(files.faults([str(tmp_path)])) == []
    assert list(digest_faults(files, lambda done, total: seen.append((done, total)))) == []
    assert seen == [(1, 1)]


# --- the lock ---

BEFORE = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
MINE = Holder(1, this_process(), BEFORE, "/nowhere", None)
DEAD = replace(MINE, run_id=3, process=replace(this_process(), start_time="1"))
ELSEWHERE = replace(MINE, run_id=4, process=replace(this_process(), hostname="elsewhere", boot_id="another"))


@pytest.mark.parametrize(
    ("before", "during", "after", "is_live"),
    [
        (None, None, None, False),
        (MINE, 1, MINE, False),
        (DEAD, 3, DEAD, False),
        (ELSEWHERE, 4, ELSEWHERE, True),
        (None, 9, None, True),  # it began and ended while we looked
        (None, None, DEAD, True),
        (DEAD, 9, None, True),
        (DEAD, 3, None, True),
    ],
)
def test_a_run_is_taken_for_live_unless_it_is_known_to_be_dead(
    before: Holder | None, during: int | None, after: Holder | None, is_live: bool
) -> None:
    assert (live_run(before, during, after) is not None) == is_live


@pytest.mark.parametrize(
    ("holder", "kinds"),
    [(None, []), (MINE, []), (DEAD, [Kind.STALE_LOCK]), (ELSEWHERE, [Kind.FOREIGN_LOCK])],
)
def test_a_lock_is_a_fault_when_its_holder_is_dead_or_out_of_sight(holder: Holder | None, kinds: list[Kind]) -> None:
    assert [fault.kind for fault in lock_faults("mission.sqlite", holder)] == kinds
