"""Packages, scripts and manual pages of dbproc; everything else about it is in pyproject.toml."""

import re
from collections.abc import Iterator
from glob import glob
from pathlib import Path

from setuptools import find_namespace_packages, setup

MANUAL = Path("build", "man1")
COMMANDS = Path("docs", "command-line.md")


def manual_pages() -> list[str]:
    """Write a manual page for each command, as docs/command-line.md describes it; return their paths."""
    MANUAL.mkdir(parents=True, exist_ok=True)
    introduction, *sections = re.split(r"^##+ ", COMMANDS.read_text(encoding="utf-8"), flags=re.MULTILINE)
    pages = {"dbproc": ["dbproc\n" + introduction.partition("-->")[2]]}
    for section in sections:
        words = section.split("\n", 1)[0].split()
        if words[0] == "dbproc" and len(words) > 1:
            pages.setdefault(f"dbproc-{words[1]}", []).append(section)
    for name, parts in pages.items():
        (MANUAL / f"{name}.1").write_text(page(name, parts), encoding="utf-8")
    return [str(MANUAL / f"{name}.1") for name in pages]


def page(name: str, parts: list[str]) -> str:
    """A manual page in the language of man."""
    lines = [f'.TH "{name.upper()}" 1', ".SH NAME", f"{name} \\- process controller for science missions"]
    for part in parts:
        title, body = part.split("\n", 1)
        lines += [f'.SH "{title.upper()}"', *(line for each in body.split("\n") for line in roff(each))]
    return "\n".join(lines) + "\n"


def roff(line: str) -> Iterator[str]:
    """A line of Markdown in the language of man."""
    if re.match(r"\|[-|]+\|$|\| (option|exit status) \|", line):
        return
    plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", line.replace("\\", "\\e").replace("-", "\\-"))
    if line.startswith("```"):
        yield ".PP"
    elif line.startswith("| "):
        name, meaning = (each.strip().replace("`", "") for each in plain.strip("| ").split(" | ", 1))
        yield from (".TP", f"\\fB{name}\\fR", meaning)
    elif not line:
        yield ".PP"
    else:
        text = re.sub(r"`([^`]*)`", r"\\fB\1\\fR", plain)
        yield f"\\&{text}" if text[:1] in ".'" else text


setup(
    packages=[
        *find_namespace_packages(include=["dbproc", "dbproc.*"], exclude=["*.__pycache__"]),
        # The top-level migrations/ becomes dbproc/migrations in an installation, an example dbproc/example.
        "dbproc.migrations",
        "dbproc.migrations.versions",
        "dbproc.example",
        "dbproc.example.codes",
    ],
    package_dir={
        "dbproc.migrations": "migrations",
        "dbproc.example": "examples/own_mission",
        "dbproc.example.codes": "examples/own_mission/codes",
    },
    package_data={"": ["py.typed", "*.mako", "*.sql", "*.toml", "*.json"]},
    scripts=["ProcessQueue.py", *sorted(glob("scripts/*.py"))],
    data_files=[("share/man/man1", manual_pages())],
)
