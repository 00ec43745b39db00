"""The environment that child processes are given."""

from __future__ import annotations

import os

from dbproc.core.redaction import masked


def public_environment() -> dict[str, str]:
    """Our environment without what holds the password of the database: what a child process is given."""
    return {name: value for name, value in os.environ.items() if not _is_secret(name, value)}


def _is_secret(name: str, value: str) -> bool:
    return name == "PGPASSWORD" or (name == "DBPROC_MISSION" and masked(value) != value)
