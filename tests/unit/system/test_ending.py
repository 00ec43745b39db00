"""A process ends with its status, whether or not a thread of it hangs."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.kit.commands import REPOSITORY

HANGS = "import threading; threading.Thread(target=threading.Event().wait, daemon=True).start(); "


@pytest.mark.parametrize("before", ["", HANGS])
def test_what_was_said_is_said_and_the_status_is_its_own(before: str) -> None:
    words = f"{before}from dbproc.system.ending import leave; print('said', end=''); leave(7)"
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run([sys.executable, "-c", words], env=environment, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (7, "said", "")


def test_nothing_of_pythons_end_is_waited_for_where_a_thread_hangs() -> None:
    words = f"import atexit; {HANGS}atexit.register(print, 'late'); from dbproc.system.ending import leave; leave(0)"
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run([sys.executable, "-c", words], env=environment, capture_output=True, text=True, timeout=60)
    assert done.stdout == ""
