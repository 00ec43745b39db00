"""What counts as the contents of NetCDF and HDF5 files, and how a difference is told."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import netCDF4
import numpy as np
import pytest

from dbproc.core.model import Comparison
from dbproc.engines.confined import command, environment
from dbproc.products import comparison
from dbproc.products.contents.compare import MOST, NOT_CONTENTS, compare

Write = Callable[[Any], None]


class Pair:
    """Two files, written by the same function and then each by its own."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def netcdf(self, both: Write, new: Write = lambda _: None, format: Any = "NETCDF4") -> dict[str, Any]:
        paths = [self._directory / name for name in ("old.nc", "new.nc")]
        for path in paths:
            with netCDF4.Dataset(path, "w", format=format) as file:
                both(file)
                if path.name == "new.nc":
                    new(file)
        return compare("netcdf", str(paths[0]), str(paths[1]))

    def hdf5(self, both: Write, new: Write = lambda _: None, budget: int = 1 << 20) -> dict[str, Any]:
        paths = [self._directory / name for name in ("old.h5", "new.h5")]
        for path in paths:
            with h5py.File(path, "w") as file:
                both(file)
                if path.name == "new.h5":
                    new(file)
        return compare("hdf5", str(paths[0]), str(paths[1]), budget)


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    return Pair(tmp_path)


def field(file: Any) -> None:
    file.createDimension("time", None)
    file.createDimension("x", 4)
    variable = file.createVariable("field", "f4", ("time", "x"), fill_value=-1.0)
    variable.units = "K"
    variable[:] = np.array([[1, 2, 3, np.nan], [5, 6, 7, 8]], "f4")


def put(name: str, where: Any, value: Any) -> Write:
    def change(file: Any) -> None:
        file[name][where] = value

    return change


def words(found: dict[str, Any]) -> dict[str, str]:
    return {each["name"]: each["what"] for each in found["differences"]}


@pytest.mark.parametrize("format", ["NETCDF4", "NETCDF3_CLASSIC", "NETCDF3_64BIT_DATA"])
def test_netcdf_files_with_the_same_values_are_the_same_and_nan_equals_nan(pair: Pair, format: str) -> None:
    assert pair.netcdf(field, format=format) == {"same": True, "differences": [], "more": 0}


def test_differing_values_are_counted_and_measured(pair: Pair) -> None:
    found = pair.netcdf(field, put("field", (1, slice(0, 2)), [5.5, 8]))
    assert not found["same"]
    (difference,) = found["differences"]
    assert difference["name"] == "/field"
    assert (difference["values"], difference["differing"], difference["largest"]) == (8, 2, 2.0)
    assert difference["what"] == "2 of 8 values differ, by 2.0 at most"


def test_a_value_in_the_place_of_nan_differs(pair: Pair) -> None:
    (difference,) = pair.netcdf(field, put("field", (0, 3), 4.0))["differences"]
    assert (difference["differing"], difference["largest"]) == (1, None)


def test_a_missing_value_is_compared_as_it_is_stored(pair: Pair) -> None:
    (difference,) = pair.netcdf(field, put("field", (0, 0), -1.0))["differences"]
    assert (difference["differing"], difference["largest"]) == (1, 2.0)


@pytest.mark.parametrize("name", sorted(NOT_CONTENTS - {"_ncproperties"}))
def test_an_attribute_of_the_file_that_tells_when_does_not_count(pair: Pair, name: str) -> None:
    assert pair.netcdf(field, lambda file: file.setncattr(name.upper(), "2026-01-01"))["same"]


def test_the_same_attribute_of_a_variable_counts_and_others_of_the_file_do(pair: Pair) -> None:
    def change(file: Any) -> None:
        file["field"].history = "calibrated again"
        file.title = "another"

    assert words(pair.netcdf(field, change)) == {
        "/": "attribute title added",
        "/field": "attribute history added",
    }


