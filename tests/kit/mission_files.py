"""Mission folders for tests: a mission file, and the programs and inspectors that it names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dbproc.core.errors import DefinitionError
from dbproc.mission import read_mission_file

MISSION = """
[mission]
name = "sgp"
settle_seconds = 0

[product.raw]
level = 0
directory = "raw/{Y}"
format = "raw_{Y}{m}{d}_v{VERSION}.txt"

[product.clean]
level = 1
directory = "clean/{Y}"
format = "clean_{Y}{m}{d}_v{VERSION}.txt"

[product.week]
level = 2
directory = "week"
format = "week_{Y}{m}{d}_v{VERSION}.txt"

[process.to_clean]
output = "clean"
timebase = "DAILY"
inputs = ["raw"]

[process.to_clean.code]
file = "clean.sh"
version = "1.0.0"
arguments = ["--limit", "3"]

[process.to_week]
output = "week"
timebase = "WEEKLY"
inputs = [{ product = "clean", yesterday = 1 }]

[process.to_week.code]
file = "week.sh"
version = "1.0.0"
"""
"""raw → clean → week."""


def write_mission(folder: Path, text: str = MISSION, name: str = "mission.toml") -> Path:
    """Write the mission file, and beside it the codes and inspectors that it names."""
    for code in re.findall(r'(?m)^file = "([^":]+)"', text):
        write_program(folder / "codes" / code)
    for inspector in re.findall(r'inspector = (?:"|\{ file = ")([^"]+\.py)"', text):
        path = folder / "inspectors" / inspector
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    path = folder / name
    path.write_text(text)
    return path


def write_program(path: Path, text: str = "#!/bin/sh\n") -> None:
    """Write an executable file, unless it is there."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)


def edited(text: str, *replacements: tuple[str, str]) -> str:
    """The text with each replacement made, each of which must apply."""
    for old, new in replacements:
        assert old in text, old
        text = text.replace(old, new)
    return text


def problems_of(folder: Path, text: str) -> tuple[str, ...]:
    """What is wrong with a mission file."""
    with pytest.raises(DefinitionError) as caught:
        read_mission_file(write_mission(folder, text))
    return caught.value.problems


def line_of(text: str, part: str) -> int:
    """The first line with this part."""
    return next(number for number, line in enumerate(text.split("\n"), 1) if part in line)
