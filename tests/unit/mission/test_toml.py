"""A mission file in TOML: what is read, and what is said about what is wrong, with its place."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

import pytest

from dbproc.core.errors import DefinitionError
from dbproc.core.spec import CodeSpec, InputSpec, InspectorSpec, ProductSpec
from dbproc.core.version import Version
from dbproc.mission import read_mission_file
from tests.kit.mission_files import MISSION, edited, line_of, problems_of, write_mission, write_program

DOCUMENT = Path(__file__).parents[3] / "docs" / "mission-file.md"


def test_the_short_case_needs_only_what_cannot_be_guessed(tmp_path: Path) -> None:
    definition = read_mission_file(write_mission(tmp_path))
    assert definition.mission.root == str(tmp_path)
    assert (definition.mission.incoming, definition.mission.codes) == ("incoming", "codes")
    assert definition.products["raw"] == ProductSpec(
        name="raw",
        level=0,
        directory="raw/{Y}",
        format="raw_{Y}{m}{d}_v{VERSION}.txt",
        satellite="sgp",
        instrument="sgp",
    )
    week = definition.processes["to_week"]
    assert week.inputs == (InputSpec(product="clean", yesterday=1),)
    assert week.codes == (CodeSpec(file="week.sh", version=Version(1, 0, 0)),)
    assert not definition.partial


def test_the_documented_example_is_a_mission_file(tmp_path: Path) -> None:
    example = re.findall(r"```toml\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)[0]
    definition = read_mission_file(write_mission(tmp_path, example))
    assert definition.products["ceil_b1"].instrument == "ceil"
    assert definition.products["ceil_b1"].inspector.file == "ceilometer.py"
    assert definition.processes["clean"].inputs[1] == InputSpec(product="ceil_b1", optional=True)
    assert [code.stop for code in definition.processes["clean"].codes] == [dt.date(2015, 12, 31), dt.date(2100, 12, 31)]
    assert definition.processes["clean"].codes[1].time_limit == 600
    assert definition.processes["announce"].output is None


def test_constants_are_filled_in_and_other_fields_stay(tmp_path: Path) -> None:
    text = edited(
        MISSION,
        ('name = "sgp"', 'name = "sgp"\nsatellite = "{MISSION}-a"\ninstrument = "mag"'),
        ("raw_{Y}{m}{d}", "{SPACECRAFT}_{INSTRUMENT}_{PRODUCT}_L{LEVEL}_{station}_{Y}{m}{d}"),
        ('"raw/{Y}"', '"{ROOTDIR}/{MISSION}/{Y}"\ninspector_arguments = { kind = "{PRODUCT}" }\ninspector = "own.py"'),
    )
    raw = read_mission_file(write_mission(tmp_path, text)).products["raw"]
    assert raw.format == "sgp-a_mag_raw_L0.0_{station}_{Y}{m}{d}_v{VERSION}.txt"
    assert raw.directory == "sgp/{Y}"
    assert raw.inspector == InspectorSpec(file="own.py", arguments={"kind": "raw"})


def test_a_root_is_relative_to_the_file_wherever_it_is_applied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "config").mkdir()
    text = edited(MISSION, ("settle_seconds = 0", 'root = "../data"\ncodes = "../config/codes"'))
    path = write_mission(tmp_path / "config", text)
    monkeypatch.chdir(tmp_path)
    assert read_mission_file(path.relative_to(tmp_path)).mission.root == str(tmp_path / "data")


def test_every_problem_is_listed_at_once_in_the_order_of_the_lines(tmp_path: Path) -> None:
    text = edited(
        MISSION,
        ('format = "raw_', 'formt = "raw_'),
        ('inputs = ["raw"]', 'inputs = ["row"]'),
        ('timebase = "WEEKLY"', 'timebase = "WEEKLI"'),
        ('file = "week.sh"\nversion = "1.0.0"', 'file = "week.sh"\nversion = "1.0"\ncpu = "two"'),
    )
    found = problems_of(tmp_path, text)
    expected = [
        (line_of(text, "[product.raw]"), "product.raw.format: is missing; it must be text in quotes"),
        (line_of(text, "formt"), "product.raw.formt: this key is not known; did you mean 'format'?"),
        (line_of(text, '["row"]'), "process.to_clean.inputs[1]: there is no product 'row'; did you mean 'raw'?"),
        (line_of(text, "WEEKLI"), "process.to_week.timebase: 'WEEKLI' is none of FILE, HOURLY, DAILY, WEEKLY"),
        (
            line_of(text, '"1.0"'),
            "process.to_week.code.version: '1.0' is not a version: write interface.quality.revision",
        ),
        (line_of(text, '"two"'), "process.to_week.code.cpu: must be a whole number, not 'two'"),
    ]
    assert len(found) == len(expected)
    for sentence, (line, start) in zip(found, expected, strict=True):
        assert sentence.startswith(f"line {line}, {start}"), sentence


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("[mission]", "[misson]", "mission.name: is missing; begin the file with [mission]"),
        ('name = "sgp"', "name = 7", "mission.name: must be text in quotes, not 7"),
        (
            "settle_seconds = 0",
            "settle_seconds = -1",
            "mission.settle_seconds: must be from 0 to 31622400 seconds, not -1",
        ),
        ("settle_seconds = 0", 'on_code_edit = "bumb"', "on_code_edit: 'bumb' is not allowed; choose one of bump"),
        ("settle_seconds = 0", 'quarantine = "incoming"', "incoming and quarantine are one directory"),
        ("settle_seconds = 0", 'root = "nowhere"', "mission.root: the directory "),
        ("settle_seconds = 0", "settle_seconds = nan", "nan is not a finite number"),
        ("level = 0", "level = true", "product.raw.level: must be a number, not true"),
        ('directory = "raw/{Y}"', 'directory = "../raw"', "is outside the root"),
        ('directory = "raw/{Y}"', 'directory = "/raw"', "'/raw' is outside the root"),
        ('directory = "raw/{Y}"', 'directory = "incoming"', "'incoming' is the incoming directory"),
        ('directory = "raw/{Y}"', 'directory = "{station}"', "the field {station} is neither one of the date nor"),
        (
            'directory = "raw/{Y}"',
            'directory = "{Y}/{M}"',
            "nor one of the format, so nothing can fill it; did you mean {m}?",
        ),
        ('directory = "raw/{Y}"', 'directory = "{Y}/{H}"', "{H} is neither one of the date nor one of the format"),
        (
            'directory = "raw/{Y}"',
            'directory = "{Y}/{D}"',
            "{D} would be a keyword, and differs from {d} by case alone",
        ),
        (
            "raw_{Y}{m}{d}",
            "raw_{Y}{m}{D}",
            "{D} would be a keyword, and differs from {d} by case alone; did you mean {d}?",
        ),
        (
            "raw_{Y}{m}{d}_v{VERSION}",
            "raw_{Y}{m}{d}_v{version}",
            "did you mean {VERSION}? Else give the keyword another",
        ),
        ("raw_{Y}{m}{d}", "raw_{Y}{m}{d}T{h}", "did you mean {H}?"),
        ("raw_{Y}{m}{d}", "raw_{Y}{m}{d}T{H}{M}{s}", "did you mean {S}?"),
        ("raw_{Y}{m}{d}", "raw_{date}_{Y}{m}{d}", "did you mean {DATE}?"),
        ("raw_{Y}{m}{d}_v{VERSION}", "raw_{Y", "product.raw.format: 'raw_{Y.txt': "),
        ("raw_{Y}{m}{d}_v{VERSION}.txt", "a/b", "product.raw.format: 'a/b' is not a filename format"),
        ("raw_{Y}{m}{d}", "raw_{Y}{M}{d}", "names no month; did you mean {m} where {M} stands, which are minutes?"),
        (
            "raw_{Y}{m}{d}",
            "raw_{Y}_{d}",
            "{d} is the day of a month, and the format names no month; put {m} into it, too",
        ),
        ("raw_{Y}{m}{d}", "raw_{Y}_{H}{M}", "{H}{M} is a time of day, and the format names no day; put {m}{d} into it"),
        ("raw_{Y}{m}{d}", "raw_{Y}{M}", "{M} is a time of day, and the format names no day; did you mean {m}?"),
        ("raw_{Y}{m}{d}", "raw_{nnn}", "holds no date, and the inspector 'filename' takes it from the name"),
        ("raw_{Y}{m}{d}", "clean_{Y}{m}{d}", "the same filenames belong to the product 'raw'"),
        ("clean_{Y}{m}{d}", "clean_{Y}", "two days would have the same filename"),
        (
            "clean_{Y}{m}{d}",
            "clean_{Y}{m}{d}_{site}",
            "nothing can fill the field {site}: no required input of the process 'to_clean' has it",
        ),
        ('"raw/{Y}"', '"raw"\ninspector = "netcfd"', "built-in inspector nor a Python file (.py) of your own; did you"),
        (
            '"raw/{Y}"',
            '"raw"\ninspector = "tiff"\ninspector_arguments = { tme = 1 }',
            "takes no argument 'tme'; did you",
        ),
        ('"raw/{Y}"', '"raw"\ninstrument = "met"', "the instrument 'met' is declared nowhere"),
        ("[product.raw]", '[product."{raw}"]', "'{raw}' is not a name"),
        ('inputs = ["raw"]', 'inputs = "raw"', "process.to_clean.inputs: must be a list in brackets, not 'raw'"),
        (
            'inputs = ["raw"]',
            'inputs = ["raw", "raw"]',
            "process.to_clean.inputs[2]: the product 'raw' is an input already",
        ),
        ('inputs = ["raw"]', "inputs = [3]", "must be the name of a product in quotes"),
        ("yesterday = 1", "yesterday = -1", "process.to_week.inputs[1].yesterday: must be a number of days from 0"),
        ("yesterday = 1", "yesterdy = 1", "this key is not known; did you mean 'yesterday'?"),
        ('timebase = "WEEKLY"', 'timebase = "STARTUP"', "timebase STARTUP makes no output"),
        ('timebase = "WEEKLY"', 'timebase = "RUN"', "timebase RUN makes no output; leave output out"),
        ('output = "week"', "", "process.to_week.output: is missing; timebase WEEKLY makes a product"),
        ('output = "week"', 'output = "clean"', "the process 'to_clean' makes 'clean' already"),
        ('output = "week"', 'output = "wek"', "there is no product 'wek'; did you mean 'week'?"),
        ('file = "week.sh"', 'file = "dbproc:netcdf_to_idy"', "brings no code 'netcdf_to_idy' along; did you mean"),
        ('file = "week.sh"', 'file = "week.sh"\nfrom = "2019-01-01"', "must be a date without quotes"),
        ('file = "week.sh"', 'file = "week.sh"\nfrom = 2019-01-01T00:00:00', "must be a date without quotes"),
        (
            'file = "week.sh"',
            'file = "week.sh"\nfrom = 2020-01-01\nto = 2019-01-01',
            "from 2020-01-01 is after to 2019",
        ),
        ('file = "week.sh"', 'file = "week.sh"\ncpu = 0', "process.to_week.code.cpu: must be from 1 to 32767, not 0"),
        ('file = "week.sh"', 'file = "week.sh"\nram = -1', "must be from 0 to 1048576 GiB, not -1"),
        ('file = "week.sh"', 'file = "week.sh"\ntime_limit_seconds = 0', "must be more than 0"),
        ('file = "week.sh"', 'file = "week.sh"\noutput_interface = 0', "must be from 1 to 30000, not 0"),
        ('version = "1.0.0"', 'version = "1.0.40000"', "has a part above 30000"),
        (
            'arguments = ["--limit", "3"]',
            'arguments = ["a", 1]',
            "code.arguments[2]: must be text in quotes, not 1",
        ),
        ('arguments = ["--limit", "3"]', 'arguments = ["\\u0000"]', "has control characters in it"),
    ],
)
def test_a_problem_names_its_place_and_what_is_allowed(tmp_path: Path, old: str, new: str, said: str) -> None:
    found = problems_of(tmp_path, edited(MISSION, (old, new)))
    assert any(said in sentence for sentence in found), found
    assert all(re.match(r"line \d+, |mission\.name: is missing", sentence) for sentence in found), found


def test_a_process_without_code_is_a_problem(tmp_path: Path) -> None:
    text = MISSION[: MISSION.index("[process.to_week.code]")]
    assert [text.partition(": ")[2] for text in problems_of(tmp_path, text)] == [
        "is missing; name the program with file and version"
    ]


def test_a_process_that_feeds_itself_through_others_is_named_with_its_whole_circle(tmp_path: Path) -> None:
    found = problems_of(tmp_path, edited(MISSION, ('inputs = ["raw"]', 'inputs = ["raw", "week"]')))
    assert len(found) == 1
    assert "the definition is circular: clean → to_week → week → to_clean → clean" in found[0]


def test_codes_of_one_process_for_the_same_date_are_a_problem_unless_one_is_not_active(tmp_path: Path) -> None:
    two = edited(
        MISSION,
        ("[process.to_week.code]", '[[process.to_week.code]]\nfile = "old.sh"\nversion = "0.1.0"\nto = 2020-06-30\n\n'
                                   "[[process.to_week.code]]\nfrom = 2020-06-30"),
        ("0.1.0", "1.1.0"),
    )  # fmt: skip
    found = problems_of(tmp_path, two)
    assert len(found) == 1
    assert found[0].startswith(f"line {line_of(two, 'from = 2020-06-30')}, process.to_week.code[2].from: ")
    assert "are both for 2020-06-30 to 2020-06-30" in found[0]
    read_mission_file(write_mission(tmp_path, edited(two, ("to = 2020-06-30", "active = false"))))


def test_programs_must_be_there_and_executable(tmp_path: Path) -> None:
    path = write_mission(tmp_path)
    (tmp_path / "codes" / "clean.sh").chmod(0o644)
    (tmp_path / "codes" / "week.sh").rename(tmp_path / "codes" / "weekly.sh")
    with pytest.raises(DefinitionError) as caught:
        read_mission_file(path)
    first, second = caught.value.problems
    assert f"clean.sh is not executable; make it so: chmod +x {tmp_path / 'codes' / 'clean.sh'}" in first
    assert "week.sh; did you mean 'weekly.sh'?" in second


def test_the_version_may_stand_in_a_programs_path(tmp_path: Path) -> None:
    write_program(tmp_path / "codes" / "week_1.0.0.sh")
    text = edited(MISSION, ("week.sh", "week_{CODEVERSION}.sh"))
    assert (
        read_mission_file(write_mission(tmp_path, text)).processes["to_week"].codes[0].file == "week_{CODEVERSION}.sh"
    )


def test_an_inspector_must_be_there(tmp_path: Path) -> None:
    path = write_mission(tmp_path, edited(MISSION, ('"raw/{Y}"', '"raw"\ninspector = "own.py"')))
    (tmp_path / "inspectors" / "own.py").unlink()
    with pytest.raises(DefinitionError, match=r"product\.raw\.inspector: there is no inspector .*own\.py"):
        read_mission_file(path)


def test_blake3_that_is_not_installed_is_said_with_the_remedy(tmp_path: Path) -> None:
    path = write_mission(tmp_path, edited(MISSION, ("settle_seconds = 0", 'digest = "blake3"')))
    try:
        import blake3  # type: ignore[import-not-found, unused-ignore] # noqa: F401
    except ImportError:
        with pytest.raises(DefinitionError, match="pip install blake3"):
            read_mission_file(path)
    else:
        assert read_mission_file(path).mission.digest == "blake3"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[mission]\nname = "a"\nname = "b"\n', "line 3, column"),
        ("[mission]\nname = sgp\n", "line 2, column 8: Invalid value"),
        ("[mission\n", "line 1"),
    ],
)
def test_what_is_no_toml_is_said_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "mission.toml"
    path.write_text(text)
    with pytest.raises(DefinitionError, match="is not TOML") as caught:
        read_mission_file(path)
    assert said in str(caught.value)


def test_a_misspelt_name_of_the_file_is_answered_with_the_one_that_is_there(tmp_path: Path) -> None:
    write_mission(tmp_path)
    with pytest.raises(DefinitionError, match=r"there is no mission file .*; did you mean 'mission\.toml'\?"):
        read_mission_file(tmp_path / "mision.toml")


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mission.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DefinitionError, match="is not text in UTF-8"):
        read_mission_file(path)
    path.write_bytes(b"[mission]\nname = '\0'")
    with pytest.raises(DefinitionError, match="line 2 has a NUL character"):
        read_mission_file(path)
    with pytest.raises(DefinitionError, match="cannot be read: Is a directory"):
        read_mission_file(tmp_path)


# --- directories within each other, as the disk has them ---


def test_a_link_that_leads_into_incoming_is_followed(tmp_path: Path) -> None:
    (tmp_path / "incoming").mkdir()
    (tmp_path / "raw").symlink_to("incoming")
    (sentence,) = problems_of(tmp_path, MISSION)
    assert sentence.startswith(
        f"line {line_of(MISSION, 'raw/{Y}')}, product.raw.directory: 'raw/{{Y}}' is in the incoming"
    )


def test_a_link_is_followed_to_what_is_not_there_yet(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "away").symlink_to("sub")
    text = edited(MISSION, ("settle_seconds = 0", 'incoming = "sub/in"'), ('"raw/{Y}"', '"away/in/{Y}"'))
    (sentence,) = problems_of(tmp_path, text)
    assert "product.raw.directory: 'away/in/{Y}' is in the incoming directory" in sentence


def test_incoming_that_is_a_link_to_the_root_is_the_root(tmp_path: Path) -> None:
    (tmp_path / "incoming").symlink_to(".")
    (sentence,) = problems_of(tmp_path, MISSION)
    assert "is the root of the mission" in sentence


def test_dots_that_lead_into_incoming_are_followed(tmp_path: Path) -> None:
    text = edited(MISSION, ('"clean/{Y}"', '"x/../incoming/clean"'))
    (sentence,) = problems_of(tmp_path, text)
    assert "product.clean.directory: 'incoming/clean' is in the incoming directory" in sentence


def test_a_mission_file_in_incoming_would_be_taken_for_what_arrived(tmp_path: Path) -> None:
    (tmp_path / "incoming").mkdir()
    text = edited(MISSION, ("settle_seconds = 0", 'root = ".."'))
    write_mission(tmp_path, text)
    path = write_mission(tmp_path / "incoming", text)
    with pytest.raises(DefinitionError) as caught:
        read_mission_file(path)
    assert any("the mission file" in problem and "is in the incoming" in problem for problem in caught.value.problems)


# --- numbers and texts of any size ---

NUMBERS = {
    "settle_seconds": "mission",
    "retry_seconds": "mission",
    "retry_limit": "mission",
    "inspector_seconds": "mission",
    "inspector_memory": "mission",
    "level": "product.raw",
    "yesterday": "process.to_week.inputs[1]",
    "tomorrow": "process.to_week.inputs[1]",
    "cpu": "process.to_week.code",
    "ram": "process.to_week.code",
    "time_limit_seconds": "process.to_week.code",
    "code retry_limit": "process.to_week.code",
    "retry_longest_seconds": "process.to_week.code",
    "output_interface": "process.to_week.code",
}
SIZES = ("99999999999999999999", "1e300", "inf", "nan", "true", "-1e12", "0x" + "f" * 5000, "1" * 400, '"1"')


@pytest.mark.parametrize("key", NUMBERS)
def test_a_number_of_any_size_is_refused_with_what_is_allowed(tmp_path: Path, key: str) -> None:
    place, name = NUMBERS[key], key.split()[-1]
    for size in SIZES:
        found = problems_of(tmp_path, with_key(place, name, size))
        (sentence,) = (each for each in found if f"{place}.{name}: " in each)
        assert "must be" in sentence or "is not a finite number" in sentence or "is a larger number" in sentence
        assert len(sentence) < 600


def with_key(place: str, name: str, value: str) -> str:
    """The mission with a key of this value at a place."""
    if place == "mission":
        return edited(MISSION.replace("settle_seconds = 0\n", ""), ('name = "sgp"', f'name = "sgp"\n{name} = {value}'))
    if place == "product.raw":
        return edited(MISSION, ("level = 0", f"{name} = {value}"))
    if place.endswith("[1]"):
        return edited(MISSION, ("yesterday = 1", f"{name} = {value}"))
    return edited(MISSION, ('file = "week.sh"', f'file = "week.sh"\n{name} = {value}'))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('name = "sgp"', f'name = "{"n" * 5000}"'),
        ("[product.raw]", f'[product."{"n" * 5000}"]'),
        ("[process.to_week", f'[process."{"n" * 5000}"'),
        ("raw_{Y}{m}{d}", "r" * 5000 + "{Y}{m}{d}"),
        ('"raw/{Y}"', f'"{"r/" * 5000}"'),
        ('version = "1.0.0"', f'version = "1.0.{"9" * 5000}"'),
        ('version = "1.0.0"', 'version = "1.0.99999"'),
        ('arguments = ["--limit", "3"]', f'arguments = ["{"a" * 200_000}"]'),
        ("settle_seconds = 0", f'incoming = "{"i" * 5000}"'),
        ("settle_seconds = 0", f'satellite = "{"s" * 5000}"'),
    ],
)
def test_a_text_of_any_length_is_refused_in_a_short_sentence(tmp_path: Path, old: str, new: str) -> None:
    found = problems_of(tmp_path, edited(MISSION, (old, new)))
    assert found
    assert all(
        re.search(r"at most \d+ are allowed|digits|above 30000|there is no (product|code)", each) for each in found
    ), found


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a = " + "[" * 5000, "its brackets are nested too deeply"),
        ("a = " + "1" * 5000, "Exceeds the limit"),
        ("a = 2019-02-30", "line 1"),
    ],
)
def test_what_toml_itself_cannot_hold_is_said(tmp_path: Path, text: str, said: str) -> None:
    (sentence,) = problems_of(tmp_path, text)
    assert said in sentence


# --- what can only fail ---

KEYED = edited(
    MISSION,
    ("raw_{Y}", "raw_{st}_{Y}"),
    ("clean_{Y}", "clean_{st}_{Y}"),
    ('timebase = "DAILY"', 'timebase = "FILE"'),
)
MERGED = edited(KEYED, ('timebase = "FILE"', 'timebase = "FILE"\nkeywords = "merged"'))
CALIBRATION = '\n[product.cal]\nlevel = 0\ndirectory = "cal"\nformat = "cal_{Y}{m}{d}.txt"\n'
PAIR = """
[product.set]
level = 0
directory = "set"
format = "set_{Y}{m}{d}.idx"
companion = true

