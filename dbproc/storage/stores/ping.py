"""Dead man's switches as Healthchecks has them: who watches over runs is told of the begin and the end of each."""

from __future__ import annotations

import datetime as dt
from urllib.parse import urlencode, urlsplit

from dbproc.core.errors import TemporaryError
from dbproc.core.places import StoreSpec
from dbproc.storage.stores import rest

TIMEOUT = 4.0
"""Seconds after which a silent peer is given up."""

TRIES = 2
"""How often it is tried."""

LONGEST = 100_000
"""Bytes of what is told with it that a peer takes."""

START = "start"

_WORDS = 200


def ping(url: str, what: str, text: str = "", run: str = "", *, seconds: float = TIMEOUT, tries: int = TRIES) -> None:
    """Tell of one event.

    Parameters
    ----------
    url
        Of the check; a query that it has stays.
    what
        :data:`START`, or an exit status.
    text
        What is told with it; of a long one the end.
    run
        The UUID of the run, the same at its begin and at its end.
    seconds, tries
        How long it is tried.

    Raises
    ------
    TransferError
        It could not be told; the message does not name the URL, which is a secret.
    """
    parts = urlsplit(url)
    query = "&".join(filter(None, [parts.query, urlencode({"rid": run}) if run else ""]))
    spec = StoreSpec(name="ping", url=url, timeout=dt.timedelta(seconds=seconds))
    service = rest.Service(spec, f"{parts.scheme}://{parts.netloc}")
    target = f"{parts.path.rstrip('/')}/{what}{'?' if query else ''}{query}"
    try:
        _told(service, target, text.encode()[-LONGEST:], tries)
    finally:
        service.close()


def _told(service: rest.Service, target: str, body: bytes, tries: int) -> None:
    try:
        answer = service.ask("POST", target, {"Content-Type": "text/plain; charset=utf-8"}, body)
        if not 200 <= answer.status < 300:
            rest.refuse(service.host, answer, answer.data[:_WORDS].decode("utf-8", "replace"))
    except TemporaryError:
        if tries <= 1:
            raise
        _told(service, target, body, tries - 1)
