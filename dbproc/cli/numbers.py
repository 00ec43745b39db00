"""Numbers and versions on the command line, refused when no column can hold them; sizes as people read them."""

from __future__ import annotations

import math
from typing import Any

import click

from dbproc.core.errors import VersionError
from dbproc.core.filenames import read_version
from dbproc.core.version import Version

LARGEST = 2**31 - 1
"""What the databases hold as a whole number."""

NUMBER = click.IntRange(1, LARGEST)
"""A count, or the number of a row."""


class _Finite(click.FloatRange):
    """A number that is neither infinite nor "nan"."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Text → number."""
        number: float = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a number that can be used here", param, ctx)
        return number


AMOUNT = _Finite(0, min_open=True)
"""Hours, gigabytes."""

LEVEL = _Finite()
"""The level of a product."""


class _VersionType(click.ParamType):  # type: ignore[type-arg]
    name = "version"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Version:
        """``2.1.0`` → version."""
        try:
            return value if isinstance(value, Version) else read_version(value)
        except VersionError as error:
            self.fail(str(error), param, ctx)


VERSION = _VersionType()
"""The version of a code or a file."""
