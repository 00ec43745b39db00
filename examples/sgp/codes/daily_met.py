#!/usr/bin/env python3
"""Surface meteorology, level 2: the statistics of one UTC day, each with the number of minutes behind it.

Usage: daily_met.py --day YYYY-MM-DD INPUT... OUTPUT

Missing minutes are left out, never filled in: ``<name>_count`` says how many were there. Wind direction is averaged
as the direction of the mean unit vector; precipitation is summed.
"""

import argparse
import datetime as dt
from collections.abc import Callable

import netCDF4
import numpy as np

MISSING = -9999.0


def mean_direction(degrees: np.ndarray) -> float:
    """The direction of the mean unit vector, in [0, 360)."""
    mean = np.exp(1j * np.radians(degrees)).mean()
    return float(np.degrees(np.angle(mean)) % 360)


SCALAR = {"mean": np.mean, "min": np.min, "max": np.max, "std": np.std}
CIRCULAR = {"mean": mean_direction}
SUM = {"sum": np.sum, "max": np.max}


def statistics(variable: netCDF4.Variable) -> dict[str, Callable[[np.ndarray], float]]:
    """The statistics that make sense for a variable."""
    if variable.units == "degree":
        return CIRCULAR
    return SUM if variable.cell_methods == "time: sum" else SCALAR


def main() -> None:
    """Read the day from the inputs, write its statistics."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--day", type=dt.date.fromisoformat, required=True)
    parser.add_argument("inputs", nargs="+")
    parser.add_argument("output")
    options = parser.parse_args()

    midnight = dt.datetime.combine(options.day, dt.time(), dt.UTC).timestamp()
    sources = [netCDF4.Dataset(path) for path in options.inputs]
    time = np.concatenate([source["time"][:] for source in sources])
    of_day = (time >= midnight) & (time < midnight + 86400)

    with netCDF4.Dataset(options.output, "w", format="NETCDF4") as target:
        target.setncatts({"Conventions": "CF-1.8", "title": f"Surface meteorology, statistics of {options.day}"})
        target.setncatts({name: getattr(sources[0], name) for name in ("site_id", "facility_id")})
        target.createDimension("time", 1)
        target.createDimension("bound", 2)
        variable = target.createVariable("time", "f8", ("time",))
        variable.setncatts({"units": "seconds since 1970-01-01 00:00:00", "standard_name": "time"})
        variable.bounds = "time_bounds"
        variable[:] = midnight
        target.createVariable("time_bounds", "f8", ("time", "bound"))[:] = [[midnight, midnight + 86400]]
        for name in [name for name in sources[0].variables if name != "time"]:
            source = sources[0][name]
            values = np.ma.concatenate([each[name][:] for each in sources])[of_day].compressed().astype(np.float64)
            for statistic, function in statistics(source).items():
                variable = target.createVariable(f"{name}_{statistic}", "f8", ("time",), fill_value=MISSING)
                variable.setncatts({"units": source.units, "long_name": f"{source.long_name}, {statistic} of the day"})
                variable[:] = function(values) if values.size else MISSING
            variable = target.createVariable(f"{name}_count", "i4", ("time",))
            variable.setncatts({"units": "1", "long_name": f"{source.long_name}, number of valid minutes"})
            variable[:] = values.size


if __name__ == "__main__":
    main()
