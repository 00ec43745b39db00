"""The mission's umask and group, on real files and directories."""

from __future__ import annotations

import grp
import os
import shutil
import stat
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from dbproc.core.errors import PlacementError, StorageError, UserError
from dbproc.core.model import Move
from dbproc.core.states import Purpose
from dbproc.storage import lockfile, moves, permissions
from dbproc.storage.fingerprint import measure
from dbproc.storage.workspace import Workspace
from tests.kit.facts import MISSION

SOMEBODY = 12345


def other_group() -> str:
    """A group that files can be given to, another than they get by themselves where there is one."""
    numbers = [group.gr_gid for group in grp.getgrall()] if os.geteuid() == 0 else os.getgroups()
    own = os.getegid()
    return grp.getgrgid(next((number for number in numbers if number != own), own)).gr_name


def shown(path: Path) -> tuple[str, str]:
    """Mode and group."""
    status = path.lstat()
    return f"{stat.S_IMODE(status.st_mode):04o}", grp.getgrgid(status.st_gid).gr_name


def modes(directory: Path) -> dict[str, str]:
    return {str(path.relative_to(directory)): shown(path)[0] for path in sorted(directory.rglob("*"))}


def moving(source: str, target: str) -> Move:
    """The move of a file; of a dataset, with its members."""
    members = measure(source, "sha256", companion=True).members if source.endswith(".idx") else ()
    return Move(Purpose.INCOMING, source, target, members=members)


@pytest.fixture(autouse=True)
def umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.fixture
def secretive() -> Iterator[None]:
    with permissions.in_force(replace(MISSION, umask=0o027, group=None)):
        yield


@pytest.fixture
def shared() -> Iterator[str]:
    group = other_group()
    with permissions.in_force(replace(MISSION, umask=0o007, group=group)):
        yield group


