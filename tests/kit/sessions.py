"""Documents read as sessions: what they tell the reader to type, and what is printed then.

Blocks of ``sh`` are run in one shell, blocks of ``toml``, ``python`` and ``bash`` are written to the file that the text
before them names last, and a block of ``text`` is what the commands before it print. A document that shows parts of
files that are there already writes none.

``python -m tests.kit.sessions`` writes into the documents what their commands print now: run it when messages have
changed, and read the difference.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
DOCS = CHECKOUT / "docs"
BLOCK = re.compile(r"^```(?P<kind>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
FILE_KINDS = ("toml", "python", "bash")
MARK = "--- end of block {} ---"
NOT_RUN = "<!-- not run by the test -->"
TIME = "2024-05-05 08:00:02"
LONGEST_SECONDS = 300
"""How long a session may take: dozens of commands, each a process of its own."""


@dataclass
class Step:
    """Files to write, commands to run, and what they print."""

    files: dict[str, str] = field(default_factory=dict)
    commands: str = ""
    told: str | None = None


@dataclass(frozen=True)
class Session:
    """Documents that are typed one after the other; `writes_files`: their blocks of files are written, too. `time` is
    the time that stands in them for all."""

    documents: tuple[Path, ...]
    writes_files: bool = True
    time: str = TIME

    def steps(self) -> list[Step]:
        """The steps of all documents, in order."""
        return [step for document in self.documents for step in self.steps_of(document)]

    def steps_of(self, document: Path) -> Iterator[Step]:
        """The steps of one document."""
        text, step, end = document.read_text(encoding="utf-8"), Step(), 0
        for block in BLOCK.finditer(text):
            before, end = text[end : block.start()], block.end()
            kind, content = block["kind"], block["text"]
            if NOT_RUN in before:
                continue
            if kind == "text":
                step.told = content
            elif kind == "sh" or (kind in FILE_KINDS and self.writes_files):
                if step.commands:
                    yield step
                    step = Step()
                if kind == "sh":
                    step.commands = content
                else:
                    step.files[re.findall(r"`([\w./]+\.\w+)`", before)[-1]] = content
        yield step


GREENHOUSE = Session((CHECKOUT / "README.md", DOCS / "quickstart.md", DOCS / "changing.md"))
PARTITIONS = Session((DOCS / "partitions.md",), writes_files=False, time="2024-06-01 08:00:02")
COVERAGE = Session((DOCS / "coverage.md",), writes_files=False, time="2024-06-01 08:00:02")
CORRECTIONS = Session((DOCS / "corrections.md",), writes_files=False, time="2024-06-01 08:00:02")


def make_home(path: Path) -> Path:
    """A home directory with what README's section Install makes, and the directory in which it is typed."""
    (path / "dbproc-venv").symlink_to(sys.prefix)
    (path / "dbproc").symlink_to(CHECKOUT)
    return path


def written(step: Step) -> str:
    """The step as a shell script: files first."""
    files = (f"mkdir -p $(dirname {path})\ncat > {path} <<'END OF FILE'\n{text}END OF FILE\n"
             for path, text in step.files.items())  # fmt: skip
    return "".join(files) + step.commands


def played(steps: Sequence[Step], home: Path) -> list[str]:
    """What each step prints, on stdout and stderr."""
    marks = [MARK.format(number) for number in range(len(steps))]
    script = "".join(f"{written(step)}\necho '{mark}'\n" for step, mark in zip(steps, marks, strict=True))
    environment = {"HOME": str(home), "PATH": os.defpath, "LANG": "C.UTF-8", "TZ": "UTC"}
    done = subprocess.run(
        ["bash"], input=script, env=environment, cwd=home, text=True, timeout=LONGEST_SECONDS, check=False,
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
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ", f"{TIME}Z", text)
    text = re.sub(r"reprocess \d{4}-\d\d-\d\d \d\d:\d\d:\d\d", f"reprocess {TIME}", text)
    text = re.sub(r"[\d.,e-]+ \w+ of CPU", "0.1 s of CPU", text)
    text = re.sub(r"about [\d.,e-]+ \w+ on", "about 0.1 s on", text)
    text = re.sub(r"(?m)  [\d.,e-]+ (s|min)$", "  0.1 s", text)
    text = re.sub(r"jobs/\d+-\d+\.log", "jobs/7-1.log", text)
    return re.sub(r"\.[0-9a-f]{16}(?=\.| )", ".17cc8f0c2a6b19d4", text)


def fill_in(session: Session) -> None:
    """Write into the documents of a session what their commands print."""
    with tempfile.TemporaryDirectory() as name:
        outputs = iter(played(session.steps(), make_home(Path(name))))
    for document in session.documents:
        text, end = document.read_text(encoding="utf-8"), 0
        for step, shown in [(step, next(outputs)) for step in session.steps_of(document)]:
            if step.told is not None:
                begin = text.index("```text\n", text.index(f"```sh\n{step.commands}", end))
                end = text.index("\n```\n", begin + 3)
                told = f"```text\n{tamed(shown).replace(TIME, session.time).rstrip()}"
                text, end = f"{text[:begin]}{told}{text[end:]}", begin + len(told)
        document.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    for each in (GREENHOUSE, PARTITIONS, COVERAGE, CORRECTIONS):
        fill_in(each)
