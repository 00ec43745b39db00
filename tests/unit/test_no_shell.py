"""No program of dbproc hands anything to a shell, or runs text as code."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PROGRAMS = [
    REPOSITORY / "ProcessQueue.py",
    REPOSITORY / "setup.py",
    *(path for place in ("dbproc", "scripts", "migrations", "examples") for path in (REPOSITORY / place).rglob("*.py")),
]

THROUGH_A_SHELL = {"system", "popen", "getoutput", "getstatusoutput", "create_subprocess_shell", "spawn"}
AS_CODE = {"eval", "exec", "pickle", "marshal", "shelve", "yaml", "pty"}
SHELLS = {"sh", "bash", "dash", "zsh", "csh", "ksh", "env", "xargs"}


def faults(source: str) -> list[str]:
    """What of a program a shell would run, or Python itself, with its line."""
    return sorted(f"line {line}: {what}" for line, what in _found(ast.parse(source)))


def _found(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in THROUGH_A_SHELL:
            yield node.lineno, ast.unparse(node)
        elif isinstance(node, ast.Name) and node.id in AS_CODE:
            yield node.lineno, node.id
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names = {getattr(node, "module", None) or "", *(alias.name for alias in node.names)}
            yield from ((node.lineno, f"import {name}") for name in sorted(names & (THROUGH_A_SHELL | AS_CODE)))
        elif isinstance(node, ast.keyword) and node.arg == "shell":
            yield node.lineno, "shell="
        elif isinstance(node, ast.List | ast.Tuple) and _first_word(node) in SHELLS:
            yield node.lineno, ast.unparse(node)


def _first_word(words: ast.List | ast.Tuple) -> str | None:
    first = words.elts[0] if words.elts else None
    return Path(str(first.value)).name if isinstance(first, ast.Constant) else None


def test_nothing_is_handed_to_a_shell_or_run_as_code() -> None:
    assert len(PROGRAMS) > 100
    found = {str(path.relative_to(REPOSITORY)): faults(path.read_text()) for path in PROGRAMS}
    assert {path: lines for path, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    "source",
    [
        "os.system('ls')",
        "from os import popen",
        "subprocess.run(command, shell=True)",
        "subprocess.run(['sh', '-c', command])",
        "subprocess.Popen(('/bin/bash', script))",
        "subprocess.getoutput(command)",
        "asyncio.create_subprocess_shell(command)",
        "eval(text)",
        "import pickle",
    ],
)
def test_it_would_be_seen(source: str) -> None:
    assert len(faults(source)) == 1
