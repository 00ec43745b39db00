"""How many requests were answered, how, and how long it took: of this process since it began."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dbproc.core.metrics import Metric, Spread, counter, gauge, histogram

BOUNDS = (0.005, 0.025, 0.1, 0.3, 1.0, 5.0, 30.0, 300.0)
"""Seconds that answers are told apart by."""

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


@dataclass(slots=True)
class _Tally:
    """The answers of one route."""

    within: list[int] = field(default_factory=lambda: [0] * len(BOUNDS))
    count: int = 0
    total: float = 0.0


class Traffic:
    """The answers so far. Threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tallies: defaultdict[tuple[str, str], _Tally] = defaultdict(_Tally)
        self._statuses: defaultdict[tuple[str, str, str], int] = defaultdict(int)
        self._active = 0

    def began(self) -> None:
        """Count a request."""
        with self._lock:
            self._active += 1

    def ended(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count an answer; `route` is the template of the path, of which there are never more."""
        with self._lock:
            self._active -= 1
            self._statuses[method, route, str(status)] += 1
            tally = self._tallies[method, route]
            tally.count += 1
            tally.total += seconds
            for place, bound in enumerate(BOUNDS):
                tally.within[place] += seconds <= bound

    def metrics(self) -> list[Metric]:
        """The numbers."""
        with self._lock:
            spreads = [
                ({"method": method, "route": route}, Spread(BOUNDS, tuple(each.within), each.count, each.total))
                for (method, route), each in self._tallies.items()
            ]
            answers = [
                ({"method": method, "route": route, "status": status}, count)
                for (method, route, status), count in self._statuses.items()
            ]
            active = self._active
        return [
            counter("http_server_requests_total", "Requests that were answered.", *answers),
            histogram("http_server_request_duration_seconds", "How long the answers took.", spreads),
            gauge("http_server_active_requests", "Requests that are at work.", ({}, active)),
        ]


class Counting:
    """Counts what passes through: a middleware that leaves every message as it is."""

    def __init__(self, app: ASGIApp, traffic: Traffic) -> None:
        self._app = app
        self._traffic = traffic

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on, and count it when it is over."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        status, began = 500, time.monotonic()

        async def sent(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        self._traffic.began()
        try:
            await self._app(scope, receive, sent)
        finally:
            method = scope["method"] if scope["method"] in _METHODS else "other"
            self._traffic.ended(method, _route(scope), status, time.monotonic() - began)


def _route(scope: Scope) -> str:
    """The template of the path: of paths that nothing is at there would be ever more."""
    return getattr(scope.get("route"), "path", "other")
