"""What Prometheus is told: its own readers read it."""

from __future__ import annotations

from prometheus_client import parser
from prometheus_client.openmetrics import parser as open_parser

from dbproc.core.metrics import Metric, Spread, counter, exposition, gauge, histogram

ODD = 'a "quoted" \\ word\nand a line'
ALL = (
    gauge("some_bytes", ODD, ({"place": ODD}, 1.5), ({"place": "big"}, 2**60), ({"place": "unknown"}, None)),
    counter("asked_total", "How often.", ({}, 3)),
    histogram("took_seconds", "How long.", [({"what": "x"}, Spread((0.1, 1.0), (1, 2), 3, 7.25))]),
    gauge("nothing", "Nothing is known."),
)


def read(metrics: tuple[Metric, ...], *, is_open: bool) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    text = exposition(metrics, {"mission": "sun"}, is_open=is_open)
    families = (open_parser if is_open else parser).text_string_to_metric_families(text)
    samples = [sample for family in families for sample in family.samples]
    assert all(sample.labels.pop("mission") == "sun" for sample in samples)
    return {(sample.name, frozenset(sample.labels.items())): sample.value for sample in samples}


def test_both_formats_are_read_as_they_were_meant() -> None:
    expected = {
        ("some_bytes", frozenset({("place", ODD)})): 1.5,
        ("some_bytes", frozenset({("place", "big")})): 2.0**60,
        ("asked_total", frozenset()): 3.0,
        ("took_seconds_bucket", frozenset({("what", "x"), ("le", "0.1")})): 1.0,
        ("took_seconds_bucket", frozenset({("what", "x"), ("le", "1")})): 2.0,
        ("took_seconds_bucket", frozenset({("what", "x"), ("le", "+Inf")})): 3.0,
        ("took_seconds_sum", frozenset({("what", "x")})): 7.25,
        ("took_seconds_count", frozenset({("what", "x")})): 3.0,
    }
    assert read(ALL, is_open=False) == expected
    assert read(ALL, is_open=True) == expected


def test_where_nothing_is_known_nothing_is_told() -> None:
    assert exposition(ALL[3:], {}) == ""
    assert exposition(ALL[3:], {}, is_open=True) == "# EOF\n"
