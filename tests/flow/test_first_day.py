"""The first day of a mission that ran with dbprocessing: its configuration file, inspectors and codes, unchanged."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.filesystems import other_filesystem
from tests.kit.mission import Mission

CONFIG = """
[DEFAULT]
level = 0
product_description =
inspector_filename = inspectors/one.py
inspector_relative_path = .
inspector_description = one
inspector_version = 1.0.0
inspector_output_interface = 1
inspector_active = True
inspector_date_written = 2012-01-01
inspector_newest_version = True
inspector_arguments =
code_relative_path = codes
code_start_date = 2000-01-01
code_stop_date = 2050-12-31
code_version = 1.0.0
code_output_interface = 1
code_active = True
code_date_written = 2012-01-01
code_newest_version = True
code_arguments =
code_cpu = 1
code_ram = 1
extra_params =
code_description =

[mission]
mission_name = moved
rootdir = .
incoming_dir = incoming
codedir =
inspectordir =
errordir = quarantine
{mission}

[satellite]
satellite_name = {{MISSION}}-a

[instrument]
instrument_name = mag
"""

INSPECTOR = """
import datetime
import re

from dbprocessing import Version, inspector


class Inspector(inspector.inspector):
    code_name = "one.py"

    def inspect(self, kwargs):
        if not re.match(self.filenameregex + "$", self.basename):
            return None
        day = self.extract_YYYYMMDD()
        params = self.diskfile.params
        params["utc_file_date"] = day.date()
        params["utc_start_time"] = day
        params["utc_stop_time"] = day + datetime.timedelta(days=1, microseconds=-1)
        params["version"] = inspector.extract_Version(self.basename) or Version.Version(1, 0, 0)
        {more}
        return True
