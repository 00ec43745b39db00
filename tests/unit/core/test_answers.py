"""The fields of an answer are the keys of its JSON."""

from __future__ import annotations

from dataclasses import dataclass, field

from dbproc.core.answers import HIDDEN, INLINE, OPTIONAL, entries, extended, key


@dataclass(frozen=True, slots=True, kw_only=True)
class Weather:
    place: str
    highest: float | None = field(default=None, metadata=key("max"))
    warning: str | None = field(default=None, metadata=OPTIONAL)
    source: str = field(default="", metadata=HIDDEN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast(Weather):
    tomorrow: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    number: int
    weather: Weather = field(metadata=INLINE)
    author: str


def test_a_key_is_the_name_of_its_field_or_another_one_that_was_given() -> None:
    assert list(entries(Weather(place="Bologna", highest=31.5))) == [("place", "Bologna"), ("max", 31.5)]


def test_only_an_optional_key_is_missing_where_there_is_nothing() -> None:
    assert dict(entries(Weather(place="Bologna"))) == {"place": "Bologna", "max": None}
    assert dict(entries(Weather(place="Bologna", warning="fog")))["warning"] == "fog"


def test_a_hidden_field_has_no_key() -> None:
    assert "source" not in dict(entries(Weather(place="Bologna", source="a barometer")))


def test_the_keys_of_an_inline_field_stand_in_its_place() -> None:
    report = Report(number=3, weather=Weather(place="Bologna", source="a barometer"), author="Ada")
    assert list(entries(report)) == [("number", 3), ("place", "Bologna"), ("max", None), ("author", "Ada")]


def test_an_answer_is_extended_by_further_fields_after_its_own() -> None:
    weather = Weather(place="Bologna", highest=31.5, source="a barometer")
    forecast = extended(Forecast, weather, tomorrow="rain")
    assert forecast == Forecast(place="Bologna", highest=31.5, source="a barometer", tomorrow="rain")
    assert list(dict(entries(forecast))) == ["place", "max", "tomorrow"]
