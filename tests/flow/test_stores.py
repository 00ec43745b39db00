"""Stores: what lies in them taken into the catalogue, said, checked and healed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from dbproc.changes.stores import adoption
from dbproc.core.errors import PermanentError, TemporaryError
from dbproc.core.places import REPLICATES, STORES, ReplicateSpec, StoreSpec, Trust
from dbproc.database import replicas
from dbproc.storage.stores.base import Entry
from dbproc.storage.stores.local import LocalPlace
from tests.kit.mission import Mission, name_of, process, product
from tests.kit.stores import lying

RUN = "SONAR001_{Y}{m}{d}T{H}{M}{S}.{MILLI}Z-{mode}"
OWN = "SELECT store, path, file_size, state, file_id FROM replica ORDER BY store, path"


def keep(mission: Mission, stores: Sequence[StoreSpec] = (), rules: Sequence[ReplicateSpec] = ()) -> None:
    """Have a mission keep copies in stores by rules."""
    values = (STORES.to_column(tuple(stores)), REPLICATES.to_column(tuple(rules)))
    mission.execute("UPDATE mission SET stores = '{}', replicates = '{}'".format(*values))


def store(name: str, directory: Path, **keys: Any) -> StoreSpec:
    directory.mkdir(parents=True, exist_ok=True)
    return StoreSpec(name=name, url=f"file://{directory}", **{"reserve": 0.0, **keys})


def rule(*products: str, to: Sequence[str], **keys: Any) -> ReplicateSpec:
    return ReplicateSpec(name="1", products=products, to=tuple(to), **keys)


def archives(mission: Mission, *blocks: str) -> Mission:
    """A mission of archives in two formats, with stores that nobody can reach."""
    formats = {"packed": f"{RUN}.tar.gz", "plain": f"{RUN}.tar"}
    made = [product(name, 0, each, directory="raw/{Y}/{m}/{d}") for name, each in formats.items()]
    mission.create(*made, *blocks)
    hosts = [StoreSpec(name=name, url=f"sftp://{name}/sonar") for name in ("nas1", "nas2")]
    keep(mission, [*hosts, StoreSpec(name="web", url="https://archive.example/sonar", preference=900)])
    return mission


def lists(mission: Mission) -> dict[str, Path]:
    """Inventories: lines of two hosts, and a JSON list of names."""
    lines = {
        "nas1": [
            "1\t100\t./2014/12/15/SONAR001_20141215T090839.005Z-DOPPLER.tar.gz",
            "1\t900\t./2014/12/15/SONAR001_20141215T090839.005Z-DOPPLER.tar",
            "1\t70\t./2014/12/15/SONAR001_20141215T150000.072Z-DIFFUSE.tar.gz",
            "1\t87\t./2014/12/15/SONAR001_20141215T150000.072Z-DIFFUSE",
            "1\t60\t./2014/02/27/tmp/SONAR001_20140227T210039.330Z_20140227T210809.616Z-IMAGING",
            "1\t50\t./2014/02/27/tmp/SONAR001_20140227T210039.330Z-IMAGING/rec_7038_000001.bin",
            "1\t40\t./2014/02/27/tmp/SONAR001_20140227T210039.330Z-IMAGING/rec_7000_000001.json",
            "1\t41\t./2014/02/27/tmp/SONAR001_20140227T210039.330Z-IMAGING/rec_7000_000002.json",
        ],
        "nas2": [
            "2\t100\t./2014/12/15/SONAR001_20141215T090839.005Z-DOPPLER.tar.gz",
            "2\t80\t./2014/12/16/SONAR001_20141216T000000.100Z-IMAGING.tar.gz",
        ],
    }
    names = ["090839.005Z-DOPPLER.tar", "150000.072Z-DIFFUSE.tar", "150000.072Z-DIFFUSE.png"]
    made = {name: mission.root / f"{name}.txt" for name in lines}
    for name, path in made.items():
        path.write_text("\n".join(lines[name]) + "\n")
    made["web"] = mission.root / "web.json"
    made["web"].write_text(json.dumps([f"SONAR001_20141215T{name}" for name in names]))
    return made


def adopted(mission: Mission, name: str, *options: object, status: int = 0) -> Any:
    words = map(str, options)
    return json.loads(mission.dbproc("stores", "adopt", name, *words, "--json", status=status).out)


def asked(mission: Mission, *words: str, status: int = 0) -> Any:
    return json.loads(mission.dbproc(*words, "--json", status=status).out)


@pytest.mark.both_databases
def test_what_lies_in_stores_is_taken_in_where_it_is_however_often_it_is_asked_for(mission: Mission) -> None:
    archives(mission)
    made = lists(mission)
    foreseen = {name: adopted(mission, name, "--inventory", path, "--dry-run") for name, path in made.items()}
    assert foreseen["nas1"]["files"] == 3
    assert mission.files() == {}
    done = {name: adopted(mission, name, "--inventory", path) for name, path in made.items()}
    assert {name: (each["files"], each["copies"]) for name, each in done.items()} == {
        "nas1": (3, 3),
        "nas2": (1, 2),
        "web": (1, 2),
    }
    left = {(each["kind"], each["why"]): (each["count"], each["bytes"]) for each in done["nas1"]["left"]}
    assert left == {
        ("", "of no product"): (2, 147),
        (".bin", "of no product"): (1, 50),
        (".json", "of no product"): (2, 81),
    }
    assert done["web"]["left"][0]["kind"] == ".png"

    file = mission.files()["SONAR001_20141215T150000.072Z-DIFFUSE.tar.gz"]
    assert (file.product, file.date, file.size, file.digest) == ("packed", "2014-12-15", 70, "sha256:unknown")
    assert file.keywords == "H=15 M=00 MILLI=072 S=00 mode=DIFFUSE"
    assert str(file.path.relative_to(mission.root)) == f"raw/2014/12/15/{file.path.name}"
    assert mission.files()["SONAR001_20141215T150000.072Z-DIFFUSE.tar"].size is None
    assert mission.one("SELECT count(*) FROM file WHERE exists_on_disk AND offloaded_time IS NOT NULL") == 5
    assert mission.queued() == 0

    before = mission.tables(), mission.rows("SELECT * FROM replica")
    again = [adopted(mission, name, "--inventory", path) for name, path in made.items()]
    assert [(each["files"], each["copies"], each["known"]) for each in again] == [(0, 0, 3), (0, 0, 2), (0, 0, 2)]
    assert (mission.tables("logging"), mission.rows("SELECT * FROM replica")) == (
        {name: rows for name, rows in before[0].items() if name != "logging"},
        before[1],
    )
    assert "no fault" in mission.dbproc("check").out
    assert mission.run().out == ""

    found = asked(mission, "stores", "list")
    assert found["spread"] == {
        "names": 3,
        "files": 5,
        "copies": 7,
        "by_stores": {"1": 1, "2": 1, "3": 1},
        "several_in_one": 1,
    }
    copies = asked(mission, "whereis", "SONAR001_20141215T090839.005Z-DOPPLER")
    assert {each["file"].rpartition("Z-DOPPLER")[2]: [copy["store"] for copy in each["copies"]] for each in copies} == {
        ".tar": ["nas1", "web"],
        ".tar.gz": ["nas1", "nas2"],
    }
    shown = mission.dbproc("whereis", "SONAR001_20141216T000000.100Z-IMAGING.tar.gz").out
    assert "offloaded, 80 B, digest not known" in shown
    assert "sftp://nas2/sonar/2014/12/16/SONAR001_20141216T000000.100Z-IMAGING.tar.gz" in shown
    assert "no file SONAR001_2014-DOPPLER" in mission.dbproc("whereis", "SONAR001_2014-DOPPLER", status=2).err


def test_later_lists_add_what_was_not_known_and_what_contradicts_is_told(mission: Mission) -> None:
    archives(mission)
    name = "SONAR001_20141215T090839.005Z-DOPPLER.tar"
    path = mission.root / "list.json"
    path.write_text(json.dumps([name]))
    adopted(mission, "web", "--inventory", path)
    digest = "a" * 64
    path.write_text(json.dumps({"files": [{"Path": name, "Size": 900, "IsDir": False, "Hashes": {"SHA-256": digest}}]}))
    assert adopted(mission, "web", "--inventory", path)["known"] == 1
    assert (mission.files()[name].size, mission.files()[name].digest) == (900, f"sha256:{digest}")
    assert mission.one("SELECT file_size FROM replica") == 900

    path.write_text(json.dumps([{"path": name, "size": 901}, {"path": f"twice/{name}", "size": 5}]))
    done = adopted(mission, "web", "--inventory", path, status=1)
    assert [(each["path"], each["why"]) for each in done["contradictions"]] == [
        (name, "900 bytes are recorded, and 901 listed"),
        (f"twice/{name}", "900 bytes are recorded, and 5 listed"),
    ]
    assert mission.rows("SELECT path, file_size, state FROM replica ORDER BY path") == [
        (name, 900, "unverified"),
        (f"twice/{name}", 5, "corrupt"),
    ]
    assert mission.files()[name].size == 900


def test_a_list_of_several_hosts_says_which_of_them_the_store_is(mission: Mission) -> None:
    archives(mission)
    path = mission.root / "all.txt"
    path.write_text("".join(each.read_text() for name, each in lists(mission).items() if name != "web"))
    said = mission.dbproc("stores", "adopt", "nas1", "--inventory", str(path), status=2).err
    assert "of the hosts 1, 2; say which of them store nas1 is: --host HOST" in said
    assert mission.files() == {}
    assert adopted(mission, "nas2", "--inventory", path, "--host", "2")["listed"] == 2
    assert "no store nas3" in mission.dbproc("stores", "adopt", "nas3", "--inventory", str(path), status=2).err


@pytest.mark.both_databases
def test_what_a_kill_leaves_undone_is_done_when_it_is_asked_for_again(
    mission: Mission, monkeypatch: pytest.MonkeyPatch
) -> None:
    archives(mission)
    made = lists(mission)
    monkeypatch.setattr(adoption, "_BATCH", 2)
    with monkeypatch.context() as killed:
        calls: list[object] = []

        def enter(connection: Any, rows: Any, own: Any = replicas.enter) -> None:
            calls.append(rows)
            if len(calls) > 1:
                raise RuntimeError("as if killed")
            own(connection, rows)

        killed.setattr(replicas, "enter", enter)
        with pytest.raises(AssertionError, match="as if killed"):
            mission.dbproc("stores", "adopt", "nas1", "--inventory", str(made["nas1"]))
    assert len(mission.rows(OWN)) == len(mission.files()) == 2
    assert adopted(mission, "nas1", "--inventory", made["nas1"])["copies"] == 1
    assert len(mission.rows(OWN)) == len(mission.files()) == 3


def test_what_is_taken_in_is_queued_where_that_is_asked_for(mission: Mission) -> None:
    text = product("unpacked", 1, "unpacked_{Y}{m}{d}_v{VERSION}.txt")
    archives(mission, text, process("to_unpacked", "unpacked", ["packed"]))
    made = lists(mission)
    assert adopted(mission, "nas2", "--inventory", made["nas2"])["files"] == 2
    assert mission.queued() == 0
    assert adopted(mission, "nas1", "--inventory", made["nas1"], "--product", "packed", "--queue")["files"] == 1
    assert mission.queued() == 1


def test_of_a_store_that_goes_away_while_it_is_listed_nothing_is_taken_in(
    mission: Mission, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, _ = two(mission)
    put(one, 1, 2, 3)
    whole = LocalPlace.entries

    def entries(place: LocalPlace, directory: str = "") -> Iterator[Entry]:
        yield from whole(place, directory)
        if directory:
            raise TemporaryError("it went away", is_of_place=True)

    with monkeypatch.context() as away:
        away.setattr(LocalPlace, "entries", entries)
        assert "it went away" in mission.dbproc("stores", "adopt", "one", status=1).err
    assert mission.files() == {}
    assert adopted(mission, "one")["files"] == 3


# --- stores that are directories ---


def two(mission: Mission, *more: str, **keys: Any) -> tuple[Path, Path]:
    """A mission with two stores that are directories."""
    mission.create(product("raw", 0), *more)
    one, other = mission.root.parent / "one", mission.root.parent / "other"
    keep(mission, [store("one", one), store("other", other, **keys)], [rule("raw", to=["one", "other"])])
    return one, other


def put(directory: Path, *days: int, content: str = "raw_{}") -> None:
    for day in days:
        path = directory / "2020" / name_of("raw", day)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content.format(day))


def states(mission: Mission, name: str) -> list[tuple[str, str]]:
    rows = mission.rows(f"SELECT path, state FROM replica WHERE store = '{name}' ORDER BY path")
    return [(path.rpartition("/")[2].split("_")[1][-2:], state) for path, state in rows]


def checked(mission: Mission, *words: str, status: int) -> Any:
    return asked(mission, "stores", "check", *words, status=status)


def counts(found: Any) -> list[dict[str, int]]:
    return [each["counts"] for each in found["stores"]]


@pytest.mark.both_databases
def test_a_store_is_held_against_what_is_recorded_of_it(mission: Mission) -> None:
    one, other = two(mission)
    put(one, *range(1, 6))
    put(other, *range(1, 4))
    (one / "notes.dat").write_text("x")
    assert adopted(mission, "one")["left"][0]["examples"] == ["notes.dat"]
    adopted(mission, "other")

    found = checked(mission, status=1)
    assert counts(found) == [{"dark": 1}, {}]
    assert [(each["copies"], each["least"], each["files"]) for each in found["below"]] == [(0, 2, 5)]
    assert mission.files()[name_of("raw", 1)].digest == "sha256:unknown"
    found = checked(mission, "--deep", status=1)
    assert [each["verified"] for each in found["stores"]] == [5, 3]
    assert [(each["copies"], each["files"]) for each in found["below"]] == [(1, 2)]
    assert mission.files()[name_of("raw", 1)].digest != "sha256:unknown"
    again = checked(mission, "--deep", "--older-than", "1 h", status=1)
    assert [each["verified"] for each in again["stores"]] == [0, 0]

    (one / "2020" / name_of("raw", 1)).unlink()
    (one / "2020" / name_of("raw", 2)).write_text("longer than it was")
    put(one, 3, content="RAW_{}")
    (one / name_of("raw", 4)).write_text("raw_4")
    adopted(mission, "one", status=1)
    before = mission.rows(OWN)
    foreseen = checked(mission, "one", "--dry-run", status=1)
    assert counts(foreseen) == [{"missing": 1, "changed": 1, "dark": 1, "duplicate": 1}]
    assert "2 of 6 copies seem lost, over 5 %" in foreseen["stores"][0]["refused"]
    refused = mission.dbproc("stores", "check", "one", status=1).out
    assert "--max-lost 100" in refused
    assert mission.rows(OWN) == before

    found = checked(mission, "one", "--max-lost", "60", "--deep", status=1)
    assert counts(found) == [{"missing": 1, "changed": 2, "dark": 1, "duplicate": 1}]
    assert states(mission, "one") == [
        ("01", "missing"),
        ("02", "corrupt"),
        ("03", "corrupt"),
        ("04", "verified"),
        ("05", "verified"),
        ("04", "verified"),
    ]
    put(one, 1)
    checked(mission, "one", status=1)
    assert states(mission, "one")[0] == ("01", "unverified")
    mission.execute("UPDATE replica SET state = 'missing' WHERE store = 'one' AND path LIKE '%0101%'")
    adopted(mission, "one", status=1)
    assert states(mission, "one")[0] == ("01", "unverified")


def test_a_store_that_is_down_changes_nothing(mission: Mission) -> None:
    one, other = two(mission)
    put(one, 1)
    adopted(mission, "one")
    before = mission.rows(OWN)
    one.rename(one.with_name("away"))
    found = checked(mission, "--max-lost", "100", status=1)
    assert [(each["store"], each["is_up"]) for each in found["stores"]] == [("one", False), ("other", True)]
    assert mission.rows(OWN) == before
    shown = mission.dbproc("stores", "list", "--ask").out
    assert "one: down" in shown.replace(f", file://{one}", "")
    assert other.exists()


def test_of_a_store_that_lists_nothing_each_copy_is_looked_at(
    mission: Mission, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, _ = two(mission)
    put(one, 1, 2, 3)
    (one / "dark").write_text("x")
    adopted(mission, "one")
    (one / "2020" / name_of("raw", 1)).unlink()
    (one / "2020" / name_of("raw", 2)).write_text("longer than it was")

    def entries(place: LocalPlace, directory: str = "") -> Iterator[Entry]:
        raise PermanentError(f"{place.url} is no page that lists files")
        yield

    monkeypatch.setattr(LocalPlace, "entries", entries)
    found = checked(mission, "one", "--max-lost", "100", status=1)
    assert counts(found) == [{"missing": 1, "changed": 1}]
    assert "no page that lists files" in found["stores"][0]["unlisted"]
    assert states(mission, "one") == [("01", "missing"), ("02", "corrupt"), ("03", "unverified")]
    assert "what is dark is not known" in mission.dbproc("stores", "check", "one", status=1).out


def test_copies_that_differ_are_told_where_nobody_knows_which_is_right(mission: Mission) -> None:
    one, other = two(mission)
    put(one, 1)
    put(other, 1, content="RAW_{}")
    adopted(mission, "one")
    adopted(mission, "other")
    checked(mission, "one", "--deep", status=1)
    found = checked(mission, "other", "--deep", "--max-lost", "100", status=1)
    assert counts(found) == [{"changed": 1}]
    mission.execute("UPDATE file SET shasum = 'sha256:unknown'")
    mission.execute("UPDATE replica SET state = 'unverified', shasum = NULL, verified_time = NULL")
    mission.execute("UPDATE replica SET file_size = 6 WHERE store = 'other'")
    (other / "2020" / name_of("raw", 1)).write_text("RAW_01")
    checked(mission, "--deep", "--max-lost", "100", status=1)
    assert mission.files()[name_of("raw", 1)].digest == "sha256:unknown"
    assert (
        mission.rows("SELECT state, reason FROM replica")
        == [("unverified", "its file's copies differ, and nobody knows which is right")] * 2
    )


@pytest.mark.both_databases
def test_what_is_missing_or_corrupt_is_restored_from_a_verified_copy(mission: Mission) -> None:
    one, other = two(mission)
    put(one, 1, 2, 3)
    put(other, 1, 2)
    for name in ("one", "other"):
        adopted(mission, name)
        checked(mission, name, "--deep", status=1)
    (one / "2020" / name_of("raw", 1)).unlink()
    put(one, 2, content="RAW_{}")
    put(one, 3, content="RAW_{}")
    checked(mission, "one", "--deep", "--max-lost", "100", status=1)
    foreseen = asked(mission, "stores", "heal", "--dry-run", status=1)
    assert len(foreseen["asked"]) == 2
    assert [each["why"] for each in foreseen["left"]] == ["no verified copy of it is known"]
    assert mission.one("SELECT count(*) FROM transfer") == 0

    done = asked(mission, "stores", "heal", status=1)
    assert (done["restored"], done["tidied"]) == (2, 1)
    healed = [path for path in lying(one) if "healed-" in path]
    assert len(healed) == 1
    assert lying(one) == {
        f"2020/{name_of('raw', 1)}": "raw_1",
        healed[0]: "raw_2",
        f"2020/{name_of('raw', 3)}": "RAW_3",  # the only copy that there is, whatever it is worth
    }
    assert checked(mission, "--deep", status=1)["below"][0]["files"] == 1
    again = asked(mission, "stores", "heal", status=1)
    assert (again["asked"], again["tidied"]) == ([], 0)


def test_a_copy_that_never_had_the_files_bytes_is_left_to_a_person(mission: Mission) -> None:
    one, other = two(mission, trust=Trust.READ_ONLY)
    put(one, 1)
    adopted(mission, "one")
    checked(mission, "one", "--deep", status=1)
    put(other, 1, content="somebody's own")
    adopted(mission, "other", status=1)
    assert states(mission, "other") == [("01", "corrupt")]
    left = asked(mission, "stores", "heal", "other", status=1)["left"]
    assert len(left) == 1
    keep(mission, [store("one", one), store("other", other)])
    left = asked(mission, "stores", "heal", "other", status=1)["left"]
    assert "it never had the file's bytes" in left[0]["why"]
    assert lying(other) == {f"2020/{name_of('raw', 1)}": "somebody's own"}


def test_the_root_is_healed_as_a_store_is_and_what_was_there_is_kept(mission: Mission) -> None:
    one, _ = two(mission)
    keep(mission, [store("one", one)])
    names = [name_of("raw", day) for day in (1, 2, 3)]
    mission.deliver(*names)
    mission.run()
    for name in names:
        (one / name).write_text(mission.content(name))
    adopted(mission, "one")
    checked(mission, "one", "--deep", status=0)
    gone, rotten, good = (mission.files()[name].path for name in names)
    gone.unlink()
    rotten.write_text("no such thing")
    fact = good.stat().st_mtime_ns
    mission.execute(
        f"UPDATE file SET exists_on_disk = {'0' if mission.is_sqlite else 'false'} WHERE filename = '{names[0]}'"
    )

    done = asked(mission, "stores", "heal", "root")
    assert sorted((each["target"], each["state"]) for each in done["asked"]) == [("root", "verified")] * 2
    assert [path.read_text() for path in (gone, rotten, good)] == [(one / name).read_text() for name in names]
    assert good.stat().st_mtime_ns == fact
    kept = [path for path in (mission.root / ".dbproc" / "withdrawn").rglob("*") if path.is_file()]
    assert [path.read_text() for path in kept] == ["no such thing"]
    assert asked(mission, "stores", "heal")["asked"] == []
    mission.run()  # what was gone and is back is looked at as an input
    away = good.parent.rename(good.parent.with_name("away"))
    good.parent.mkdir()
    left = asked(mission, "stores", "heal", "root", status=1)
    assert left["asked"] == []
    assert all("mount the disk" in each["why"] for each in left["left"])
    good.parent.rmdir()
    away.rename(good.parent)
    assert "no fault" in mission.dbproc("check", "--deep").out
    mission.check()
