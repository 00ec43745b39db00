"""The questions: each line of the page works as it stands, one after the other, on one mission."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.kit.sessions import BLOCK, DOCS, LONGEST_SECONDS, make_home

PAGE = (DOCS / "how-do-i.md").read_text(encoding="utf-8")
QUESTIONS = 33
BEGIN = """
. ~/dbproc-venv/bin/activate
cp -r ~/dbproc/examples/network ~/network && cd ~/network
export DBPROC_MISSION=mission.sqlite DBPROC_SETTLE_SECONDS=0
dbproc init mission.sqlite && dbproc apply mission.toml
echo 0.2 > incoming/gain_2024.txt
echo nobody knows this > incoming/strange.csv
for station in ANK BOL CIV; do ./deliver.py 2024-05-06 $station; done
dbproc run
"""


def test_there_are_as_many_questions_as_the_page_says_each_with_a_line() -> None:
    assert len(re.findall(r"^\*\*… .*\?\*\*", PAGE, re.MULTILINE)) == QUESTIONS
    assert len(BLOCK.findall(PAGE)) == QUESTIONS


@pytest.mark.timeout(LONGEST_SECONDS)
def test_every_line_works_as_it_stands(tmp_path: Path) -> None:
    blocks = [block["text"] for block in BLOCK.finditer(PAGE)]
    script = BEGIN + "".join(f"( set -e\n{text}\n) || echo 'FAILED: line {n}'\n" for n, text in enumerate(blocks))
    environment = {"HOME": str(make_home(tmp_path)), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "TZ": "UTC"}
    done = subprocess.run(["bash"], input=script, env=environment, cwd=tmp_path, text=True, capture_output=True)
    failed = [blocks[int(number)] for number in re.findall(r"FAILED: line (\d+)", done.stdout)]
    assert not failed, f"{failed}\n{done.stderr}"
    assert "Traceback" not in done.stderr
    said = done.stdout
    assert "withdrew hour_BOL_20240506_03.csv" in said
    assert "restored hour_BOL_20240506_03.csv" in said
    assert "the gauge was moved at noon" in said
    assert "strange.csv" in said
    assert "no fault" in said
