"""Real servers of HTTP and WebDAV for the tests, from rclone's package."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dbproc.core.places import StoreSpec
from tests.kit.started import of_package, running

USER = "somebody"
PASSWORD = "thepasswordofthetests"


@dataclass(frozen=True)
class WebServer:
    """A server; `directory` holds its files."""

    url: str
    directory: Path

    def spec(self, path: str = "", **keys: Any) -> StoreSpec:
        """A store in a directory of it; `DBPROC_TEST_WEB` holds the password."""
        return StoreSpec(name="web", url=self.url + path, user=USER, password="env:DBPROC_TEST_WEB", **keys)


@contextmanager
def running_rclone_web(protocol: str) -> Iterator[WebServer]:
    """The server of rclone for ``http``, which only gives, or ``webdav``."""
    with tempfile.TemporaryDirectory(prefix="dbproc-web-") as directory:
        settings = ("--user", USER, "--pass", PASSWORD, "--config", os.devnull, "--dir-cache-time", "0s")
        command = (of_package("rclone"), "serve", protocol, directory, "--addr", "127.0.0.1:0", *settings)
        with running(command) as url:
            yield WebServer(url, Path(directory))
