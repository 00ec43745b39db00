"""A root belongs to one database: another one is refused, and so is a root that is not there, until a person says."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dbproc.cli import main
from dbproc.cli.dbprocessing import commands
from dbproc.database import lock
from dbproc.database.store import database_url, open_store
from dbproc.storage import lockfile
from dbproc.storage.ownership import Owner
from dbproc.system.machine import Evidence, Judgement
from tests.kit.mission import REPOSITORY, Mission, chain, name_of, process, product
from tests.kit.postgres import PostgresServer

BLOCKS = [product("raw", 0), product("clean", 1), process("to_clean", "clean", ["raw"])]
Say = Callable[..., str]


@pytest.fixture
def say(capfd: pytest.CaptureFixture[str]) -> Say:
    """Do a command with this exit status; gives what it said."""

    def said(*arguments: object, status: int = 0) -> str:
        capfd.readouterr()
        ended = main([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        assert (ended, "Traceback" in err) == (status, False), out + err
        return out + err

    return said


@pytest.fixture
def copy_database(mission: Mission, tmp_path: Path, request: pytest.FixtureRequest) -> Callable[[], str]:
    """Copies the mission's database as it is; gives the name of the copy."""

    def copied() -> str:
        if mission.is_sqlite:
            return shutil.copy(mission.database, str(tmp_path / "trial.sqlite"))
        server: PostgresServer = request.getfixturevalue("postgres_server")
        name = server.create(template=str(database_url(mission.database).database))
        request.addfinalizer(lambda: server.drop(name))
        return server.url(name)

    return copied


DAYS = ("--startDate", "2020-01-01", "--endDate", "2020-01-03")


