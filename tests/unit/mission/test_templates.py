"""Tables of a mission file that stand for several: what is put in where, what is refused, and on which line."""

from __future__ import annotations

import datetime as dt
import re
import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dbproc.core.errors import DefinitionError
from dbproc.core.filenames import FIELDS
from dbproc.core.spec import MissionSpec, ProductSpec, Template
from dbproc.mission import export_toml, read_mission_file
from dbproc.mission.paths import product_constants
from dbproc.mission.problems import Problems
from dbproc.mission.templates import CONSTANTS, MOST, Expanded, expanded
from dbproc.run import command_line
from tests.kit.mission_files import edited, write_mission

DOCUMENT = Path(__file__).parents[3] / "docs" / "mission-file.md"
BANDS = 'for = { band = ["red", "green"] }'
HUNDRED = list(range(100))
MISSION = f"""
[mission]
name = "sgp"

[product."raw_{{band}}"]
{BANDS}
level = 0
directory = "raw/{{band}}/{{Y}}"
format = "raw_{{band}}_{{tile}}_{{Y}}{{m}}{{d}}_v{{VERSION}}.txt"
description = "The {{band}} band"
inspector = "bands.py"
inspector_arguments = {{ kind = "{{band}}", "of_{{band}}" = 7 }}

[product."mosaic_{{band}}"]
{BANDS}
level = 1
directory = "mosaic"
format = "mosaic_{{band}}_{{tile}}_{{Y}}{{m}}{{d}}_v{{VERSION}}.txt"

[process."{{band}}_mosaic"]
{BANDS}
output = "mosaic_{{band}}"
timebase = "FILE"
inputs = [{{ product = "raw_{{band}}", optional = false }}]
extra_params = ["{{band}}", "{{{{band}}}}"]

[process."{{band}}_mosaic".code]
file = "mosaic.sh"
version = "1.0.0"
arguments = ["--band={{band}}", "{{Y}}"]
"""


def made(text: str) -> Expanded:
    problems = Problems()
    result = expanded(tomllib.loads(text), problems)
    assert problems.found == []
    return result


def product(name: str, *lines: str) -> str:
    return "\n".join([f'[product."{name}"]', *lines, ""])


def refusals(text: str) -> list[tuple[str, str]]:
    """The place and the text of each problem."""
    problems = Problems()
    expanded(tomllib.loads(text), problems)
    return [(".".join(map(str, found.path)), found.text) for found in problems.found]


def said(folder: Path, text: str) -> tuple[str, ...]:
    with pytest.raises(DefinitionError) as caught:
        read_mission_file(write_mission(folder, text))
    return caught.value.problems


def line_of(text: str, part: str) -> int:
    return next(number for number, line in enumerate(text.split("\n"), 1) if part in line)


# --- what is made ---


def test_a_template_is_what_its_tables_would_be_written_one_by_one(tmp_path: Path) -> None:
    definition = read_mission_file(write_mission(tmp_path, MISSION))
    assert list(definition.products) == ["raw_red", "raw_green", "mosaic_red", "mosaic_green"]
    raw = definition.products["raw_green"]
    assert (raw.directory, raw.description) == ("raw/green/{Y}", "The green band")
    assert raw.format == "raw_green_{tile}_{Y}{m}{d}_v{VERSION}.txt"
    assert raw.inspector.arguments == {"kind": "green", "of_green": "7"}
    process = definition.processes["red_mosaic"]
    assert (process.output, process.inputs[0].product) == ("mosaic_red", "raw_red")
    assert process.extra_params == ("red", "{{band}}")
    assert process.codes[0].arguments == ("--band=red", "{Y}")
    one_by_one = write_mission(tmp_path, export_toml(definition), "exported.toml")
    assert read_mission_file(one_by_one) == definition


def test_several_names_make_every_combination_in_their_order() -> None:
    text = product("{b1}x{b2}", 'for = { b1 = ["a", "b"], b2 = [1, 2.5] }', 'format = "{b1}{b2}{b3}"')
    result = made(text)
    names = ("ax1", "ax2.5", "bx1", "bx2.5")
    assert result.templates == [Template(kind="product", name="{b1}x{b2}", names=names)]
    assert [table["format"] for table in result.content["product"].values()] == [
        "a1{b3}",
        "a2.5{b3}",
        "b1{b3}",
        "b2.5{b3}",
    ]


def test_tables_keep_their_order_and_what_is_no_template_stays() -> None:
    others = "[mission]\nname = '{band}'\n" + product("a", 'format = "{band}"'), product("z", "level = 1")
    result = made(others[0] + product("m_{band}", BANDS) + others[1])
    assert list(result.content["product"]) == ["a", "m_red", "m_green", "z"]
    assert result.content["mission"] == {"name": "{band}"}
    assert result.content["product"]["a"] == {"format": "{band}"}


