"""Tokens of the service: ``dbp_WORD_SECRET``. The word names one; of the secret only a digest is kept. Pure."""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass

_WRITTEN = re.compile(r"dbp_([0-9a-f]{12})_([a-z2-7]{52})")


@dataclass(frozen=True, slots=True)
class Token:
    """A token as who has it sends it."""

    word: str
    secret: str

    def __str__(self) -> str:
        return f"dbp_{self.word}_{self.secret}"

    def __repr__(self) -> str:
        return f"Token({self.word!r}, …)"

    @property
    def digest(self) -> str:
        """What is kept of the secret; it is random and so long that no slow digest is needed."""
        return f"sha256:{hashlib.sha256(self.secret.encode()).hexdigest()}"

    def has(self, digest: str) -> bool:
        """Whether this digest is its own; takes as long whatever it is."""
        return hmac.compare_digest(self.digest, digest)

    def derived(self, purpose: str) -> str:
        """Another secret, which only who has the token can have, and which does not tell it."""
        return hmac.new(self.secret.encode(), purpose.encode(), hashlib.sha256).hexdigest()


def read_token(text: str) -> Token | None:
    """The token that a text is, or None."""
    found = _WRITTEN.fullmatch(text)
    return None if found is None else Token(found[1], found[2])
