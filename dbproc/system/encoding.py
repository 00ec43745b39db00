"""Names of files are UTF-8 under every locale: cron's is often another one than a login's.

Python reads names as the locale's encoding has them. Under an 8-bit locale it would record other names than under UTF-8
for the same bytes, and could not write some arguments at all. So every command runs in Python's UTF-8 mode where the
locale is not UTF-8, and so do the Python processes that it starts. The environment stays as it is: a mission's own
codes have the locale of the user who runs dbproc.
"""

from __future__ import annotations

import os
import sys


def ensure_utf8() -> None:
    """Start this process again in UTF-8 mode when its names would not be UTF-8; call it before anything else."""
    if sys.getfilesystemencoding() != "utf-8" and not sys.flags.utf8_mode:
        os.execv(sys.executable, [*_utf8_python(), *sys.orig_argv[1:]])


def this_python() -> list[str]:
    """The command that starts this Python with the encoding that this process has."""
    return _utf8_python() if sys.flags.utf8_mode else [sys.executable]


def _utf8_python() -> list[str]:
    return [sys.executable, "-X", "utf8"]
