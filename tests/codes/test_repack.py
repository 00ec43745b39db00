"""Archives packed as another kind: all that was in them, read back, or nothing."""

from __future__ import annotations

import hashlib
import importlib
import io
import json
import os
import shutil
import stat
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import py7zr
import pytest

from dbproc.codes.archives import guard, repacking
from dbproc.codes.archives.member import Kind, Member
from dbproc.codes.archives.reading import read
from dbproc.codes.archives.repacking import WRITING, repack
from dbproc.codes.idx.refusal import Refusal
from tests.big.repack import repacked
from tests.codes.conftest import Run
from tests.codes.test_archives import sevenzipped, tarred, zipped

NAME = "APLUWCOVISMBSONAR001_20141219T154622.072Z-DIFFUSE"
FILES = {
    f"{NAME}/sweep.json": b'{"sweep": 1}\n',
    f"{NAME}/rec_7038_000000.bin": bytes(range(256)) * 700,
    f"{NAME}/größe µ.csv": b"1;2\n" * 9,
    f"{NAME}/empty.txt": b"",
}
TIME = 1419003982


def added(packed: tarfile.TarFile, name: str, kind: bytes, target: str = "", **told: Any) -> None:
    member = tarfile.TarInfo(name)
    member.type, member.linkname, member.mtime = kind, target, TIME
    for key, value in told.items():
        setattr(member, key, value)
    packed.addfile(member)


def rich(path: Path, mode: str = "w:gz") -> Path:
    """A tar file with all that can be kept."""
    with tarfile.open(path, mode) as packed:  # type: ignore[call-overload]
        added(packed, "./", tarfile.DIRTYPE)
        added(packed, f"./{NAME}", tarfile.DIRTYPE, mode=0o750)
        for number, (name, content) in enumerate(FILES.items()):
            member = tarfile.TarInfo(f"./{name}")
            member.size, member.mode, member.mtime = len(content), 0o640 | number, TIME + number
            packed.addfile(member, io.BytesIO(content))
        added(packed, f"./{NAME}/nothing", tarfile.DIRTYPE, mode=0o755)
        added(packed, f"./{NAME}/latest.json", tarfile.SYMTYPE, "sweep.json", mode=0o777)
    return path


def members(archive: Path) -> dict[str, tuple[Kind, bytes, int, float | None, str]]:
    return {each.name: (each.kind, stream.read(), each.mode, each.time, each.target) for each, stream in read(archive)}


def contents(archive: Path) -> dict[str, bytes]:
    return {name: content for name, (kind, content, *_) in members(archive).items() if kind is Kind.FILE}


@pytest.mark.parametrize("kind", WRITING)
def test_all_that_is_in_an_archive_is_in_each_kind_that_is_made_of_it(tmp_path: Path, convert: Run, kind: str) -> None:
    source = rich(tmp_path / f"{NAME}.tar.gz")
    said = convert("repack", "--sha1", source, f"{NAME}.{kind}", "members.json").stdout
    size = sum(map(len, FILES.values()))
    assert said == f"{NAME}.{kind}: {kind}, 7 members, {size} bytes, read back equal\n"
    made = tmp_path / f"{NAME}.{kind}"
    assert members(made) == members(source)
    listed = json.loads((tmp_path / "members.json").read_text())
    assert (listed["archive"], listed["size"]) == (made.name, made.stat().st_size)
    assert listed["sha256"] == hashlib.sha256(made.read_bytes()).hexdigest()
    wanted = {
        name: (len(content), hashlib.sha1(content).hexdigest(), hashlib.sha256(content).hexdigest())
        for name, content in FILES.items()
    }
    files = [each for each in listed["contents"] if each["kind"] == "file"]
    assert {each["name"]: (each["size"], each["sha1"], each["sha256"]) for each in files} == wanted
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([source.name, made.name, "members.json"])


