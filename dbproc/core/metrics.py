"""Numbers as Prometheus reads them: its text format 0.0.4, and OpenMetrics 1.0. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"
OPEN_METRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
"""The media types of both."""

_TOTAL = "_total"


class Kind(StrEnum):
    """What the numbers of a metric are."""

    GAUGE = "gauge"  #: rise and fall
    COUNTER = "counter"  #: only rise
    HISTOGRAM = "histogram"  #: how many were at most so long


@dataclass(frozen=True, slots=True)
class Sample:
    """One number, `suffix` after the name of its metric."""

    labels: Mapping[str, str]
    value: float
    suffix: str = ""


@dataclass(frozen=True, slots=True)
class Metric:
    """Numbers of one name; that of a counter ends in ``_total``."""

    name: str
    kind: Kind
    about: str
    samples: tuple[Sample, ...]


def gauge(name: str, about: str, *samples: tuple[Mapping[str, str], float | None]) -> Metric:
    """A metric of which each number has its labels; what nobody knows is left out."""
    return _metric(Kind.GAUGE, name, about, samples)


def counter(name: str, about: str, *samples: tuple[Mapping[str, str], float | None]) -> Metric:
    """The same of numbers that only rise."""
    return _metric(Kind.COUNTER, name, about, samples)


def _metric(kind: Kind, name: str, about: str, samples: Iterable[tuple[Mapping[str, str], float | None]]) -> Metric:
    return Metric(name, kind, about, tuple(Sample(labels, value) for labels, value in samples if value is not None))


@dataclass(frozen=True, slots=True)
class Spread:
    """How long some things took: how many at most as long as each of `bounds`, how many in all, and for how long."""

    bounds: tuple[float, ...]
    within: tuple[int, ...]
    count: int
    total: float


def histogram(name: str, about: str, spreads: Iterable[tuple[Mapping[str, str], Spread]]) -> Metric:
    """A metric of how long things took, seconds."""
    return Metric(name, Kind.HISTOGRAM, about, tuple(each for spread in spreads for each in _buckets(*spread)))


def _buckets(labels: Mapping[str, str], spread: Spread) -> Iterator[Sample]:
    for bound, count in zip(spread.bounds, spread.within, strict=True):
        yield Sample({**labels, "le": _number(bound)}, count, "_bucket")
    yield Sample({**labels, "le": "+Inf"}, spread.count, "_bucket")
    yield Sample(labels, spread.total, "_sum")
    yield Sample(labels, spread.count, "_count")


def exposition(metrics: Iterable[Metric], labels: Mapping[str, str], *, is_open: bool = False) -> str:
    """The text that Prometheus reads; `labels` are those of every number, `is_open`: as OpenMetrics has it."""
    lines = [line for metric in metrics if metric.samples for line in _lines(metric, labels, is_open=is_open)]
    return "\n".join([*lines, "# EOF" if is_open else "", *([""] if is_open else [])])


def _lines(metric: Metric, labels: Mapping[str, str], *, is_open: bool) -> Iterator[str]:
    name = metric.name.removesuffix(_TOTAL) if is_open and metric.kind is Kind.COUNTER else metric.name
    yield f"# HELP {name} {_escaped(metric.about, quotes=is_open)}"
    yield f"# TYPE {name} {metric.kind}"
    for sample in metric.samples:
        words = ",".join(f'{key}="{_escaped(text)}"' for key, text in {**labels, **sample.labels}.items())
        yield f"{metric.name}{sample.suffix}{{{words}}} {_number(sample.value)}"


def _escaped(text: str, *, quotes: bool = True) -> str:
    text = text.replace("\\", r"\\").replace("\n", r"\n")
    return text.replace('"', r"\"") if quotes else text


def _number(value: float) -> str:
    return repr(float(value)).removesuffix(".0") if abs(value) < 1e15 else repr(float(value))
