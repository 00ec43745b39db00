"""Who watches over a mission: what pings, the file for Prometheus, ``/readyz`` and ``/metrics`` tell."""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, ClassVar

import pytest
import yaml
from prometheus_client import parser
from starlette.testclient import TestClient

from dbproc.core.errors import EXIT_NEEDS_PERSON
from dbproc.database import lock
from dbproc.database.store import Store, is_writable, open_store
from dbproc.explain.disk import daily, full_at
from dbproc.explain.readiness import Verdict, judge_age
from dbproc.storage import disk
from tests.kit.commands import REPOSITORY
from tests.kit.mission import Mission, chain, name_of, product, table
from tests.kit.postgres import running_server
from tests.kit.service import client
from tests.kit.stub import Stub, running

FAILS = "#!/bin/sh\nexit 3\n"
NOW = dt.datetime(2026, 11, 30, tzinfo=dt.UTC)
Numbers = dict[tuple[str, ...], float]


def monitor(**keys: object) -> str:
    return table("monitor", keys)


def service(**keys: object) -> str:
    return table("service", keys)


def numbers(text: str) -> Numbers:
    """Each number by its name and the values of its labels, but for the mission."""
    samples = [sample for family in parser.text_string_to_metric_families(text) for sample in family.samples]
    assert {sample.labels.pop("mission") for sample in samples} == {"test"}
    return {(sample.name, *sample.labels.values()): sample.value for sample in samples}


# --- pings ---


class Switch(Stub):
    """A dead man's switch: keeps what it is told, and answers with a status."""

    told: ClassVar[list[tuple[str, str]]] = []
    statuses: ClassVar[list[int]] = []

    def answer(self) -> None:
        self.told.append((self.path, self.received().decode()))
        self.send(self.statuses.pop(0) if self.statuses else 200)


@pytest.fixture
def switch(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Switch]]:
    Switch.told, Switch.statuses = [], []
    with running(Switch) as url:
        monkeypatch.setenv("DBPROC_TEST_PING", f"{url}/4f0e-secret?create=1")
        yield Switch


def test_each_run_tells_of_its_begin_and_its_end(switch: type[Switch], sqlite_mission: Mission) -> None:
    mission = sqlite_mission
    mission.code("to_smooth.sh", FAILS)
    mission.create(*chain(), monitor(ping="env:DBPROC_TEST_PING"))
    mission.run()
    mission.deliver(name_of("raw", 1))
    mission.run(status=1)
    paths, texts = zip(*switch.told, strict=True)
    first, second = paths[0].partition("rid=")[2], paths[2].partition("rid=")[2]
    assert first != second
    assert list(paths) == [
        f"/4f0e-secret/{what}?create=1&rid={run}"
        for what, run in (("start", first), ("0", first), ("start", second), ("1", second))
    ]
    assert texts[:3] == ("", "nothing to do\n", "")
    assert "failed to_smooth 2020-01-01" in texts[3]
    assert texts[3].endswith("1 ingested, 1 built, 1 failed\n")
    assert mission.rows("SELECT exit_status FROM logging WHERE purpose = 'run' ORDER BY logging_id") == [(0,), (1,)]


def test_a_switch_that_does_not_answer_changes_nothing_of_the_run(
    switch: type[Switch], sqlite_mission: Mission
) -> None:
    mission = sqlite_mission
    mission.create(*chain(), monitor(ping="env:DBPROC_TEST_PING"))
    switch.statuses += [503]
    assert "ping" not in mission.run().out  # it was tried again
    assert len(switch.told) == 3
    switch.statuses += [404, 409]
    assert "note ping: cannot be sent: 127.0.0.1:" in mission.run().out
    mission.environment["DBPROC_TEST_PING"] = "http://127.0.0.1:9/4f0e-secret"
    mission.deliver(name_of("raw", 1))
    done = mission.run()
    assert "note ping: cannot be sent: 127.0.0.1: cannot be connected to" in done.out
    assert "4f0e" not in done.out + done.err
    assert len(mission.files()) == 3