def mark_of(root: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((root / ".dbproc" / "owner.json").read_text())
    return found


def below(root: Path) -> dict[Path, tuple[int, bytes | None]]:
    """All that is there, but for what SQLite does to files that are only read."""
    paths = [path for path in root.rglob("*") if path.suffix not in (".sqlite-wal", ".sqlite-shm")]
    return {path: (path.lstat().st_mtime_ns, path.read_bytes() if path.is_file() else None) for path in paths}


def test_a_copied_database_is_kept_away_from_the_root_until_it_is_adopted(
    mission: Mission, copy_database: Callable[[], str], say: Say
) -> None:
    mission.create(*BLOCKS)
    mission.deliver(name_of("raw", 1))
    say("run", "-m", mission.database)
    trial = copy_database()
    mission.deliver(name_of("raw", 2))
    before, tables = below(mission.root), mission.tables()
    for words in (["run"], ["ingest"], ["process"], ["apply", mission.file], ["check", "--repair"]):
        refused = say(*words, "-m", trial, status=1 if words[0] == "check" else 78)
        assert f"the root {mission.root} belongs to the database " in refused
        assert "dbproc apply --adopt MISSION.toml -m " in refused
    say("canary", "to_clean", "--version", "2.0.0", "--sample", "1", "-m", trial, status=78)
    for words in (["retry"], ["reprocess"], ["campaign", "pause", "x"], ["queue", "--flush"]):
        assert "belongs to the database" in say(*words, "-m", trial, status=78)
    for script, words in (("flushProcessQueue.py", [str(trial)]), ("reprocessByDate.py", [*DAYS, "-m", str(trial)])):
        assert commands.main(script, words) == 78
    assert "belongs to the database" in say("status", "-m", trial)
    assert "belongs to the database" in say("plan", "-m", trial)
    assert (below(mission.root), mission.tables()) == (before, tables)
    assert "belongs to this database now" in say("apply", mission.file, "--adopt", "-m", trial)
    say("run", "-m", trial)
    say("run", "-m", mission.database, status=78)
    say("apply", mission.file, "--adopt", "-m", mission.database)
    for file in (mission.root / "data").rglob("*_20200102_*"):
        file.unlink()  # what the trial made
    say("check", "-m", mission.database, status=0)


def test_a_new_database_for_the_same_mission_file_is_refused(mission: Mission, tmp_path: Path, say: Say) -> None:
    mission.create(*BLOCKS)
    before = below(mission.root)
    trial = str(tmp_path / "trial.sqlite")
    say("init", trial)
    assert "it would be refused: " in say("apply", mission.file, "--dry-run", "-m", trial)
    say("apply", mission.file, "-m", trial, status=78)
    assert "holds no mission yet" in say("run", "-m", trial, status=2)
    assert commands.main("addFromConfig.py", ["-m", trial, str(mission.file)]) == 78
    assert below(mission.root) == before


def test_a_mission_that_was_moved_goes_on_when_its_file_is_applied_again(tmp_path: Path, say: Say) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    mission = Mission(here, str(here / "mission.sqlite")).create(*BLOCKS)
    mission.deliver(name_of("raw", 1))
    say("run", "-m", mission.database)
    here.rename(there)
    database = there / "mission.sqlite"
    assert f"the root {here} is gone" in say("run", "-m", database, status=78)
    assert not here.exists()
    say("apply", there / "mission.toml", "-m", database)
    assert mark_of(there)["name"] == ["sqlite", str(database)]
    say("run", "-m", database)
    say("check", "--deep", "-m", database)


def test_a_copied_mission_is_adopted_and_leaves_the_original_as_it_is(tmp_path: Path, say: Say) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    mission = Mission(here, str(here / "mission.sqlite")).create(*BLOCKS)
    mission.deliver(name_of("raw", 1))
    say("run", "-m", mission.database)
    name = name_of("raw", 2)
    mission.deliver(name)
    home = here / "data" / "raw" / name
    mission.execute(  # a run died when it had moved a file
        "INSERT INTO placement (purpose, source, target, shasum, announced_time) VALUES "
        f"('incoming', '{mission.incoming / name}', '{home}', '', '2020-01-01 00:00:00')"
    )
    (mission.incoming / name).rename(home)
    shutil.copytree(here, there)
    before, database = below(here), there / "mission.sqlite"
    say("run", "-m", database, status=78)
    say("apply", there / "mission.toml", "-m", database, status=78)
    say("apply", there / "mission.toml", "--adopt", "-m", database)
    say("run", "-m", database)
    say("check", "--deep", "-m", database)
    assert (there / "data" / "raw" / name).exists()
    assert below(here) == before
    say("run", "-m", mission.database)
    mission.check()


@pytest.mark.parametrize("how", ["gone", "not mounted", "without its mark"])
def test_in_a_root_that_is_gone_nothing_is_made(how: str, mission: Mission, say: Say) -> None:
    mission.create(*BLOCKS)
    mission.deliver(name_of("raw", 1), "unknown")
    say("run", "-m", mission.database, status=1)
    kept = mission.root.with_name("kept")
    if how == "without its mark":
        (mission.root / ".dbproc").rename(kept)
    else:
        mission.root.rename(kept)
    if how == "not mounted":
        mission.root.mkdir()
    before, tables = below(mission.root.parent), mission.tables()
    for words in (
        ["run"],
        ["ingest"],
        ["run-process", "to_clean", "--start", "2020-01-01", "--end", "2020-01-01", "--ingest"],
    ):
        assert f"the root {mission.root} " in say(*words, "-m", mission.database, status=78)
    say("quarantine", "discard", "1", "--reason", "no", "-m", mission.database, status=78)
    say("check", "--repair", "-m", mission.database, status=1)
    assert "no run does anything: the root" in say("status", "-m", mission.database)
    if how == "without its mark":
        say("apply", mission.file, "-m", mission.database, status=78)
    assert (below(mission.root.parent), mission.tables()) == (before, tables)
    if how == "without its mark":
        say("apply", mission.file, "--adopt", "-m", mission.database)
        shutil.copytree(kept, mission.root / ".dbproc", dirs_exist_ok=True)
    else:
        shutil.rmtree(mission.root, ignore_errors=True)
        kept.rename(mission.root)
    say("run", "-m", mission.database)


def test_a_restored_or_renamed_database_keeps_its_root(tmp_path: Path, say: Say) -> None:
    mission = Mission(tmp_path / "mission", str(tmp_path / "mission.sqlite")).create(*BLOCKS)
    backup = shutil.copy(mission.database, tmp_path / "backup.sqlite")
    mission.deliver(name_of("raw", 1))
    say("run", "-m", mission.database)
    os.replace(backup, mission.database)
    say("run", "-m", mission.database)
    renamed = shutil.move(mission.database, tmp_path / "renamed.sqlite")
    say("run", "-m", renamed)
    shutil.copy(renamed, mission.database)  # its former place is not its own any more
    say("run", "-m", mission.database, status=78)


def test_a_database_that_is_made_anew_takes_the_place_of_the_former_one(
    sqlite_mission: Mission, tmp_path: Path, say: Say
) -> None:
    mission = sqlite_mission.create(*BLOCKS)
    former = shutil.move(mission.database, tmp_path / "former.sqlite")
    say("init", mission.database)
    killed_apply(mission, BEFORE_THE_MARK)
    say("run", "-m", mission.database)
    assert mark_of(mission.root)["identity"] == mission.one("SELECT identity FROM mission")
    say("run", "-m", former, status=78)


def test_a_mission_with_another_root_leaves_the_former_one_to_others(
    mission: Mission, tmp_path: Path, say: Say
) -> None:
    mission.create(*BLOCKS)
    former, mission.root = mission.root, shutil.copytree(mission.root, tmp_path / "other")
    shutil.rmtree(mission.root / ".dbproc")
    mission.file = mission.root / "mission.toml"
    say("apply", mission.file, "-m", mission.database)
    assert mark_of(mission.root)["identity"] == mission.one("SELECT identity FROM mission")
    trial = tmp_path / "trial.sqlite"
    say("init", trial)
    say("apply", former / "mission.toml", "-m", trial)
    for database in (mission.database, trial):
        say("run", "-m", database)


def test_of_databases_that_an_earlier_dbproc_left_with_one_root_the_first_has_it(
    mission: Mission, copy_database: Callable[[], str], say: Say
) -> None:
    mission.create(*BLOCKS)
    mission.deliver(name_of("raw", 1))
    say("run", "-m", mission.database)
    mission.execute("UPDATE mission SET root_marked = false")
    (mission.root / ".dbproc" / "owner.json").unlink()
    private, aside = mission.root / ".dbproc", mission.root / "aside"
    private.rename(aside)
    say("run", "-m", mission.database, status=78)  # as where its disk is not mounted
    aside.rename(private)
    trial = copy_database()
    say("run", "-m", mission.database)
    assert mission.one("SELECT root_marked FROM mission")
    say("run", "-m", trial, status=78)


def killed_apply(mission: Mission, point: str) -> None:
    """An apply that is killed when it comes to a point, see :mod:`tests.crash.killer`."""
    words = ["--on", point.replace("ROOT", str(mission.root)), "--program", "dbproc", "--", "apply", str(mission.file)]
    killed = subprocess.run(
        [sys.executable, "-m", "tests.crash.killer", *words, "-m", mission.database],
        cwd=REPOSITORY,
        env=mission.environment,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    assert not mission.one("SELECT root_marked FROM mission")


BEFORE_THE_MARK = "os.rename ROOT/.dbproc/owner.json.part"


@pytest.mark.parametrize("point", [BEFORE_THE_MARK, "UPDATE mission SET root_marked"])
def test_an_apply_that_is_killed_before_it_has_marked_the_root_is_made_good_by_the_next_run(
    point: str, mission: Mission, say: Say
) -> None:
    assert main(["init", mission.database]) == 0
    mission.write(*BLOCKS)
    killed_apply(mission, point)
    say("run", "-m", mission.database)
    assert mission.one("SELECT root_marked FROM mission")
    assert mark_of(mission.root)["identity"] == mission.one("SELECT identity FROM mission")


def test_an_apply_that_is_killed_when_it_has_changed_the_root_is_made_good_by_the_next_run(
    sqlite_mission: Mission, tmp_path: Path, say: Say
) -> None:
    mission = sqlite_mission.create(*BLOCKS)
    mission.root = shutil.copytree(mission.root, tmp_path / "other")
    shutil.rmtree(mission.root / ".dbproc")
    mission.file = mission.root / "mission.toml"
    killed_apply(mission, BEFORE_THE_MARK)
    say("run", "-m", mission.database)
    assert mark_of(mission.root)["identity"] == mission.one("SELECT identity FROM mission")


def test_a_mark_that_is_damaged_is_named(sqlite_mission: Mission, say: Say) -> None:
    sqlite_mission.create(*BLOCKS)
    (sqlite_mission.root / ".dbproc" / "owner.json").write_text("{")
    assert "owner.json is damaged" in say("run", "-m", sqlite_mission.database, status=78)
    say("apply", sqlite_mission.file, "--adopt", "-m", sqlite_mission.database)
    say("run", "-m", sqlite_mission.database)


def test_a_server_says_which_one_it_is(postgres_database: str, tmp_path: Path) -> None:
    mission = Mission(tmp_path / "mission", postgres_database).create(*BLOCKS)
    mark = mark_of(mission.root)
    server = mission.one("SELECT system_identifier FROM pg_control_system()")
    assert (mark["server"], mark["name"]) == (
        str(server),
        ["postgresql", database_url(postgres_database).database, "public"],
    )


HERE = Owner("one", "db", "server 1", ("postgresql", "db", "public"), (5, 7))


@pytest.mark.parametrize(
    ("other", "fits"),
    [
        (HERE, True),
        (Owner("one", "x", "server 1", ("postgresql", "renamed", "public"), (5, 7)), True),
        (Owner("one", "x", None, ("postgresql", "db", "public"), (6, 8)), True),
        (Owner("one", "x", "server 2", ("postgresql", "db", "public"), (5, 7)), False),
        (Owner("one", "x", "server 1", ("postgresql", "db", "trial"), (5, 8)), False),
        (Owner("two", "x", "server 1", ("postgresql", "db", "public"), (5, 7)), False),
        (Owner("one", "x", None, ("sqlite", "/db"), (5, 7)), False),
        (Owner("", "x", "server 1", ("postgresql", "db", "public"), (5, 7)), False),
    ],
    ids=["same", "renamed", "restored", "another server", "another schema", "another mission", "another kind", "new"],
)
def test_a_mark_fits_the_same_database_in_one_of_its_places(other: Owner, fits: bool) -> None:
    assert HERE.fits(other) is fits
    assert other.fits(HERE) is fits


def test_files_without_a_number_are_told_apart_by_their_paths() -> None:
    one, other = (Owner("one", "x", None, ("sqlite", path), ()) for path in ("/a", "/b"))
    assert not one.fits(other)


def test_a_run_that_ends_as_it_is_looked_at_is_not_taken_for_dead(
    mission: Mission, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its row is read; it closes the row and lets the file go; then the file is looked at."""
    mission.create(*chain())
    with open_store(mission.database) as store:
        acquired, really = lock.acquire(store), lockfile.probe

        def probe(root: str, marks: str | None) -> Evidence:
            lock.release(store, acquired, "done")
            return really(root, marks)

        monkeypatch.setattr(lockfile, "probe", probe)
        holder = lock.current(store)
        assert holder is not None
        assert lock.seen(store) is None
        monkeypatch.undo()
        assert lock.judged(holder) is Judgement.DEAD  # which its row, by itself, would have said
