"""Files put into users' areas by way of the service: asked for here, placed by runs, each user's own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from dbproc.core.access import Scope
from tests.kit.mission import Mission, chain, name_of, table
from tests.kit.service import bearer, client

RAW = name_of("raw", 1)
STAGES = "/api/v1/stages"


@pytest.fixture
def made(mission: Mission) -> Mission:
    area = mission.root.parent / "scratch"
    area.mkdir()
    mission.create(*chain(), table("area.scratch", {"directory": str(area)}))
    mission.deliver(RAW, name_of("raw", 2))
    mission.run()
    return mission


@pytest.fixture
def service(made: Mission) -> Iterator[TestClient]:
    with client(made.database, is_open=False) as asked:
        yield asked


def there(made: Mission) -> list[str]:
    area = made.root.parent / "scratch"
    return sorted(str(path.relative_to(area)) for path in area.rglob("*.txt"))


@pytest.mark.both_databases
def test_what_is_asked_for_is_placed_by_the_next_run_and_taken_out_at_its_end(
    made: Mission, service: TestClient
) -> None:
    ada = bearer(made.database, "ada", Scope.STAGE)
    asked: dict[str, Any] = {"product": ["raw"], "area": "scratch", "directory": "march"}
    foreseen = service.post(f"{STAGES}?dry_run=true", json=asked, headers=ada)
    assert (foreseen.json()["stage_id"], len(foreseen.json()["files"])) == (None, 2)
    assert service.get(STAGES, headers=ada).json() == []
    answer = service.post(STAGES, json=asked, headers=ada)
    assert (answer.status_code, answer.headers["location"]) == (202, f"{STAGES}/1")
    assert {file["state"] for file in answer.json()["files"]} == {"waiting"}
    assert service.post(STAGES, json=asked, headers=ada).json()["stage_id"] == 1
    assert there(made) == []
    made.run()
    assert service.get(answer.headers["location"], headers=ada).json()["state"] == "placed"
    assert there(made) == [f"ada/march/{RAW}", f"ada/march/{name_of('raw', 2)}"]
    assert service.get(f"{STAGES}/usage", headers=ada).json()[0]["owner"] == "ada"
    assert service.delete(f"{STAGES}/1", headers=ada).status_code == 202
    made.run()
    assert there(made) == []
    assert service.get(f"{STAGES}/1", headers=ada).json()["state"] == "removed"
    trail = made.rows("SELECT who, action, object FROM audit WHERE action LIKE 'stage %' ORDER BY audit_id")
    assert [tuple(row) for row in trail] == [
        *[("ada", "stage request", "1")] * 2,
        ("ada", "stage end", "1"),
    ]


def test_another_ones_requests_are_not_there(made: Mission, service: TestClient) -> None:
    ada, eve = bearer(made.database, "ada", Scope.STAGE), bearer(made.database, "eve", Scope.STAGE)
    service.post(STAGES, json={"name": [RAW], "area": "scratch"}, headers=ada)
    for ask in (service.get, service.delete):
        assert ask(f"{STAGES}/1", headers=eve).json() == {
            **ask(f"{STAGES}/2", headers=eve).json(),
            "detail": "there is no request 1",
        }
    assert service.get(STAGES, headers=eve).json() == []
    assert service.post(STAGES, json={"name": [RAW], "area": "scratch", "owner": "ada"}, headers=eve).status_code == 403
    operator = bearer(made.database, "olga")
    assert [row["user"] for row in service.get(STAGES, headers=operator).json()] == ["ada"]
    assert service.post(STAGES, json={}, headers=bearer(made.database, "rita", Scope.READ)).status_code == 403


REFUSED: list[tuple[dict[str, Any], int, str]] = [
    ({"name": [RAW], "area": "none"}, 404, "no area none"),
    ({"name": ["none"], "area": "scratch"}, 404, "none"),
    ({"area": "scratch"}, 422, "no file is asked for"),
    ({"name": [RAW], "area": "scratch", "directory": "../eve"}, 422, "leads elsewhere"),
    ({"name": [RAW], "area": "scratch", "directory": "/etc"}, 422, "absolute"),
    ({"name": [RAW], "area": "scratch", "directory": "a\x00b"}, 422, "control characters"),
    ({"name": [RAW], "area": "scratch", "expires": "soon"}, 422, "neither"),
    ({"name": [RAW], "area": "scratch", "placed": True}, 422, "placed"),
]


def test_what_cannot_be_staged_is_refused(made: Mission, service: TestClient) -> None:
    ada = bearer(made.database, "ada", Scope.STAGE)
    for asked, status, words in REFUSED:
        answer = service.post(STAGES, json=asked, headers=ada)
        assert answer.status_code == status, asked
        assert words in answer.json()["detail"]
