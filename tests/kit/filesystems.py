"""Where tests keep their files: in memory where there is room, for a disk makes each commit wait."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else tempfile.gettempdir()
"""Where missions of many trials live: in memory where that is possible."""


def roomy(size: int) -> str:
    """Memory where there are so many bytes of it, else the directory for temporary files."""
    return MEMORY if shutil.disk_usage(MEMORY).free > size else tempfile.gettempdir()


def other_filesystem(base: Path) -> str:
    """A directory on another filesystem than `base`, where there is one."""
    places = (tempfile.gettempdir(), "/var/tmp", MEMORY, str(Path.home()))
    device = base.stat().st_dev
    return next((place for place in places if os.access(place, os.W_OK) and os.stat(place).st_dev != device), places[0])
