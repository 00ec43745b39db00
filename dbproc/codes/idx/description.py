"""What a dataset is, as frozen facts, and those facts as the one line of JSON that travels inside the ``.idx``."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any

FORMAT = "dbproc-idx 2"
READABLE = ("dbproc-idx 1", FORMAT)
"""In the first no axis is stored in reverse."""
KEY = "metadata"
"""The key of the ``.idx`` file that holds the JSON."""

UTC, UTC_ENDS = "utc", "utc_first_and_last"
"""Attributes of an axis whose coordinates are times that units of CF cannot tell: all of them, or the ends, in UTC."""

Number = int | float | str
"""A JSON number, exact; or one of the strings "NaN", "Infinity", "-Infinity", which ``float()`` reads."""


@dataclass(frozen=True)
class Regular:
    """Coordinates that are ``start + i * step``, up to a thousandth of a step."""

    start: float
    step: float


@dataclass(frozen=True)
class Axis:
    """One dimension of the source, slowest first in a description.

    ``coordinates`` are the values as stored; a packed coordinate keeps its ``scale_factor`` and ``add_offset`` in
    ``attributes`` (:meth:`positions` applies them). An axis that has none is told by ``regular``, where there is that.
    """

    name: str
    size: int
    units: str = ""
    long_name: str = ""
    standard_name: str = ""
    calendar: str = ""
    coordinates: tuple[Number, ...] | None = None
    regular: Regular | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_placed(self) -> bool:
        """Whether the source has coordinates for it."""
        return self.coordinates is not None or self.regular is not None

    def ends_in_utc(self) -> tuple[str, str] | None:
        """The first and the last time, where the attributes tell them."""
        told = self.attributes.get(UTC) or self.attributes.get(UTC_ENDS) or [None]
        return (told[0], told[-1]) if told[0] and told[-1] else None

    def positions(self) -> list[float] | None:
        """The coordinates in ``units``, whole ones as whole numbers, or None where the source has none."""
        if self.coordinates is None:
            line = self.regular
            return None if line is None else [line.start + line.step * i for i in range(self.size)]
        if "scale_factor" not in self.attributes and "add_offset" not in self.attributes:
            return [float(value) if isinstance(value, str) else value for value in self.coordinates]
        scale, offset = float(self.attributes.get("scale_factor", 1)), float(self.attributes.get("add_offset", 0))
        return [float(value) * scale + offset for value in self.coordinates]


@dataclass(frozen=True)
class Field:
    """One field of a dataset: values of ``dtype`` exactly as the source stores them, ``components`` to a sample.

    Where ``packed``, a value means ``stored * scale_factor + add_offset``. A stored value is missing when it is NaN,
    equals one of ``fills`` or lies outside ``valid_min`` .. ``valid_max``; when ``unsigned``, after reading its bits
    as an unsigned number.
    """

    name: str
    variable: str
    dtype: str
    components: int = 1
    units: str = ""
    long_name: str = ""
    standard_name: str = ""
    scale_factor: Number | None = None
    add_offset: Number | None = None
    fills: tuple[Number, ...] = ()
    valid_min: Number | None = None
    valid_max: Number | None = None
    unsigned: bool = False
    attributes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def packed(self) -> bool:
        """Whether the stored values are to be scaled to get what they mean."""
        return self.scale_factor is not None or self.add_offset is not None

    @property
    def openvisus_dtype(self) -> str:
        """The field's type in OpenVisus' words, such as ``float32`` or ``uint8[3]``."""
        return self.dtype if self.components == 1 else f"{self.dtype}[{self.components}]"


@dataclass(frozen=True)
class Tally:
    """What was counted over all values of one field. The counts add up: every value is in exactly one of them.

    ``minimum`` and ``maximum`` are exact, over the valid finite values, in stored units; None when there are none.
    """

    valid: int = 0
    nan: int = 0
    fill: int = 0
    out_of_range: int = 0
    infinite: int = 0
    minimum: Number | None = None
    maximum: Number | None = None


@dataclass(frozen=True)
class Origin:
    """One file the dataset was made from; the writer adds its digest while it works, for which it has its ``path``."""

    name: str
    bytes: int
    sha256: str = ""
    path: Path | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True)
class Part:
    """What one origin of several gave: indices ``start`` to ``stop`` of the first axis.

    ``origin`` is its place among the description's origins, ``attributes`` are those in which the origins differ;
    ``tallies``, one for each field, are counted while it is written where it is a number of timesteps.
    """

    origin: int
    start: int
    stop: int
    attributes: Mapping[str, Any] = field(default_factory=dict)
    tallies: Mapping[str, Tally] = field(default_factory=dict)


@dataclass(frozen=True)
class Description:
    """All that is known about a dataset before its values are read.

    ``shape`` and ``axes`` are the source's, slowest first; ``components`` of a field are not among them. The axis
    named by ``timesteps`` becomes the timesteps of the IDX; once arranged for it, it is the first. Where ``top_first``,
    the first of the rows, which are the last axis but one, is the top of a picture. Axes named in ``reversed`` are
    stored from their last index to the first; here, and in what is read of a dataset, they run as in the source.
    """

    code: str
    origins: tuple[Origin, ...]
    shape: tuple[int, ...]
    axes: tuple[Axis, ...]
    fields: tuple[Field, ...]
    orientation: str
    notes: tuple[str, ...] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict)
    timesteps: str = ""
    parts: tuple[Part, ...] = ()
    top_first: bool = False
    reversed: tuple[str, ...] = ()

    def named(self, name: str) -> Field:
        """The field of that name; raises KeyError."""
        return {each.name: each for each in self.fields}[name]

    def noting(self, *notes: str) -> Description:
        """The same with further notes."""
        return replace(self, notes=tuple(dict.fromkeys((*self.notes, *notes))))


@dataclass(frozen=True)
class Metadata:
    """A dataset's description with what was measured while it was written.

    ``stored_shape`` is the shape inside the IDX, of each timestep where there are some: without leading axes of size 1.
    ``options`` are what the converter was told; ``recipe`` stands for those, for how it is stored and for the number of
    the programs: under the same recipe the same input gives the same samples in the same blocks.
    """

    description: Description
    stored_shape: tuple[int, ...]
    tallies: Mapping[str, Tally]
    options: Mapping[str, Any] = field(default_factory=dict)
    recipe: str = ""

    @property
    def turned(self) -> tuple[int, ...]:
        """The axes of the stored shape that are stored in reverse."""
        axes = self.description.axes[-len(self.stored_shape) :]
        return tuple(i for i, axis in enumerate(axes) if axis.name in self.description.reversed)

    def to_text(self) -> str:
        """One line of ASCII JSON, the same for the same facts."""
        content = {
            "format": FORMAT,
            **asdict(self.description),
            "stored_shape": self.stored_shape,
            "options": self.options,
            "recipe": self.recipe,
            "tallies": {name: asdict(tally) for name, tally in self.tallies.items()},
        }
        for origin in content["origins"]:
            del origin["path"]
        return json.dumps(plain(content), allow_nan=False, sort_keys=True, separators=(",", ":"))

    @staticmethod
    def from_text(text: str) -> Metadata:
        """The inverse of :meth:`to_text`; raises ValueError when the text is not of this format."""
        content = json.loads(text)
        if not isinstance(content, dict) or content.pop("format", None) not in READABLE:
            raise ValueError(f"its metadata is not of the format {FORMAT!r}")
        stored_shape = tuple(content.pop("stored_shape"))
        tallies = {name: Tally(**tally) for name, tally in content.pop("tallies").items()}
        options, recipe = content.pop("options"), content.pop("recipe")
        return Metadata(_description(content), stored_shape, tallies, options, recipe)


def told_apart(names: Iterable[str]) -> list[str]:
    """The names, each that occurred before with a number behind it."""
    found: list[str] = []
    for name in names:
        numbered = (f"{name}_{i}" for i in count(2))
        found.append(name if name not in found else next(each for each in numbered if each not in found))
    return found


def number(value: Any) -> Number:
    """``value`` (a numpy or Python number) as a number that JSON holds exactly."""
    item = value.item() if hasattr(value, "item") else value
    if getattr(getattr(item, "dtype", None), "kind", "") == "f" and not (item < float(item) or item > float(item)):
        item = float(item)  # of more bits than Python's have, and none of them used
    if isinstance(item, float) and not math.isfinite(item):
        return "NaN" if math.isnan(item) else "Infinity" if item > 0 else "-Infinity"
    return item if isinstance(item, int | float) else str(item)


def plain(value: Any) -> Any:
    """``value`` in types that JSON has: numbers exact, arrays as lists, anything else as text."""
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if hasattr(value, "tolist"):
        found = value.tolist()
        return number(found) if type(found) is type(value) else plain(found)
    if isinstance(value, Iterable):
        return [plain(each) for each in value]
    return number(value)


def _description(content: dict[str, Any]) -> Description:
    return Description(
        **{
            **content,
            "origins": tuple(Origin(**each) for each in content["origins"]),
            "shape": tuple(content["shape"]),
            "axes": tuple(_axis(each) for each in content["axes"]),
            "fields": tuple(Field(**{**each, "fills": tuple(each["fills"])}) for each in content["fields"]),
            "notes": tuple(content["notes"]),
            "parts": tuple(_part(each) for each in content["parts"]),
            "reversed": tuple(content.get("reversed", ())),
        }
    )


def _part(content: dict[str, Any]) -> Part:
    tallies = {name: Tally(**tally) for name, tally in content["tallies"].items()}
    return Part(**{**content, "tallies": tallies})


def _axis(content: dict[str, Any]) -> Axis:
    coordinates, regular = content["coordinates"], content["regular"]
    return Axis(
        **{
            **content,
            "coordinates": None if coordinates is None else tuple(coordinates),
            "regular": regular and Regular(**regular),
        }
    )
