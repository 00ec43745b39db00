"""CDF to IDX: every record accounted for, times exact, what is virtual or text refused by name."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cdflib
import cdflib.cdfwrite
import numpy as np
import pytest

from dbproc.codes.automatic import steps
from dbproc.codes.cdf_to_idx import open_source
from dbproc.codes.conversion.witness import require_same
from dbproc.codes.idx.description import Description
from dbproc.codes.idx.idx_reader import open_idx
from dbproc.codes.idx.refusal import Refusal
from dbproc.codes.idx.slabs import plan, whole
from dbproc.codes.idx.values import native
from tests.codes.conftest import same_bits, wild

Convert = Callable[..., "subprocess.CompletedProcess[str]"]
Refused = Callable[..., str]

TYPES = {
    **{"int8": 1, "int16": 2, "int32": 4, "int64": 8, "uint8": 11, "uint16": 12, "uint32": 14},
    **{"float32": 44, "float64": 45},
}
TT2000, EPOCH, EPOCH16, CHAR = 33, 31, 32, 51
TIMES = np.array([631377279184000001, 631377279184000003, 631377279184000007], dtype="int64")


def write(path: Path, *variables: tuple[str, Any, dict[str, Any], dict[str, Any]], **spec: Any) -> Path:
    """A CDF of variables, each a name, values, attributes, and what its kind is besides."""
    writer = cdflib.cdfwrite.CDF(path, cdf_spec={"Compressed": 0, **spec}, delete=True)
    writer.write_globalattrs({"Project": {0: "Test"}})
    for name, values, attributes, kind in variables:
        content = values[1] if kind.get("Sparse") else values
        array = np.asarray(content)
        given = {
            "Variable": name,
            "Data_Type": TYPES.get(array.dtype.name, CHAR),
            "Num_Elements": 1,
            "Rec_Vary": True,
            "Var_Type": "zVariable",
            "Dim_Sizes": list(array.shape[1:] if kind.get("Rec_Vary", True) else array.shape),
            "Compress": 0,
            **kind,
        }
        writer.write_var(given, var_attrs=attributes, var_data=values)
    writer.close()
    return path


def refusal(path: Path, *names: str) -> str:
    with pytest.raises(Refusal) as caught:
        converted(path, *names)
    return str(caught.value)


def converted(path: Path, *names: str) -> None:
    """Read all of the variables as a conversion does."""
    with open_source([path], {"variables": names}) as source:
        for field in source.description.fields:
            source.read(field.name, whole(source.description.shape))


def described(path: Path, *names: str) -> Description:
    with open_source([path], {"variables": names}) as source:
        return source.description


def require_equal(path: Path, name: str, wanted: np.ndarray[Any, Any]) -> None:
    """Whatever boxes it is read in, a variable is ``wanted``."""
    with open_source([path], {"variables": [name]}) as source:
        assert source.description.shape == wanted.shape
        for budget in (10**9, 500, 60):
            for box in plan(wanted.shape, wanted.dtype.itemsize, budget):
                found = native(source.read(source.description.fields[0].name, box))
                assert same_bits(found, native(wanted[box]))
                require_same(source, source.description.fields[0], box, found, "in")


@pytest.mark.parametrize("majority", ["row_major", "column_major"])
@pytest.mark.parametrize("encoding", ["network", "ibmpc"])
@pytest.mark.parametrize("compress", [0, 6])
def test_every_layout_is_read_as_cdflib_reads_it(tmp_path: Path, majority: str, encoding: str, compress: int) -> None:
    values = {name: wild(name, (5, 3, 4, 2), seed) for seed, name in enumerate(TYPES)}
    variables = [(name, array, {"VAR_TYPE": "data"}, {"Compress": compress}) for name, array in values.items()]
    constant = wild("float32", (4, 7))
    variables.append(("constant", constant, {}, {"Rec_Vary": False}))
    path = write(tmp_path / "in.cdf", *variables, Majority=majority, Encoding=encoding)
    for name in values:
        require_equal(path, name, np.asarray(cdflib.CDF(path).varget(name)))
    require_equal(path, "constant", np.asarray(cdflib.CDF(path).varget("constant")))
    by_columns = values["int16"].reshape(5, 2, 4, 3).transpose(0, 3, 2, 1)  # cdflib writes the bytes as they come
    require_equal(path, "int16", by_columns if majority == "column_major" else values["int16"])


def test_a_variable_becomes_a_dataset_with_its_times(tmp_path: Path, convert: Convert) -> None:
    values = wild("float32", (3, 4))
    facts = {
        **{"VAR_TYPE": "data", "DEPEND_0": "epoch", "DEPEND_1": "energy", "UNITS": "nT", "CATDESC": "a flux"},
        **{"FILLVAL": [np.float32(-1e31), "CDF_FLOAT"], "VALIDMIN": [0.0, "CDF_FLOAT"]},
    }
    write(
        tmp_path / "in.cdf",
        ("epoch", TIMES, {"VAR_TYPE": "support_data"}, {"Data_Type": TT2000}),
        ("energy", np.array([1, 2, 4, 8], "float32"), {"UNITS": "keV", "LABLAXIS": "E"}, {"Rec_Vary": False}),
        ("flux", values, facts, {"Compress": 5}),
        Compressed=6,
    )
    convert("cdf_to_idx", "in.cdf", "out.idx")
    dataset = open_idx(tmp_path / "out.idx")
    time, energy = dataset.description.axes
    assert same_bits(dataset.read(), values)
    assert time.coordinates == tuple(int(each) for each in TIMES)
    assert (time.units, time.attributes["utc"][0]) == ("ns", "2020-01-04T02:33:30.000000001")
    assert (energy.coordinates, energy.units, energy.long_name) == ((1.0, 2.0, 4.0, 8.0), "keV", "E")
    assert (dataset.field().units, dataset.field().long_name) == ("nT", "a flux")
    assert dataset.field().fills == (float(np.float32(-1e31)),)
    assert dataset.field().valid_min == 0.0
    assert dataset.description.attributes["Project"] == ["Test"]


def as_epoch16(path: Path, name: str, records: int) -> None:
    """Make a variable of pairs of doubles, one to a record, one of EPOCH16s: cdflib's writer does not write them."""
    index = cdflib.CDF(path).vdr_info(name).head_vxr
    content = bytearray(path.read_bytes())
    variable = content.index(name.encode() + bytes(8)) - 84
    entries = int.from_bytes(content[index + 20 : index + 24], "big")
    last = index + 28 + 4 * entries
    content[variable + 20 : variable + 28] = EPOCH16.to_bytes(4, "big") + (records - 1).to_bytes(4, "big")
    content[variable + 47] &= ~2  # its pad value is but one double
    content[last : last + 4] = (records - 1).to_bytes(4, "big")
    path.write_bytes(content)


