"""Files that say by their names how good other files are: which file, which word, and which word holds. Pure.

The format of a product with ``quality_of = "clean"`` has ``{QACODE}``: ``qa_20240501_v1.0.0_problem.txt`` says it of
``clean_20240501_v1.0.0.nc``, whose name is made of the other fields, which are the same in both formats.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from dbproc.core.errors import FormatError
from dbproc.core.filenames import Format, compile_format, filled
from dbproc.core.states import Quality

FIELD = "QACODE"
"""The field of a format that holds the word."""


def fields_fault(judging: Format, judged: Format) -> str | None:
    """Why names of one format do not name files of the other; None when they do."""
    if FIELD not in judging.fields:
        return f"its format has no {{{FIELD}}}, which says how good a file is: ok, ignore or problem"
    if FIELD in judged.fields:
        return f"its files say themselves how good others are: they have {{{FIELD}}}"
    missing, further = judged.fields - judging.fields, judging.fields - judged.fields - {FIELD}
    if missing:
        return f"the format lacks {_braced(missing)} of its format, so one name could mean several files"
    if further:
        return f"the format has {_braced(further)}, which its format has not, so several names could mean one file"
    return None


def _braced(fields: Collection[str]) -> str:
    return "".join(f"{{{field}}}" for field in sorted(fields))


def judged_by(format: str, others: Mapping[str, str]) -> str:
    """The name of the product that files of a format with the word mean, by its own format: the one of which it is a
    part, with or without the ending; nothing where there is none, or more than one.

    `others` are the formats of products by their names.
    """
    try:
        judging = compile_format(format)
        within = {
            name: other
            for name, other in others.items()
            if fields_fault(judging, compile_format(other)) is None and _is_part(other, format)
        }
    except FormatError:  # another check tells of it
        return ""
    stems = {name: _stem(other) for name, other in within.items()}
    longest = [name for name, stem in stems.items() if not any(stem in other != stem for other in stems.values())]
    return longest[0] if len(longest) == 1 else ""


def _is_part(format: str, whole: str) -> bool:
    return format in whole or _stem(format) in whole


def _stem(format: str) -> str:
    return format.rpartition(".")[0] or format


def named(judging: str, judged: str, filename: str) -> tuple[Quality, str] | None:
    """The word of a file, and the name of the file that it means; None of a name that is not of the format."""
    values = compile_format(judging).values(filename)
    if values is None:
        return None
    return Quality(values[FIELD]), filled(judged, values)


def names_about(judging: str, judged: str, filename: str) -> dict[str, Quality]:
    """The names of the files that may mean a file, each with its word."""
    values = compile_format(judged).values(filename)
    if values is None:
        return {}
    words = (quality for quality in Quality if quality is not Quality.UNKNOWN)
    return {filled(judging, {**values, FIELD: quality.value}): quality for quality in words}


@dataclass(frozen=True, slots=True)
class Word:
    """What a file says of another one: its name, how good that is, and when it came."""

    by: str
    quality: Quality
    time: dt.datetime


@dataclass(frozen=True, slots=True)
class Mark:
    """A mark that a file has, or had with other bytes: when it was made, what was before, and the name of the file that
    said so, None where a person did."""

    time: dt.datetime
    before: Quality
    by: str | None
    is_of_other_bytes: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """How a file is to be marked, the name of the file because of which, and why."""

    quality: Quality
    by: str
    reason: str


_WORST = (Quality.OK, Quality.IGNORE, Quality.PROBLEM)


def judge(now: Quality, marks: Sequence[Mark], words: Sequence[Word]) -> Change | None:
    """How a file that is marked `now` is to be marked; None: as it is.

    The last word holds, a person's or a file's; of words that came at once the worst. What was said of other bytes
    under the name holds no more. Where the file that said the last word was taken back, it is as before.

    `marks` in their order.
    """
    own = [mark for mark in marks if not mark.is_of_other_bytes]
    spent = {mark.by: mark.time for mark in marks if mark.is_of_other_bytes and mark.by is not None}
    by_person = [number for number, mark in enumerate(own) if mark.by is None]
    since = own[by_person[-1]].time if by_person else None
    in_force = [word for word in words if word.by not in spent or word.time > spent[word.by]]
    last = max(in_force, key=lambda word: (word.time, _WORST.index(word.quality), word.by), default=None)
    if last is not None and (since is None or last.time > since):
        return None if last.quality is now else Change(last.quality, last.by, f"as {last.by} says")
    if not own or own[-1].by is None:
        return None
    after = by_person[-1] + 1 if by_person else 0  # the first mark by a file after the last one by a person
    before, by = own[after].before, own[-1].by
    return None if before is now else Change(before, by, f"{by} was taken back")
