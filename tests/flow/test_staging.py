"""Files staged into users' areas: placed, asked for again, refused, taken out again."""

from __future__ import annotations

import grp
import json
import os
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from dbproc.changes.staging.answer import answer
from dbproc.changes.staging.origins import StoreFile
from dbproc.changes.staging.request import Wanted, request
from dbproc.changes.staging.work import end, work
from dbproc.core import rucio
from dbproc.core.errors import RoomError
from dbproc.core.places import Link
from dbproc.core.staging import Destination
from dbproc.core.states import StageState
from dbproc.database.selection import Selection
from dbproc.database.store import Store
from tests.kit.filesystems import other_filesystem
from tests.kit.mission import Mission, name_of, product, table
from tests.kit.stores import rule, store

AREA = "scratch"
ONE, TWO = name_of("raw", 1), name_of("raw", 2)


@pytest.fixture
def area(tmp_path: Path) -> Path:
    directory = tmp_path / "scratch"
    directory.mkdir()
    return directory


def staging(mission: Mission, area: Path, *stores: str, **keys: float) -> Mission:
    """A mission with two files and an area."""
    mission.create(product("raw", 0))
    mission.deliver(ONE, TWO)
    mission.run()
    return places(mission, area, *stores, **keys)


def places(mission: Mission, area: Path, *stores: str, **keys: float) -> Mission:
    return mission.define(product("raw", 0), area_block(area, **keys), *stores)


def area_block(area: Path, **keys: float) -> str:
    return table(f"area.{AREA}", {"directory": str(area), "reserve": 0, **keys})


def stage(mission: Mission, *arguments: str, to: str = "scratch/ada/in", status: int = 0) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(mission.dbproc("stage", *arguments, "--to", to, "--json", status=status).out)
    return answer


def shown(mission: Mission, number: int) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(mission.dbproc("stages", "show", str(number), "--json").out)
    return answer


def states(answer: dict[str, Any]) -> dict[str, str]:
    return {Path(file["target"]).name: file["state"] for file in answer["files"]}


def reasons(answer: dict[str, Any]) -> dict[str, str]:
    return {Path(file["target"]).name: file["reason"] for file in answer["files"]}


def tree(area: Path) -> set[str]:
    return {str(path.relative_to(area)) for path in area.rglob("*")}


def let_it_expire(mission: Mission) -> None:
    mission.execute("UPDATE stage SET expires_time = '2024-06-01 00:00:00.000000'")


@pytest.mark.both_databases
def test_what_is_staged_is_there_until_it_expires_and_nothing_else_is_touched(mission: Mission, area: Path) -> None:
    staging(mission, area)
    (area / "ada").mkdir()
    (area / "ada" / "mine").write_text("mine")
    foretold = mission.dbproc("stage", "--product", "raw", "--to", "scratch/ada/in/./2020/", "--dry-run").out
    assert "would place 2 files as copy in scratch/ada/in/2020" in foretold
    assert mission.one("SELECT count(*) FROM stage") == 0
    done = stage(mission, "--product", "raw", "--expires", "30d", to="scratch/ada/in/./2020/")
    assert (done["state"], states(done)) == ("placed", {ONE: "placed", TWO: "placed"})
    assert all(file["is_verified"] for file in done["files"])
    placed = area / "ada" / "in" / "2020" / ONE
    assert placed.read_text() == mission.content(ONE)
    assert not placed.samefile(mission.files()[ONE].path)
    assert done["expires_time"] is not None

    mission.run()
    assert placed.exists()
    let_it_expire(mission)
    assert "its time was over; taken out: 2 files" in mission.run().out
    assert tree(area) == {"ada", "ada/mine"}
    assert shown(mission, done["stage_id"])["state"] == "removed"
    assert mission.rows("SELECT removed_time FROM stage WHERE removed_time IS NULL") == []
    assert not list((mission.root / ".dbproc" / "transfers").iterdir())