[product.pair]
level = 0
directory = "pair"
format = "set_{Y}{m}{d}.dat"
companion = true
"""


def test_a_process_of_files_with_the_same_keywords_is_as_it_may_be(tmp_path: Path) -> None:
    assert read_mission_file(write_mission(tmp_path, KEYED)).processes["to_clean"].timebase == "FILE"
    timed = edited(MISSION, ("raw_{Y}{m}{d}", "raw_{Y}{m}{d}{H}"), ('timebase = "DAILY"', 'timebase = "FILE"'))
    read_mission_file(write_mission(tmp_path, timed))
    choice = ('inputs = ["raw"]', 'inputs = ["raw", { first_of = ["cal", "cal2"] }]')
    keyed = CALIBRATION.replace("cal_", "cal_{st}_")
    either = edited(KEYED + keyed + keyed.replace("cal", "cal2"), choice)
    read_mission_file(write_mission(tmp_path, either))


@pytest.mark.parametrize(
    ("text", "replacements", "said"),
    [
        (MISSION, [("clean_{Y}", "clean_{m:3d}_{Y}")], "what {m:3d} writes is not what it reads; write {m}"),
        (MISSION, [("clean_{Y}", "clean_{m:1d}_{Y}")], "what {m:1d} writes is not what it reads"),
        (MISSION, [("clean_{Y}", "clean_{b:03d}_{Y}")], "the field {b} has no digits to be counted"),
        (MISSION, [("_v{VERSION}.txt", "_v{VERSION:05d}.txt")], "the field {VERSION} has no digits to be counted"),
        (MISSION, [("clean_{Y}", "clean_{DATE:09d}_{Y}")], "what {DATE:09d} writes is not what it reads"),
        (KEYED, [("{st}", "{my st}")], "the field {my st} has a blank or '=' in its name"),
        (KEYED, [("{st}", "{a=b}")], "the field {a=b} has a blank or '=' in its name"),
        (
            MERGED,
            [("clean_{st}_", "clean_")],
            "makes a file for each {st} of 'raw', all of the same name; put {st} into",
        ),
        (KEYED, [("raw_{st}", "raw_{st:03d}"), ("clean_{st}", "clean_{st:04d}")], "has 4 digits, and in the format of"),
        (
            MERGED + CALIBRATION,
            [('inputs = ["raw"]', 'inputs = ["raw", "cal"]')],
            "'to_clean' is never due, as timebase",
        ),
        (
            MERGED + CALIBRATION,
            [('inputs = ["raw"]', 'inputs = ["raw", { product = "cal", optional = true }]')],
            "'cal' is never taken as timebase FILE takes inputs of the same keywords, and 'raw' has {st}, while 'cal'",
        ),
        (
            MERGED + CALIBRATION + CALIBRATION.replace("cal", "cal2").replace("cal2_", "cal2_{st}_"),
            [('inputs = ["raw"]', 'inputs = ["raw", { first_of = ["cal", "cal2"] }]')],
            "'cal' is never taken as timebase FILE takes inputs of the same keywords, and 'raw' has {st}, while 'cal'",
        ),
        (
            MERGED + CALIBRATION,
            [('inputs = ["raw"]', 'inputs = [{ first_of = ["raw", "cal"] }]')],
            "'cal' is never taken as timebase FILE",
        ),
        (MISSION, [("raw_{Y}{m}{d}_v{VERSION}.txt", "raw_{Y}{m}{d}.tmp")], "count as unfinished"),
        (MISSION, [("raw_{Y}{m}{d}_v{VERSION}.txt", ".raw_{Y}{m}{d}")], "count as unfinished"),
        (MISSION, [("raw_{Y}{m}{d}_v{VERSION}.txt", "raw_{Y}{m}{d}~")], "count as unfinished"),
        (MISSION, [("[process.to_week", "[process.17")], "'17' is a number; commands take processes by name or number"),
        (MISSION, [("[process.to_week", '[process."a,b"')], "'a,b' has a comma in it"),
        (MISSION, [("[process.to_week", "[process.-x")], "or begins with '-'"),
        (MISSION, [('"raw/{Y}"', '"raw"\ninspector = "idx"\ncompanion = false')], "leave companion out"),
        (
            edited(MISSION, ("raw_{Y}{m}{d}_v{VERSION}.txt", "{st}.{Y}.csv"), ('"raw/{Y}"', '"s"\ncompanion = true')),
            [('"clean/{Y}"', '"s/{st}.{Y}"'), ("clean_{Y}", "clean_{st}_{Y}")],
            "the directory of a file, s/{st}.{Y}/, can be that of the product 'clean'",
        ),
        (
            MISSION,
            [('"raw/{Y}"', '"x"\ncompanion = true'), ('"clean/{Y}"', '"x/raw_20240101_v1.0.0"')],
            "the directory of a file, x/raw_{Y}{m}{d}_v{VERSION}/, can be that of the product 'clean'",
        ),
        (
            MISSION,
            [
                ('"raw/{Y}"', '"x"\ncompanion = true'),
                ('"clean/{Y}"', '"x"\ncompanion = true'),
                ("clean_{Y}{m}{d}_v{VERSION}.txt", "raw_{Y}{m}{d}_v{VERSION}.png"),
            ],
            "would belong to a file of the product",
        ),
        (
            MISSION,
            [
                ('"raw/{Y}"', '"x"\ncompanion = true'),
                ('"clean/{Y}"', '"x"'),
                ("clean_{Y}{m}{d}_v{VERSION}.txt", "raw_{Y}{m}{d}_v{VERSION}"),
            ],
            "can be a file of the product 'clean'",
        ),
        (
            MISSION + PAIR,
            [],
            "in incoming the directory set_{Y}{m}{d}/ would belong to a file of the product 'pair' as well",
        ),
    ],
)
def test_what_can_only_fail_is_refused_with_what_to_do(
    tmp_path: Path, text: str, replacements: list[tuple[str, str]], said: str
) -> None:
    found = problems_of(tmp_path, edited(text, *replacements))
    assert any(said in sentence for sentence in found), found


@pytest.mark.parametrize(
    "replacement",
    [
        ("clean_{Y}{m}{d}", "clean_{Y:4d}{m:02d}{d:03d}"),
        ("clean_{Y}{m}{d}", "clean_{DATE:08d}"),
        ("clean_{Y}{m}{d}_v{VERSION}.txt", "clean_{Y}{m}{d}_v{VERSION}.tmp"),
        ("clean_{Y}{m}{d}", "clean_{Y}{m}{d}{H}"),
        ('"raw/{Y}"', '"raw"\ncompanion = true'),
        ("[product.raw]", PAIR.replace("companion = true", "companion = false", 1) + "\n[product.raw]"),
        ("[product.raw]", PAIR.replace("set_{Y}{m}{d}.dat", "set_{Y}{m}{d}b.dat") + "\n[product.raw]"),
    ],
)
def test_what_looks_like_it_and_works_is_taken(tmp_path: Path, replacement: tuple[str, str]) -> None:
    read_mission_file(write_mission(tmp_path, edited(MISSION, replacement)))


def test_a_program_that_lies_in_incoming_would_be_taken_for_what_arrived(tmp_path: Path) -> None:
    write_program(tmp_path / "incoming" / "week.sh")
    (sentence,) = problems_of(tmp_path, edited(MISSION, ('file = "week.sh"', 'file = "../incoming/week.sh"')))
    assert f"{tmp_path}/incoming/week.sh is in the incoming directory; move it" in sentence
