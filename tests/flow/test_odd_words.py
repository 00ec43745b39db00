"""Every command with odd words in every place: an answer or a message, and never a traceback."""

from __future__ import annotations

import io
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from itertools import product

import click
import pytest

from dbproc.cli import dbproc, guarded
from dbproc.cli.dbprocessing.commands import COMMANDS as LEGACY
from dbproc.cli.dbprocessing.processqueue import command as process_queue
from docs.generate import commands
from tests.kit.mission import JOIN, Mission, chain, name_of

ODD = {
    "text": ["", " ", "\udcff", "\x1b[31mred", "a\nb", "%s{}{VERSION}", "'\"", "~nobody0", "~", "x" * 5000, "١"],
    "number": ["-1", "0", "1e30", "9" * 20, "9223372036854775807", "2147483648", "4294967296", "nan", "inf", "1.5"],
    "date": ["0000-01-01", "0001-01-01", "9999-12-31", "99999-01-01", "2020-02-30", "2020-13-01", "20200101"],
    "path": ["/proc", ".", "..", "/proc/self/mem", "/proc/nowhere", "here", "~nobody0/x", "x" * 300, "\udcff"],
    "version": ["1", "1.2", "-1.0.0", "1.0." + "9" * 20, "0.0.0", "1.0.0.0", "a.b.c", "1.0.2147483648"],
}
"""What is tried, by what a word may be taken for; no path among them can be written outside of the mission."""

FEW = ["\udcff", "9" * 20, "9999-12-31", "here", "~nobody0/x"]
"""What is tried in every test run."""

USUAL = {
    "database": "fresh.sqlite",
    "mission_file": "mission.toml",
    "config_file": "mission.toml",
    "subject": name_of("clean", 1),
    "file": name_of("clean", 1),
    "path": "incoming/nobody.txt",
    "paths": "incoming/nobody.txt",
    "old": "incoming/nobody.txt",
    "new": "incoming/nobody.txt",
    "output": "written",
    "process": "to_clean",
    "product": "clean",
    "products": "clean",
    "instrument": "test",
    "code": "to_clean.sh",
    "version": "2.0.0",
    "old_version": "1.0.0",
    "start": "2020-01-01",
    "end": "2020-01-02",
    "dates": "2020-01-01",
    "reason": "why not",
    "message": "why not",
    "comment": "why not",
    "number": "1",
    "numbers": "1",
    "canary": "1",
    "campaign": "1",
}
"""A word that is right, by the name of the parameter."""


COMMANDS: dict[str, click.Command] = {
    **{name: each for name, each in commands(dbproc, "dbproc") if name != "dbproc serve"},  # that serves
    "ProcessQueue.py": process_queue,
    **LEGACY,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Mission:
    """A mission with files, failures, and something in quarantine and in incoming."""
    root = tmp_path_factory.mktemp("odd")
    mission = Mission(root / "mission", str(root / "mission.sqlite"))
    mission.code("to_clean.sh", JOIN.replace("printf", 'case "$1" in *20200102*) exit 3;; esac; printf', 1))
    mission.create(*chain())
    mission.deliver(name_of("raw", 1), name_of("raw", 2), "unknown.txt")
    mission.run(status=1)
    mission.deliver("nobody.txt")
    (mission.root / "here").mkdir()
    return mission


@pytest.mark.parametrize("name", COMMANDS)
def test_a_few_odd_words_are_answered(name: str, folder: Mission, monkeypatch: pytest.MonkeyPatch) -> None:
    places = [each for each in COMMANDS[name].params if each.name != "mission" or name == "dbproc status"]
    check_answers(name, places, FEW, folder, monkeypatch)


@pytest.mark.thorough
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", COMMANDS)
def test_all_odd_words_are_answered(name: str, folder: Mission, monkeypatch: pytest.MonkeyPatch) -> None:
    check_answers(name, COMMANDS[name].params, [word for words in ODD.values() for word in words], folder, monkeypatch)


def check_answers(
    name: str, places: Sequence[click.Parameter], odd: Sequence[str], folder: Mission, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command gives an answer or a message whichever odd word stands in whichever of the places."""
    monkeypatch.chdir(folder.root)
    monkeypatch.setenv("DBPROC_MISSION", folder.database)
    bad = []
    for place, word in product(places, odd):
        if isinstance(place, click.Option) and place.is_flag:
            continue
        line = command_line(COMMANDS[name], place, word)
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            status = guarded(COMMANDS[name], line, name)
        (folder.root / "fresh.sqlite").unlink(missing_ok=True)
        if "Traceback" in err.getvalue() or (status and not out.getvalue() + err.getvalue()):
            bad.append(f"{line!a}: status {status}, {err.getvalue().strip()[-200:]}")
    assert not bad, "\n".join(bad)


def command_line(command: click.Command, place: click.Parameter, odd: str) -> list[str]:
    """The words of a command, all of them right but the one in `place`."""
    options, arguments = [], []
    for parameter in command.params:
        if parameter is not place and not parameter.required:
            continue
        word = odd if parameter is place else USUAL.get(str(parameter.name), "clean")
        if isinstance(parameter, click.Option):
            options += [parameter.opts[-1], *[word] * parameter.nargs]
        else:
            arguments.append(word)
    return [*options, "--", *arguments]
