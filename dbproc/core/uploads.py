"""What clients of the service send: the names that it may have, and the digests that they promise. Pure."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field

from dbproc.core.filenames import UNFIT, is_unfinished
from dbproc.core.states import UploadWay
from dbproc.core.transfers import Transfer

RULE = "uploads"
"""The rule of their transfers."""

CLIENT = "client"
"""The place of their origin."""

PART = "-"
"""What a part is part of as long as there is no whole."""

_LONGEST = 255
_TURNING = "[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"
_RESERVED = r"(?i:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?"
_DIGEST = r"(?:sha256:)?([0-9a-fA-F]{64})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """What a client sends; its state, bytes and digest are those of its transfer.

    Attributes
    ----------
    word
        What names it in URLs.
    way
        By which protocol it comes.
    owner, token
        Whose it is, and with which token it was begun.
    facts
        What the client said of it.
    part_of
        Of a part: the word of the whole, or :data:`PART`; else nothing.
    chunk_size
        Bytes of each numbered chunk but the last.
    expires
        When it is given up if no byte comes before.
    """

    upload_id: int
    word: str
    transfer: Transfer
    way: UploadWay
    owner: str
    token: str = ""
    facts: Mapping[str, object] = field(default_factory=dict)
    part_of: str = ""
    chunk_size: int | None = None
    expires: dt.datetime | None = None

    @property
    def size(self) -> int | None:
        """Bytes that it will have; None where the client has not said."""
        return self.transfer.order.size

    @property
    def is_whole(self) -> bool:
        """Whether all its bytes are durable: of what comes one after the other."""
        return self.size is not None and self.transfer.durable >= self.size


def plain_name(name: str) -> str:
    """A name in the one form in which it is kept: letters with marks are composed."""
    return unicodedata.normalize("NFC", name)


def name_fault(name: str) -> str | None:
    """Why no file may be sent under a name, or None; it is never read as a path."""
    if not name or name in (".", ".."):
        return "is no name of a file"
    if "/" in name or "\\" in name or re.match("[A-Za-z]:", name):
        return "is a path; send the name alone"
    if UNFIT.search(name):
        return "has control characters, or bytes that are not UTF-8"
    if re.search(_TURNING, name):
        return "has marks that turn the direction of writing"
    if len(name.encode()) > _LONGEST:
        return f"has more than {_LONGEST} bytes"
    if is_unfinished(name):
        return "is that of an unfinished file, which no run takes; send it without a dot before it, .part, .tmp or ~"
    if name != name.strip() or name.endswith(".") or re.fullmatch(_RESERVED, name):
        return "cannot be a file's name on every system: it begins or ends with a space or a dot, or is reserved"
    return None


def promised_digest(text: str) -> str | None:
    """A SHA-256 in hexadecimal digits as it is kept, ``sha256:…``; None where it is none."""
    found = re.fullmatch(_DIGEST, text.strip())
    return None if found is None else f"sha256:{found[1].lower()}"


def header_digest(text: str) -> str | None:
    """The SHA-256 of a header ``Repr-Digest`` (RFC 9530) or ``Digest`` (RFC 3230); None where it tells none."""
    for part in text.split(","):
        name, _, value = part.strip().partition("=")
        if name.strip().lower() == "sha-256":
            try:
                raw = base64.b64decode(value.strip().strip(":"), validate=True)
            except (binascii.Error, ValueError):
                return None
            return f"sha256:{raw.hex()}" if len(raw) == 32 else None
    return None