def test_structure_is_compared(pair: Pair) -> None:
    def both(file: Any) -> None:
        field(file)
        file.createVariable("gone", "i4", ())

    def old_or_new(file: Any) -> None:
        file.renameVariable("gone", "come")
        file.createGroup("inner").createDimension("y", 3)
        file["field"].units = "mK"
        file["field"][2] = 0

    assert words(pair.netcdf(both, old_or_new)) == {
        "/time (dimension)": "2, unlimited → 3, unlimited",
        "/inner/y (dimension)": "3 added",
        "/inner": "group added",
        "/field": "shape (2, 4) → (3, 4); attribute units K → mK",
        "/gone": "removed",
        "/come": "added",
    }


def test_a_fixed_dimension_is_not_an_unlimited_one(tmp_path: Path) -> None:
    for name, size in (("old.nc", 2), ("new.nc", None)):
        with netCDF4.Dataset(tmp_path / name, "w") as file:
            file.createDimension("t", size)
            file.createVariable("v", "i4", ("t",))[:] = [1, 2]
    found = compare("netcdf", str(tmp_path / "old.nc"), str(tmp_path / "new.nc"))
    assert words(found) == {"/t (dimension)": "2 → 2, unlimited"}


def test_text_lists_compounds_and_enumerations_of_netcdf_are_compared(pair: Pair) -> None:
    def both(file: Any) -> None:
        file.createDimension("n", 2)
        file.createVariable("text", str, ("n",))[:] = np.array(["a", "b"], object)
        file.createVariable("alone", str, ())[...] = "one"
        lists = file.createVLType("i4", "list_t")
        values = np.empty(2, object)
        values[:] = [np.array([1, 2], "i4"), np.array([3], "i4")]
        file.createVariable("lists", lists, ("n",))[:] = values
        kind = np.dtype([("a", "f8"), ("b", "i4", (2,))])
        compound = file.createCompoundType(kind, "kind_t")
        file.createVariable("pairs", compound, ("n",))[:] = np.array([(np.nan, [1, 2]), (2.0, [3, 4])], kind)
        days = file.createEnumType("u1", "day_t", {"mon": 0, "tue": 1})
        file.createVariable("day", days, ("n",))[:] = [0, 1]
        file.createVariable("letters", "S1", ("n",))[:] = np.array([b"x", b"y"])

    assert pair.netcdf(both)["same"]

    def change(file: Any) -> None:
        file["text"][1] = "c"
        file["alone"][...] = "two"
        file["lists"][0] = np.array([1, 3], "i4")
        file["pairs"][1] = np.array((2.5, [3, 9]), file["pairs"].dtype)
        file["day"][1] = 0
        file["letters"][0] = b"z"

    found = {each["name"]: (each["differing"], each["largest"]) for each in pair.netcdf(both, change)["differences"]}
    assert found == {
        "/text": (1, None),
        "/alone": (1, None),
        "/lists": (1, None),
        "/pairs": (1, 5.0),
        "/day": (1, 1.0),
        "/letters": (1, None),
    }


def test_hdf5_is_compared_object_by_object(pair: Pair) -> None:
    def both(file: Any) -> None:
        file["a/numbers"] = np.arange(6, dtype=">i8").reshape(2, 3)
        file["a/again"] = file["a/numbers"]
        file["soft"] = h5py.SoftLink("/a/numbers")
        file["text"] = ["x", "y"]
        file["single"] = 3.5
        file["nothing"] = h5py.Empty("f4")
        file["list"] = np.zeros(0)
        file.create_dataset("one", (2,), h5py.ref_dtype)[:] = [file["a"].ref, file["text"].ref]
        file["loop"] = file["/"]
        ragged = file.create_dataset("ragged", (2,), h5py.vlen_dtype("i4"))
        ragged[0], ragged[1] = [1, 2], [3]
        file["a"].attrs["made_of"] = file["text"].ref
        file["opaque"] = np.array([b"ab", b"cd"], "V2")

    assert pair.hdf5(both)["same"]

    def change(file: Any) -> None:
        file["a/numbers"][1, 2] = -5
        file["text"][0] = "z"
        file["one"][1] = file["a"].ref
        file["ragged"][1] = [4]
        file["a"].attrs["made_of"] = file["single"].ref
        file["opaque"][1] = np.void(b"cx")
        del file["soft"]
        file["soft"] = h5py.SoftLink("/text")

    assert words(pair.hdf5(both, change)) == {
        "/soft": "link to /a/numbers → link to /text",
        "/a": "attribute made_of /text → /single",
        "/a/again": "1 of 6 values differ, by 10.0 at most",
        "/text": "1 of 2 values differ",
        "/one": "1 of 2 values differ",
        "/ragged": "1 of 2 values differ",
        "/opaque": "1 of 2 values differ",
    }