@pytest.mark.both_databases
def test_the_same_request_is_the_same_and_places_what_is_missing(mission: Mission, area: Path) -> None:
    staging(mission, area)
    first = stage(mission, ONE, TWO, "--expires", "1 day")
    again = stage(mission, TWO, ONE, "--expires", "never")
    assert (again["stage_id"], again["expires_time"]) == (first["stage_id"], None)
    (area / "ada" / "in" / ONE).unlink()
    (area / "ada" / "in" / TWO).write_text("mine by now")
    third = stage(mission, ONE, TWO, status=1)
    assert third["stage_id"] == first["stage_id"]
    assert states(third) == {ONE: "placed", TWO: "failed"}
    assert "is not overwritten" in reasons(third)[TWO]
    (area / "ada" / "in" / TWO).unlink()
    assert states(stage(mission, ONE, TWO)) == {ONE: "placed", TWO: "placed"}
    assert stage(mission, ONE)["stage_id"] != first["stage_id"]
    assert stage(mission, ONE, TWO, to="scratch/bob/in")["stage_id"] != first["stage_id"]
    mission.dbproc("stages", "end", str(first["stage_id"]))
    assert stage(mission, ONE, TWO)["stage_id"] != first["stage_id"]


@pytest.mark.both_databases
def test_what_is_asked_for_at_the_same_time_is_one_request_and_fits_one_quota(mission: Mission, area: Path) -> None:
    staging(mission, area, quota=12 / 2**30)  # as much as one file

    def ask(name: str) -> int | str:
        with Store(mission.database) as opened:
            wanted = Wanted(to=Destination(AREA, "ada"), selection=Selection(names=(name,)))
            try:
                return request(opened, wanted).stage_id or 0
            except RoomError as error:
                return str(error)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, (ONE, TWO) * 8))
    won = 0 if isinstance(answers[0], int) else 1
    assert len(set(answers[won::2])) == 1
    assert all("ada may have" in str(answer) for answer in answers[1 - won :: 2])
    assert mission.rows("SELECT count(*) FROM stage") == mission.rows("SELECT count(*) FROM transfer") == [(1,)]


@pytest.mark.parametrize("link", [Link.HARDLINK, Link.SYMLINK])
def test_links_are_placed_checked_and_taken_out(mission: Mission, area: Path, link: Link) -> None:
    staging(mission, area, quota=0.0)  # links count nothing
    done = stage(mission, "--product", "raw", "--link", str(link))
    assert states(done) == {ONE: "placed", TWO: "placed"}
    path, home = area / "ada" / "in" / ONE, mission.files()[ONE].path
    assert path.samefile(home)
    assert path.is_symlink() is (link is Link.SYMLINK)
    assert stage(mission, "--product", "raw", "--link", str(link))["stage_id"] == done["stage_id"]
    (area / "ada" / "in" / TWO).unlink()
    (area / "ada" / "in" / TWO).write_text("mine")
    mission.dbproc("stages", "end", str(done["stage_id"]))
    assert tree(area) == {"ada", "ada/in", f"ada/in/{TWO}"}
    assert "something else is there by now" in reasons(shown(mission, done["stage_id"]))[TWO]
    assert home.read_text() == mission.content(ONE)


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Path]:
    """A directory on another filesystem than the mission."""
    directory = Path(tempfile.mkdtemp(dir=other_filesystem(tmp_path)))
    yield directory
    shutil.rmtree(directory)


@pytest.mark.parametrize(("link", "words"), [("hardlink", "another filesystem"), ("reflink", "cannot share its bytes")])
def test_what_the_filesystem_cannot_do_is_said_and_no_copy_made(
    sqlite_mission: Mission, elsewhere: Path, link: str, words: str
) -> None:
    assert elsewhere.stat().st_dev != sqlite_mission.root.stat().st_dev
    done = stage(staging(sqlite_mission, elsewhere), ONE, "--link", link, status=1)
    assert words in reasons(done)[ONE]
    assert "--link copy" in reasons(done)[ONE]
    assert tree(elsewhere) == {"ada", "ada/in"}


