"""What a product says about how often its files come, and of which keys."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from dbproc.core.filenames import TIME_OF_DAY
from dbproc.core.model import Timebase
from dbproc.core.periods import Cadence, read_timebase

NAMED = ("hourly", "daily", "weekly", "monthly", "yearly")
"""How often a file comes, by name."""

ALLOWED = f"{', '.join(NAMED)}, or a part of a day such as '15 min'"
"""The same in words."""


def read_expectation(text: str) -> Cadence | None:
    """How often a file of each key comes: ``daily``, ``"15 min"``; None for anything else."""
    if text in NAMED:
        return read_timebase(text.upper())
    cadence = read_timebase(text)
    is_part = cadence is not None and cadence.timebase is Timebase.PART and text[0].isdigit()
    return cadence if is_part else None


def key_names(fields: Collection[str]) -> tuple[str, ...]:
    """The keywords of a format that tell the files of one period apart: all but the time of day."""
    return tuple(sorted(field for field in fields if field not in TIME_OF_DAY))


def read_key(text: str, names: Collection[str]) -> Mapping[str, str] | None:
    """An expected key: the value alone where there is one keyword, else ``"a=1 b=2"``; None for anything else."""
    words = text.split()
    pairs = [word.partition("=") for word in words]
    if words and all(name and equals and value for name, equals, value in pairs):
        values = {name: value for name, _, value in pairs}
        return values if len(values) == len(words) and values.keys() == set(names) else None
    return {next(iter(names)): text} if len(names) == 1 and text.strip() else None