def test_a_run_that_cannot_begin_is_told_and_one_that_finds_another_is_not(
    switch: type[Switch], sqlite_mission: Mission
) -> None:
    mission = sqlite_mission
    mission.create(*chain(), monitor(ping="env:DBPROC_TEST_PING"))
    mission.run()
    switch.told.clear()
    with open_store(mission.database) as store, lock.holding(store, "test"):
        mission.run(status=75)
    assert switch.told == []
    (mission.root / ".dbproc").rename(away := mission.root / "away")
    mission.run(status=EXIT_NEEDS_PERSON)
    away.rename(mission.root / ".dbproc")
    [(path, text)] = switch.told
    assert path == "/4f0e-secret/78?create=1"
    assert "root" in text


# --- numbers ---


@pytest.mark.both_databases
def test_a_mission_in_numbers(mission: Mission) -> None:
    mission.code("to_smooth.sh", FAILS)
    late: dict[str, Any] = {
        "expect": "daily",
        "from": dt.date(2020, 1, 1),
        "to": dt.date(2020, 1, 3),
        "late_after": "1 h",
    }
    mission.create(product("raw", 0, **late), *chain()[1:])
    mission.deliver(name_of("raw", 1), "nothing.known")
    mission.run(status=1)
    mission.deliver(name_of("raw", 2))
    mission.run(status=1)
    mission.dbproc("withdraw", name_of("raw", 2), "--reason", "noise")
    with client(mission.database) as asking:
        found = numbers(asking.get("/metrics").text)
        again = numbers(asking.get("/metrics").text)
    assert {key: value for key, value in found.items() if key[0] == "dbproc_files"} == {
        ("dbproc_files", "raw", "in place"): 1,
        ("dbproc_files", "raw", "withdrawn"): 1,
        ("dbproc_files", "clean", "in place"): 1,
        ("dbproc_files", "clean", "withdrawn with an input"): 1,
    }
    assert found["dbproc_jobs", "to_smooth", "failed"] == 1
    assert found["dbproc_jobs", "to_clean", "failed"] == found["dbproc_jobs", "to_clean", "running"] == 0
    assert found["dbproc_job_attempts_total", "to_clean", "succeeded"] == 2
    assert found["dbproc_job_duration_seconds_bucket", "to_clean", "60"] == 2
    assert 0 < found["dbproc_job_duration_seconds_sum", "to_clean"] < 60
    assert found["dbproc_late_files", "raw"] == 2
    assert found[("dbproc_quarantine_files",)] == 1
    assert found[("dbproc_run_last_exit_status",)] == 1
    assert ("dbproc_run_last_success_timestamp_seconds",) not in found
    latest = found["dbproc_product_latest_data_timestamp_seconds", "raw"]
    assert dt.datetime.fromtimestamp(latest, dt.UTC).date() == dt.date(2020, 1, 1)
    assert 0 <= found[("dbproc_collected_timestamp_seconds",)] - found[("dbproc_run_last_end_timestamp_seconds",)] < 600
    assert found["dbproc_disk_free_bytes", "root"] > 0
    assert again["http_server_requests_total", "GET", "/metrics", "200"] == 1


def test_each_run_writes_its_numbers(sqlite_mission: Mission) -> None:
    mission = sqlite_mission
    seen = mission.root / "seen"
    mission.code(
        "to_clean.sh", f'#!/bin/sh\ngrep ^dbproc_run_active {mission.root}/prom/sun.prom > {seen}\ncp "$1" "$2"\n'
    )
    mission.create(*chain(), monitor(textfile="prom/sun.prom"))
    mission.deliver(name_of("raw", 1))
    mission.run()
    assert numbers(seen.read_text()) == {("dbproc_run_active",): 1}
    found = numbers((mission.root / "prom" / "sun.prom").read_text())
    assert found[("dbproc_run_active",)] == found[("dbproc_run_last_exit_status",)] == 0
    assert found["dbproc_files", "smooth", "in place"] == 1
    assert found[("dbproc_queue_files",)] == found[("dbproc_queue_oldest_age_seconds",)] == 0
    assert [path.name for path in (mission.root / "prom").iterdir()] == ["sun.prom"]

    (mission.root / "prom" / "sun.prom").unlink()
    (mission.root / "prom" / "sun.prom").mkdir()
    assert mission.run().out.count("note metrics: cannot write ") == 1


