"""Files and directories are made with the mission's umask and group, and never writable for everybody."""

from __future__ import annotations

import grp
import os
import stat
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from dbproc.cli import main
from tests.kit.mission import PROCESS_QUEUE, Mission, name_of, process, product

RAW = [name_of("raw", day) for day in (1, 2, 3)]
SOMEBODY = 12345

CODE = """#!/bin/sh
case "$2" in *20200102*) umask; exit 3;; esac
mkdir "${2%.txt}"
umask > "$2"
cp "$1" "${2%.txt}/member"
chmod 777 "$2"
"""
INSPECTOR = """
import os
from dbproc.products import Facts, Inspector

class Umask(Inspector):
    def inspect(self, path, name):
        umask = os.umask(0)
        os.umask(umask)
        return Facts(keywords={"umask": f"{umask:03o}"})
"""


@pytest.fixture(autouse=True)
def umask() -> Iterator[None]:
    """A run is started without any."""
    before = os.umask(0)
    yield
    os.umask(before)


def other_group() -> str:
    """A group that files can be given to, another than they get by themselves where there is one."""
    numbers = [group.gr_gid for group in grp.getgrall()] if os.geteuid() == 0 else os.getgroups()
    own = os.getegid()
    return grp.getgrgid(next((number for number in numbers if number != own), own)).gr_name


def define(mission: Mission, **keys: object) -> None:
    mission.code("to_clean.sh", CODE)
    mission.inspector("umask.py", INSPECTOR)
    mission.create(
        product("raw", 0, inspector="umask.py", directory="data/raw/{Y}"),
        product("clean", 1, directory="data/clean/{Y}"),
        process("to_clean", "clean", ["raw"]),
        **keys,
    )


def deliver(mission: Mission, *names: str, mode: int = 0o666) -> None:
    mission.deliver(*names)
    for name in names:
        (mission.incoming / name).chmod(mode)


def access(path: Path) -> tuple[str, str]:
    status = path.lstat()
    return f"{stat.S_IMODE(status.st_mode):04o}", grp.getgrgid(status.st_gid).gr_name


def kinds(paths: Iterable[Path]) -> dict[str, set[tuple[str, str]]]:
    """The accesses of directories and of files."""
    found: dict[str, set[tuple[str, str]]] = {"directories": set(), "files": set()}
    for path in paths:
        found["directories" if path.is_dir() else "files"].add(access(path))
    return found


def all_made(mission: Mission) -> list[Path]:
    """Everything that dbproc made or placed, and the directories that it made for it."""
    tops = [mission.root / name for name in ("data", "quarantine", ".dbproc")]
    return [path for top in tops for path in (top, *top.rglob("*"))]


def ask(mission: Mission, *words: str) -> int:
    """A command, in this process, which keeps its umask."""
    status = main([*words, "-m", mission.database])
    assert os.umask(0) == 0
    return status


@pytest.mark.in_processes
def test_everything_has_the_missions_umask_and_group(sqlite_mission: Mission) -> None:
    group = other_group()
    sqlite_mission.incoming.rmdir()
    define(sqlite_mission, umask="027", group=group)
    assert access(sqlite_mission.incoming) == ("2750", group)
    os.chown(sqlite_mission.root / ".dbproc", -1, os.getegid())
    (sqlite_mission.root / ".dbproc").chmod(0o777)  # as a mission had it that got its umask and group later
    (sqlite_mission.root / ".dbproc" / "logs").mkdir()
    deliver(sqlite_mission, RAW[0], RAW[1], "unknown")
    (sqlite_mission.incoming / RAW[0][:-4]).mkdir()
    deliver(sqlite_mission, f"{RAW[0][:-4]}/member")
    sqlite_mission.run(status=1)
    assert sqlite_mission.content(name_of("clean", 1)) == "0027\n"
    assert sqlite_mission.files()[RAW[0]].keywords == "umask=027"
    (log,) = (sqlite_mission.root / ".dbproc" / "jobs").iterdir()
    assert log.read_text().endswith("0027\n")
    found = kinds(all_made(sqlite_mission))
    assert found == {"directories": {("2750", group)}, "files": {("0640", group), ("0750", group)}}
    assert access(sqlite_mission.files()[name_of("clean", 1)].path) == ("0750", group)


