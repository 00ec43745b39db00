"""Trees of symbolic links to the newest files, kept up by runs."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from dbproc.storage import links as disk
from tests.kit.mission import Mission, chain, name_of, process, product


def links_in(tree: Path) -> dict[str, str]:
    """Each link below a tree, and what it leads to."""
    found = (Path(place) / name for place, _, names in os.walk(tree) for name in names)
    return {str(path.relative_to(tree)): os.readlink(path) for path in found if path.is_symlink()}


def newest(mission: Mission, *names: str) -> dict[str, str]:
    paths = [mission.files()[name].path for name in names]
    return {str(path.relative_to(mission.root)): str(path) for path in paths}


@pytest.mark.both_databases
def test_runs_keep_a_tree_of_links_up_and_touch_nothing_else_in_it(mission: Mission, tmp_path: Path) -> None:
    mission.create(*chain()[:2], process("to_clean", "clean", ["raw"]))
    mission.deliver(name_of("raw", 1), name_of("raw", 2))
    mission.run()
    tree, mine = tmp_path / "latest", tmp_path / "latest" / "data" / "clean" / name_of("clean", 3)
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    (tree / "notes").symlink_to("/nowhere")
    options = ("links", str(tree), "--product", "clean")
    assert f"{tree}: 2 links would be made" in mission.dbproc(*options, "--dry-run").out
    assert set(links_in(tree)) == {"notes"}
    assert f"{tree}: 2 links made, 0 removed, 0 kept" in mission.dbproc(*options).out
    first = newest(mission, name_of("clean", 1), name_of("clean", 2))
    assert links_in(tree) == {**first, "notes": "/nowhere"}
    assert f"{tree}: the newest files of clean" in mission.dbproc("links").out

    mission.deliver(name_of("raw", 1, "1.1.0"))
    mission.run()
    second = newest(mission, name_of("clean", 1, "1.1.0"), name_of("clean", 2))
    assert links_in(tree) == {**second, "notes": "/nowhere"}
    mission.dbproc("withdraw", name_of("clean", 1, "1.1.0"), "--reason", "wrong")
    mission.run()
    assert links_in(tree) == {**first, "notes": "/nowhere"}
    mission.dbproc("restore", name_of("clean", 1, "1.1.0"))
    mission.run()
    assert links_in(tree) == {**second, "notes": "/nowhere"}

    mission.deliver(name_of("raw", 3))
    assert f"left as it is, where links belong: {mine}" in mission.run(status=1).err
    assert mine.read_text() == "mine"
    mine.unlink()
    foreign = tree / "data" / "raw" / name_of("raw", 2)
    foreign.parent.mkdir()
    foreign.symlink_to("/nowhere")
    refused = json.loads(mission.dbproc("links", str(tree), "--json", status=1).out)
    assert refused["problem"] == f"not made by dbproc, and left as it is, where links belong: {foreign}"
    assert os.readlink(foreign) == "/nowhere"
    foreign.unlink()
    done = json.loads(mission.dbproc("links", str(tree), "--json").out)
    assert (done["made"], done["removed"], done["kept"]) == (1, 0, 5)
    assert len(links_in(tree)) == 7
    again = json.loads(mission.dbproc("links", str(tree), "--start", "2020-01-03", "--json").out)
    assert (again["made"], again["removed"], again["kept"]) == (0, 4, 2)
    os.unlink(tree / "data" / "raw" / name_of("raw", 3))
    other = tmp_path / "other"
    other.symlink_to(tree)
    mission.dbproc("links", str(other), "--remove")
    assert links_in(tree) == {"notes": "/nowhere"}
    assert os.listdir(tree) == ["notes"]
    assert "no tree of links" in mission.dbproc("links").out
    assert f"no tree of links in {tree}" in mission.dbproc("links", str(tree), "--remove", status=2).err


def test_a_tree_is_put_right_after_a_run_that_was_killed_and_when_files_have_come_of_age(
    sqlite_mission: Mission, tmp_path: Path
) -> None:
    mission, tree = sqlite_mission, tmp_path / "latest"
    mission.create(product("raw", 0, directory="data/raw/{Y}"))
    mission.deliver(name_of("raw", 1), name_of("raw", "20991231"))
    mission.run()
    mission.dbproc("links", str(tree), "--min-age", "1")
    assert len(links_in(tree)) == 1
    (lost,) = (tree / name for name in links_in(tree))
    lost.unlink()
    mission.run()
    assert links_in(tree) == {}  # nothing happened since
    mission.execute("UPDATE linktree SET is_current = 0")
    mission.run()
    assert len(links_in(tree)) == 1
    lost.unlink()
    mission.execute("UPDATE linktree SET made_date = '2020-01-01'")
    mission.run()
    assert len(links_in(tree)) == 1
    tree.rename(tmp_path / "unmounted")
    mission.deliver(name_of("raw", 2))
    assert f"{tree}: is not there, so no link is made" in mission.run(status=1).err
    assert not tree.exists()
    (tmp_path / "unmounted" / "data" / "raw" / "2020").rename(tmp_path / "2020")
    (tmp_path / "unmounted" / "data" / "raw" / "2020").symlink_to("/proc/self")  # where no link can be made
    (tmp_path / "unmounted").rename(tree)
    assert f"{tree}/data/raw/2020/{name_of('raw', 1)}: " in mission.run(status=1).err
    tree.rename(tmp_path / "unmounted")
    (tmp_path / "unmounted" / "data" / "raw" / "2020").unlink()
    (tmp_path / "2020").rename(tmp_path / "unmounted" / "data" / "raw" / "2020")
    tree.mkdir()  # the place where it is mounted
    mission.deliver(name_of("raw", 3))
    assert f"{tree}: is empty, so no link is made" in mission.run(status=1).err
    assert os.listdir(tree) == []
    tree.rmdir()
    (tmp_path / "unmounted").rename(tree)
    mission.run()
    assert len(links_in(tree)) == 3
    (tmp_path / "another").symlink_to(mission.incoming)
    for place in (
        tmp_path / "another",
        mission.root,
        mission.incoming / "x",
        mission.root / "data" / "raw",
        mission.root / ".dbproc" / "x",
    ):
        assert "is the mission's own" in mission.dbproc("links", str(place), status=2).err


def test_links_that_were_made_before_a_run_failed_go_when_their_files_are_not_the_newest_any_more(
    sqlite_mission: Mission, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mission, tree = sqlite_mission, tmp_path / "latest"
    mine = tree / "data" / "raw" / f"{name_of('raw', 1)}.dbproc.new"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    mission.create(product("raw", 0))
    mission.dbproc("links", str(tree))
    lead = disk.lead

    def made_last(path: str, target: str, before: str | None) -> bool:
        lead(path, target, before)
        raise OSError(28, "no space left", path)

    mission.deliver(name_of("raw", 1))
    with monkeypatch.context() as patched:
        patched.setattr(disk, "lead", made_last)
        assert "no space left" in mission.run(status=1).err
    assert set(links_in(tree)) == set(newest(mission, name_of("raw", 1)))
    mission.deliver(name_of("raw", 1, "1.1.0"))
    mission.run()
    assert links_in(tree) == newest(mission, name_of("raw", 1, "1.1.0"))
    assert mine.read_text() == "mine"
