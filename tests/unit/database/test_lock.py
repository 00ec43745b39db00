"""Whether the holder of the lock lives: by the file that it keeps locked, and by what is seen of its process."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from dbproc.core.errors import StorageError
from dbproc.storage import lockfile
from dbproc.storage.lockfile import Grip
from dbproc.system.machine import Evidence, Judgement, Process, judge, obstacle, seen, this_process
from tests.kit.syncs import watched_syncs

HOLDER = Process("here", "boot 1", 4711, "12345", "me", "machine 1", "pid:[1]")
HELD, RELEASED, NONE = Evidence
LIVE, DEAD, UNKNOWN = Judgement


@pytest.mark.parametrize(
    ("other", "evidence", "looks", "judgement"),
    [
        ({}, HELD, DEAD, LIVE),
        ({"hostname": "there", "boot_id": "boot 2", "machine_id": None}, HELD, DEAD, LIVE),
        ({}, RELEASED, LIVE, DEAD),
        ({"hostname": "there", "pid_namespace": "pid:[2]"}, RELEASED, LIVE, DEAD),
        ({"boot_id": "boot 2"}, RELEASED, LIVE, DEAD),
        ({"boot_id": "boot 2", "machine_id": "machine 2"}, RELEASED, DEAD, UNKNOWN),
        ({"boot_id": "boot 2", "machine_id": None}, RELEASED, DEAD, UNKNOWN),
        ({"boot_id": "boot 2", "hostname": "there"}, RELEASED, DEAD, UNKNOWN),
        ({"boot_id": ""}, NONE, DEAD, UNKNOWN),
        ({}, NONE, LIVE, LIVE),
        ({}, NONE, DEAD, DEAD),
        ({"boot_id": "boot 2"}, NONE, DEAD, UNKNOWN),
        ({"pid_namespace": "pid:[2]"}, NONE, DEAD, UNKNOWN),
        ({"pid_namespace": None}, NONE, DEAD, UNKNOWN),
        ({"hostname": "there"}, NONE, DEAD, UNKNOWN),
        ({"hostname": "there"}, NONE, LIVE, LIVE),
    ],
    ids=lambda value: "-".join(map(str, value.values())) if isinstance(value, dict) else str(value.name),
)
def test_a_holder_is_judged_by_all_that_is_known(
    other: dict[str, Any], evidence: Evidence, looks: Judgement, judgement: Judgement
) -> None:
    me = replace(HOLDER, pid=1, **other)
    assert judge(HOLDER, me, evidence, lambda _: looks) is judgement
    if judgement is UNKNOWN:
        assert obstacle(HOLDER, me)


@pytest.mark.parametrize(("hostname", "judgement"), [("here", DEAD), ("there", UNKNOWN)])
def test_a_holder_that_an_earlier_dbproc_recorded_is_looked_for_on_its_host(
    hostname: str, judgement: Judgement
) -> None:
    holder = replace(HOLDER, machine_id=None, pid_namespace=None)
    assert judge(holder, replace(HOLDER, hostname=hostname), NONE, lambda _: DEAD) is judgement


def test_this_process_is_seen_and_knows_itself() -> None:
    me = this_process()
    assert me.pid == os.getpid()
    assert me == this_process()
    assert me.boot_id
    assert me.start_time
    assert me.pid_namespace
    assert seen(me) is LIVE
    assert seen(replace(me, start_time="1")) is DEAD


def test_a_process_that_has_ended_is_seen_to_be_dead_though_nobody_asked_for_its_end() -> None:
    with subprocess.Popen(["true"]) as child:
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert seen(replace(this_process(), pid=child.pid, start_time="")) is LIVE  # a PID alone says no more
        start = Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()[19]
        assert seen(replace(this_process(), pid=child.pid, start_time=start)) is DEAD
    assert seen(replace(this_process(), pid=child.pid, start_time=start)) is DEAD


HIDDEN = """
import os, sys
from dataclasses import replace
from dbproc.system.machine import seen, this_process
os.setgroups([]); os.setgid(65534); os.setuid(65534)
holder = replace(this_process(), pid=int(sys.argv[1]), start_time="1")
assert not os.path.exists(f"/proc/{holder.pid}")
print(seen(holder).name, seen(replace(holder, pid=2**22 + 1)).name)
"""


def test_a_process_that_proc_does_not_show_is_not_dead() -> None:
    """Needs root: the test mounts /proc as administrators do who hide what others run."""
    words = ["unshare", "--mount", "sh", "-c", 'mount -t proc -o hidepid=2 proc /proc && exec "$@"', "sh"]
    done = subprocess.run(
        [*words, sys.executable, "-c", HIDDEN, str(os.getpid())], capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["LIVE", "DEAD"], done.stderr


# --- the file ---


def take(root: Path) -> Grip | None:
    return lockfile.take(str(root), nullcontext)


def taken(root: Path) -> Grip:
    grip = take(root)
    assert grip is not None
    assert grip.mark is not None
    return grip


def test_one_has_the_file_and_its_mark_stays(tmp_path: Path) -> None:
    first = taken(tmp_path)
    assert take(tmp_path) is None
    assert lockfile.probe(str(tmp_path), first.mark) is HELD
    first.close()
    before = (tmp_path / ".dbproc" / "lock").stat()
    assert lockfile.probe(str(tmp_path), first.mark) is RELEASED
    second = taken(tmp_path)
    second.close()
    assert second.mark == first.mark
    assert second.evidence(f"another {first.mark}") is RELEASED
    assert second.evidence("another") is NONE
    assert second.evidence(None) is NONE
    assert (tmp_path / ".dbproc" / "lock").stat().st_mtime_ns == before.st_mtime_ns


def test_a_mark_is_synced_before_anybody_records_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced = watched_syncs(monkeypatch)
    taken(tmp_path).close()
    assert synced == [f"{tmp_path}/.dbproc/lock", f"{tmp_path}/.dbproc"]


def test_to_look_makes_nothing_and_keeps_nobody_away(tmp_path: Path) -> None:
    assert lockfile.probe(str(tmp_path), "any") is NONE
    assert lockfile.take(str(tmp_path), None) is lockfile.NO_GRIP
    assert list(tmp_path.iterdir()) == []
    taken(tmp_path).close()
    descriptor = os.open(tmp_path / ".dbproc" / "lock", os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    looker = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(0.05)"], pass_fds=[descriptor])
    os.close(descriptor)  # the looker has it a moment longer
    taken(tmp_path).close()
    looker.wait()


def test_a_copy_of_the_file_does_not_bear_its_mark(tmp_path: Path) -> None:
    grip = taken(tmp_path / "one")
    shutil.copytree(tmp_path / "one", tmp_path / "other")
    assert lockfile.probe(str(tmp_path / "other"), grip.mark) is NONE
    copy = taken(tmp_path / "other")
    assert copy.mark != grip.mark
    copy.close()
    grip.close()


def test_a_file_that_was_replaced_is_another_one(tmp_path: Path) -> None:
    grip = taken(tmp_path)
    (tmp_path / ".dbproc" / "lock").unlink()
    other = taken(tmp_path)
    assert other.evidence(grip.mark) is NONE
    other.close()
    grip.close()


def test_a_file_that_is_replaced_while_it_is_locked_is_let_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken(tmp_path).close()
    path, lock = tmp_path / ".dbproc" / "lock", fcntl.flock
    replaced: list[Path] = []

    def late(descriptor: int, operation: int) -> None:
        if not replaced:
            replaced.append(path.rename(tmp_path / "former"))
            path.touch()
        lock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", late)
    grip = taken(tmp_path)
    assert replaced
    assert take(tmp_path) is None
    grip.close()


def test_no_program_that_is_started_inherits_the_lock(tmp_path: Path) -> None:
    grip = taken(tmp_path)
    with subprocess.Popen(["sleep", "60"], close_fds=False) as child:
        grip.close()
        taken(tmp_path).close()
        child.kill()


READER = """
import os, sys
from contextlib import nullcontext
from dbproc.storage.lockfile import take
os.setgroups([]); os.setgid(65534); os.setuid(65534)
assert not os.access(sys.argv[1] + "/.dbproc/lock", os.W_OK)
grip = take(sys.argv[1], nullcontext)
print(grip and grip.mark)
"""


def test_who_may_only_read_the_file_locks_it_all_the_same() -> None:
    """Needs root, to become somebody else."""
    with TemporaryDirectory() as place:
        os.chmod(place, 0o755)
        grip = taken(Path(place))
        words = [sys.executable, "-c", READER, place]
        assert subprocess.run(words, capture_output=True, text=True, check=True).stdout == "None\n"
        grip.close()
        assert subprocess.run(words, capture_output=True, text=True, check=True).stdout == f"{grip.mark}\n"


def test_a_file_that_cannot_be_locked_is_named(tmp_path: Path) -> None:
    (tmp_path / ".dbproc" / "lock").mkdir(parents=True)
    with pytest.raises(StorageError, match=r"cannot lock .*\.dbproc/lock"):
        take(tmp_path)
