"""What is imported when, as far as import-linter (see pyproject.toml) cannot say it."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dbproc

PACKAGE = Path(dbproc.__file__).parent
FORMATS = {"OpenVisus", "h5py", "imagecodecs", "netCDF4", "tifffile"}
HEAVY = FORMATS | {"alembic", "click", "fastapi", "jwt", "matplotlib", "numpy", "sqlalchemy", "urllib3", "uvicorn"}


def executed_on_import(node: ast.AST) -> Iterator[ast.AST]:
    """Everything below `node` that is not in the body of a function."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield child
            yield from executed_on_import(child)


def imported_with(path: Path) -> Iterator[str]:
    """The modules that a module imports when it is imported itself."""
    for node in executed_on_import(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_libraries_of_formats_are_imported_only_when_used() -> None:
    paths = sorted(PACKAGE.rglob("*.py"))
    assert paths
    libraries = {str(path): {name.partition(".")[0] for name in imported_with(path)} for path in paths}
    assert not {path: found for path, names in libraries.items() if (found := names & FORMATS)}


def test_the_dialects_of_databases_are_imported_only_when_used() -> None:
    names = {str(path): set(imported_with(path)) for path in (PACKAGE / "database").rglob("*.py")}
    assert names
    assert not [path for path, found in names.items() if any("dialects" in name for name in found)]


def test_importing_dbproc_imports_nothing_heavy() -> None:
    show = "import dbproc, sys; print(*sys.modules, sep='\\n')"
    modules = subprocess.run([sys.executable, "-c", show], capture_output=True, text=True, check=True).stdout.split()
    assert "dbproc" in modules
    assert not HEAVY.intersection(modules)


def test_help_and_version_import_no_command() -> None:
    show = "import sys; from dbproc.cli import main; main(sys.argv[1:]); print(*sys.modules, sep='\\n')"
    for option in ("--help", "--version"):
        done = subprocess.run([sys.executable, "-c", show, option], capture_output=True, text=True, check=True)
        assert "dbproc.cli" in done.stdout.split()
        assert not (HEAVY - {"click"}).intersection(done.stdout.split())
