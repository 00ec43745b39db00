"""Directories that jobs have left are removed, whatever has become of them; what cannot be is named once."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from dbproc.storage.removal import remove_tree
from dbproc.storage.workspace import Workspace
from tests.kit.mission import REPOSITORY

LEAVE = {
    "read-only": "mkdir -p a/b; echo 1 > a/b/file; chmod 444 a/b/file; chmod 555 a/b a .",
    "closed": "mkdir -p a/b; echo 1 > a/b/file; chmod 000 a/b/file a/b a",
    "not to be listed": "mkdir -p a/b; echo 1 > a/b/file; chmod 300 a/b; chmod 100 a",
    "a link out of it": "mkdir a; ln -s / a/root; ln -s nowhere b; chmod 500 a",
    "a fifo": "mkfifo fifo; chmod 0 fifo",
}


@pytest.mark.parametrize("how", LEAVE)
def test_what_is_ours_is_removed_without_the_right_to_write(tmp_path: Path, how: str) -> None:
    place = tmp_path / "job"
    place.mkdir()
    subprocess.run(["sh", "-c", LEAVE[how]], cwd=place, check=True)
    assert obedient(f"from dbproc.storage.removal import remove_tree; print(remove_tree({str(place)!r}))") == "None"
    assert not place.exists()


@pytest.mark.parametrize("depth", [1_500])
def test_a_tree_that_is_deeper_than_anything_can_go_is_removed(tmp_path: Path, depth: int) -> None:
    place = tmp_path / "job"
    place.mkdir()
    dig = f"import os\nfor n in range({depth}): os.mkdir('d'); open('f', 'w').close(); os.chdir('d')"
    subprocess.run([sys.executable, "-c", dig], cwd=place, check=True)
    assert remove_tree(str(place)) is None
    assert not place.exists()


def test_what_is_not_there_or_a_file_or_a_link_is_removed(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    assert [remove_tree(str(tmp_path / name)) for name in ("none", "file", "link")] == [None] * 3
    assert sorted(os.listdir(tmp_path)) == ["elsewhere"]


def test_what_cannot_be_removed_is_named_once_and_is_left_over_no_more(tmp_path: Path) -> None:
    """In a directory that belongs to nobody we are: the rights of a place above it are not ours to change."""
    said = obedient(
        f"""
import os
from dbproc.storage import removal
from dbproc.storage.workspace import Workspace
workspace = Workspace({str(tmp_path)!r})
workspace.prepare()
for name in ("1-1", "1-2"):
    os.makedirs(os.path.join(workspace.work, name, "a"))
    open(os.path.join(workspace.work, name, "a", "file"), "w").close()
chmod = os.chmod
os.chmod(os.path.join(workspace.work, "1-1", "a"), 0o555)
os.chmod = lambda *_: (_ for _ in ()).throw(PermissionError(1, "Operation not permitted"))  # as for another's
for _ in range(2):
    print(len(workspace.leftovers()), workspace.sweep())
print(workspace.leftovers(), workspace.given_up())
os.chmod = chmod
"""
    ).splitlines()
    stays = f"{tmp_path}/.dbproc/work/1-1"
    reason = f"{stays}/a/file: Permission denied"
    text = f"{stays} cannot be removed ({reason}); it stays, and is not named again; to see what is left: dbproc check"
    assert said == [f"2 {[text]!r}", "0 []", f"[] {[stays]!r}"]
    assert not (tmp_path / ".dbproc/work/1-2").exists()
    assert stat.S_IMODE(os.stat(f"{stays}/a").st_mode) == 0o555
    os.chmod(f"{stays}/a", 0o755)
    assert remove_tree(stays) is None
    assert Workspace(str(tmp_path)).given_up() == []


def test_nothing_but_what_jobs_leave_is_removed_whatever_is_listed(tmp_path: Path) -> None:
    workspace = Workspace(str(tmp_path))
    workspace.prepare()
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "raw").touch()
    for name in ("work/1-1", "work/1-2"):
        (tmp_path / ".dbproc" / name).mkdir()
    listed = tmp_path / ".dbproc" / "unremovable"
    listed.write_text(f"../data\n{tmp_path}/data\nwork\nwork/../../data\nwork/1-1\n")
    workspace.try_again()
    assert (tmp_path / "data" / "raw").exists()
    assert os.listdir(workspace.work) == ["1-2"]
    assert not listed.exists()


def obedient(script: str) -> str:
    """What a script prints that has no rights beyond those that modes give."""
    command = [sys.executable, "-m", "tests.crash.restricted", "--obedient", "--", "-c", script]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
