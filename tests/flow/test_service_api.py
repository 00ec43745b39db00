"""``/api/v1``: what commands print with ``--json``, described whole, page by page and as CSV."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import schemathesis
import schemathesis.specs.openapi.checks as checks
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from starlette.testclient import TestClient

from tests.kit.mission import Mission, chain, name_of, table
from tests.kit.service import client

RAW, CLEAN = name_of("raw", 1), name_of("clean", 1)
QUESTIONS = {
    "status?start=2020-01-01": "status --start 2020-01-01",
    "plan": "plan",
    "queue": "queue",
    "files": "files",
    "files?product=raw&start=2020-01-02&newest=true": "files raw --start 2020-01-02 --newest",
    "files/late?product=raw": "files raw --late",
    f"files/{RAW}/why": f"why {RAW}",
    f"files/{CLEAN}/lineage": f"lineage {CLEAN}",
    f"files/{RAW}/copies": f"whereis {RAW}",
    "mission": "show mission",
    "products": "show products",
    "products/smooth/why?when=2020-01-03": "why smooth 2020-01-03",
    "processes?required=true": "show processes --required",
    "graph": "graph",
    "stats?process=to_clean": "stats to_clean",
    "codes": "code list",
    "codes/to_clean": "code show to_clean",
    "log": "log",
    "audit?action=token": "audit list --action token",
    "audit/verify": "audit verify",
    f"log?file={RAW}": f"log --file {RAW}",
    "coverage?product=clean": "coverage clean",
    "report": "report",
    "activity?since=2020-01-01": "report --since 2020-01-01",
    "quarantine": "quarantine list",
    "quarantine/1": "quarantine show 1",
    "transfers?all=true": "transfers list --all",
    "campaigns": "campaign list",
    "campaigns/again": "campaign show again",
    "stores": "stores list",
    "releases": "release list",
    "releases/first/files": "release files first",
    "releases/first/diff": "release diff first",
    "links": "links",
    "canaries": "canary list",
    "whatif/reprocess?product=clean&force=1": "whatif reprocess --product clean --force 1",
    "whatif/release/to_clean?version=2.0.0": "whatif release to_clean --version 2.0.0",
    "check?plausible=true": "check --plausible",
    "check?product=raw": "check --product raw",
    "stages": "stages list",
    "stages/1": "stages show 1",
    "stages/usage": "stages usage",
}
"""By a question: the command that answers it with ``--json``."""

schemathesis.serializer.alias("application/offset+octet-stream", "application/octet-stream")

CHECKS = [checks.ignored_auth, checks.positive_data_acceptance, checks.negative_data_rejection]
"""What is not asked here: whoever asks is let in, and what is well formed may name what there is not."""


@pytest.fixture(scope="module")
def mission(tmp_path_factory: pytest.TempPathFactory) -> Mission:
    """Three days made, something of everything that can be listed."""
    folder = tmp_path_factory.mktemp("served")
    made = Mission(folder / "mission", str(folder / "mission.sqlite"))
    area = table("area.scratch", {"directory": str(folder / "scratch")})
    made.create(*chain(), area)
    (folder / "scratch").mkdir()
    made.deliver(*(name_of("raw", day) for day in (1, 2, 3)), "odd.txt")
    made.run(status=1)
    made.dbproc("release", "tag", "first", "raw")
    made.dbproc("stage", RAW, "--to", "scratch/anybody/here")
    made.dbproc("links", str(folder / "links"))
    made.dbproc("reprocess", "--product", "clean", "--force", "1", "--campaign", "again")
    return made


@pytest.fixture(scope="module")
def service(mission: Mission) -> Iterator[TestClient]:
    with client(mission.database) as asked:
        yield asked


@pytest.fixture(scope="module")
def description(service: TestClient) -> dict[str, Any]:
    found: dict[str, Any] = service.get("/api/v1/openapi.json").json()
    return found


def test_each_question_has_the_answer_of_its_command(
    mission: Mission, service: TestClient, description: dict[str, Any]
) -> None:
    for question, command in QUESTIONS.items():
        answer = service.get(f"/api/v1/{question}")
        assert answer.status_code == 200, answer.text
        there, told = answer.json(), json.loads(mission.dbproc(*command.split(), "--json").out)
        if "time" in there:
            assert there.pop("time") <= told.pop("time")
        assert _lasting(there) == _lasting(told), question
        _require_as_described(answer.json(), description, f"/api/v1/{question.partition('?')[0]}")


def _lasting(answer: object) -> object:
    """An answer without what changes from moment to moment: how much is free on disks."""
    if isinstance(answer, dict):
        return {key: _lasting(value) for key, value in answer.items() if key != "disks"}
    return answer


def _require_as_described(answer: object, description: dict[str, Any], path: str) -> None:
    """See that an answer is as the description has it."""
    fitting = [each for each in description["paths"] if re.fullmatch(re.sub(r"{\w+}", "[^/]+", each), path)]
    template = min(fitting, key=lambda each: each.count("{"))
    schema = description["paths"][template]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    jsonschema_rs.validate({**schema, "components": description["components"]}, answer)


def test_a_list_comes_page_by_page(service: TestClient) -> None:
    for path in ("files", "log", "queue"):
        whole = service.get(f"/api/v1/{path}").json()
        found, following = [], "?limit=2"
        while following:
            page = service.get(f"/api/v1/{path}{following}")
            assert len(page.json()) <= 2
            found += page.json()
            following = page.links["next"]["url"] if "next" in page.links else ""
        assert found == whole


def test_coverage_is_given_period_by_period(service: TestClient) -> None:
    told = service.get("/api/v1/coverage/periods?product=raw&start=2020-01-02&format=csv&limit=1")
    assert told.text.splitlines() == [
        "product,key,start,stop,mark,why",
        "raw,,2020-01-02T00:00:00+00:00,2020-01-02T23:59:59.999999+00:00,there,",
    ]
    whole = service.get("/api/v1/coverage").json()
    counted = service.get("/api/v1/coverage/periods").json()
    assert len(counted) == sum(each["periods"] for each in whole["series"])
    assert told.links["next"]["url"].endswith("after=1")
    for path in ("coverage/periods", "files/late", "waiting", "queue", "incoming", "releases/first/files"):
        assert service.get(f"/api/v1/{path}?after={(1 << 63) - 1}").json() == []


def test_a_list_is_given_as_csv(service: TestClient) -> None:
    answer = service.get("/api/v1/files?format=csv&product=raw")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["filename"] for row in rows] == [name_of("raw", day) for day in (1, 2, 3)]
    assert list(rows[0]) == list(service.get("/api/v1/files?limit=1").json()[0])
    assert rows[0]["stores"] == ""


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("files/none/why", 404, "none"),
        ("files?start=yesterday", 422, "2024-05-06"),
        ("files?digest=abc", 422, "sha256:"),
        ("files?newest=true&withdrawn=true", 422, "newest"),
        ("files?limit=0", 422, "limit"),
        ("products/none", 404, "no product"),
        ("quarantine/77", 404, "77"),
        ("transfers/77", 404, "77"),
        ("none", 404, "Not Found"),
    ],
)
def test_what_cannot_be_answered_is_told_as_a_problem(service: TestClient, path: str, status: int, words: str) -> None:
    answer = service.get(f"/api/v1/{path}")
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert answer.json()["status"] == status
    assert words in answer.json()["detail"]


def test_the_headers_of_tus_are_described(service: TestClient, description: dict[str, Any]) -> None:
    found = description["paths"]
    assert set(found["/api/v1/uploads/tus/{word}"]) == {"options", "head", "patch", "delete", "post"}
    sent = {"Tus-Resumable": "1.0.0", "Upload-Length": "3", "Upload-Metadata": "filename YQ=="}
    begun = service.post("/api/v1/uploads/tus", headers=sent)
    word = begun.headers["location"].rpartition("/")[2]
    answers = {("/api/v1/uploads/tus", "post"): begun}
    more = {"Tus-Resumable": "1.0.0", "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
    for method, headers in (("head", sent), ("patch", more), ("patch", more), ("delete", {}), ("options", {})):
        asked = service.request(method, f"/api/v1/uploads/tus/{word}", headers=headers)
        answers["/api/v1/uploads/tus/{word}", method] = asked
    for (path, method), answer in answers.items():
        said = found[path][method]["responses"][str(answer.status_code)]["headers"]
        told = {name for name in answer.headers if name.startswith(("tus-", "upload-", "location"))}
        assert told <= {name.lower() for name in said}, (method, answer.status_code)
    assert answers["/api/v1/uploads/tus/{word}", "delete"].status_code == 412


def test_every_operation_is_described_whole(description: dict[str, Any]) -> None:
    for path, operations in description["paths"].items():
        for operation in operations.values() if path.startswith("/api/v1/") else ():
            assert operation["description"], path
            for status, answer in operation["responses"].items():
                assert status == "204" or answer.get("content") or "headers" in answer, (path, status)
    for name, schema in description["components"]["schemas"].items():
        assert schema.get("description"), name
        for key, value in schema.get("properties", {}).items():
            assert "description" in value or "title" in value or "$ref" in value, (name, key)


def test_nothing_that_is_asked_ends_in_an_error_of_ours_or_an_answer_that_is_not_described(
    service: TestClient, tmp_path: Path
) -> None:
    schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", service.app)
    for found in schema.include(path_regex=r"^/(api/|preparedata|$|\{)").get_all_operations():
        operation = found.ok()  # type: ignore[union-attr]
        can_be_wrong = operation.method != "options"  # it takes nothing
        for mode in (GenerationMode.POSITIVE, *([GenerationMode.NEGATIVE] if can_be_wrong else [])):
            _ask(operation, mode)


def _ask(operation: Any, mode: GenerationMode) -> None:
    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=3,
        database=None,
        deadline=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def ask(case: Any) -> None:
        case.call_and_validate(excluded_checks=CHECKS)

    ask()
