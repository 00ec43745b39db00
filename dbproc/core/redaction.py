"""Passwords: hidden wherever something is told, and kept from the processes that a run starts.

Credentials of places are remembered when they are used, and hidden in what a peer says: some repeat what they are sent.

The password of the database is dbproc's alone. It comes in a URL, given with ``-m`` or in ``DBPROC_MISSION``, or in
``PGPASSWORD``; no code and no inspector has any business with it.
"""

from __future__ import annotations

import re

HIDDEN = "***"

_IN_URL = re.compile(
    r"""(://[^\s:/@[]*:)             # scheme://user:
        (?: \S*@                     # a password, up to the last @
          | (?!\d+(?:[^\w.]|$))      # no @: what is not a port, either, may be a password whose @host was forgotten
            [^\s/?#,;)'"]+ )""",
    re.VERBOSE,
)
_AS_SETTING = re.compile(r"""(password\s*=\s*)('[^']*'|"[^"]*"|[^\s&,;)'"]+)""", re.IGNORECASE)

_OF_HEADER = re.compile(r"""\b((?:Basic|Bearer)\s+|Signature=)[\w.~+/=-]{8,}""")
_SHORTEST = 4
_USED: set[str] = set()


def remember(secret: str) -> str:
    """Have a credential be hidden from now on; gives it."""
    if len(secret) >= _SHORTEST:
        _USED.add(secret)
    return secret


def without_credentials(text: str) -> str:
    """The text with ``***`` for each credential that was used, and for what stands for one in requests."""
    for secret in sorted(_USED, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return _OF_HEADER.sub(rf"\1{HIDDEN}", text)


def masked(text: str) -> str:
    """The text with ``***`` for each password in it: those of URLs, and what stands after ``password=``."""
    if "://" in text:
        text = _IN_URL.sub(lambda found: found[1] + HIDDEN + "@" * found[0].endswith("@"), text)
    return _AS_SETTING.sub(rf"\1{HIDDEN}", text) if "=" in text else text
