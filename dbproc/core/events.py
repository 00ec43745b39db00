"""What a run did and what went wrong: said on the screen, in the daily log, and by the exit status."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from dbproc.core.answers import INLINE
from dbproc.core.errors import EXIT_DONE, EXIT_NEEDS_PERSON, EXIT_SOME_FAILED
from dbproc.core.redaction import masked
from dbproc.core.text import one_line

Progress = Callable[[int, int], None]
"""Told how much of how much is done."""

LOGGER = logging.getLogger("dbproc")
LOGGER.addHandler(logging.NullHandler())  # outside of runs there is no daily log


class Event(StrEnum):
    """Kinds of things that a run reports."""

    FETCHED = "fetched"
    INGESTED = "ingested"
    DUPLICATE = "duplicate"
    RESTORED = "restored"
    WITHDRAWN = "withdrawn"
    QUARANTINED = "quarantined"
    BUILT = "built"
    RAN = "ran"
    FAILED = "failed"
    REFUSED = "refused"
    PROBLEM = "problem"
    NOTE = "note"


_WRONG = frozenset({Event.QUARANTINED, Event.FAILED, Event.REFUSED, Event.PROBLEM})
_QUIET = frozenset({Event.DUPLICATE})


@dataclass(frozen=True, slots=True)
class Told:
    """What is reported of a file, a job or the mission."""

    event: Event  #: what happened
    subject: str  #: to what
    text: str  #: how or why, in words
    facts: Mapping[str, object] = field(metadata=INLINE)


class Report:
    """Collects events; each is logged, and handed to `say` as a line of text.

    Parameters
    ----------
    say
        Receives the line and whether something went wrong; None: nothing is said.
    """

    def __init__(self, say: Callable[[str, bool], None] | None = None) -> None:
        self._say = say
        self.counts: Counter[Event] = Counter()
        self.events: list[Told] = []
        self.unsettled = 0  #: entries of incoming that are left for a later run
        self.needs_person = False  #: whether a person must do something before all can be done
        self.took_nothing = False  #: because all files that arrived are among them

    def add(self, event: Event, subject: str, text: str = "", **facts: object) -> None:
        """Report one event; `facts` are what ``--json`` prints besides."""
        text = masked(text)
        self.counts[event] += 1
        self.events.append(Told(event, subject, text, facts))
        line = told_line(event, subject, text)
        wrong = event in _WRONG
        LOGGER.log(logging.ERROR if wrong else logging.INFO, "%s", line)
        if self._say is not None and event not in _QUIET:
            self._say(line, wrong)

    def add_once(self, event: Event, subject: str, text: str) -> None:
        """Report what has not been reported in the same words."""
        if not any((told.event, told.subject, told.text) == (event, subject, masked(text)) for told in self.events):
            self.add(event, subject, text)

    @property
    def text(self) -> str:
        """All of them, line by line."""
        return "".join(f"{told_line(told.event, told.subject, told.text)}\n" for told in self.events)

    @property
    def exit_status(self) -> int:
        """0, 1 when something went wrong, or 78 when a person must act first."""
        if self.needs_person:
            return EXIT_NEEDS_PERSON
        return EXIT_SOME_FAILED if any(self.counts[event] for event in _WRONG) else EXIT_DONE

    @property
    def did_something(self) -> bool:
        """Whether there is anything to say."""
        return bool(self.events) or self.took_nothing

    def summary(self) -> str:
        """The counts in one line, and what is left for a later run."""
        counts = ", ".join(f"{self.counts[event]} {event}" for event in Event if self.counts[event])
        later = f"; {unsettled_words(self.unsettled)}" if self.unsettled else ""
        return (counts or "nothing to do") + later


def told_line(event: Event, subject: str, text: str) -> str:
    """An event in one line."""
    return one_line(f"{event} {subject}" + (f": {text}" if text else ""))


def unsettled_words(count: int) -> str:
    """What is in incoming and not taken yet."""
    return f"{count} file{'' if count == 1 else 's'} in incoming still unsettled, left for a later run"
