"""Dates in any form that people write, as dbprocessing's commands take them; until when something holds."""

from __future__ import annotations

import calendar
import datetime as dt
import re

import click

from dbproc.core.errors import UserError
from dbproc.core.staging import NEVER, read_expiry

_YEAR_AND_MONTH = re.compile(r"(\d{4})(\d{2})")
_DEFAULTS = (dt.datetime(2000, 1, 1), dt.datetime(2001, 2, 2))  # what is not said differs between them


class AnyDate(click.ParamType):  # type: ignore[type-arg, unused-ignore]
    """A date in any form that dateutil reads; a month or a year stands for its first day, or its `last` one."""

    name = "date"

    def __init__(self, *, last: bool = False) -> None:
        self._last = last

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> dt.date:
        """Text → date."""
        if isinstance(value, dt.date):
            return value
        from dateutil import parser

        text = _YEAR_AND_MONTH.sub(r"\1-\2", str(value)) if _YEAR_AND_MONTH.fullmatch(str(value)) else str(value)
        try:
            one, other = (_date(parser.parse(text, default=default)) for default in _DEFAULTS)
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is not a date; write it as 2012-10-02", param, ctx)
        if one.year != other.year:
            self.fail(f"{value!r} is a date without a year; write it as 2012-10-02", param, ctx)
        if one == other or not self._last:
            return one
        month = one.month if one.month == other.month else 12
        return one.replace(month=month, day=calendar.monthrange(one.year, month)[1])


def _date(time: dt.datetime) -> dt.date:
    return time.date()


Expiry = dt.timedelta | dt.datetime | str


class _Expiry(click.ParamType):  # type: ignore[type-arg, unused-ignore]
    """How long, until when, or that something stays."""

    name = "expiry"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Expiry:
        """Text → expiry."""
        if isinstance(value, dt.timedelta | dt.datetime) or value == NEVER:
            return value
        try:
            return read_expiry(str(value)) or NEVER
        except UserError as error:
            self.fail(str(error), param, ctx)


EXPIRY = _Expiry()
