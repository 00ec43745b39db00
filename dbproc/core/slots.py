"""Slots, and the periods and keys that they stand for. Pure.

A slot is told by a process, a date and keywords, just as the file that is made for it. Its keywords are its key, the
values that tell the outputs of one period apart, and for timebase PART the time of day at which its period begins.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from dbproc.core.filenames import TIME_OF_DAY
from dbproc.core.model import Keying, Timebase


def key_fields(
    timebase: Timebase, keywords: Keying, outputs: Sequence[Iterable[str]], inputs: Sequence[Iterable[str]]
) -> frozenset[str]:
    """The keywords whose values tell the outputs of one period apart.

    Parameters
    ----------
    timebase, keywords
        Those of the process.
    outputs, inputs
        The keyword fields of the formats of its products. The time of day in the name of an output is that of its
        period, unless periods come from files: then it is a keyword as any other, where an input has it.
    """
    if keywords is Keying.MERGED:
        return frozenset()
    made = frozenset(field for fields in outputs for field in fields)
    if timebase.is_grid:
        return made - TIME_OF_DAY
    given = frozenset(field for fields in inputs for field in fields)
    return frozenset(field for field in made if field not in TIME_OF_DAY or field in given)
