"""Hooks: what tells people of events, a command or a webhook each. Pure.

A webhook's URL is often a credential: it is named, ``env:NAME`` or ``file:PATH``, and read when it is used.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from dbproc.core import bounds
from dbproc.core.durations import SECONDS
from dbproc.core.json_tables import tables_codec
from dbproc.core.keys import DURATION, NUMBER, TEXT, WORDS, key, option
from dbproc.core.states import NoticeEvent
from dbproc.core.text_lists import PATTERNS

_DEFAULT_SECONDS = 10.0
_DEFAULT_LONG_LOCK = dt.timedelta(hours=6)
_LONGEST_SECONDS = bounds.Bound(0, 60, " seconds", above=True)
_REFERENCES = ("env:", "file:")
_SCHEMES = ("http", "https")
_REFER = "write it into a file and name that, file:PATH, or into a variable of the environment, env:NAME"


def webhook_fault(text: str) -> str | None:
    """Why a webhook is none that a mission file may name, or None."""
    if not text:
        return None
    if text.startswith(_REFERENCES):
        return None if text.partition(":")[2].strip() else f"{text!r} names nothing; write env:NAME or file:PATH"
    try:
        parts = urlsplit(text)
    except ValueError:
        return f"it is no URL; {_REFER}"
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        return f"its URL holds what may be a credential; {_REFER}"
    if parts.scheme not in _SCHEMES or not parts.hostname:
        return f"it is no URL that begins with http:// or https:// and no reference; {_REFER}"
    return bounds.PATH(text)


def _event_fault(word: str) -> str | None:
    if word in tuple(NoticeEvent):
        return None
    return f"{word!r} is no event; choose from {', '.join(NoticeEvent)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """One hook: a command with its arguments, or a webhook; and the events that it tells people of, all when none is
    named."""

    name: str
    command: tuple[str, ...] = option((), key(WORDS, check=bounds.WORD, codec=PATTERNS))
    webhook: str = option("", key(TEXT, check=webhook_fault, secret=True))
    events: tuple[str, ...] = option((), key(WORDS, check=_event_fault, codec=PATTERNS))
    seconds: float = option(_DEFAULT_SECONDS, key(NUMBER, check=_LONGEST_SECONDS))
    long_lock: dt.timedelta = option(_DEFAULT_LONG_LOCK, key(DURATION, check=bounds.SOME_TIME, codec=SECONDS))

    def tells(self, event: NoticeEvent) -> bool:
        """Whether it tells people of an event."""
        return not self.events or event in self.events

    @property
    def fault(self) -> str | None:
        """Why it can tell nobody, or None."""
        if bool(self.command) == bool(self.webhook):
            return 'needs either a command, such as ["/usr/bin/mail", "-s", "dbproc", "me@example.org"], or a webhook'
        return None

    @property
    def summary(self) -> str:
        """What it is, in words."""
        return self.webhook or " ".join(self.command)


HOOKS = tables_codec(Hook)
"""The hooks of a mission in their column: JSON."""


# --- what is told ---

MOST_SHOWN = 20
"""How many events are told one by one in one message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """An event that a hook is to tell people of."""

    notice_id: int  #: its number
    event: str  #: what kind of event
    subject: str  #: of what
    message: str  #: what came of it, in words
    noticed_time: dt.datetime  #: when it was noticed


def headline(mission: str, notices: Sequence[Notice]) -> str:
    """How many events of each kind there are, in one line."""
    counts = {event: sum(notice.event == event for notice in notices) for event in NoticeEvent}
    return f"dbproc {mission}: " + ", ".join(f"{count} {event}" for event, count in counts.items() if count)


def message_text(mission: str, notices: Sequence[Notice]) -> str:
    """What a command is given: the headline, then a line for each event."""
    return "\n".join([headline(mission, notices), "", *_lines(notices), ""])


def message_json(mission: str, notices: Sequence[Notice]) -> str:
    """What a webhook is given; ``text`` is the same for people, as chat services expect it."""
    shown = [
        {"event": each.event, "subject": each.subject, "message": each.message, "time": each.noticed_time.isoformat()}
        for each in notices[:MOST_SHOWN]
    ]
    counts = {event.value: count for event in NoticeEvent if (count := sum(each.event == event for each in notices))}
    body = {"mission": mission, "text": message_text(mission, notices).rstrip(), "counts": counts, "events": shown}
    return json.dumps(body, ensure_ascii=True)


def _lines(notices: Sequence[Notice]) -> Iterator[str]:
    for each in notices[:MOST_SHOWN]:
        yield f"{each.event}: {each.message}"
    if len(notices) > MOST_SHOWN:
        yield f"and {len(notices) - MOST_SHOWN} more; all of them: dbproc status"
