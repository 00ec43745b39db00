"""Filenames that tell too little, or too much: what is said about them when they are defined, and when they come."""

from __future__ import annotations

import netCDF4
import pytest

from tests.kit.mission import Mission, product

DATED = "_{Y}{m}{d}.txt"
SILENT = """
from dbproc.products import Facts, Inspector


class Silent(Inspector):
    def inspect(self, path, name):
        return Facts()
"""
LEGACY = """
import datetime

from dbprocessing import inspector, Version


class Inspector(inspector.inspector):
    code_name = "legacy.py"

    def inspect(self, kwargs):
        self.diskfile.params["version"] = Version.Version(1, 0, 0)
        return self.diskfile
"""


def test_a_new_product_is_shown_with_the_keywords_in_its_names(mission: Mission) -> None:
    mission.create()
    mission.write(
        product("raw", 0, "raw_{station}_{Y}{m}{d}T{H}.txt"),
        product("gain", 0, "gain_{band}" + DATED),
        product("plain", 0),
    )
    shown = mission.dbproc("apply", str(mission.file)).out.splitlines()
    assert "add: product raw: raw_{station}_{Y}{m}{d}T{H}.txt; keywords {H}, {station}" in shown
    assert "add: product gain: gain_{band}_{Y}{m}{d}.txt; keyword {band}" in shown
    assert "add: product plain: plain_{Y}{m}{d}_v{VERSION}.txt" in shown


def test_names_of_two_products_are_told_when_they_are_defined_and_refused_when_they_come(mission: Mission) -> None:
    mission.create()
    mission.write(product("gain", 0, "gain" + DATED), product("any", 0, "{station}" + DATED))
    for _ in range(2):
        done = mission.dbproc("apply", str(mission.file))
        assert "warning: line " in done.err
        assert "a file 'gain_20000101.txt' can be of this product and of 'gain': it is refused when it" in done.err
    mission.deliver("gain_20000101.txt", "other_20000101.txt")
    mission.run(status=1)
    assert set(mission.files()) == {"other_20000101.txt"}
    assert list(mission.quarantined().values()) == ["two_products"]


@pytest.mark.parametrize(
    ("inspector", "said"),
    [
        ("netcdf", "neither its name nor its contents say of which date it is"),
        ("silent.py", "neither its name nor its contents say of which date it is"),
        ("legacy.py", "it confirmed the file but did not set utc_file_date"),
    ],
)
def test_a_file_whose_date_nobody_can_tell_is_refused(mission: Mission, inspector: str, said: str) -> None:
    mission.inspector("silent.py", SILENT)
    mission.inspector("legacy.py", LEGACY)
    mission.create(product("raw", 0, "raw_{station}.nc", inspector=inspector))
    with netCDF4.Dataset(mission.incoming / "raw_ank.nc", "w") as file:
        file.createDimension("x", 1)
    mission.run(status=1)
    assert mission.files() == {}
    assert len(mission.quarantined()) == 1
    assert said in mission.dbproc("quarantine", "list").out
