"""Who asks the service, and what they may do. Pure."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum


class Scope(StrEnum):
    """What somebody may do."""

    READ = "read"  #: look at everything
    UPLOAD = "upload"  #: send files, and look at, go on with or give up what they send
    STAGE = "stage"  #: have files put into their own area
    OPERATE = "operate"  #: do what an operator does: retry, release, withdraw, pause, start a run; see what others send


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks.

    Attributes
    ----------
    name
        The owner of what they send.
    scopes
        What they may do.
    token
        The word of the token by which they are known; nothing for people that an issuer vouches for, and where nobody
        has to be known.
    issuer
        Who vouches for them.
    until
        How long they are vouched for; None where that is looked up each time.
    address
        From where they ask; nothing on the command line.
    request
        Which request it is, as the answer and the log say.
    """

    name: str
    scopes: frozenset[Scope] = frozenset()
    token: str = ""
    issuer: str = ""
    until: dt.datetime | None = None
    address: str = ""
    request: str = ""

    def may(self, scope: Scope) -> bool:
        """Whether they may do it."""
        return scope in self.scopes

    @property
    def sees_of(self) -> str | None:
        """Whose transfers alone they see, of those that are done for a person; None: everybody's."""
        return None if Scope.OPERATE in self.scopes else self.name

    def owns(self, owner: str) -> bool:
        """Whether something of this owner is theirs to look at and to change."""
        return owner == self.name or Scope.OPERATE in self.scopes


ANYBODY = Principal("anybody", frozenset(Scope))
"""Who asks where nobody has to be known: ``dbproc serve --open``, on the loopback alone."""
