"""What the README, the quick start and the page on changes tell the reader to type works, and prints what they say.

Times differ, and the order of jobs that run at the same time.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.kit.sessions import BLOCK, CHECKOUT, GREENHOUSE, LONGEST_SECONDS, Step, make_home, played, settled

README = CHECKOUT / "README.md"

pytestmark = [pytest.mark.xdist_group("readme"), pytest.mark.timeout(LONGEST_SECONDS)]


def told(name: str) -> str:
    """The file that the README shows under that name."""
    return next(step.files[name] for step in GREENHOUSE.steps_of(README) if name in step.files)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_home(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def session(home: Path) -> list[tuple[Step, str]]:
    """Every step of the documents, and what it printed."""
    steps = GREENHOUSE.steps()
    return list(zip(steps, played(steps, home), strict=True))


def test_the_documents_work_as_written(session: list[tuple[Step, str]]) -> None:
    assert sum(step.told is not None for step, _ in session) >= 10
    for step, shown in session:
        if step.told is not None:
            assert settled(shown) == settled(step.told), step.commands


def test_readme_shows_the_example_mission_in_full() -> None:
    for name in ("mission.toml", "codes/average.py"):
        assert told(name) == (CHECKOUT / "examples" / "own_mission" / name).read_text()


@pytest.mark.usefixtures("session")
def test_the_cron_line_builds_what_is_new_and_says_nothing_when_nothing_is(home: Path) -> None:
    (line,) = (block["text"] for block in BLOCK.finditer(README.read_text()) if block["kind"] == "cron")
    command = line.split(maxsplit=5)[5]
    (home / "greenhouse" / "incoming" / "reading_20240605.csv").write_text("time,temperature\n06:00,11\n")
    cron = {"HOME": str(home), "PATH": "/usr/bin:/bin", "DBPROC_SETTLE_SECONDS": "0"}
    first, second = (
        subprocess.run(["/bin/sh", "-c", command], env=cron, cwd=home, capture_output=True, text=True, timeout=60)
        for _ in range(2)
    )
    assert (first.returncode, first.stderr) == (0, "")
    assert "built mean_20240605_v1.0.0.csv: no output yet" in first.stdout
    assert (second.returncode, second.stdout, second.stderr) == (0, "", "")
    assert (home / "greenhouse" / "mean" / "2024" / "mean_20240605_v1.0.0.csv").exists()
