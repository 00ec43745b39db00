"""Moving files with their members: never over anything, nothing but them, on one filesystem and across two."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dbproc.core.errors import ForeignFileError, PlacementError
from dbproc.core.model import Member, Move
from dbproc.core.states import Purpose
from dbproc.storage import moves, renaming
from dbproc.storage.digest import state_of
from dbproc.storage.fingerprint import measure, measure_recorded
from tests.kit.filesystems import other_filesystem
from tests.kit.syncs import watched_syncs

STRANGER = {"x_v1.0.0.txt": "a stranger", "y/x.idx": "another one"}


@pytest.fixture(params=["on one filesystem", "across filesystems"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A directory to move to; where the machine has no second filesystem both are on one."""
    if request.param == "on one filesystem":
        yield tmp_path / "target"
        return
    made = Path(tempfile.mkdtemp(prefix="dbproc-test-", dir=other_filesystem(tmp_path)))
    yield made / "target"
    shutil.rmtree(made)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source"
    path.mkdir()
    return path


def digest(text: str) -> str:
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def state(path: Path) -> str:
    return state_of(path.stat())


def cube(directory: Path, target: Path, content: str = "one", purpose: Purpose = Purpose.INCOMING) -> Move:
    """A file with two members of its companion directory, as it is to be moved."""
    file, deep = directory / "x_v1.0.0.idx", directory / "x_v1.0.0" / "deep" / "0.bin"
    deep.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content)
    deep.write_text(content * 2)
    (directory / "x_v1.0.0" / "1.bin").write_text(content * 3)
    members = tuple(
        Member(name, len(content) * times, digest(content * times), state(directory / "x_v1.0.0" / name))
        for name, times in (("deep/0.bin", 2), ("1.bin", 3))
    )
    return Move(purpose, str(file), str(target / "x_v1.0.0.idx"), digest(content), members, state(file))


def plain(source: Path, target: Path, content: str = "x") -> Move:
    source.write_text(content)
    return Move(Purpose.INCOMING, str(source), str(target), digest(content), (), state(source))


def write(directory: Path, files: dict[str, str]) -> None:
    for name, content in files.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(content)


def tree(directory: Path) -> dict[str, str]:
    return {
        str(path.relative_to(directory)): path.read_text() for path in sorted(directory.rglob("*")) if path.is_file()
    }


CUBE = {"x_v1.0.0.idx": "one", "x_v1.0.0/deep/0.bin": "oneone", "x_v1.0.0/1.bin": "oneoneone"}


# --- there ---


def test_a_file_is_moved_to_a_directory_that_is_made_for_it(source: Path, target: Path) -> None:
    (source / "a").write_text("x")
    (source / "a").chmod(0o640)
    os.utime(source / "a", (1e9, 1e9))
    moves.move(
        Move(Purpose.INCOMING, str(source / "a"), str(target / "2020" / "b"), digest("x"), (), state(source / "a"))
    )
    status = (target / "2020" / "b").stat()
    assert (status.st_mtime, stat.S_IMODE(status.st_mode)) == (1e9, 0o640)
    assert (tree(source), tree(target)) == ({}, {"2020/b": "x"})


def test_the_members_go_along_and_strangers_on_both_sides_stay(source: Path, target: Path) -> None:
    write(source, STRANGER)
    write(target, STRANGER)
    moves.move(cube(source, target))
    assert tree(target) == {**CUBE, **STRANGER}
    assert tree(source) == STRANGER


def test_the_members_take_the_name_of_their_file(source: Path, target: Path) -> None:
    moves.move(replace(cube(source, target), target=str(target / "y.idx")))
    assert tree(target) == {"y.idx": "one", "y/deep/0.bin": "oneone", "y/1.bin": "oneoneone"}


