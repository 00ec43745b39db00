"""What is installed from a checkout is whole: packages, migrations, commands, requirements."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path
from sysconfig import get_path

import pytest

import dbproc

pytestmark = pytest.mark.xdist_group("packaging")  # built once, by one worker

CHECKOUT = Path(dbproc.__file__).parents[1]
NOT_SOURCE = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "build", "dist")


@pytest.fixture(scope="module")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the sdist, and the wheel that was built from it."""
    source = tmp_path_factory.mktemp("source") / "dbproc"
    shutil.copytree(CHECKOUT, source, ignore=NOT_SOURCE)
    run(sys.executable, "-m", "build", "--no-isolation", source, cwd=source.parent)
    return source / "dist"


@pytest.fixture(scope="module")
def wheel(distributions: Path) -> Path:
    (found,) = distributions.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The prefix of an environment in which the wheel is installed."""
    prefix = tmp_path_factory.mktemp("environment")
    venv.create(prefix, symlinks=True)
    pip: list[str | Path] = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        prefix / "bin" / "python",
        "--disable-pip-version-check",
    ]
    run(*pip, "install", "--quiet", "--no-index", "--no-deps", wheel, cwd=prefix)
    return prefix


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    done = subprocess.run(
        command, cwd=cwd, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def run_installed(prefix: Path, *command: str | Path) -> str:
    """Run a command of the environment `prefix`, with the libraries of this one but without its dbproc."""
    return run(*command, cwd=prefix, PYTHONPATH=get_path("purelib"))


def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return Parser().parsestr(archive.read(name).decode())


def sources(folder: str, suffixes: tuple[str, ...] = (".py", ".mako", ".typed")) -> set[str]:
    paths = (CHECKOUT / folder).rglob("*")
    return {str(path.relative_to(CHECKOUT)) for path in paths if path.name.endswith(suffixes)}


def test_what_is_built_once_is_built_by_one_worker(request: pytest.FixtureRequest) -> None:
    """Else each worker sets up every group: pytest-xdist 3.8 does not tell groups to pytest 9.2."""
    is_grouped = getattr(request.config.option, "loadgroup", False)
    assert request.node.nodeid.endswith("@packaging") == is_grouped


def test_wheel_holds_the_package_and_the_migrations_in_it(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    migrations = {f"dbproc/{name}" for name in sources("migrations")}
    assert "dbproc/migrations/env.py" in migrations
    assert any(name.startswith("dbproc/migrations/versions/") for name in migrations)
    assert migrations | sources("dbproc") <= names
    assert {name.partition("/")[0] for name in names if not name.startswith("dbproc-")} == {"dbproc"}


def test_sdist_holds_what_it_takes_to_test(distributions: Path) -> None:
    (found,) = distributions.glob("*.tar.gz")
    with tarfile.open(found) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"Makefile", "LICENSE", "README.md", "setup.py", "pyproject.toml"} <= names
    assert sources("tests", (".py",)) | sources("examples") | sources("scripts") <= names


def test_openvisus_is_pinned_and_tools_are_not_required(wheel: Path) -> None:
    requirements = metadata(wheel).get_all("Requires-Dist", [])
    required = {requirement for requirement in requirements if "extra ==" not in requirement}
    assert "OpenVisusNoGui==2.2.149" in required
    assert not {requirement for requirement in required if requirement.startswith(("pytest", "ruff", "mypy", "mkdocs"))}


def test_the_manual_pages_are_installed(installed: Path) -> None:
    written = {page.name for page in (CHECKOUT / "docs" / "man").glob("*.1")}
    assert written
    assert {page.name for page in (installed / "share" / "man" / "man1").iterdir()} == written


def test_installed_dbproc_finds_its_migrations(installed: Path) -> None:
    show = "import dbproc; print(dbproc.__file__)"
    package = Path(run_installed(installed, installed / "bin" / "python", "-c", show).strip()).parent
    assert package.is_relative_to(installed)
    assert (package / "migrations" / "env.py").is_file()
    assert (package / "migrations" / "script.py.mako").is_file()


def test_the_example_is_installed(installed: Path, tmp_path: Path) -> None:
    run_installed(installed, installed / "bin" / "dbproc", "init", str(tmp_path / "mission.sqlite"), "--example")
    run_installed(
        installed,
        installed / "bin" / "dbproc",
        "apply",
        str(tmp_path / "mission.toml"),
        "-m",
        str(tmp_path / "mission.sqlite"),
    )
    done = run_installed(installed, installed / "bin" / "dbproc", "run", "-m", str(tmp_path / "mission.sqlite"))
    assert "3 ingested, 3 built" in done


@pytest.mark.parametrize("command", ["dbproc", "ProcessQueue.py", "clearProcessingFlag.py", "CreateDB.py"])
def test_installed_commands_answer(installed: Path, command: str) -> None:
    assert "usage" in run_installed(installed, installed / "bin" / command, "--help").lower()