def test_epochs_of_every_type_are_exact_coordinates(tmp_path: Path) -> None:
    epoch = np.array([63745056000000.5, 63745056001000.25])
    epoch16 = np.array([[63745056000.0, 123456789012.0], [63745056001.0, 7.0]])
    path = write(
        tmp_path / "in.cdf",
        ("milliseconds", epoch, {}, {"Data_Type": EPOCH}),
        ("picoseconds", epoch16.reshape(-1), {}, {}),
        ("a", wild("int16", (2,)), {"DEPEND_0": "milliseconds"}, {}),
        ("b", wild("int16", (2,)), {"DEPEND_0": "picoseconds"}, {}),
    )
    as_epoch16(path, "picoseconds", 2)
    assert described(path, "a").axes[0].coordinates == tuple(epoch)
    times = described(path, "b").axes[0]
    assert times.coordinates == (63745056000123456789012, 63745056001000000000007)
    assert times.attributes["utc"][0] == "2020-01-01T00:00:00.123456789012"
    with open_source([path], {"variables": ["picoseconds"]}) as source:
        assert source.description.fields[0].components == 2
        assert same_bits(native(source.read("picoseconds", (slice(0, 2),))), epoch16)


def test_coordinates_that_vary_with_the_record_are_told(tmp_path: Path) -> None:
    path = write(
        tmp_path / "in.cdf",
        ("energy", wild("float32", (3, 4)), {"UNITS": "eV"}, {}),
        ("flux", wild("float32", (3, 4)), {"DEPEND_1": "energy"}, {}),
    )
    axis = described(path, "flux").axes[1]
    assert axis.coordinates is None
    assert "varies with the record" in axis.attributes["coordinates_not_kept"]


