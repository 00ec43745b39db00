"""Which entries of incoming have settled, and what belongs together."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dbproc.core.errors import UserError
from dbproc.core.filenames import is_unfinished
from dbproc.ingest.incoming import Kind, Scan, scan
from dbproc.storage.stores.base import partial_name


@pytest.fixture
def incoming(tmp_path: Path) -> Path:
    path = tmp_path / "incoming"
    path.mkdir()
    return path


def look(incoming: Path, *, later: float = 100, settle_seconds: float = 60, pattern: str = "*") -> Scan:
    """Scan as if `later` seconds had gone by."""
    now = time.time() + later
    return scan(str(incoming), settle_seconds=settle_seconds, now=now, pattern=pattern, has_companion=is_dataset)


@contextmanager
def without_rights() -> Iterator[None]:
    """The permissions of files hold, for root as well."""
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)


def is_dataset(name: str) -> bool:
    """What the products of a mission say of a name."""
    return name.endswith(".idx")


def settled(incoming: Path, **keys: object) -> dict[str, Kind]:
    return {arrival.name: arrival.kind for arrival in look(incoming, **keys).settled}  # type: ignore[arg-type]


def test_entries_come_in_the_order_of_their_bytes_with_path_and_size(incoming: Path) -> None:
    names = ["b", "a", "ä", "B", os.fsdecode(b"\xff")]
    for name in names:
        (incoming / name).write_text(name * 2, errors="surrogateescape")
    found = look(incoming).settled
    assert [arrival.name for arrival in found] == sorted(names, key=os.fsencode)
    assert [arrival.path for arrival in found] == [str(incoming / arrival.name) for arrival in found]
    assert [arrival.size for arrival in found] == [2 * len(os.fsencode(arrival.name)) for arrival in found]


def test_what_changed_a_moment_ago_is_left_for_later(incoming: Path) -> None:
    (incoming / "a").write_text("x")
    assert look(incoming, later=59) == Scan((), 1, ("a",))
    assert settled(incoming, later=61) == {"a": Kind.FILE}
    assert settled(incoming, later=0, settle_seconds=0) == {"a": Kind.FILE}


def test_the_modification_time_that_the_sender_gave_does_not_count(incoming: Path) -> None:
    (incoming / "a").write_text("x")
    os.utime(incoming / "a", (0, 0))
    assert look(incoming, later=1).unsettled == 1
    os.utime(incoming / "a", (4e9, 4e9))
    assert settled(incoming) == {"a": Kind.FILE}


def test_a_clock_that_was_set_back_does_not_hold_files_for_ever(incoming: Path) -> None:
    (incoming / "a").write_text("x")
    assert settled(incoming, later=-3600) == {"a": Kind.FILE}


@pytest.mark.parametrize("name", [".a.nc", ".a.nc.Xy12", "a.part", "a.TMP", "a.nc.partial", "a.filepart", "a~"])
def test_names_of_unfinished_files_are_left(name: str, incoming: Path) -> None:
    (incoming / name).write_text("x")
    assert is_unfinished(name)
    found = look(incoming)
    assert (found.settled, found.unsettled, len(found.names)) == ((), 1, 1)


@pytest.mark.parametrize("name", ["a.nc", "part", "a.part.nc", "tmp", "a.b.c"])
def test_other_names_are_finished(name: str) -> None:
    assert not is_unfinished(name)


def test_each_kind_of_entry_is_told_and_none_is_opened(incoming: Path) -> None:
    (incoming / "file").write_text("x")
    (incoming / "folder").mkdir()
    os.mkfifo(incoming / "fifo")
    (incoming / "link").symlink_to("file")
    (incoming / "dangling").symlink_to("nowhere")
    (incoming / "to folder").symlink_to("folder")
    assert settled(incoming) == {
        "file": Kind.FILE,
        "folder": Kind.DIRECTORY,
        "fifo": Kind.OTHER,
        "link": Kind.LINK,
        "dangling": Kind.LINK,
        "to folder": Kind.LINK,
    }


def test_a_link_settles_with_the_file_behind_it(incoming: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("x")
    (incoming / "link").symlink_to(target)
    moment = (incoming / "link").lstat().st_ctime
    time.sleep(0.05)
    target.write_text("y")
    assert scan(str(incoming), settle_seconds=0.04, now=moment + 0.045).unsettled == 1


def test_only_names_of_the_pattern_are_looked_at(incoming: Path) -> None:
    for name in ("a.nc", "A.NC", "b.txt", ".hidden.txt"):
        (incoming / name).write_text("x")
    assert look(incoming, pattern="*.nc") == look(incoming, pattern="a*")
    assert settled(incoming, pattern="*.nc") == {"a.nc": Kind.FILE}


# --- companion directories ---


def test_a_directory_beside_a_file_of_its_stem_belongs_to_it(incoming: Path) -> None:
    (incoming / "x.idx").write_text("x")
    (incoming / "x").mkdir()
    assert settled(incoming) == {"x.idx": Kind.FILE}
    assert settled(incoming, pattern="*.idx") == {"x.idx": Kind.FILE}


def test_a_directory_beside_a_file_of_another_kind_is_on_its_own(incoming: Path) -> None:
    (incoming / "x.csv").write_text("x")
    (incoming / "x").mkdir()
    (incoming / "y").mkdir()
    (incoming / "y.csv.part").write_text("x")
    assert settled(incoming) == {"x": Kind.DIRECTORY, "x.csv": Kind.FILE, "y": Kind.DIRECTORY}


def test_a_stem_may_have_dots(incoming: Path) -> None:
    (incoming / "cube_v1.0.0.idx").write_text("x")
    (incoming / "cube_v1.0.0").mkdir()
    assert settled(incoming) == {"cube_v1.0.0.idx": Kind.FILE}


def test_a_directory_with_a_dot_in_its_name_is_no_file_and_owns_none(incoming: Path) -> None:
    (incoming / "x.d").mkdir()
    (incoming / "x").mkdir()
    assert settled(incoming) == {"x": Kind.DIRECTORY, "x.d": Kind.DIRECTORY}


def test_a_directory_of_the_very_name_of_no_file_is_on_its_own(incoming: Path) -> None:
    (incoming / "x.idx").write_text("x")
    (incoming / "y").mkdir()
    assert settled(incoming) == {"x.idx": Kind.FILE, "y": Kind.DIRECTORY}


def test_a_file_settles_with_all_that_is_below_its_companion(incoming: Path) -> None:
    (incoming / "x.idx").write_text("x")
    (incoming / "x" / "deep").mkdir(parents=True)
    moment = (incoming / "x.idx").stat().st_ctime
    time.sleep(0.05)
    (incoming / "x" / "deep" / "0.bin").write_text("late")
    changed = (incoming / "x" / "deep" / "0.bin").stat().st_ctime
    assert scan(str(incoming), settle_seconds=changed - moment, now=changed, has_companion=is_dataset).unsettled == 1


def test_what_dbproc_moved_back_settles_by_the_times_of_its_members(incoming: Path) -> None:
    path, member = incoming / "x.idx", incoming / "x" / "0"
    member.parent.mkdir()
    for each in (path, member):
        each.write_text("it")
    time.sleep(0.6)
    path.chmod(0o640)
    member.parent.chmod(0o750)

    def settled_now(*returned: Path) -> list[str]:
        paths = frozenset(map(str, returned))
        seen = scan(str(incoming), settle_seconds=0.5, now=time.time(), returned=paths, has_companion=is_dataset)
        return [arrival.name for arrival in seen.settled]

    assert settled_now(path) == ["x.idx"]
    member.write_text("more")
    seen = scan(
        str(incoming), settle_seconds=60, now=time.time(), returned=frozenset([str(path)]), has_companion=is_dataset
    )
    assert seen.names == ("x.idx",)


def test_a_directory_whose_file_is_still_on_its_way_waits_for_it(incoming: Path) -> None:
    (incoming / "x").mkdir()
    (incoming / "x.idx.part").write_text("x")
    assert look(incoming).settled == ()


# --- what cannot be looked at ---


def test_what_a_transfer_or_a_filesystem_check_puts_there_is_nothing_that_arrived(incoming: Path) -> None:
    (incoming / "lost+found").mkdir()
    (incoming / partial_name("0123abcd-17")).write_text("what a transfer has begun")
    (incoming / "a").write_text("x")
    found = look(incoming)
    assert ([arrival.name for arrival in found.settled], found.unsettled, found.unreadable) == (["a"], 0, ())
    (incoming / "lost+found").rmdir()
    (incoming / "lost+found").write_text("a file of this name did arrive")
    assert settled(incoming) == {"a": Kind.FILE, "lost+found": Kind.FILE}


@pytest.mark.parametrize("mode", [0o444, 0o000, 0o311])
def test_a_directory_that_cannot_be_looked_into_is_told_and_the_rest_is_seen(mode: int, incoming: Path) -> None:
    (incoming / "a").write_text("x")
    for name in ("b", "c/deep"):
        (incoming / name).mkdir(parents=True)
        (incoming / name / "x").write_text("x")
        (incoming / name).chmod(mode)
    (incoming / "d.idx").write_text("x")
    (incoming / "d").mkdir()
    (incoming / "d" / "x").write_text("x")
    (incoming / "d").chmod(mode)
    for place in (incoming, *incoming.parents[:4]):
        place.chmod(place.stat().st_mode | 0o055)
    with without_rights():
        found = look(incoming)
    for name in ("b", "c/deep", "d"):
        (incoming / name).chmod(0o755)
    assert [arrival.name for arrival in found.settled] == ["a"]
    assert [name for name, _ in found.unreadable] == ["b", "c", "d.idx"]
    assert all("cannot look into" in why and "Permission denied" in why for _, why in found.unreadable)


def test_an_incoming_directory_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"cannot read the incoming directory {tmp_path}/none: No such file"):
        look(tmp_path / "none")
    (tmp_path / "file").write_text("x")
    with pytest.raises(UserError, match="Not a directory"):
        look(tmp_path / "file")
