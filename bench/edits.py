"""What a run with nothing to do spends on noticing edited codes: many codes, each of which uses a file beside it."""

from __future__ import annotations

from bench import mission
from bench.places import Place
from bench.table import Row
from bench.timing import in_turn, seconds_of
from dbproc.changes import touched
from dbproc.database.definition.load import load_definition
from dbproc.database.store import open_store

MOST_MILLISECONDS = 20.0


def measure(place: Place, *, codes: int, rounds: int) -> list[Row]:
    """Time how every run looks at all codes and inspectors, when none was touched."""
    made = mission.set_up_codes(place, codes)
    with open_store(made.database, read_only=True) as store, store.begin() as connection:
        definition = load_definition(connection)

    def look() -> None:
        assert not touched.any_code_touched(definition)
        assert not touched.any_inspector_touched(definition)

    seconds = in_turn({"look": lambda: seconds_of(look)}, rounds)
    values = [each * 1000 for each in seconds["look"]]
    return [Row("edits", place.database.kind, f"looking at {codes} codes", values, "ms", target=MOST_MILLISECONDS)]
