"""This product, or else that one: of the products of a choice exactly one is used, the best that is there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.kit.mission import Mission, name_of, process, product


def first_of(*products: str, **keys: object) -> dict[str, object]:
    return {"first_of": list(products), **keys}


def blocks(**keys: object) -> list[str]:
    return [
        product("final", 0),
        product("quick", 0),
        product("map", 1),
        process("to_map", "map", [first_of("final", "quick", **keys)]),
    ]


def lose(mission: Mission, name: str) -> None:
    """A file goes away, and the mission learns of it."""
    mission.files()[name].path.unlink()
    mission.dbproc("check", "--repair")


def test_the_better_product_is_used_and_when_it_comes_later_there_is_one_rebuild(mission: Mission) -> None:
    mission.create(*blocks())
    mission.deliver(name_of("quick", 1), name_of("quick", 2), name_of("final", 2))
    mission.run()
    assert mission.content(name_of("map", 1)) == "map(quick_20200101)"
    assert mission.content(name_of("map", 2)) == "map(final_20200102)"
    mission.deliver(name_of("final", 1))
    done = mission.run()
    new = name_of("map", 1, "1.1.0")
    better = f"better input {name_of('final', 1)} in the place of {name_of('quick', 1)}"
    assert f"built {new}: {better}" in done.out
    assert mission.files()[new].inputs == {name_of("final", 1)}
    mission.deliver(name_of("quick", 1, "1.1.0"))
    mission.run()
    assert mission.names("map") == [name_of("map", 1), new, name_of("map", 2)]
    why = mission.dbproc("why", new).out
    assert f"because: {better}" in why
    assert f"from {name_of('final', 1)} (final, the first of final, quick)" in why


def test_when_the_better_one_goes_away_the_other_is_used(sqlite_mission: Mission) -> None:
    mission = sqlite_mission
    mission.create(*blocks())
    mission.deliver(name_of("quick", 1), name_of("final", 1))
    mission.run()
    path = mission.files()[name_of("final", 1)].path
    kept = path.read_text()
    lose(mission, name_of("final", 1))
    done = mission.run()
    new = name_of("map", 1, "1.1.0")
    assert f"other input {name_of('quick', 1)} in the place of {name_of('final', 1)}" in done.out
    assert mission.content(new) == "map(quick_20200101)"
    mission.deliver(name_of("final", 1), content=kept)
    mission.run()
    assert mission.content(name_of("map", 1, "1.2.0")) == "map(final_20200101)"


def test_the_choice_is_made_for_each_slot_by_what_covers_its_own_days(sqlite_mission: Mission) -> None:
    mission = sqlite_mission
    mission.create(*blocks(yesterday=1))
    mission.deliver(*(name_of("quick", day) for day in (1, 2, 3)), name_of("final", 1), name_of("final", 3))
    mission.run()
    assert mission.content(name_of("map", 1)) == "map(final_20200101)"
    assert mission.content(name_of("map", 2)) == "map(quick_20200101)(quick_20200102)"
    assert mission.content(name_of("map", 3)) == "map(final_20200103)"
    mission.deliver(name_of("final", 2))
    mission.run()
    assert mission.content(name_of("map", 2, "1.1.0")) == "map(final_20200101)(final_20200102)"
    assert mission.content(name_of("map", 3, "1.1.0")) == "map(final_20200102)(final_20200103)"
    mission.run()
    assert len(mission.names("map")) == 5


@pytest.mark.thorough
def test_an_optional_choice_may_be_empty(sqlite_mission: Mission) -> None:
    mission = sqlite_mission
    mission.create(
        product("raw", 0),
        *blocks()[:3],
        process("to_map", "map", ["raw", first_of("final", "quick", optional=True)]),
    )
    mission.deliver(name_of("raw", 1))
    mission.run()
    mission.deliver(name_of("quick", 1))
    assert f"input {name_of('quick', 1)} added" in mission.run().out
    mission.deliver(name_of("final", 1))
    assert "better input" in mission.run().out
    assert mission.content(name_of("map", 1, "1.2.0")) == "map(raw_20200101)(final_20200101)"


@pytest.mark.thorough
def test_products_of_a_choice_whose_files_have_other_keywords_are_still_in_each_others_place(
    sqlite_mission: Mission,
) -> None:
    mission = sqlite_mission
    mission.create(product("final", 0), product("quick", 0, "quick_{station}_{Y}{m}{d}.txt"), *blocks()[2:])
    mission.deliver("quick_a_20200101.txt", "quick_b_20200101.txt")
    mission.run()
    mission.deliver(name_of("final", 1))
    assert f"built {name_of('map', 1, '1.1.0')}: better input {name_of('final', 1)}\n" in mission.run().out


def test_a_job_waits_for_the_makers_of_all_products_of_a_choice(sqlite_mission: Mission) -> None:
    mission = sqlite_mission
    mission.code("to_final.sh", "#!/bin/sh\nsleep 1; echo final > $2\n")
    mission.create(
        product("raw", 0),
        product("final", 1),
        product("quick", 1),
        product("map", 2),
        process("to_final", "final", ["raw"]),
        process("to_quick", "quick", ["raw"]),
        process("to_map", "map", [first_of("final", "quick")]),
    )
    mission.deliver(name_of("raw", 1))
    mission.run("-n", "2")
    assert mission.names("map") == [name_of("map", 1)]
    assert mission.content(name_of("map", 1)) == "map(final\n)".replace("\n", "")


def test_the_definition_comes_out_as_it_went_in_and_a_second_apply_changes_nothing(
    sqlite_mission: Mission, tmp_path: Path
) -> None:
    mission = sqlite_mission
    mission.create(*blocks(optional=True, yesterday=1))
    assert "nothing to change" in mission.dbproc("apply", str(mission.file)).out
    exported = mission.dbproc("export").out
    assert 'first_of = ["final", "quick"]' in exported
    mission.file.write_text(exported)
    assert "nothing to change" in mission.dbproc("apply", str(mission.file)).out
    mission.write(*blocks()[:3], process("to_map", "map", [first_of("quick", "final", optional=True, yesterday=1)]))
    done = mission.dbproc("apply", str(mission.file))
    assert "where there is no final) → quick (" in done.out
    assert "the best of its choice)" in done.out


@pytest.mark.thorough
def test_a_new_order_of_the_choice_is_a_reason_to_make_it_again(sqlite_mission: Mission) -> None:
    mission = sqlite_mission
    mission.create(*blocks())
    mission.deliver(name_of("quick", 1), name_of("final", 1))
    mission.run()
    mission.define(*blocks()[:3], process("to_map", "map", [first_of("quick", "final")]))
    assert "better input" in mission.run().out
    assert mission.content(name_of("map", 1, "1.1.0")) == "map(quick_20200101)"


def test_choices_that_are_none_are_refused_where_they_stand(sqlite_mission: Mission) -> None:
    mission = sqlite_mission
    mission.create(*blocks())
    cases: list[tuple[list[Any], str]] = [
        ([first_of("final")], "lists the products that stand for each other"),
        ([first_of("final", "final")], "'final' is an input already"),
        ([first_of("final", "quick"), "quick"], "'quick' is an input already"),
        ([first_of("final", "quikc")], "no product 'quikc'; did you mean"),
        ([{"first_of": ["final", "quick"], "product": "final"}], "product"),
    ]
    for inputs, message in cases:
        mission.write(*blocks()[:3], process("to_map", "map", inputs))
        error = mission.dbproc("apply", str(mission.file), status=2).err
        assert message in error, error
    mission.write(*blocks()[:3], process("to_map", "map", [first_of("final", "quick"), "raw"]))
    assert "process.to_map.inputs[2]" in mission.dbproc("apply", str(mission.file), status=2).err
