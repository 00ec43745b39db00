"""Copies of files in stores: made by runs, counted on when files are offloaded, and recalled when jobs need them."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest

from tests.kit.mission import Mission, chain, name_of, product, table
from tests.kit.stores import lying, rule, store

RAW, CLEAN, SMOOTH = name_of("raw", 1), name_of("clean", 1), name_of("smooth", 1)
OFFLOADED = "SELECT filename FROM file WHERE offloaded_time IS NOT NULL ORDER BY filename"


@pytest.fixture
def kept(mission: Mission, tmp_path: Path) -> Mission:
    """One day has run, and two stores keep its raw file."""
    stores = (store(name, tmp_path / name, preference=number) for number, name in enumerate(("near", "far"), 1))
    mission.create(*chain(), *stores, rule("raw", to=["near", "far"]), retry_seconds=0)
    mission.deliver(RAW)
    mission.run()
    return mission


def near(mission: Mission) -> Path:
    return mission.root.parent / "near" / "data" / "raw" / RAW


def far(mission: Mission) -> Path:
    return mission.root.parent / "far" / "data" / "raw" / RAW


@pytest.mark.both_databases
def test_a_run_copies_what_the_rules_name_and_reads_it_back(kept: Mission) -> None:
    assert lying(kept.root.parent / "near") == {f"data/raw/{RAW}": "raw_20200101"}
    rows = kept.rows("SELECT store, path, state FROM replica ORDER BY store")
    assert rows == [(name, f"data/raw/{RAW}", "verified") for name in ("far", "near")]
    assert kept.one("SELECT count(*) FROM transfer WHERE state = 'verified' AND rule = 'replicate'") == 2
    before = kept.tables("logging")
    kept.run()
    assert kept.tables("logging") == before


@pytest.mark.both_databases
def test_an_offloaded_file_stays_an_input_and_comes_back_when_a_job_needs_it(kept: Mission) -> None:
    path = kept.files()[RAW].path
    assert "would offload" in kept.dbproc("offload", RAW, "--dry-run").out
    assert path.exists()
    assert f"offloaded {RAW}, 12 B: in far, near" in kept.dbproc("offload", RAW).out
    assert not path.exists()
    assert "it is offloaded already" in kept.dbproc("offload", RAW).out
    kept.run()
    assert "up to date" in kept.dbproc("why", CLEAN).out
    assert "offloaded" in kept.dbproc("why", RAW).out
    kept.dbproc("check", "--deep")
    assert "offloaded in far, near" in kept.dbproc("files", "raw").out
    force(kept)
    plan = kept.dbproc("plan").out
    assert "recalls 1 file, 12 B, from near" in plan
    assert "hindered" not in plan
    assert "recall: 1 file, 12 B, from near" in kept.run().out
    assert path.read_text() == "raw_20200101"
    assert name_of("clean", 1, "1.0.1") in kept.names("clean")
    assert kept.rows(OFFLOADED) == []


def force(mission: Mission) -> None:
    """The next run makes the clean file again."""
    mission.dbproc("reprocess", "--code", "to_clean.sh", "--force", "2")


@pytest.mark.both_databases
def test_who_asks_for_a_file_again_has_it_tried_again(kept: Mission, tmp_path: Path) -> None:
    path = kept.files()[RAW].path
    kept.dbproc("offload", RAW)
    path.parent.rmdir()
    path.parent.symlink_to(tmp_path)
    assert "leads out" in kept.dbproc("recall", RAW, status=1).out
    path.parent.unlink()
    assert f"recalled {RAW}" in kept.dbproc("recall", RAW).out
    assert path.read_text() == "raw_20200101"


@pytest.mark.both_databases
def test_a_file_is_offloaded_only_while_its_copies_are_good_now(kept: Mission) -> None:
    path = kept.files()[RAW].path
    near(kept).write_text("rotten")
    refused = kept.dbproc("offload", RAW, status=1).out
    assert "1 verified copy of 2 needed; near: it has the digest" in refused
    assert path.exists()
    assert kept.one("SELECT state FROM replica WHERE store = 'near'") == "corrupt"
    kept.dbproc("offload", RAW, "--copies", "1")
    assert not path.exists()
    far(kept).unlink()
    assert "nothing to recall" not in kept.dbproc("recall", RAW, status=1).out
    assert not path.exists()


def test_what_is_the_file_itself_or_one_copy_under_two_names_does_not_count(
    sqlite_mission: Mission, tmp_path: Path
) -> None:
    doubtful = store("doubtful", tmp_path / "doubtful", trust="untrusted")
    stores = [store(name, tmp_path / name) for name in ("one", "other", "here")]
    sqlite_mission.create(*chain(), *stores, doubtful, rule("raw", to=["one", "doubtful"]))
    for name, place in (("other", tmp_path / "one"), ("here", sqlite_mission.root)):
        (tmp_path / name).rmdir()  # and by now it is the same as another place
        (tmp_path / name).symlink_to(place)
    sqlite_mission.deliver(RAW)
    sqlite_mission.run()
    path = f"data/raw/{RAW}"
    for name in ("other", "here"):
        sqlite_mission.execute(
            "INSERT INTO replica (file_id, store, path, state, reason, found_time, member, shasum) "
            f"SELECT file_id, '{name}', '{path}', 'verified', '', '2024-01-01 00:00:00.000000', '', shasum "
            f"FROM file WHERE filename = '{RAW}'"
        )
    refused = sqlite_mission.dbproc("offload", RAW, "--copies", "2", status=1).out
    assert "1 verified copy of 2 needed" in refused
    assert "it is at the same place as one" in refused
    assert "it is the very file that would be removed" in refused
    assert sqlite_mission.content(RAW) == "raw_20200101"


def test_an_outage_of_a_store_delays_a_job_and_hinders_no_other(sqlite_mission: Mission, tmp_path: Path) -> None:
    mission = sqlite_mission
    mission.create(*chain(), store("only", tmp_path / "only"), rule("raw", to=["only"]), retry_seconds=0)
    mission.deliver(RAW)
    mission.run()
    mission.dbproc("offload", RAW)
    (tmp_path / "only").rename(tmp_path / "gone")
    force(mission)
    mission.deliver(name_of("raw", 5))
    told = mission.run().out
    assert f"waits for {RAW}: store only:" in told
    assert "is its disk mounted?" in told
    assert name_of("clean", 5) in mission.names("clean")
    assert name_of("clean", 1, "1.0.1") not in mission.names("clean")
    (tmp_path / "gone").rename(tmp_path / "only")
    mission.execute("UPDATE transfer SET next_try = NULL")
    mission.run()
    assert name_of("clean", 1, "1.0.1") in mission.names("clean")
    assert lying(tmp_path / "only").keys() == {f"data/raw/{RAW}", f"data/raw/{name_of('raw', 5)}"}


def test_a_job_reads_from_the_next_store_where_the_best_is_away(kept: Mission) -> None:
    kept.dbproc("offload", RAW)
    place = kept.root.parent / "near"
    place.rename(place.with_name("away"))
    force(kept)
    kept.run()
    assert name_of("clean", 1, "1.0.1") in kept.names("clean")
    assert kept.rows("SELECT origin_place, state FROM transfer WHERE rule = 'recall'") == [("store far", "verified")]


@pytest.mark.parametrize("harm", ["gone", "rotten"])
def test_an_input_that_is_gone_or_rotten_comes_back_from_a_store(kept: Mission, harm: str) -> None:
    path = kept.files()[RAW].path
    kept.deliver(name_of("raw", 2))
    kept.run()
    if harm == "gone":
        path.unlink()
    else:
        path.write_text("rotten")
    force(kept)
    assert "recalls 1 file, 12 B, from near" in kept.dbproc("plan").out
    told = kept.run().out
    assert "counts as offloaded" in told
    assert path.read_text() == "raw_20200101"
    assert name_of("clean", 1, "1.0.1") in kept.names("clean")
    aside = [each.read_text() for each in (kept.root / ".dbproc" / "withdrawn").rglob("*.txt")]
    assert aside == ([] if harm == "gone" else ["rotten"])


@pytest.mark.both_databases
def test_check_says_that_a_store_has_what_is_gone(kept: Mission) -> None:
    kept.files()[RAW].path.unlink()
    told = " ".join(kept.dbproc("check", status=1).out.split())
    assert f"a store has a copy: dbproc recall {RAW} brings it back" in told
    kept.dbproc("recall", RAW)
    kept.dbproc("check", "--deep")


def test_the_same_bytes_delivered_again_bring_an_offloaded_file_back(kept: Mission) -> None:
    kept.dbproc("offload", RAW)
    kept.deliver(RAW)
    assert "was offloaded from" in kept.run().out
    assert kept.content(RAW) == "raw_20200101"
    assert kept.rows(OFFLOADED) == []


def test_an_offloaded_file_is_withdrawn_and_restored_without_its_bytes(kept: Mission) -> None:
    kept.dbproc("offload", RAW)
    kept.dbproc("withdraw", RAW, "--reason", "wrong")
    kept.run()
    kept.dbproc("check", "--deep")
    assert "withdrawn" in kept.dbproc("why", RAW).out
    assert "and its bytes were lost" not in kept.dbproc("restore", RAW).out
    kept.run()
    assert kept.rows(OFFLOADED) == [(RAW,)]
    assert "up to date" in kept.dbproc("why", CLEAN).out
    assert f"recalled {RAW}" in kept.dbproc("recall", RAW).out
    assert kept.content(RAW) == "raw_20200101"


def test_other_bytes_take_the_name_of_an_offloaded_file_and_get_copies_of_their_own(kept: Mission) -> None:
    kept.dbproc("offload", RAW)
    (kept.root / "better").write_text("better")
    kept.dbproc("replace", RAW, "with", str(kept.root / "better"), "--reason", "better")
    kept.run()
    assert kept.content(RAW) == "better"
    places = lying(kept.root.parent / "near")
    assert sorted(places.values()) == ["better", "raw_20200101"]
    assert places[f"data/raw/{RAW}"] == "raw_20200101"
    kept.dbproc("restore", RAW)
    kept.dbproc("recall", RAW)
    assert kept.content(RAW) == "raw_20200101"


def test_a_product_gets_another_format_while_files_of_it_are_offloaded(kept: Mission) -> None:
    kept.dbproc("offload", RAW)
    text = kept.file.read_text().replace("raw_{Y}{m}{d}_v", "crude_{Y}{m}{d}_v")
    kept.file.write_text(text)
    kept.dbproc("apply", str(kept.file))
    name = RAW.replace("raw", "crude")
    kept.dbproc("recall", name)
    assert kept.content(name) == "raw_20200101"
    kept.run()
    assert list(lying(kept.root.parent / "near")) == [f"data/raw/{RAW}"]


def test_a_companion_directory_goes_and_comes_with_its_file(sqlite_mission: Mission, tmp_path: Path) -> None:
    mission = sqlite_mission
    volume = product("volume", 0, "volume_{Y}{m}{d}.dat", companion=True)
    mission.create(volume, store("only", tmp_path / "only"), rule("volume", to=["only"]))
    mission.deliver("volume_20200101.dat", content="header")
    (mission.incoming / "volume_20200101" / "sub").mkdir(parents=True)
    (mission.incoming / "volume_20200101" / "sub" / "0.bin").write_text("block")
    mission.run()
    home = mission.root / "data" / "volume"
    before = lying(home)
    assert lying(tmp_path / "only" / "data" / "volume") == before
    mission.dbproc("offload", "volume_20200101.dat")
    assert lying(home) == {}
    mission.dbproc("check", "--deep")
    mission.dbproc("recall", "volume_20200101.dat")
    assert lying(home) == before
    mission.dbproc("check", "--deep")


def test_links_lead_to_no_offloaded_file(kept: Mission, tmp_path: Path) -> None:
    kept.dbproc("links", str(tmp_path / "tree"), "--product", "raw")
    link = tmp_path / "tree" / "raw" / RAW
    links = lambda: [path.name for path in (tmp_path / "tree").rglob("*") if path.is_symlink()]  # noqa: E731
    assert links() == [RAW], link
    kept.dbproc("offload", RAW)
    kept.run()
    assert links() == []
    kept.dbproc("recall", RAW)
    kept.run()
    assert links() == [RAW]


@pytest.mark.both_databases
def test_what_lies_in_a_store_alone_is_brought_for_a_job_and_its_digest_recorded(
    mission: Mission, tmp_path: Path
) -> None:
    archive = tmp_path / "archive"
    mission.create(*chain(), store("archive", archive, trust="read-only"), retry_seconds=0)
    (archive / "data" / "raw").mkdir(parents=True)
    (archive / "data" / "raw" / RAW).write_text("archived")
    mission.dbproc("stores", "adopt", "archive", "--queue")
    assert mission.one("SELECT shasum FROM file") == "sha256:unknown"
    assert "recalls 1 file" in mission.dbproc("plan").out
    mission.run()
    assert mission.content(RAW) == "archived"
    assert mission.content(CLEAN) == "clean(archived)"
    assert mission.one("SELECT state FROM replica") == "verified"
    mission.dbproc("check", "--deep")
    mission.dbproc("offload", RAW)
    assert mission.rows(OFFLOADED) == [(RAW,)]


def test_what_has_fewer_copies_than_are_wanted_is_said_with_the_reason(kept: Mission) -> None:
    place = kept.root.parent / "far"
    place.rename(place.with_name("away"))
    second = name_of("raw", 2)
    kept.deliver(second)
    told = kept.run().out
    words = "1 file of raw (12 B): 1 of 2 verified copies; far:"
    assert words in told
    assert "is its disk mounted?" in told
    assert words in kept.dbproc("status").out
    assert "1 with fewer copies in stores than are wanted" in kept.dbproc("status", "--check", status=1).out
    assert words in kept.dbproc("check", status=1).out
    place.with_name("away").rename(place)
    kept.execute("UPDATE transfer SET next_try = NULL")
    kept.run()
    kept.dbproc("check")
    assert (place / "data" / "raw" / second).read_text() == "raw_20200102"


@pytest.mark.in_processes
def test_a_store_that_hangs_keeps_no_run_from_ending(sqlite_mission: Mission, tmp_path: Path) -> None:
    mission = sqlite_mission
    with socket.create_server(("127.0.0.1", 0)) as silent:  # it takes what comes, and never answers
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        hanging = table(
            "store.hanging", {"url": url, "hosts": ["127.0.0.1"], "trust": "read-only", "timeout": "10 min"}
        )
        mission.create(*chain(), store("only", tmp_path / "only"), hanging, rule("raw", to=["only"]), retry_seconds=0)
        mission.deliver(RAW)
        mission.run()
        mission.dbproc("offload", RAW)
        mission.execute("UPDATE replica SET store = 'hanging'")
        force(mission)
        run = mission.start()
        while not mission.rows("SELECT 1 FROM transfer WHERE rule = 'recall' AND state = 'moving'"):
            assert run.poll() is None, run.communicate()
            time.sleep(0.05)  # the database is the run's
        told = time.monotonic()
        run.terminate()
        run.communicate(timeout=30)
        assert time.monotonic() - told < 10
    mission.execute("UPDATE replica SET store = 'only'")
    mission.run()
    assert name_of("clean", 1, "1.0.1") in mission.names("clean")


def test_a_file_that_a_job_makes_meanwhile_is_copied_by_the_same_run(kept: Mission, tmp_path: Path) -> None:
    text = kept.file.read_text().replace('products = ["raw"]', 'products = ["raw", "cl*"]\nversions = "all"')
    kept.file.write_text(text)
    kept.dbproc("apply", str(kept.file))
    kept.deliver(name_of("raw", 2))
    kept.run()
    force(kept)
    kept.run()
    made = {name_of("clean", day, version) for day in (1, 2) for version in ("1.0.0", "1.0.1")}
    assert {path.name for path in (tmp_path / "far" / "data" / "clean").iterdir()} == made


def test_a_file_that_is_linked_to_from_an_area_is_not_offloaded_before_that_expires(
    kept: Mission, tmp_path: Path
) -> None:
    (tmp_path / "area").mkdir()
    area = table("area.scratch", {"directory": str(tmp_path / "area"), "reserve": 0})
    kept.file.write_text(f"{kept.file.read_text()}\n{area}")
    kept.dbproc("apply", str(kept.file))
    kept.dbproc("stage", RAW, "--to", "scratch/ada/in", "--link", "symlink")
    assert "is a link to it" in kept.dbproc("offload", RAW, status=1).out
    kept.dbproc("stages", "end", "1")
    kept.dbproc("offload", RAW)


def test_a_file_of_which_a_member_does_not_come_stays_offloaded(sqlite_mission: Mission, tmp_path: Path) -> None:
    mission = sqlite_mission
    volume = product("volume", 0, "volume_{Y}{m}{d}.dat", companion=True)
    mission.create(volume, store("only", tmp_path / "only"), rule("volume", to=["only"]), retry_seconds=0)
    mission.deliver("volume_20200101.dat", content="header")
    (mission.incoming / "volume_20200101").mkdir()
    (mission.incoming / "volume_20200101" / "0.bin").write_text("block")
    mission.run()
    mission.dbproc("offload", "volume_20200101.dat")
    member = tmp_path / "only" / "data" / "volume" / "volume_20200101" / "0.bin"
    member.rename(tmp_path / "0.bin")
    refused = mission.dbproc("recall", "volume_20200101.dat", status=1).out
    assert "not volume_20200101.dat: store only: there is no" in refused
    assert mission.rows(OFFLOADED) == [("volume_20200101.dat",)]
    (tmp_path / "0.bin").rename(member)
    mission.dbproc("stores", "check", "--deep")
    mission.dbproc("recall", "volume_20200101.dat")
    assert (mission.root / "data" / "volume" / "volume_20200101" / "0.bin").read_text() == "block"
    assert mission.rows(OFFLOADED) == []
    mission.dbproc("check", "--deep")


def test_many_jobs_wait_for_a_store_that_is_away_and_it_is_asked_a_few_times_only(
    sqlite_mission: Mission, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dbproc.run.parked._MOST_AHEAD", 2)
    mission = sqlite_mission
    mission.create(*chain(), store("only", tmp_path / "only"), rule("raw", to=["only"]), retry_seconds=3600)
    mission.deliver(*(name_of("raw", day) for day in range(1, 9)))
    mission.run()
    mission.dbproc("offload", "--product", "raw")
    (tmp_path / "only").rename(tmp_path / "gone")
    force(mission)
    assert mission.run().out.count("waits for raw_") == 8
    assert mission.one("SELECT count(*) FROM transfer WHERE rule = 'recall'") <= 4
    (tmp_path / "gone").rename(tmp_path / "only")
    mission.execute("UPDATE transfer SET next_try = NULL")
    assert "recall: 8 files" in mission.run().out
    assert all(name_of("clean", day, "1.0.1") in mission.names("clean") for day in range(1, 9))
