"""Archives that anybody may have made."""

from __future__ import annotations

import gzip
import io
import shutil
import struct
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import py7zr
import pytest

from dbproc.codes.archives import guard, zip_file
from dbproc.codes.archives.unpacking import unpack
from dbproc.codes.idx.refusal import Refusal

FILES = {"a.tif": bytes(range(256)) * 8, "b/c.tif": b"second " * 99, "b/d.tif": b"third" * 50}


def zipped(path: Path, files: dict[str, bytes] = FILES, method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def tarred(path: Path, files: dict[str, bytes] = FILES, mode: str = "w") -> Path:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def sevenzipped(path: Path, files: dict[str, bytes] = FILES, **told: object) -> Path:
    with py7zr.SevenZipFile(path, "w", **told) as archive:
        for name, content in files.items():
            archive.writestr(content, name)
    return path


def every_kind(directory: Path) -> Iterator[Path]:
    yield zipped(directory / "deflated.zip")
    yield zipped(directory / "stored.zip", method=zipfile.ZIP_STORED)
    yield tarred(directory / "plain.tar")
    yield tarred(directory / "gzip.tar.gz", mode="w:gz")
    yield tarred(directory / "bzip2.tar.bz2", mode="w:bz2")
    yield tarred(directory / "xz.tar.xz", mode="w:xz")
    yield sevenzipped(directory / "seven.7z")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    found = tmp_path / "place"
    found.mkdir()
    return found


def contents(directory: Path, found: list[Path]) -> dict[str, bytes]:
    return {path.relative_to(directory).as_posix(): path.read_bytes() for path in found}


def refused(archive: Path, place: Path) -> str:
    with pytest.raises(Refusal) as caught:
        unpack(archive, place)
    assert archive.name in str(caught.value)
    return str(caught.value)


def test_every_kind_of_archive_is_unpacked_as_it_was_packed(tmp_path: Path) -> None:
    for number, archive in enumerate(every_kind(tmp_path)):
        place = tmp_path / str(number)
        place.mkdir()
        assert contents(place, unpack(archive, place)) == FILES, archive.name


def test_an_archive_cut_anywhere_is_refused(tmp_path: Path, place: Path) -> None:
    for archive in every_kind(tmp_path):
        whole = archive.read_bytes()
        last = len(whole) - (1 if archive.suffix != ".tar" else 512 * 18)  # zeros fill up a tar file
        for size in [len(whole) * part // 20 for part in range(20)] + [last]:
            if archive.suffix == ".tar" and size > last:
                continue
            archive.write_bytes(whole[:size])
            refused(archive, place)
            shutil.rmtree(place)
            place.mkdir()


@pytest.mark.parametrize("name", ["../x.tif", "/x.tif", "a/../../x.tif", "..\\x.tif", "C:\\x.tif", "C:/x.tif"])
def test_no_name_leads_outside(tmp_path: Path, place: Path, name: str) -> None:
    for archive in (zipped(tmp_path / "x.zip", {name: b"x"}), tarred(tmp_path / "x.tar", {name: b"x"})):
        assert "outside of its directory" in refused(archive, place)
    assert not any(place.rglob("*.tif"))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_are_refused(tmp_path: Path, place: Path, kind: bytes) -> None:
    archive = tarred(tmp_path / "x.tar")
    with tarfile.open(archive, "a") as more:
        member = tarfile.TarInfo("link.tif")
        member.type, member.linkname = kind, "/etc/passwd"
        more.addfile(member)
    assert "neither a file nor a directory" in refused(archive, place)


def test_a_symbolic_link_in_a_zip_is_refused(tmp_path: Path, place: Path) -> None:
    member = zipfile.ZipInfo("link.tif")
    member.external_attr = 0o120777 << 16
    for name, target in (("link.tif", "/etc/passwd"), ("directory/", "")):
        member.filename = name
        with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
            archive.writestr(member, target)
        assert "neither a file nor a directory" in refused(tmp_path / "x.zip", place)


def test_a_file_that_is_there_twice_is_refused(tmp_path: Path, place: Path) -> None:
    assert "twice" in refused(zipped(tmp_path / "x.zip", {"a.tif": b"x", "./a.tif": b"y"}), place)


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (("a", "a/b.tif"), "it holds 'a' as a file and as a directory"),
        (("a/b.tif", "a"), "it holds 'a' as a file and as a directory"),
        (("x" * 300 + ".tif",), "cannot be unpacked"),
    ],
)
def test_names_that_cannot_be_files_are_the_archives_fault(
    tmp_path: Path, place: Path, names: tuple[str, ...], told: str
) -> None:
    assert told in refused(zipped(tmp_path / "x.zip", dict.fromkeys(names, b"x")), place)


