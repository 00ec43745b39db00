"""The server: where it listens, and how it ends."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from dbproc.core.errors import UserError
from dbproc.service.app import create_app
from dbproc.service.connections import Connection
from dbproc.service.context import Context
from dbproc.service.guard import Local
from dbproc.service.uploads.tidying import tidied

_CONNECTIONS = 500  # at the same time; more are answered 503
_PATIENCE = 5  # seconds for requests that are at work when it is to end


def listening(host: str, port: int, path: Path | None = None) -> socket.socket:
    """A socket that listens: at a path of this machine where one is given, else at an address.

    Raises
    ------
    UserError
        There is no such address or path here, or somebody listens there.
    """
    if path is not None:
        return _listening_at(path)
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        server = socket.create_server((host, port), family=family, backlog=128)
        server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # connections have it from here: no answer waits
        return server
    except OSError as error:
        raise UserError(
            f"cannot listen on {host} port {port}: {error.strerror}; choose others with --host, --port"
        ) from error


def _listening_at(path: Path) -> socket.socket:
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if path.is_socket():
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as trial:
                if trial.connect_ex(str(path)) == 0:
                    raise UserError(f"somebody listens at {path} already; choose another path with --socket")
            with suppress(FileNotFoundError):
                path.unlink()
        before = os.umask(0o117)  # for its user and group alone: whoever may connect counts as the proxy
        try:
            server.bind(str(path))
        finally:
            os.umask(before)
        server.listen(128)
    except OSError as error:
        raise UserError(f"cannot listen at {path}: {error.strerror}; choose another path with --socket") from error
    return server


def serve(context: Context, server: socket.socket, ready: Callable[[], None], proxies: Sequence[str] = ()) -> None:
    """Serve a mission until a signal ends it; requests that are at work are given a few seconds.

    `ready` is called when a signal would end it so; before, the socket listens. `proxies`: the addresses of those in
    front whose word is taken for who asks. At a path nobody but a proxy asks.
    """
    app: ASGIApp = create_app(context)
    is_at_path = server.family == socket.AF_UNIX
    if context.is_open and not is_at_path:
        app = Local(app)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_PATIENCE,
        ws="none",
        http=Connection,
        limit_concurrency=_CONNECTIONS,
        forwarded_allow_ips="*" if is_at_path else list(proxies),
    )
    service = uvicorn.Server(config)

    def end(_: int, __: FrameType | None) -> None:  # one that comes before the server hears them, or is handed on by it
        service.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    ready()
    with tidied(context):
        service.run(sockets=[server])