def test_storage_is_no_part_of_the_contents(tmp_path: Path) -> None:
    values = np.arange(1000.0)
    with h5py.File(tmp_path / "old.h5", "w") as file:
        file.create_dataset("v", data=values)
    with h5py.File(tmp_path / "new.h5", "w") as file:
        file.create_dataset("v", data=values.astype(">f8"), chunks=(100,), compression="gzip")
    assert compare("hdf5", str(tmp_path / "old.h5"), str(tmp_path / "new.h5"))["same"]


def test_a_type_counts_and_the_values_are_compared_nevertheless(tmp_path: Path) -> None:
    for name, kind in (("old.h5", "f4"), ("new.h5", "f8")):
        with h5py.File(tmp_path / name, "w") as file:
            file["v"] = np.array([1.0, 0.1], kind)
    (difference,) = compare("hdf5", str(tmp_path / "old.h5"), str(tmp_path / "new.h5"))["differences"]
    assert difference["differing"] == 1
    assert difference["what"].startswith("type float32 → float64; 1 of 2 values differ, by 1.49")


def test_what_refers_to_regions_is_named_as_not_comparable(pair: Pair) -> None:
    def both(file: Any) -> None:
        file["v"] = [1, 2, 3]
        file.create_dataset("part", (1,), h5py.regionref_dtype)[0] = file["v"].regionref[0:2]

    assert words(pair.hdf5(both)) == {"/part": "values cannot be compared: it refers to regions"}


def test_values_are_read_in_pieces_and_all_of_them(pair: Pair) -> None:
    shape = (7, 5, 3)
    found = pair.hdf5(
        lambda file: file.create_dataset("v", data=np.zeros(shape, "i2")),
        lambda file: put("v", (slice(None), slice(None), 2), 1)(file),
        budget=7,
    )
    assert (found["differences"][0]["differing"], found["differences"][0]["values"]) == (35, 105)


@pytest.mark.parametrize(
    ("kind", "old", "new", "largest"),
    [
        ("i8", [-(2**63)], [2**63 - 1], float(2**64)),
        ("u1", [0], [255], 255.0),
        ("f8", [np.inf], [np.inf], None),
        ("f8", [1.0], [np.inf], "infinity"),
        ("c16", [1 + 1j], [4 + 5j], 5.0),
        ("?", [True], [False], 1.0),
    ],
)
def test_the_largest_difference_is_exact(pair: Pair, kind: str, old: Any, new: Any, largest: object) -> None:
    found = pair.hdf5(lambda file: file.create_dataset("v", data=np.array(old, kind)), put("v", ..., new))
    assert found["same"] == (largest is None)
    assert [each["largest"] for each in found["differences"]] == ([] if largest is None else [largest])


def test_bytes_are_compared_with_companion_directories(tmp_path: Path) -> None:
    for name in ("old", "new"):
        (tmp_path / name / "x").mkdir(parents=True)
        (tmp_path / name / "x.idx").write_text("same")
        (tmp_path / name / "x" / "0.bin").write_bytes(b"\0" * 5)
    paths = str(tmp_path / "old" / "x.idx"), str(tmp_path / "new" / "x.idx")
    assert compare("bytes", *paths, companion=True)["same"]
    assert comparison.same_contents(Comparison.BYTES, *paths, companion=True)
    (tmp_path / "new" / "x" / "0.bin").write_bytes(b"\0\0\0\1\0\0")
    (tmp_path / "new" / "x" / "1.bin").write_bytes(b"")
    (tmp_path / "new" / "x.idx").write_text("sane")
    assert words(compare("bytes", *paths, companion=True)) == {
        "x.idx": "first difference at byte 2",
        "0.bin": "size 5 → 6 bytes; first difference at byte 3",
        "1.bin": "member added",
    }
    (tmp_path / "new" / "x.idx").write_text("same")
    assert compare("bytes", *paths)["same"]  # the directories are somebody else's
    assert comparison.same_contents(Comparison.BYTES, *paths, companion=False)
    assert not comparison.same_contents(Comparison.BYTES, *paths, companion=True)


