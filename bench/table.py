"""What a benchmark found, as a row of a table."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement.

    Attributes
    ----------
    benchmark, database, what
        What was measured.
    values, unit
        What was found in each round.
    others, than
        The same of what was timed in turn with it, and what that was; empty where there is nothing to compare with.
    target
        What the median (or, with `is_ratio`, the ratio) must reach, None when nothing was promised.
    more_is_better
        Whether a higher value is the better one.
    """

    benchmark: str
    database: str
    what: str
    values: Sequence[float]
    unit: str
    others: Sequence[float] = ()
    than: str = ""
    target: float | None = None
    is_ratio: bool = False
    more_is_better: bool = False

    @property
    def value(self) -> float:
        """The median of all rounds."""
        return statistics.median(self.values)

    @property
    def ratio(self) -> float | None:
        """The median of the ratios of each round."""
        if not self.others:
            return None
        return statistics.median(value / other for value, other in zip(self.values, self.others, strict=True))

    @property
    def is_within(self) -> bool | None:
        """Whether the target is reached; None when there is none."""
        reached = self.ratio if self.is_ratio else self.value
        if self.target is None or reached is None:
            return None
        return reached >= self.target if self.more_is_better else reached <= self.target


def print_table(rows: Iterable[Row]) -> None:
    """Print rows as aligned columns."""
    lines: list[tuple[str, ...]] = [("benchmark", "database", "what", "median", "", "ratio to", "", "target", "")]
    lines += [_cells(row) for row in rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    for line in lines:
        cells = [
            cell.rjust(width) if column in (3, 7) else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        print("  ".join(cells).rstrip())


def _cells(row: Row) -> tuple[str, ...]:
    ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
    target = "" if row.target is None else f"{'>=' if row.more_is_better else '<='} {row.target:g}"
    verdict = {None: "", True: "reached", False: "MISSED"}[row.is_within]
    than = f"{row.than} ({_short(statistics.median(row.others))} {row.unit})" if row.others else ""
    return (row.benchmark, row.database, row.what, _short(row.value), row.unit, ratio, than, target, verdict)


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2g}"
