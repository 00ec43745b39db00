"""What is known of those who come in, in this process: the settings of the service, and how often they come."""

from __future__ import annotations

import hashlib
import secrets
from typing import Annotated

from fastapi import Depends, Request

from dbproc.core.access import Principal
from dbproc.core.service import ServiceSpec
from dbproc.service import issuer
from dbproc.service.context import Context
from dbproc.service.issuer import KeyRing
from dbproc.service.limits import Pace, Remembered
from dbproc.service.problems import Problem
from dbproc.service.settings import Settings

_BURST_SECONDS = 5.0
_MOST_KNOWN, _NOTED_SECONDS = 10_000, 600.0
_ATTEMPTS, _ATTEMPTS_PER_SECOND = 10, 0.2


class Door:
    """One for each application.

    Attributes
    ----------
    settings
        What the mission file says.
    secret
        Of this process: what forms prove where nobody has to be known.
    cookie
        The name of the session's cookie: missions that are served at several ports of one host do not share it.
    """

    def __init__(self, context: Context) -> None:
        self.settings = Settings(context.reading)
        self.settings.now()
        self.secret = secrets.token_hex()
        self.cookie = f"dbproc_{hashlib.sha256(str(context.writing.url).encode()).hexdigest()[:8]}"
        self._ring: KeyRing | None = None
        self._attempts = Pace(_ATTEMPTS_PER_SECOND, _ATTEMPTS)
        self._pace: tuple[float, Pace] | None = None
        self._known = Remembered(_MOST_KNOWN)
        self._noted = Remembered(_MOST_KNOWN, _NOTED_SECONDS)

    def knows(self, sent: str) -> bool:
        """Whether a token was found to hold before, by whoever sent just this."""
        return _digest(sent) in self._known

    def let_in(self, sent: str) -> None:
        """Note that a token holds."""
        self._known.add(_digest(sent))

    def is_to_note(self, word: str) -> bool:
        """Whether the use of a token is to be entered; if so, it counts as being entered for some minutes."""
        return self._noted.add(word)

    def vouched(self, sent: str) -> Principal | None:
        """The person whom a token of the issuer names, or None; call it in a thread."""
        spec, ring = self.settings.now(), self._ring
        if spec.issuer and (ring is None or ring.issuer != spec.issuer):
            self._ring = ring = KeyRing(spec.issuer)
        return issuer.principal(ring if spec.issuer else None, spec, sent)

    def wait(self, who: str, spec: ServiceSpec) -> float:
        """Seconds that somebody has to wait before they ask again; 0: they may ask now, and that is counted."""
        if spec.rate is None:
            return 0.0
        if self._pace is None or self._pace[0] != spec.rate:
            self._pace = (spec.rate, Pace(spec.rate, spec.rate * _BURST_SECONDS))
        return self._pace[1].take(who)

    def refuse_guessing(self, address: str) -> None:
        """A Problem (429) for an address from where many unknown tokens came of late."""
        wait = self._attempts.wait(address)
        if wait:
            raise later(wait, "too many tokens that nobody knows came from there")

    def unknown(self, address: str) -> None:
        """Note that a token came from there that nobody knows."""
        self._attempts.take(address)


def _digest(sent: str) -> str:
    return hashlib.sha256(sent.encode("utf-8", "replace")).hexdigest()


def later(seconds: float, why: str) -> Problem:
    """A Problem (429) that says when to come again."""
    whole = max(1, round(seconds + 0.5))
    return Problem(429, f"{why}; try again in {whole} s", headers={"Retry-After": str(whole)})


def door_of(request: Request) -> Door:
    """The door that a request came through."""
    door: Door = request.app.state.door
    return door


AtDoor = Annotated[Door, Depends(door_of)]
"""The parameter of an endpoint that gets it."""
