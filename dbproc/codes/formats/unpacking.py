"""Turning packed values into the numbers they stand for, in a type and by a formula that are told."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from dbproc.codes.formats.cf import Range
from dbproc.codes.idx.description import Field, Number
from dbproc.codes.idx.values import Values, missing


@dataclass(frozen=True)
class Unpacking:
    """How the values of one packed field are unpacked.

    Parameters
    ----------
    stored
        The field as the source stores it.
    dtype
        ``float32`` where scale and offset are of that type, else ``float64``.
    valid
        The range of valid unpacked values, where the source tells it in their units.
    """

    stored: Field
    dtype: str
    valid: Range = (None, None)

    @property
    def formula(self) -> str:
        """What is computed, in words that a person can follow."""
        scale = "" if self.stored.scale_factor is None else f" * {self.stored.scale_factor}"
        offset = "" if self.stored.add_offset is None else f" + {self.stored.add_offset}"
        return f"(stored{scale}){offset} in {self.dtype}; NaN where the stored value is missing"

    @property
    def field(self) -> Field:
        """The field as it is written: a value is missing exactly where it is NaN."""
        low, high = self.valid
        attributes = {
            **self.stored.attributes,
            "unpacked": self.formula,
            "stored_dtype": self.stored.dtype,
            "stored_fills": list(self.stored.fills),
            "stored_valid_range": [self.stored.valid_min, self.stored.valid_max],
        }
        kept = replace(self.stored, scale_factor=None, add_offset=None, fills=(), unsigned=False)
        return replace(kept, dtype=self.dtype, valid_min=low, valid_max=high, attributes=attributes)

    def apply(self, values: Values) -> Values:
        """Stored values (in this machine's byte order) as unpacked ones."""
        kind: Any = np.dtype(self.dtype).type
        absent = missing(values, self.stored)
        meant = values.view(f"u{values.dtype.itemsize}") if self._wraps(values) else values
        found = meant.astype(kind)
        if self.stored.scale_factor is not None:
            found *= kind(_float(self.stored.scale_factor))
        if self.stored.add_offset is not None:
            found += kind(_float(self.stored.add_offset))
        found[absent] = np.nan
        return np.asarray(found)

    def _wraps(self, values: Values) -> bool:
        return self.stored.unsigned and values.dtype.kind == "i"


def _float(value: Number) -> float:
    return float(value)
