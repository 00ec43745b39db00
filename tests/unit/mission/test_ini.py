"""dbprocessing's configuration files: what they mean there they mean here."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path

import pytest

from dbproc.core.errors import DefinitionError
from dbproc.core.model import Keying
from dbproc.core.spec import InputSpec
from dbproc.core.version import Version
from dbproc.mission import read_mission_file
from tests.kit.mission_files import edited, write_program

COMPAT = Path(__file__).parents[2] / "flow" / "compat"

INI = """\
[DEFAULT]
inspector_relative_path = inspectors
inspector_version = 1.2.0
inspector_date_written = 2016-05-31
inspector_filename = one.py
code_relative_path = scripts
code_start_date = 2010-09-01
code_stop_date = 2020-01-01

[mission]
mission_name = testDB
rootdir = .
incoming_dir = L0
codedir =
unknown_key = is ignored

[satellite]
satellite_name = {MISSION}-a

[instrument]
instrument_name = rot13-{SPACECRAFT}

[product_first]
product_name = {MISSION}_{INSTRUMENT}_first
relative_path = raw/{Y}
level = 0
format = {PRODUCT}_L{LEVEL}_{nnn}_{Y}{m}{d}.raw
product_description =
inspector_description = Level {LEVEL} of {SATELLITE}
inspector_arguments = apid=000 name={PRODUCT}

[product_made]
product_name = made
relative_path = L1
level = 1.5
format = made_{datetime}_v{VERSION}.cat
inspector_arguments = None

[process_make]
process_name = make_{MISSION}
output_product = product_made
output_timebase = DAILY
extra_params = -a|two words| b
required_input1 = ("product_first", 2, 1)
optional_input1 = in_the_database
code_filename = make.py
code_description = first to made
code_version = 1.3.2
code_output_interface = 2
code_active = True
code_newest_version = 1
code_arguments = -c  {CODEVERSION}
code_cpu = 1
code_ram = 0.5

[process_effect]
process_name = effect
output_product =
output_timebase = RUN
extra_params = none
required_input1 = product_made
code_filename = effect.sh
code_version = 1.0.0
code_active = False
code_arguments =
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("make.py", "effect.sh"):
        write_program(tmp_path / "scripts" / name)
    (tmp_path / "inspectors").mkdir()
    (tmp_path / "inspectors" / "one.py").write_text("")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_ini(folder: Path, text: str = INI) -> Path:
    path = folder / "testDB.conf"
    path.write_text(text)
    return path


def problems_of(folder: Path, text: str) -> tuple[str, ...]:
    with pytest.raises(DefinitionError) as caught:
        read_mission_file(write_ini(folder, text))
    return caught.value.problems


def test_the_mission_has_dbprocessings_defaults_and_an_absolute_root(folder: Path) -> None:
    mission = read_mission_file(write_ini(folder)).mission
    assert (mission.name, mission.root, mission.incoming) == ("testDB", str(folder), "L0")
    assert (mission.codes, mission.inspectors, mission.quarantine) == (".", ".", "errors")


@pytest.mark.parametrize(
    ("lines", "codes", "inspectors", "quarantine"),
    [
        ("codedir = scripts/..", ".", ".", "errors"),
        ("codedir = {MISSION}/codes", "testDB/codes", "testDB/codes", "testDB/codes/errors"),
        ("codedir = codes\ninspectordir =", "codes", ".", "codes/errors"),
        ("inspectordir = /i\nerrordir = trouble", ".", "/i", "trouble"),
    ],
)
def test_directories_that_are_left_out_follow_the_code_directory(
    folder: Path, lines: str, codes: str, inspectors: str, quarantine: str
) -> None:
    text = edited(INI.partition("[product_first]")[0], ("codedir =", lines))
    mission = read_mission_file(write_ini(folder, text)).mission
    assert (mission.codes, mission.inspectors, mission.quarantine) == (codes, inspectors, quarantine)


def test_names_are_put_into_products_and_their_inspectors(folder: Path) -> None:
    first = read_mission_file(write_ini(folder)).products["testDB_rot13-testDB-a_first"]
    assert (first.satellite, first.instrument) == ("testDB-a", "rot13-testDB-a")
    assert first.format == "testDB_rot13-testDB-a_first_L0.0_{nnn}_{Y}{m}{d}.raw"
    assert first.inspector.file == "inspectors/one.py"
    assert first.inspector.description == "Level 0.0 of testDB-a"
    assert first.inspector.arguments == {"apid": "000", "name": "testDB_rot13-testDB-a_first"}
    assert (first.inspector.version, first.inspector.written) == (Version(1, 2, 0), dt.date(2016, 5, 31))


def test_processes_have_all_forms_of_inputs_and_name_products_by_section_or_by_name(folder: Path) -> None:
    definition = read_mission_file(write_ini(folder))
    made = definition.processes["make_testDB"]
    assert definition.partial
    assert (made.output, made.timebase) == ("made", "DAILY")
    assert made.inputs == (
        InputSpec(product="in_the_database", optional=True),
        InputSpec(product="testDB_rot13-testDB-a_first", yesterday=2, tomorrow=1),
    )
    assert made.extra_params == ("-a", "two words", " b")
    effect = definition.processes["effect"]
    assert (effect.output, effect.extra_params) == (None, ())


