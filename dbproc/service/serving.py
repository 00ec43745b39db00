"""The server: where it listens, and how it ends."""

from __future__ import annotations

import socket
from contextlib import suppress
from pathlib import Path

import uvicorn

from dbproc.core.errors import UserError
from dbproc.service.app import create_app
from dbproc.service.context import Context
from dbproc.service.uploads.tidying import tidied

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
        return socket.create_server((host, port), family=family, backlog=128)
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
        server.bind(str(path))
        server.listen(128)
    except OSError as error:
        raise UserError(f"cannot listen at {path}: {error.strerror}; choose another path with --socket") from error
    return server


def serve(context: Context, server: socket.socket) -> None:
    """Serve a mission until a signal ends it."""
    config = uvicorn.Config(
        create_app(context),
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_PATIENCE,
        ws="none",
    )
    with tidied(context):
        uvicorn.Server(config).run(sockets=[server])