"""


CODE = """#!/bin/sh
for last; do :; done
basename "$1" > "$last"
"""
"""It writes its output under its name: all jobs run in one directory."""


def product(name: str, **keys: object) -> str:
    keys = {
        "product_name": name,
        "relative_path": f"data/{name}",
        "format": name + "_{Y}{m}{d}_v{VERSION}.txt",
        **keys,
    }
    return _section(f"product_{name}", keys)


def process(name: str, output: str, *inputs: str, timebase: str = "DAILY", **keys: object) -> str:
    keys = {
        "process_name": name,
        "output_product": f"product_{output}" if output else "",
        "output_timebase": timebase,
        **{f"required_input{number}": f"product_{each}" for number, each in enumerate(inputs, 1)},
        "code_filename": f"{name}.sh",
        **keys,
    }
    return _section(f"process_{name}", keys)


def _section(name: str, keys: dict[str, object]) -> str:
    return "\n".join(["", f"[{name}]", *(f"{key} = {value}" for key, value in keys.items()), ""])


def write(mission: Mission, *sections: str, more: str = "", keys: str = "") -> None:
    """Write a configuration file with an inspector for all of its products, and codes that are not there yet."""
    (mission.root / "config.ini").write_text(CONFIG.format(mission=keys) + "".join(sections))
    mission.inspector("one.py", INSPECTOR.format(more=more or "pass"))
    for section in sections:
        for line in section.splitlines():
            if line.startswith("code_filename = ") and not (mission.codes / line.split()[-1]).exists():
                mission.code(line.split()[-1], CODE)


def move(mission: Mission, *sections: str, more: str = "", keys: str = "") -> None:
    """The mission, defined by its configuration file."""
    write(mission, *sections, more=more, keys=keys)
    mission.dbproc("init", mission.database)
    mission.dbproc("apply", "config.ini")


CHAIN = (product("raw"), product("made", level=1), process("to_made", "made", "raw"))


@pytest.mark.both_databases
def test_what_inspectors_say_besides_is_recorded_of_what_comes_and_of_what_is_made(mission: Mission) -> None:
    said = (
        "params.update(met_start_time=12345.5, met_stop_time='23456', quality_checked=1, quality_comment='fine',"
        " check_date=datetime.datetime(2012, 1, 5, 3, 4, 5))"
    )
    move(mission, *CHAIN, more=said)
    mission.deliver("raw_20120105_v1.0.0.txt")
    mission.run("-i", "-p")
    columns = "met_start_time, met_stop_time, quality_checked, quality_comment, check_date"
    rows = mission.rows(f"SELECT {columns} FROM file ORDER BY file_id")
    assert [(row[0], row[1], bool(row[2]), row[3]) for row in rows] == [(12345.5, 23456.0, True, "fine")] * 2
    times = [row[4] if isinstance(row[4], str) else row[4].astimezone(dt.UTC).isoformat(" ") for row in rows]
    assert [time[:19] for time in times] == ["2012-01-05 03:04:05"] * 2


def test_codes_find_the_users_own_python_before_dbprocs(
    sqlite_mission: Mission, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mission = sqlite_mission
    own = tmp_path / "own"
    own.mkdir()
    (own / "python3").write_text("#!/bin/sh\nfor word; do last=$word; done; echo the own one > $last\n")
    (own / "python3").chmod(0o755)
    monkeypatch.setenv("PATH", f"{own}:/usr/bin:/bin")
    mission.environment["PATH"] = f"{own}:/usr/bin:/bin"
    mission.code("to_made.sh", "#!/usr/bin/env python3\nopen(__import__('sys').argv[-1], 'w').write('dbproc')\n")
    move(mission, *CHAIN)
    mission.deliver("raw_20120105_v1.0.0.txt")
    mission.run()
    assert mission.content("made_20120105_v1.0.0.txt") == "the own one\n"
    for path, found in (('"first"', "dbproc"), (f'["{own}"]', "the own one\n")):
        exported = mission.dbproc("export").out
        assert 'path = "last"' in exported or path != '"first"'
        changed = exported.replace('path = "last"\n', "").replace("[mission]\n", f"[mission]\npath = {path}\n")
        (mission.root / "mission.toml").write_text(changed)
        mission.dbproc("apply", "mission.toml")
        mission.dbproc("reprocess", "--product", "raw", "--force", "1")
        mission.run()
        assert mission.content(mission.names("made")[-1]) == found


def test_codes_run_where_the_run_was_started_and_what_they_leave_there_stays(sqlite_mission: Mission) -> None:
    mission = sqlite_mission
    (mission.root / "template.txt").write_text("of the mission")
    mission.code("to_made.sh", '#!/bin/sh\ncat "$1" > "$3"\n')
    mission.code("effect.sh", '#!/bin/sh\necho "$(basename $1)" >> out.txt\n')
    move(
        mission,
        product("raw"),
        product("made", level=1),
        process("to_made", "made", "raw", code_arguments="template.txt"),
        process("effect", "", "made", timebase="RUN"),
    )
    mission.deliver("raw_20120105_v1.0.0.txt")
    done = mission.run()
    assert mission.content("made_20120105_v1.0.0.txt") == "of the mission"
    assert (mission.root / "out.txt").read_text() == "made_20120105_v1.0.0.txt\n"
    assert "beside" not in done.out
    exported, file = mission.dbproc("export").out, mission.root / "mission.toml"
    file.write_text(exported.replace('run_in = "{CWD}"', 'run_in = "nowhere"'))
    assert f"the directory {mission.root}/nowhere does not exist" in mission.dbproc("apply", file.name, status=2).err
    file.write_text(exported.replace('run_in = "{CWD}"', 'run_in = ".dbproc"'))
    assert "mission.run_in: what codes leave in" in mission.dbproc("apply", "mission.toml", status=2).err
    file.write_text(exported.replace("[process.to_made]\n", '[process.to_made]\nrun_in = "incoming"\n'))
    assert "process.to_made.run_in: what codes leave in" in mission.dbproc("apply", "mission.toml", status=2).err
    file.write_text(exported.replace('run_in = "{CWD}"\n', ""))
    mission.dbproc("apply", file.name)
    mission.code("to_made.sh", '#!/bin/sh\ntouch a b c d; echo x > "$3"\n')
    done = mission.run()
    assert "note to_made" not in done.out
    assert "note effect: left out.txt in its working directory; it was thrown away. To keep such" in done.out


def test_arguments_have_the_fields_of_dbprocessing_replaced_and_no_others(sqlite_mission: Mission) -> None:
    mission = sqlite_mission
    mission.code("to_made.sh", '#!/bin/sh\nfor word; do last=$word; done\nprintf "%s|" "$@" > "$last"\n')
    made = process(
        "to_made", "made", "raw", code_arguments="{Y}{m}{d} {DATE} {VERSION}", extra_params="{PROCESS}|{CODEVERSION}"
    )
    move(mission, product("raw"), product("made", level=1), made)
    mission.deliver("raw_20120105_v1.0.0.txt")
    mission.run()
    assert mission.content("made_20120105_v1.0.0.txt").startswith("{PROCESS}|1.0.0|{Y}{m}{d}|20120105|{VERSION}|/")
    mission.dbproc("export", "--output", "mission.toml")
    assert "nothing to change" in mission.dbproc("apply", "mission.toml").out
    mission.dbproc("reprocess", "--product", "raw", "--force", "1")
    mission.run()
    assert mission.content("made_20120105_v1.1.0.txt").startswith("{PROCESS}|1.0.0|{Y}{m}{d}|20120105|{VERSION}|/")


def test_a_file_is_taken_at_once_unless_the_configuration_says_how_long_it_settles(sqlite_mission: Mission) -> None:
    mission = sqlite_mission
    move(mission, *CHAIN)
    mission.deliver("raw_20120105_v1.0.0.txt")
    assert "1 ingested" in mission.run("-i").out
    write(mission, *CHAIN, keys="settle_seconds = 60")
    mission.dbproc("apply", "config.ini")
    mission.deliver("raw_20120106_v1.0.0.txt")
    done = mission.run("-i")
    assert done.out == "nothing to do; 1 file in incoming still unsettled, left for a later run\n"
    write(mission, *CHAIN)
    assert "nothing to change" in mission.dbproc("apply", "config.ini").out  # what it does not say stays
    mission.execute("UPDATE mission SET settle_seconds = 0")
    mission.run()


def test_an_output_has_the_keywords_of_its_inspector_alone(mission: Mission) -> None:
    raw, made = "raw_{k}_{Y}{m}{d}_v{VERSION}.txt", "made_{k}_{Y}{m}{d}_v{VERSION}.txt"
    move(
        mission,
        product("raw", format=raw),
        product("aux"),
        product("made", level=1, format=made),
        product("both", level=2),
        process("to_made", "made", "raw", timebase="FILE"),
        process("to_both", "both", "made", "aux", timebase="FILE"),
        product("never", level=3),
        process("to_never", "never", "raw", "aux", timebase="FILE"),
        more='params["process_keywords"] = "k=a" if self.basename.startswith("raw") else ""',
    )
    mission.deliver("raw_a_20120105_v1.0.0.txt", "aux_20120105_v1.0.0.txt")
    mission.run()
    assert {name: file.keywords for name, file in mission.files().items()} == {
        "raw_a_20120105_v1.0.0.txt": "k=a",
        "aux_20120105_v1.0.0.txt": "",
        "made_a_20120105_v1.0.0.txt": "",
        "both_20120105_v1.0.0.txt": "",
    }
    said = "process to_never is never due: timebase FILE takes files of equal keywords, and those of raw have {k},"
    assert (
        mission.dbproc("plan").out
        == f"{said} those of aux have none; have the inspectors give the same\nnothing to do\n"
    )
    assert said in " ".join(mission.dbproc("status").out.split())
    why = " ".join(mission.dbproc("why", "never", "2012-01-05").out.split())
    assert said in why


def test_an_inspector_that_cannot_be_loaded_is_the_missions_fault_and_costs_no_file_its_place(mission: Mission) -> None:
    other = product("other", inspector_filename="inspectors/other.py")
    write(mission, product("raw"), other, product("made", level=1), process("to_made", "made", "other"))
    good = mission.inspector("other.py", INSPECTOR.format(more="pass")).read_text()
    broken = mission.inspector("one.py", "import spacepy_of_nobody\n")
    mission.dbproc("init", mission.database)
    text = "cannot be loaded: ModuleNotFoundError: No module named 'spacepy_of_nobody' (one.py, line 1)"
    where = f"inspectors run in dbproc's own Python, {sys.executable}: install it there"
    done = mission.dbproc("apply", "config.ini", status=2)
    assert f"[product_raw] inspector_filename: {broken} {text}; {where}" in done.err
    assert done.err.count("cannot be loaded") == 1
    broken.write_text(good)
    mission.dbproc("apply", "config.ini")
    broken.write_text("import spacepy_of_nobody\n")
    mission.deliver("raw_20120105_v1.0.0.txt", "other_20120105_v1.0.0.txt", "of_nobody.txt")
    assert f"raw_20120105_v1.0.0.txt: stays in incoming: {broken} {text}" in mission.dbproc("plan").out.replace(
        "\n ", ""
    )
    done = mission.run(status=78)
    assert f"problem {broken}: {text}; {where}; what it is to look at stays in incoming" in done.err
    assert f"problem {broken}: {text}; {where}; what it is to confirm is not made" in done.err
    assert set(mission.files()) == {"other_20120105_v1.0.0.txt"}
    assert mission.waiting() == ["of_nobody.txt", "raw_20120105_v1.0.0.txt"]
    assert mission.attempts() == []
    assert "inspector_unloadable" in mission.dbproc("check", status=1).out
    broken.write_text(good)
    mission.run(status=1)
    assert mission.quarantined() == {"of_nobody.txt": "no_product"}
    assert set(mission.names("made") + mission.names("raw")) == {"made_20120105_v1.0.0.txt", "raw_20120105_v1.0.0.txt"}


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A directory on another filesystem than missions, where the machine has one."""
    with tempfile.TemporaryDirectory(dir=other_filesystem(tmp_path)) as place:
        yield Path(place)


