"""Filename formats as dbprocessing fills them in and turns them into regular expressions."""

from __future__ import annotations

import string
from collections.abc import Mapping, MutableMapping
from typing import Any

_FOUR_DIGIT_YEAR = r"(19|2\d)\d\d"
_MONTH = r"(0\d|1[0-2])"
_DAY_OF_MONTH = r"[0-3]\d"
_YEAR_MONTH_DAY = _FOUR_DIGIT_YEAR + _MONTH + _DAY_OF_MONTH
_MINUTE_OR_SECOND = r"[0-6]\d"

# field, how it is written, what it looks like
_FIELDS = (
    ("Y", ":04d", _FOUR_DIGIT_YEAR),
    ("m", ":02d", _MONTH),
    ("b", "", "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"),
    ("d", ":02d", _DAY_OF_MONTH),
    ("y", ":02d", r"\d\d"),
    ("j", ":03d", r"[0-3]\d\d"),
    ("H", ":02d", r"[0-2]\d"),
    ("M", ":02d", _MINUTE_OR_SECOND),
    ("S", ":02d", _MINUTE_OR_SECOND),
    ("MILLI", ":03d", r"\d{3}"),
    ("MICRO", ":03d", r"\d{3}"),
    ("QACODE", "", "ok|ignore|problem"),
    ("VERSION", "", r"\d+\.\d+\.\d+"),
    ("DATE", "", _YEAR_MONTH_DAY),
    ("datetime", "", _YEAR_MONTH_DAY),
    ("mday", ":d", r"-?\d+"),
    ("APID", ":x", r"[\da-fA-F]+"),
    *(("?" * count, "", "." * count) for count in (2, 3, 4)),
    *(("n" * count, "", r"\d" * count) for count in (2, 3, 4)),
)


class DBformatter(string.Formatter):
    """A formatter that knows the fields of :attr:`SPECIAL_FIELDS` and spreads ``datetime`` over them."""

    SPECIAL_FIELDS: Mapping[str, tuple[str, str]] = {
        name: ("{" + name + spec + "}", pattern) for name, spec, pattern in _FIELDS
    }
    """For each field how it is written, and the regular expression that reads it."""

    def format(self, format_string: str, /, *args: Any, **kwargs: Any) -> str:
        """Fill in the fields."""
        self.expand_datetime(kwargs)
        return self.vformat(self.expand_format(format_string), args, kwargs)

    def re(self, format_string: str, *args: Any, **kwargs: Any) -> str:
        """Fill in the fields that are given, and put a group with a regular expression for every other."""
        self.expand_datetime(kwargs)
        return self.vformat(self.expand_format(format_string, kwargs), args, kwargs)

    def expand_datetime(self, kwargs: MutableMapping[str, Any]) -> None:
        """Add to `kwargs` the fields that its ``datetime`` gives; those that are there stay."""
        time: Any = kwargs.get("datetime")
        found: dict[str, Any] = {}
        if hasattr(time, "year"):
            found |= {"Y": time.year, "m": time.month, "d": time.day, "y": time.year % 100}
            found |= {"j": time.timetuple().tm_yday, "DATE": time.strftime("%Y%m%d"), "b": time.strftime("%b")}
        if hasattr(time, "hour"):
            found |= {"H": time.hour, "M": time.minute, "S": time.second}
            found |= {"MILLI": time.microsecond // 1000, "MICRO": time.microsecond % 1000}
        for name, value in found.items():
            kwargs.setdefault(name, value)

    def expand_format(self, format_string: str, kwargs: Mapping[str, Any] | None = None) -> str:
        """Give special fields their way of writing; where `kwargs` lacks one of them, its regular expression."""
        return "".join(
            literal + self._expanded(name, spec, conversion, kwargs)
            for literal, name, spec, conversion in self.parse(format_string)
        )

    def assemble(self, literal: str, field: str | None, format: str | None, conversion: str | None) -> str:
        """Put together again what ``parse`` took apart."""
        if not (field or format or conversion):
            return literal
        conversion = f"!{conversion}" if conversion else ""
        colon = ":" if field or conversion else ""
        spec = f"{colon}{format}" if format else ""
        return literal + "{" + (field or "") + conversion + spec + "}"

    def _expanded(
        self, name: str | None, spec: str | None, conversion: str | None, kwargs: Mapping[str, Any] | None
    ) -> str:
        plain = self.assemble("", name, spec, conversion)
        if name is None or name not in self.SPECIAL_FIELDS:
            return plain
        written, pattern = self.SPECIAL_FIELDS[name]
        if plain not in (written, "{" + name + "}"):
            return plain
        if kwargs is None or name in kwargs:
            return written
        return "(" + pattern.replace("{", "{{").replace("}", "}}") + ")"
