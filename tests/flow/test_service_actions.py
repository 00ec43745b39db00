"""What people do by way of the service: foreseen, done, and entered in the audit trail."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from dbproc.core.access import Scope
from tests.kit.mission import Mission, chain, name_of
from tests.kit.service import bearer, client

FAIL = "#!/bin/sh\necho broken >&2\nexit 3\n"


@pytest.fixture
def made(mission: Mission) -> Mission:
    """Two days, of which smoothing fails, and a file that nobody knows."""
    mission.create(*chain())
    mission.code("to_smooth.sh", FAIL)
    mission.deliver(name_of("raw", 1), name_of("raw", 2), "odd.txt")
    mission.run(status=1)
    return mission


class Asking:
    """Somebody with a token, who foresees and does things."""

    def __init__(self, made: Mission, service: TestClient, *scopes: Scope) -> None:
        self.service, self.mission = service, made
        self.headers = bearer(made.database, "ada", *scopes)
        self.woken: list[bool] = []

    def post(self, path: str, asked: object = None, status: int = 200) -> Any:
        answer = self.service.post(f"/api/v1/actions/{path}", json=asked, headers=self.headers)
        assert answer.status_code == status, answer.text
        return answer.json()

    def foresee(self, path: str, asked: object = None, status: int = 200) -> Any:
        """What would be done: nothing at all is."""
        before = self.mission.state(), self.mission.rows("SELECT * FROM audit")
        answer = self.post(f"{path}?dry_run=true", asked, status)
        assert (self.mission.state(), self.mission.rows("SELECT * FROM audit")) == before
        return answer

    def trail(self) -> list[tuple[str, ...]]:
        rows = self.mission.rows("SELECT who, action, object, result FROM audit WHERE action NOT LIKE 'token %'")
        return [tuple(row) for row in rows]


@pytest.fixture
def ada(made: Mission) -> Iterator[Asking]:
    woken: list[bool] = []
    with client(made.database, is_open=False, wake=lambda: woken.append(True)) as service:
        asking = Asking(made, service)
        asking.woken = woken
        yield asking


def test_failed_jobs_are_tried_again(ada: Asking) -> None:
    told = ada.post("retry?dryrun=true", {"only": ["to_smooth"], "end": "2020-01-01"}, 422)["detail"]
    assert told == "nothing is called dryrun here; what can be said in the query: dry_run"
    assert ada.foresee("retry", {"only": ["to_smooth"], "end": "2020-01-01"})["jobs"] == 1
    assert ada.post("retry", {"only": ["to_smooth"], "end": "2020-01-01"})["jobs"] == 1
    assert ada.trail() == [("ada", "job retry", "to_smooth", "done")]
    assert ada.woken == [True]
    assert ada.mission.one("SELECT count(*) FROM attempt WHERE next_try_time = created_time") == 1
    assert ada.mission.one("SELECT \"user\" FROM logging WHERE purpose = 'retry'") == "ada"
    assert "no process" in ada.post("retry", {"only": ["none"]}, 404)["detail"]


def test_failures_are_dismissed_by_who_asks(ada: Asking) -> None:
    asked = {"only": ["to_smooth"], "reason": "the detector was off"}
    assert len(ada.foresee("dismiss", asked)["failures"]) == 2
    assert ada.post("dismiss", asked)["is_done"]
    assert set(ada.mission.rows("SELECT dismissed_by, dismissed_reason FROM attempt WHERE status = 'failed'")) == {
        ("ada", "the detector was off")
    }
    ada.post("dismiss", {"reason": "all of them"}, 422)


def test_a_file_leaves_the_quarantine_once(ada: Asking) -> None:
    assert ada.foresee("quarantine/release", {"numbers": [1]}) == [{"quarantine_id": 1, "file": None}]
    (released,) = ada.post("quarantine/release", {"numbers": [1], "reason": "sound"})
    assert released["file"] == str(ada.mission.incoming / "odd.txt")
    assert ada.mission.waiting() == ["odd.txt"]
    assert "released already" in ada.foresee("quarantine/release", {"numbers": [1]}, 422)["detail"]
    assert ada.trail() == [
        ("ada", "quarantine release", "1", "begun"),
        ("ada", "quarantine release", "1", "done"),
    ]


@pytest.mark.both_databases
def test_files_are_withdrawn_and_restored(ada: Asking) -> None:
    name = name_of("raw", 1)
    foreseen = ada.foresee("withdraw", {"name": [name], "reason": "wrong clock"})
    assert [each["file"] for each in foreseen["files"]] == [name]
    assert not foreseen["is_done"]
    assert ada.post("withdraw", {"name": [name], "reason": "wrong clock"}) == {**foreseen, "is_done": True}
    assert not ada.mission.files()[name].is_in_place
    assert ada.mission.one('SELECT "user" FROM correction') == "ada"
    ada.foresee("restore", {"name": [name]})
    ada.post("restore", {"name": [name]})
    assert ada.mission.files()[name].is_in_place
    assert "nothing" not in ada.post("withdraw", {"reason": "all"}, 422)["detail"]
    assert [row[1:] for row in ada.trail()] == [
        *(("file withdraw", name, "begun"), ("file withdraw", name, "done")),
        *(("file restore", name, "begun"), ("file restore", name, "done")),
    ]


def test_what_a_live_run_hinders_is_refused_and_entered(ada: Asking) -> None:
    ada.mission.code("to_clean.sh", "#!/bin/sh\ntouch started\nsleep 60\n")
    ada.mission.deliver(name_of("raw", 3))
    run = ada.mission.start()
    try:
        assert run.poll() is None
        while not ada.mission.rows("SELECT 1 FROM logging WHERE currently_processing"):
            assert run.poll() is None
        ada.post("withdraw", {"name": [name_of("raw", 1)], "reason": "wrong"}, 409)
    finally:
        run.terminate()
        run.communicate()
    assert ada.trail()[-1][3].startswith("refused: ")


def test_a_campaign_rests_and_goes_on(ada: Asking) -> None:
    ada.mission.dbproc("reprocess", "--product", "clean", "--force", "1", "--campaign", "again")
    assert ada.foresee("campaigns/again/pause")["status"] == "paused"
    assert ada.post("campaigns/again/pause")["status"] == "paused"
    assert "only one that is active" in ada.foresee("campaigns/again/pause", status=422)["detail"]
    assert ada.post("campaigns/again/resume")["status"] == "active"
    assert ada.post("campaigns/again/cancel")["status"] == "cancelled"
    ada.post("campaigns/none/pause", status=404)
    assert [row[1] for row in ada.trail()] == ["campaign pause", "campaign resume", "campaign cancel"]


def test_a_run_is_started_where_the_service_starts_them(ada: Asking) -> None:
    assert ada.foresee("run", status=202) == {"running": None, "jobs": 0, "is_done": False}
    assert ada.post("run", status=202)["is_done"]
    assert ada.woken == [True]
    with client(ada.mission.database) as without:
        assert without.post("/api/v1/actions/run").status_code == 409


def test_only_operators_do_such_things(made: Mission) -> None:
    with client(made.database, is_open=False) as service:
        Asking(made, service, Scope.READ, Scope.UPLOAD, Scope.STAGE).post("retry", {}, 403)
        assert service.post("/api/v1/actions/retry", json={}).status_code == 401
