"""prepare-data: the list of files that SKA's clients post, and the task that they ask about."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from dbproc.core.access import Scope
from dbproc.mission import read_mission_file
from tests.kit.mission import Mission, product, table
from tests.kit.mission_files import write_mission
from tests.kit.service import bearer, client
from tests.kit.sessions import DOCS

BARE = '[mission]\nname = "m"\n[product.raw]\nlevel = 0\ndirectory = "raw"\nformat = "raw_{Y}.txt"\n'
NAME = "prepare_data_test.txt"
DID, PATH = f"testing:{NAME}", f"testing/84/1c/{NAME}"
USUAL = [[DID, PATH, "./testing"]]


@pytest.fixture
def made(mission: Mission) -> Mission:
    """A mission whose storage element has two files, and an area."""
    rse, area = (mission.root.parent / name for name in ("rse", "users"))
    for path, text in ((PATH, "as Rucio has it"), ("elsewhere/odd.txt", "not as Rucio has it")):
        (rse / path).parent.mkdir(parents=True)
        (rse / path).write_text(text)
    area.mkdir()
    store = table("store.rse", {"url": f"file://{rse}", "layout": "rucio", "scope": "testing", "reserve": 0})
    other = table("store.other", {"url": f"file://{mission.root.parent}/other", "reserve": 0})
    users = table("area.users", {"directory": str(area), "reserve": 0, "link": "symlink"})
    return mission.create(product("raw", 0), store, other, users, retry_limit=0)


@pytest.fixture
def service(made: Mission) -> Iterator[TestClient]:
    with client(made.database, is_open=False) as asked:
        yield asked


@pytest.fixture
def ada(made: Mission) -> dict[str, str]:
    return bearer(made.database, "ada", Scope.STAGE)


def there(made: Mission) -> dict[str, str]:
    area = made.root.parent / "users"
    return {str(path.relative_to(area)): path.read_text() for path in area.rglob("*.txt")}


@pytest.mark.both_databases
def test_a_posted_list_is_provided_by_the_next_run(made: Mission, service: TestClient, ada: dict[str, str]) -> None:
    answer = service.post("/", json=USUAL, headers=ada)
    assert (answer.status_code, answer.json()) == (200, {"task_id": "1"})
    assert service.get(answer.headers["location"], headers=ada).json()["status"] == "PENDING"
    again = service.post("/preparedata", json=USUAL, headers=ada)
    assert (again.json(), again.headers["location"]) == ({"task_id": "1"}, "/preparedata/1")
    made.run()
    told = service.get("/1", headers=ada).json()
    assert (told["status"], told["info"]) == ("SUCCESS", "Data provisioning successful")
    (file,) = told["files"]
    assert (file["did"], file["target"], file["bytes"]) == (DID, f"ada/testing/{NAME}", 15)
    assert there(made) == {f"ada/testing/{NAME}": "as Rucio has it"}
    assert service.get("/preparedata/1", headers=ada).json() == told


def test_a_path_may_be_left_out_or_be_another_one(made: Mission, service: TestClient, ada: dict[str, str]) -> None:
    asked = [[DID, ""], [DID, None, "b"], [DID, "", "c/./d"], ["testing:odd.txt", "./elsewhere/odd.txt", ""]]
    service.post("/", json=asked, headers=ada)
    made.run()
    assert sorted(there(made)) == sorted(f"ada/{each}" for each in (NAME, f"b/{NAME}", f"c/d/{NAME}", "odd.txt"))
    files = service.get("/1", headers=ada).json()["files"]
    assert {file["did"] for file in files} == {DID, None}


def test_a_file_that_cannot_come_fails_the_task_and_names_itself(
    made: Mission, service: TestClient, ada: dict[str, str]
) -> None:
    service.post("/", json=USUAL, headers=ada)
    (made.root.parent / "rse" / PATH).unlink()
    made.run(status=1)
    told = service.get("/1", headers=ada).json()
    assert told["status"] == "FAILURE"
    assert f"1 of 1 files could not be provided: ada/testing/{NAME}: " in told["info"]


def test_what_was_provided_and_is_removed_is_revoked(made: Mission, service: TestClient, ada: dict[str, str]) -> None:
    service.post("/", json=USUAL, headers=ada)
    made.run()
    made.dbproc("stages", "end", "1")
    told = service.get("/1", headers=ada).json()
    assert (told["status"], told["info"][:29]) == ("REVOKED", "What was provided was removed")
    assert [file["bytes"] for file in told["files"]] == [0]


REFUSED: list[tuple[Any, int]] = [
    ([], 422),
    ({"did": DID}, 422),
    ([[DID]], 422),
    ([[DID, PATH, "testing", "more"]], 422),
    ([[7, PATH, "testing"]], 422),
    ([["no-identifier", "", "testing"]], 422),
    ([["../..:passwd", "", "testing"]], 422),
    ([[DID, "../../etc/passwd", "testing"]], 422),
    ([[DID, "/etc/passwd", "testing"]], 422),
    ([[DID, PATH, "../eve"]], 422),
    ([[DID, PATH, "/etc"]], 422),
    ([[DID, PATH, "a\x00"]], 422),
    ([["testing:none.txt", "", "testing"]], 404),
]


def test_what_leads_out_or_is_no_such_list_is_refused(made: Mission, service: TestClient, ada: dict[str, str]) -> None:
    for asked, status in REFUSED:
        answer = service.post("/", json=asked, headers=ada)
        assert answer.status_code == status, (asked, answer.text)
        assert answer.json()["detail"]
    assert made.rows("SELECT 1 FROM stage") == []


def test_tasks_are_of_who_posted_them(made: Mission, service: TestClient, ada: dict[str, str]) -> None:
    service.post("/", json=USUAL, headers=ada)
    eve = bearer(made.database, "eve", Scope.STAGE)
    answers = [service.get(path, headers=eve) for path in ("/1", "/2", "/api/v1/stages/1", "/api/v1/stages/2")]
    assert [answer.status_code for answer in answers] == [404] * 4
    assert {answer.json()["detail"].rstrip("12") for answer in answers} == {"there is no request "}
    assert service.get("/1").headers["www-authenticate"] == "Bearer"
    assert service.post("/", json=USUAL, headers=bearer(made.database, "rita", Scope.READ)).status_code == 403


def test_the_same_list_posted_at_once_is_one_task(made: Mission, service: TestClient, ada: dict[str, str]) -> None:
    found: list[str] = []
    threads = [
        threading.Thread(target=lambda: found.append(service.post("/", json=USUAL, headers=ada).json()["task_id"]))
        for _ in range(6)
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert found == ["1"] * 6


def test_the_page_is_as_it_says(made: Mission, service: TestClient, ada: dict[str, str]) -> None:
    page = (DOCS / "staging.md").read_text(encoding="utf-8")
    (tables,) = re.findall(r"```toml\n(.*?)```", page, re.S)
    assert read_mission_file(write_mission(made.root, BARE + tables)).mission.areas[0].quota == 500
    posted = json.loads(re.findall(r"-d '(.*)'", page)[0])
    assert posted == USUAL
    service.post("/", json=posted, headers=ada)
    made.run()
    assert page.count(json.dumps(service.get("/1", headers=ada).json())[:70]) == 1
