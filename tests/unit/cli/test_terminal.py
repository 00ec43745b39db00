"""Commands on a terminal of 80 columns: tables that fit, colours unless NO_COLOR."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from dbproc.cli import SECTIONS
from tests.kit.terminals import shown_on

ROW = """
from dbproc.cli.common import print_columns
from dbproc.cli.progress import Screen
import click
from dbproc.cli import guarded

@click.command()
def told():
    print_columns(("file", "note"), [("a_file.txt", "word " * 30)])
    Screen().say("job failed", True)

guarded(told, [], "told")
"""


def on_terminal(words: list[str], **environment: str) -> str:
    """What a program prints on a terminal."""
    ours, theirs = pty.openpty()
    given: Mapping[str, str] = {**os.environ, "TERM": "xterm", "COLUMNS": "80", **environment}
    with subprocess.Popen([sys.executable, *words], stdout=theirs, stderr=theirs, stdin=theirs, env=given) as process:
        os.close(theirs)
        printed = shown_on(ours)
    assert process.returncode == 0
    return printed.replace("\r\n", "\n")


def test_tables_fit_and_have_colours_unless_they_are_unwanted(tmp_path: Path) -> None:
    program = tmp_path / "told.py"
    program.write_text(ROW)
    plain = on_terminal([str(program)], NO_COLOR="1")
    assert "\033[" not in plain.replace("\r\033[K", "")
    assert plain.count("word") == 30
    assert max(map(len, plain.split("\n"))) <= 80
    coloured = on_terminal([str(program)], NO_COLOR="")
    assert "\033[1mfile" in coloured
    assert "\033[31mjob failed" in coloured


def test_the_help_names_each_command_in_its_section_and_cuts_nothing() -> None:
    told = on_terminal(["-m", "dbproc", "--help"])
    words = " ".join(told.split())
    for title, commands in SECTIONS.items():
        assert f"\n{title}:\n" in told
        for name, (_, line) in commands.items():
            assert f"{name} {line}" in words
    assert "..." not in told.partition("Options:")[2]
