"""Moving files with their companion directories: never over anything, on one filesystem and across two."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest

from dbproc import placement
from dbproc.errors import PlacementError
from dbproc.model import Inspector, Mission, Product
from tests.unit.facts import MISSION

OTHER_FILESYSTEM = Path("/dev/shm")
PRODUCT = Product(
    product_id=1,
    name="raw",
    level=0,
    directory="",
    format="raw_{Y}",
    instrument="i",
    satellite="s",
    mission="m",
    inspector=Inspector(inspector_id=1, name="filename"),
)


@pytest.fixture(params=["on one filesystem", "across filesystems"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A directory to move to; where the machine has no second filesystem both are on one."""
    if request.param == "on one filesystem" or not os.access(OTHER_FILESYSTEM, os.W_OK):
        yield tmp_path / "target"
        return
    made = Path(tempfile.mkdtemp(prefix="dbproc-test-", dir=OTHER_FILESYSTEM))
    yield made / "target"
    shutil.rmtree(made)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source"
    path.mkdir()
    return path


def cube(directory: Path, content: str = "one") -> Path:
    """A file with its companion directory."""
    file = directory / "x_v1.0.0.idx"
    file.write_text(content)
    (directory / "x_v1.0.0" / "deep").mkdir(parents=True)
    (directory / "x_v1.0.0" / "deep" / "0.bin").write_text(content * 2)
    return file


def tree(directory: Path) -> dict[str, str]:
    return {
        str(path.relative_to(directory)): path.read_text() for path in sorted(directory.rglob("*")) if path.is_file()
    }


CUBE = {"x_v1.0.0.idx": "one", "x_v1.0.0/deep/0.bin": "oneone"}


def test_a_file_is_moved_to_a_directory_that_is_made_for_it(source: Path, target: Path) -> None:
    (source / "a").write_text("x")
    (source / "a").chmod(0o640)
    os.utime(source / "a", (1e9, 1e9))
    placement.move(str(source / "a"), str(target / "2020" / "b"))
    status = (target / "2020" / "b").stat()
    assert (status.st_mtime, stat.S_IMODE(status.st_mode)) == (1e9, 0o640)
    assert (tree(source), tree(target)) == ({}, {"2020/b": "x"})


def test_a_companion_directory_goes_along(source: Path, target: Path) -> None:
    placement.move(str(cube(source)), str(target / "x_v1.0.0.idx"))
    assert tree(target) == CUBE
    assert list(source.iterdir()) == []


def test_a_companion_directory_takes_the_name_of_its_file(source: Path, target: Path) -> None:
    placement.move(str(cube(source)), str(target / "y.idx"))
    assert tree(target) == {"y.idx": "one", "y/deep/0.bin": "oneone"}


@pytest.mark.parametrize("what", ["a directory", "a dangling link"])
@pytest.mark.parametrize("taken", ["x_v1.0.0.idx", "x_v1.0.0"])
def test_nothing_is_overwritten(taken: str, what: str, source: Path, target: Path) -> None:
    target.mkdir()
    if what == "a directory":
        (target / taken).mkdir()
    else:
        (target / taken).symlink_to("nowhere")
    with pytest.raises(PlacementError, match=f"{taken} exists already and is not overwritten"):
        placement.move(str(cube(source)), str(target / "x_v1.0.0.idx"))
    assert tree(source) == CUBE
    assert os.listdir(target) == [taken]


def test_a_file_that_is_there_keeps_its_bytes(source: Path, target: Path) -> None:
    target.mkdir()
    (source / "a").write_text("new")
    (target / "a").write_text("old")
    with pytest.raises(PlacementError, match="not overwritten"):
        placement.move(str(source / "a"), str(target / "a"))
    assert (tree(source), tree(target)) == ({"a": "new"}, {"a": "old"})


def test_what_the_system_refuses_is_told_and_the_source_stays(source: Path, target: Path) -> None:
    (source / "a").write_text("x")
    target.write_text("no directory")
    with pytest.raises(PlacementError, match=f"cannot move {source}/a to {target}/a"):
        placement.move(str(source / "a"), str(target / "a"))
    assert tree(source) == {"a": "x"}
    with pytest.raises(PlacementError, match="No such file"):
        placement.move(str(source / "gone"), str(source / "b"))


def test_what_a_copy_that_died_left_behind_is_replaced(source: Path, target: Path) -> None:
    (target / ".x_v1.0.0.dbproc-partial").mkdir(parents=True)
    (target / ".x_v1.0.0.dbproc-partial" / "half").write_text("half")
    (target / ".x_v1.0.0.idx.dbproc-partial").write_text("half")
    placement.move(str(cube(source)), str(target / "x_v1.0.0.idx"))
    assert CUBE.items() <= tree(target).items()
    assert not (target / "x_v1.0.0" / "half").exists()