def test_every_text_and_every_key_is_filled_in_once_and_other_values_stay() -> None:
    day = dt.date(2020, 1, 1)
    text = product(
        "{one}{two}",
        'for = { one = ["x"], two = ["y"] }',
        'list = ["{one}", ["{two}"], { "{two}" = "{one}" }, 1, true]',
        'inner = { "{one}" = { "{two}" = "{one}{two}{three}{Y}" } }',
        'braces = "{{one}} {{{one}}} {} { {one:2"',
        "day = 2020-01-01",
    )
    assert made(text).content["product"] == {
        "xy": {
            "list": ["x", ["y"], {"y": "x"}, 1, True],
            "inner": {"x": {"y": "xy{three}{Y}"}},
            "braces": "{{one}} {{x}} {} { {one:2",
            "day": day,
        }
    }


def test_each_kind_of_table_may_be_a_template_and_nothing_else() -> None:
    kinds = ("instrument", "product", "process", "mission", "other")
    result = made("".join(f'[{kind}."{{band}}"]\n{BANDS}\n' for kind in kinds))
    assert [template.kind for template in result.templates] == ["instrument", "product", "process"]
    assert [list(result.content[kind]) for kind in kinds] == [["red", "green"]] * 3 + [["{band}"]] * 2


def test_products_belong_to_instruments_that_a_template_makes(tmp_path: Path) -> None:
    instruments = f'[instrument."{{MISSION}}_{{band}}"]\n{BANDS}\nsatellite = "sat {{band}}"\n'
    text = instruments + edited(MISSION, ("level = 0", 'level = 0\ninstrument = "{MISSION}_{band}"'))
    red = read_mission_file(write_mission(tmp_path, text)).products["raw_red"]
    assert (red.satellite, red.instrument) == ("sat red", "sgp_red")


def test_long_lists_of_names_are_cut() -> None:
    few = Template(kind="product", name="p_{n}", names=("p_1", "p_2"))
    assert few.sentence == "product p_{n} expands to p_1, p_2"
    many = Template(kind="product", name="p_{n}", names=tuple(map(str, range(21))))
    assert many.sentence.endswith("18, 19, … (21 in all)")


def test_the_documented_example_expands_as_it_says(tmp_path: Path) -> None:
    section = DOCUMENT.read_text(encoding="utf-8").split("\n## Templates\n")[1]
    example = re.findall(r"```toml\n(.*?)```", section, re.DOTALL)[0]
    definition = read_mission_file(write_mission(tmp_path, f'[mission]\nname = "sgp"\n{example}'))
    bands = ("red", "green", "nir")
    assert list(definition.products) == [f"{kind}_{band}" for kind in ("tile", "mosaic") for band in bands]
    assert list(definition.processes) == [f"mosaic_{band}" for band in bands]


# --- what is refused ---


@pytest.mark.parametrize(
    ("text", "place", "start"),
    [
        (product("a_{band}", "for = 3"), "a_{band}.for", "must be a table of lists, such as for = {"),
        (product("a_{band}", "for = {}"), "a_{band}.for", "must be a table of lists"),
        (product("a_{band}", 'for = ["red"]'), "a_{band}.for", "must be a table of lists"),
        (product("a_{band}", "for = { band = [] }"), "a_{band}.for.band", "must be a list of texts or numbers"),
        (product("a_{band}", 'for = { band = "red" }'), "a_{band}.for.band", "must be a list of texts or numbers"),
        (
            product("a_{band}", "for = { band = [1, true] }"),
            "a_{band}.for.band.1",
            "must be text in quotes or a number",
        ),
        (product("a_{band}", "for = { band = [[1]] }"), "a_{band}.for.band.0", "must be text in quotes or a number"),
        (product("a_{band}", f"for = {{ band = [0x{'f' * 9999}] }}"), "a_{band}.for.band.0", "must be text in quotes"),
        (product("a_{band}", 'for = { band = ["{Y}"] }'), "a_{band}.for.band.0", "'{Y}' has braces in it"),
        (product("a_{band}", 'for = { band = ["1", "2", 1] }'), "a_{band}.for.band.2", "'1' is in the list twice"),
        (product("a_{m}", "for = { m = [1, 2] }"), "a_{m}.for.m", "{m} has a meaning of its own"),
        (
            product("{PRODUCT}", "for = { PRODUCT = [1] }"),
            "{PRODUCT}.for.PRODUCT",
            "{PRODUCT} has a meaning of its own",
        ),
        (product("{b d}", 'for = { "b d" = [1] }'), "{b d}.for.b d", "'b d' cannot stand in braces"),
        (
            product("a_{b1}", 'for = { b1 = ["x"], b2 = ["y"] }'),
            "a_{b1}.for.b2",
            "is not in the name of the table, so that several would have the name 'a_{b1}'; put {b2} into the name",
        ),
        (product("a", BANDS), "a.for.band", "is not in the name of the table"),
        (product("{{band}}", BANDS), "{{band}}.for.band", "is not in the name of the table"),
        (
            product("a_{band}_{bnd}", BANDS),
            "a_{band}_{bnd}",
            "'a_{band}_{bnd}' is not a name: no 'for' says for what {bnd} stands; did you mean 'band'?",
        ),
        (product("a_{MISSION}_{band}", BANDS), "a_{MISSION}_{band}", "'a_{MISSION}_{band}' is not a name"),
        (
            product("a_{tile}", "level = 1"),
            "a_{tile}",
            "'a_{tile}' is not a name: no 'for' says for what {tile} stands; add for = { tile = [",
        ),
        (
            product("a_red") + product("a_{band}", BANDS),
            "a_{band}",
            "with band = red its name is 'a_red', which is that of the table [product.a_red]; change one of them",
        ),
        (product("a_{band}", BANDS) + product("a_green"), "a_{band}", "with band = green its name is 'a_green'"),
        (
            product("{u}{v}", 'for = { u = ["a", "ab"], v = ["bc", "c"] }'),
            "{u}{v}",
            "with u = ab, v = c its name is 'abc', which is that of [product.{u}{v}] with u = a, v = bc",
        ),
        (
            product("a_{x}", "for = { x = [1] }") + product("{v}_1", 'for = { v = ["a"] }'),
            "{v}_1",
            "with v = a its name is 'a_1', which is that of [product.a_{x}] with x = 1",
        ),
        (
            product("a_{n}", "for = { n = [1, 2] }", 'format = "{Y}_{n:03d}"'),
            "a_{n}.format",
            "{n:03d} is put in as it stands in 'for'; write {n}, and zeros in front in the list",
        ),
        (
            product("a_{band}", BANDS, 'arguments = { red = 1, "{band}" = 2 }'),
            "a_{band}.arguments.{band}",
            "with band = red this key is 'red', which is there already",
        ),
        (
            product("{u}{v}{w}", f"for = {{ u = {HUNDRED}, v = {HUNDRED}, w = [1, 2] }}"),
            "{u}{v}{w}.for",
            f"makes more than {MOST} tables",
        ),
    ],
)
def test_a_template_of_which_nothing_can_be_made_is_refused(text: str, place: str, start: str) -> None:
    ((found, said),) = refusals(text)
    assert found == f"product.{place}"
    assert said.startswith(start), said


