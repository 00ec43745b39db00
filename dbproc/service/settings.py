"""``[service]`` of the mission, as it is now or was a moment ago: requests do not read the mission for it."""

from __future__ import annotations

import threading
import time
from contextlib import suppress

from dbproc.core.errors import DbprocError
from dbproc.core.service import ServiceSpec
from dbproc.database.definition.load import load_mission
from dbproc.database.store import Store

_SECONDS = 2.0


class Settings:
    """What the mission file says of the service; threads may share it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._spec = ServiceSpec()
        self._read_at = float("-inf")
        self._reading = threading.Lock()

    def now(self) -> ServiceSpec:
        """As it is now: it asks the database where that is some time ago, so call it in a thread. While the database
        does not answer, as it was."""
        with self._reading:
            if time.monotonic() - self._read_at > _SECONDS:
                self._read()
            return self._spec

    def latest(self) -> ServiceSpec:
        """As it was when it was last looked at; where that is some time ago, that is done meanwhile."""
        if time.monotonic() - self._read_at > _SECONDS and not self._reading.locked():
            threading.Thread(target=self.now, daemon=True).start()
        return self._spec

    def _read(self) -> None:
        with suppress(DbprocError), self._store.begin() as connection:
            self._spec = load_mission(connection).service
        self._read_at = time.monotonic()