def test_other_programs_read_what_is_made(tmp_path: Path) -> None:
    source, modes = rich(tmp_path / "x.tar.gz"), [0o640, 0o641, 0o642, 0o643]
    for kind in WRITING:
        repack(source, tmp_path / f"x.{kind}", kind, level=1, digests=("sha256",))
    with zipfile.ZipFile(tmp_path / "x.zip") as packed:
        assert packed.testzip() is None
        assert {each.filename: packed.read(each) for each in packed.infolist() if each.filename in FILES} == FILES
        assert [packed.getinfo(name).external_attr >> 16 & 0o777 for name in FILES] == modes
    place = tmp_path / "unpacked"
    with py7zr.SevenZipFile(tmp_path / "x.7z") as seven:
        seven.extractall(place)
    assert {name: (place / name).read_bytes() for name in FILES} == FILES
    assert [stat.S_IMODE((place / name).stat().st_mode) for name in FILES] == modes
    assert [(place / name).stat().st_mtime for name in FILES] == [TIME + number for number in range(4)]
    assert (place / NAME / "latest.json").readlink() == Path("sweep.json")
    assert (place / NAME / "nothing").is_dir()
    zstd = importlib.import_module("backports.zstd")
    with zstd.open(tmp_path / "x.tar.zst") as stream, tarfile.open(fileobj=stream) as tar:
        assert tar.getmember(f"{NAME}/latest.json").linkname == "sweep.json"


def test_every_kind_of_archive_is_repacked_to_every_kind(tmp_path: Path) -> None:
    sources = [
        zipped(tmp_path / "in.zip", FILES),
        sevenzipped(tmp_path / "in.7z", FILES),
        tarred(tmp_path / "in.tar", FILES),
        *(tarred(tmp_path / f"in.tar.{each}", FILES, f"w:{each}") for each in ("gz", "bz2", "xz")),
    ]
    repack(sources[2], tmp_path / "in.tar.zst", "tar.zst", level=1, digests=("sha256",))
    for number, source in enumerate([*sources, tmp_path / "in.tar.zst"]):
        for kind in WRITING:
            made = tmp_path / f"{number}.{kind}"
            repack(source, made, kind, level=1, digests=("sha256",))
            assert contents(made) == FILES, (source.name, kind)


def test_members_that_were_compressed_one_by_one_are_read(tmp_path: Path) -> None:
    with py7zr.SevenZipFile(tmp_path / "in.7z", "w") as packed:
        packed.writestr(b"first" * 99, "a")
    with py7zr.SevenZipFile(tmp_path / "in.7z", "a") as packed:
        packed.writestr(b"second" * 99, "b")
    assert contents(tmp_path / "in.7z") == {"a": b"first" * 99, "b": b"second" * 99}


@pytest.mark.parametrize(
    "method",
    [
        [{"id": py7zr.FILTER_X86}, {"id": py7zr.FILTER_LZMA2, "preset": 1}],
        [{"id": py7zr.FILTER_LZMA, "preset": 1}],
        *([{"id": each}] for each in (py7zr.FILTER_BZIP2, py7zr.FILTER_DEFLATE, py7zr.FILTER_COPY)),
        *([{"id": each, "level": 3}] for each in (py7zr.FILTER_ZSTD, py7zr.FILTER_BROTLI)),
    ],
)
def test_whatever_a_7z_is_compressed_by_it_is_read(tmp_path: Path, method: list[dict[str, int]]) -> None:
    files = {"noise": os.urandom(200_000), "nothing": b"", "zeros": bytes(3 << 20), "more": os.urandom(70_000)}
    assert contents(sevenzipped(tmp_path / "in.7z", files, filters=method)) == files


def test_a_7z_compressed_by_ppmd_is_refused_before_its_library_sees_it(tmp_path: Path) -> None:
    method = [{"id": py7zr.FILTER_PPMD, "order": 6, "mem": 20}]
    with pytest.raises(Refusal, match=r"PPMd.*LZMA2"):
        contents(sevenzipped(tmp_path / "in.7z", {"text": b"a" * 999}, filters=method))


