"""A definition written as TOML is read back as the same definition."""

from __future__ import annotations

import datetime as dt
import string
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dbproc.core.spec import CodeSpec, Definition, InputSpec, InspectorSpec, MissionSpec, ProcessSpec, ProductSpec
from dbproc.core.version import Version
from dbproc.mission import export_toml
from dbproc.mission.problems import Problems
from dbproc.mission.toml import read_toml

NAMES = (
    st.text(string.ascii_letters + string.digits + " .-_'\"é#=", min_size=1, max_size=12).map(str.strip).filter(bool)
)
WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=10)
DATES = st.dates(dt.date(1900, 1, 1), dt.date(2100, 12, 31))
VERSIONS = st.builds(Version, st.integers(1, 99), st.integers(0, 99), st.integers(0, 99))
POSITIVE = st.floats(0, 1e20)
INSPECTORS = st.builds(
    InspectorSpec,
    file=st.sampled_from(["filename", "netcdf", "own.py"]),
    arguments=st.dictionaries(st.sampled_from(["time", "kind"]), WORDS.filter(lambda word: "{" not in word)),
    description=WORDS.filter(lambda word: "{" not in word),
    version=VERSIONS,
    written=st.none() | DATES,
)
CODES = st.builds(
    CodeSpec,
    file=st.sampled_from(["a.sh", "sub/b.py", "/abs/c", "dbproc:netcdf_to_idx", "a b\"'"]),
    version=VERSIONS,
    output_interface=st.integers(1, 9),
    arguments=st.lists(WORDS).map(tuple),
    start=DATES,
    stop=DATES,
    cpu=st.integers(1, 9),
    ram=POSITIVE,
    time_limit=st.none() | POSITIVE,
    retry_limit=st.none() | st.integers(0, 99),
    retry_longest=st.none() | POSITIVE,
    description=WORDS,
    written=st.none() | DATES,
    active=st.booleans(),
)
INPUTS = st.builds(
    InputSpec, product=NAMES, optional=st.booleans(), yesterday=st.integers(0, 9), tomorrow=st.integers(0, 9)
)
MISSIONS = st.builds(
    MissionSpec,
    name=NAMES,
    root=st.just("/some where/é"),
    incoming=st.sampled_from(["incoming", "/abs", "in coming"]),
    settle_seconds=POSITIVE,
    retry_limit=st.integers(0, 99),
    umask=st.sampled_from(["022", "0007"]),
    group=st.sampled_from(["", "science"]),
    inspector_seconds=POSITIVE,
    inspector_memory=POSITIVE,
    on_code_edit=st.sampled_from(["bump", "refuse"]),
)


@st.composite
def definitions(draw: st.DrawFn) -> Definition:
    products = {
        name: draw(
            st.builds(
                ProductSpec,
                name=st.just(name),
                level=st.floats(-9, 9),
                directory=st.sampled_from(["a/{Y}", ".", "b c"]),
                format=st.sampled_from(["a_{Y}", "b{{_{station}'\""]),
                satellite=st.sampled_from(["A", "B"]),
                instrument=st.sampled_from(["mag", "B mag", "cam"]),
                description=WORDS,
                inspector=INSPECTORS,
            )
        )
        for name in draw(st.sets(NAMES, max_size=4))
    }
    processes = {
        name: ProcessSpec(
            name=name,
            timebase=draw(st.sampled_from(["FILE", "RUN"])),
            output=draw(st.none() | NAMES),
            inputs=tuple(draw(st.lists(INPUTS, max_size=3))),
            codes=tuple(draw(st.lists(CODES, min_size=1, max_size=2))),
            extra_params=tuple(draw(st.lists(WORDS))),
        )
        for name in draw(st.sets(NAMES, max_size=3))
    }
    return Definition(mission=draw(MISSIONS), products=products, processes=processes)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(definitions())
def test_what_was_written_is_read_back_as_it_was(definition: Definition) -> None:
    problems = Problems()
    again = read_toml(export_toml(definition), Path("/elsewhere/mission.toml"), problems)
    assert problems.found == []
    assert again.mission == definition.mission
    assert again.products == definition.products
    assert again.processes == definition.processes


def test_what_is_retired_or_has_its_default_is_left_out() -> None:
    definition = Definition(
        mission=MissionSpec(name="m", root="/m"),
        products={
            "a": ProductSpec(name="a", level=1, directory="a", format="a_{Y}", satellite="m", instrument="m"),
            "b": ProductSpec(
                name="b", level=1, directory="a", format="b_{Y}", satellite="m", instrument="m", active=False
            ),
        },
        processes={"p": ProcessSpec(name="p", timebase="RUN", output=None, inputs=(InputSpec(product="a"),))},
    )
    assert export_toml(definition) == (
        '[mission]\nname = "m"\nroot = "/m"\n\n[product.a]\nlevel = 1\ndirectory = "a"\nformat = "a_{Y}"\n'
    )
