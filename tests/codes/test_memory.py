"""The memory that a conversion is given is kept, or refused beforehand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from dbproc.codes.conversion.idx_writer import LEAST
from tests.big.idx import converted

Refused = Callable[..., str]


@pytest.mark.parametrize(
    ("option", "told"),
    [
        (["--memory", "511"], "--memory: a conversion cannot be kept within 511 MiB. Give at least 512"),
        (["--slab", "129"], "--slab: 129 MiB are too many for a slab within 1024 MiB of memory. Give at most 128"),
        (["--memory", "2048", "--slab", "257"], "Give at most 256, or more --memory"),
    ],
)
def test_what_cannot_be_kept_is_refused_with_what_can(
    refused: Refused, tmp_path: Path, option: list[str], told: str
) -> None:
    (tmp_path / "in.raw").write_bytes(bytes(12))
    said = refused("raw_to_idx", "--shape", "3", "--dtype", "float32", *option, "in.raw", "out.idx")
    assert told in said


def test_all_processes_together_stay_within_the_smallest_memory(tmp_path: Path) -> None:
    took = converted(tmp_path, 640, LEAST >> 20)
    assert took.status == 0, took.said
    assert 40 << 20 < took.memory < LEAST


@pytest.mark.thorough
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("has_timesteps", [False, True])
@pytest.mark.parametrize("mebibytes", [1024, 4096])
def test_a_larger_source_takes_no_more_memory(tmp_path: Path, mebibytes: int, has_timesteps: bool) -> None:
    took = converted(tmp_path, mebibytes, LEAST >> 20, has_timesteps=has_timesteps)
    assert took.status == 0, took.said
    assert took.memory < LEAST
