"""Whose file it is that was given to the wrong program."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile

from dbproc.codes.conversion.kinds import KINDS, advice


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
