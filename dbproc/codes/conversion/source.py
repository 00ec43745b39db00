"""What a converter must offer: a description, and boxes of values. Everything else is shared."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from dbproc.codes.idx.description import Description
from dbproc.codes.idx.slabs import Box

if TYPE_CHECKING:
    from dbproc.codes.idx.values import Values


class Source(Protocol):
    """An opened input, as the writer sees it."""

    @property
    def description(self) -> Description:
        """What there is to convert."""
        ...

    def read(self, field: str, box: Box) -> Values:
        """The stored values of ``field`` inside ``box`` (axes of the description), components last."""
        ...


Opener = Callable[[Sequence[Path], Mapping[str, Any]], AbstractContextManager[Source]]
"""Opens inputs with a program's options. Named ``module:function`` between processes."""


def opener(name: str) -> Opener:
    """The opener called ``module:function``."""
    module, _, function = name.partition(":")
    found: Opener = getattr(importlib.import_module(module), function)
    return found