@pytest.mark.parametrize(("sparse", "stands"), [("pad_sparse", -7), ("prev_sparse", None)])
def test_records_that_are_not_there_are_filled_as_declared_and_told(
    tmp_path: Path, sparse: str, stands: int | None
) -> None:
    kept = np.arange(1, 9, dtype="int32").reshape(4, 2)
    kind = {"Sparse": sparse, "Pad": np.int32(-7)}
    path = write(tmp_path / "in.cdf", ("v", [[1, 2, 5, 6], kept], {}, kind))
    gap = kept[1] if stands is None else np.full(2, stands, dtype="int32")
    wanted = np.stack([np.full(2, -7, dtype="int32"), *kept[:2], gap, gap, *kept[2:]])
    require_equal(path, "v", wanted)
    assert "3 of 7 records of v are not in the file" in described(path, "v").notes[0]


def test_what_holds_no_numbers_of_its_own_is_refused_by_name(tmp_path: Path) -> None:
    path = write(
        tmp_path / "in.cdf",
        ("label", np.array(["ab", "cd"]), {}, {"Num_Elements": 2, "Rec_Vary": False, "Dim_Sizes": [2]}),
        ("made", wild("int16", (2,)), {"VIRTUAL": "TRUE", "FUNCT": "conv", "COMPONENT_0": "rain"}, {}),
        ("rain", wild("int16", (2,)), {"VAR_TYPE": "data"}, {}),
        ("snow", wild("int16", (2, 3)), {"VAR_TYPE": "data"}, {}),
        ("flag", wild("int16", (2,)), {"VAR_TYPE": "support_data"}, {}),
    )
    assert "of text, not of numbers" in refusal(path, "label")
    assert "is virtual: conv computes it from rain" in refusal(path, "made")
    assert "no variable 'hail'" in refusal(path, "hail")
    assert "rain (record=2), snow (record=2, dim1=3)." in refusal(path)
    assert "have different dimensions" in refusal(path, "rain", "snow")


def test_where_the_epoch_is_virtual_the_records_have_the_times_that_it_is_made_of(tmp_path: Path) -> None:
    path = write(
        tmp_path / "in.cdf",
        ("epoch", TIMES, {"VIRTUAL": "TRUE", "FUNCT": "conv"}, {"Data_Type": TT2000}),
        ("unix", np.array([10.0, 13.0, 16.5]), {"UNITS": "sec"}, {}),
        ("sky", wild("int16", (3, 4, 5)), {"VAR_TYPE": "data", "DEPEND_0": "epoch", "DEPEND_TIME": "unix"}, {}),
    )
    found = described(path, "sky")
    assert (found.axes[0].name, found.axes[0].positions(), steps.chosen(found)) == ("unix", [10, 13, 16.5], "unix")


def test_data_are_chosen_before_what_supports_them(tmp_path: Path) -> None:
    path = write(
        tmp_path / "in.cdf",
        ("flag", wild("int16", (2,)), {"VAR_TYPE": "support_data"}, {}),
        ("rain", wild("int16", (2,)), {"VAR_TYPE": "data"}, {}),
    )
    assert described(path).fields[0].name == "rain"


def test_what_is_not_marked_is_data_where_nothing_is_and_it_serves_no_other_one(tmp_path: Path) -> None:
    only = write(tmp_path / "in.cdf", ("B", wild("float32", (3, 3)), {}, {}))
    assert described(only).fields[0].name == "B"
    served = write(
        tmp_path / "served.cdf",
        ("when", np.arange(3.0), {}, {}),
        ("Epoch", TIMES, {}, {"Data_Type": TT2000}),
        ("B", wild("float32", (3, 3)), {"DEPEND_0": "when"}, {}),
    )
    assert described(served).fields[0].name == "B"