def test_alerts_ask_for_numbers_that_there_are() -> None:
    rules = yaml.safe_load((REPOSITORY / "docs" / "prometheus" / "dbproc-alerts.yml").read_text())
    asked = {name for rule in rules["groups"][0]["rules"] for name in re.findall(r"(?:dbproc|http)_\w+", rule["expr"])}
    source = "".join(
        (REPOSITORY / "dbproc" / path).read_text() for path in ("explain/metrics.py", "service/traffic.py")
    )
    assert {name for name in asked if f'"{name}"' not in source} == set()
    assert len(asked) > 10


def test_when_a_disk_is_full_is_foreseen() -> None:
    day = dt.timedelta(days=1)
    assert daily(1000, NOW - 10 * day, NOW) == 100
    assert daily(1000, NOW - day / 2, NOW) is None
    assert daily(0, None, NOW) is None
    assert full_at(1500, 500, 100.0, NOW) == NOW + 10 * day
    assert full_at(400, 500, 100.0, NOW) == NOW
    assert full_at(1500, 500, 0.0, NOW) is None
    assert full_at(2**60, 0, 1.0, NOW) is None


def test_status_tells_of_disks_that_are_or_will_be_full(sqlite_mission: Mission) -> None:
    mission = sqlite_mission.create(*chain())
    mission.deliver(name_of("raw", 1))
    mission.run()
    [disk] = json.loads(mission.dbproc("status", "--json").out)["disks"]
    assert (disk["area"], disk["reserve"], disk["bytes_per_day"], disk["full"]) == ("root", 1 << 30, None, None)
    assert "disk of root" not in mission.dbproc("status").out
    a_week_ago = f"{dt.datetime.now(dt.UTC) - dt.timedelta(days=7):%Y-%m-%d %H:%M:%S}.000000"
    mission.execute(f"UPDATE logging SET processing_start_time = '{a_week_ago}'")
    sizes = mission.rows("SELECT file_size, file_id FROM file")
    mission.execute(f"UPDATE file SET file_size = {disk['free'] // 3}")
    assert re.search(r"disk of root: .* full 20\d\d-\d\d-\d\d at .*B a day", mission.dbproc("status").out)
    for row in sizes:
        mission.execute("UPDATE file SET file_size = {} WHERE file_id = {}".format(*row))
    mission.define(*chain(), service(reserve=10**6))
    assert re.search(r"disk of root: .*B free of .*B, 1.1 PB must stay so$", mission.dbproc("status").out, re.MULTILINE)


# --- readiness ---


def lines(asking: TestClient, status: int, path: str = "/readyz") -> list[str]:
    answer = asking.get(path)
    assert answer.status_code == status, answer.text
    assert asking.get("/livez").text == "ok\n"
    return answer.text.splitlines()


