"""``[service]`` and ``[monitor]`` of a mission file: what is read, what is refused, what is written again."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import fields
from pathlib import Path

import pytest

from dbproc.core.access import Scope
from dbproc.core.service import Compatibility, MonitorSpec, ServiceSpec
from dbproc.mission import export_toml, read_mission_file
from tests.kit.mission import Mission, product, table
from tests.kit.mission_files import line_of, problems_of, write_mission
from tests.kit.sessions import DOCS

BARE = '[mission]\nname = "m"\n[product.raw]\nlevel = 0\ndirectory = "raw"\nformat = "raw_{Y}.txt"\n'
KEPT = '[store.rse]\nurl = "file:///rse"\n[area.users]\ndirectory = "/srv/users"\n'
SERVICE = {
    "url": "https://data.example.org/mission",
    "issuer": "https://iam.example.org/",
    "audience": "dbproc",
    "claim": "sub",
    "scopes": ["read", "stage"],
    "operators": ["olga", "operators"],
    "origins": ["https://portal.example.org", "http://localhost:3000"],
    "area": "users",
    "rse": "rse",
    "hosts": ["rse-web", "10.1.2.3"],
    "upload_size": 50,
    "upload_quota": 200,
    "uploads": 8,
    "upload_expires": "2 days",
    "reserve": 10,
    "rate": 20,
    "compat": "sclib-2",
}
MONITOR = {"ping": "env:PING", "textfile": "/var/lib/dbproc.prom", "every": "10 min"}


def test_every_key_is_read_and_written_again(tmp_path: Path) -> None:
    text = BARE + KEPT + table("service", SERVICE) + table("monitor", MONITOR)
    found = read_mission_file(write_mission(tmp_path, text))
    assert found.mission.service == (
        ServiceSpec(
            url="https://data.example.org/mission",
            issuer="https://iam.example.org/",
            audience="dbproc",
            claim="sub",
            scopes=(Scope.READ, Scope.STAGE),
            operators=("olga", "operators"),
            origins=("https://portal.example.org", "http://localhost:3000"),
            area="users",
            rse="rse",
            hosts=("rse-web", "10.1.2.3"),
            upload_size=50,
            upload_quota=200,
            uploads=8,
            upload_expires=dt.timedelta(days=2),
            reserve=10,
            rate=20,
            compat=Compatibility.SCLIB_2,
        ),
    )
    assert found.mission.monitor == (
        MonitorSpec(ping="env:PING", textfile="/var/lib/dbproc.prom", every=dt.timedelta(minutes=10)),
    )
    assert {*SERVICE} == {field.name for field in fields(ServiceSpec)} - {"name"}
    assert {*MONITOR} == {field.name for field in fields(MonitorSpec)} - {"name"}
    assert read_mission_file(write_mission(tmp_path, export_toml(found))).mission == found.mission


def test_every_key_has_its_line_in_the_document() -> None:
    page = (DOCS / "mission-file.md").read_text(encoding="utf-8")
    for name, keys in (("service", SERVICE), ("monitor", MONITOR)):
        part = page.split(f"\n### `[{name}]`\n")[1].split("\n##")[0]
        assert set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\| ([^|]+) \|", part, re.M)))) == {*keys}, name


@pytest.mark.parametrize(
    ("tables", "key", "said"),
    [
        ('[service]\nurl = "example.org"', "url", "must be the base URL"),
        ('[service]\nissuer = "http://iam.example.org"\naudience = "a"', "issuer", "must begin with https://"),
        ('[service]\nissuer = "https://iam.example.org"', "audience", "is missing"),
        ('[service]\naudience = "a"', "issuer", "is missing"),
        ('[service]\nscopes = ["write"]', "scopes[1]", "is no scope; choose from read, upload, stage, operate"),
        ('[service]\norigins = ["*"]', "origins[1]", "without a path or *"),
        ('[service]\norigins = ["https://a.org/"]', "origins[1]", "without a path or *"),
        ('[service]\nhosts = ["http://a.org"]', "hosts[1]", "must be the name of a host"),
        ('[service]\narea = "scratch"', "area", "no area scratch; the mission has: none"),
        ('[service]\nrse = "tape"', "rse", "no store tape"),
        ("[service]\nupload_size = -1", "upload_size", "must be"),
        ("[service]\nuploads = 0", "uploads", "must be"),
        ("[service]\nrate = 0", "rate", "must be"),
        ('[service]\nupload_expires = "soon"', "upload_expires", "soon"),
        ('[service]\ncompat = "sclib-3"', "compat", "choose one of sclib-1, sclib-2"),
        ("[service]\nport = 80", "port", "is not known"),
        ('[monitor]\nping = "https://hc.example.org/secret"', "ping", "env:NAME"),
        ('[monitor]\nevery = "0 s"', "every", "must be"),
    ],
)  # fmt: skip
def test_what_cannot_work_is_refused_at_its_key(tmp_path: Path, tables: str, key: str, said: str) -> None:
    text = BARE + tables
    problems = problems_of(tmp_path, text)
    name = tables[1:].partition("]")[0]
    found = [problem for problem in problems if f", {name}.{key}: " in problem and said in problem]
    assert found, problems
    assert "secret" not in found[0]
    at = re.match(r"line (\d+), ", found[0])
    assert at is not None
    assert int(at[1]) >= line_of(text, f"[{name}]")


def test_there_is_one_table_of_each(tmp_path: Path) -> None:
    assert "service" in problems_of(tmp_path, f"[[service]]\nuploads = 1\n{BARE}")[0]


@pytest.mark.parametrize("tables", [("service", SERVICE), ("monitor", MONITOR)])
def test_a_change_is_named_key_by_key_and_kept(tmp_path: Path, tables: tuple[str, dict[str, object]]) -> None:
    name, keys = tables
    mission = Mission(tmp_path / "mission", str(tmp_path / "mission.sqlite"))
    for directory in ("rse", "users"):
        (tmp_path / directory).mkdir()
    kept = KEPT.replace("/rse", f"{tmp_path}/rse").replace("/srv/users", f"{tmp_path}/users")
    mission.create(product("raw", 0), kept, table(name, keys))
    assert table(name, keys).strip().splitlines()[1] in mission.dbproc("export").out
    assert mission.dbproc("apply", str(mission.file)).out == "nothing to change\n"
    mission.write(product("raw", 0), kept, table(name, {}))
    told = mission.dbproc("apply", str(mission.file), "--dry-run").out
    assert all(key in told for key in keys), told