def test_fractions_of_seconds_are_kept_as_far_as_they_can_be(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "in.tar", "w", format=tarfile.PAX_FORMAT) as packed:
        added(packed, "a", tarfile.REGTYPE, mtime=TIME + 0.123456789)
        added(packed, "old", tarfile.REGTYPE, mtime=-1.5)
        added(packed, "far", tarfile.REGTYPE, mtime=1 << 40)
    wanted = {"7z": TIME + 0.1234568, "zip": TIME, "tar.zst": TIME + 0.123456789}
    for kind, time in wanted.items():
        repack(tmp_path / "in.tar", tmp_path / f"x.{kind}", kind, level=1, digests=())
        assert members(tmp_path / f"x.{kind}")["a"][3] == pytest.approx(time, abs=1e-7)


def outside(packed: tarfile.TarFile) -> None:
    added(packed, f"{NAME}/../../escaped", tarfile.REGTYPE)


def absolute(packed: tarfile.TarFile) -> None:
    added(packed, "/etc/escaped", tarfile.REGTYPE)


def leading_out(packed: tarfile.TarFile) -> None:
    added(packed, f"{NAME}/link", tarfile.SYMTYPE, "../../etc/passwd")


def leading_off(packed: tarfile.TarFile) -> None:
    added(packed, f"{NAME}/link", tarfile.SYMTYPE, "/etc/passwd")


def below_a_link(packed: tarfile.TarFile) -> None:
    added(packed, f"{NAME}/link", tarfile.SYMTYPE, ".")
    added(packed, f"{NAME}/link/file", tarfile.REGTYPE)


def device(packed: tarfile.TarFile) -> None:
    added(packed, f"{NAME}/device", tarfile.CHRTYPE)


def twice(packed: tarfile.TarFile) -> None:
    added(packed, f"{NAME}/sweep.json", tarfile.REGTYPE)


def of_nothing(packed: tarfile.TarFile) -> None:
    added(packed, f"{NAME}/hard", tarfile.LNKTYPE, "../../etc/passwd")


def of_what_comes_later(packed: tarfile.TarFile) -> None:
    added(packed, f"{NAME}/hard", tarfile.LNKTYPE, f"{NAME}/later")


@pytest.mark.parametrize(
    ("add", "told"),
    [
        (outside, "it would write './APL"),
        (absolute, "it would write '/etc/escaped' outside of its directory"),
        (leading_out, "in it leads outside: to '../../etc/passwd'"),
        (leading_off, "in it leads outside: to '/etc/passwd'"),
        (below_a_link, "as a symbolic link and as a directory"),
        (device, "is neither a file nor a directory"),
        (twice, f"it holds '{NAME}/sweep.json' twice"),
        (of_nothing, "outside of its directory"),
        (of_what_comes_later, "which is no file before it"),
    ],
)
def test_what_should_be_in_no_archive_is_refused(
    tmp_path: Path, refused: Callable[..., str], add: Callable[[tarfile.TarFile], None], told: str
) -> None:
    source = rich(tmp_path / "in.tar", "w")
    with tarfile.open(source, "a") as packed:
        add(packed)
    assert told.replace("./APL", "") in refused("repack", source, "out.7z", "members.json").replace("./APL", "")


def test_what_a_kind_cannot_hold_is_told_and_another_kind_holds_it(tmp_path: Path) -> None:
    for name, add in {
        "hard": lambda packed: added(packed, "hard", tarfile.LNKTYPE, f"{NAME}/sweep.json"),
        "latin": lambda packed: added(packed, os.fsdecode(b"gr\xf6\xdfe"), tarfile.REGTYPE),
    }.items():
        source = rich(tmp_path / f"{name}.tar", "w")
        with tarfile.open(source, "a") as packed:
            add(packed)
        for kind in ("7z", "zip"):
            with pytest.raises(Refusal, match=r"Repack it to tar\.zst"):
                repack(source, tmp_path / f"{name}.{kind}", kind, level=1, digests=())
        repack(source, tmp_path / f"{name}.tar.zst", "tar.zst", level=1, digests=(), listed=tmp_path / f"{name}.json")
        assert members(tmp_path / f"{name}.tar.zst") == members(source)
        listed = json.loads((tmp_path / f"{name}.json").read_text())["contents"]
        assert [each["name"] for each in listed] == list(members(source))
    assert not {path.suffix for path in tmp_path.iterdir()} & {".7z", ".zip"}


