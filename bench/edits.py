"""What it costs a run with nothing to do to notice that codes were edited: many codes, against a single one."""

from __future__ import annotations

from bench import mission
from bench.places import Place
from bench.table import Row
from bench.timing import in_turn, seconds_of

MOST_MILLISECONDS = 20.0


def measure(place: Place, *, codes: int, rounds: int) -> list[Row]:
    """Time a real run of a mission with so many codes that use files each, in turn with the same without them."""
    many, few = mission.set_up_codes(place, codes), mission.set_up_codes(place, 1)
    for made in (many, few):
        made.run_process("-i", "-p")
    seconds = in_turn(
        {
            "many": lambda: seconds_of(lambda: many.run_process("-i", "-p")),
            "few": lambda: seconds_of(lambda: few.run_process("-i", "-p")),
        },
        rounds,
    )
    more = [1000 * (one - other) for one, other in zip(seconds["many"], seconds["few"], strict=True)]
    what = f"a run with nothing to do: {codes} codes instead of one"
    return [Row("edits", place.database.kind, what, more, "ms", target=MOST_MILLISECONDS)]
