"""Whether the holder of the lock lives: by host, boot, PID and the start time of what has that PID now."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import pytest

from dbproc import lock
from dbproc.lock import Judgement, Process, judge

HOLDER = Process("here", "boot 1", 4711, "12345", "me")


@pytest.mark.parametrize(
    ("hostname", "boot_id", "start_time", "judgement"),
    [
        ("here", "boot 1", "12345", Judgement.LIVE),
        ("here", "boot 1", "99999", Judgement.DEAD),
        ("here", "boot 1", None, Judgement.DEAD),
        ("here", "boot 2", "12345", Judgement.DEAD),
        ("here", "boot 2", None, Judgement.DEAD),
        ("there", "boot 1", "12345", Judgement.ELSEWHERE),
        ("there", "boot 2", None, Judgement.ELSEWHERE),
    ],
    ids=["alive", "PID of another process", "no such PID", "booted since", "booted, no PID", "like it", "elsewhere"],
)
def test_a_holder_is_judged_by_all_that_is_known(
    hostname: str, boot_id: str, start_time: str | None, judgement: Judgement
) -> None:
    assert judge(HOLDER, hostname, boot_id, start_time) is judgement


def test_this_process_judges_itself_alive() -> None:
    me = lock.this_process()
    assert me.pid == os.getpid()
    assert me == lock.this_process()
    assert judge(me, me.hostname, me.boot_id, me.start_time) is Judgement.LIVE


def test_two_processes_of_one_machine_are_told_apart() -> None:
    program = "from dbproc.lock import this_process as t; print(t().boot_id, t().pid, t().start_time, t().hostname)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    boot_id, pid, start_time, hostname = done.stdout.split()
    me = lock.this_process()
    assert (boot_id, hostname) == (me.boot_id, me.hostname)
    assert (pid, start_time) != (str(me.pid), me.start_time)
    assert judge(replace(me, start_time=start_time), me.hostname, me.boot_id, me.start_time) is Judgement.DEAD
