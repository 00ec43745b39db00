"""Products whose files cannot be told apart."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbproc.mission import read_mission_file
from dbproc.mission.apply import warnings
from tests.kit.mission import mission_table, process, product
from tests.kit.mission_files import line_of, write_mission

DATE = "_{Y}{m}{d}.txt"


def warned(folder: Path, *blocks: str) -> tuple[str, ...]:
    return warnings(read_mission_file(write_mission(folder, "\n".join([mission_table(), *blocks]))))


def test_delivered_products_with_a_name_in_common_are_told_with_it_and_the_line(tmp_path: Path) -> None:
    blocks = [
        product("gain", 0, "gain" + DATE),
        product("any", 0, "{station}" + DATE),
        product("raw", 0, "r_{st}" + DATE),
    ]
    text = "\n".join([mission_table(), *blocks])
    assert warned(tmp_path, *blocks) == (
        f"line {line_of(text, '{station}')}, product.any.format: a file 'gain_20000101.txt' can be of this product and "
        "of 'gain': it is refused when it comes; make the formats differ where files are so named",
        f"line {line_of(text, 'r_{st}')}, product.raw.format: a file 'r_x_20000101.txt' can be of this product and "
        "of 'any': it is refused when it comes; make the formats differ where files are so named",
    )


@pytest.mark.parametrize(
    "other",
    [
        product("other", 0, "gains" + DATE),
        product("other", 0, "{station}_{Y}{m}{d}T{H}.txt"),
        product("other", 0, "{station}" + DATE, inspector="netcdf"),
    ],
)
def test_there_is_no_warning_where_names_or_contents_tell(tmp_path: Path, other: str) -> None:
    key = product("key", 0, "key_{station}_{Y}{m}{d}.key")
    assert warned(tmp_path, product("gain", 0, "gain" + DATE), key, other) == ()


def test_many_products_are_compared_quickly(tmp_path: Path) -> None:
    blocks = [product(f"p{number}", 0, f"sgp_p{number}_" + "{station}" + DATE) for number in range(150)]
    assert warned(tmp_path, *blocks) == ()


def test_what_is_made_may_have_a_name_in_common_too(tmp_path: Path) -> None:
    blocks = [product("gain", 0, "gain" + DATE), product("key", 0, "key_{station}_{Y}{m}{d}.key")]
    made = [product(name, 1, format) for name, format in (("one", "{station}" + DATE), ("two", "{station}x" + DATE))]
    ways = [process(f"to_{name}", name, ["gain", "key"]) for name in ("one", "two")]
    said = warned(tmp_path, *blocks, *made, *ways)
    assert [each.partition(" can be ")[2].partition(";")[0] for each in said] == [
        "of this product and of 'gain': it is refused when it comes",
        "of this product and of 'one': there can be one of them alone",
    ]


def test_an_input_of_one_day_alone_is_told(tmp_path: Path) -> None:
    blocks = [product("raw", 0, "raw" + DATE), product("gain", 0, "gain_{Y}.txt"), product("out", 1, "out" + DATE)]
    (said,) = warned(tmp_path, *blocks, process("to_out", "out", ["raw", "gain"], "FILE"))
    assert "takes inputs by their date, and a file of 'gain' is of one day" in said
    held = {"product": "gain", "valid": "latest"}
    assert warned(tmp_path, *blocks, process("to_out", "out", ["raw", held], "FILE")) == ()
    assert warned(tmp_path, *blocks, process("to_out", "out", ["raw", "gain"])) == ()
