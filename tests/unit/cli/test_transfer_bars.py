"""Bars of files that move now."""

from __future__ import annotations

from dbproc.cli.transfer_bars import bar_lines
from dbproc.transfers.work import Live


def live(name: str, came: int, total: int | None, rate: float | None = None) -> Live:
    return Live(transfer_id=1, filename=name, durable=0, came=came, total=total, bytes_per_second=rate)


def test_each_file_has_its_bar_and_all_have_a_line() -> None:
    moving = [live("a.cdf", 250_000, 1_000_000, 125_000.0), live("b.cdf", 5, None)]
    assert bar_lines(moving, 3, 2_000_000, 80) == [
        "a.cdf [#####...............] 250.0 kB of 1.0 MB 125.0 kB/s, 0:00:06 left",
        "b.cdf 5 B",
        "3 done, 2.0 MB, 2 on their way",
    ]


def test_no_line_is_longer_than_the_terminal_and_few_are_shown() -> None:
    moving = [live("x" * 200 + f"{number}\n.cdf", number, 10**15, 1.0) for number in range(9)]
    lines = bar_lines(moving, 0, 0, 80)
    assert max(map(len, lines)) < 80
    assert len(lines) == 6
    assert not any("\n" in line for line in lines)


def test_an_empty_file_and_one_that_sends_too_much_have_no_odd_bar() -> None:
    assert bar_lines([live("a", 0, 0)], 0, 0, 80)[0] == "a 0 B"
    assert "[####################]" in bar_lines([live("a", 20, 10)], 0, 0, 80)[0]