def test_a_directory_of_a_files_stem_is_somebody_elses(source: Path, target: Path) -> None:
    move = plain(source / "2024.txt", target / "2024.txt")
    write(source, {"2024/raw": "theirs"})
    write(target, {"2024/raw_1": "theirs", "2024/deep/raw_2": "theirs"})
    theirs = tree(target)
    moves.move(move)
    assert (tree(source), tree(target)) == ({"2024/raw": "theirs"}, {**theirs, "2024.txt": "x"})
    moves.move_back(move)
    assert (tree(source), tree(target)) == ({"2024.txt": "x", "2024/raw": "theirs"}, theirs)
    moves.remove(move.source)
    assert tree(source) == {"2024/raw": "theirs"}


@pytest.mark.parametrize("what", ["a directory", "a dangling link"])
@pytest.mark.parametrize("taken", ["x_v1.0.0.idx", "x_v1.0.0"])
def test_nothing_is_overwritten(taken: str, what: str, source: Path, target: Path) -> None:
    target.mkdir()
    if what == "a directory":
        (target / taken).mkdir()
    else:
        (target / taken).symlink_to("nowhere")
    with pytest.raises(PlacementError, match=f"{taken} exists already and is not overwritten"):
        moves.move(cube(source, target))
    assert tree(source) == CUBE
    assert os.listdir(target) == [taken]


def test_a_file_that_is_there_keeps_its_bytes(source: Path, target: Path) -> None:
    write(target, {"a": "old"})
    with pytest.raises(PlacementError, match="not overwritten"):
        moves.move(plain(source / "a", target / "a", "new"))
    assert (tree(source), tree(target)) == ({"a": "new"}, {"a": "old"})


def test_what_the_system_refuses_is_told_and_the_source_stays(source: Path, target: Path) -> None:
    target.write_text("no directory")
    with pytest.raises(PlacementError, match=f"cannot move {source}/a to {target}/a"):
        moves.move(plain(source / "a", target / "a"))
    assert tree(source) == {"a": "x"}
    with pytest.raises(PlacementError, match="No such file"):
        moves.move(Move(Purpose.INCOMING, str(source / "gone"), str(source / "b")))


def test_a_name_as_long_as_names_may_be_is_moved(source: Path, target: Path) -> None:
    name = "é" * 127 + "x"
    moves.move(plain(source / name, target / name))
    assert (tree(source), tree(target)) == ({}, {name: "x"})


def test_a_link_is_moved_as_a_link(source: Path, target: Path) -> None:
    (source / "a").symlink_to("nowhere")
    moves.move(Move(Purpose.QUARANTINE, str(source / "a"), str(target / "a")))
    assert os.readlink(target / "a") == "nowhere"
    assert not os.path.lexists(source / "a")


def test_a_directory_is_moved_with_all_that_is_below(source: Path, target: Path, tmp_path: Path) -> None:
    write(tmp_path, {"mine": "mine"})
    write(source, {"d/a": "a", "d/deep/b": "b"})
    (source / "d" / "link").symlink_to(tmp_path / "mine")
    move = Move(Purpose.QUARANTINE, str(source / "d"), str(target / "e"))
    moves.move(move)
    moves.sync([move])
    assert tree(target) == {"e/a": "a", "e/deep/b": "b", "e/link": "mine"}
    assert (target / "e" / "link").readlink() == tmp_path / "mine"
    moves.move_back(move)
    moves.remove(move.source)
    assert (tree(source), tree(tmp_path)["mine"]) == ({}, "mine")


# --- only what was looked at ---


@pytest.mark.parametrize("change", ["replaced", "written to", "a member written to", "a member more", "a member less"])
def test_what_was_changed_since_it_was_looked_at_stays_where_it_is(change: str, source: Path, target: Path) -> None:
    move = cube(source, target)
    file, companion = source / "x_v1.0.0.idx", source / "x_v1.0.0"
    if change == "replaced":
        (source / "new").write_text("two")
        os.utime(source / "new", ns=(file.stat().st_atime_ns, file.stat().st_mtime_ns))
        os.replace(source / "new", file)
    elif change == "a member less":
        (companion / "1.bin").unlink()
    else:
        changed = {"written to": file, "a member written to": companion / "1.bin"}.get(change, companion / "more")
        changed.write_text("two")
    before = tree(source)
    with pytest.raises(PlacementError, match=r"was changed while|cannot be taken any more"):
        moves.move(move)
    assert tree(source) == before
    assert not target.exists()


