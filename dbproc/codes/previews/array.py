"""Values along axes that are looked at as datasets are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dbproc.codes.idx.description import Axis, Description, Field
from dbproc.codes.idx.slabs import Box, whole

if TYPE_CHECKING:
    from dbproc.codes.idx.values import Values


@dataclass(frozen=True)
class Array:
    """One field of a file, of which `take` gives the values inside a box."""

    path: Path
    description: Description
    take: Callable[[Box], Values]

    @property
    def shape(self) -> tuple[int, ...]:
        """The sizes of the axes, slowest first."""
        return self.description.shape

    def read(self, name: str | None = None, box: Box | None = None) -> Values:
        """The values inside a box."""
        return self.take(whole(self.shape) if box is None else box)


def array(path: Path, axes: Sequence[Axis], field: Field, take: Callable[[Box], Values]) -> Array:
    """A field of a file."""
    shape = tuple(axis.size for axis in axes)
    return Array(path, Description("", (), shape, tuple(axes), (field,), "unknown"), take)
