"""Hooks: what happened is told once, by a command or a webhook, and no run is held up or fails because of it."""

from __future__ import annotations

import datetime as dt
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.kit.mission import Mission, chain, kill, name_of, product, wait_for

FAILS = "#!/bin/sh\necho no sun >&2\nexit 3\n"
WRITES = """#!/bin/sh
cat >> "$1"
"""


class Listening(ThreadingHTTPServer):
    """A server that keeps what is posted to it, and answers with `status` after `pause` seconds."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status, self.told = 200, list[tuple[str, dict[str, object]]]()
        self.goes_on = threading.Event()
        self.goes_on.set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def events(self) -> list[str]:
        return [event["event"] for _, body in self.told for event in body["events"]]  # type: ignore[attr-defined]


class _Handler(BaseHTTPRequestHandler):
    server: Listening

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.told.append((self.path, body))
        self.server.goes_on.wait(60)
        self.send_response(self.server.status)
        self.send_header("Location", f"{self.server.url}/elsewhere")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Listening]:
    with Listening() as listening:
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        yield listening
        listening.goes_on.set()
        listening.shutdown()
        thread.join()


def hook(name: str, **keys: object) -> str:
    lines = [f"{key} = {json.dumps(value)}" for key, value in keys.items()]
    return "\n".join([f"[notify.{name}]", *lines, ""])


def command(mission: Mission, name: str, text: str) -> str:
    path = mission.root / name
    path.write_text(text)
    path.chmod(0o755)
    return str(path)


def is_running(pid: int) -> bool:
    """Whether there is such a process; one that only waits to be reaped has no command line."""
    try:
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())
    except FileNotFoundError:
        return False


def notices(mission: Mission) -> list[tuple[object, ...]]:
    told = "sent_time IS NOT NULL"
    return mission.rows(f"SELECT event, hook, {told}, problem FROM notice ORDER BY notice_id")


def failing(mission: Mission, *hooks: str, **keys: object) -> None:
    """Define a mission with hooks, in which a job is going to fail."""
    mission.code("to_clean.sh", FAILS)
    mission.create(*chain(), *hooks, **{"retry_seconds": 0, "retry_limit": 2, **keys})
    mission.deliver(name_of("raw", 1))


def test_each_event_is_told_once_by_each_hook(mission: Mission, server: Listening, tmp_path: Path) -> None:
    (tmp_path / "url").write_text(f"{server.url}/T0/secret?token=x\n")
    told = tmp_path / "told"
    writes = [command(mission, "tell.sh", WRITES), str(told)]
    failing(
        mission,
        hook("team", webhook=f"file:{tmp_path / 'url'}"),
        hook("me", command=writes, events=["quarantined", "given up"]),
    )
    mission.deliver("stray.txt")
    first = mission.run(status=1)
    assert sorted(server.events) == ["failed", "quarantined"]
    path, body = server.told[0]
    assert path == "/T0/secret?token=x"
    assert body["mission"] == "test"
    assert str(body["text"]).startswith("dbproc test: 1 failed, 1 quarantined\n")
    assert body["counts"] == {"failed": 1, "quarantined": 1}
    assert told.read_text().splitlines()[0] == "dbproc test: 1 quarantined"
    second = mission.run(status=1)  # it fails again, and is given up
    mission.run()
    mission.run()
    assert server.events[2:] == ["given up"]
    assert "no sun" in told.read_text()
    assert told.read_text().count("dbproc test:") == 2
    everything = first.out + first.err + second.out + second.err + mission.dbproc("export").out
    everything += mission.dbproc("status", "--json").out + str(mission.rows("SELECT * FROM notice"))
    assert "secret" not in everything
    assert {row[2:] for row in notices(mission)} == {(1, None) if mission.is_sqlite else (True, None)}
    for log in (mission.root / ".dbproc" / "logs").iterdir():
        assert "secret" not in log.read_text()


def test_what_a_hook_did_not_tell_is_told_by_a_later_run(mission: Mission, server: Listening) -> None:
    failing(mission, hook("team", webhook=server.url), hook("me", command=["/nowhere/tell"]), retry_limit=8)
    server.status = 302  # it is not followed
    done = mission.run(status=1)
    assert "note hook team: it answered 302" in done.out + done.err
    assert "note hook me: exit status 1: /nowhere/tell cannot be started: No such file or directory" in done.out
    assert [path for path, _ in server.told] == ["/"]
    server.status = 204
    mission.execute("UPDATE attempt SET next_try_time = NULL")
    mission.run()
    mission.run()
    assert server.events == ["failed", "failed"]
    team, me = notices(mission)
    assert team[3] is None
    assert "cannot be started" in str(me[3])


def test_a_hook_that_hangs_is_ended_and_not_told_again(mission: Mission, server: Listening, tmp_path: Path) -> None:
    hangs = command(mission, "hangs.sh", f"#!/bin/sh\nsleep 1000 &\necho $! > {tmp_path}/pid; wait\n")
    failing(mission, hook("slow", webhook=server.url, seconds=1), hook("me", command=[hangs], seconds=1), retry_limit=8)
    server.goes_on.clear()
    done = mission.run(status=1)
    assert "note hook slow: it took longer than 1 s and was ended" in done.out
    assert "note hook me: it took longer than 1 s and was ended" in done.out
    assert not is_running(int((tmp_path / "pid").read_text()))
    assert mission.rows("SELECT comment FROM logging WHERE purpose = 'run'") == [("done, with failures",)]
    mission.execute("UPDATE attempt SET next_try_time = NULL")
    mission.run()
    assert len(server.told) == 1
    assert all("took longer" in str(row[3]) for row in notices(mission))


@pytest.mark.in_processes
def test_a_run_that_is_killed_while_it_tells_tells_nothing_twice(mission: Mission, server: Listening) -> None:
    failing(mission, hook("team", webhook=server.url, seconds=60), retry_limit=8)
    server.goes_on.clear()
    running = mission.start("-i", "-p")
    wait_for(lambda: server.told, "the webhook")
    assert mission.rows("SELECT * FROM logging WHERE currently_processing") == []  # nobody is kept from running
    kill(running)
    server.goes_on.set()
    mission.execute("UPDATE attempt SET next_try_time = NULL")
    mission.run()
    assert server.events == ["failed"]
    assert "nobody saw how this try ended" in str(notices(mission)[0][3])


@pytest.mark.in_processes
def test_a_dead_run_and_a_lock_that_is_held_for_long_are_told(mission: Mission, server: Listening) -> None:
    mission.code("to_clean.sh", "#!/bin/sh\nsleep 1000\n")
    mission.create(*chain(), hook("team", webhook=server.url, long_lock="1 h"))
    mission.deliver(name_of("raw", 1))
    running = mission.start("-i", "-p")
    wait_for(lambda: mission.rows("SELECT * FROM attempt"), "the job")
    mission.run(status=75)
    assert server.events == []
    mission.execute(
        "UPDATE logging SET processing_start_time = '2024-01-01 00:00:00.000000' WHERE currently_processing"
    )
    mission.run(status=75)
    mission.run(status=75)
    assert server.events == ["long lock"]
    kill(running)
    mission.code("to_clean.sh", "#!/bin/sh\ncp $1 $2\n")
    mission.run("--only", "none", status=2)
    mission.run()
    assert server.events == ["long lock", "crashed"]


def test_what_is_late_is_told_when_it_becomes_so(mission: Mission, server: Listening) -> None:
    today = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=5)
    begins: dict[str, Any] = {"from": today}
    raw = product("raw", 0, expect="daily", late_after="1 day", **begins)
    mission.create(raw, hook("team", webhook=server.url))
    mission.run()
    mission.run()
    assert set(server.events) == {"late"}
    assert 3 <= len(server.events) <= 5
    assert f"raw {today}" in str(server.told[0][1]["text"])
    assert len(server.told) == 1


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"webhook": "https://me:pass@example.org/"}, "its URL holds what may be a credential"),
        ({"webhook": "https://example.org/a?token=pass"}, "its URL holds what may be a credential"),
        ({"webhook": "ftp://example.org"}, "it is no URL"),
        ({"webhook": "env:"}, "names nothing"),
        ({}, "needs either a command"),
        ({"command": ["tell"], "webhook": "env:HOOK"}, "needs either a command"),
        ({"command": ["tell"], "events": ["fail"]}, "'fail' is no event; choose from failed, given up"),
        ({"command": ["tell"], "seconds": 0}, "must be more than 0"),
    ],
)
def test_a_hook_that_cannot_work_is_refused(tmp_path: Path, keys: dict[str, object], said: str) -> None:
    mission = Mission(tmp_path / "mission", str(tmp_path / "mission.sqlite"))
    mission.create(*chain())
    mission.write(*chain(), hook("team", **keys))
    done = mission.dbproc("apply", str(mission.file), status=2)
    assert said in done.err
    assert "pass" not in done.err


def test_hooks_are_compared_and_exported(sqlite_mission: Mission) -> None:
    mission = sqlite_mission
    mission.create(*chain(), hook("team", webhook="env:HOOK", events=["failed", "given up"]))
    exported = mission.root / "exported.toml"
    exported.write_text(mission.dbproc("export").out.replace('root = "', 'root = "', 1))
    assert '[notify.team]\nwebhook = "env:HOOK"\nevents = ["failed", "given up"]' in exported.read_text()
    assert "nothing" in mission.dbproc("apply", str(exported), "--dry-run").out.lower()
    mission.write(*chain(), hook("team", webhook="env:HOOK"))
    assert "hook team: events" in mission.dbproc("apply", str(mission.file)).out


def test_the_same_failure_is_not_told_again_after_a_retry_but_a_new_one_is(mission: Mission, server: Listening) -> None:
    failing(mission, hook("team", webhook=server.url), hook("me", command=["/nowhere/tell"]))
    mission.run(status=1)
    mission.run(status=1)
    assert server.events == ["failed", "given up"]
    for _ in range(2):
        mission.dbproc("retry")
        mission.run(status=1)
    assert server.events == ["failed", "given up"]
    told = mission.dbproc("status").out
    assert told.count("hook me: ") == 2
    mission.dbproc("dismiss", "-o", "to_clean", "--reason", "x")
    assert "hook me: " not in mission.dbproc("status").out
    mission.deliver(name_of("raw", 1, "1.0.1"), content="other")
    mission.run(status=1)
    assert server.events == ["failed", "given up", "failed"]
    assert mission.dbproc("status").out.count("hook me: ") == 3
    mission.execute("UPDATE notice SET noticed_time = '2020-01-01 00:00:00.000000'")
    assert "hook me: " not in mission.dbproc("status").out