def test_directories_that_are_links_to_other_disks_are_followed(mission: Mission, disk: Path) -> None:
    for name in ("raw", "2012"):
        (disk / name).mkdir()
    (mission.root / "data" / "made").mkdir(parents=True)
    (mission.root / "data" / "raw").symlink_to(disk / "raw")
    (mission.root / "data" / "made" / "2012").symlink_to(disk / "2012")
    sections = (product("raw"), product("made", level=1, relative_path="data/made/{Y}"), *CHAIN[2:])
    write(mission, *sections)
    mission.dbproc("init", mission.database)
    done = mission.dbproc("apply", "config.ini")
    words = "is a link to {}, and files of the product are kept there"
    assert f"product raw: {mission.root}/data/raw {words.format(disk / 'raw')}" in done.out
    assert f"product made: {mission.root}/data/made/2012 {words.format(disk / '2012')}" in done.out
    made, raw = "made_20120105_v1.0.0.txt", "raw_20120105_v1.0.0.txt"
    (disk / "raw" / "raw_20120106_v1.0.0.txt").write_text("in place already")
    (mission.incoming / "raw_20120106_v1.0.0.txt").symlink_to(disk / "raw" / "raw_20120106_v1.0.0.txt")
    mission.deliver(raw)
    mission.run()
    assert sorted(os.listdir(disk / "raw")) == [raw, "raw_20120106_v1.0.0.txt"]
    assert sorted(os.listdir(disk / "2012")) == [made, "made_20120106_v1.0.0.txt"]
    assert "no fault" in mission.dbproc("check", "--deep").out
    (disk / "2012" / "stranger.txt").write_text("of nobody")
    assert f"unknown_file {mission.root}/data/made/2012/stranger.txt" in mission.dbproc("check", status=1).out
    mission.dbproc("check", "--repair")
    mission.dbproc("withdraw", made, "--reason", "bad")
    assert sorted(os.listdir(disk / "2012")) == ["made_20120106_v1.0.0.txt"]
    mission.dbproc("restore", made)
    assert sorted(os.listdir(disk / "2012")) == [made, "made_20120106_v1.0.0.txt"]
    os.rename(disk / "raw", disk / "not mounted")
    mission.deliver("raw_20120107_v1.0.0.txt")
    assert "files of data/raw is there; mount the disk" in mission.run(status=1).err
    assert mission.waiting() == ["raw_20120107_v1.0.0.txt"]
    os.rename(disk / "not mounted", disk / "raw")
    mission.run()
    assert (disk / "2012" / "made_20120107_v1.0.0.txt").exists()
    mission.dbproc("export", "--output", "mission.toml")
    exported = (mission.root / "mission.toml").read_text()
    assert f'outside = ["{disk}/raw", "{disk}/2012"]' in exported
    (mission.root / "other.toml").write_text(exported.replace(f'"{disk}/raw", ', ""))
    done = mission.dbproc("apply", "other.toml", status=2)
    assert f'write outside = ["{disk}/raw"] into [mission]' in done.err
    (mission.root / "other.toml").write_text(exported.replace(f'"{disk}/raw"', f'"{mission.root.parent}"'))
    assert f"{mission.root.parent} holds the root" in mission.dbproc("apply", "other.toml", status=2).err
    (mission.root / "other.toml").write_text(exported.replace(f'"{disk}/raw"', '"disk"'))
    assert "'disk' is not absolute" in mission.dbproc("apply", "other.toml", status=2).err
    (mission.root / "data" / "made" / "2013").symlink_to(mission.root.parent)
    mission.deliver("raw_20130105_v1.0.0.txt")
    assert f"a link on the way leads to {mission.root.parent}; if files are to be" in mission.run(status=1).err
    assert not list(mission.root.parent.glob("made*"))
    (mission.root / "data" / "made" / "2013").unlink()
    for name in ("raw", "made/2012"):  # the disk goes with this test
        (mission.root / "data" / name).unlink()
        shutil.copytree(disk / Path(name).name, mission.root / "data" / name)


