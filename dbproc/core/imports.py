"""Files that clients of the service have fetched by a URL: which URLs may be named. Pure.

A URL is kept as it is, for a run has to ask for it; so none is taken that holds a credential.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from urllib.parse import parse_qsl, unquote, urlsplit

from dbproc.core.errors import UserError
from dbproc.core.filenames import UNFIT

RULE = "imports"
"""The rule of their transfers."""

URL = "url "
"""Before the URL, where it is named as the place that a transfer comes from."""

_LONGEST = 2000
_SECRET = re.compile("sig|token|secret|passw|credential|api.?key|access.?key|^key$|auth|session", re.IGNORECASE)
_USUAL_PORTS = (None, 80, 443)


def url_read(text: str, hosts: Sequence[str]) -> str:
    """A URL that may be asked for, without its fragment; `hosts`: those that may be private, and have any port.

    Raises
    ------
    UserError
        It may not be: the message says why.
    """
    url = text.partition("#")[0]
    fault = _fault(url, hosts)
    if fault is not None:
        raise UserError(f"the URL {fault}")
    return url


def name_in(url: str) -> str:
    """The name of the file at a URL: the last part of its path."""
    return unquote(urlsplit(url).path.rpartition("/")[2])


def shown(url: str) -> str:
    """A URL for people: without its query."""
    return url.partition("?")[0]


def is_among(host: str, hosts: Sequence[str]) -> bool:
    """Whether a host is one of those that the mission names."""
    return host.strip("[]").rstrip(".").lower() in {each.strip("[]").rstrip(".").lower() for each in hosts}


def _fault(url: str, hosts: Sequence[str]) -> str | None:
    """Why a URL may not be asked for, or None."""
    if len(url) > _LONGEST or UNFIT.search(url) or re.search(r"[\s\\]", url) or not url.isascii():
        return f"must have at most {_LONGEST} characters, all of ASCII, and no space; others are written as %20"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return "is none"
    if parts.scheme not in ("http", "https") or not host:
        return "must begin with http:// or https:// and a host"
    if parts.username is not None or parts.password is not None:
        return "holds a user or a password; files that need one are fetched from a source of the mission file"
    named = [name for name, _ in parse_qsl(parts.query, keep_blank_values=True) if _SECRET.search(name)]
    if named:
        return f"holds a credential ({named[0]}); files that need one are fetched from a source of the mission file"
    if is_among(host, hosts):
        return None
    if port not in _USUAL_PORTS:
        return (
            f'names port {port}; others than 80 and 443 are for hosts of the mission file: [service] hosts = ["{host}"]'
        )
    if not _is_public(host):
        return f'names {host}, which is not public; if that is meant: [service] hosts = ["{host}"] in the mission file'
    return None


def _remedy(host: str) -> str:
    return f'[service] hosts = ["{host}"]'


def _is_public(host: str) -> bool:
    """Whether a host may be public: a name may, as far as is known before its addresses are asked for."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host != "localhost" and not host.endswith(".localhost")
    return address.is_global
