"""Where dbproc itself is installed, and where the codes are that a definition names."""

from __future__ import annotations

import os

from dbproc.core.spec import SHIPPED, with_code_version

PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
"""The directory of the package ``dbproc``."""

CODES = os.path.join(PACKAGE, "codes")
"""The directory of the shipped codes."""


def code_path(directory: str, file: str, declared: object) -> str:
    """The absolute path of a code.

    Parameters
    ----------
    directory
        Where the mission has its codes, absolute.
    file
        The code as a mission file names it: below that directory, absolute, or ``dbproc:NAME``.
    declared
        The version that stands in the place of ``{CODEVERSION}``.
    """
    if file.startswith(SHIPPED):
        return os.path.join(CODES, f"{file.removeprefix(SHIPPED)}.py")
    return os.path.normpath(os.path.join(directory, os.path.expanduser(with_code_version(file, declared))))


def is_shipped(path: str) -> bool:
    """Whether a code is one that dbproc brings along."""
    return os.path.dirname(path) == CODES


def example_directory() -> str:
    """Where the example mission is: inside the installed package, or beside it in a checkout."""
    installed = os.path.join(PACKAGE, "example")
    checkout = os.path.join(os.path.dirname(PACKAGE), "examples", "own_mission")
    return installed if os.path.isdir(installed) else checkout
