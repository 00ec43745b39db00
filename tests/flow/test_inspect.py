"""What products say of a file, also with an inspector that is not applied yet."""

from __future__ import annotations

from tests.kit.mission import Mission, product

OWN = """
from dbproc.products import Facts, Inspector, NotMine

class Own(Inspector):
    def inspect(self, path, name, word="", **others):
        if word not in open(path).read():
            raise NotMine(f"it lacks {word}")
        return Facts(version="3.2.1")
"""


def test_an_inspector_is_tried_for_a_product_before_it_is_applied(sqlite_mission: Mission) -> None:
    mission = sqlite_mission
    mission.create(product("raw", 0, "raw_{Y}{m}{d}.txt"), product("other", 0, "other_{Y}{m}{d}.txt"))
    file = mission.root / "raw_20200101.txt"
    file.write_text("with a beacon")
    own = mission.root / "own.py"
    own.write_text(OWN)
    before = mission.tables()
    assert "yes: date 2020-01-01" in mission.dbproc("inspect", str(file)).out
    trying = ("inspect", str(file), "--product", "raw", "--inspector", str(own))
    assert "version 3.2.1" in mission.dbproc(*trying, "--arguments", "word=beacon").out
    assert "it lacks lamp" in mission.dbproc(*trying, "--arguments", "word=lamp other=1", status=1).out
    verdicts = mission.dbproc("inspect", str(file), "--product", "other", "--json", status=1).json["verdicts"]
    assert [verdict["product"] for verdict in verdicts] == ["other"]
    built_in = mission.dbproc("inspect", str(file), "--product", "raw", "--inspector", "netcdf", status=1).out
    assert "raw: no: " in built_in
    assert "is no argument" in mission.dbproc(*trying, "--arguments", "word", status=2).err
    assert "--product PRODUCT" in mission.dbproc("inspect", str(file), "--inspector", str(own), status=2).err
    missing = ("inspect", str(file), "--product", "raw", "--inspector", "nowhere.py")
    assert "is no inspector" in mission.dbproc(*missing, status=2).err
    assert mission.tables() == before
