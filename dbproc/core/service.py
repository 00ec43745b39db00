"""What a mission file says of the service and of who watches over the runs. Pure.

``[service]`` and ``[monitor]`` are single tables. A credential is a reference, as with places.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from dbproc.core import bounds
from dbproc.core.access import Scope
from dbproc.core.durations import SECONDS
from dbproc.core.json_tables import tables_codec
from dbproc.core.keys import DURATION, NUMBER, TEXT, WHOLE, WORDS, key, option
from dbproc.core.places import endpoint_fault, host_fault, reference_fault
from dbproc.core.text_lists import PATTERNS

_GIB = 1 << 30


def origin_fault(text: str) -> str | None:
    """Why a text is no origin of pages that may ask, or None."""
    if re.fullmatch(r"https?://[^/\s?#@*]+", text):
        return None
    return "must be the scheme, host and port of a page, https://HOST or http://HOST:PORT, without a path or *"


def issuer_fault(text: str) -> str | None:
    """Why a text is no issuer of tokens, or None; plain http is for this machine alone."""
    found = endpoint_fault(text)
    if not text or found is not None:
        return found
    parts = urlsplit(text)
    is_here = parts.hostname in ("localhost", "127.0.0.1", "::1")
    return (
        None
        if parts.scheme == "https" or is_here
        else "must begin with https://, for whoever sits between could make tokens"
    )


def scope_fault(text: str) -> str | None:
    """Why a text is no scope, or None."""
    return None if text in tuple(Scope) else f"{text!r} is no scope; choose from {', '.join(Scope)}"


class Compatibility(StrEnum):
    """Whose answers are given on routes that both generations of ScientistCloud's API have."""

    SCLIB_1 = "sclib-1"
    SCLIB_2 = "sclib-2"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSpec:
    """``[service]``: what ``dbproc serve`` is to know of the mission.

    Attributes
    ----------
    url
        Under which it is reached by others, ``https://HOST/PATH``; nothing: as each request says.
    issuer, audience
        Whose OpenID Connect tokens are taken, and for whom they must be; nothing: none are.
    claim
        Which claim of such a token is the name of the person.
    scopes
        What a person with such a token may do.
    operators
        Names of persons, or of groups that the token tells of, who may operate as well.
    origins
        Pages of which other hosts may ask, by their origin.
    area, rse
        The area into which prepare-data puts files, and the store from which it takes them; nothing: the only one, of
        stores the only one of layout ``rucio``.
    hosts
        Hosts with private addresses that an import by URL may reach.
    upload_size
        GiB that one upload may have at most.
    upload_quota
        GiB that all unfinished uploads of one owner may have; None: no limit.
    uploads
        How many uploads one owner may have at work.
    upload_expires
        After so long without a byte an unfinished upload is given up.
    reserve
        GiB that must stay free.
    rate
        Requests per second of one token or address; None: no limit.
    compat
        Which generation of ScientistCloud's API decides where both differ.
    """

    name: str = "service"
    url: str = option("", key(TEXT, check=endpoint_fault))
    issuer: str = option("", key(TEXT, check=issuer_fault))
    audience: str = option("", key(TEXT, check=bounds.NAME))
    claim: str = option("preferred_username", key(TEXT, check=bounds.NAME))
    scopes: tuple[str, ...] = option(
        (Scope.READ, Scope.UPLOAD, Scope.STAGE), key(WORDS, check=scope_fault, codec=PATTERNS)
    )
    operators: tuple[str, ...] = option((), key(WORDS, check=bounds.NAME, codec=PATTERNS))
    origins: tuple[str, ...] = option((), key(WORDS, check=origin_fault, codec=PATTERNS))
    area: str = option("", key(TEXT, check=bounds.NAME))
    rse: str = option("", key(TEXT, check=bounds.NAME))
    hosts: tuple[str, ...] = option((), key(WORDS, check=host_fault, codec=PATTERNS))
    upload_size: float = option(1024.0, key(NUMBER, check=bounds.MEMORY))
    upload_quota: float | None = option(None, key(NUMBER, check=bounds.MEMORY))
    uploads: int = option(64, key(WHOLE, check=bounds.Bound(1, 10**6)))
    upload_expires: dt.timedelta = option(dt.timedelta(days=7), key(DURATION, check=bounds.SOME_TIME, codec=SECONDS))
    reserve: float = option(1.0, key(NUMBER, check=bounds.MEMORY))
    rate: float | None = option(None, key(NUMBER, check=bounds.Bound(0, 1e6, " requests per second", above=True)))
    compat: Compatibility = option(Compatibility.SCLIB_1, key(TEXT, choices=Compatibility))

    @property
    def summary(self) -> str:
        """What it is, in words."""
        return self.url or "the service"

    @property
    def most_bytes(self) -> int:
        """Bytes that one upload may have."""
        return int(self.upload_size * _GIB)


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitorSpec:
    """``[monitor]``: who watches over the runs.

    Attributes
    ----------
    ping
        A reference to the URL that each run calls at its begin and its end, as Healthchecks has it.
    textfile
        The file into which each run writes metrics for Prometheus' node exporter.
    every
        How often runs are started: without one for longer, something is wrong.
    """

    name: str = "monitor"
    ping: str = option("", key(TEXT, check=reference_fault, secret=True))
    textfile: str = option("", key(TEXT, check=bounds.directory))
    every: dt.timedelta = option(dt.timedelta(minutes=5), key(DURATION, check=bounds.SOME_TIME, codec=SECONDS))

    @property
    def summary(self) -> str:
        """What it is, in words."""
        return "who watches over the runs"


SERVICE = tables_codec(ServiceSpec)
MONITOR = tables_codec(MonitorSpec)


def service_of(tables: Sequence[ServiceSpec]) -> ServiceSpec:
    """The one table, or what holds without it."""
    return tables[0] if tables else ServiceSpec()


def monitor_of(tables: Sequence[MonitorSpec]) -> MonitorSpec:
    """The one table, or what holds without it."""
    return tables[0] if tables else MonitorSpec()