def file(path: Path, mode: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x")
    path.chmod(mode)
    return path


def foreign(monkeypatch: pytest.MonkeyPatch, *paths: Path) -> None:
    """Make these somebody else's."""
    inodes = {path.stat().st_ino for path in paths}
    really = permissions._change

    def change(path: str, wanted: permissions.Access) -> None:
        if os.lstat(path).st_ino in inodes:
            raise PermissionError(1, "Operation not permitted", path)
        really(path, wanted)

    monkeypatch.setattr(permissions, "_change", change)


# --- the process ---


@pytest.mark.parametrize(("wanted", "expected"), [(0o022, 0o022), (0o027, 0o027), (0, 0o002), (0o070, 0o072)])
def test_the_umask_holds_while_it_is_in_force_and_nothing_is_for_everybody(wanted: int, expected: int) -> None:
    with permissions.in_force(replace(MISSION, umask=wanted, group=None)):
        assert os.umask(expected) == expected
    assert os.umask(0) == 0


def test_a_group_that_does_not_exist_is_named() -> None:
    with pytest.raises(UserError, match=r"group 'no-such-group' does not exist on .*: have it made"):
        permissions.in_force(replace(MISSION, group="no-such-group")).__enter__()
    assert os.umask(0) == 0


def test_a_group_that_one_is_not_in_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    group = other_group()
    monkeypatch.setattr("dbproc.storage.permissions.os.geteuid", lambda: SOMEBODY)
    monkeypatch.setattr("dbproc.storage.permissions.os.getegid", lambda: SOMEBODY)
    monkeypatch.setattr("dbproc.storage.permissions.os.getgroups", list)
    with pytest.raises(UserError, match=r"is not in the mission's group '\S+' and cannot give files to it"):
        permissions.in_force(replace(MISSION, group=group)).__enter__()


# --- files ---


@pytest.mark.parametrize(
    ("before", "after"),
    [(0o666, "0640"), (0o777, "0750"), (0o600, "0600"), (0o644, "0640"), (0o4755, "0750"), (0o2755, "0750")],
)
@pytest.mark.usefixtures("secretive")
def test_a_file_has_the_missions_umask_when_it_has_its_new_name(before: int, after: str, tmp_path: Path) -> None:
    moves.move(moving(str(file(tmp_path / "in" / "a", before)), str(tmp_path / "home" / "2020" / "a")))
    assert modes(tmp_path / "home") == {"2020": "0750", "2020/a": after}


def test_without_a_mission_nothing_becomes_writable_for_everybody(tmp_path: Path) -> None:
    moves.move(moving(str(file(tmp_path / "in" / "a", 0o666)), str(tmp_path / "home" / "a")))
    assert modes(tmp_path / "home") == {"a": "0664"}


@pytest.mark.usefixtures("secretive")
def test_a_companion_directory_with_all_that_is_in_it_has_the_missions_umask(tmp_path: Path) -> None:
    file(tmp_path / "in" / "x.idx", 0o666)
    file(tmp_path / "in" / "x" / "deep" / "0.bin", 0o666)
    (tmp_path / "in" / "x" / "deep").chmod(0o777)
    moves.move(moving(str(tmp_path / "in" / "x.idx"), str(tmp_path / "home" / "x.idx")))
    assert modes(tmp_path / "home") == {"x": "0750", "x.idx": "0640", "x/deep": "0750", "x/deep/0.bin": "0640"}


def test_all_that_is_made_and_placed_is_of_the_missions_group(tmp_path: Path, shared: str) -> None:
    file(tmp_path / "in" / "x.idx", 0o644)
    file(tmp_path / "in" / "x" / "0.bin", 0o666)
    moves.move(moving(str(tmp_path / "in" / "x.idx"), str(tmp_path / "home" / "2020" / "x.idx")))
    home = tmp_path / "home"
    assert {shown(path)[1] for path in (home, *home.rglob("*"))} == {shared}
    assert modes(home) == {"2020": "2770", "2020/x": "2770", "2020/x.idx": "0640", "2020/x/0.bin": "0660"}
    file(home / "2020" / "later", 0o600)
    assert shown(home / "2020" / "later")[1] == shared


def test_directories_that_are_there_stay_as_they_are(tmp_path: Path, shared: str) -> None:
    (tmp_path / "home").mkdir(mode=0o755)
    before = shown(tmp_path / "home")
    permissions.make_directories(str(tmp_path / "home" / "a" / "b"))
    permissions.make_directories(str(tmp_path / "home" / "a" / "b"))
    assert shown(tmp_path / "home") == before
    assert shown(tmp_path / "home" / "a") == shown(tmp_path / "home" / "a" / "b") == ("2770", shared)


@pytest.mark.usefixtures("secretive")
def test_a_link_is_moved_and_what_it_names_keeps_its_mode(tmp_path: Path) -> None:
    file(tmp_path / "mine", 0o666)
    (tmp_path / "link").symlink_to("mine")
    (tmp_path / "mine.d").mkdir()
    (tmp_path / "mine.d").chmod(0o777)
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "directory").symlink_to(tmp_path / "mine.d")
    assert permissions.settled(str(tmp_path / "link"))
    assert permissions.settled(str(tmp_path / "x"))
    assert (shown(tmp_path / "mine")[0], shown(tmp_path / "mine.d")[0]) == ("0666", "0777")


@pytest.mark.usefixtures("secretive")
def test_what_is_as_it_should_be_costs_one_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = str(file(tmp_path / "a", 0o640))
    looks: list[str] = []
    really = os.lstat

    def look(place: str) -> os.stat_result:
        looks.append(place)
        return really(place)

    monkeypatch.setattr("dbproc.storage.permissions.os.lstat", look)
    for name in ("open", "chmod", "chown", "stat"):
        monkeypatch.setattr(f"dbproc.storage.permissions.os.{name}", None)
    assert permissions.settled(path)
    assert looks == [path]


# --- files of others ---


@pytest.mark.usefixtures("secretive")
def test_a_file_that_cannot_be_changed_is_copied_and_becomes_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = file(tmp_path / "in" / "a", 0o666), tmp_path / "home" / "a"
    os.utime(source, (1e9, 1e9))
    inode = source.stat().st_ino
    foreign(monkeypatch, source)
    moves.move(moving(str(source), str(target)))
    assert target.stat().st_ino != inode
    assert (shown(target)[0], target.read_text(), target.stat().st_mtime) == ("0640", "x", 1e9)
    assert os.listdir(tmp_path / "in") == []
    assert os.listdir(tmp_path / "home") == ["a"]


