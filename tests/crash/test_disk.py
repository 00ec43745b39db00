"""No room and no right to write: a clear message, the right exit status, nothing lost, and the next run goes on.

The disk that is full is a small tmpfs; where mounting is not allowed, a limit on the size of files stands for it. Some
tests have the limit anyway: it ends one file in its middle, and no other.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from dbproc.core.errors import PlacementError
from dbproc.core.model import Move
from dbproc.core.states import Purpose
from dbproc.storage import moves
from dbproc.storage.fingerprint import measure
from tests.crash.disk import Disk
from tests.crash.held import RAW, Held
from tests.kit.mission import chain, name_of, product

LARGE = 6_000_000
LIMIT = 5_000_000
"""Between LARGE and what the database's log of a small mission takes."""
SMALL_LIMIT = 48_000
"""Less than the database's log needs for a run."""

SPENDER = f'head -c {LARGE} /dev/zero > "$2" || exit 4'
"""What a job does that needs more room than there is."""
TALKER = f"""#!/bin/sh
head -c {LARGE} /dev/zero
printf 'clean(%s)' "$(cat "$1")" > "$2"
"""


def lodge(place: Path, disk: Disk) -> None:
    """Have a directory of a mission on the disk."""
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.exists():
        place.rmdir()
    (disk.place / place.name).mkdir()
    place.symlink_to(disk.place / place.name)


def return_home(place: Path) -> None:
    """Have the directory, by now empty, where it is in other missions."""
    assert list(place.iterdir()) == []
    place.unlink()
    place.mkdir()