@pytest.mark.parametrize("name", ["in.tar.gz", "in.tar.zst", "in.7z", "in.zip", "in.tar"])
def test_an_archive_cut_anywhere_is_refused_with_the_member(tmp_path: Path, name: str) -> None:
    noise = {f"n{number}": os.urandom(5000) for number in range(4)}
    source = tarred(tmp_path / "whole.tar", noise)
    if name == "in.tar":
        shutil.copy(source, tmp_path / name)
    elif name == "in.tar.gz":
        tarred(tmp_path / name, noise, "w:gz")
    else:
        repack(source, tmp_path / name, name.removeprefix("in."), level=1, digests=())
    whole = (tmp_path / name).read_bytes()
    for part in range(1, 10):
        (tmp_path / name).write_bytes(whole[: min(len(whole) * part // 10, 4 * 5632)])
        with pytest.raises(Refusal) as caught:
            repack(tmp_path / name, tmp_path / "out.7z", "7z", level=1, digests=())
        assert "'n" in str(caught.value) or name not in ("in.tar", "in.tar.gz") or part < 5
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted({"whole.tar", name})


def test_a_flipped_bit_is_refused_with_the_member(tmp_path: Path) -> None:
    for archive in (
        zipped(tmp_path / "x.zip", FILES, zipfile.ZIP_STORED),
        sevenzipped(tmp_path / "x.7z", FILES, filters=[{"id": py7zr.FILTER_COPY}]),
    ):
        content = bytearray(archive.read_bytes())
        content[content.index(bytes(range(256))) + 1000] ^= 1
        archive.write_bytes(content)
        with pytest.raises(Refusal, match=r"rec_7038_000000\.bin.*CRC|CRC.*rec_7038_000000\.bin"):
            repack(archive, tmp_path / "out.tar.zst", "tar.zst", level=1, digests=())
    assert not (tmp_path / "out.tar.zst").exists()


def test_a_member_that_is_not_as_long_as_it_tells_is_refused(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "x.zip", FILES)
    content = bytearray(archive.read_bytes())
    size = content.index(b"PK\1\2") + 24
    content[size] += 1
    archive.write_bytes(content)
    with pytest.raises(Refusal, match=r"'\S+sweep\.json' in it has 13 bytes where it tells of 14"):
        repack(archive, tmp_path / "out.7z", "7z", level=1, digests=())


def test_a_source_that_changes_meanwhile_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, original = rich(tmp_path / "in.tar", "w"), repacking._require_equal

    def touched(*rest: Any) -> None:
        original(*rest)
        os.utime(source, (1, 1))

    monkeypatch.setattr(repacking, "_require_equal", touched)
    with pytest.raises(Refusal, match="it changed while it was repacked"):
        repack(source, tmp_path / "x.zip", "zip", level=1, digests=())
    assert [path.name for path in tmp_path.iterdir()] == ["in.tar"]


def test_a_member_that_is_not_read_back_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = repacking.read

    def fewer(archive: Path) -> Any:
        return islice(whole(archive), 6 if archive.suffix == ".zip" else None)

    monkeypatch.setattr(repacking, "read", fewer)
    with pytest.raises(Refusal, match="7 members became 6"):
        repack(rich(tmp_path / "in.tar", "w"), tmp_path / "x.zip", "zip", level=1, digests=())


def test_a_bomb_is_refused_before_it_is_read_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "ALWAYS", 1 << 20)
    for archive in (
        zipped(tmp_path / "x.zip", {"a": bytes(9 << 20)}),
        sevenzipped(tmp_path / "x.7z", {"a": bytes(9 << 20)}),
    ):
        with pytest.raises(Refusal, match="bomb"):
            repack(archive, tmp_path / "out.tar.zst", "tar.zst", level=1, digests=())


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["in.tar", NAME], "its name does not end in .7z, .zip, .tar.zst. Name it so, or tell the kind by --to"),
        (["--to", "zip", "in.tar", "out.7z"], "its name ends in .7z, and --to says zip"),
        (["in.tar", "in.tar.zst", "in.tar"], "in.tar: it exists already, and nothing is overwritten"),
        (["text", "out.7z"], "text: it cannot be repacked: ReadError"),
        (["empty.tar", "out.7z"], "empty.tar: it holds nothing"),
        (["gone.tar", "out.7z"], "gone.tar: there is no such file"),
        (["in.tar", "gone/out.7z"], "it cannot be written: No such file or directory"),
    ],
)
def test_what_cannot_be_done_is_told(
    tmp_path: Path, refused: Callable[..., str], arguments: list[str], told: str
) -> None:
    rich(tmp_path / "in.tar", "w")
    tarred(tmp_path / "empty.tar", {})
    (tmp_path / "text").write_text("no archive\n" * 99)
    assert told in refused("repack", *arguments)


