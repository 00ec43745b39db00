"""What the service has answered is there when it is killed at once: requests for staging, imports, actions."""

from __future__ import annotations

import httpx2 as httpx

from tests.kit.mission import Mission, chain, name_of, table
from tests.kit.service import Served, bearer

ASKED = [
    ("stages", {"name": [name_of("raw", 1)], "area": "scratch"}),
    ("imports", {"url": "http://127.0.0.1:1/none/x.txt"}),
    ("actions/campaigns/again/pause", None),
    ("actions/retry", {}),
    ("actions/withdraw", {"name": [name_of("raw", 2)], "reason": "wrong clock"}),
]


def test_what_was_answered_is_there_after_a_kill(sqlite_mission: Mission) -> None:
    made, area = sqlite_mission, sqlite_mission.root.parent / "scratch"
    area.mkdir()
    tables = table("area.scratch", {"directory": str(area)}), table("service", {"hosts": ["127.0.0.1"]})
    made.create(*chain(), *tables)
    made.deliver(name_of("raw", 1), name_of("raw", 2))
    made.run()
    made.dbproc("reprocess", "--product", "clean", "--force", "1", "--campaign", "again")
    headers = bearer(made.database, "ada")
    served = Served(made.database, "--no-run")
    with served:  # it is killed right behind the last answer
        base = f"{served.address}/api/v1"
        answers = [httpx.post(f"{base}/{path}", json=asked, headers=headers, timeout=60) for path, asked in ASKED]
    assert [answer.status_code for answer in answers] == [202, 202, 200, 200, 200]
    with served:
        found = [httpx.get(f"{served.address}{answers[at].headers['location']}", headers=headers) for at in (0, 1)]
        campaign = httpx.get(f"{served.address}/api/v1/campaigns/again", headers=headers).json()
    assert [each.json() for each in found] == [answers[0].json(), answers[1].json()]
    assert campaign["status"] == "paused"
    assert not made.files()[name_of("raw", 2)].is_in_place
    made.run()
    assert (area / "ada" / name_of("raw", 1)).is_file()
    said = made.rows("SELECT action, result FROM audit WHERE action NOT LIKE 'token%' ORDER BY audit_id")
    assert [tuple(row) for row in said] == [
        *(("stage request", "done"), ("import request", "done"), ("campaign pause", "done"), ("job retry", "done")),
        *(("file withdraw", "begun"), ("file withdraw", "done")),
    ]