def test_a_path_that_leads_out_is_refused_before_anything_is_recorded(sqlite_mission: Mission, area: Path) -> None:
    staging(sqlite_mission, area)
    for to, words in (("scratch/ada/../bob", "leads elsewhere"), ("scrach/ada", "did you mean scratch")):
        assert words in sqlite_mission.dbproc("stage", ONE, "--to", to, status=2).err
    assert tree(area) == set()
    assert sqlite_mission.one("SELECT count(*) FROM stage") == 0


def test_no_link_that_a_user_made_is_followed(sqlite_mission: Mission, area: Path, tmp_path: Path) -> None:
    staging(sqlite_mission, area)
    outside = tmp_path / "outside"
    outside.mkdir()
    (area / "ada").mkdir()
    (area / "ada" / "in").symlink_to(outside)
    (area / "bob").symlink_to(outside)
    cases = (("scratch/ada/in", "copy"), ("scratch/ada/in/deeper", "hardlink"), ("scratch/bob", "symlink"))
    for to, link in cases:
        done = stage(sqlite_mission, ONE, "--link", link, to=to, status=1)
        assert "is a link or no directory, and is not entered" in reasons(done)[ONE]
        sqlite_mission.dbproc("stages", "end", str(done["stage_id"]))
    assert list(outside.iterdir()) == []
    assert tree(area) == {"ada", "ada/in", "bob"}


def test_a_link_put_where_a_directory_was_is_neither_followed_nor_removed(
    sqlite_mission: Mission, area: Path, tmp_path: Path
) -> None:
    done = stage(staging(sqlite_mission, area), ONE)
    (area / "ada" / "in").rename(tmp_path / "kept")
    (area / "ada" / "in").symlink_to(tmp_path / "kept")
    sqlite_mission.dbproc("stages", "end", str(done["stage_id"]))
    assert (tmp_path / "kept" / ONE).exists()
    assert (area / "ada" / "in").is_symlink()
    assert "it stays" in reasons(shown(sqlite_mission, done["stage_id"]))[ONE]


@pytest.mark.both_databases
def test_quotas_count_what_is_placed_and_what_waits(mission: Mission, area: Path) -> None:
    staging(mission, area)
    size = mission.files()[ONE].size
    places(mission, area, quota=(2 * size - 1) / 2**30)
    first = stage(mission, ONE)
    refused = mission.dbproc("stage", TWO, "--to", "scratch/ada", status=1).err
    assert "ada may have" in refused
    assert f"has {size} B; this needs {size} B" in refused
    assert mission.one("SELECT count(*) FROM stage") == 1
    stage(mission, TWO, to="scratch/bob")
    refused = mission.dbproc("stage", ONE, TWO, "--to", "scratch/eve", status=1).err
    assert "and this is" in refused
    usage = json.loads(mission.dbproc("stages", "usage", "--json").out)
    assert [(each["owner"], each["placed"], each["waiting"]) for each in usage] == [("ada", size, 0), ("bob", size, 0)]
    (area / "ada" / "in" / ONE).unlink()
    assert stage(mission, ONE)["stage_id"] == first["stage_id"]  # what it has is not counted twice
    mission.dbproc("stages", "end", str(first["stage_id"]))
    stage(mission, TWO)


def test_the_reserve_of_free_space_is_kept(sqlite_mission: Mission, area: Path) -> None:
    staging(sqlite_mission, area, reserve=1e6)
    refused = sqlite_mission.dbproc("stage", ONE, "--to", "scratch/ada", status=1).err
    assert "there is no room in area scratch" in refused
    assert "1e+06 GiB must stay free" in refused
    assert tree(area) == set()