def test_what_is_ready_and_why_it_is_not(sqlite_mission: Mission) -> None:
    mission = sqlite_mission
    mission.create(*chain())
    with client(mission.database) as asking:
        assert lines(asking, 200) == ["ready"]
        found = lines(asking, 200, "/readyz?verbose")
        assert [line.split(" ")[0] for line in found[:-1]] == [
            *("[+]database", "[+]root", "[+]incoming", "[+]disk", "[+]lock", "[!]runs")
        ]
        health = asking.get("/readyz", headers={"Accept": "application/health+json"})
        assert health.json()["status"] == "warn"
        assert health.json()["checks"]["runs"] == [{"status": "warn", "output": "none yet"}]
        mission.run()
        assert lines(asking, 200, "/readyz?verbose")[-2].startswith("[+]runs the last one ended ")

        mission.incoming.rmdir()
        assert lines(asking, 503) == ["[-]incoming No such file or directory", "not ready"]
        for path in ("/health", "/api/upload/health"):
            told = asking.get(path)
            assert (told.status_code, told.json()["status"]) == (503, "unhealthy")
            assert told.json()["error"] == "incoming: No such file or directory"
        mission.incoming.mkdir()
        mission.define(*chain(), service(reserve=10**6))
        assert lines(asking, 503)[0].startswith("[-]disk root: ")
        mission.define(*chain())
        mission.root.rename(away := mission.root.with_name("away"))
        assert lines(asking, 503)[0] == "[-]root it is gone, or another database's; dbproc status says why"
        away.rename(mission.root)
        mission.execute("UPDATE alembic_version SET version_num = '0010'")
        assert lines(asking, 503) == [
            "[-]database it has schema 0010, and 0011 is needed: dbproc upgrade",
            "not ready",
        ]
        mission.execute("UPDATE alembic_version SET version_num = '0011'")
        assert lines(asking, 200) == ["ready"]


def test_a_file_and_a_directory_that_can_only_be_read() -> None:
    with tempfile.TemporaryDirectory() as directory, closing(Store(f"{directory}/m.sqlite")) as store:
        place, file = Path(directory), Path(directory, "m.sqlite")
        file.touch()
        for of_place, of_file, expected in ((0o777, 0o666, True), (0o777, 0o444, False), (0o555, 0o666, False)):
            place.chmod(of_place)
            file.chmod(of_file)
            with somebody_else():
                assert is_writable(store) is expected
                assert (disk.fault(directory) is None) is (of_place == 0o777)
        place.chmod(0o777)
        assert disk.fault(str(file)) == "it is no directory"
        assert disk.fault(f"{directory}/nowhere") == "No such file or directory"


@contextmanager
def somebody_else() -> Iterator[None]:
    """Be one whom the rights of files hold for, who root is not."""
    user = os.geteuid()
    os.seteuid(65534 if user == 0 else user)
    try:
        yield
    finally:
        os.seteuid(user)


def test_postgresql_that_is_started_anew_or_can_only_be_read(tmp_path: Path) -> None:
    with running_server() as server:
        mission = Mission(tmp_path / "mission", server.url(server.create())).create(*chain())
        with client(mission.database) as asking:
            assert lines(asking, 200) == ["ready"]
            server.stop()
            assert lines(asking, 503) == ["[-]database it does not answer", "not ready"]
            told = asking.get("/metrics")
            assert (told.status_code, told.headers["retry-after"]) == (503, "30")
            assert "log" in told.json()["detail"]
            assert str(server.directory) not in told.text
            server.start()
            assert lines(asking, 200) == ["ready"]
            name = mission.one("SELECT current_database()")
            mission.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
            server.stop()
            server.start()
            assert lines(asking, 503) == ["[-]database it can only be read", "not ready"]


def test_the_age_of_the_last_run_and_clocks_that_jump() -> None:
    every = dt.timedelta(minutes=5)
    assert judge_age(dt.timedelta(minutes=15), every) == (Verdict.PASS, "the last one ended 15 min ago")
    assert judge_age(dt.timedelta(minutes=16), every) == (
        Verdict.WARN,
        "the last one ended 16 min ago, and one is to come every 5 min",
    )
    assert judge_age(-dt.timedelta(seconds=30), every)[0] is Verdict.PASS
    assert judge_age(-dt.timedelta(days=1), every) == (
        Verdict.WARN,
        "the last one ended in the future: a clock was or is wrong",
    )
