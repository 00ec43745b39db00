"""Bands of multispectral cameras: their names, what makes reflectance of their numbers, and indices of them. Pure."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dbproc.codes.idx.refusal import Refusal

if TYPE_CHECKING:
    from dbproc.codes.idx.values import Values

CAMERAS = {
    "RGB": ("red", "green", "blue"),
    "RGN": ("red", "green", "nir"),
    "OCN": ("orange", "cyan", "nir"),
    "NGB": ("nir", "green", "blue"),
    "NIR": ("nir", "nir_2", "nir_3"),
    "RE": ("red_edge", "red_edge_2", "red_edge_3"),
}
"""What the first, second and third channel see behind each filter; behind the last two all see the same band."""
SURVEY2 = {
    "NDVI": ("red", "red_nir", "nir"),
    "RED": ("red", "red_2", "red_3"),
    "GREEN": ("green_2", "green", "green_3"),
    "BLUE": ("blue_2", "blue_3", "blue"),
}
"""The same behind filters of MAPIR's Survey1 and Survey2 alone; NDVI's second channel sees both of its bands."""
INDICES = {"ndvi": ("nir", "red", "orange"), "gndvi": ("nir", "green"), "ndre": ("nir", "red_edge")}
"""Normalised differences: (first - second) / (first + second); where there is no second band, the next in its place."""
ALIASES = {
    **{"rededge": "red_edge", "re": "red_edge", "near_infrared": "nir", "near-infrared": "nir"},
    **{"r": "red", "g": "green", "b": "blue", "n": "nir"},
}
"""What bands are called here that cameras call otherwise."""
IN_NAME = re.compile(r"_MS_(RE|R|G|B|NIR)$", re.IGNORECASE)
"""How the files of DJI's cameras with one sensor for each band end."""
PHANTOM, NUMBERED = "FC6360", ("blue", "green", "red", "red_edge", "nir")
"""The model of DJI's Phantom 4 Multispectral, and its bands by the last number in the names of their files, from 1."""
MAKERS_OF_RGB = ("DJI", "HASSELBLAD")
"""Makers whose pictures of three channels are red, green and blue: their other sensors have files of one channel."""
HEADER = ["band", "gain", "offset"]
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")


@dataclass(frozen=True)
class Line:
    """Reflectance is ``gain`` times the stored number plus ``offset``."""

    gain: float
    offset: float

    def applied(self, values: Values) -> Values:
        """The reflectance of stored numbers, computed in float64."""
        import numpy as np

        return (self.gain * values.astype(np.float64) + self.offset).astype(np.float32)


def camera(model: str) -> tuple[str, ...] | None:
    """What the channels of a camera see, where its model tells of exactly one filter."""
    words = [word.upper() for word in re.split(r"[^A-Za-z0-9]+", model)]
    known = {**CAMERAS, **SURVEY2} if {"SURVEY1", "SURVEY2"} & set(words) else CAMERAS
    found = [word for word in words if word in known]
    return known[found[0]] if len(found) == 1 else None


def of_maker(make: str) -> tuple[str, ...] | None:
    """What the three channels of a maker's pictures see."""
    return CAMERAS["RGB"] if make.strip().upper() in MAKERS_OF_RGB else None


def named(told: str) -> str:
    """A band's name as fields have it, of what a camera calls it."""
    found = re.sub(r"[^a-z0-9_.-]+", "_", told.strip().lower())
    return ALIASES.get(found, found)


def of_file(stem: str, model: str) -> str | None:
    """The band that the name of a file of a DJI camera tells, extension aside."""
    match = IN_NAME.search(stem)
    if match:
        return named(match[1])
    last = stem[-1:]
    return NUMBERED[int(last) - 1] if model.strip() == PHANTOM and last in "12345" and last else None


def names(text: str) -> list[str]:
    """Names of bands, from a list with commas; refuses doubles and what no field can be called."""
    found = [name.strip() for name in text.split(",")]
    for name in found:
        if not NAME.fullmatch(name) or name in INDICES:
            raise Refusal(
                "--bands", f"{name!r} is no name for a band", "Use letters, digits, _ - . as in red,green,nir"
            )
    if len({name.lower() for name in found}) < len(found):
        raise Refusal("--bands", f"a name is there twice: {text}", "Give each band its own")
    return found


