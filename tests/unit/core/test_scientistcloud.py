"""ScientistCloud's words: every state has one, and what clients write is understood."""

from __future__ import annotations

import pytest

from dbproc.core.scientistcloud import STATUSES, minutes_words, sensor_of, states_of, truth_of
from dbproc.core.transfers import TransferState


def test_every_state_has_a_status_that_leads_back_to_it() -> None:
    assert set(STATUSES) == set(TransferState)
    for state, status in STATUSES.items():
        assert state in (states_of(status) or ())
    assert (states_of("paused"), states_of("none")) == ((), None)


@pytest.mark.parametrize(
    ("told", "sensor"), [("tiff_rgb", "TIFF RGB"), ("4D_Probe", "4D_NEXUS"), (" netcdf ", "NETCDF"), ("nose", None)]
)
def test_sensors_have_one_spelling(told: str, sensor: str | None) -> None:
    assert sensor_of(told) == sensor


def test_booleans_and_times_are_words_as_well() -> None:
    assert [truth_of(each) for each in (True, "YES", 0, "off", "perhaps")] == [True, True, False, False, None]
    assert [minutes_words(each) for each in (10, 60, 125, 1500)] == [
        *("10 minutes", "1 hours", "2 hours 5 minutes", "1 days 1 hours")
    ]
