"""The unit tests of a module are found by its name: those of ``dbproc/run/register.py`` in ``run/test_register.py``."""

from __future__ import annotations

from pathlib import Path

import dbproc

UNIT = Path(__file__).parent
PACKAGE = Path(dbproc.__file__).parent


def test_each_file_of_a_room_has_its_module() -> None:
    files = [
        path.relative_to(UNIT) for path in UNIT.glob("*/**/test_*.py") if path.relative_to(UNIT).parts[0] != "codes"
    ]
    assert len(files) > 30
    assert [str(path) for path in files if not _has_module(path)] == []


def _has_module(test: Path) -> bool:
    name = test.stem.removeprefix("test_")
    return (PACKAGE / test.parent / f"{name}.py").is_file() or (PACKAGE / test.parent / name).is_dir()