def test_what_is_there_already_counts_as_placed_and_stays(sqlite_mission: Mission, area: Path) -> None:
    mission = staging(sqlite_mission, area)
    (area / "ada" / "in").mkdir(parents=True)
    shutil.copy(mission.files()[ONE].path, area / "ada" / "in" / ONE)
    done = stage(mission, ONE, TWO)
    assert reasons(done)[ONE] == "it was there already"
    mission.dbproc("stages", "end", str(done["stage_id"]))
    assert tree(area) == {"ada", "ada/in", f"ada/in/{ONE}"}


def test_the_last_of_two_requests_takes_out_what_both_have(sqlite_mission: Mission, area: Path) -> None:
    mission = staging(sqlite_mission, area)
    first, second = stage(mission, ONE), stage(mission, ONE, TWO)
    mission.dbproc("stages", "end", str(first["stage_id"]))
    assert "another request needs it" in reasons(shown(mission, first["stage_id"]))[ONE]
    assert tree(area) == {"ada", "ada/in", f"ada/in/{ONE}", f"ada/in/{TWO}"}
    mission.dbproc("stages", "end", str(second["stage_id"]))
    assert tree(area) == {"ada"}


def test_files_that_were_taken_back_are_not_handed_out(sqlite_mission: Mission, area: Path) -> None:
    mission = staging(sqlite_mission, area)
    mission.dbproc("withdraw", ONE, "--reason", "wrong")
    assert f"{ONE}: taken back" in mission.dbproc("stage", ONE, "--to", "scratch/ada", status=2).err
    assert states(stage(mission, "--product", "raw")) == {TWO: "placed"}


def test_what_was_taken_back_since_it_was_asked_for_is_not_placed(sqlite_mission: Mission, area: Path) -> None:
    mission = staging(sqlite_mission, area)
    area.rename(area.with_name("away"))
    assert "scratch cannot be entered" in mission.dbproc("stage", ONE, "--to", "scratch/ada", status=1).err
    area.with_name("away").rename(area)
    stage(mission, ONE)
    mission.execute("UPDATE stagefile SET state = 'waiting', placed = ''")
    mission.execute("UPDATE transfer SET state = 'waiting', shasum = NULL")
    (area / "ada" / "in" / ONE).unlink()
    mission.dbproc("withdraw", ONE, "--reason", "wrong")
    mission.run(status=1)
    assert "taken back since" in reasons(shown(mission, 1))[ONE]
    assert tree(area) == {"ada", "ada/in"}


def test_in_an_area_that_is_not_mounted_nothing_is_placed_and_nothing_counts_as_removed(
    sqlite_mission: Mission, area: Path
) -> None:
    mission = staging(sqlite_mission, area)
    done = stage(mission, ONE)
    area.rename(area.with_name("unmounted"))
    area.mkdir()
    let_it_expire(mission)
    assert "is empty, though files were placed in it; mount its disk" in mission.run(status=1).err
    assert "mount its disk" in mission.dbproc("stage", TWO, "--to", "scratch/bob", status=1).err
    assert "mount its disk" in mission.dbproc("stages", "end", str(done["stage_id"]), status=1).err
    assert tree(area) == set()
    area.rmdir()
    area.with_name("unmounted").rename(area)
    mission.run()
    assert tree(area) == {"ada"}


def test_a_rotten_file_is_not_linked(sqlite_mission: Mission, area: Path) -> None:
    mission = staging(sqlite_mission, area)
    path = mission.files()[ONE].path
    good, status = path.read_text(), path.stat()
    path.chmod(0o644)
    path.write_text("x" * len(good))
    done = stage(mission, ONE, TWO, "--link", "symlink", status=1)
    assert states(done) == {ONE: "failed", TWO: "placed"}
    path.write_text(good)
    path.chmod(status.st_mode)


