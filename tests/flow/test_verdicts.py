"""Files that say by their names how good others are: their words are marks, as long as they are not taken back."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kit.mission import Mission, name_of, process, product

RAW = [name_of("raw", day) for day in (1, 2, 3)]
CLEAN = [name_of("clean", day) for day in (1, 2, 3)]


def qa(day: int, word: str, version: str = "1.0.0") -> str:
    return f"qa_202001{day:02d}_v{version}_{word}.txt"


def blocks(**keys: object) -> list[str]:
    return [
        *(product("raw", 0), product("clean", 1), product("fine", 2), product("all", 2)),
        product("qa", 0, "qa_{Y}{m}{d}_v{VERSION}_{QACODE}.txt", **keys),
        process("to_clean", "clean", ["raw"]),
        process("to_fine", "fine", [{"product": "clean", "quality": ["ok"]}]),
        process("to_all", "all", [{"product": "clean", "quality": ["ok", "unknown"]}]),
    ]


@pytest.fixture
def made(mission: Mission) -> Mission:
    """Two days; fine is made of what is found good, all of what is not found bad."""
    mission.create(*blocks(quality_of="clean"), retry_seconds=0)
    mission.deliver(*RAW[:2])
    mission.run()
    return mission


def marks(mission: Mission) -> dict[str, str]:
    rows = mission.rows("SELECT filename, quality FROM file WHERE quality <> 'unknown' AND replaced_by IS NULL")
    return {name: str(quality) for name, quality in rows}


def newest(mission: Mission, product: str) -> set[str]:
    rows = mission.rows("SELECT filename FROM newest_file")
    return {name for (name,) in rows if name.startswith(f"{product}_")}


@pytest.mark.both_databases
def test_a_word_is_a_mark_and_what_depends_on_it_follows(made: Mission) -> None:
    assert not newest(made, "fine")
    made.deliver(qa(1, "ok"), qa(2, "problem"), qa(3, "ok"), content="seen by AB")
    assert "what comes of its word about clean is not foreseen" in " ".join(made.dbproc("plan").out.split())
    out = made.run().out
    assert marks(made) == {CLEAN[0]: "ok", CLEAN[1]: "problem"}
    assert newest(made, "fine") == {name_of("fine", 1)}
    assert newest(made, "all") == {name_of("all", 1)}
    assert f"{CLEAN[1]}: is marked problem, as {qa(2, 'problem')} says" in out
    assert f"as {qa(2, 'problem')} says" in made.dbproc("log", "--file", CLEAN[1]).out
    why = made.dbproc("why", CLEAN[1]).out
    assert f"because of {qa(2, 'problem')}: quality problem; as {qa(2, 'problem')} says" in " ".join(why.split())
    assert f"says problem of {CLEAN[1]}\n" in made.dbproc("why", qa(2, "problem")).out
    assert f"says ok of {CLEAN[2]}, which has not come yet" in made.dbproc("why", qa(3, "ok")).out
    assert "nothing to do" in made.dbproc("plan").out

    made.deliver(RAW[2])  # what waits for it marks it as it comes
    made.run()
    assert marks(made)[CLEAN[2]] == "ok"
    assert newest(made, "fine") == {name_of("fine", 1), name_of("fine", 3)}

    made.deliver(qa(1, "problem"), content="later")
    made.run()
    assert marks(made)[CLEAN[0]] == "problem"
    assert newest(made, "fine") == {name_of("fine", 3)}
    foretold = made.dbproc("withdraw", qa(1, "problem"), "--reason", "wrong day", "--dry-run").out
    assert f"{name_of('fine', 1)}: made anew as {name_of('fine', 1, '1.0.1')}" in foretold
    assert marks(made)[CLEAN[0]] == "problem"
    made.dbproc("withdraw", qa(1, "problem"), "--reason", "wrong day")
    assert marks(made)[CLEAN[0]] == "ok"
    made.run()
    assert newest(made, "fine") == {name_of("fine", 1, "1.0.1"), name_of("fine", 3)}
    made.dbproc("restore", qa(1, "problem"))
    assert marks(made)[CLEAN[0]] == "problem"
    made.deliver(qa(1, "ok"), content="seen by AB")  # said once more, with the same bytes
    made.run()
    assert marks(made)[CLEAN[0]] == "ok"
    made.dbproc("mark", CLEAN[0], "--quality", "ignore", "--reason", "a person's word is later")
    made.run()
    assert marks(made)[CLEAN[0]] == "ignore"
    made.deliver(name_of("raw", 1, "1.1.0"), content="better")
    made.run()
    assert name_of("clean", 1, "1.1.0") not in marks(made)
    made.check()
    assert "no fault" in made.dbproc("check", "--deep").out


@pytest.mark.both_databases
def test_words_of_other_bytes_hold_no_more_and_a_lost_word_does(mission: Mission) -> None:
    raw = [product("raw", 0), product("qa", 0, "qa_{Y}{m}{d}_v{VERSION}_{QACODE}.txt", quality_of="raw")]
    mission.create(*raw, retry_seconds=0)
    mission.deliver(RAW[0], qa(1, "problem"))
    mission.run()
    assert marks(mission) == {RAW[0]: "problem"}
    mission.files()[qa(1, "problem")].path.unlink()
    mission.run(status=1)
    assert marks(mission) == {RAW[0]: "problem"}
    (other := mission.root / "other").write_text("other bytes")
    mission.dbproc("replace", RAW[0], "with", str(other), "--reason", "corrected")
    assert marks(mission) == {}
    mission.dbproc("restore", RAW[0])
    assert marks(mission) == {RAW[0]: "problem"}
    mission.dbproc("withdraw", qa(1, "problem"), "--reason", "gone")
    assert marks(mission) == {}


def test_the_mission_file_says_whose_quality_it_is(made: Mission) -> None:
    assert 'quality_of = "clean"' in made.dbproc("export").out
    for wrong, words in (
        ({"quality_of": "claen"}, "there is no product 'claen'; did you mean 'clean'?"),
        ({"quality_of": "qa"}, "they have {QACODE}"),
        ({"quality_of": "clean"}, "the format lacks {VERSION} of its format"),
    ):
        made.write(*blocks(**wrong))
        text = made.file.read_text()
        made.file.write_text(text.replace("_v{VERSION}_{QACODE}", "_{QACODE}") if "VERSION" in words else text)
        assert words in made.dbproc("apply", str(made.file), status=2).err, wrong


def test_words_that_were_there_before_count_once_the_mission_file_says_what_they_are(mission: Mission) -> None:
    mission.create(*blocks(), retry_seconds=0)
    mission.deliver(*RAW[:2], qa(1, "ok"))
    mission.run()
    assert marks(mission) == {}
    mission.define(*blocks(quality_of="clean"), retry_seconds=0)
    assert marks(mission) == {CLEAN[0]: "ok"}
    mission.run()
    assert newest(mission, "fine") == {name_of("fine", 1)}


def test_dbprocessings_files_need_not_say_it(mission: Mission, tmp_path: Path) -> None:
    mission.inspector("any.py", _INSPECTOR)
    ini = mission.root / "mission.ini"
    ini.write_text(_INI.format(root=mission.root))
    mission.dbproc("init", mission.database)
    mission.dbproc("apply", str(ini))
    assert 'quality_of = "l1"' in mission.dbproc("export").out
    mission.execute("UPDATE mission SET settle_seconds = 0")
    mission.deliver("l1_20200101_v1.0.0.txt", "l1_20200101_v1.0.0_problem.txt")
    mission.run()
    assert marks(mission) == {"l1_20200101_v1.0.0.txt": "problem"}
    mission.deliver("l1_20200101_v1.0.0_ok.txt")
    mission.run()
    assert marks(mission) == {"l1_20200101_v1.0.0.txt": "ok"}


_INSPECTOR = """
import datetime
from dbprocessing import inspector, Version


