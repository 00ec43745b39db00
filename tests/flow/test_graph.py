"""The picture of a mission."""

from __future__ import annotations

from xml.etree import ElementTree

from tests.kit.mission import Mission, chain, optional, process, product


def test_the_picture_has_every_product_and_process_and_what_leads_into_what(sqlite_mission: Mission) -> None:
    more = [product("sum", 3), process("to_sum", "sum", ["smooth", optional("raw")])]
    mission = sqlite_mission.create(*chain(), *more)
    root = ElementTree.fromstring(mission.dbproc("graph").out)
    space = "{http://www.w3.org/2000/svg}"
    texts = {each.text for each in root.iter(f"{space}text")}
    assert texts == {"raw", "clean", "smooth", "sum", "to_clean", "to_smooth", "to_sum"}
    arrows = [each for each in root.iter(f"{space}path") if each.get("marker-end")]
    assert [each.get("stroke-dasharray") for each in arrows].count(None) == 6
    assert len(arrows) == 7
    boxes = [tuple(float(each.get(name) or 0) for name in ("x", "y")) for each in root.iter(f"{space}rect")]
    assert len(set(boxes)) == len(boxes) == 8
    assert mission.dbproc("graph", "--dot").out.count("->") == 7
    told = mission.dbproc("graph", "--json").json
    names = [node["name"] for node in told["nodes"]]
    ways = {(names[edge["source"]], names[edge["target"]], edge["is_optional"]) for edge in told["edges"]}
    assert {("raw", "to_sum", True), ("raw", "to_clean", False), ("to_sum", "sum", False)} < ways
    assert len(ways) == 7
