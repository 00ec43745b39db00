"""Keys of slots."""

from __future__ import annotations

import pytest

from dbproc.core.model import Keying, Timebase
from dbproc.core.slots import key_fields

EACH, MERGED = Keying
GRID = [each for each in Timebase if each.is_grid]
BY_FILES = [Timebase.FILE, Timebase.PER]


@pytest.mark.parametrize("timebase", [*GRID, *BY_FILES])
def test_a_key_has_the_keywords_of_the_output_whatever_the_inputs_have(timebase: Timebase) -> None:
    assert key_fields(timebase, EACH, [{"station"}], [{"station", "band"}]) == {"station"}
    assert key_fields(timebase, EACH, [{"station"}], [set()]) == {"station"}
    assert key_fields(timebase, EACH, [set()], [{"station"}]) == set()
    assert key_fields(timebase, EACH, [{"station"}, {"station"}], [{"station"}]) == {"station"}


@pytest.mark.parametrize("timebase", GRID)
def test_the_time_of_day_of_a_period_of_the_calendar_is_no_part_of_its_key(timebase: Timebase) -> None:
    assert key_fields(timebase, EACH, [{"station", "H", "M"}], [{"station", "H", "M"}]) == {"station"}


@pytest.mark.parametrize("timebase", BY_FILES)
def test_the_time_of_day_of_a_file_is_part_of_its_key_where_an_input_has_it(timebase: Timebase) -> None:
    assert key_fields(timebase, EACH, [{"H", "M"}], [{"H"}, {"M"}]) == {"H", "M"}
    assert key_fields(timebase, EACH, [{"H", "M"}], [{"H"}]) == {"H"}
    assert key_fields(timebase, EACH, [{"H"}], [set()]) == set()


@pytest.mark.parametrize("timebase", list(Timebase))
def test_merged_keywords_make_no_key(timebase: Timebase) -> None:
    assert key_fields(timebase, MERGED, [{"station", "H"}], [{"station", "H"}]) == set()
