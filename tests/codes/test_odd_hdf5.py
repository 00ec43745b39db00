"""HDF5 and NeXus files that are sound but odd: the plain datasets convert, what is odd is named."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import netCDF4
import numpy as np
import pytest

from dbproc.codes import hdf5_to_idx, nexus_to_idx
from dbproc.codes.formats.hdf5_links import own
from dbproc.codes.idx.coordinates import LEFT_OUT
from dbproc.codes.idx.description import Description
from dbproc.codes.idx.idx_reader import open_idx
from dbproc.codes.idx.refusal import Refusal
from tests.codes.conftest import same_bits, wild

Convert = Callable[..., "subprocess.CompletedProcess[str]"]
XS, YS = np.arange(30.0).reshape(6, 5) / 8, np.arange(30.0).reshape(6, 5)


def described(path: Path, *names: str) -> Description:
    with hdf5_to_idx.open_source([path], {"datasets": list(names)}) as source:
        return source.description


def quadruple() -> Any:
    """A type of floating point numbers of 128 bits, as no machine of ours has it."""
    kind = h5py.h5t.IEEE_F64LE.copy()
    kind.set_size(16)
    kind.set_precision(128)
    kind.set_fields(127, 112, 15, 0, 112)
    kind.set_ebias(16383)
    return kind


def test_attributes_of_any_type_are_kept_or_named(tmp_path: Path, convert: Convert) -> None:
    with h5py.File(tmp_path / "in.h5", "w") as file:
        file["v"] = wild("float64", (2, 3))
        told = file["v"].attrs
        told["exact"], told["inexact"] = np.longdouble(0.5), np.longdouble(1) / 3
        told["several"] = np.array([1, 2], np.longdouble)
        told["pairs"] = np.array([(1, 2.0)], [("a", "i4"), ("b", "f4")])
        told["complex"], told["empty"], told["scale_factor"] = 1 + 2j, h5py.Empty("f4"), "abc"
        made = h5py.h5a.create(file["v"].id, b"quadruple", quadruple(), h5py.h5s.create(h5py.h5s.SCALAR))
        made.close()
    convert("hdf5_to_idx", "in.h5", "out.idx", "out.png")
    assert "v: its scale_factor is no number" in open_idx(tmp_path / "out.idx").description.notes[0]
    found = open_idx(tmp_path / "out.idx").field().attributes
    assert (found["exact"], found["several"]) == (0.5, [1.0, 2.0])
    assert str(found["inexact"]).startswith("0.33333333333333333")
    assert found["quadruple"] == "of a type that is not read"


def test_names_in_latin_1_keep_their_meaning(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "in.h5", "w") as file:
        group = h5py.h5g.create(file.id, b"stra\xdfe")
        space = h5py.h5s.create_simple((2, 3))
        made = h5py.Dataset(h5py.h5d.create(group, b"gr\xf6\xdfe", h5py.h5t.IEEE_F64LE, space))
        made[...] = wild("float64", (2, 3))
        scale = h5py.Dataset(h5py.h5d.create(group, b"l\xe4nge", h5py.h5t.IEEE_F64LE, h5py.h5s.create_simple((3,))))
        scale.make_scale()
        made.dims[1].attach_scale(scale)
        for name in (b"h\xf6he", b"plain"):
            kind, scalar = h5py.h5t.NATIVE_INT32, h5py.h5s.create(h5py.h5s.SCALAR)
            h5py.h5a.create(made.id, name, kind, scalar).write(np.array(3, "i4"))
    found = described(tmp_path / "in.h5", "straße/größe")
    assert {"höhe": 3, "plain": 3}.items() <= found.fields[0].attributes.items()
    assert found.axes[1].name == "länge"
    with hdf5_to_idx.open_source([tmp_path / "in.h5"], {}) as source:
        ((_, values),) = source.plain(found.fields[0].name, (slice(0, 2), slice(0, 3)))
    assert same_bits(values, wild("float64", (2, 3)))


def test_text_in_latin_1_keeps_its_meaning(tmp_path: Path, convert: Convert) -> None:
    with h5py.File(tmp_path / "in.h5", "w") as file:
        file["v"], file["band"] = wild("float64", (2, 3)), [b"rot", b"gr\xfcn"]
        file["v"].attrs["units"] = np.bytes_(b"\xb0C")
        kind = h5py.h5t.TypeID.copy(h5py.h5t.C_S1)
        kind.set_size(6)
        kind.set_cset(h5py.h5t.CSET_UTF8)
        name = h5py.h5a.create(file["v"].id, b"long_name", kind, h5py.h5s.create(h5py.h5s.SCALAR))
        name.write(np.array(b"Stra\xdfe", "S6"), mtype=kind)
        file["band"].make_scale()
        file["v"].dims[0].attach_scale(file["band"])
    convert("hdf5_to_idx", "--dataset=v", "in.h5", "out.idx", "out.png")
    description = open_idx(tmp_path / "out.idx").description
    assert (description.fields[0].units, description.fields[0].long_name) == ("°C", "Straße")
    assert description.axes[0].attributes["labels"] == ["rot", "grün"]


def test_odd_types_do_not_hide_the_plain_ones_and_are_named(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "in.h5", "w") as file:
        file["v"] = wild("float32", (2, 3))
        file["long"] = np.zeros((2, 3), np.longdouble)
        file["pair"] = np.zeros((2, 3), [("a", "i4"), ("b", "f4")])
        h5py.h5d.create(file.id, b"quadruple", quadruple(), h5py.h5s.create_simple((2, 3)))
    assert described(tmp_path / "in.h5").fields[0].name == "v"
    for name in ("quadruple", "gone"):
        with pytest.raises(Refusal) as caught:
            described(tmp_path / "in.h5", name)
        assert "Choose with --dataset: v (2, 3) <f4. Not supported: long (float128), pair (compound" in str(
            caught.value
        )
        assert "quadruple (its type is not read)" in str(caught.value)


def test_a_fill_value_among_coordinates_leaves_none(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "in.h5", "w") as file:
        file["v"], file["t"] = wild("float32", (3,)), [1, -9, 3]
        file["t"].attrs["_FillValue"] = -9
        file["t"].make_scale()
        file["v"].dims[0].attach_scale(file["t"])
    (axis,) = described(tmp_path / "in.h5", "v").axes
    assert not axis.is_placed
    assert axis.attributes[LEFT_OUT] == "1 of 3 are fill values"


@pytest.mark.parametrize("rank", [1, 2])
@pytest.mark.parametrize("kind", ["plain", "nexus"])
def test_probe_data_are_one_field_and_the_positions_of_the_scan_are_kept(
    tmp_path: Path, convert: Convert, rank: int, kind: str
) -> None:
    frames = wild("uint16", (6, 5, 8, 9))
    xs, ys = (XS, YS) if rank == 2 else (XS[0], YS[:, 0])
    with h5py.File(tmp_path / "in.h5", "w") as file:
        file["entry/data/frames"] = frames
        place = file["entry/data"] if kind == "nexus" else file.create_group("entry/positions")
        place["Xs"], place["Ys"] = xs, ys
        place["Xs"].attrs["units"] = "um"
        file["entry/intensity"] = YS
        if kind == "nexus":
            axes = ["Ys", "Xs", ".", "."]
            file["entry/data"].attrs.update({"NX_class": "NXdata", "signal": "frames", "axes": axes})
    program = ("nexus_to_idx",) if kind == "nexus" else ("hdf5_to_idx", "--dataset=entry/data/frames")
    convert(*program, "in.h5", "out.idx")
    dataset = open_idx(tmp_path / "out.idx")
    positions = dataset.description.attributes["scan_positions"]
    assert same_bits(dataset.read(), frames)
    assert (positions["xs"]["values"], positions["ys"]["values"]) == (xs.tolist(), ys.tolist())
    assert positions["xs"]["units"] == "um"


def test_axes_of_a_nexus_file_that_say_nothing_are_no_hindrance(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "in.nxs", "w") as file:
        file["data/v"] = wild("uint16", (2, 3, 4, 5))
        file["data"].attrs.update({"NX_class": "NXdata", "signal": "v"})
    with nexus_to_idx.open_source([tmp_path / "in.nxs"], {}) as source:
        assert [axis.name for axis in source.description.axes] == ["dim_0", "dim_1", "dim_2", "dim_3"]


def test_a_dimension_of_netcdf_is_no_dataset_of_numbers(tmp_path: Path) -> None:
    with netCDF4.Dataset(tmp_path / "in.h5", "w") as dataset:
        dataset.createDimension("x", 4)
        dataset.createVariable("v", "f4", ("x",))[:] = 1
    assert described(tmp_path / "in.h5").fields[0].name == "v"
    with pytest.raises(Refusal, match="it is a dimension of NetCDF"):
        described(tmp_path / "in.h5", "x")


def test_dimension_scales_that_are_gone_odd_or_oddly_named_hinder_nothing(tmp_path: Path, convert: Convert) -> None:
    values = wild("float32", (3, 4, 2))
    with h5py.File(tmp_path / "in.h5", "w") as file:
        file["v"], file["gone"] = values, np.arange(3.0)
        odd = h5py.Dataset(h5py.h5d.create(file.id, b"odd", quadruple(), h5py.h5s.create_simple((4,))))
        for i, scale in enumerate((file["gone"], odd)):
            scale.make_scale()
            file["v"].dims[i].attach_scale(scale)
        h5py.h5ds.set_label(file["v"].id, 2, b"l\xe4nge")
        del file["gone"]
    convert("hdf5_to_idx", "--dataset=v", "in.h5", "out.idx", "out.png")
    dataset = open_idx(tmp_path / "out.idx")
    assert same_bits(dataset.read(), values)
    assert [axis.name for axis in dataset.description.axes] == ["dim_0", "odd", "länge"]
    assert "its type is not read" in dataset.description.axes[1].attributes[LEFT_OUT]


def test_links_that_double_at_each_step_end_soon(tmp_path: Path) -> None:
    path = tmp_path / "in.h5"
    with h5py.File(path, "w") as file:
        for number in range(60):
            file[f"l{number}"] = h5py.SoftLink(f"/l{number + 1}/l{number + 1}")
        file["l60"] = h5py.SoftLink("/")
    with pytest.raises(Refusal, match="leads in a circle"):
        described(path, "l0")
    with h5py.File(path) as file:
        assert own(file, "l0") is None
        assert own(file, "l60").name == "/"