def test_a_fill_value_among_the_times_leaves_no_coordinates(tmp_path: Path) -> None:
    times = np.array([TIMES[0], -(1 << 63), TIMES[2]])
    path = write(
        tmp_path / "in.cdf",
        ("Epoch", times, {"FILLVAL": [-(1 << 63), "CDF_TIME_TT2000"]}, {"Data_Type": TT2000}),
        ("B", wild("float32", (3, 3)), {"DEPEND_0": "Epoch"}, {}),
    )
    axis = described(path, "B").axes[0]
    assert not axis.is_placed
    assert axis.attributes["coordinates_left_out"] == "1 of 3 are fill values"


@pytest.mark.parametrize("compressed", [0, 6])
@pytest.mark.parametrize("compress", [0, 6])
def test_a_file_cut_anywhere_is_refused(tmp_path: Path, compressed: int, compress: int) -> None:
    path = write(
        tmp_path / "in.cdf", ("v", wild("float64", (60, 5)), {}, {"Compress": compress}), Compressed=compressed
    )
    content = path.read_bytes()
    for keep in (3, 20, len(content) // 3, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:keep])
        with pytest.raises(Exception):  # noqa: B017, PT011 -- of whatever kind, the worker says so
            converted(path, "v")


def test_a_flipped_byte_is_never_converted_where_it_can_be_known(tmp_path: Path) -> None:
    path = write(tmp_path / "in.cdf", ("v", np.arange(4000.0), {}, {"Compress": 6}))
    content = path.read_bytes()
    place = content.index(b"\x1f\x8b") + 40
    path.write_bytes(content[:place] + bytes([content[place] ^ 0x10]) + content[place + 1 :])
    assert "inflate" in refusal(path, "v")
    path = write(tmp_path / "sum.cdf", ("v", np.arange(400.0), {}, {}), Checksum=True)
    content = path.read_bytes()
    assert hashlib.md5(content[:-16]).digest() == content[-16:]
    place = content.index(np.float64(200.0).tobytes())
    path.write_bytes(content[:place] + b"\x07" + content[place + 1 :])
    assert "its checksum is wrong" in refusal(path, "v")


def test_an_index_that_lost_records_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "in.cdf", ("v", np.arange(50.0), {}, {}))
    content = path.read_bytes()
    last = cdflib.CDF(path).vdr_info("v").head_vxr + 8 + 4 + 8 + 8
    count = int.from_bytes(content[last - 8 : last - 4], "big")
    place = last + 4 * count
    path.write_bytes(content[:place] + (20).to_bytes(4, "big") + content[place + 4 :])
    assert "29 of the 50 records of 'v' are missing" in refusal(path, "v")


def test_what_is_no_cdf_is_refused(tmp_path: Path, refused: Refused) -> None:
    (tmp_path / "in.cdf").write_bytes(b"CDF\x01" + bytes(40))
    assert "netcdf_to_idx" in refused("cdf_to_idx", "in.cdf", "out.idx")


@pytest.mark.parametrize("text", ["\xb0C".encode("latin-1"), "°C".encode(), "Ωm".encode()])
def test_text_of_any_encoding_keeps_its_meaning(tmp_path: Path, text: bytes) -> None:
    label = {"Data_Type": CHAR, "Num_Elements": 4, "Rec_Vary": False, "Dim_Sizes": [2]}
    path = write(
        tmp_path / "in.cdf",
        ("label", np.array(["QQQQ", "flux"]), {}, label),
        ("v", wild("float32", (3, 2)), {"UNITS": "QQQQ", "LABL_PTR_1": "label"}, {}),
    )
    path.write_bytes(path.read_bytes().replace(b"QQQQ", text.ljust(4)))
    description, wanted = described(path, "v"), "°C" if text == b"\xb0C" else text.decode()
    assert description.fields[0].units == wanted
    assert description.axes[1].attributes["labels"] == [wanted, "flux"]