def test_what_dbprocessing_accepts_and_apply_refuses_is_refused_with_the_way_out(sqlite_mission: Mission) -> None:
    mission = sqlite_mission
    mission.code("one.sh")
    same = process("second", "made", "aux", "cal", code_filename="one.sh")
    write(
        mission,
        product("raw"),
        product("aux", relative_path="data/{xxx}"),
        product("cal", relative_path="../cal"),
        product("made", level=1, relative_path="incoming"),
        process("first", "made", "raw", "cal", code_filename="one.sh"),
        same,
        process("third", "made", "raw"),
    )
    mission.dbproc("init", mission.database)
    said = mission.dbproc("apply", "config.ini", status=2).err
    assert 'make \'first\' the one process: inputs = [{ first_of = ["raw", "aux"] }, "cal"]; a configuration' in said
    assert "let 'third' make a product of its own, such as 'made_third', and have what is made of 'made'" in said
    assert "the field {xxx} is neither one of the date nor one of the format" in said
    assert "'../cal' is outside the root" in said
    assert "name a directory below it, which can be a link to there" in said
    assert "'incoming' is the incoming directory; files at home would come in again" in said
    write(mission, product("raw", relative_path="data/{{xxx}}"))
    mission.dbproc("apply", "config.ini")
    mission.deliver("raw_20120105_v1.0.0.txt")
    mission.run()
    assert os.listdir(mission.root / "data") == ["{xxx}"]
