"""Which files are meant by what is named."""

from __future__ import annotations

import os
import resource
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from dbproc.codes.conversion.converter import Converter
from dbproc.codes.conversion.idx_writer import Conversion, convert
from dbproc.codes.conversion.inputs import found
from dbproc.codes.conversion.staging import staging
from dbproc.codes.idx.refusal import Refusal


def written(directory: Path, *names: str) -> Path:
    for name in names:
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    return directory


def names(named: list[Path], directory: Path) -> list[str]:
    return [path.name for path in found(named, (".nc",), directory / "unpacked").files]


def turned_away(named: Path, directory: Path) -> str:
    with pytest.raises(Refusal) as caught:
        found([named], (".nc",), directory / "unpacked")
    return str(caught.value)


def test_a_directory_stands_for_its_files_in_natural_order(tmp_path: Path) -> None:
    held = written(tmp_path / "held", "a10.nc", "a9.NC", ".hidden.nc", "Thumbs.db", "deeper/b.nc")
    assert names([held], tmp_path) == ["a9.NC", "a10.nc"]


def test_an_archive_stands_for_its_files_at_any_depth(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for name in ("b/a10.nc", "b/a9.nc", "__MACOSX/b/a9.nc"):
            archive.writestr(name, "x")
    assert names([tmp_path / "x.zip"], tmp_path) == ["a9.nc", "a10.nc"]


def test_an_archive_within_an_archive_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("inner.zip", "x")
    assert "no files that end in .nc" in turned_away(tmp_path / "x.zip", tmp_path)


def test_files_named_one_by_one_keep_their_order(tmp_path: Path) -> None:
    held = written(tmp_path / "held", "b.nc", "a.dat")
    assert names([held / "b.nc", held / "a.dat"], tmp_path) == ["b.nc", "a.dat"]


def test_other_files_beside_those_meant_are_refused(tmp_path: Path) -> None:
    assert "other files" in turned_away(written(tmp_path / "held", "a.nc", "b.dat", "README.txt"), tmp_path)


def test_what_is_about_those_meant_is_passed_over_and_told(tmp_path: Path) -> None:
    about = ["LICENSE", "README.txt", "metadata.json", "notes.md"]
    held = written(tmp_path / "held", "a.nc", *about)
    meant = found([held], (".nc",), tmp_path / "unpacked")
    assert [path.name for path in meant.files] == ["a.nc"]
    assert meant.texts == tuple(about)
    assert meant.notes() == ("passed over: LICENSE, README.txt, metadata.json and 1 more",)


def fifo(path: Path) -> None:
    os.mkfifo(path)


def dangling(path: Path) -> None:
    path.symlink_to("nowhere")


def circle(path: Path) -> None:
    path.symlink_to(path.name)


@pytest.mark.parametrize("make", [fifo, dangling, circle])
def test_what_is_no_file_in_a_directory_is_not_passed_over(tmp_path: Path, make: Callable[[Path], None]) -> None:
    held = written(tmp_path / "held", "a.nc")
    make(held / "b.nc")
    assert "b.nc" in turned_away(held, tmp_path)


@pytest.mark.parametrize("name", ["x" * 300 + ".nc", "no.nc/x.nc", os.fsdecode(b"\xff.nc"), "pipe"])
def test_an_input_that_cannot_be_a_file_is_refused_by_name(tmp_path: Path, name: str) -> None:
    written(tmp_path, "no.nc")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(Refusal) as caught:
        convert(Conversion("nobody:nothing", [tmp_path / name], tmp_path / "x.idx"))
    assert ascii(name)[1:4] in str(caught.value)
    assert not list(tmp_path.glob("*x.idx*"))


def test_an_output_whose_name_is_not_text_is_refused(tmp_path: Path) -> None:
    target = tmp_path / os.fsdecode(b"\xff.idx")
    with pytest.raises(Refusal, match="not UTF-8"), staging(target):
        pass


@pytest.mark.parametrize("option", ["--memory", "--slab", "--patience"])
@pytest.mark.parametrize("amount", ["0", "-1", "nan", "inf", "1e300", "much"])
def test_an_amount_that_nobody_can_have_is_refused(
    option: str, amount: str, capsys: pytest.CaptureFixture[str]
) -> None:
    parser = Converter("some_to_idx", "nobody:nothing", (".nc",)).parser("Convert.")
    with pytest.raises(SystemExit):
        parser.parse_args([option, amount, "a.nc", "b.idx"])
    assert option in capsys.readouterr().err


def test_what_the_system_does_not_allow_is_told_as_it_is(refused: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "in.raw").write_bytes(bytes(24))
    shape = ("--shape", "4,6", "--dtype", "u1", "--timesteps", "y")
    told = refused("raw_to_idx", *shape, "--reuse", tmp_path, tmp_path / "in.raw", tmp_path / "out.idx")
    assert f"{tmp_path}: Is a directory" in told
    assert "defect" not in told


def test_an_idx_that_the_disk_did_not_take_is_told(refused: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "in.raw").write_bytes(bytes(24))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        told = refused("raw_to_idx", "--shape", "4,6", "--dtype", "u1", tmp_path / "in.raw", tmp_path / "out.idx")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "Is the disk full" in told


def test_a_file_in_an_archive_is_refused_by_the_names_of_both(refused: Callable[..., str], tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("deep/a.raw", b"")
    told = refused("raw_to_idx", "--shape", "4,6", "--dtype", "u1", tmp_path / "x.zip", tmp_path / "out.idx")
    assert f"{tmp_path / 'x.zip/deep/a.raw'}: the file is empty" in told
