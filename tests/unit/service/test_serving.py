"""Where the service listens."""

from __future__ import annotations

import socket

from dbproc.service.serving import listening


def test_no_answer_waits_for_the_one_before_to_be_acknowledged() -> None:
    with listening("127.0.0.1", 0) as server, socket.create_connection(server.getsockname()):
        connection, _ = server.accept()
        with connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