def test_a_link_is_moved_as_a_link(source: Path, target: Path) -> None:
    (source / "a").symlink_to("nowhere")
    placement.move(str(source / "a"), str(target / "a"))
    assert os.readlink(target / "a") == "nowhere"
    assert not os.path.lexists(source / "a")


# --- undone ---


def test_a_move_is_undone_and_undoing_it_again_changes_nothing(source: Path, target: Path) -> None:
    file = cube(source)
    placement.move(str(file), str(target / "x_v1.0.0.idx"))
    for _ in range(2):
        placement.move_back(str(file), str(target / "x_v1.0.0.idx"))
        assert (tree(source), tree(target)) == (CUBE, {})


def test_a_move_that_took_only_the_companion_directory_is_undone(source: Path, target: Path) -> None:
    file = cube(source)
    target.mkdir()
    shutil.move(source / "x_v1.0.0", target / "x_v1.0.0")
    placement.move_back(str(file), str(target / "x_v1.0.0.idx"))
    assert (tree(source), tree(target)) == (CUBE, {})


@pytest.mark.parametrize("left", [["x_v1.0.0.idx"], ["x_v1.0.0.idx", "x_v1.0.0"], ["x_v1.0.0"]])
def test_a_move_that_copied_and_did_not_remove_everything_is_undone(
    left: list[str], source: Path, target: Path
) -> None:
    file = cube(source)
    shutil.copytree(source, target)
    if "x_v1.0.0.idx" not in left:
        file.unlink()
    if "x_v1.0.0" not in left:
        shutil.rmtree(source / "x_v1.0.0")
    placement.move_back(str(file), str(target / "x_v1.0.0.idx"))
    assert (tree(source), tree(target)) == (CUBE, {})


def test_a_move_that_was_only_announced_has_nothing_to_undo(source: Path, target: Path) -> None:
    file = cube(source)
    placement.move_back(str(file), str(target / "x_v1.0.0.idx"))
    assert tree(source) == CUBE
    assert not target.exists()


@pytest.mark.parametrize("companion", [True, False])
def test_undoing_overwrites_nothing(companion: bool, source: Path, target: Path) -> None:
    target.mkdir()
    file = cube(source)
    cube(target, "other")
    if not companion:
        shutil.rmtree(source / "x_v1.0.0")
    before = tree(source)
    with pytest.raises(PlacementError, match="is another file by now"):
        placement.move_back(str(file), str(target / "x_v1.0.0.idx"))
    assert tree(source) == before
    assert tree(target) == {"x_v1.0.0.idx": "other", "x_v1.0.0/deep/0.bin": "otherother"}


def test_undoing_makes_the_directory_that_is_gone(source: Path, target: Path) -> None:
    file = cube(source)
    placement.move(str(file), str(target / "x_v1.0.0.idx"))
    source.rmdir()
    placement.move_back(str(file), str(target / "x_v1.0.0.idx"))
    assert tree(source) == CUBE


# --- companions, places ---


def test_the_companion_is_a_real_directory_of_the_same_stem(tmp_path: Path) -> None:
    file = cube(tmp_path)
    assert placement.companion_of(str(file)) == str(tmp_path / "x_v1.0.0")
    (tmp_path / "noext").mkdir()
    assert placement.companion_of(str(tmp_path / "noext")) is None
    (tmp_path / "y.idx").write_text("y")
    (tmp_path / "y").symlink_to("x_v1.0.0")
    assert placement.companion_of(str(tmp_path / "y.idx")) is None


def test_a_file_is_removed_with_its_companion_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "x_v1.0.0.txt").write_text("other")
    (tmp_path / "y").write_text("y")
    placement.remove(str(cube(tmp_path)))
    assert tree(tmp_path) == {"x_v1.0.0.txt": "other", "y": "y"}


@pytest.mark.parametrize("relative", ["../x", "a/../../x", "/etc/passwd", "../root2/x"])
def test_a_place_outside_of_the_root_is_refused(relative: str) -> None:
    with pytest.raises(PlacementError, match="leads outside of /mission/root"):
        placement.inside("/mission/root", relative)


def test_a_place_inside_of_the_root_is_made_plain() -> None:
    assert placement.inside("/mission/root/", "a/./b/../c") == "/mission/root/a/c"


