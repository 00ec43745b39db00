"""Whether values stand where viewers look for them: a few of each slab, sought in the dataset as a viewer seeks them.

Writing and reading back have the places of boxes in common, so a wrong place reads back equal. Spots are known by their
places in the source alone. To be used in a child process only.
"""

from __future__ import annotations

import importlib
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dbproc.codes.idx.description import Description, Field
from dbproc.codes.idx.refusal import Refusal
from dbproc.codes.idx.slabs import Box, to_json

if TYPE_CHECKING:
    from dbproc.codes.idx.values import Values

OF_SLAB = 4
"""So many spots are taken of a slab at most."""
SOUGHT = 256
"""So many spots are sought at most."""
RUN = 64
"""Values of a spot, along the last axis."""
STRIDE = 7919
"""A prime: spots go through the other axes by steps of so many."""


@dataclass(frozen=True)
class Spot:
    """Some values of a field, and the box of the source that they were read from."""

    field: Field
    box: Box
    values: Values


def taken(field: Field, box: Box, values: Values) -> Iterator[Spot]:
    """Spots of what was read from a box, each in another place of every axis."""
    size = box[0].stop - box[0].start
    for number in sorted({i * (size - 1) // max(1, OF_SLAB - 1) for i in range(OF_SLAB)}):
        inside = [slice(number, number + 1)]
        for axis, part in enumerate(box[1:], 1):
            length = RUN if axis == len(box) - 1 else 1
            start = (box[0].start + number + 1) * STRIDE % (part.stop - part.start)
            inside.append(slice(start, min(start + length, part.stop - part.start)))
        place = tuple(slice(a.start + b.start, a.stop + b.start) for a, b in zip(inside, box, strict=True))
        yield Spot(field, place, values[tuple(inside)].copy())


def require_found(path: Path, description: Description, spots: Sequence[Spot], about: str) -> None:
    """Refuse a dataset in which a spot is not found, all of them looked at if they are few, else some.

    Parameters
    ----------
    path
        The ``.idx``, its blocks not packed yet.
    description
        Of the source, its timesteps, if any, being the first axis.
    spots
        What was taken of it.
    about
        The input, for messages.
    """
    dataset = importlib.import_module("OpenVisus").LoadDataset(str(path))
    some = spots if len(spots) <= SOUGHT else random.Random(len(spots)).sample(spots, SOUGHT)
    for spot in some:
        if _stored(dataset, spot, has_time=bool(description.timesteps)).tobytes() != spot.values.tobytes():
            what = f"field {spot.field.name!r} has other values at {to_json(spot.box)} than the source has there"
            raise Refusal(about, what, "Nothing was kept; tell the authors of dbproc, with the file")


def _stored(dataset: Any, spot: Spot, *, has_time: bool) -> Values:
    """What OpenVisus has there: the first axis is time where there are timesteps, the last is x, the one before y."""
    import numpy as np

    step, axes = (spot.box[0].start, spot.box[1:]) if has_time else (0, spot.box)
    corner = dataset.getLogicBox()[0]
    within = ([*reversed(axes)] or [slice(0, 1)])[: len(corner)]
    low = [part.start + least for part, least in zip(within, corner, strict=True)]
    high = [part.stop + least for part, least in zip(within, corner, strict=True)]
    return np.ascontiguousarray(dataset.read(field=spot.field.name, time=step, logic_box=(low, high)))
