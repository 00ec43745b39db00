"""Files put into users' areas, in which users do what they like."""

from __future__ import annotations

import ctypes
import fcntl
import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from dbproc.core.errors import GoneError, PermanentError, TakenError, TemporaryError
from dbproc.storage import areas
from dbproc.storage.areas import Area
from dbproc.storage.digest import digest_file
from dbproc.storage.stores.area import AreaPlace

_HERE, _EXCHANGE = -100, 2  # AT_FDCWD, RENAME_EXCHANGE


@pytest.fixture
def top(tmp_path: Path) -> Path:
    directory = tmp_path / "area"
    directory.mkdir()
    return directory


@pytest.fixture
def area(top: Path) -> Iterator[Area]:
    with areas.opened(str(top)) as opened:
        yield opened


@pytest.fixture
def source(tmp_path: Path) -> str:
    path = tmp_path / "source"
    path.write_text("bytes")
    return str(path)


def test_directories_are_made_and_those_that_are_empty_removed(area: Area, top: Path) -> None:
    assert area.missing("ada/in/deep") == ["ada", "ada/in", "ada/in/deep"]
    area.make("ada/in/deep")
    assert area.missing("ada/in/deep") == []
    (top / "ada" / "mine").write_text("mine")
    assert [area.remove_empty(each) for each in ("ada/in/deep", "ada/in", "ada", "none/at/all")] == [True] * 2 + [
        False,
        True,
    ]
    assert (top / "ada" / "mine").exists()


def test_a_link_placed_is_known_again_and_anything_else_is_not_removed(area: Area, top: Path, source: str) -> None:
    placed = area.hardlink(source, "ada/one")
    led = area.symlink(source, "ada/two")
    assert (area.placed("ada/one"), area.placed("ada/two")) == (placed, led)
    os.link(source, top / "ada" / "more")  # another name changes nothing
    assert area.placed("ada/one") == placed
    (top / "ada" / "two").unlink()
    (top / "ada" / "two").symlink_to("/etc/passwd")
    assert not area.remove("ada/two", led)
    assert area.remove("ada/one", placed)
    assert area.remove("ada/one", placed)
    assert {path.name for path in (top / "ada").iterdir()} == {"two", "more"}
    for make in (area.hardlink, area.symlink):
        with pytest.raises(TakenError, match="is not overwritten"):
            make(source, "ada/more")
    with pytest.raises(GoneError, match="is gone"):
        area.hardlink(f"{source}s", "ada/three")