def test_a_place_to_which_a_link_leads_out_of_the_root_is_refused(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    (root / "data").mkdir(parents=True)
    outside.mkdir()
    (root / "data" / "raw").symlink_to(outside)
    for relative in ("data/raw/x", "data/raw/2020/x"):
        with pytest.raises(PlacementError, match=f"a link on the way leads to {outside}"):
            placement.inside(str(root), relative)


def test_links_that_stay_inside_and_links_to_the_root_are_followed(tmp_path: Path) -> None:
    (tmp_path / "root" / "disk" / "raw").mkdir(parents=True)
    (tmp_path / "root" / "data").symlink_to("disk")
    (tmp_path / "mission").symlink_to("root")
    assert placement.inside(str(tmp_path / "mission"), "data/raw/x") == str(tmp_path / "mission" / "data" / "raw" / "x")


def test_a_place_of_a_path_that_no_index_holds_is_refused() -> None:
    with pytest.raises(PlacementError, match="more than 2000 bytes"):
        placement.inside("/mission", "/".join(["é" * 100] * 11))
    assert placement.inside("/mission", "/".join(["é" * 100] * 9))


# --- links, fifos, devices ---


def test_what_a_link_names_is_neither_copied_nor_removed_nor_put_back(
    source: Path, target: Path, tmp_path: Path
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "a").write_text("mine")
    file = cube(source)
    (source / "x_v1.0.0" / "to_directory").symlink_to(tmp_path / "mine")
    (source / "x_v1.0.0" / "to_file").symlink_to(tmp_path / "mine" / "a")
    placement.move(str(file), str(target / "x_v1.0.0.idx"))
    assert (target / "x_v1.0.0" / "to_directory").readlink() == tmp_path / "mine"
    assert (target / "x_v1.0.0" / "to_file").readlink() == tmp_path / "mine" / "a"
    placement.move_back(str(file), str(target / "x_v1.0.0.idx"))
    placement.remove(str(file))
    assert tree(tmp_path / "mine") == {"a": "mine"}


def test_links_and_fifos_are_not_opened_to_be_synced(source: Path) -> None:
    file = cube(source)
    (source / "x_v1.0.0" / "gone").symlink_to("nowhere")
    os.mkfifo(source / "x_v1.0.0" / "fifo")
    other_end = os.open(source / "x_v1.0.0" / "fifo", os.O_RDWR)  # else whoever opens it waits for ever
    placement.sync([str(file), str(source)])
    os.close(other_end)


def test_a_fifo_goes_along_on_one_filesystem_and_is_not_read_for_another(source: Path, target: Path) -> None:
    file = cube(source)
    os.mkfifo(source / "x_v1.0.0" / "fifo")
    other_end = os.open(source / "x_v1.0.0" / "fifo", os.O_RDWR)
    is_one = source.stat().st_dev == target.parent.stat().st_dev
    refused = pytest.raises(PlacementError, match="a fifo, socket or device cannot be copied")
    with nullcontext() if is_one else refused:
        placement.move(str(file), str(target / "x_v1.0.0.idx"))
    assert tree(target if is_one else source) == CUBE
    assert tree(source if is_one else target) == {}
    os.close(other_end)


# --- homes ---


def product_in(directory: str) -> Product:
    return replace(PRODUCT, directory=directory)


def mission_in(root: Path) -> Mission:
    places = {"incoming": "incoming", "quarantine": "away/quarantine", "code_directory": "codes"}
    named = {name: str(root / place) for name, place in places.items()}
    return replace(MISSION, root=str(root), inspector_directory=str(root / "codes" / "inspectors"), **named)


@pytest.mark.parametrize(
    "directory", ["incoming", "codes/x", "codes", "codes/inspectors", ".dbproc/work", "away/quarantine"]
)
def test_no_keyword_leads_a_product_into_another_directory_of_the_mission(directory: str, tmp_path: Path) -> None:
    with pytest.raises(PlacementError, match=f"'{directory}' leads into .*, which is not for products"):
        placement.home(mission_in(tmp_path), product_in("{a}/{b}"), directory, "x")
    assert placement.home(mission_in(tmp_path), product_in(directory), directory, "x") == f"{tmp_path}/{directory}/x"
    below = placement.home(mission_in(tmp_path), product_in(directory + "/a{b}"), directory + "/ab", "x")
    assert below == f"{tmp_path}/{directory}/ab/x"


def test_no_link_leads_a_product_into_another_directory_of_the_mission(tmp_path: Path) -> None:
    (tmp_path / "codes").mkdir()
    (tmp_path / "data").symlink_to("codes")
    with pytest.raises(PlacementError, match="not for products"):
        placement.home(mission_in(tmp_path), product_in("{a}"), "data", "x")


def test_the_root_and_what_is_beside_are_for_products(tmp_path: Path) -> None:
    for pattern, directory in (("{a}", "a"), ("", ""), (".", "."), ("codes2/{a}", "codes2/a"), ("away/{a}", "away/a")):
        home = placement.home(mission_in(tmp_path), product_in(pattern), directory, "x")
        assert home == os.path.normpath(f"{tmp_path}/{directory}/x")