def test_what_the_sender_has_another_name_for_is_copied_so_that_he_cannot_write_on(source: Path, target: Path) -> None:
    (source / "his").write_text("x")
    (source / "a").hardlink_to(source / "his")
    move = Move(Purpose.INCOMING, str(source / "a"), str(target / "a"), digest("x"), (), state(source / "a"))
    moves.move(move)
    (source / "his").write_text("written on")
    assert (tree(source), tree(target)) == ({"his": "written on"}, {"a": "x"})


def test_what_codes_share_with_earlier_datasets_stays_shared(source: Path) -> None:
    move = cube(source, source.parent / "home", purpose=Purpose.OUTPUT)
    (source / "earlier").hardlink_to(source / "x_v1.0.0" / "1.bin")
    members = tuple(replace(member, state=state(source / "x_v1.0.0" / member.path)) for member in move.members)
    moves.move(replace(move, members=members))
    assert (source.parent / "home" / "x_v1.0.0" / "1.bin").samefile(source / "earlier")


def test_a_copy_of_other_bytes_than_were_announced_is_refused(source: Path, target: Path) -> None:
    (source / "a").write_text("y")
    (source / "b").hardlink_to(source / "a")
    with pytest.raises(PlacementError, match="its bytes changed while it was copied"):
        moves.move(Move(Purpose.INCOMING, str(source / "a"), str(target / "a"), digest("x"), (), state(source / "a")))
    assert (tree(source), tree(target)) == ({"a": "y", "b": "y"}, {})


def test_what_was_written_to_while_it_was_moved_is_told(source: Path, target: Path) -> None:
    move = cube(source, target)
    moves.move(move)
    now, members = moves.as_placed(move)
    assert (now, [member.state for member in members]) == (
        state(target / "x_v1.0.0.idx"),
        [state(target / "x_v1.0.0" / member.path) for member in move.members],
    )
    (target / "x_v1.0.0" / "1.bin").write_text("other")
    with pytest.raises(PlacementError, match=r"1\.bin was written to while it was moved"):
        moves.as_placed(move)


# --- what arrives in the moment of a move ---


@pytest.fixture
def at_copy(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """Have something done when the first file has been copied."""

    def arrange(act: Callable[[], object]) -> None:
        copy, acts = shutil.copyfile, [act]

        def copying(source: str, target: str, *, follow_symlinks: bool) -> None:
            copy(source, target, follow_symlinks=follow_symlinks)
            while acts:
                acts.pop()()

        monkeypatch.setattr(shutil, "copyfile", copying)

    return arrange


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Path]:
    """A directory on another filesystem, where the machine has one."""
    made = Path(tempfile.mkdtemp(prefix="dbproc-test-", dir=other_filesystem(tmp_path)))
    yield made
    shutil.rmtree(made)


def deliver(path: Path, text: str) -> None:
    path.with_name("upload").write_text(text)
    path.with_name("upload").replace(path)


@pytest.mark.parametrize("name", ["x_v1.0.0.idx", "x_v1.0.0/1.bin", "x_v1.0.0/deep/0.bin"])
def test_what_is_delivered_while_a_dataset_is_copied_stays_with_all_beside_it(
    name: str, source: Path, other: Path
) -> None:
    move = cube(source, other)
    for path in source.rglob("*"):
        if (
            path.is_file()
        ):  # of a file with a second name no time of the inode tells, and it is copied on any filesystem
            (source.parent / f"his {path.name}").hardlink_to(path)
    move = replace(
        move,
        state=state(source / "x_v1.0.0.idx"),
        members=tuple(replace(each, state=state(source / "x_v1.0.0" / each.path)) for each in move.members),
    )
    wanted = {"x_v1.0.0.idx": "one", "x_v1.0.0/1.bin": "oneoneone", "x_v1.0.0/deep/0.bin": "oneone"}
    after: list[Callable[[], object]] = [lambda: deliver(source / name, "newer")]
    moved = moves._require_bytes

    def checking(*given: Any) -> None:
        moved(*given)
        if given[1] == move.source:
            after.pop()()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(moves, "_require_bytes", checking)
        moves.move(move)
    assert (tree(other), tree(source)) == (wanted, {**wanted, name: "newer"})


