"""The metadata that travels in the .idx."""

from __future__ import annotations

import json

import numpy as np
import pytest

from dbproc.codes.idx.description import Axis, Description, Field, Metadata, Origin, Regular, Tally, number, plain


def metadata() -> Metadata:
    axes = (
        Axis("time", 1, units="days since 2000-01-01", coordinates=(0.1,)),
        Axis("x", 2, coordinates=("NaN", 1), regular=Regular(0.0, 1.5), attributes={"axis": "X"}),
    )
    fields = (Field("t", "t", "float32", fills=("NaN", -9.5), valid_min=0, scale_factor=0.1),)
    description = Description(
        "code", (Origin("é\n.nc", 3, "00"),), (1, 2), axes, fields, "as is", ("note",), {"a": [1]}
    )
    return Metadata(description, (2,), {"t": Tally(valid=1, nan=1, minimum=-0.5, maximum="Infinity")})


def test_metadata_come_back_as_they_were() -> None:
    assert Metadata.from_text(metadata().to_text()) == metadata()


def test_metadata_of_before_axes_were_reversed_are_read() -> None:
    content = json.loads(metadata().to_text())
    del content["reversed"], content["top_first"]
    assert Metadata.from_text(json.dumps({**content, "format": "dbproc-idx 1"})) == metadata()


def test_metadata_are_one_line_of_plain_json() -> None:
    text = metadata().to_text()
    assert text.isascii()
    assert "\n" not in text
    assert text.startswith("{")
    json.loads(text, parse_constant=pytest.fail)


def test_numbers_are_exact() -> None:
    third = np.float32(1) / np.float32(3)
    assert number(third) == float(third)
    assert number(np.int64(2**63 - 1)) == 2**63 - 1
    assert [number(np.float32(each)) for each in ("nan", "inf", "-inf")] == ["NaN", "Infinity", "-Infinity"]


def test_attributes_of_any_kind_become_json() -> None:
    found = plain({"a": np.array([1.5, np.nan]), "b": b"caf\xe9", "c": np.int8(3), "d": None, "e": {"f": (1, "g")}})
    assert found == {"a": [1.5, "NaN"], "b": "café", "c": 3, "d": None, "e": {"f": [1, "g"]}}


def test_metadata_of_another_format_are_refused() -> None:
    with pytest.raises(ValueError, match="format"):
        Metadata.from_text('{"format": "else"}')
