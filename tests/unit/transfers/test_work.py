"""The transfers of a rule worked off: states on both databases, retries, places that are away, what is given up."""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from dbproc.core.errors import TemporaryError
from dbproc.core.model import Mission
from dbproc.core.places import SourceSpec
from dbproc.core.transfers import Order, Spot, Task, Transfer, TransferState
from dbproc.database import schema, transfers
from dbproc.database.definition.load import load_mission
from dbproc.database.store import Store
from dbproc.storage import transfer as storage
from dbproc.storage.stores.local import LocalPlace, LocalUpload
from dbproc.transfers import work as working
from dbproc.transfers.work import Live, Worked, work
from tests.kit import mission as kit
from tests.kit.commands import REPOSITORY

RULE = "source far"
S = TransferState
UNKNOWN = "sha256:" + "0" * 64


@dataclass
class Site:
    """A mission with a source that is a directory."""

    store: Store
    mission: Mission
    far: Path

    def put(self, *names: str, content: bytes = b"bytes") -> None:
        for name in names:
            (self.far / name).parent.mkdir(parents=True, exist_ok=True)
            (self.far / name).write_bytes(content)

    def ask(self, *names: str, source: str = "far", **values: Any) -> list[int]:
        orders = [
            Order(
                **{
                    "task": Task.FETCH,
                    "rule": RULE,
                    "origin": Spot(f"source {source}", name, f"file://far/{name}"),
                    "target": Spot("incoming", Path(name).name),
                    "user": "somebody",
                    **values,
                }
            )
            for name in names
        ]
        with self.store.begin() as connection:
            return transfers.ask(connection, orders)

    def work(self, **values: Any) -> Worked:
        return work(self.store, self.mission, RULE, **values)

    def look(self, number: int) -> Transfer:
        with self.store.begin() as connection:
            (found,) = transfers.numbered(connection, [number])
        return found

    def incoming(self) -> dict[str, bytes]:
        top = Path(self.mission.incoming)
        return {str(path.relative_to(top)): path.read_bytes() for path in top.rglob("*") if path.is_file()}

    def let_time_pass(self) -> None:
        with self.store.begin() as connection:
            connection.exec_driver_sql("UPDATE transfer SET next_try = NULL")


@pytest.fixture
def site(database: str, tmp_path: Path) -> Iterator[Site]:
    far = tmp_path / "far"
    far.mkdir()
    made = kit.Mission(tmp_path / "mission", database).create()
    with Store(made.database) as store:
        with store.begin() as connection:
            mission = load_mission(connection)
        sources = (
            SourceSpec(name="far", url=f"file://{far}", reserve=0.0),
            SourceSpec(name="away", url=f"file://{tmp_path}/away", reserve=0.0),
        )
        yield Site(store, replace(mission, sources=sources), far)


def test_files_arrive_and_their_rows_say_so(site: Site) -> None:
    site.put("a/one", "two", content=b"some bytes")
    numbers = site.ask("a/one", "two")
    worked = site.work()
    assert (worked.counts, worked.bytes) == ({S.VERIFIED: 2}, 20)
    assert site.incoming() == {"one": b"some bytes", "two": b"some bytes"}
    for number in numbers:
        found = site.look(number)
        assert found.digest == f"sha256:{hashlib.sha256(b'some bytes').hexdigest()}"
        assert (found.state, found.order.size, found.moved, found.tries) == (S.VERIFIED, 10, 10, 1)
        assert None not in (found.placed or None, found.started, found.ended)
        assert not found.reason


def test_hundreds_of_files_each_once(site: Site) -> None:
    names = [f"{number:03}" for number in range(700)]
    site.put(*names)
    site.ask(*names)
    assert site.work().counts == {S.VERIFIED: 700}
    assert sorted(site.incoming()) == names
    assert site.work().counts == {}


def test_several_large_files_at_once(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "CHECKPOINT_BYTES", 1 << 20)
    names = [f"large {number}" for number in range(6)]
    site.put(*names, content=os.urandom(5 << 20))
    numbers = site.ask(*names)
    assert site.work().counts == {S.VERIFIED: 6}
    assert {site.look(number).moved for number in numbers} == {5 << 20}
    assert sorted(site.incoming()) == names


def test_what_is_gone_failed_for_good_and_does_not_hinder_the_rest(site: Site) -> None:
    site.put("here")
    gone, here = site.ask("gone", "here")
    assert site.work().counts == {S.FAILED: 1, S.VERIFIED: 1}
    assert "there is no" in site.look(gone).reason
    assert site.look(here).state is S.VERIFIED
    assert site.work().counts == {}


