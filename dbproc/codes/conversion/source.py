"""What a converter must offer: a description, and boxes of values. Everything else is shared."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
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


class Witnessed(Source, Protocol):
    """A source that can be read by another way, too: see :mod:`dbproc.codes.conversion.witness`."""

    def plain(self, field: str, box: Box) -> Iterator[tuple[Box, Values]]:
        """Parts of ``box`` with the values that the format's own library has there, in the form of :meth:`read`.

        It shares no code with :meth:`read`. The parts touch every plane of the box and every block that holds values of
        it; all together may be the box.
        """
        ...


Plain = Callable[[str, "Box"], "Iterator[tuple[Box, Values]]"]


def witness(source: Source) -> Plain:
    """How a source is read by another way; one that has none reads nothing."""
    found: Plain = getattr(source, "plain", lambda field, box: iter(()))
    return found


Runs = Callable[["Box"], "Iterable[Box]"]


def runs(source: Source) -> Runs:
    """The boxes of which a box consists that are best read and compared one at a time; else the box itself.

    A source of many files offers them: each file is opened once then.
    """
    found: Runs = getattr(source, "runs", lambda box: (box,))
    return found


Opener = Callable[[Sequence[Path], Mapping[str, Any]], AbstractContextManager[Source]]
"""Opens inputs with a program's options. Named ``module:function`` between processes."""


def opener(name: str) -> Opener:
    """The opener called ``module:function``."""
    module, _, function = name.partition(":")
    found: Opener = getattr(importlib.import_module(module), function)
    return found
