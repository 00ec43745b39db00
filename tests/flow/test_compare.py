"""Two databases held against each other by names, of either kind."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.kit.mission import Mission, name_of, process, product

BLOCKS = (product("raw", 0), product("clean", 1), process("to_clean", "clean", ["raw"]))
NUMBER = f"(SELECT file_id FROM file WHERE filename = '{name_of('clean', 1)}')"


@pytest.mark.both_databases
def test_two_databases_are_equal_until_something_differs_and_all_that_does_is_told(
    mission: Mission, tmp_path: Path
) -> None:
    other = Mission(tmp_path / "other", str(tmp_path / "other.sqlite"))
    for each, days in ((mission, (3, 1, 2)), (other, (1, 2, 3))):  # so they have other numbers
        each.create(*BLOCKS)
        for day in days:
            each.deliver(name_of("raw", day))
            each.run()
    both = (mission.database, other.database)
    before = other.rows("SELECT * FROM logging")
    assert mission.dbproc("compare", *both).out == "equal: 6 files\n"
    assert other.rows("SELECT * FROM logging") == before

    other.execute("UPDATE product SET level = 3 WHERE product_name = 'clean'")
    other.execute(f"DELETE FROM filefilelink WHERE resulting_file = {NUMBER}")
    other.execute(f"UPDATE file SET shasum = 'sha256:0', filename = 'x' WHERE filename = '{name_of('raw', 3)}'")
    other.execute(f"UPDATE file SET shasum = 'blake3:0' WHERE filename = '{name_of('raw', 2)}'")
    for each, digest in ((mission, "sha256:1"), (other, "sha256:2")):
        each.execute(
            f"INSERT INTO filemember (file_id, member_path, member_size, shasum) VALUES ({NUMBER}, 'a', 1, '{digest}')"
        )
    other.execute(f"UPDATE file SET caveats = 'cloudy' WHERE filename = '{name_of('raw', 1)}'")
    said = mission.dbproc("compare", *both, status=1).out
    assert "definition: product.clean.level 1 | 3" in said
    assert f"only in the first: {name_of('raw', 3)}" in said
    assert "only in the second: x" in said
    assert f"differs: {name_of('clean', 1)}: inputs {name_of('raw', 1)} | -; members 1 (" in said
    assert f"differs: {name_of('clean', 3)}: inputs {name_of('raw', 3)} | x" in said
    assert f"differs: {name_of('raw', 1)}: caveats - | cloudy" in said
    assert "1 with digests of different algorithms" in said
    assert "2 files equal, 3 differ, 1 only in the first, 1 only in the second" in said
    mission.execute("DELETE FROM filemember")
    told = json.loads(mission.dbproc("compare", *reversed(both), "--json", status=1).out)
    assert (told["only_first"], told["only_second"]) == (["x"], [name_of("raw", 3)])
    assert told["definition"] == [{"what": "product.clean.level", "first": "3", "second": "1"}]
