"""The audit trail: what was done by way of the service and to its tokens, and whether all of it is still there."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dbproc.core.errors import UserError
from dbproc.core.trail import BEGINNING, Entry, Flaw, flaws
from dbproc.database import trail
from dbproc.database.store import Store

_HEAD = re.compile(r"(\d{1,18}):(sha256:[0-9a-f]{64}|)")


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """Something that was done by way of the service, or to its tokens."""

    number: int  #: its number, from 1 without a gap
    time: dt.datetime  #: when
    who: str  #: who did it
    token: str  #: with which token, by its word
    address: str  #: from where; nothing: on the command line
    action: str  #: what was done
    object: str  #: to what
    detail: Mapping[str, Any]  #: what was asked for, before and after
    result: str  #: what came of it
    request: str  #: in which request, as its answer and the log of the service say


@dataclass(frozen=True, slots=True)
class Verified:
    """The audit trail, looked over."""

    entries: int  #: how many there are
    head: str  #: NUMBER:DIGEST of the newest; whoever keeps it can tell later that all up to it is still there
    flaws: tuple[Flaw, ...]  #: what is wrong


def audit_entries(
    store: Store, *, most: int, before: int | None = None, who: str = "", action: str = "", object: str = ""
) -> list[AuditEntry]:
    """The newest entries, newest first; `before`: those with a lower number; `action`: one, or all of a noun."""
    with store.begin() as connection:
        found = trail.newest(connection, most=most, before=before, who=who, action=action, object=object)
    return [_shown(entry) for entry in found]


def _shown(entry: Entry) -> AuditEntry:
    names = AuditEntry.__dataclass_fields__.keys() - {"detail"}
    return AuditEntry(**{name: getattr(entry, name) for name in names}, detail=_read(entry.detail))


def _read(detail: str) -> dict[str, Any]:
    """The detail of an entry; text that is no JSON object, which is a flaw, as it is."""
    try:
        found = json.loads(detail)
    except (ValueError, RecursionError):
        found = None
    return found if isinstance(found, dict) else {"text": detail}


def verify(store: Store, head: str = "") -> Verified:
    """Look over the whole trail; `head`: what an earlier look gave, which must still be in it.

    Raises
    ------
    UserError
        The head is none.
    """
    known = _HEAD.fullmatch(head or f"0:{BEGINNING}")
    if known is None:
        raise UserError(
            f"{head!r} is no head of the audit trail: NUMBER:sha256:DIGEST, as dbproc audit verify prints it"
        )
    seen = _Seen(int(known[1]), known[2])
    with store.begin() as connection:
        found = list(flaws(seen.through(trail.entries(connection))))
    if not seen.is_there:
        found.append(Flaw(seen.number, "it is not there any more as it was when the head that you gave was printed"))
    return Verified(seen.entries, f"{seen.last.number}:{seen.last.digest}" if seen.last else "", tuple(found))


class _Seen:
    """What goes by of the entries: how many, the last one, and whether the one with this digest is among them."""

    def __init__(self, number: int, digest: str) -> None:
        self.number = number
        self.entries = 0
        self.last: Entry | None = None
        self.is_there = not number
        self._digest = digest

    def through(self, entries: Iterable[Entry]) -> Iterator[Entry]:
        """The entries."""
        for entry in entries:
            self.entries += 1
            self.last = entry
            self.is_there = self.is_there or (entry.number, entry.digest) == (self.number, self._digest)
            yield entry