def test_files_of_stores_are_placed_as_they_are_there(sqlite_mission: Mission, area: Path, tmp_path: Path) -> None:
    (tmp_path / "far" / "a").mkdir(parents=True)
    (tmp_path / "far" / "a" / "b.dat").write_text("bytes")
    (tmp_path / "far" / "out").symlink_to("/etc")
    mission = staging(sqlite_mission, area, store("far", tmp_path / "far"))
    done = stage(mission, "far:a/b.dat", "--link", "hardlink")
    assert (area / "ada" / "in" / "b.dat").samefile(tmp_path / "far" / "a" / "b.dat")
    assert stage(mission, "far:a/b.dat", "--link", "hardlink")["stage_id"] == done["stage_id"]
    assert states(stage(mission, "far:a/b.dat", ONE, to="scratch/bob")) == {"b.dat": "placed", ONE: "placed"}
    for path, words in (
        ("a/none", "there is no"),
        ("../x", "leads out"),
        ("out/passwd", "leads out"),
        ("a", "no file"),
    ):
        refused = mission.dbproc("stage", f"far:{path}", "--to", "scratch/ada", status=2 if path == "a/none" else 1)
        assert words in refused.err


def test_two_files_that_would_have_one_path_are_refused(sqlite_mission: Mission, area: Path, tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / ONE).write_text("other")
    mission = staging(sqlite_mission, area, store("far", tmp_path / "far"))
    assert "2 of the files would be" in mission.dbproc("stage", ONE, f"far:{ONE}", "--to", "scratch/ada", status=2).err


def test_nothing_is_asked_for_by_accident(sqlite_mission: Mission, area: Path) -> None:
    mission = staging(sqlite_mission, area)
    assert "name files" in mission.dbproc("stage", "--to", "scratch/ada", status=2).err
    assert "is over" in mission.dbproc("stage", ONE, "--to", "scratch/ada", "--expires", "2020-01-01", status=2).err
    assert "neither" in mission.dbproc("stage", ONE, "--to", "scratch/ada", "--expires", "soon", status=2).err
    assert "there is no request 7" in mission.dbproc("stages", "show", "7", status=2).err
    assert "nothing is staged" in mission.dbproc("stages", "list").out
    stage(mission, ONE)
    listed = mission.dbproc("stages", "list").out
    assert "scratch/ada/in" in listed
    assert f"placed ada/in/{ONE} from root: data/raw/{ONE}" in mission.dbproc("stages", "show", "1").out


def test_placed_files_have_the_missions_rights(sqlite_mission: Mission, area: Path) -> None:
    mission = staging(sqlite_mission, area)
    group = grp.getgrgid(os.getegid()).gr_name
    mission.define(product("raw", 0), area_block(area), umask="007", group=group)
    stage(mission, ONE)
    assert os.stat(area / "ada" / "in").st_mode & 0o7777 == 0o2770
    assert os.stat(area / "ada" / "in" / ONE).st_mode & 0o007 == 0


@pytest.mark.both_databases
def test_a_file_that_is_offloaded_comes_straight_from_the_best_store(
    mission: Mission, area: Path, tmp_path: Path
) -> None:
    near = store("near", tmp_path / "near", preference=1)
    far = store("far", tmp_path / "far", preference=2, layout="rucio", scope="user.ada")
    staging(mission, area, far, near, rule("raw", to=["near", "far"]))
    mission.run()
    mission.dbproc("offload", ONE)
    refused = mission.dbproc("stage", ONE, "--link", "symlink", "--to", "scratch/ada", status=2).err
    assert f"{ONE}: not on this disk, so no symlink can be made" in refused
    done = stage(mission, "--product", "raw")
    origins = {Path(file["target"]).name: file["origin"] for file in done["files"]}
    assert origins == {ONE: f"store near: data/raw/{ONE}", TWO: f"root: data/raw/{TWO}"}
    assert all(file["is_verified"] for file in done["files"])
    assert (area / "ada" / "in" / ONE).read_text() == "raw_20200101"
    assert not mission.files()[ONE].path.exists()
    in_rucio = rucio.path("user.ada", ONE)
    assert in_rucio.startswith("user/ada/")
    (tmp_path / "near").rename(tmp_path / "away")
    done = stage(mission, ONE, to="scratch/bob")
    assert (states(done), done["files"][0]["origin"]) == ({ONE: "placed"}, f"store far: {in_rucio}")
    (tmp_path / "far").rename(tmp_path / "away too")
    waits = stage(mission, ONE, to="scratch/eve")
    assert waits["state"] == "waiting"
    assert "is not there; is its disk mounted?" in reasons(waits)[ONE]
    (tmp_path / "away").rename(tmp_path / "near")
    mission.execute("UPDATE transfer SET next_try = NULL")
    mission.run()
    assert shown(mission, waits["stage_id"])["state"] == "placed"