def test_what_is_delivered_while_a_file_is_copied_is_not_removed(
    source: Path, other: Path, at_copy: Callable[[Callable[[], object]], None]
) -> None:
    move = plain(source / "a", other / "a")
    at_copy(lambda: deliver(source / "a", "newer"))
    moves.move(move)
    assert (tree(source), tree(other)) == ({"a": "newer"}, {"a": "x"})


def test_files_that_share_their_bytes_in_a_directory_are_all_removed_after_a_copy(source: Path, other: Path) -> None:
    write(source, {"d/a": "a"})
    (source / "d" / "b").hardlink_to(source / "d" / "a")
    moves.move(Move(Purpose.QUARANTINE, str(source / "d"), str(other / "d")))
    assert (tree(other), list(source.iterdir())) == ({"d/a": "a", "d/b": "a"}, [])


@pytest.fixture(params=["the system", "links"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the system's own call, and as it is done where that is missing."""
    if request.param == "links":
        monkeypatch.setattr(renaming, "_system_rename", lambda: lambda _source, _target: errno.ENOSYS)


@pytest.fixture
def at_rename(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """Have something done directly before the next renaming."""

    def arrange(act: Callable[[], object]) -> None:
        rename, acts = renaming.rename, [act]

        def arriving(source: str, target: str) -> None:
            while acts:
                acts.pop()()
            rename(source, target)

        monkeypatch.setattr(renaming, "rename", arriving)

    return arrange


@pytest.mark.parametrize("what", ["file", "directory", "link"])
@pytest.mark.usefixtures("way")
def test_a_renaming_replaces_nothing_and_is_seen(what: str, source: Path) -> None:
    write(source, {"a": "mine"} if what != "directory" else {"a/x": "mine"})
    if what == "link":
        (source / "a").unlink()
        (source / "a").symlink_to("nowhere")
    if what == "directory":
        (source / "b").mkdir()
    else:
        (source / "b").write_text("theirs")
    with pytest.raises(FileExistsError):
        renaming.rename(str(source / "a"), str(source / "b"))
    assert sorted(os.listdir(source)) == ["a", "b"]
    renaming.rename(str(source / "a"), str(source / "c"))
    assert sorted(os.listdir(source)) == ["b", "c"]
    with pytest.raises(FileNotFoundError):
        renaming.rename(str(source / "a"), str(source / "d"))


@pytest.mark.parametrize("digested", [True, False])
@pytest.mark.usefixtures("way")
def test_what_arrives_at_the_target_in_this_moment_stays(
    digested: bool, source: Path, target: Path, at_rename: Callable[[Callable[[], object]], None]
) -> None:
    move = plain(source / "a", target / "a")
    at_rename(lambda: (target / "a").write_text("theirs"))
    with pytest.raises(PlacementError, match=f"{target}/a exists already and is not overwritten"):
        moves.move(move if digested else replace(move, digest=""))
    assert (tree(source), tree(target)) == ({"a": "x"}, {"a": "theirs"})


@pytest.mark.usefixtures("way")
def test_what_takes_the_place_of_the_source_in_this_moment_is_not_taken_for_it(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "target"
    move, rename = plain(source / "x", target / "x"), renaming.rename

    def delivering(path: str, to: str) -> None:
        if path == move.source:
            deliver(source / "x", "their newer one")
        rename(path, to)

    with monkeypatch.context() as patch:
        patch.setattr(renaming, "rename", delivering)
        with pytest.raises(PlacementError, match="it was replaced in this moment"):
            moves.move(move)
    assert (tree(source), tree(target)) == ({"x": "their newer one"}, {})


def test_members_come_back_when_the_name_of_their_file_is_taken_in_this_moment(
    source: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    move, rename = cube(source, target), renaming.rename

    def arriving(old: str, new: str) -> None:
        if new == move.target:
            (target / "x_v1.0.0.idx").write_text("theirs")
        rename(old, new)

    monkeypatch.setattr(renaming, "rename", arriving)
    with pytest.raises(PlacementError, match="exists already and is not overwritten"):
        moves.move(move)
    assert (tree(source), tree(target)) == (CUBE, {"x_v1.0.0.idx": "theirs"})


@pytest.mark.usefixtures("way")
def test_what_arrives_at_the_source_as_a_move_is_undone_stays(
    source: Path, target: Path, at_rename: Callable[[Callable[[], object]], None]
) -> None:
    move = plain(source / "a", target / "a")
    moves.move(move)
    at_rename(lambda: (source / "a").write_text("theirs"))
    with pytest.raises(PlacementError, match=f"{source}/a is another file by now"):
        moves.move_back(move)
    assert (tree(source), tree(target)) == ({"a": "theirs"}, {"a": "x"})


def test_a_return_that_was_cut_off_before_its_directories_were_gone_leaves_their_name_free(
    source: Path, target: Path
) -> None:
    move = cube(source, target)
    moves.move(move)
    moves.move_back(move)
    (target / "x_v1.0.0" / "deep").mkdir(parents=True)  # as a power cut leaves them
    moves.move_back(move)
    assert not (target / "x_v1.0.0").exists()


def test_a_dataset_that_was_written_to_goes_back_whole(source: Path, target: Path) -> None:
    move = cube(source, target)
    moves.move(move)
    (target / "x_v1.0.0" / "1.bin").write_text("longer than it was")
    (target / "x_v1.0.0.idx").write_text("other")
    moves.move_back(move, as_it_is=True)
    assert tree(source) == {**CUBE, "x_v1.0.0.idx": "other", "x_v1.0.0/1.bin": "longer than it was"}
    assert tree(target) == {}


def test_a_companion_directory_that_is_a_link_is_not_followed(source: Path, target: Path, tmp_path: Path) -> None:
    move = cube(source, target)
    (source / "x_v1.0.0").rename(tmp_path / "his")
    (source / "x_v1.0.0").symlink_to(tmp_path / "his")
    assert moves.files_below(str(source / "x_v1.0.0")) == []
    with pytest.raises(PlacementError, match=r"x_v1\.0\.0 is not a directory but a link"):
        moves.move(move)
    with pytest.raises(PlacementError, match="is not a directory but a link"):
        measure(move.source, "sha256", companion=True)
    with pytest.raises(PlacementError, match="is not a directory but a link"):
        measure_recorded(move.source, "sha256", move.members)
    (source / "x_v1.0.0").unlink()
    (source / "x_v1.0.0").mkdir()
    shutil.copy(tmp_path / "his" / "1.bin", source / "x_v1.0.0")
    (source / "x_v1.0.0" / "deep").symlink_to(tmp_path / "his" / "deep")
    with pytest.raises(PlacementError, match="deep is not a directory but a link"):
        measure_recorded(move.source, "sha256", move.members)
    assert sorted(tree(tmp_path / "his")) == ["1.bin", "deep/0.bin"]


# --- undone ---


def test_a_move_is_undone_and_undoing_it_again_changes_nothing(source: Path, target: Path) -> None:
    write(target, STRANGER)
    move = cube(source, target)
    moves.move(move)
    for _ in range(2):
        moves.move_back(move)
        assert (tree(source), tree(target)) == (CUBE, STRANGER)


def test_a_move_that_took_only_the_members_is_undone(source: Path, target: Path) -> None:
    move = cube(source, target)
    target.mkdir()
    shutil.move(source / "x_v1.0.0", target / "x_v1.0.0")
    moves.move_back(move)
    assert (tree(source), tree(target)) == (CUBE, {})


@pytest.mark.parametrize("left", [["x_v1.0.0.idx"], ["x_v1.0.0.idx", "x_v1.0.0"], ["x_v1.0.0"], ["x_v1.0.0/1.bin"]])
def test_a_move_that_copied_and_did_not_remove_everything_is_undone(
    left: list[str], source: Path, target: Path
) -> None:
    move = cube(source, target)
    shutil.copytree(source, target)
    for name in CUBE:
        if not name.startswith(tuple(left)):
            (source / name).unlink()
    moves.move_back(move)
    assert (tree(source), tree(target)) == (CUBE, {})


def test_a_move_that_was_only_announced_has_nothing_to_undo(source: Path, target: Path) -> None:
    move = cube(source, target)
    moves.move_back(move)
    assert tree(source) == CUBE
    assert not target.exists()


def test_what_somebody_put_where_a_file_was_never_moved_stays(source: Path, target: Path) -> None:
    move = cube(source, target)
    theirs = {"x_v1.0.0.idx": "their", "x_v1.0.0/1.bin": "theirbyte", "x_v1.0.0/more": "theirs"}
    write(target, theirs)
    moves.move_back(move)
    assert (tree(source), tree(target)) == (CUBE, theirs)


def test_what_lies_in_the_companion_directory_by_now_and_is_not_listed_stays(source: Path, target: Path) -> None:
    move = cube(source, target)
    moves.move(move)
    write(target, {"x_v1.0.0/more": "theirs"})
    moves.move_back(move)
    assert (tree(source), tree(target)) == (CUBE, {"x_v1.0.0/more": "theirs"})


def test_a_file_of_other_bytes_at_the_target_is_not_taken_for_the_one_that_was_moved(
    source: Path, target: Path
) -> None:
    move = cube(source, target)
    moves.move(move)
    (target / "x_v1.0.0.idx").write_text("theirs")
    with pytest.raises(ForeignFileError, match="does not have the bytes that were moved there"):
        moves.move_back(move)
    assert tree(target)["x_v1.0.0.idx"] == "theirs"


def test_undoing_overwrites_nothing(source: Path, target: Path) -> None:
    move = cube(source, target)
    moves.move(move)
    (source / "x_v1.0.0.idx").write_text("new")
    with pytest.raises(PlacementError, match="is another file by now"):
        moves.move_back(move)
    assert (tree(source), tree(target)) == ({"x_v1.0.0.idx": "new"}, CUBE)


def test_undoing_makes_the_directory_that_is_gone(source: Path, target: Path) -> None:
    move = cube(source, target)
    moves.move(move)
    source.rmdir()
    moves.move_back(move)
    assert tree(source) == CUBE


def test_what_a_copy_that_died_left_behind_is_removed(source: Path, tmp_path: Path) -> None:
    target = Path(tempfile.mkdtemp(prefix="dbproc-test-", dir=other_filesystem(tmp_path)))
    move = cube(source, target)
    with pytest.raises(PlacementError):
        moves.move(replace(move, digest=digest("other")))
    for end in (move.target, move.source):  # a copy back may have died, too
        for path in (end, os.path.splitext(end)[0]):
            Path(moves._partial(path)).write_text("half")
    moves.move_back(move)
    assert (tree(source), tree(target)) == (CUBE, {})
    shutil.rmtree(target)


# --- removed, synced ---


def test_a_file_is_removed_with_its_members_and_nothing_else(source: Path) -> None:
    move = cube(source, source)
    write(source, {**STRANGER, "x_v1.0.0/deep/more": "theirs"})
    moves.remove(move.source, move.members)
    assert tree(source) == {**STRANGER, "x_v1.0.0/deep/more": "theirs"}


def test_what_a_crash_left_empty_of_a_companion_directory_goes_with_its_file(source: Path) -> None:
    (source / "x.idx").write_text("x")
    (source / "x" / "deep").mkdir(parents=True)
    moves.remove(str(source / "x.idx"), has_companion=True)
    assert list(source.iterdir()) == []


def test_links_and_fifos_are_not_opened_to_be_synced(source: Path) -> None:
    (source / "d").mkdir()
    (source / "d" / "gone").symlink_to("nowhere")
    os.mkfifo(source / "d" / "fifo")
    moves.sync(
        [Move(Purpose.QUARANTINE, "", str(source / "d")), Move(Purpose.QUARANTINE, "", str(source / "d" / "fifo"))]
    )


def test_a_fifo_is_moved_on_one_filesystem_and_is_not_read_for_another(source: Path, target: Path) -> None:
    os.mkfifo(source / "fifo")
    target.mkdir()
    move = Move(Purpose.QUARANTINE, str(source / "fifo"), str(target / "fifo"))
    if source.stat().st_dev == target.stat().st_dev:
        moves.move(move)
        assert stat.S_ISFIFO(os.lstat(target / "fifo").st_mode)
        return
    with pytest.raises(PlacementError, match="a fifo, socket or device cannot be copied"):
        moves.move(move)
    assert (os.listdir(source), os.listdir(target)) == (["fifo"], [])


# --- what outlives a power cut ---


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths that are synced, and the names that are given, in order."""
    seen, rename = watched_syncs(monkeypatch), renaming.rename

    def naming(source: str, target: str) -> None:
        rename(source, target)
        seen.append(f"name {target}")

    monkeypatch.setattr(renaming, "rename", naming)
    return seen


def test_a_copy_is_durable_before_it_has_its_name_and_its_name_before_the_source_goes(
    source: Path, other: Path, events: list[str]
) -> None:
    move = cube(source, other)
    moves.move(move)
    for name, files in (("x_v1.0.0.idx", [""]), ("x_v1.0.0", ["/deep/0.bin", "/1.bin"])):
        partial = moves._partial(str(other / name))
        copy = events[: events.index(f"name {other / name}")]
        assert {f"{partial}{file}" for file in files} <= set(copy)
        assert str(other) in events[len(copy) :]


def test_a_file_has_its_name_after_its_members_there_and_back(source: Path, target: Path, events: list[str]) -> None:
    move = cube(source, target)
    moves.move(move)
    moves.move_back(move)
    named = [event.removeprefix("name ") for event in events if event.startswith("name ")]
    assert named.index(str(target / "x_v1.0.0")) < named.index(move.target)
    assert named[-1] == move.source


def test_what_was_moved_is_synced_with_its_members_and_all_that_names_them(
    source: Path, target: Path, events: list[str]
) -> None:
    move = cube(source, target)
    moves.move(move)
    events.clear()
    moves.sync([move])
    named = [target / name for name in ("x_v1.0.0.idx", "x_v1.0.0/deep/0.bin", "x_v1.0.0/1.bin", "x_v1.0.0/deep")]
    assert sorted(events) == sorted(str(path) for path in (*named, target / "x_v1.0.0", target))


def test_what_is_put_where_it_belongs_is_synced(source: Path, target: Path, events: list[str]) -> None:
    (source / "x").write_text("x")
    moves.put(str(source / "x"), str(target / "x"))
    assert set(events[-2:]) == {str(target / "x"), str(target)}


def test_of_what_cannot_be_removed_whole_the_file_itself_is_left(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    move, unlink = cube(source, source), os.unlink

    def unlinking(path: str) -> None:
        if path.endswith("1.bin"):
            raise PermissionError(errno.EPERM, "it is held", path)
        unlink(path)

    with monkeypatch.context() as patch:
        patch.setattr(os, "unlink", unlinking)
        with pytest.raises(PermissionError):
            moves.remove(move.source, move.members)
    assert sorted(tree(source)) == ["x_v1.0.0.idx", "x_v1.0.0/1.bin"]
    moves.remove(move.source, move.members)
    assert tree(source) == {}