def test_every_fault_of_every_template_is_told() -> None:
    text = product("a", "for = { Y = [1, 1, false], b = [] }") + product("b_{c}", "level = 1") + product("c", BANDS)
    assert [place for place, _ in refusals(text)] == [
        "product.a.for.Y",
        "product.a.for.Y.2",
        "product.a.for.Y.1",
        "product.a.for.b",
        "product.b_{c}",
        "product.c.for.band",
    ]


def test_no_name_hides_a_word_that_is_replaced_anyway() -> None:
    mission = MissionSpec(name="m", root="/m")
    kind = ProductSpec(name="p", level=1, directory="d", format="f", satellite="s", instrument="i")
    task: Any = SimpleNamespace(
        slot=SimpleNamespace(date=dt.date(2020, 1, 1)),
        code=SimpleNamespace(path="/c", version="1.0.0"),
        process=SimpleNamespace(name="p"),
        output_version=None,
    )
    definition: Any = SimpleNamespace(mission=mission)
    of_codes = command_line._constants(definition, task)
    assert {*product_constants(mission, kind), *of_codes} | FIELDS.keys() == CONSTANTS | FIELDS.keys()


# --- where it is ---


@pytest.mark.parametrize(
    ("old", "new", "part", "text"),
    [
        ("level = 0", "level = 0\ncolour = 3", "colour", "product.raw_{band}.colour (raw_red and 1 more): this key is"),
        (
            '"of_{band}" = 7',
            '"of_{band}" = []',
            "of_{band}",
            "product.raw_{band}.inspector_arguments.of_{band} (raw_red and 1 more): must be",
        ),
        ('version = "1.0.0"', 'version = "1"', 'version = "1"', "process.{band}_mosaic.code.version (red_mosaic and 1"),
        (
            'output = "mosaic_{band}"',
            'output = "mosaik_{band}"',
            "mosaik",
            "process.{band}_mosaic.output (red_mosaic): ",
        ),
        (
            f'[product."raw_{{band}}"]\n{BANDS}',
            '[product."raw_{band}"]\nfor = { band = ["red"] }',
            "inputs",
            "process.{band}_mosaic.inputs[1] (green_mosaic): there is no product 'raw_green'",
        ),
        (BANDS, "for = { Y = [1] }", "Y = [1]", "product.raw_{band}.for.Y: {Y} has a meaning of its own"),
    ],
)
def test_a_problem_names_the_line_of_the_template_and_the_table_that_is_meant(
    tmp_path: Path, old: str, new: str, part: str, text: str
) -> None:
    broken = edited(MISSION, (old, new))
    assert said(tmp_path, broken)[0].startswith(f"line {line_of(broken, part)}, {text}"), said(tmp_path, broken)


def test_a_table_that_is_no_template_has_its_line_alone(tmp_path: Path) -> None:
    text = MISSION + product("one", "level = 0", 'directory = "one"', 'format = "one_{Y}.txt"', "colour = 1")
    ((problem),) = said(tmp_path, text)
    assert problem.startswith(f"line {line_of(text, 'colour')}, product.one.colour: this key is not known")
