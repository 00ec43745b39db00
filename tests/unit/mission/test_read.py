"""Whatever is wrong with a mission file, it is said; nothing is a defect of dbproc."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dbproc.core.errors import DefinitionError
from dbproc.mission import read_mission_file
from tests.kit.mission_files import MISSION, write_mission

COMPAT = Path(__file__).parents[2] / "flow" / "compat"
INI = (COMPAT / "mission_chain" / "config.ini").read_text()

WORDS = """[ ] [[ { } " ' = =1 ={} =[] true 1e400 -1 # % ( ) , . .. / \\ é {Y} {PRODUCT} {{ nan 2020-02-30 1:2"""
LINES = ("[process.x]\ncode = 1", "[product]\nx = 1", "[[product.raw]]", "[instrument]\nx = {}", "code = [1]", "a b")
PIECES = st.sampled_from(["", "\n", "\r\n", "\x00", "\x7f", *WORDS.split(), *LINES])


@st.composite
def damaged(draw: st.DrawFn, text: str) -> str:
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(text)))
        stop = draw(st.integers(start, min(len(text), start + 40)))
        text = text[:start] + draw(PIECES) + text[stop:]
    return text


def read(path: Path, text: str) -> None:
    path.write_bytes(text.encode())
    with suppress(DefinitionError):
        assert read_mission_file(path).mission.name


RELAXED = settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@RELAXED
@given(text=damaged(MISSION))
def test_a_damaged_toml_file_is_read_or_its_problems_are_listed(tmp_path: Path, text: str) -> None:
    write_mission(tmp_path)
    read(tmp_path / "mission.toml", text)


@RELAXED
@given(text=damaged(INI))
def test_a_damaged_ini_file_is_read_or_its_problems_are_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.chdir(tmp_path)
    read(tmp_path / "mission.conf", text)
