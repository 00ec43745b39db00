"""No room and no right to write: a clear message, the right exit status, nothing lost, and the next run goes on.

A limit on the size of files stands for the full disk, because any user may set it: renames go on, writing ends in the
middle of a file. Where a copy is needed, incoming is on another filesystem.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from dbproc import placement
from dbproc.errors import PlacementError
from tests.crash.held import RAW, Held
from tests.crash.site import _other_than
from tests.flow.mission import chain, name_of, product

LARGE = 6_000_000
LIMIT = 5_000_000
"""Between LARGE and what the database's log of a small mission takes."""
SMALL_LIMIT = 48_000
"""Less than the database's log needs for a run."""

WRITER = f"""#!/bin/sh
head -c {LARGE} /dev/zero > "$2" || exit 4
printf 'clean(%s)' "$(cat "$1")" >> "$2"
"""
TALKER = f"""#!/bin/sh
head -c {LARGE} /dev/zero
printf 'clean(%s)' "$(cat "$1")" > "$2"
"""


@pytest.fixture
def far(tmp_path: Path) -> Iterator[Path]:
    """A directory on another filesystem than the missions."""
    path = Path(tempfile.mkdtemp(prefix="dbproc-far-", dir=_other_than(tmp_path)))
    assert path.stat().st_dev != tmp_path.stat().st_dev, "these tests need two filesystems, /dev/shm is one usually"
    yield path
    shutil.rmtree(path)


def sums(place: Path) -> dict[str, str]:
    """The digests of the files below a directory."""
    files = [path for path in place.rglob("*") if path.is_file()]
    return {str(path.relative_to(place)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def partials(place: Path) -> list[Path]:
    return list(place.rglob("*dbproc-partial*"))


# --- the root ---


def test_a_full_root_leaves_in_incoming_what_does_not_fit(held: Held, far: Path) -> None:
    held.create(*chain(), product("scan", 0, "scan_{Y}{m}{d}_v{VERSION}.dat"), incoming=str(far), retry_seconds=0)
    (far / RAW[0]).write_bytes(b"1" * LARGE)
    (far / RAW[1]).write_text("2")
    scan = far / "scan_20200101_v1.0.0"
    scan.mkdir()
    (scan / "0.bin").write_text("small")
    (scan / "1.bin").write_bytes(b"s" * LARGE)
    scan.with_name(f"{scan.name}.dat").write_text("scan")
    delivered = sums(far)
    done = held.hard("--file-size", str(LIMIT))
    assert done.returncode == 1
    for name in (RAW[0], f"{scan.name}.dat"):
        assert f"problem {name}: cannot move " in done.stderr + done.stdout
    assert "File too large; it stays in incoming" in done.stderr + done.stdout
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


# --- the workspace ---


def test_a_full_workspace_fails_the_job_and_the_next_run_makes_its_output(held: Held) -> None:
    held.code("to_clean.sh", WRITER)
    held.create(*chain(), retry_seconds=0)
    held.deliver(*RAW[:2])
    done = held.hard("--file-size", str(LIMIT))
    assert done.returncode == 1
    assert "failed to_clean 2020-01-01" in done.stdout + done.stderr
    assert held.names("clean") == []
    assert {(name, status) for name, _, status in held.attempts()} == {("to_clean", "failed")}
    held.check()
    held.run()
    assert held.names("clean") == [name_of("clean", day) for day in (1, 2)]
    sizes = {file.size for file in held.files().values() if file.product == "clean"}
    assert sizes == {LARGE + len("clean(raw_20200101)")}
    assert held.names("smooth") == [name_of("smooth", day) for day in (1, 2)]


def test_a_log_that_cannot_be_written_does_not_end_the_run(held_sqlite: Held) -> None:
    held_sqlite.code("to_clean.sh", TALKER)
    held_sqlite.create(*chain(), retry_seconds=0)
    held_sqlite.deliver(*RAW)
    held_sqlite.hard("--file-size", str(LIMIT))
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
    done = held_sqlite.hard("--file-size", str(LIMIT))
    assert done.returncode in (0, 1)
    for path in logs.iterdir():
        path.unlink()
    held_sqlite.run()
    held_sqlite.check_is_like_undisturbed()


# --- the database's directory ---


@pytest.mark.parametrize("limit", [SMALL_LIMIT, 3 * SMALL_LIMIT])
def test_a_full_directory_of_the_database_ends_the_run_and_loses_nothing(limit: int, held_sqlite: Held) -> None:
    held_sqlite.set_up()
    done = held_sqlite.hard("--file-size", str(limit))
    assert done.returncode in (1, 2), done
    assert held_sqlite.database in done.stderr
    assert held_sqlite.one("PRAGMA quick_check") == "ok"
    held_sqlite.run()
    held_sqlite.check_is_like_undisturbed()


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
    done = read_only.hard("--obedient")
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
    done = read_only.hard("--obedient")
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
    done = read_only.hard("--obedient")
    assert done.returncode == 1
    assert "Permission denied; it stays in incoming" in done.stderr
    assert read_only.waiting() == RAW
    assert read_only.files() == {}
    read_only.check()
    read_only.incoming.chmod(0o755)
    read_only.run()
    read_only.check_is_like_undisturbed()


@pytest.mark.parametrize("place", ["", ".dbproc/work", ".dbproc/logs", ".dbproc/jobs"])
def test_a_read_only_private_directory_is_named(place: str, read_only: Held) -> None:
    closed = read_only.root / place
    if place.startswith(".dbproc/"):
        for name in ("work", "jobs", "logs"):
            (read_only.root / ".dbproc" / name).mkdir(parents=True)
    close(closed)
    done = read_only.hard("--obedient")
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
    done = read_only.hard("--obedient")
    directory.chmod(0o755)
    assert done.returncode in (1, 2, 78)
    assert read_only.database in done.stderr
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
    with pytest.raises(PlacementError, match="File name too long"):
        placement.move(str(source), str(target))
    assert sums(tmp_path) == before
    assert list((tmp_path / "home").iterdir()) == []
