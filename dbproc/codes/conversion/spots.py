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
        if _stored(dataset, spot, description).tobytes() != spot.values.tobytes():
            what = f"field {spot.field.name!r} has other values at {to_json(spot.box)} than the source has there"
            raise Refusal(about, what, "Nothing was kept; tell the authors of dbproc, with the file")


def _stored(dataset: Any, spot: Spot, description: Description) -> Values:
    """What OpenVisus has there: the first axis is time where there are timesteps, the last is x, the one before y.

    Axes that are stored from their last index to the first are counted from their ends.
    """
    import numpy as np

    corner = dataset.getLogicBox()[0]
    axes = list(zip(description.axes, spot.box, strict=True))[1 if description.timesteps else 0 :][-len(corner) :]
    low, high, back = [], [], []
    for axis, part in axes:
        is_back = axis.name in description.reversed
        low.append(axis.size - part.stop if is_back else part.start)
        high.append(axis.size - part.start if is_back else part.stop)
        back.append(slice(None, None, -1 if is_back else 1))
    low, high = ([at + least for at, least in zip(reversed(ends or [end]), corner, strict=True)]
                 for ends, end in ((low, 0), (high, 1)))  # fmt: skip
    step = spot.box[0].start if description.timesteps else 0
    found = np.asarray(dataset.read(field=spot.field.name, time=step, logic_box=(low, high)))
    return np.ascontiguousarray(found[tuple(back)])