def test_nothing_is_reached_through_a_link(area: Area, top: Path, tmp_path: Path, source: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("bytes")
    (top / "ada").symlink_to(outside)
    (top / "bob").mkdir()
    (top / "bob" / "file").symlink_to(outside / "file")
    for attempt in (
        lambda: area.make("ada/in"),
        lambda: area.symlink(source, "ada/x"),
        lambda: area.remove("ada/file", "5:0:0"),
        lambda: area.has_bytes("ada/file", 5, digest_file(source)),
        lambda: AreaPlace(str(top)).upload("ada/x", "1"),
        lambda: AreaPlace(str(top)).read("ada/file"),
    ):
        with pytest.raises(PermanentError, match="is a link or no directory"):
            attempt()
    assert not area.has_bytes("bob/file", 5, digest_file(source))
    with pytest.raises(PermanentError):
        AreaPlace(str(top)).read("bob/file")
    assert [path.name for path in outside.iterdir()] == ["file"]


def test_a_directory_that_is_turned_into_a_link_meanwhile_leads_nowhere(
    area: Area, top: Path, tmp_path: Path, source: str
) -> None:
    """A user exchanges his directory and a link to another one, over and over, while files are placed in it."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (top / "ada" / "in").mkdir(parents=True)
    (top / "ada" / "link").symlink_to(outside)
    stop = threading.Event()

    paths = [os.fsencode(top / "ada" / name) for name in ("in", "link")]
    rename = ctypes.CDLL(None).renameat2

    def exchange() -> None:
        while not stop.is_set():
            assert rename(_HERE, paths[0], _HERE, paths[1], _EXCHANGE) == 0

    user = threading.Thread(target=exchange)
    user.start()
    outcomes: Counter[bool] = Counter()
    try:
        for number in range(50_000):
            try:
                area.hardlink(source, f"ada/in/{number}")
                outcomes[True] += 1
            except PermanentError:
                outcomes[False] += 1
            if min(outcomes[True], outcomes[False]) >= 20:
                break
    finally:
        stop.set()
        user.join()
    assert list(outside.iterdir()) == []
    assert min(outcomes[True], outcomes[False]) >= 20


def test_what_is_half_written_has_no_name_and_is_removed(area: Area, top: Path) -> None:
    place = AreaPlace(str(top))
    upload = place.upload("ada/in/x.txt", "7")
    upload.write(b"by")
    assert upload.checkpoint() == 2
    upload.close()
    assert [path.name for path in (top / "ada" / "in").iterdir()] == [".dbproc-7.part"]
    again = place.upload("ada/in/x.txt", "7", offset=2)
    assert again.offset == 2
    again.write(b"tes")
    again.finish()
    placed = again.publish()
    again.close()
    assert area.placed("ada/in/x.txt") == placed
    other = place.upload("ada/in/x.txt", "8")
    other.write(b"other")
    other.finish()
    with pytest.raises(TakenError, match=f"{top}/ada/in/x.txt is there already"):
        other.publish()
    other.discard()
    assert [path.name for path in (top / "ada" / "in").iterdir()] == ["x.txt"]
    assert not [name for name in os.listdir("/proc/self/fd") if _leads_below(name, top / "ada")]


@pytest.mark.parametrize("offset", [0, 2])
@pytest.mark.parametrize("link", [os.link, os.symlink])
def test_what_a_user_puts_in_the_place_of_what_is_half_written_is_not_written_to(
    top: Path, source: str, link: Callable[[str, Path], None], offset: int
) -> None:
    (top / "ada").mkdir()
    link(source, top / "ada" / ".dbproc-7.part")
    upload = AreaPlace(str(top)).upload("ada/x.txt", "7", offset)
    assert upload.offset == 0
    upload.write(b"other")
    upload.finish()
    upload.publish()
    upload.close()
    assert Path(source).read_text() == "bytes"
    assert (top / "ada" / "x.txt").read_text() == "other"


def _leads_below(descriptor: str, directory: Path) -> bool:
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}").startswith(str(directory))
    except OSError:
        return False


def test_where_the_filesystem_shares_no_bytes_no_copy_is_made(area: Area, top: Path, source: str) -> None:
    said: list[str] = []
    with suppress(PermanentError):
        assert area.reflink(source, "ada/x", "1", said.append) == area.placed("ada/x")
    assert os.listdir(top / "ada") == (["x"] if said else [])  # some filesystems can


def test_a_reflink_is_told_before_it_has_its_name(
    area: Area, top: Path, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def copied(to: int, _: int, origin: int) -> None:  # in place of what few filesystems can
        os.write(to, os.pread(origin, 100, 0))

    monkeypatch.setattr(fcntl, "ioctl", copied)
    names: list[list[str]] = []
    placed = area.reflink(source, "ada/x", "1", lambda _: names.append(os.listdir(top / "ada")))
    assert names == [[".dbproc-1"]]
    assert (area.placed("ada/x"), (top / "ada" / "x").read_text()) == (placed, "bytes")
    with pytest.raises(TakenError):
        area.reflink(source, "ada/x", "2", lambda _: None)
    assert os.listdir(top / "ada") == ["x"]


def test_an_area_that_is_not_there_waits(tmp_path: Path) -> None:
    with pytest.raises(TemporaryError, match="cannot be entered") as raised, areas.opened(str(tmp_path / "none")):
        pass
    assert raised.value.is_of_place