class Inspector(inspector.inspector):
    code_name = "any.py"

    def inspect(self, kwargs):
        day = datetime.datetime.strptime(self.basename.split("_")[1], "%Y%m%d")
        self.diskfile.params["utc_file_date"] = day.date()
        self.diskfile.params["utc_start_time"] = day
        self.diskfile.params["utc_stop_time"] = day + datetime.timedelta(days=1) - datetime.timedelta(seconds=1)
        self.diskfile.params["data_level"] = float(kwargs["level"])
        self.diskfile.params["version"] = Version.Version(1, 0, 0)
        return "it is"
"""

_INI = """
[mission]
rootdir = {root}
mission_name = test
incoming_dir = incoming
codedir = codes
inspectordir = inspectors
errordir = quarantine
[satellite]
satellite_name = sat
[instrument]
instrument_name = inst
[product_l1]
product_name = l1
relative_path = data/l1
level = 1.0
format = l1_{{Y}}{{m}}{{d}}_v{{VERSION}}.txt
product_description =
inspector_filename = any.py
inspector_relative_path = .
inspector_description = any
inspector_version = 1.0.0
inspector_output_interface = 1
inspector_active = True
inspector_date_written = 2020-01-01
inspector_newest_version = True
inspector_arguments = level=1
[product_qa]
product_name = qa
relative_path = data/qa
level = 0.0
format = l1_{{Y}}{{m}}{{d}}_v{{VERSION}}_{{QACODE}}.txt
product_description =
inspector_filename = any.py
inspector_relative_path = .
inspector_description = any
inspector_version = 1.0.0
inspector_output_interface = 1
inspector_active = True
inspector_date_written = 2020-01-01
inspector_newest_version = True
inspector_arguments = level=0
"""
