"""Inspectors that crash, hang, leak and flood: in one run, and each at the cost of one file."""

from __future__ import annotations

import psutil
import pytest

from tests.kit.mission import Mission, name_of, product

pytestmark = pytest.mark.in_processes

DEEDS = {
    "a segfault": ("ctypes.string_at(0)", "died by signal SIGSEGV"),
    "an abort": ("os.abort()", "died by signal SIGABRT"),
    "a hang": ("time.sleep(1000)", "hung for 3 s and was ended; a larger inspector_seconds in the mission file"),
    "a leak": (
        "LEAKED.extend(bytearray(1 << 24) for _ in range(128))",
        "needs more than the memory limit of 512 MiB; a larger inspector_memory in the mission file",
    ),
    "sys.exit": ("sys.exit(0)", "raised SystemExit: 0"),
    "os._exit": ("os._exit(0)", "ended its process with exit status 0"),
    "a flood": ("flood()", "raised RuntimeError: flooded"),
    "a kill of its group": ("os.killpg(0, signal.SIGKILL)", "died by signal SIGKILL"),
    "an answer of its own": ("answer()", "wrote into the worker's connection"),
    "a child that stays": ("stay()", "hung for 3 s"),
}

HEAD = """
import ctypes, os, signal, subprocess, sys, time
from dbproc.products import Facts, Inspector

LEAKED = []

def flood():
    for _ in range(20):
        print("FLOOD" * 200_000)
        os.write(1, b"FLOOD" * 100_000)
        os.write(2, b"FLOOD" * 100_000)
    raise RuntimeError("flooded")

def answer():
    for fd in sorted(map(int, os.listdir("/proc/self/fd")))[3:]:
        try:
            os.write(fd, b"FLOOD\\n")
        except OSError:
            pass

def stay():
    child = subprocess.Popen(["sleep", "1000"])
    open(os.path.join(os.path.dirname(__file__), "pid"), "w").write(str(child.pid))
    child.wait()

class Own(Inspector):
    def inspect(self, path, name):
        deed = open(path).read()
"""


def inspector() -> str:
    cases = "".join(f"        if deed == {name!r}: {deed}\n" for name, (deed, _) in DEEDS.items())
    return f"{HEAD}{cases}        return Facts()\n"


def test_each_costs_one_file_a_place_in_quarantine_and_no_other_file_anything(sqlite_mission: Mission) -> None:
    mission = sqlite_mission
    mission.inspector("own.py", inspector())
    mission.create(product("raw", 0, inspector="own.py"), inspector_seconds=3, inspector_memory=0.5)
    good, bad = [], {}
    for number, deed in enumerate(DEEDS):
        for offset in range(3):
            day = 20200101 + 100 * number + 2 * offset
            good.append(name_of("raw", f"{day}"))
            mission.deliver(good[-1])
        bad[name_of("raw", f"{20200102 + 100 * number}")] = deed
        mission.deliver(name_of("raw", f"{20200102 + 100 * number}"), content=deed)
    done = mission.run(status=1)
    assert mission.names("raw") == good
    messages = dict(mission.rows("SELECT filename, message FROM quarantine WHERE reason = 'inspector_failed'"))
    assert {bad[name]: DEEDS[bad[name]][1] in messages[name] for name in messages} == dict.fromkeys(DEEDS, True)
    assert len(mission.rows("SELECT * FROM quarantine")) == len(DEEDS)
    assert mission.waiting() == []
    assert "FLOOD" not in done.out + done.err
    assert not is_alive(int((mission.root / "inspectors" / "pid").read_text()))


def is_alive(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