def test_a_place_that_is_away_delays_all_that_waits_for_it_and_counts_as_no_try(site: Site) -> None:
    numbers = site.ask("one", "two", source="away")
    site.put("here")
    site.ask("here")
    worked = site.work()
    assert worked.counts[S.VERIFIED] == 1
    assert "mounted" in worked.away["source away"]
    for number in numbers:
        found = site.look(number)
        assert (found.state, found.tries) == (S.WAITING, 0)
        assert "mounted" in found.reason
        assert (found.next_try or found.since) > dt.datetime.now(dt.UTC)


def test_bytes_that_differ_twice_from_what_was_promised_failed_for_good(site: Site) -> None:
    site.put("one")
    (number,) = site.ask("one", expected=(UNKNOWN,), expected_of="SHA256SUMS")
    site.work()
    assert (site.look(number).state, site.look(number).mismatches) == (S.WAITING, 1)
    site.let_time_pass()
    site.work()
    assert site.look(number).state is S.FAILED
    assert "and not sha256:0000" in site.look(number).reason
    assert site.incoming() == {}


def test_a_time_that_a_wrong_clock_has_set_is_not_waited_for(site: Site) -> None:
    site.put("one", content=b"x")
    (number,) = site.ask("one")
    now = dt.datetime.now(dt.UTC)
    for ahead, state in ((dt.timedelta(hours=20), S.WAITING), (dt.timedelta(days=3650), S.VERIFIED)):
        with site.store.begin() as connection:
            connection.execute(update(schema.transfer).values(next_try=now + ahead))
        site.work()
        assert site.look(number).state is state


