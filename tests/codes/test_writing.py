"""What reads back otherwise than it was written is refused."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dbproc.codes.conversion import writing
from dbproc.codes.conversion.writing import Piece
from dbproc.codes.idx.description import Field, Tally
from dbproc.codes.idx.refusal import Refusal

VALUES = np.arange(6, dtype="float32").reshape(2, 3)
PIECE = Piece(Field("v", "v", "float32"), 0, (slice(0, 2), slice(0, 3)), writing.checksum(VALUES), Tally())


class Blocks:
    def __init__(self, values: Any) -> None:
        self.values = values

    def read(self, *_: object) -> Any:
        return self.values


def test_the_same_values_pass() -> None:
    writing._compare(Blocks(VALUES), PIECE, Path("x.idx"))


@pytest.mark.parametrize("values", [VALUES + 1, -VALUES, VALUES.view("int32")])
def test_others_are_refused(values: Any) -> None:
    with pytest.raises(Refusal, match="reads back otherwise than it was written"):
        writing._compare(Blocks(values), PIECE, Path("x.idx"))


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (OSError("can't read data"), "It seems damaged"),
        (zlib.error("incorrect data check"), "It seems damaged"),
        (RecursionError("too deep"), "this program does not read"),
        (NotImplementedError("of vectors"), "what is not supported"),
        (ValueError("compression 7 not supported"), "what is not supported"),
        (ValueError("no such precision"), "this program does not read"),
    ],
)
def test_damage_and_what_is_not_supported_are_told_apart(error: Exception, advice: str) -> None:
    with pytest.raises(Refusal, match=advice), writing.reading("in"):
        raise error
