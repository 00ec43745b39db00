"""The short form of ``python -m tests.crash.uploads``: kills at some points of every way in which uploads come."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.kit.commands import REPOSITORY
from tests.kit.mission import Mission, product


def test_what_was_answered_of_uploads_is_kept_whenever_the_service_is_killed(database: str, tmp_path: Path) -> None:
    mission = Mission(tmp_path / "mission", database).create(product("raw", 0))
    words = [sys.executable, "-m", "tests.crash.uploads", database, str(mission.incoming), "19"]
    done = subprocess.run(words, cwd=REPOSITORY, env=mission.environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[0]) > 20
    delivered = [name for name in mission.waiting() if not name.startswith(".")]
    mission.run()
    assert mission.names("raw") == delivered
    assert not [name for name in mission.waiting() if not name.startswith(".")]
    mission.check()
