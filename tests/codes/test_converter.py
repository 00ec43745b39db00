"""What every converter's command line has: here a picture that is drawn beside the dataset."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dbproc.codes import netcdf_to_idx, raw_to_idx
from dbproc.codes.conversion import converter
from dbproc.codes.conversion.idx_writer import Conversion
from dbproc.codes.drawing import view
from dbproc.codes.idx.description import Axis, Description, Field, Metadata
from dbproc.codes.idx.idx_reader import IdxDataset, read_field
from tests.codes.conftest import same_bits

VALUES = np.arange(600, dtype=np.uint16).reshape(20, 30)


@pytest.fixture
def raw(tmp_path: Path) -> list[str]:
    """The first arguments of a conversion."""
    VALUES.tofile(tmp_path / "in.raw")
    return ["--shape", "20,30", "--dtype", "uint16", str(tmp_path / "in.raw")]


def listing(place: Path) -> list[str]:
    return sorted(path.name for path in place.iterdir())


def test_a_picture_named_behind_the_dataset_is_drawn(raw: list[str], tmp_path: Path) -> None:
    assert raw_to_idx.main([*raw, str(tmp_path / "x.idx"), str(tmp_path / "seen.png")]) == 0
    assert listing(tmp_path) == ["in.raw", "seen.png", "x", "x.idx"]
    with Image.open(tmp_path / "seen.png") as image:
        assert image.format == "PNG"
        assert len(np.unique(np.asarray(image.convert("RGB")).reshape(-1, 3), axis=0)) > 100


@pytest.mark.parametrize("place", range(5))
def test_options_may_stand_anywhere(place: int, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Conversion] = []
    monkeypatch.setattr(converter, "convert", lambda conversion: made.append(conversion) or "made")
    words = ["a.nc", "b.nc", "c.nc", "x.idx"]
    assert netcdf_to_idx.main([*words[:place], "--timesteps", "time", "--unpack", *words[place:]]) == 0
    (conversion,) = made
    assert [*map(str, conversion.inputs), str(conversion.output)] == words
    assert (conversion.timesteps, conversion.options["unpack"]) == ("time", True)


def test_a_picture_that_is_there_already_is_refused_before_anything_is_converted(
    raw: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "seen.png").write_text("mine")
    assert raw_to_idx.main([*raw, str(tmp_path / "x.idx"), str(tmp_path / "seen.png")]) == 1
    assert "seen.png: it exists already" in capsys.readouterr().err
    assert listing(tmp_path) == ["in.raw", "seen.png"]
    assert (tmp_path / "seen.png").read_text() == "mine"
    assert raw_to_idx.main([*raw, str(tmp_path / "x.idx"), str(tmp_path / "nowhere" / "seen.png")]) == 1
    assert "nowhere: there is no such directory" in capsys.readouterr().err


def test_a_picture_that_cannot_be_drawn_does_not_undo_the_dataset(
    raw: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "n" * 250 + ".png"  # a file of that name can be, its temporary directory cannot
    assert raw_to_idx.main([*raw, str(tmp_path / "x.idx"), str(tmp_path / name)]) == 1
    assert "x.idx is complete, but no picture of it was drawn" in capsys.readouterr().err
    assert listing(tmp_path) == ["in.raw", "x", "x.idx"]
    assert same_bits(read_field(tmp_path / "x.idx"), VALUES)


def test_a_picture_that_is_no_png_is_taken_for_a_dataset_and_refused(
    raw: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "x.idx").write_text("")
    assert raw_to_idx.main([*raw, str(tmp_path / "x.idx"), str(tmp_path / "seen.jpg")]) == 1
    assert capsys.readouterr().err.count("\n") == 1


class InMemory(IdxDataset):
    """A dataset whose values are in memory, and which holds every reading to a budget."""

    def read(self, name: str | None = None, box: view.Box | None = None) -> np.ndarray:  # type: ignore[type-arg]
        assert box is not None
        values = LARGE[box]
        assert values.nbytes <= view.BUDGET
        return values


LARGE = np.arange(3 * 101 * 37, dtype=np.float32).reshape(3, 101, 37)


@pytest.mark.parametrize(("most", "steps"), [(10**6, (1, 1)), (1000, (3, 2)), (100, (11, 4)), (1, (101, 37))])
def test_of_more_values_than_memory_holds_every_so_many_th_is_drawn(
    most: int, steps: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(view, "MOST", most)
    monkeypatch.setattr(view, "BUDGET", 37 * 4 * 5)
    field = Field("v", "v", "float32")
    sides = (Axis("z", 3), Axis("y", 101, coordinates=tuple(range(0, 202, 2))), Axis("x", 37))
    axes = Description("test", (), LARGE.shape, sides, (field,), "none")
    seen = view.view(InMemory(Path("x.idx"), Metadata(axes, LARGE.shape, {})), field, [("z", 1)])
    wanted = LARGE[1, :: steps[0], :: steps[1]]
    assert same_bits(np.asarray(seen.values.data, dtype=np.float32), wanted)
    assert seen.steps == steps