def test_a_full_disk_is_not_the_archives_fault(tmp_path: Path, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(guard.Guard, "chunks", full)
    told = refused(zipped(tmp_path / "x.zip"), place)
    assert "No space left" in told
    assert "Make room" in told


def bomb(path: Path) -> Path:
    return zipped(path, {"a.tif": bytes(3 << 20)})


@pytest.mark.parametrize("make", [bomb, lambda path: sevenzipped(path.with_suffix(".7z"), {"a.tif": bytes(3 << 20)})])
def test_what_unpacks_to_too_many_times_its_size_is_refused(
    tmp_path: Path, place: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], Path]
) -> None:
    monkeypatch.setattr(guard, "ALWAYS", 1 << 20)
    assert "bomb" in refused(make(tmp_path / "x.zip"), place)
    assert sum(path.stat().st_size for path in place.rglob("*")) <= 2 << 20


def test_too_many_files_are_refused(tmp_path: Path, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "MOST_FILES", 2)
    assert "more than 2 files" in refused(zipped(tmp_path / "x.zip"), place)


def test_an_encrypted_archive_says_so(tmp_path: Path, place: Path) -> None:
    archive = zipped(tmp_path / "x.zip")
    content = bytearray(archive.read_bytes())
    content[content.index(b"PK\1\2") + 8] |= 1
    archive.write_bytes(content)
    for each in (
        archive,
        sevenzipped(tmp_path / "x.7z", password="secret"),
        sevenzipped(tmp_path / "header.7z", password="secret", header_encryption=True),
    ):
        assert "it is encrypted" in refused(each, place)


def test_a_zip_whose_directory_passes_files_over_is_refused(tmp_path: Path, place: Path) -> None:
    archive = zipped(tmp_path / "x.zip")
    content = bytearray(archive.read_bytes())
    first = content.index(b"PK\1\2")
    rest = content.rindex(b"PK\5\6") - content.index(b"PK\1\2", first + 1)
    content[first + 32 : first + 34] = struct.pack("<H", rest)  # the rest as a comment of the first
    archive.write_bytes(content)
    with zipfile.ZipFile(archive) as packed:
        assert packed.namelist() == ["a.tif"]
    assert "it lists 1 files where it tells of 3" in refused(archive, place)


@pytest.mark.thorough
def test_a_zip_of_more_files_than_its_end_can_tell_is_unpacked(tmp_path: Path, place: Path) -> None:
    names = {f"{number}/": b"" for number in range(66_000)}
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for name in names:
            archive.writestr(name, b"")
    with zipfile.ZipFile(tmp_path / "x.zip") as packed:
        zip_file.require_all(tmp_path / "x.zip", packed)


def test_a_directory_that_holds_bytes_is_refused(tmp_path: Path, place: Path) -> None:
    assert "holds bytes" in refused(zipped(tmp_path / "x.zip", {"a/": b"lost"}), place)


def test_a_wrong_checksum_is_refused(tmp_path: Path, place: Path) -> None:
    archive = zipped(tmp_path / "x.zip")
    content = bytearray(archive.read_bytes())
    content[content.index(b"PK\1\2") + 16] ^= 1
    archive.write_bytes(content)
    assert "CRC" in refused(archive, place)
    shutil.rmtree(place)
    place.mkdir()
    packed = bytearray(gzip.compress(tarred(tmp_path / "x.tar").read_bytes()))
    packed[-8] ^= 1
    (tmp_path / "x.tar.gz").write_bytes(packed)
    assert "CRC" in refused(tmp_path / "x.tar.gz", place)