def test_without_a_wish_nothing_is_for_everybody_to_write(sqlite_mission: Mission) -> None:
    define(sqlite_mission)
    deliver(sqlite_mission, RAW[0], RAW[1], "unknown")
    sqlite_mission.run(status=1)
    own = grp.getgrgid(sqlite_mission.root.stat().st_gid).gr_name
    found = kinds(all_made(sqlite_mission))
    assert found == {"directories": {("0755", own)}, "files": {("0644", own), ("0755", own)}}


@pytest.mark.in_processes
def test_commands_that_move_files_give_them_the_same(sqlite_mission: Mission) -> None:
    group = other_group()
    define(sqlite_mission, umask="007", group=group)
    deliver(sqlite_mission, RAW[0], "unknown")
    sqlite_mission.run(status=1)
    home = sqlite_mission.root / "data" / "raw" / "2020"
    (home / "stranger").write_text("unknown")
    (home / "stranger").chmod(0o666)
    ask(sqlite_mission, "check", "--repair")
    (stranger,) = sqlite_mission.quarantine.glob("stranger*")
    assert access(stranger) == ("0660", group)
    for path in sqlite_mission.quarantine.iterdir():
        path.chmod(0o666)
    numbers = dict(sqlite_mission.rows("SELECT filename, quarantine_id FROM quarantine"))
    ask(sqlite_mission, "quarantine", "release", str(numbers["unknown"]))
    assert access(sqlite_mission.incoming / "unknown") == ("0660", group)


def test_what_a_canary_makes_and_a_release_keeps_has_it_too(sqlite_mission: Mission) -> None:
    group = other_group()
    define(sqlite_mission, umask="027", group=group)
    deliver(sqlite_mission, RAW[0], "unknown")
    sqlite_mission.run(status=1)
    sqlite_mission.code("new.sh", CODE + "# new\n")
    words = ("--version", "2.0.0", "--file", "new.sh", "--dates", "2020-01-01")
    assert ask(sqlite_mission, "canary", "to_clean", *words) == 0
    assert ask(sqlite_mission, "canary", "promote", "1") == 0
    assert name_of("clean", 1, "1.1.0") in sqlite_mission.files()
    found = kinds(all_made(sqlite_mission))
    assert found["directories"] == {("2750", group)}
    assert found["files"] <= {("0640", group), ("0750", group)}


def test_a_group_that_does_not_exist_is_named_and_nothing_is_moved(
    sqlite_mission: Mission, capsys: pytest.CaptureFixture[str]
) -> None:
    define(sqlite_mission)
    deliver(sqlite_mission, "unknown")
    sqlite_mission.run(status=1)
    stranger = sqlite_mission.root / "data" / "raw" / "stranger"
    stranger.parent.mkdir(parents=True)
    stranger.write_text("x")
    deliver(sqlite_mission, RAW[0])
    sqlite_mission.execute("UPDATE mission SET file_group = 'no-such-group'")
    before = set(sqlite_mission.tree())
    for command in (["run"], ["quarantine", "release", "1"], ["check", "--repair"]):
        assert ask(sqlite_mission, *command) == 2
        assert "dbproc: the mission's group 'no-such-group' does not exist" in capsys.readouterr().err
    assert set(sqlite_mission.tree()) == before
    assert sqlite_mission.rows("SELECT * FROM logging WHERE currently_processing") == []
    stranger.unlink()


def test_a_file_of_somebody_else_that_everybody_may_change_is_copied(sqlite_mission: Mission) -> None:
    """Root has a stranger for it; anybody else tries it with a file of his own, to the same end."""
    define(sqlite_mission)
    deliver(sqlite_mission, RAW[0])
    before = (sqlite_mission.incoming / RAW[0]).stat()
    if os.geteuid() == 0:
        os.chown(sqlite_mission.incoming / RAW[0], SOMEBODY, -1)
    run = [*without_privileges(), sys.executable, PROCESS_QUEUE, "-m", sqlite_mission.database]
    done = subprocess.run(run, env=sqlite_mission.environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    home = sqlite_mission.files()[RAW[0]].path
    assert (access(home)[0], home.stat().st_uid) == ("0644", os.geteuid())
    assert home.stat().st_mtime_ns == before.st_mtime_ns
    assert sqlite_mission.waiting() == []


def without_privileges() -> list[str]:
    """How root runs a program that the permissions of files hold for."""
    return ["unshare", "--user", "--map-user=65534"] if os.geteuid() == 0 else []
