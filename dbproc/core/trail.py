"""The audit trail: entries of which each holds the digest of the one before, so that none can be changed or taken out
unseen. Pure."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields

BEGINNING = ""
"""What the first entry has in place of the digest of an entry before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Something that was done by way of the service, or to its tokens.

    Attributes
    ----------
    number
        From 1, without a gap.
    who, token, address, request
        Who did it, with which token, from where, in which request.
    action, object
        What was done, and to what.
    detail
        JSON: what was asked for, before and after.
    result
        What came of it.
    previous, digest
        The digest of the entry before, and that of this one.
    """

    number: int = 0
    time: dt.datetime
    who: str
    token: str = ""
    address: str = ""
    action: str
    object: str = ""
    detail: str = "{}"
    result: str = ""
    request: str = ""
    previous: str = BEGINNING
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Flaw:
    """What is wrong at an entry."""

    number: int  #: its number
    reason: str  #: what is wrong


def digest_of(entry: Entry) -> str:
    """The digest of all of an entry but the digest itself."""
    values = [_value(getattr(entry, field.name)) for field in fields(Entry) if field.name != "digest"]
    text = json.dumps(values, ensure_ascii=True, separators=(",", ":"))
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def _value(value: object) -> object:
    return value.astimezone(dt.UTC).isoformat(timespec="microseconds") if isinstance(value, dt.datetime) else value


def flaws(entries: Iterable[Entry]) -> Iterator[Flaw]:
    """What is wrong with entries, which come in the order of their numbers, from the first on."""
    number, digest = 0, BEGINNING
    for entry in entries:
        if entry.number != number + 1:
            yield Flaw(entry.number, f"entry {number + 1} is missing before it")
        elif entry.previous != digest:
            yield Flaw(entry.number, "it does not follow from the entry before it: one of the two was changed")
        if digest_of(entry) != entry.digest:
            yield Flaw(entry.number, "it is not what was entered")
        number, digest = entry.number, entry.digest
