"""Small documents of servers that the mission file names: JSON, read whole."""

from __future__ import annotations

import datetime as dt
import json
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

from dbproc.core.errors import PermanentError, TemporaryError
from dbproc.core.places import PlaceSpec
from dbproc.storage.stores.rest import Service

_PATIENCE = dt.timedelta(seconds=10)
_MOST = 1 << 20


def json_document(url: str) -> dict[str, Any]:
    """The JSON object at a URL; redirects are not followed.

    Raises
    ------
    TransferError
        The server does not answer, or not with such an object.
    """
    parts = urlsplit(url)
    with closing(Service(PlaceSpec(name=parts.hostname or url, url=url, timeout=_PATIENCE), url)) as service:
        query = f"?{parts.query}" if parts.query else ""
        answer = service.ask("GET", query, {"Accept": "application/json"})
    if answer.status != 200:
        raise TemporaryError(f"{url} answers {answer.status}")
    try:
        found = json.loads(answer.data) if len(answer.data) <= _MOST else None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise PermanentError(f"{url} is no JSON object of at most {_MOST >> 20} MiB")
    return found