@pytest.mark.usefixtures("secretive")
def test_a_copy_is_for_nobody_else_while_it_grows_and_never_runs_as_somebody_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is ours, and its content is a stranger's."""
    file(tmp_path / "in" / "x.idx", 0o6777)
    file(tmp_path / "in" / "x" / "a", 0o6777)
    (tmp_path / "in" / "x").chmod(0o777)
    for name in ("x.idx", "x/a"):
        os.link(tmp_path / "in" / name, tmp_path / f"other name of {Path(name).name}")
    during: list[dict[str, str]] = []
    really = shutil.copyfile

    def watched(source: str, target: str, *, follow_symlinks: bool) -> None:
        really(source, target, follow_symlinks=follow_symlinks)
        during.append(modes(tmp_path / "home"))

    monkeypatch.setattr("dbproc.storage.moves.shutil.copyfile", watched)
    moves.move(moving(str(tmp_path / "in" / "x.idx"), str(tmp_path / "home" / "x.idx")))
    whole = {"x": "0750", "x/a": "0750"}
    (directory, member), (copy,) = sorted(during[0].items()), set(during[1].items()) - set(whole.items())
    assert (directory[1], member[1], copy[1]) == ("0700", "0600", "0600")
    assert (member[0], directory[0][0], copy[0][0]) == (f"{directory[0]}/a", ".", ".")
    assert modes(tmp_path / "home") == {**whole, "x.idx": "0750"}


@pytest.mark.usefixtures("secretive")
def test_one_member_that_cannot_be_changed_has_the_companion_directory_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file(tmp_path / "in" / "x.idx", 0o666)
    members = [file(tmp_path / "in" / "x" / name, 0o666) for name in "ab"]
    foreign(monkeypatch, members[1])
    moves.move(moving(str(tmp_path / "in" / "x.idx"), str(tmp_path / "home" / "x.idx")))
    assert modes(tmp_path / "home") == {"x": "0750", "x.idx": "0640", "x/a": "0640", "x/b": "0640"}
    assert os.listdir(tmp_path / "in") == []


def test_a_file_of_another_stays_his_while_it_is_for_nobody_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = file(tmp_path / "in" / "a", 0o664)
    inode = source.stat().st_ino
    foreign(monkeypatch, source)
    with permissions.in_force(replace(MISSION, umask=0o022, group=None)):
        moves.move(moving(str(source), str(tmp_path / "home" / "a")))
    assert (tmp_path / "home" / "a").stat().st_ino == inode


@pytest.mark.usefixtures("secretive")
def test_another_name_of_a_file_keeps_its_mode(tmp_path: Path) -> None:
    source = file(tmp_path / "in" / "a", 0o666)
    os.link(source, tmp_path / "archived")
    moves.move(moving(str(source), str(tmp_path / "home" / "a")))
    assert (shown(tmp_path / "archived")[0], shown(tmp_path / "home" / "a")[0]) == ("0666", "0640")
    assert not source.exists()


@pytest.mark.usefixtures("secretive")
def test_a_move_that_died_before_or_after_the_mode_was_set_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = file(tmp_path / "in" / "a", 0o666), tmp_path / "home" / "a"
    assert permissions.settled(str(source))
    moves.move_back(moving(str(source), str(target)))
    assert shown(source)[0] == "0640"
    moves.move(moving(str(source), str(target)))
    moves.move_back(moving(str(source), str(target)))
    moves.move(moving(str(source), str(target)))
    assert modes(tmp_path / "home") == {"a": "0640"}


# --- what is no file any more ---


def test_what_has_become_a_link_is_not_placed(tmp_path: Path) -> None:
    file(tmp_path / "mine", 0o600)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a").symlink_to(tmp_path / "mine")
    with pytest.raises(PlacementError, match="not a regular file any more"):
        moves.place(moving(str(tmp_path / "in" / "a"), str(tmp_path / "home" / "a")))
    assert not (tmp_path / "home").exists()


def test_a_root_that_goes_away_while_it_is_used_is_not_made_anew(tmp_path: Path) -> None:
    """What makes files and directories in it fails, each for itself; outside of it they are made as ever."""
    root, source = tmp_path / "gone" / "root", file(tmp_path / "source", 0o644)
    mission = replace(MISSION, root=f"{root}/", group=None)
    with permissions.in_force(mission):
        for failing, error in [
            (lambda: Workspace(str(root)).prepare(), StorageError),
            (lambda: lockfile.take(str(root), partial(permissions.in_force, mission)), StorageError),
            (lambda: moves.move(moving(str(source), str(root / "data" / "raw" / "file"))), PlacementError),
            (lambda: permissions.make_directories(str(root)), FileNotFoundError),
        ]:
            with pytest.raises(error, match="No such file or directory"):
                failing()
        assert os.listdir(tmp_path) == ["source"]
        moves.move(moving(str(source), str(tmp_path / "outside" / "below" / "file")))
    assert os.listdir(tmp_path) == ["outside"]
