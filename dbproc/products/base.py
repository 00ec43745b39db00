"""What an inspector is, takes and gives."""

from __future__ import annotations

import datetime as dt
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dbproc.codes.idx.refusal import Refusal
from dbproc.core.filenames import NameFacts
from dbproc.core.version import Version

if TYPE_CHECKING:
    from dbproc.core.model import Extra


class NotMine(Exception):
    """The file is not of the inspector's product; the message says why."""


class Nonsense(Exception):
    """An inspector's answer that cannot be true or cannot be understood."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What an inspector found in a file that is of its product.

    Everything may be left out: what the contents do not say is taken from the file's name.

    Attributes
    ----------
    start, stop
        Times of the first and the last data, inclusive; UTC where they are naive. Without `stop`: the name's, else
        `start`.
    date
        The file's UTC date. By default the name's date, and where the name has none the day of `start`.
    version
        By default the name's version, and 1.0.0 where the name has none.
    keywords
        Process keywords beside those that the name gives; where both give one, these win.
    extra
        More columns of the file's row: the texts ``quality_comment``, ``caveats``, ``verbose_provenance``, the time
        ``check_date``, the truth value ``quality_checked``, the numbers ``met_start_time``, ``met_stop_time``; each may
        also be given as text.
    tolerance
        How many days the contents may lie away from what the name says before the two contradict each other.
    """

    start: dt.datetime | None = None
    stop: dt.datetime | None = None
    date: dt.date | None = None
    version: Version | str | None = None
    keywords: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, Extra] = field(default_factory=dict)
    tolerance: int = 1


class Inspector(ABC):
    """Base of all inspectors, the built-in ones and a mission's own. A fresh instance inspects each file."""

    @abstractmethod
    def inspect(self, path: str, name: NameFacts, *args: Any, **arguments: Any) -> Facts | str | None:
        """Look at a file whose name is of the product's format.

        Parameters
        ----------
        path
            The file, absolute.
        name
            What its name says.
        **arguments
            The inspector's arguments of the mission file, all of them text. Name those that you take.

        Returns
        -------
        Facts or str or None
            What was found; or None, or text that says why, when the file is not of this product.

        Raises
        ------
        NotMine
            The file is not of this product; the message says why. Any other exception is a failure of the inspector.
        """


@contextmanager
def reading(kind: str) -> Iterator[None]:
    """Say that the file is damaged, or not of its `kind` at all, when a library fails to read it."""
    try:
        yield
    except (NotMine, MemoryError):
        raise
    except Refusal as refusal:
        raise NotMine(refusal.what) from refusal
    except Exception as error:
        raise NotMine(f"cannot be read as {kind}: {type(error).__name__}: {error}") from error


def days(text: str) -> int:
    """The argument ``tolerance`` as a number of days."""
    if not (text.isascii() and text.isdigit()):
        raise ValueError(f"tolerance={text!r} is not a whole number of days")
    return int(text)
