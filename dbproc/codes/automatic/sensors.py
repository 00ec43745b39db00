"""What ScientistCloud's sensors stand for: which kinds of files are looked for first, and who converts them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Sensor:
    """A sensor: the kinds that are looked for, and whether pictures and TIFF files are taken in a way of its own.

    Parameters
    ----------
    kinds
        Kinds of content, the first one that there is counts; none for whatever there is most of.
    way
        ``pictures``: TIFF files are pictures, too, which stand upright. ``bands``: their channels are bands. ``scan``:
        positions of a scan are looked for. Empty for none of these.
    """

    kinds: tuple[str, ...] = ()
    way: str = ""


SENSORS: Mapping[str, Sensor] = {
    "IDX": Sensor(("IDX",)),
    "TIFF": Sensor(("TIFF",)),
    "TIFF RGB": Sensor(("TIFF", "picture")),
    "NETCDF": Sensor(("NetCDF", "HDF5")),
    "HDF5": Sensor(("HDF5", "NetCDF")),
    "4D_NEXUS": Sensor(("HDF5", "NetCDF"), "scan"),
    "RGB": Sensor(("picture", "TIFF"), "pictures"),
    "MAPIR": Sensor(("picture", "TIFF"), "bands"),
    "OTHER": Sensor(),
}
"""The sensors by ScientistCloud's names."""
OLDER = {
    "4D_PROBE": "4D_NEXUS",
    "NEXUS": "4D_NEXUS",
    "TIFF_RGB": "TIFF RGB",
    "TIFFRGB": "TIFF RGB",
    "RGB DRONE": "RGB",
    "MAPIR DRONE": "MAPIR",
    "RGB_DRONE": "RGB",
    "MAPIR_DRONE": "MAPIR",
}
"""Other names that they have had."""


def named(word: str) -> str:
    """The name of a sensor in any of its spellings; raises ValueError where there is none."""
    found = OLDER.get(word.strip().upper(), word.strip().upper())
    if found not in SENSORS:
        raise ValueError(f"there is no sensor {word!r}: name one of {', '.join(SENSORS)}")
    return found
