"""Files that are fetched from where they lie: what is new, what has changed, what is refused, what goes wrong."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dbproc.database.definition.load import load_mission
from dbproc.database.store import open_store
from dbproc.database.transfers import listed
from dbproc.ingest.look import ask, look
from dbproc.transfers import line
from dbproc.transfers.endings import link_taken
from tests.kit.mission import Mission, name_of, product

RAW = name_of("raw", 1)
LONG = 3600  # seconds: nobody waits for so long


@pytest.fixture
def far(mission: Mission) -> Path:
    """The directory of a source, with one file."""
    return _far(mission)


@pytest.fixture
def far_of_sqlite(sqlite_mission: Mission) -> Path:
    return _far(sqlite_mission)


def _far(mission: Mission) -> Path:
    directory = mission.root.parent / "far"
    (directory / "2020").mkdir(parents=True)
    put(directory, RAW, "raw 1")
    return directory


def put(far: Path, name: str, content: str, directory: str = "2020") -> Path:
    path = far / directory / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(content)
    return path


def source(far: Path, **keys: object) -> str:
    given = {"url": f"file://{far}", "path": "/{Y}/*", "reserve": 0, **keys}
    lines = [f"{key} = {value if isinstance(value, dt.date) else json.dumps(value)}" for key, value in given.items()]
    return "\n".join(["[source.far]", *lines, ""])


def create(mission: Mission, far: Path, *, same_name: str = "quarantine", **keys: object) -> Mission:
    return mission.create(product("raw", 0), source(far, **keys), settle_seconds=LONG, same_name=same_name)


def transfers(mission: Mission) -> list[tuple[str, str]]:
    """The names and states of all transfers, in their order."""
    return [(name, state) for name, state in mission.rows("SELECT filename, state FROM transfer ORDER BY transfer_id")]


def let_it_be_due(mission: Mission) -> None:
    """As if the times had passed until which sources and transfers wait."""
    mission.execute("UPDATE remotelook SET next_time = NULL")
    mission.execute("UPDATE transfer SET next_try = NULL WHERE state = 'waiting'")


def digest(text: str, algorithm: str = "sha256") -> str:
    return hashlib.new(algorithm, text.encode()).hexdigest()


# --- from the source into the catalogue ---


@pytest.mark.both_databases
def test_a_run_begins_with_what_is_new_at_the_source_and_takes_it_at_once(mission: Mission, far: Path) -> None:
    create(mission, far)
    done = mission.run()
    assert f"fetched {RAW}: 5 B from source far, verified" in done.out
    assert mission.content(RAW) == "raw 1"
    assert transfers(mission) == [(RAW, "verified")]
    assert mission.rows("SELECT t.filename, f.filename FROM transfer t JOIN file f ON f.file_id = t.file_id") == [
        (RAW, RAW)
    ]


@pytest.mark.both_databases
def test_what_was_fetched_is_part_of_what_is_known_of_a_file(mission: Mission, far: Path) -> None:
    create(mission, far, digests="{name}.sha256")
    put(far, f"{RAW}.sha256", digest("raw 1"))
    mission.run()
    said = mission.dbproc("why", RAW).out
    assert "was fetched" in said
    assert f"from file://{far}/2020/{RAW}" in said
    assert f"sha256:{digest('raw 1')} was fetched" in " ".join(said.split())
    assert f"verified, as 2020/{RAW}.sha256 says" in " ".join(said.split())
    (fetched,) = json.loads(mission.dbproc("why", RAW, "--json").out)["fetched"]
    assert (fetched["origin"], fetched["state"]) == (f"file://{far}/2020/{RAW}", "verified")
    assert fetched["digest"] == f"sha256:{digest('raw 1')}"
    assert fetched["expected_digests"] == [f"sha256:{digest('raw 1')}"]


@pytest.mark.both_databases
def test_what_is_unchanged_costs_no_transfer(mission: Mission, far: Path) -> None:
    create(mission, far)
    assert "1 fetched" in mission.dbproc("fetch").out
    mission.run()
    again = mission.dbproc("fetch")
    assert (again.out, again.err) == ("", "")
    assert mission.dbproc("fetch", "far").out == "source far: nothing new\n"
    assert transfers(mission) == [(RAW, "verified")]


def test_a_source_is_looked_at_again_when_it_is_due(sqlite_mission: Mission, far_of_sqlite: Path) -> None:
    mission, far = create(sqlite_mission, far_of_sqlite, every="1 h"), far_of_sqlite
    mission.run()
    put(far, name_of("raw", 2), "raw 2")
    mission.run()
    assert mission.names("raw") == [RAW]
    mission.execute("UPDATE remotelook SET look_time = '2020-01-01 00:00:00.000000'")
    mission.run()
    assert mission.names("raw") == [RAW, name_of("raw", 2)]


def test_fetch_looks_whether_a_source_is_due_or_not_beside_runs(sqlite_mission: Mission, far_of_sqlite: Path) -> None:
    mission, far = create(sqlite_mission, far_of_sqlite), far_of_sqlite
    mission.run()
    put(far, name_of("raw", 2), "raw 2")
    with run_at_work(mission):
        mission.dbproc("fetch", "far")
    assert mission.waiting() == [name_of("raw", 2)]


@contextmanager
def run_at_work(mission: Mission) -> Iterator[None]:
    """A run of this process has the lock."""
    from dbproc.database import lock

    with open_store(mission.database) as store:
        acquired = lock.acquire(store)
        try:
            yield
        finally:
            lock.release(store, acquired, "done", has_crashed=False)


def test_only_the_very_file_that_was_fetched_need_not_settle(sqlite_mission: Mission, far_of_sqlite: Path) -> None:
    mission = create(sqlite_mission, far_of_sqlite)
    mission.dbproc("fetch")
    (mission.incoming / RAW).write_text("somebody else's, still being written")
    mission.run()
    assert mission.files() == {}
    assert mission.waiting() == [RAW]


def test_what_a_run_has_taken_before_its_end_is_recorded_is_known_as_fetched(
    sqlite_mission: Mission, far_of_sqlite: Path
) -> None:
    mission = create(sqlite_mission, far_of_sqlite)
    mission.run()
    mission.execute("UPDATE transfer SET file_id = NULL")
    with open_store(mission.database) as store:
        with store.begin() as connection:
            specified = load_mission(connection)
            (came,) = listed(connection)
        link_taken(store, specified, [came])
    assert mission.one("SELECT file_id FROM transfer") is not None


def test_what_is_asked_for_is_said_and_nothing_done(mission: Mission, far: Path) -> None:
    create(mission, far)
    before = mission.everything()
    assert "fetches from the source far first" in mission.dbproc("plan").out
    said = mission.dbproc("fetch", "--dry-run").out
    assert "source far: 1 of 1 files to fetch, 5 B" in said
    assert f"new: 2020/{RAW}, 5 B" in said
    (answer,) = json.loads(mission.dbproc("fetch", "-d", "--json").out)["sources"]
    assert [(each["path"], each["change"]) for each in answer["files"]] == [(f"2020/{RAW}", "new")]
    assert mission.everything() == before


def test_sources_are_asked_for_by_their_names(sqlite_mission: Mission, far_of_sqlite: Path) -> None:
    mission = create(sqlite_mission, far_of_sqlite)
    assert "no source fat; did you mean far?" in mission.dbproc("fetch", "fat", status=2).err
    mission.define(product("raw", 0), source(far_of_sqlite, active=False))
    assert "active = false" in mission.dbproc("fetch", "far", status=2).err
    mission.dbproc("fetch")
    mission.run()
    assert transfers(mission) == []


# --- which files ---


@pytest.mark.both_databases
def test_earlier_dates_are_left_and_settled_directories_not_listed(mission: Mission, far: Path) -> None:
    put(far, name_of("raw", "20180101"), "old", "2018")
    put(far, name_of("raw", "20190101"), "new", "2019")
    path = "{Y}/raw_{Y}{m}{d}_*"
    create(mission, far, path=path, since=dt.date(2019, 1, 1), back="30 days")
    mission.dbproc("fetch")
    assert [name for name, _ in transfers(mission)] == [name_of("raw", "20190101"), RAW]
    mission.run("-i")
    mission.dbproc("fetch")
    put(far, name_of("raw", 2), "late")
    assert "nothing new" in mission.dbproc("fetch", "far").out, "2019 and 2020 are not listed any more"
    mission.define(product("raw", 0), source(far, path=path, back="36500 days"), settle_seconds=LONG)
    assert "2 fetched" in mission.dbproc("fetch").out, "they are again where that is said"
    mission.run("-i")


def test_no_more_are_fetched_in_one_look_than_the_source_says(sqlite_mission: Mission, far_of_sqlite: Path) -> None:
    mission, far = sqlite_mission, far_of_sqlite
    for day in (2, 3):
        put(far, name_of("raw", day), f"raw {day}")
    create(mission, far, files=2)
    assert "2 fetched, 1 left for a later look" in mission.dbproc("fetch").out
    assert "1 fetched" in mission.dbproc("fetch").out
    mission.run("-i")


# --- what has changed ---


@pytest.mark.parametrize(("same_name", "content"), [("quarantine", "raw 1"), ("replace", "raw 1, better")])
def test_a_file_that_changed_there_comes_by_the_rule_of_the_mission(
    mission: Mission, far: Path, same_name: str, content: str
) -> None:
    create(mission, far, same_name=same_name)
    mission.run()
    put(far, RAW, "raw 1, better")
    mission.dbproc("fetch")
    mission.run("-i", status=0 if same_name == "replace" else 1)
    assert mission.content(RAW) == content
    if same_name == "replace":
        assert "verified" in mission.dbproc("why", RAW).out
    else:
        assert mission.quarantined() == {RAW: "same_name"}


def test_a_name_that_is_in_incoming_is_waited_for_and_never_overwritten(mission: Mission, far: Path) -> None:
    create(mission, far, same_name="replace")
    mission.dbproc("fetch")
    put(far, RAW, "raw 1, better")
    assert "1 left for a later look" in mission.dbproc("fetch", "far").out
    assert (mission.incoming / RAW).read_text() == "raw 1"
    mission.run("-i")
    mission.dbproc("fetch")
    mission.run("-i")
    assert mission.content(RAW) == "raw 1, better"


def test_the_same_bytes_again_are_a_duplicate_and_known_as_fetched(mission: Mission, far: Path) -> None:
    create(mission, far)
    mission.run()
    os.utime(far / "2020" / RAW, (1, 1))
    mission.dbproc("fetch")
    mission.run("-i")
    assert mission.waiting() == []
    assert mission.rows("SELECT count(*) FROM transfer WHERE file_id IS NOT NULL") == [(2,)]


def test_what_is_refused_and_accepted_later_is_known_as_fetched(sqlite_mission: Mission, far_of_sqlite: Path) -> None:
    mission, far = sqlite_mission, far_of_sqlite
    put(far, name_of("new", 1), "new 1")
    create(mission, far)
    mission.run(status=1)
    mission.define(product("raw", 0), product("new", 0), source(far))
    mission.dbproc("quarantine", "release", "1")
    mission.run("-i")
    (fetched,) = json.loads(mission.dbproc("why", name_of("new", 1), "--json").out)["fetched"]
    assert fetched["state"] == "verified"


@pytest.mark.both_databases
def test_a_file_that_changes_before_it_is_fetched_comes_as_it_is_then(mission: Mission, far: Path) -> None:
    create(mission, far)
    (mission.incoming / RAW).mkdir()
    mission.dbproc("fetch")
    (mission.incoming / RAW).rmdir()
    mission.dbproc("fetch")
    mission.execute("UPDATE transfer SET state = 'waiting', durable_bytes = 0, shasum = NULL, placed = ''")
    (mission.incoming / RAW).unlink()
    put(far, RAW, "raw 1, longer than before")
    mission.dbproc("fetch")
    assert transfers(mission) == [(RAW, "verified")]
    assert (mission.incoming / RAW).read_text() == "raw 1, longer than before"
    mission.run("-i")


# --- digests ---


@pytest.mark.both_databases
def test_bytes_that_a_side_file_does_not_promise_fail_for_good_and_are_told(mission: Mission, far: Path) -> None:
    create(mission, far, digests="SHA256SUMS")
    sums = put(far, "SHA256SUMS", f"{digest('other')}  {RAW}\n")
    mission.dbproc("fetch")
    assert transfers(mission) == [(RAW, "waiting")]
    let_it_be_due(mission)
    done = mission.dbproc("fetch", status=1)
    assert f"failed {RAW}" in done.err
    assert "dbproc transfers retry 1" in done.err
    assert mission.waiting() == []
    assert mission.dbproc("fetch").err == "", "it is told once"
    assert "1 failed" in mission.dbproc("status").out
    why = " ".join(mission.dbproc("why", "raw", "2020-01-01").out.split())
    assert f"at the source far: transfer 1: {RAW}: failed: its digest is" in why
    sums.write_text(f"{digest('raw 1')} *{RAW}\n")
    assert f"changed: 2020/{RAW}" in mission.dbproc("fetch", "--dry-run").out
    mission.dbproc("fetch")
    assert transfers(mission) == [(RAW, "verified")]
    mission.run("-i")


@pytest.mark.both_databases
def test_what_failed_and_then_changed_there_is_no_failure_any_more(mission: Mission, far: Path) -> None:
    create(mission, far, digests="SHA256SUMS")
    sums = put(far, "SHA256SUMS", f"{digest('other')}  {RAW}\n")
    mission.dbproc("fetch")
    let_it_be_due(mission)
    mission.dbproc("fetch", status=1)
    put(far, RAW, "raw 1, mended")
    sums.write_text(f"{digest('raw 1, mended')}  {RAW}\n")
    mission.dbproc("fetch")
    assert transfers(mission) == [(RAW, "verified")]
    assert ", 1 failed" not in mission.dbproc("status").out
    mission.run("-i")


@pytest.mark.both_databases
def test_a_side_file_that_comes_later_than_its_file_is_read_again(mission: Mission, far: Path) -> None:
    create(mission, far, digests="{name}.sha256")
    side = put(far, f"{RAW}.sha256", digest("raw 0"))
    mission.dbproc("fetch")
    assert transfers(mission) == [(RAW, "waiting")]
    side.write_text(digest("raw 1"))
    mission.dbproc("fetch")
    assert transfers(mission) == [(RAW, "verified")]
    mission.run("-i")


# --- names ---


def test_names_that_no_file_may_have_stay_there_and_are_told_once(sqlite_mission: Mission, far_of_sqlite: Path) -> None:
    mission, far = sqlite_mission, far_of_sqlite
    put(far, "a\nb.txt", "x")
    Path(os.fsdecode(os.fsencode(far / "2020") + b"/a\xff.txt")).write_text("x")
    create(mission, far)
    told = mission.dbproc("fetch", status=1).err
    assert "a\\\\nb.txt" in told
    assert "a\\\\xff.txt" in told
    assert mission.waiting() == [RAW]
    assert mission.dbproc("fetch").err == ""
    assert "a\\\\nb.txt" in mission.dbproc("fetch", "far", status=1).err, "who names a source hears all of it"
    mission.run("-i")


def test_two_files_of_one_name_are_told_and_neither_is_lost(sqlite_mission: Mission, far_of_sqlite: Path) -> None:
    mission, far = sqlite_mission, far_of_sqlite
    other = put(far, RAW, "raw 1 of another year", "2021")
    create(mission, far)
    told = mission.dbproc("fetch", status=1).err
    assert f"2021/{RAW} has the name of 2020/{RAW}" in told
    assert (mission.incoming / RAW).read_text() == "raw 1"
    assert other.exists()
    mission.run("-i")


# --- what goes wrong ---


@pytest.mark.both_databases
def test_a_source_that_is_away_is_told_once_and_delays_nothing_else(mission: Mission, far: Path) -> None:
    hook = '[notify.me]\ncommand = ["/bin/sh", "-c", "cat >> told"]\nevents = ["source"]\n'
    mission.create(product("raw", 0), source(far), hook, settle_seconds=LONG)
    mission.run()
    shutil.move(far, far.with_name("away"))
    mission.deliver(name_of("raw", 2))
    mission.environment["DBPROC_SETTLE_SECONDS"] = "0"
    let_it_be_due(mission)
    done = mission.run(status=1)
    assert "problem source far: cannot be listed" in done.err
    assert mission.names("raw") == [RAW, name_of("raw", 2)]
    assert mission.run().err == "", "it is not looked at again yet"
    let_it_be_due(mission)
    assert mission.run().err == "", "nor told again"
    assert mission.rows("SELECT failures FROM remotelook") == [(2,)]
    status = mission.dbproc("status", "--check", status=1).out
    assert "source far: cannot be listed" in status
    told = (mission.root / "told").read_text()
    assert told.count("source: source far: cannot be listed") == 1
    shutil.move(far.with_name("away"), far)
    let_it_be_due(mission)
    assert "source far: is well again" in mission.run().out
    assert mission.dbproc("status", "--check").out.startswith("fine")


def test_a_directory_for_arrivals_that_is_away_is_told_until_files_come_again(
    sqlite_mission: Mission, far_of_sqlite: Path
) -> None:
    mission = create(sqlite_mission, far_of_sqlite)
    away = shutil.move(mission.incoming, mission.root / "away")
    assert "incoming is not there" in mission.dbproc("fetch", status=1).err
    again = mission.dbproc("fetch")
    assert (again.out, again.err) == ("", ""), "it is neither told again nor over"
    shutil.move(away, mission.incoming)
    let_it_be_due(mission)
    assert "source far: is well again" in mission.dbproc("fetch").out
    assert mission.waiting() == [RAW]
    mission.run("-i")


def test_where_another_process_is_at_the_source_nothing_is_done(sqlite_mission: Mission, far_of_sqlite: Path) -> None:
    mission = create(sqlite_mission, far_of_sqlite)
    with open_store(mission.database) as store, store.begin() as connection:
        specified = load_mission(connection)
    with line.held(specified, "source far"):
        mission.run()
        assert "another process fetches from it" in mission.dbproc("fetch", status=75).err
        assert mission.dbproc("fetch", "--quiet-if-busy", status=75).err == ""
    assert transfers(mission) == []


def test_a_mission_whose_root_is_gone_fetches_nothing(sqlite_mission: Mission, far_of_sqlite: Path) -> None:
    mission = create(sqlite_mission, far_of_sqlite)
    mission.run()
    away = mission.root.with_name("elsewhere")
    shutil.move(mission.root, away)
    mission.root.mkdir()
    try:
        mission.root = mission.root.parent
        mission.dbproc("fetch", status=78)
    finally:
        mission.root = away.with_name("mission")
        mission.root.rmdir()
        shutil.move(away, mission.root)


@pytest.mark.thorough
def test_a_hundred_thousand_unchanged_files_cost_no_transfer_and_little_time(sqlite_mission: Mission) -> None:
    mission, far = sqlite_mission, sqlite_mission.root.parent / "far"
    for directory in range(10):
        (far / str(directory)).mkdir(parents=True)
        for number in range(10_000):
            (far / str(directory) / f"raw_{directory}_{number}.txt").touch()
    create(mission, far, path="*/*.txt")
    with open_store(mission.database) as store:
        with store.begin() as connection:
            specified = load_mission(connection)
        found = look(store, specified, specified.sources[0])
        ask(store, specified, specified.sources[0], found)
    mission.execute("UPDATE transfer SET state = 'verified'")
    began = time.process_time()
    assert "nothing new" in mission.dbproc("fetch", "far").out
    assert time.process_time() - began < 5
    assert mission.one("SELECT count(*) FROM transfer") == 100_000