def test_a_name_without_an_ending_is_made_where_the_kind_is_told(tmp_path: Path, convert: Run) -> None:
    rich(tmp_path / NAME, "w:gz")
    convert("repack", "--to", "7z", NAME, f"{NAME}.out")
    assert contents(tmp_path / f"{NAME}.out") == FILES


@pytest.mark.parametrize("kind", WRITING)
def test_what_is_read_back_otherwise_is_not_kept(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that keeps other bytes than were written."""
    source, original = rich(tmp_path / "in.tar", "w"), repacking._require_equal

    def rotten(place: Path, *rest: Any) -> None:
        content = bytearray(place.read_bytes())
        content[len(content) // 2] ^= 4
        place.write_bytes(content)
        original(place, *rest)

    monkeypatch.setattr(repacking, "_require_equal", rotten)
    with pytest.raises(Refusal):
        repack(source, tmp_path / f"x.{kind}", kind, level=1, digests=("sha256",), listed=tmp_path / "x.json")
    assert [path.name for path in tmp_path.iterdir()] == ["in.tar"]


@pytest.mark.parametrize("change", [{"mode": 0o600}, {"time": 1.0}, {"target": "rec"}, {"size": 1}, {"name": "other"}])
def test_a_member_that_changed_in_any_way_is_not_kept(
    tmp_path: Path, change: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    original = repacking._seen

    def other(member: Member, *rest: Any) -> Any:
        return original(Member(**{**vars(member), **change}), *rest)

    monkeypatch.setattr(repacking, "_seen", other)
    with pytest.raises(Refusal, match="what was read back is not what was packed"):
        repack(rich(tmp_path / "in.tar", "w"), tmp_path / "x.zip", "zip", level=1, digests=("sha256",))


def test_it_is_run_as_a_file_and_ended_at_any_time_without_a_trace(tmp_path: Path) -> None:
    tarred(tmp_path / "in.tar", {"noise": os.urandom(20 << 20)})
    code = Path(repacking.__file__).parents[1] / "repack.py"
    started = subprocess.Popen(
        [sys.executable, str(code), "in.tar", "out.7z"], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    )
    while not any(tmp_path.glob(".out.7z.*/out.7z")):
        assert started.poll() is None
    started.terminate()
    assert "ended by SIGTERM" in started.communicate()[1]
    assert [path.name for path in tmp_path.iterdir()] == ["in.tar"]


def test_what_takes_more_memory_than_there_is_to_be_is_refused(tmp_path: Path, refused: Callable[..., str]) -> None:
    with py7zr.SevenZipFile(tmp_path / "in.7z", "w", filters=[{"id": py7zr.FILTER_LZMA2, "preset": 1}]) as packed:
        packed.writestr(b"small", "a")
        packed.header.main_streams.unpackinfo.folders[0].coders[0]["properties"] = bytes([40])  # 4 GiB are remembered
    assert "in.7z: it cannot be repacked in 512 MiB" in refused("repack", "in.7z", "out.zip")


@pytest.mark.parametrize(
    "kind", ["7z", pytest.param("zip", marks=pytest.mark.thorough), pytest.param("tar.zst", marks=pytest.mark.thorough)]
)
def test_a_large_archive_takes_little_memory(tmp_path: Path, kind: str) -> None:
    took = repacked(tmp_path, 320, "tar", kind, every=128)
    assert took.status == 0, took.said
    assert took.memory < 160 << 20
