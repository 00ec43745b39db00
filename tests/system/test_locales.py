"""An 8-bit locale, as old logins and some cron daemons have it, changes nothing."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.kit.mission import LONGEST_SECONDS, Mission, process, product


@pytest.fixture
def latin(tmp_path: Path, locales: Path) -> Mission:
    mission = Mission(tmp_path / "mission", str(tmp_path / "x.sqlite"))
    mission.environment |= {"LOCPATH": str(locales), "LC_ALL": "en_US.ISO-8859-1"}
    for name in ("PYTHONUTF8", "LANG", "LC_CTYPE"):
        mission.environment.pop(name, None)
    return mission


def test_names_are_the_same_in_every_locale(latin: Mission) -> None:
    latin.create(product("raw", 0, "raw_{station}_{Y}{m}{d}_v{VERSION}.txt"))
    latin.deliver("raw_é_20200101_v1.0.0.txt")
    latin.run()
    assert latin.rows("SELECT filename FROM file") == [("raw_é_20200101_v1.0.0.txt",)]
    latin.environment |= {"LC_ALL": "C.UTF-8"}
    latin.dbproc("check")


def test_an_argument_that_the_locale_cannot_write_ends_no_thread(latin: Mission) -> None:
    latin.code("to_mean.sh", '#!/bin/sh\n[ "$2" = Ω ] && cat "$3" > "$4"\n')
    latin.create(product("raw", 0), product("mean", 1), process("to_mean", "mean", ["raw"], arguments=["--unit", "Ω"]))
    latin.deliver("raw_20200101_v1.0.0.txt")
    run = latin.start()
    try:
        _, err = run.communicate(timeout=LONGEST_SECONDS)
    except subprocess.TimeoutExpired:
        run.kill()
        raise
    assert (run.returncode, err) == (0, "")
