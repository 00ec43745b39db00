"""docs/serving.md and the files that it shows, as far as they can be held to what there is; nginx reads its own in
tests/system."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from dbproc.cli.serve import serve_command
from dbproc.core.access import Scope
from dbproc.mission import read_mission_file
from dbproc.service.guard import MOST
from tests.kit.mission_files import write_mission
from tests.kit.sessions import BLOCK, DOCS

PAGE = (DOCS / "serving.md").read_text(encoding="utf-8")
PLACE = "/run/dbproc-sonar/socket"


def _file(name: str) -> str:
    assert f'--8<-- "docs/serving/{name}"' in PAGE
    return (DOCS / "serving" / name).read_text(encoding="utf-8")


def test_the_example_is_of_a_mission_file(tmp_path: Path) -> None:
    (table,) = (block["text"] for block in BLOCK.finditer(PAGE) if block["kind"] == "toml")
    mission = '[mission]\nname = "m"\n[product.mag_raw]\nlevel = 0\ndirectory = "raw"\nformat = "raw_{Y}.txt"\n'
    (spec,) = read_mission_file(write_mission(tmp_path, mission + table)).mission.service
    assert spec.audience == "sonar"


def _asked(words: list[str]) -> dict[str, Any]:
    """What the words ask of the command, which keeps the options for help that it is asked with first."""
    return serve_command.make_context("serve", words, help_option_names=["-h", "--help"]).params


def test_the_unit_starts_the_service_where_the_proxies_look_for_it() -> None:
    unit = _file("dbproc-sonar.service")
    started = re.search(r"^ExecStart=\S+ serve (.*)$", unit, re.MULTILINE)
    assert started is not None
    asked = _asked([*shlex.split(started[1]), "-m", "x"])
    assert (str(asked["path"]), asked["root_path"], asked["is_open"]) == (PLACE, "/sonar", False)
    assert f"RuntimeDirectory={PLACE.split('/')[2]}" in unit
    assert f"proxy_pass http://unix:{PLACE};" in _file("nginx.conf")
    assert f"reverse_proxy unix/{PLACE} {{" in _file("Caddyfile")


@pytest.mark.parametrize(("given", "path"), [("sonar/", "/sonar"), ("/a/b", "/a/b"), ("/", ""), ("", "")])
def test_the_path_of_the_proxy_may_be_written_in_several_ways(given: str, path: str) -> None:
    asked = _asked(["--root-path", given, "-m", "x"])
    assert asked["root_path"] == path


def test_every_scope_is_told_and_what_may_be_sent() -> None:
    assert set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)) == set(Scope)
    assert f"more than {MOST >> 20} MiB that is no upload" in PAGE