def test_temporary_faults_are_tried_again_later_and_not_for_ever(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(self: LocalPlace, *_: object) -> None:
        raise TemporaryError("try later", retry_after=40_000)

    monkeypatch.setattr(LocalPlace, "read", fails)
    (number,) = site.ask("one")
    site.work()
    found = site.look(number)
    assert (found.state, found.reason, found.tries) == (S.WAITING, "try later", 1)
    assert found.next_try is not None
    assert found.next_try - found.since > dt.timedelta(seconds=39_000)
    for _ in range(site.mission.retry_limit):
        site.let_time_pass()
        site.work()
    assert site.look(number).state is S.FAILED
    assert "given up after 9 tries" in site.look(number).reason


def test_what_a_dead_process_left_at_work_goes_on(site: Site) -> None:
    site.put("one")
    (number,) = site.ask("one")
    with site.store.begin() as connection:
        assert transfers.begin(connection, [number], None) == {number}
        assert transfers.begin(connection, [number], None) == set()
    assert site.work().counts == {S.VERIFIED: 1}
    assert site.look(number).tries == 1  # that a process was killed is no try


def test_what_is_large_is_recorded_to_be_whole_before_it_has_its_name(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "CHECKPOINT_BYTES", 1 << 20)
    site.put("big", content=bytes(3 << 20))
    (number,) = site.ask("big")
    seen: list[TransferState] = []
    publish = LocalUpload.publish

    def look(upload: LocalUpload) -> str:
        seen.append(site.look(number).state)
        return publish(upload)

    monkeypatch.setattr(LocalUpload, "publish", look)
    site.work()
    assert seen == [S.CHECKING]


def test_a_name_is_synced_before_it_is_recorded(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.put("one")
    (number,) = site.ask("one")
    synced: list[tuple[str, TransferState]] = []
    monkeypatch.setattr(working, "sync_directory", lambda path: synced.append((str(path), site.look(number).state)))
    site.work()
    assert synced == [(site.mission.incoming, S.MOVING)]


def test_what_is_small_is_durable_and_read_back_before_it_has_its_name(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: dict[str, list[str]] = {}
    before = set(threading.enumerate())

    def watched(step: str) -> None:
        original = getattr(LocalUpload, step)

        def told(upload: LocalUpload) -> Any:
            steps.setdefault(Path(upload._target).name, []).append(step)
            if (Path(upload._target).name, step) == ("f7", "finish"):
                raise TemporaryError("a flush that fails")
            return original(upload)

        monkeypatch.setattr(LocalUpload, step, told)

    for step in ("finish", "read_back", "publish"):
        watched(step)
    names = [f"f{number}" for number in range(100)]
    site.put(*names)
    site.ask(*names)
    worked = site.work()
    assert steps == {name: ["finish", "read_back", "publish"] for name in names} | {"f7": ["finish"]}
    assert worked.counts == {S.VERIFIED: 99, S.WAITING: 1}
    assert "f7" not in os.listdir(site.mission.incoming)
    for thread in set(threading.enumerate()) - before:
        thread.join(10)
        assert not thread.is_alive()


def test_a_place_that_is_away_is_not_tried_for_each_file(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(working, "_IN_HAND", 1)
    tried: list[str] = []
    read = LocalPlace.read

    def look(place: LocalPlace, path: str, *rest: Any) -> Any:
        tried.append(path)
        return read(place, path, *rest)

    monkeypatch.setattr(LocalPlace, "read", look)
    site.ask("one", "two", "three", source="away")
    site.work()
    assert tried == ["one"]


def test_only_one_process_works_at_a_line(site: Site) -> None:
    site.put("one")
    site.ask("one")
    held = (
        "import sys, types; from dbproc.transfers import line\n"
        "with line.held(types.SimpleNamespace(root=sys.argv[1]), sys.argv[2]) as ours:\n"
        "    print(ours, flush=True); sys.stdin.read()"
    )
    words = [sys.executable, "-c", held, site.mission.root, RULE]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "True\n"
        assert site.work().is_busy
        other.kill()
    assert site.work().counts == {S.VERIFIED: 1}


def test_a_cancelled_transfer_ends_and_leaves_nothing(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "CHECKPOINT_BYTES", 1)
    monkeypatch.setattr(working, "_MEASURED_SECONDS", 0.0)
    site.put("big", content=bytes(32 << 20))
    (number,) = site.ask("big")

    def cancel(*_: object) -> None:
        with site.store.begin() as connection:
            transfers.cancel(connection, [number], "by hand")

    site.mission = replace(
        site.mission, sources=(replace(site.mission.sources[0], bandwidth=20.0), site.mission.sources[1])
    )
    site.work(observe=cancel)
    assert (site.look(number).state, site.look(number).reason) == (S.CANCELLED, "by hand")
    assert site.incoming() == {}
    with site.store.begin() as connection:
        assert transfers.retry(connection, [number]) == {number}
    site.mission = replace(site.mission, sources=(replace(site.mission.sources[0], bandwidth=None),))
    assert site.work().counts == {S.VERIFIED: 1}


def test_its_time_over_it_waits_and_goes_on_where_it_was(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "CHECKPOINT_BYTES", 1 << 20)
    site.put("big", content=os.urandom(32 << 20))
    (number,) = site.ask("big")
    slow = replace(site.mission.sources[0], bandwidth=20.0)
    site.mission = replace(site.mission, sources=(slow, site.mission.sources[1]))
    observed: list[int] = []

    def observe(live: Sequence[Live], _: Worked) -> None:
        observed.extend(each.durable for each in live)
        if any(each.durable for each in live):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        site.work(observe=observe)
    found = site.look(number)
    assert (found.state, found.tries, found.next_try) == (S.WAITING, 0, None)
    assert 0 < found.durable < 32 << 20
    site.mission = replace(site.mission, sources=(replace(slow, bandwidth=None),))
    site.work()
    assert site.look(number).state is S.VERIFIED
    assert site.look(number).moved <= (32 << 20) + (2 << 20)
    assert site.incoming() == {"big": (site.far / "big").read_bytes()}


def test_another_file_of_the_name_in_incoming_is_waited_for(site: Site) -> None:
    site.put("one")
    Path(site.mission.incoming, "one").write_text("another")
    (number,) = site.ask("one")
    site.work()
    assert site.look(number).state is S.WAITING
    assert "waits until a run has taken that" in site.look(number).reason
    assert [name for name in site.incoming() if not name.startswith(".")] == ["one"]
    assert site.incoming()["one"] == b"another"
    Path(site.mission.incoming, "one").unlink()
    site.let_time_pass()
    site.work()
    assert site.incoming() == {"one": b"bytes"}


def test_a_source_that_the_mission_file_no_longer_has(site: Site) -> None:
    (number,) = site.ask("one", source="former")
    site.work()
    assert site.look(number).state is S.FAILED
    assert "no source former any more" in site.look(number).reason


def test_how_far_several_are_is_written_down_together(site: Site) -> None:
    site.put("a", "b", "c")
    numbers = site.ask("a", "b", "c")
    with site.store.begin() as connection:
        transfers.begin(connection, numbers[:2], None)
        transfers.cancel(connection, numbers[2:], "not wanted")
        transfers.note(connection, [{"number": number, "durable_bytes": number} for number in numbers])
        found = transfers.numbered(connection, numbers)
    assert [each.durable for each in found] == [numbers[0], numbers[1], 0]