def sums(place: Path) -> dict[str, str]:
    """The digests of the files below a directory."""
    files = [path for path in place.rglob("*") if path.is_file()]
    return {str(path.relative_to(place)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def partials(place: Path) -> list[Path]:
    return list(place.rglob("*.dbproc.partial"))


# --- the root ---


def test_a_full_root_leaves_in_incoming_what_does_not_fit(held_on_disk: Held, disk: Disk, tmp_path: Path) -> None:
    held, far = held_on_disk, tmp_path / "far"
    far.mkdir()
    held.create(
        *chain(),
        product("scan", 0, "scan_{Y}{m}{d}_v{VERSION}.dat", companion=True),
        incoming=str(far),
        retry_seconds=0,
    )
    (far / RAW[0]).write_bytes(b"1" * LARGE)
    (far / RAW[1]).write_text("2")
    scan = far / "scan_20200101_v1.0.0"
    scan.mkdir()
    (scan / "0.bin").write_text("small")
    (scan / "1.bin").write_bytes(b"s" * LARGE)
    scan.with_name(f"{scan.name}.dat").write_text("scan")
    delivered = sums(far)
    with disk.room(LIMIT, LIMIT) as limits:
        done = held.run_restricted(*limits)
    assert done.returncode == 1
    for name in (RAW[0], f"{scan.name}.dat"):
        assert f"problem {name}: cannot move " in done.stderr
    assert f"{disk.complaint}; it stays in incoming" in done.stderr
    assert sums(far) == {name: digest for name, digest in delivered.items() if name != RAW[1]}
    assert partials(held.root) == partials(far) == []
    assert held.names("raw") == [RAW[1]]
    assert held.names("scan") == []
    held.check()
    held.run()
    assert list(far.iterdir()) == []
    assert held.names("raw") == RAW[:2]
    assert held.names("scan") == [f"{scan.name}.dat"]
    at_home = sums(held.root / "data" / "raw") | sums(held.root / "data" / "scan")
    assert at_home == delivered
    built = {(file.product, file.date) for file in held.files().values() if file.product not in ("raw", "scan")}
    assert built == {(name, f"2020-01-0{day}") for name in ("clean", "smooth") for day in (1, 2)}
    assert held.queued() == 0


@pytest.mark.parametrize("make_database", ["sqlite"], indirect=True)
def test_a_full_root_fails_the_job_and_the_next_run_makes_its_output(held_on_disk: Held, disk: Disk) -> None:
    check_jobs_fail_for_want_of_room(held_on_disk.set_up(), disk)
    held_on_disk.check_is_like_undisturbed()


# --- the workspace ---


def test_a_full_workspace_fails_the_job_and_the_next_run_makes_its_output(held_sqlite: Held, disk: Disk) -> None:
    work = held_sqlite.root / ".dbproc" / "work"
    lodge(work, disk)
    check_jobs_fail_for_want_of_room(held_sqlite.set_up(), disk)
    return_home(work)
    held_sqlite.check_is_like_undisturbed()


def check_jobs_fail_for_want_of_room(mission: Held, disk: Disk) -> None:
    mission.hold(SPENDER)
    with disk.room(0, LIMIT) as limits:
        done = mission.run_restricted(*limits)
    assert done.returncode == 1
    assert "failed to_clean 2020-01-01" in done.stderr
    assert mission.names("raw") == RAW
    assert mission.names("clean") == []
    assert {(name, status) for name, _, status in mission.attempts()} == {("to_clean", "failed")}
    mission.check()
    mission.let_go()
    mission.run()


def test_a_log_that_cannot_be_written_does_not_end_the_run(held_sqlite: Held) -> None:
    held_sqlite.code("to_clean.sh", TALKER)
    held_sqlite.create(*chain(), retry_seconds=0)
    held_sqlite.deliver(*RAW)
    held_sqlite.run_restricted("--file-size", str(LIMIT))
    held_sqlite.check()
    held_sqlite.run()
    assert held_sqlite.content(name_of("smooth", 1)) == "smooth(clean(raw_20200101))(clean(raw_20200102))"


def test_a_daily_log_that_cannot_grow_does_not_end_the_run(held_sqlite: Held) -> None:
    held_sqlite.set_up()
    logs = held_sqlite.root / ".dbproc" / "logs"
    logs.mkdir(parents=True)
    today = dt.datetime.now(dt.UTC).date()
    for day in (today, today + dt.timedelta(days=1)):
        with (logs / f"{day}.log").open("wb") as log:
            log.truncate(LIMIT)
    done = held_sqlite.run_restricted("--file-size", str(LIMIT))
    assert done.returncode in (0, 1)
    for path in logs.iterdir():
        path.unlink()
    held_sqlite.run()
    held_sqlite.check_is_like_undisturbed()


# --- incoming ---


def test_a_full_incoming_is_emptied(held_sqlite: Held, disk: Disk) -> None:
    lodge(held_sqlite.incoming, disk)
    held_sqlite.set_up()
    with disk.room(0, LIMIT) as limits:
        done = held_sqlite.run_restricted(*limits)
    assert (done.returncode, done.stderr) == (0, "")
    return_home(held_sqlite.incoming)
    held_sqlite.check_is_like_undisturbed()


def test_what_a_dead_run_moved_waits_for_room_in_incoming(held_sqlite: Held, disk: Disk) -> None:
    lodge(held_sqlite.incoming, disk)
    held_sqlite.create(*chain(), retry_seconds=0)
    held_sqlite.deliver(RAW[0], content="1" * LARGE)
    held_sqlite.die_on("INSERT INTO file ")
    moved = held_sqlite.root / "data" / "raw" / RAW[0]
    for _ in range(2):
        with disk.room(LIMIT, LIMIT) as limits:
            done = held_sqlite.run_restricted(*limits)
        assert done.returncode == 78
        assert f"moved {held_sqlite.incoming}/{RAW[0]} to {moved}, and it cannot be moved back: " in done.stderr
        assert disk.complaint in done.stderr
        assert moved.stat().st_size == LARGE
        assert partials(disk.place) == []
    held_sqlite.run()
    assert held_sqlite.waiting() == []
    assert moved.read_bytes() == b"1" * LARGE
    assert held_sqlite.names("smooth") == [name_of("smooth", 1)]


# --- the database's directory ---


@pytest.mark.parametrize(
    ("by_disk", "room"),
    [("database", 0), ("database", SMALL_LIMIT), ("mission", 3 * SMALL_LIMIT)],
    indirect=["by_disk"],
)
def test_a_full_directory_of_the_database_ends_the_run_and_loses_nothing(by_disk: tuple[Held, Disk], room: int) -> None:
    mission, disk = by_disk
    mission.set_up()
    with disk.room(room, room) as limits:
        done = mission.run_restricted(*limits)
    assert done.returncode in (1, 2), done
    check_names_the_file(done.stderr, mission)
    assert mission.one("PRAGMA quick_check") == "ok"
    mission.run()
    mission.check_is_like_undisturbed()


def check_names_the_file(err: str, mission: Held) -> None:
    """The last line says which file is in trouble, and neither speaks of a server nor asks for another file."""
    (line,) = err.splitlines()[-1:]
    assert line.startswith("ProcessQueue.py: ")
    assert mission.database in line
    assert "PostgreSQL" not in line
    assert "dbproc init" not in line


# --- read-only ---


@pytest.fixture
def read_only(held_sqlite: Held) -> Iterator[Held]:
    held_sqlite.set_up()
    yield held_sqlite
    for path in held_sqlite.root.rglob("*"):
        if path.is_dir():
            path.chmod(0o755)


def close(directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    directory.chmod(0o555)


def test_a_read_only_directory_of_a_delivered_product(read_only: Held) -> None:
    home = read_only.root / "data" / "raw"
    close(home)
    done = read_only.run_restricted("--obedient")
    assert done.returncode == 1
    assert f"cannot move {read_only.incoming}/{RAW[0]} to {home}/{RAW[0]}: Permission denied; it stays in incoming" in (
        done.stderr
    )
    assert read_only.waiting() == RAW
    assert read_only.files() == {}
    read_only.check()
    home.chmod(0o755)
    read_only.run()
    read_only.check_is_like_undisturbed()


def test_a_read_only_directory_of_a_made_product(read_only: Held) -> None:
    home = read_only.root / "data" / "clean"
    close(home)
    done = read_only.run_restricted("--obedient")
    assert done.returncode == 1
    assert f"{home}/{name_of('clean', 1)}: Permission denied" in done.stderr
    assert read_only.names("raw") == RAW
    assert read_only.names("clean") == []
    read_only.check()
    home.chmod(0o755)
    read_only.run()
    assert read_only.names("smooth") == [name_of("smooth", day) for day in (1, 2, 3)]
    assert read_only.queued() == 0


def test_a_read_only_incoming_loses_and_doubles_nothing(read_only: Held) -> None:
    read_only.incoming.chmod(0o555)
    done = read_only.run_restricted("--obedient")
    assert done.returncode == 1
    assert "Permission denied; it stays in incoming" in done.stderr
    assert read_only.waiting() == RAW
    assert read_only.files() == {}
    read_only.check()
    read_only.incoming.chmod(0o755)
    read_only.run()
    read_only.check_is_like_undisturbed()


def test_a_read_only_quarantine_leaves_in_incoming_what_belongs_there(read_only: Held) -> None:
    close(read_only.quarantine)
    (read_only.incoming / "unknown.xyz").write_text("of nobody")
    done = read_only.run_restricted("--obedient")
    assert done.returncode == 1
    assert "problem unknown.xyz: cannot move " in done.stderr
    assert "Permission denied; it stays in incoming" in done.stderr
    assert read_only.waiting() == ["unknown.xyz"]
    assert read_only.quarantined() == {}
    read_only.check()
    read_only.quarantine.chmod(0o755)
    read_only.run(status=1)
    assert read_only.quarantined() == {"unknown.xyz": "no_product"}
    assert read_only.waiting() == []


@pytest.mark.parametrize("place", ["", ".dbproc/work", ".dbproc/logs", ".dbproc/jobs"])
def test_a_read_only_private_directory_is_named(place: str, read_only: Held) -> None:
    closed = read_only.root / place
    if place.startswith(".dbproc/"):
        for name in ("work", "jobs", "logs"):
            (read_only.root / ".dbproc" / name).mkdir(parents=True)
    close(closed)
    done = read_only.run_restricted("--obedient")
    closed.chmod(0o755)
    assert done.returncode in (1, 2, 78)
    assert f"{closed}/" in done.stderr
    assert "Permission denied" in done.stderr
    assert read_only.open_runs() == 0
    read_only.check()
    read_only.run()
    read_only.check_is_like_undisturbed()


def test_a_read_only_directory_of_the_database(read_only: Held) -> None:
    """SQLite keeps its log beside the file."""
    directory = Path(read_only.database).parent
    directory.chmod(0o555)
    done = read_only.run_restricted("--obedient")
    directory.chmod(0o755)
    assert done.returncode in (1, 2, 78)
    check_names_the_file(done.stderr, read_only)
    assert read_only.waiting() == RAW
    read_only.run()
    read_only.check_is_like_undisturbed()


# --- one move ---


def test_a_companion_whose_file_cannot_follow_is_put_back(tmp_path: Path) -> None:
    source = tmp_path / "incoming" / "block.idx"
    (tmp_path / "incoming" / "block").mkdir(parents=True)
    (tmp_path / "incoming" / "block" / "0.bin").write_text("0")
    source.write_text("header")
    before = sums(tmp_path)
    longest = os.pathconf(tmp_path, "PC_NAME_MAX")
    target = tmp_path / "home" / ("n" * (longest - 3) + ".idx")  # the directory's name fits, the file's does not
    members = measure(str(source), "sha256", companion=True).members
    with pytest.raises(PlacementError, match="File name too long"):
        moves.move(Move(Purpose.INCOMING, str(source), str(target), members=members))
    assert sums(tmp_path) == before
    assert list((tmp_path / "home").iterdir()) == []


READ_ONLY = "mkdir -p a/b; echo 1 > a/b/file; chmod 444 a/b/file; chmod 555 a/b a ."


def test_what_jobs_leave_read_only_is_removed(held_sqlite: Held) -> None:
    held_sqlite.code("to_clean.sh", f'#!/bin/sh\nprintf x > "$2"; {READ_ONLY}\n')
    held_sqlite.create(*chain(), retry_seconds=0)
    held_sqlite.deliver(RAW[0])
    assert held_sqlite.run_restricted("--obedient").returncode == 0
    assert {name for name in held_sqlite.files() if name.startswith("clean")} == {name_of("clean", 1)}
    held_sqlite.check()


def test_what_jobs_of_a_killed_run_leave_read_only_is_removed_by_the_next(held_sqlite: Held) -> None:
    run = held_sqlite.set_up().start_held(prepared=READ_ONLY)
    run.kill()
    run.communicate()
    held_sqlite.let_go()
    assert os.listdir(held_sqlite.root / ".dbproc" / "work")
    assert held_sqlite.run_restricted("--obedient").returncode == 0
    assert os.listdir(held_sqlite.root / ".dbproc" / "work") == []


def test_what_could_not_be_removed_is_removed_by_a_run_that_can(held_sqlite: Held) -> None:
    held_sqlite.code("to_clean.sh", '#!/bin/sh\nprintf x > "$2"; chmod 555 ..\n')
    held_sqlite.create(*chain(), retry_seconds=0)
    held_sqlite.deliver(RAW[0])
    work = held_sqlite.root / ".dbproc" / "work"
    assert "cannot be removed" in held_sqlite.run_restricted("--obedient").stdout
    assert os.listdir(work)
    work.chmod(0o755)
    held_sqlite.run()
    assert os.listdir(work) == []
    assert not work.with_name("unremovable").exists()
    held_sqlite.dbproc("check")


THIEF = """#!/bin/sh
[ -e "${0%/*}/../../mended" ] && { cat "$1" > "$2"; exit; }
mkdir deep; mv "$1" deep/taken; chmod 555 .. "${1%/*}"; exit 3
"""


def test_an_input_that_can_be_put_nowhere_stays_where_the_job_took_it(held_sqlite: Held) -> None:
    """Neither its own place, nor quarantine, nor the private directory can take it: what holds it is not removed."""
    held_sqlite.code("to_clean.sh", THIEF)
    held_sqlite.create(*chain(), retry_seconds=0)
    held_sqlite.deliver(RAW[0])
    home = held_sqlite.root / "data" / "raw"
    content = (held_sqlite.incoming / RAW[0]).read_text()
    for _ in range(2):
        done = held_sqlite.run_restricted("--obedient")
        assert done.returncode == 78
        (taken,) = held_sqlite.root.rglob("taken")
        assert taken.read_text() == content
        assert f"{taken.parent.parent}" in done.stdout + done.stderr
    for path in (home, held_sqlite.root / ".dbproc" / "work"):
        path.chmod(0o755)
    (held_sqlite.root.parent / "mended").touch()
    held_sqlite.run()
    assert (home / RAW[0]).read_text() == content
    assert name_of("clean", 1) in held_sqlite.files()
    assert os.listdir(held_sqlite.root / ".dbproc" / "work") == []
    held_sqlite.check()


def test_such_an_input_is_not_removed_with_what_is_built_elsewhere(held_sqlite: Held, tmp_path: Path) -> None:
    """Neither its own place nor the target directory can take it."""
    mission, place = held_sqlite, tmp_path / "elsewhere"
    (mission.root.parent / "mended").touch()
    mission.code("to_clean.sh", THIEF.replace("chmod 555 ..", "chmod 555 .. ../../../.."))
    mission.create(*chain(), retry_seconds=0)
    mission.deliver(RAW[0])
    mission.run()
    (mission.root.parent / "mended").unlink()
    path = mission.root / "data" / "raw" / RAW[0]
    content = path.read_text()
    words = ("to_clean", "--start", "2020-01-01", "--end", "2020-01-01", "--force", "2", "--output", str(place))
    done = mission.run_restricted("--obedient", program=("-m", "dbproc", "run-process", *words))
    path.parent.chmod(0o755)
    place.chmod(0o755)
    (taken,) = place.rglob("taken")
    assert done.returncode == 1
    assert f"{taken.parents[1]}" in done.stdout + done.stderr
    assert taken.read_text() == content
    taken.rename(path)  # as a person does it: the mission is whole again


def test_such_an_input_is_not_removed_with_a_sample(held_sqlite: Held) -> None:
    """A job of a canary that died has an input that cannot go home; the canary is discarded when it can."""
    mission = held_sqlite
    mission.code("better.sh")
    mission.create(*chain(), retry_seconds=0)
    mission.deliver(RAW[0])
    mission.run()
    mission.dbproc("canary", "to_clean", "--version", "1.1.0", "--file", "better.sh", "--dates", "2020-01-01")
    path = mission.root / "data" / "raw" / RAW[0]
    content = path.read_text()
    taken = mission.root / ".dbproc" / "canary" / "1" / "work" / "1" / "taken"
    taken.parent.mkdir(parents=True, exist_ok=True)
    path.rename(taken)
    path.parent.chmod(0o555)
    discard = ("-m", "dbproc", "canary", "discard", "1")
    done = mission.run_restricted("--obedient", program=discard)
    assert (done.returncode, taken.read_text()) == (78, content)
    assert f"{path}: cannot be put back from {taken}" in done.stderr
    path.parent.chmod(0o755)
    assert mission.run_restricted("--obedient", program=discard).returncode == 0
    assert path.read_text() == content
    assert not taken.exists()
