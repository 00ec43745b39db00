"""What the documents tell the reader to type works as written, and prints what they say.

The documents are read as a session: blocks of ``sh`` are run in one shell, blocks of ``toml``, ``python`` and the like
are written to the file that the text before them names last, and a block of ``text`` is what the commands before it
print. Times differ, and the order of jobs that run at the same time.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
README = CHECKOUT / "README.md"
QUICKSTART = CHECKOUT / "docs" / "quickstart.md"
CHANGING = CHECKOUT / "docs" / "changing.md"
DOCUMENTS = (README, QUICKSTART, CHANGING)
BLOCK = re.compile(r"^```(?P<kind>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
FILE_KINDS = ("toml", "python", "bash")
MARK = "--- end of block {} ---"
NOT_RUN = "<!-- not run by the test -->"


pytestmark = pytest.mark.xdist_group("readme")


@dataclass
class Step:
    """Files to write, commands to run, and what they print."""

    files: dict[str, str] = field(default_factory=dict)
    commands: str = ""
    told: str | None = None


def steps(document: Path) -> Iterator[Step]:
    """The steps of a document, in order."""
    text, step, end = document.read_text(encoding="utf-8"), Step(), 0
    for block in BLOCK.finditer(text):
        before, end = text[end : block.start()], block.end()
        kind, content = block["kind"], block["text"]
        if NOT_RUN in before:
            continue
        if kind in FILE_KINDS:
            if step.commands:
                yield step
                step = Step()
            step.files[re.findall(r"`([\w./]+\.\w+)`", before)[-1]] = content
        elif kind == "sh":
            if step.commands:
                yield step
                step = Step()
            step.commands = content
        elif kind == "text":
            step.told = content
    yield step


def written(step: Step) -> str:
    """The step as a shell script: files first."""
    files = (f"mkdir -p $(dirname {path})\ncat > {path} <<'END OF FILE'\n{text}END OF FILE\n"
             for path, text in step.files.items())  # fmt: skip
    return "".join(files) + step.commands


def played(session: list[Step], home: Path) -> list[str]:
    """What each step prints, on stdout and stderr."""
    marks = [MARK.format(number) for number in range(len(session))]
    script = "".join(f"{written(step)}\necho '{mark}'\n" for step, mark in zip(session, marks, strict=True))
    environment = {"HOME": str(home), "PATH": os.defpath, "LANG": "C.UTF-8", "TZ": "UTC"}
    done = subprocess.run(
        ["bash"], input=script, env=environment, cwd=home, text=True, timeout=300, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    shown, rest = [], done.stdout.replace(str(home), "/home/me")
    for mark in marks:
        output, found, rest = rest.partition(f"{mark}\n")
        assert found, f"the session ended early:\n{output}"
        shown.append(output)
    return shown


def settled(text: str) -> list[str]:
    """Lines in an order that does not depend on which job ended first."""
    return sorted(tamed(text).splitlines())


def tamed(text: str) -> str:
    """Text with one time for all, one number for all runs and jobs, and one mark for all names in quarantine."""
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ", "2024-05-05 08:00:02Z", text)
    text = re.sub(r"reprocess \d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "reprocess 2024-05-05 08:00:02", text)
    text = re.sub(r"[\d.e-]+ CPU hours", "4.1e-05 CPU hours", text)
    text = re.sub(r"jobs/\d+-\d+\.log", "jobs/7-1.log", text)
    return re.sub(r"\.[0-9a-f]{16}(?=\.| )", ".17cc8f0c2a6b19d4", text)


def told(document: Path, name: str) -> str:
    """The file that a document shows under that name."""
    return next(step.files[name] for step in steps(document) if name in step.files)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home directory with the installation that README's section Install makes."""
    path = tmp_path_factory.mktemp("home")
    (path / "dbproc-venv").symlink_to(sys.prefix)
    return path


@pytest.fixture(scope="module")
def session(home: Path) -> list[tuple[Step, str]]:
    """Every step of the documents, and what it printed."""
    told_steps = [step for document in DOCUMENTS for step in steps(document)]
    return list(zip(told_steps, played(told_steps, home), strict=True))


def test_the_documents_work_as_written(session: list[tuple[Step, str]]) -> None:
    assert sum(step.told is not None for step, _ in session) >= 10
    for step, shown in session:
        if step.told is not None:
            assert settled(shown) == settled(step.told), step.commands


def test_readme_shows_the_example_mission_in_full() -> None:
    for name in ("mission.toml", "codes/average.py"):
        assert told(README, name) == (CHECKOUT / "examples" / "own_mission" / name).read_text()


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


def fill_in() -> None:
    """Write into the documents what their commands print now; run it when messages have changed, and read the diff."""
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        (home / "dbproc-venv").symlink_to(sys.prefix)
        outputs = iter(played([step for document in DOCUMENTS for step in steps(document)], home))
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        for step, shown in [(step, next(outputs)) for step in steps(document)]:
            if step.told is not None:
                begin = text.index("```text\n", text.index(f"```sh\n{step.commands}"))
                end = text.index("\n```\n", begin + 3)
                text = f"{text[:begin]}```text\n{tamed(shown).rstrip()}{text[end:]}"
        document.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    fill_in()
