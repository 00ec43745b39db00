"""Whose file it is that was given to the wrong program."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile

from dbproc.codes.conversion.kinds import KINDS, advice, converter_of
from dbproc.codes.idx.refusal import Refusal


@pytest.mark.parametrize(("head", "kind", "programs"), KINDS)
def test_a_file_is_known_by_its_first_bytes(tmp_path: Path, head: bytes, kind: str, programs: str) -> None:
    (tmp_path / "in").write_bytes(head + b"rest")
    assert advice(tmp_path / "in", "other_to_idx") == f"It is a {kind} file: convert it with {programs}"
    own = programs.split()[-1]
    assert advice(tmp_path / "in", f"dbproc.codes.{own}:open_source") == ""


def test_what_is_unknown_or_gone_has_no_advice(tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(b"something else")
    assert advice(tmp_path / "in", "x") == advice(tmp_path / "none", "x") == ""


def test_the_wrong_program_names_the_right_one(tmp_path: Path, refused: Callable[..., str]) -> None:
    tifffile.imwrite(tmp_path / "in.nc", np.zeros((3, 4), "uint8"))
    assert "It is a TIFF file: convert it with tiff_to_idx" in refused("netcdf_to_idx", "in.nc", "out.idx")


@pytest.mark.parametrize(
    ("where", "name", "program"),
    [
        ("/", "_NCProperties", "netcdf_to_idx"),
        ("/entry", "NX_class", "nexus_to_idx"),
        ("/entry", "other", "hdf5_to_idx"),
    ],
)
def test_the_converter_of_an_hdf5_file_is_told_by_its_contents(
    tmp_path: Path, where: str, name: str, program: str
) -> None:
    with h5py.File(tmp_path / "in", "w") as file:
        file.require_group(where).attrs[name] = "NXentry"
    assert converter_of(tmp_path / "in") == program


def test_a_file_that_no_converter_is_known_for_is_refused_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(b"something else")
    with pytest.raises(Refusal, match="raw_to_idx"):
        converter_of(tmp_path / "in")
    (tmp_path / "in").write_bytes(b"\x89HDF\r\n\x1a\ncut")
    with pytest.raises(Refusal, match="no whole HDF5 file"):
        converter_of(tmp_path / "in")
    with pytest.raises(Refusal, match="No such file"):
        converter_of(tmp_path / "none")