def coefficients(texts: Sequence[str]) -> dict[str, Line]:
    """Coefficients as the command line has them: ``red=0.00123,-0.05``."""
    found: dict[str, Line] = {}
    for text in texts:
        name, _, pair = text.partition("=")
        gain, _, offset = pair.partition(",")
        if name in found:
            raise Refusal("--calibrate", f"band {name!r} is calibrated twice", "Say it once")
        found[name.strip()] = _line(f"--calibrate {text}", gain, offset)
    return found


def table(where: object, text: str) -> dict[str, Line]:
    """Coefficients of a file: JSON ``{"red": {"gain": 1, "offset": 0}}``, or CSV of band, gain and offset."""
    if text.lstrip("\ufeff \n\r\t").startswith("{"):
        return _of_json(where, text)
    rows = [[part.strip() for part in row] for row in csv.reader(io.StringIO(text.lstrip("\ufeff"))) if any(row)]
    if not rows or rows[0] != HEADER:
        raise Refusal(where, f"it is neither JSON nor CSV with the first line {','.join(HEADER)}", "Write it like that")
    found: dict[str, Line] = {}
    for number, row in enumerate(rows[1:], 2):
        if len(row) != len(HEADER) or row[0] in found:
            raise Refusal(
                f"{where} line {number}", f"{','.join(row)!r} is not one band's line", "Write band,gain,offset"
            )
        found[row[0]] = _line(f"{where} line {number}", row[1], row[2])
    return found


def require_lines(bands: Sequence[str], lines: Mapping[str, Line]) -> None:
    """Refuse coefficients of bands that there are not, and bands without any."""
    unknown = [name for name in lines if name not in bands]
    missing = [name for name in bands if name not in lines]
    if unknown or missing:
        what = f"there is no band {unknown[0]!r}" if unknown else f"band {missing[0]!r} has no coefficients"
        raise Refusal("calibration", what, f"Give them for each band: {', '.join(bands)}")


def pair(index: str, bands: Sequence[str]) -> tuple[str, str]:
    """The bands that an index is made of; refused where one is missing."""
    first, *others = INDICES[index]
    second = next((name for name in others if name in bands), None)
    if first not in bands or second is None:
        what = f"it needs bands {first} and {' or '.join(others)}; there are {', '.join(bands)}"
        raise Refusal(f"--index {index}", what, "Name the bands with --bands, or leave it out")
    return first, second


def normalised_difference(first: Values, second: Values) -> Values:
    """(first - second) / (first + second) as float32, NaN where both are 0."""
    import numpy as np

    high, low = first.astype(np.float64), second.astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        return ((high - low) / (high + low)).astype(np.float32)


def _of_json(where: object, text: str) -> dict[str, Line]:
    try:
        content = json.loads(text.lstrip("\ufeff"))
    except ValueError as error:
        raise Refusal(where, f"it is no JSON: {error}", "Mend it") from error
    return {str(name): _of_entry(f"{where} band {name}", each) for name, each in content.items()}


def _of_entry(where: str, entry: Any) -> Line:
    if isinstance(entry, Mapping) and set(entry) == {"gain", "offset"}:
        return _line(where, entry["gain"], entry["offset"])
    if isinstance(entry, list) and len(entry) == 2:
        return _line(where, entry[0], entry[1])
    raise Refusal(where, f"{entry!r} is no gain and offset", 'Write {"gain": 1, "offset": 0}')


def _line(where: object, gain: Any, offset: Any) -> Line:
    try:
        found = Line(float(gain), float(offset))
    except (TypeError, ValueError) as error:
        raise Refusal(where, f"{gain!r} and {offset!r} are no gain and offset", "Write two numbers") from error
    if not (math.isfinite(found.gain) and math.isfinite(found.offset)) or found.gain == 0:
        raise Refusal(where, f"{gain!r} and {offset!r} are no use as gain and offset", "Write two finite numbers")
    return found
