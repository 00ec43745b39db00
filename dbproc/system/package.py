"""Where dbproc itself is installed."""

from __future__ import annotations

import os

PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
"""The directory of the package ``dbproc``."""

CODES = os.path.join(PACKAGE, "codes")
"""The directory of the shipped codes."""
