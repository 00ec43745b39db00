from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dbproc.core.filenames import compile_format
from dbproc.products import NotMine
from dbproc.products.facts import CheckedFacts, settle
from dbproc.products.idx import IdxInspector

HEADER = """(version)
6
(box)
0 7 0 7
(fields)
data float32 default_layout() default_value(0) min(0) max(0)
(bits)
V010101
(bitsperblock)
6
(blocksperfile)
1
(filename_template)
./x_20190102/%04x.bin
"""


def dataset(directory: Path, header: str = HEADER, stem: str = "x_20190102") -> Path:
    path = directory / f"{stem}.idx"
    path.write_text(header)
    (directory / stem / "0").mkdir(parents=True)
    (directory / stem / "0" / "0000.bin").write_bytes(b"\x00" * 64)
    return path


def inspected(path: Path, text: str = "x_{Y}{m}{d}.idx") -> CheckedFacts:
    name = compile_format(text).match(path.name)
    assert name is not None
    return settle(IdxInspector().inspect(str(path), name), name)


def with_metadata(content: Any) -> str:
    return f"{HEADER}(metadata)\n{json.dumps(content)}\n"


def test_a_dataset_is_dated_by_its_name(tmp_path: Path) -> None:
    assert inspected(dataset(tmp_path)).date == dt.date(2019, 1, 2)


def test_times_of_an_axis_are_used(tmp_path: Path) -> None:
    attributes = {"scale_factor": 0.5, "add_offset": 10}
    axis = {"units": "hours since 2019-01-02", "coordinates": [0, 1, 4], "attributes": attributes, "calendar": ""}
    header = with_metadata({"axes": [{"units": "m", "coordinates": [1]}, axis]})
    settled = inspected(dataset(tmp_path, header))
    assert (settled.start.hour, settled.stop.hour) == (10, 12)


@pytest.mark.parametrize("inside", [True, False])
def test_times_of_attributes_are_used(tmp_path: Path, inside: bool) -> None:
    times = {"time_coverage_start": "2019-01-02T01:00:00Z", "time_coverage_end": "2019-01-02T02:00:00Z"}
    header = with_metadata({"attributes": times, "axes": []} if inside else times)
    assert inspected(dataset(tmp_path, header)).stop == dt.datetime(2019, 1, 2, 2, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    "content",
    [
        [],
        "text",
        {"axes": 3},
        {"axes": [3, {"units": "s since x", "coordinates": ["a", None]}]},
        {"axes": [{"units": "days since 2000-01-01", "coordinates": [10**400]}]},
        {"axes": [{"units": "days since 2000-01-01", "coordinates": [float("nan"), 1.0]}]},
        {"time_coverage_start": "0001-01-01T00:00:00+23:59"},
    ],
)
def test_odd_metadata_do_no_harm(tmp_path: Path, content: Any) -> None:
    assert inspected(dataset(tmp_path, with_metadata(content))).date == dt.date(2019, 1, 2)


def test_metadata_that_are_nested_without_end_do_no_harm(tmp_path: Path) -> None:
    header = f"{HEADER}(metadata)\n{'[' * 100_000}\n"
    assert inspected(dataset(tmp_path, header)).date == dt.date(2019, 1, 2)


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("", "does not begin"),
        ("(version)\n6\n", r"no \(box\)"),
        (HEADER.replace("0 7 0 7", "0 7 0"), "its box is"),
        (HEADER.replace("0 7 0 7", "7 0 0 7"), "its box is"),
        (HEADER.replace("0 7 0 7", "a b"), "its box is"),
        (HEADER[: HEADER.index("(bits)")], r"no \(bits\)"),
        (HEADER.replace("data float32 default_layout() default_value(0) min(0) max(0)", ""), "no field"),
    ],
)
def test_a_damaged_header_is_refused(tmp_path: Path, header: str, words: str) -> None:
    with pytest.raises(NotMine, match=words):
        inspected(dataset(tmp_path, header))


@pytest.mark.parametrize(
    "template",
    [
        "/etc/%04x.bin",
        "../other/%04x.bin",
        "./x_20190102/../other/%04x.bin",
        "./other/%04x.bin",
        "%04x.bin",
        "other/%04x.bin",
        "C:\\x_20190102\\%04x.bin",
        "",
    ],
)
def test_a_dataset_whose_blocks_lie_elsewhere_is_refused(tmp_path: Path, template: str) -> None:
    with pytest.raises(NotMine, match=r"its blocks lie in '.*', not in its companion directory 'x_20190102'"):
        inspected(dataset(tmp_path, HEADER.replace("./x_20190102/%04x.bin", template)))


@pytest.mark.parametrize("times", ["0 9 ../../other/t%03d/", "0 9 /etc/t%03d/", "0 9\n/etc/t%03d/"])
def test_times_that_lead_elsewhere_are_refused(tmp_path: Path, times: str) -> None:
    with pytest.raises(NotMine, match="its blocks lie in"):
        inspected(dataset(tmp_path, f"{HEADER}(time)\n{times}\n"))


@pytest.mark.parametrize("blank", ["\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\xa0"])
def test_a_header_is_read_line_by_line_as_openvisus_reads_it(tmp_path: Path, blank: str) -> None:
    """OpenVisus takes ``./x_20190102/ (note) /../../etc/%04x.bin``, with such a blank, for the template."""
    hidden = f"./x_20190102/\n{blank}(note)\n/../../etc/%04x.bin"
    with pytest.raises(NotMine, match="its blocks lie in"):
        inspected(dataset(tmp_path, HEADER.replace("./x_20190102/%04x.bin", hidden)))


def test_a_section_that_comes_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotMine, match=r"\(filename_template\) stands twice"):
        inspected(dataset(tmp_path, f"{HEADER} (filename_template)\n/etc/%04x.bin\n"))


@pytest.mark.parametrize("template", ["./x_20190102/%02x/%04x.bin", "$(CurrentFileDirectory)/x_20190102/%04x.bin"])
def test_blocks_in_the_companion_directory_may_be_named_in_several_ways(tmp_path: Path, template: str) -> None:
    header = HEADER.replace("./x_20190102/%04x.bin", template) + "(time)\n0 9 time%03d/\n"
    assert inspected(dataset(tmp_path, header)).date == dt.date(2019, 1, 2)


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = dataset(tmp_path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(NotMine, match="not text"):
        inspected(path)


def test_the_companion_directory_must_be_there(tmp_path: Path) -> None:
    path = dataset(tmp_path)
    (tmp_path / "x_20190102").rename(tmp_path / "elsewhere")
    with pytest.raises(NotMine, match="companion directory 'x_20190102' is not beside it"):
        inspected(path)


def test_the_companion_directory_must_hold_data(tmp_path: Path) -> None:
    path = dataset(tmp_path)
    (tmp_path / "x_20190102" / "0" / "0000.bin").write_bytes(b"")
    with pytest.raises(NotMine, match="holds no data"):
        inspected(path)


def test_openvisus_is_not_loaded(tmp_path: Path) -> None:
    code = (
        "import sys; from dbproc.core.filenames import compile_format; from dbproc.products.idx import IdxInspector;"
        "name = compile_format('x_{Y}{m}{d}.idx').match('x_20190102.idx');"
        f"IdxInspector().inspect({str(dataset(tmp_path))!r}, name);"
        "sys.exit('OpenVisus' in sys.modules or 'numpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
