"""The table of sensors shows what becomes of their files."""

from __future__ import annotations

import pytest

from dbproc.codes.automatic.sensors import SENSORS
from docs import sensors
from tests.docs.test_reference import read


@pytest.mark.thorough
def test_the_table_of_sensors_is_what_is_made_of_them() -> None:
    shown = sensors.all_shown()
    assert set(shown) == set(SENSORS)
    page = read("idx/automatic.md")
    assert page == sensors.with_table(page, [row for row, _ in shown.values()]), "run: python docs/sensors.py"
    assert {path.stem for path in sensors.PICTURES.iterdir()} == {sensors.name_of(each) for each in SENSORS}
