"""A directory without any rights.

Fixtures
--------
forbidden
    A directory with ``incoming`` and ``secret``; the test is somebody without any rights there.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

NOBODY = 65534


@pytest.fixture
def forbidden() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp())
    (made / "incoming").mkdir()
    (made / "secret").mkdir()
    (made / "file").write_text("x")
    for path, mode in ((made / "file", 0), (made / "secret", 0), (made / "incoming", 0o555), (made, 0o555)):
        path.chmod(mode)
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(NOBODY)
    try:
        yield made
    finally:
        if is_root:
            os.seteuid(0)
        for path in (made, made / "secret"):
            path.chmod(0o700)
        shutil.rmtree(made)
