"""``dbproc token`` and ``dbproc audit``."""

from __future__ import annotations

from tests.kit.mission import Mission, product


def test_tokens_are_made_listed_and_revoked(sqlite_mission: Mission) -> None:
    mission = sqlite_mission.create(product("raw", 0))
    made = mission.dbproc(
        "token", "create", "ada's laptop", "--owner", "ada", "--scope", "upload", "--expires", "never"
    )
    token = made.out.strip()
    word = token.split("_")[1]
    assert made.err == "ada may upload with it; it is not shown again: keep it, and tell nobody\n"
    assert "no token holds" not in mission.dbproc("token", "list").out
    (row,) = mission.dbproc("token", "list", "--json").json
    assert (row["word"], row["name"], row["scopes"], row["expires_time"]) == (word, "ada's laptop", ["upload"], None)
    assert mission.dbproc("token", "revoke", word).out == f"the token {word} of ada holds no longer\n"
    assert mission.dbproc("token", "revoke", word, "--json").json["revoked_time"] is not None
    assert mission.dbproc("token", "list").out == "no token holds; make one: dbproc token create NAME\n"
    assert "revoked" in mission.dbproc("token", "list", "--all").out
    assert "expired already" in mission.dbproc("token", "create", "x", "--expires", "2020-01-01", status=2).err
    assert mission.dbproc("token", "create", "x", "--json").json["scopes"] == ["read"]


def test_the_audit_trail_is_listed_and_verified(sqlite_mission: Mission) -> None:
    mission = sqlite_mission.create(product("raw", 0))
    assert mission.dbproc("audit", "list").out == "nothing was done by way of the service, nor to its tokens\n"
    assert mission.dbproc("audit", "verify").out == "0 entries: nothing was changed or taken out\n"
    for name in ("one", "two", "three"):
        mission.dbproc("token", "create", name, "--owner", name)
    head = mission.dbproc("audit", "verify").out.splitlines()[-1].removeprefix("head: ")
    assert mission.dbproc("audit", "verify", "--head", head, "--json").json == {"entries": 3, "head": head, "flaws": []}
    newest = mission.dbproc("audit", "list", "--action", "token", "--before", "3", "--limit", "1", "--json").json[0]
    assert (newest["number"], newest["action"], newest["detail"]["owner"]) == (2, "token create", "two")
    assert "token create" in mission.dbproc("audit", "list").out

    mission.execute("DROP TRIGGER audit_delete")
    mission.execute("DROP TRIGGER audit_change")
    mission.execute("DELETE FROM audit WHERE audit_id = 3")
    assert mission.dbproc("audit", "verify").out.startswith("2 entries: nothing was changed")
    cut = mission.dbproc("audit", "verify", "--head", head, status=1).out
    assert "entry 3: it is not there any more as it was when the head" in cut
    mission.execute("UPDATE audit SET detail = '[' WHERE audit_id = 1")
    assert "entry 1: it is not what was entered\n2 entries: 1 flaw\n" in mission.dbproc("audit", "verify", status=1).out
    assert mission.dbproc("audit", "list", "--json").json[1]["detail"] == {"text": "["}
    assert "is no head of the audit trail" in mission.dbproc("audit", "verify", "--head", "x", status=2).err