@pytest.mark.parametrize(
    ("old", "new", "keywords"),
    [
        ("", "", Keying.EACH),
        ("made_{datetime}_", "made_{datetime}_{station}_", Keying.INSPECTOR),
        ("output_product = product_made", "output_product = in_another_file", Keying.INSPECTOR),
        ("output_timebase = DAILY", "output_timebase = FILE", Keying.INSPECTOR),
    ],
)
def test_keywords_are_those_of_inspectors_as_in_dbprocessing_unless_there_are_none(
    folder: Path, old: str, new: str, keywords: Keying
) -> None:
    text = INI.replace(old, new) if old else INI
    text = text.replace("L{LEVEL}_{nnn}_", "L{LEVEL}_{station}_")
    made, effect = read_mission_file(write_ini(folder, text)).processes.values()
    assert (made.keywords, effect.keywords) == (keywords, Keying.EACH)


def test_codes_have_their_dates_words_and_state(folder: Path) -> None:
    processes = read_mission_file(write_ini(folder)).processes
    (code,) = processes["make_testDB"].codes
    assert (code.file, code.version, code.output_interface) == ("scripts/make.py", Version(1, 3, 2), 2)
    assert (code.start, code.stop) == (dt.date(2010, 9, 1), dt.date(2020, 1, 1))
    assert (code.arguments, code.ram) == (("-c", "{CODEVERSION}"), 0.5)
    assert code.active
    assert not processes["effect"].codes[0].active


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("[process_effect]", "[proces_effect]", "[proces_effect]: the section [proces_effect] is not known; did"),
        ("mission_name = testDB\n", "", "[mission] mission_name: the key mission_name is missing"),
        ("relative_path = L1", "relative_pth = L1", "relative_path: the key relative_path is missing; did"),
        ("level = 1.5", "level = one", "[product_made] level: 'one' is not a number"),
        ("level = 1.5", "level =", "[product_made] level: '' is not a number"),
        ("output_timebase = DAILY", "output_timebase = ORBIT", "[process_make] output_timebase: 'ORBIT' is none of"),
        ("output_timebase = DAILY", "output_timebase = STARTUP", "STARTUP"),
        ('("product_first", 2, 1)', '("product_first", 2', "required_input1: '(\"product_first\", 2' cannot be read"),
        ('("product_first", 2, 1)', '("product_first", 2, -1)', "[process_make] required_input1: must be a number"),
        ("code_version = 1.3.2", "code_version = 1.3", "[process_make] code_version: '1.3' is not a version"),
        ("code_version = 1.3.2", "code_start_date = 1.9.2010\ncode_version = 1.3.2", "'1.9.2010' is not a date"),
        ("code_active = False", "code_active = perhaps", "[process_effect] code_active: 'perhaps' is neither True nor"),
        ("code_cpu = 1", "code_cpu = many", "[process_make] code_cpu: 'many' is not a whole number"),
        ("code_cpu = 1", "code_cpu = " + "9" * 5000, "is not a whole number"),
        ("code_cpu = 1", "code_cpu = 99999", "[process_make] code_cpu: must be from 1 to 32767, not 99999"),
        ("level = 1.5", "level = 1e300", "[product_made] level: must be from -1000 to 1000, not 1e+300"),
        ("code_filename = make.py", "code_filename = mke.py", "[process_make] code_filename: there is no code "),
        ("level = 1.5", "level = 1.5\ninspector_filename = two.py", "[product_made] inspector_filename: there is"),
        ("level = 1.5", "level = 1.5\ninspector_active = False", "[product_made] inspector_active: without an active"),
        ("product_name = made", "product_name = {MISSION}_{INSTRUMENT}_first", "is described a second time"),
        ("made_{datetime}", "made_{Y", "[product_made] format: 'made_{Y_v{VERSION}.cat': "),
    ],
)  # fmt: skip
def test_a_problem_names_its_line_section_and_key(folder: Path, old: str, new: str, said: str) -> None:
    text = edited(INI, (old, new))
    found = problems_of(folder, text)
    assert any(said in sentence for sentence in found), found
    assert all(sentence.startswith("line ") for sentence in found)


def test_a_problem_in_a_default_is_on_the_defaults_line(folder: Path) -> None:
    found = problems_of(folder, edited(INI, ("code_start_date = 2010-09-01", "code_start_date = never")))
    assert found[0].startswith("line 7, [process_make] code_start_date: 'never' is not a date")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("mission_name = x\n", "line 1: "),
        ("[mission]\n[mission]\n", "line 2: "),
        ("[mission]\nmission_name = 50%\n", "'%' must be followed by"),
        ("[mission]\na = 1\na = 2\n", "line 3: "),
    ],
)
def test_what_is_no_ini_file_is_said(folder: Path, text: str, said: str) -> None:
    with pytest.raises(DefinitionError, match="is not a configuration file") as caught:
        read_mission_file(write_ini(folder, text))
    assert said in str(caught.value)


@pytest.mark.parametrize("name", ["mission_chain/config.ini", "mission_neighbours/diamond.ini"])
def test_files_that_dbprocessing_itself_has_run_are_read(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    path = COMPAT / name
    monkeypatch.chdir(path.parent)
    definition = read_mission_file(path)
    assert definition.mission.root == os.fspath(path.parent)
    assert definition.products
    assert all(process.codes for process in definition.processes.values())
