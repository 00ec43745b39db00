"""What docs/ says of commands, tables and programs is what the code says."""

from __future__ import annotations

import importlib
import re
from contextlib import suppress
from pathlib import Path

import click
import pytest

from dbproc.cli import dbproc
from dbproc.cli.dbprocessing.commands import COMMANDS as LEGACY
from dbproc.cli.dbprocessing.processqueue import command as process_queue
from dbproc.core.states import RefusalReason
from dbproc.products.registry import BUILT_IN, arguments_of
from docs import generate

CHECKOUT = Path(__file__).resolve().parents[2]
DOCS = CHECKOUT / "docs"
CODES = CHECKOUT / "dbproc" / "codes"
CONVERTERS = sorted(path.stem for path in CODES.glob("*to_idx.py"))
PAGES = {"to_idx": "automatic"}
"""Pages of converters that are not named for a kind of files."""
OTHERS = {
    "idx_publish": ("idx/packing.md", "## idx_publish"),
    "picture": ("idx/looking.md", "### picture"),
    "contact_sheet": ("idx/looking.md", "### contact_sheet"),
}
OF_ALL = "## Options of all"

COMMANDS = [
    ("dbproc", dbproc),
    *generate.commands(dbproc, "dbproc"),
    ("ProcessQueue.py", process_queue),
    *LEGACY.items(),
]


def read(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def section(text: str, heading: str) -> str:
    """The text below a heading, up to the next one of its kind or above."""
    after = text[text.index(f"\n{heading}\n") + len(heading) + 2 :]
    return re.split(rf"^#{{1,{heading.index(' ')}}} ", after, maxsplit=1, flags=re.MULTILINE)[0]


def test_the_command_line_reference_is_what_the_code_says() -> None:
    assert read("command-line.md") == generate.command_line(), "run: python docs/generate.py"


def test_the_manual_pages_are_what_the_code_says() -> None:
    written = {path.name: path.read_text(encoding="utf-8") for path in (DOCS / "man").glob("*.1")}
    assert written == generate.manual_pages(), "run: python docs/generate.py"


def test_the_keys_of_every_answer_are_told_with_their_meaning() -> None:
    assert read("json.md") == generate.answers(), "run: python docs/generate.py"


def test_the_tables_are_what_the_schema_says() -> None:
    assert read("schema.md") == generate.with_tables(read("schema.md")), "run: python docs/generate.py"


@pytest.mark.parametrize(("name", "command"), COMMANDS, ids=[name for name, _ in COMMANDS])
def test_every_command_and_option_has_help(name: str, command: click.Command) -> None:
    assert command.help, name
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{name} {parameter.opts}"


def test_the_options_that_pages_give_to_a_command_are_its_own() -> None:
    options = {
        name.removeprefix("dbproc "): {each for parameter in command.params for each in parameter.opts}
        for name, command in COMMANDS
        if name.startswith("dbproc ") and name != "dbproc idx convert"  # it passes on those of the converters
    }
    named = "|".join(sorted(map(re.escape, options), key=len, reverse=True))
    used = re.compile(rf"(?:\bdbproc |`)({named})(?= )([^`\n;|#]*)")
    found = [
        (page.name, name, option)
        for page in sorted(DOCS.rglob("*.md"))
        for name, rest in used.findall(page.read_text(encoding="utf-8"))
        for option in re.findall(r"(?<![\w-])--[a-z][a-z-]+", rest)
    ]
    assert len(found) > 100
    assert [each for each in found if each[2] not in {*options[each[1]], "--help"}] == []


@pytest.mark.parametrize(("name", "command"), COMMANDS, ids=[name for name, _ in COMMANDS])
def test_every_command_prints_its_help(name: str, command: click.Command, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--help"], prog_name=name, standalone_mode=False) in (None, 0)
    assert capsys.readouterr().out.startswith(f"Usage: {name}")


def test_every_script_is_a_command_of_that_name() -> None:
    assert {path.name for path in (CHECKOUT / "scripts").glob("*.py")} == set(LEGACY)


@pytest.mark.parametrize("name", [*CONVERTERS, *OTHERS])
def test_the_documents_name_every_option_of_a_program(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    if name in OTHERS:
        page, heading = OTHERS[name]
        assert options(section(read(page), heading)) == told_options(name, capsys)
        return
    told, common = told_options(name, capsys), options(section(read("idx/index.md"), OF_ALL))
    if "--join" not in told:
        common.discard("--join")
        assert f"[{name}]" in section(read("idx/index.md"), OF_ALL), "the documents say that it has no --join"
    assert common <= told
    page = PAGES.get(name, name.removesuffix("_to_idx"))
    assert options(read(f"idx/{page}.md")) == told - common


@pytest.mark.parametrize("document", ["codes.md", "idx/index.md", "../README.md"])
def test_every_converter_is_in_the_tables(document: str) -> None:
    named = re.findall(r"^\|.*\|$", read(document), re.MULTILINE)
    assert [each for each in CONVERTERS if not any(f"[{each}](" in row for row in named)] == []


def test_every_page_is_in_the_site() -> None:
    site = (CHECKOUT / "mkdocs.yml").read_text(encoding="utf-8")
    pages = {str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md")}
    assert pages == set(re.findall(r"^ +- ([\w/-]+\.md)$", site, re.MULTILINE))


def options(text: str) -> set[str]:
    """The options of a table: what begins its rows."""
    return set(re.findall(r"^\| `(--[\w-]+)", text, re.MULTILINE))


def told_options(name: str, capsys: pytest.CaptureFixture[str]) -> set[str]:
    """The options that a program tells of by its own ``--help``; one without options tells its usage."""
    with suppress(SystemExit):
        importlib.import_module(f"dbproc.codes.{name}").main(["--help"])
    return set(re.findall(r"^ +(?:-\w, )?(--[\w-]+)", capsys.readouterr().out, re.MULTILINE)) - {"--help"}


@pytest.mark.parametrize("name", BUILT_IN)
def test_the_documents_name_every_argument_of_an_inspector(name: str) -> None:
    written = section(read("inspectors.md"), f"### {name}")
    assert set(re.findall(r"^\| `(\w+)` \|", written, re.MULTILINE)) == set(arguments_of(name))


def test_the_documents_name_every_reason_of_quarantine() -> None:
    written = section(read("operating.md"), "## The quarantine")
    assert set(re.findall(r"^\| `(\w+)` \|", written, re.MULTILINE)) == set(RefusalReason)
