"""The version of every output is what the rules say: a model of a few lines against the planner, on drawn facts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from hypothesis import event, given, settings
from hypothesis import strategies as st

from dbproc.core.facts import Facts, Output
from dbproc.core.model import Code, Definition, File, Input, Inspector, Process, Product, Slot, Timebase
from dbproc.core.needs import needs
from dbproc.core.periods import days_period
from dbproc.core.plan import Planner, State
from dbproc.core.version import Part, Version
from tests.kit.facts import MISSION

DAY = dt.date(2020, 1, 2)
NOW = dt.datetime(2020, 6, 1, tzinfo=dt.UTC)
MAKE, RAW, CAL, CLEAN = 10, 1, 2, 3
NAMES = {RAW: "raw", CAL: "cal", CLEAN: "clean"}
Triple = tuple[int, int, int]


@dataclass(frozen=True)
class World:
    """What there is to make an output from: the version of each input that is there, by its place, and the code's."""

    inputs: Mapping[tuple[int, int], Triple]  #: by product and day from yesterday (-1) to tomorrow (1)
    code: Triple
    interface: int


def next_of(output: Triple | None, made_in: World, now: World, forced: int | None) -> Triple | None:
    """The rules: the version that is built, None when what there is stays as it is."""
    if output is None:
        return (now.interface, 0, 0)
    compared = [(made_in.inputs[place], now.inputs[place]) for place in made_in.inputs.keys() & now.inputs.keys()]
    compared.append((made_in.code, now.code))
    differing = [(old, new) for old, new in compared if old != new]
    is_same_set = made_in.inputs.keys() == now.inputs.keys()
    if not differing and is_same_set and forced is None:
        return None
    interface, quality, revision = output
    if now.interface > interface:
        return (now.interface, 0, 0)
    if forced is not None:
        raised = output[forced] + 1
        return tuple([*output[:forced], raised, 0, 0][:3])  # type: ignore[return-value]
    if not is_same_set or any(old[:2] != new[:2] for old, new in differing):
        return (interface, quality + 1, 0)
    return (interface, quality, revision + 1)


PLACES = [(RAW, -1), (RAW, 0), (RAW, 1), (CAL, 0)]
TRIPLES = st.tuples(st.integers(1, 3), st.integers(0, 2), st.integers(0, 2))


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Inputs of which the day's own is always there, whatever else is."""
    others = draw(st.sets(st.sampled_from(PLACES)))
    places = sorted(others | {(RAW, 0)})
    return World({place: draw(TRIPLES) for place in places}, draw(TRIPLES), draw(st.integers(1, 3)))


@st.composite
def later(draw: st.DrawFn, world: World) -> World:
    """The same world after a few changes: inputs that rose, came or went; a code that was released or rolled back."""
    inputs = dict(world.inputs)
    for place in draw(st.sets(st.sampled_from(PLACES), max_size=2)):
        if place in inputs and place != (RAW, 0) and draw(st.booleans()):
            del inputs[place]
        else:
            inputs[place] = _risen(inputs.get(place, (1, 0, 0)), draw(st.integers(0, 2)))
    kind = draw(st.sampled_from(["kept", "kept", "risen", "anything"]))
    code = {"kept": world.code, "risen": _risen(world.code, draw(st.integers(0, 2))), "anything": draw(TRIPLES)}[kind]
    interface = world.interface if code == world.code else draw(st.integers(1, 4))
    return World(inputs, code, interface)


def _risen(version: Triple, part: int) -> Triple:
    return (*version[:part], version[part] + 1, *(0 for _ in range(2 - part)))  # type: ignore[return-value]


class Site:
    """What the catalogue would give for a world; a file or a code that was seen before has its number again."""

    def __init__(self) -> None:
        self._numbers: dict[object, int] = {}

    def number(self, thing: object) -> int:
        return self._numbers.setdefault(thing, len(self._numbers) + 100)

    def file(self, product: int, day: int, version: Triple) -> File:
        date = DAY + dt.timedelta(days=day)
        text = Version(*version)
        name = f"{NAMES[product]}_{date:%Y%m%d}_v{text}"
        return File(
            self.number((product, day, version)), product, name, date, *days_period(date, date), text, "", "data"
        )

    def files(self, world: World) -> list[File]:
        return [self.file(*place, version) for place, version in world.inputs.items()]

    def code(self, world: World) -> Code:
        return Code(
            code_id=self.number((world.code, world.interface)),
            process_id=MAKE,
            path="/m/codes/make.sh",
            version=Version(*world.code),
            output_interface=world.interface,
            start=dt.date.min,
            stop=dt.date.max,
            digest="sha256:0",
        )

    def planned(self, output: Triple | None, made_in: World, now: World, forced: int | None) -> Triple | None:
        """What the planner says."""
        definition = _definition(self.code(now))
        slot = Slot(MAKE, DAY)
        asked = needs(definition, [slot])
        files = self.files(now)
        by_time = {key: [file for file in files if file.product_id == key] for key in (RAW, CAL)}
        outputs = {} if output is None else {(CLEAN, DAY): [self._output(output, made_in)]}
        decision = Planner(definition, Facts(by_time, {}, outputs), asked, NOW).decide(
            slot, None if forced is None else Part(forced)
        )
        if decision.state is State.UP_TO_DATE:
            return None
        assert decision.state is State.STALE, decision
        assert decision.task is not None
        version = decision.task.outputs[0].version
        assert decision.task.output_name == f"clean_{DAY:%Y%m%d}_v{version}"
        return (version.interface, version.quality, version.revision)

    def _output(self, output: Triple, made_in: World) -> Output:
        code = self.code(made_in)
        return Output(self.file(CLEAN, 0, output), code.code_id, code.version, tuple(self.files(made_in)))


def _definition(code: Code) -> Definition:
    products = {
        key: Product(
            product_id=key,
            name=name,
            level=float(key == CLEAN),
            directory="data",
            format=name + "_{Y}{m}{d}_v{VERSION}",
            instrument="i",
            satellite="s",
            mission="test",
            inspector=Inspector(inspector_id=key, name="filename"),
        )
        for key, name in NAMES.items()
    }
    inputs = (Input(product_id=RAW, yesterday=1, tomorrow=1), Input(product_id=CAL, optional=True))
    process = Process(process_id=MAKE, name="make", timebase=Timebase.DAILY, outputs=(CLEAN,), inputs=inputs)
    return Definition(mission=MISSION, products=products, processes={MAKE: process}, codes={MAKE: (code,)})


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_versions_rise_by_the_rules_through_any_history(data: st.DataObject) -> None:
    """A history of changes: after each the output is built if it must be, and its version is the model's."""
    site = Site()
    now = data.draw(worlds(), "the beginning")
    made_in, output = now, None
    for _ in range(data.draw(st.integers(1, 6), "changes")):
        forced = data.draw(st.sampled_from([None, None, None, 0, 1, 2]), "forced")
        expected = next_of(output, made_in, now, forced)
        assert site.planned(output, made_in, now, forced) == expected
        event(
            "stays" if expected is None else "first" if output is None else "forced" if forced is not None else "built"
        )
        if expected is not None:
            assert output is None or expected > output
            made_in, output = now, expected
            assert site.planned(output, made_in, now, None) is None
        now = data.draw(later(now), "the next change")