def many_groups(file: Any) -> None:
    for number in range(MOST + 3):
        file.create_group(f"g{number}")


def test_many_differences_are_counted_and_not_all_told(pair: Pair) -> None:
    found = pair.hdf5(lambda _: None, many_groups)
    assert (len(found["differences"]), found["more"]) == (MOST, 3)


# --- in a process of its own ---


@contextmanager
def two_files(tmp_path: Path, *contents: bytes) -> Iterator[list[str]]:
    paths = [tmp_path / "old.nc", tmp_path / "new.nc"]
    for path, content in zip(paths, contents, strict=True):
        path.write_bytes(content)
    yield list(map(str, paths))


def test_a_broken_file_is_a_problem_and_not_the_same(tmp_path: Path) -> None:
    with two_files(tmp_path, b"CDF\x01broken", b"\x89HDF\r\n\x1a\nbroken") as paths:
        found = comparison.compare(Comparison.NETCDF, *paths, companion=False)
        assert not found["same"]
        assert "OSError" in found["problem"]
        assert not comparison.same_contents(Comparison.NETCDF, *paths, companion=False)


def test_a_comparison_that_dies_or_takes_too_long_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with two_files(tmp_path, b"x", b"x") as paths:
        os.unlink(paths[1])
        os.mkfifo(paths[1])
        monkeypatch.setattr(comparison, "TIME_LIMIT", 1.0)
        assert comparison.compare(Comparison.BYTES, *paths, companion=False)["problem"] == "it took longer than 1 s"
        monkeypatch.setattr(comparison, "TIME_LIMIT", 60.0)
        dying = [sys.executable, "-c", "import os; os.abort()"]
        monkeypatch.setattr("dbproc.products.comparison.confined.command", lambda *_: dying)
        assert "ended with exit status" in comparison.compare(Comparison.BYTES, *paths, companion=False)["problem"]


def test_a_comparison_that_may_take_no_memory_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparison, "MEMORY_LIMIT", 1 << 20)
    with two_files(tmp_path, b"x", b"x") as paths:
        found = comparison.compare(Comparison.BYTES, *paths, companion=False)
    assert (found["same"], bool(found["problem"])) == (False, True)


def test_a_confined_process_cannot_take_more_memory_than_it_may(tmp_path: Path) -> None:
    (tmp_path / "greedy.py").write_text("import sys\nlen(bytes(1 << 30))\nprint('had it')\n")
    at = {**environment(), "PYTHONPATH": f"{tmp_path}{os.pathsep}{environment()['PYTHONPATH']}"}
    done = subprocess.run(command("greedy", [], 512 << 20), env=at, capture_output=True, text=True, check=False)
    assert "MemoryError" in done.stderr
    done = subprocess.run(command("greedy", [], 0), env=at, capture_output=True, text=True, check=True)
    assert done.stdout == "had it\n"


def test_an_answer_is_one_json_object_whatever_it_is(tmp_path: Path) -> None:
    with two_files(tmp_path, b"x", b"y") as paths:
        line = command("dbproc.products.contents.compare", ["bytes", *paths], 0)
        done = subprocess.run(line, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert json.loads(done.stdout)["same"] is False


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("a.bin", b"CDF\x02...", Comparison.NETCDF),
        ("a.nc", b"\x89HDF\r\n\x1a\n", Comparison.NETCDF),
        ("a.nxs", b"\x89HDF\r\n\x1a\n", Comparison.HDF5),
        ("a.nc", b"text", Comparison.BYTES),
        ("a.nc", b"", Comparison.BYTES),
    ],
)
def test_the_kind_of_comparison_is_chosen_by_content(
    tmp_path: Path, name: str, content: bytes, kind: Comparison
) -> None:
    (tmp_path / name).write_bytes(content)
    assert comparison.kind_of(str(tmp_path / name)) is kind