def test_a_transfer_that_was_given_up_and_tried_again_takes_its_file_along(
    sqlite_mission: Mission, area: Path, tmp_path: Path
) -> None:
    mission = staging(sqlite_mission, area, store("far", tmp_path / "far"))
    (tmp_path / "far" / "b.dat").write_text("bytes")
    with Store(mission.database) as opened:
        wanted = Wanted(to=Destination(AREA, "ada"), store_files=(StoreFile(store="far", path="b.dat"),))
        assert request(opened, wanted).state is StageState.WAITING
    mission.dbproc("transfers", "cancel", "1")
    mission.run()
    assert shown(mission, 1)["state"] == "failed"
    mission.dbproc("transfers", "retry", "1")
    assert "request 1: placed: 1 file, 5 B" in mission.run().out
    mission.dbproc("stages", "end", "1")
    with Store(mission.database) as opened:
        request(opened, wanted)
        end(opened, 2)
    assert json.loads(mission.dbproc("transfers", "retry", "2", "--json", status=1).out)["unchanged"] == [2]
    assert tree(area) == {"ada"}


def test_a_file_is_staged_with_its_companion_directory(sqlite_mission: Mission, area: Path) -> None:
    mission = sqlite_mission
    mission.create(product("volume", 0, "volume_{Y}{m}{d}.idx", companion=True), area_block(area))
    (mission.incoming / "volume_20200101" / "sub").mkdir(parents=True)
    for name in ("volume_20200101.idx", "volume_20200101/0.bin", "volume_20200101/sub/1.bin"):
        (mission.incoming / name).write_text(name)
    mission.run()
    for link in ("copy", "symlink"):
        done = stage(mission, "volume_20200101.idx", "--link", link)
        assert {file["state"] for file in done["files"]} == {"placed"}
        for name in ("volume_20200101.idx", "volume_20200101/0.bin", "volume_20200101/sub/1.bin"):
            assert (area / "ada" / "in" / name).read_text() == name
        mission.dbproc("stages", "end", str(done["stage_id"]))
        assert tree(area) == {"ada"}


def test_digests_that_whoever_asks_knows_are_held_against_the_bytes(
    sqlite_mission: Mission, area: Path, tmp_path: Path
) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "b.dat").write_text("bytes")
    mission = staging(sqlite_mission, area, store("far", tmp_path / "far"))
    right, wrong = (f"adler32:{zlib.adler32(text):08x}" for text in (b"bytes", b"other"))
    with Store(mission.database) as opened:
        for owner, digest, state in (("ada", right, StageState.PLACED), ("bob", wrong, StageState.WAITING)):
            asked = StoreFile(store="far", path="b.dat", below="deep", expected=(digest,))
            entered = request(opened, Wanted(to=Destination(AREA, owner), store_files=(asked,), user=f"{owner}@x"))
            assert (entered.state, entered.user) == (StageState.WAITING, f"{owner}@x")
            assert entered.stage_id is not None
            done = work(opened, entered.stage_id)
            assert done.state is state
            assert done == answer(opened, entered.stage_id)
    assert f"and not {wrong}" in done.files[0].reason
    assert tree(area) == {"ada", "ada/deep", "ada/deep/b.dat", "bob", "bob/deep"}
