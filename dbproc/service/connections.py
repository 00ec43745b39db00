"""Connections of clients: one that does not get to the end of a request's head is ended, however slowly it goes on, and
so is one on which only the rest of a request comes that was answered."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_SECONDS = 20.0
"""So long a client may take for the head of a request, and for what is left of one after its answer."""

HEAD_BYTES = 64 << 10
"""So much it may have."""


class Connection(HttpToolsProtocol):
    """A connection of a client."""

    _head_bytes = 0
    _is_in_head = False
    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first request."""
        super().connection_made(transport)
        self._begin_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._end_head()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what came."""
        super().data_received(data)
        if self._is_in_head and not self.transport.is_closing():
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES:
                self.send_400_response(f"The head of a request has at most {HEAD_BYTES} bytes.")

    def on_message_begin(self) -> None:
        """A request begins, on a connection that may have had others."""
        super().on_message_begin()
        self._begin_head()

    def on_headers_complete(self) -> None:
        """The head of a request is there."""
        self._end_head()
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        """A request is answered: what comes now is the next one, or nobody's."""
        super().on_response_complete()
        if self._head_timer is None and self.cycle.response_complete and not self.transport.is_closing():
            self._wait()

    def _begin_head(self) -> None:
        self._end_head()
        self._is_in_head = True
        self._wait()

    def _wait(self) -> None:
        self._head_timer = self.loop.call_later(HEAD_SECONDS, self._give_up)

    def _end_head(self) -> None:
        self._head_bytes, self._is_in_head = 0, False
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _give_up(self) -> None:
        self._head_timer = None
        if self.transport is not None and not self.transport.is_closing():
            self.transport.close()
