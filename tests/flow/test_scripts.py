"""What has a name of dbprocessing's: each script answers, with the options that mean something here."""

from __future__ import annotations

import pytest

from dbproc.cli.dbprocessing.commands import COMMANDS
from dbproc.cli.dbprocessing.instead import COMMANDS as INSTEAD
from tests.kit.commands import REPOSITORY
from tests.kit.mission import Mission, chain, name_of

RAW, CLEAN, SMOOTH = (name_of(name, 1) for name in ("raw", "clean", "smooth"))


def test_each_name_is_a_script_that_hands_over() -> None:
    scripts = {path.name: path.read_text() for path in (REPOSITORY / "scripts").glob("*.py")}
    assert set(scripts) == set(COMMANDS)
    assert all(f'enter("{name}")' in text for name, text in scripts.items())


@pytest.fixture
def built(sqlite_mission: Mission) -> Mission:
    sqlite_mission.create(*chain())
    sqlite_mission.deliver(RAW, name_of("raw", 3))
    sqlite_mission.run()
    return sqlite_mission


def test_what_asks_answers_from_the_catalogue(built: Mission) -> None:
    number = built.rows("SELECT product_id FROM product WHERE product_name = 'clean'")[0][0]
    told = built.script(
        "printInfo.py", built.database, "File", "-p", str(number), "-s", "1 Jan 2020", "-e", "2020-01-02"
    )
    assert CLEAN in told.out
    assert name_of("clean", 3) not in told.out
    for field, words in (
        ("Product", "smooth_{Y}"),
        ("process", "to_clean"),
        ("Code", "to_clean.sh"),
        ("Mission", "test"),
    ):
        assert words in built.script("printInfo.py", built.database, field).out
    required = built.script("printRequired.py", "-m", built.database, "to_smooth", "to_clean").out.splitlines()
    assert required[0] == "to_smooth"
    assert required[1] == f"  {number}\tclean"
    assert len(required[-1].split()) == 2
    gaps = built.script("missingFilesByProduct.py", "-m", built.database, "--parent", "raw", "clean").out
    assert gaps == built.dbproc("coverage", "--gaps", "--product", "clean").out
    assert built.script("missingFiles.py", "-m", built.database).out == built.dbproc("coverage", "--gaps").out
    built.script("htmlCoverage.py", "-m", built.database, "-d", "3", "cover")
    assert "clean" in (built.root / "cover.html").read_text()


def test_a_definition_is_written_and_overwrites_nothing_unasked(built: Mission) -> None:
    built.script("configFromDB.py", "-m", built.database, "new.toml")
    assert "nothing to change" in built.dbproc("apply", str(built.root / "new.toml")).out
    assert "-f to overwrite" in built.script("configFromDB.py", "-m", built.database, "new.toml", status=2).err
    built.script("configFromDB.py", "-f", "-m", built.database, "new.toml")


def test_what_changes_says_what_it_does_and_can_be_undone(built: Mission) -> None:
    built.script("purgeFileFromDB.py", "-r", "-m", built.database, RAW)
    built.run()
    assert not any(name in built.dbproc("files").out for name in (RAW, CLEAN))
    built.dbproc("restore", RAW)
    built.run()
    (path,) = built.root.rglob(CLEAN)
    path.unlink()
    assert built.script("dbOnlyFiles.py", "-m", built.database, status=1).out
    built.script("dbOnlyFiles.py", "-f", "-m", built.database)
    assert built.script("MigrateDB.py", "-y", "-m", built.database).out


def test_what_compares_and_takes_in_does_as_the_commands_do(built: Mission) -> None:
    assert "equal" in built.script("compareDB.py", "-m", built.database, "-m", built.database).out
    assert "twice" in built.script("compareDB.py", "-m", built.database, status=2).err
    for script in ("scrubber.py", "possibleProblemDates.py"):
        assert built.script(script, "-m", built.database).out == built.dbproc("check", "--plausible").out
    inspector = built.root / "mine.py"
    inspector.write_text(INSPECTOR)
    (raw,) = built.root.rglob(RAW)
    words = ["-m", built.database, "-f", str(raw), "-i", str(inspector), "-p", "raw", "-a", "word=said"]
    assert "said" in built.script("testInspector.py", *words, status=1).out
    stray = raw.with_name(name_of("raw", 7))
    stray.write_text("stray")
    assert stray.name in built.script("linkUningested.py", "-m", built.database, "-p", "raw").out
    assert stray.name in built.names("raw")
    stray.write_text("edited")
    built.script("updateSHAsum.py", "-m", built.database, str(stray))
    assert "no fault" in built.dbproc("check", "--deep").out


INSPECTOR = """
from dbprocessing import inspector
class Inspector(inspector.inspector):
    def inspect(self, kwargs):
        raise ValueError(kwargs["word"])
"""


@pytest.mark.parametrize("name", INSTEAD)
def test_what_is_gone_names_what_does_its_job(name: str, built: Mission) -> None:
    told = built.script(name, "-m", built.database, "--odd", "word", status=2).err
    assert f"{name} is gone" in told


def test_the_page_on_dbprocessing_names_every_script() -> None:
    page = (REPOSITORY / "docs" / "from-dbprocessing.md").read_text()
    section = page.partition("\n## Scripts")[2].partition("\n## ")[0]
    assert not {name for name in COMMANDS if f"`{name}" not in section}
