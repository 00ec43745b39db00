"""Whether what a source gives is what its format's own library gives: read apart, by none of the source's code.

A wrong number that is written and read back is the same wrong number: what is read back only tells that nothing was
lost on the way. So every slab is compared with values that a source reads by another way.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from dbproc.codes.conversion.source import Source, witness
from dbproc.codes.idx.description import Field
from dbproc.codes.idx.refusal import Refusal
from dbproc.codes.idx.slabs import Box, to_json

if TYPE_CHECKING:
    from dbproc.codes.idx.values import Values


def require_same(
    source: Source, field: Field, box: Box, values: Values, about: str, turned: Collection[int] = ()
) -> None:
    """Refuse values of a box which are not those that the source's ``plain`` reads there.

    Parameters
    ----------
    source
        Where they are from.
    field, box
        What they are of, and where they are stored.
    values
        As they are stored, in this machine's byte order.
    about
        The input, for messages.
    turned
        The axes that are stored from their last index to their first.
    """
    import numpy as np

    from dbproc.codes.idx.values import native

    sizes = source.description.shape

    def place(part: Box) -> Box:
        """Where a box of the stored values is in the source, and the other way round."""
        return tuple(
            slice(size - each.stop, size - each.start) if i in turned else each
            for i, (each, size) in enumerate(zip(part, sizes, strict=True))
        )

    for inside, found in witness(source)(field.name, place(box)):
        stored = place(inside)
        within = tuple(slice(a.start - b.start, a.stop - b.start) for a, b in zip(stored, box, strict=True))
        if not _same(native(np.flip(found, tuple(turned))), native(values[within])):
            what = f"field {field.name!r} reads otherwise by its format's own library, at {to_json(inside)}"
            raise Refusal(about, what, "Nothing was kept; tell the authors of dbproc, with the file")


def _same(one: Values, other: Values) -> bool:
    """Whether two arrays are the same in type, shape and every bit."""
    import numpy as np

    if one.dtype != other.dtype or one.shape != other.shape:
        return False
    size = one.dtype.itemsize
    bits = f"u{size}" if size in (1, 2, 4, 8) else "u1"  # as long as can be: each comparison makes a byte
    return bool(np.array_equal(one.reshape(-1).view(bits), other.reshape(-1).view(bits)))
