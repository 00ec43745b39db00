#!/usr/bin/env python3
"""Surface meteorology, level 2: 24-hour running means, and how far each minute of the day departs from them.

Usage: smooth_met.py --day YYYY-MM-DD INPUT... OUTPUT

The inputs are the day and its neighbours, as far as they exist. Around each minute of the day the mean goes from 12
hours before to 12 hours after it, over the minutes that are there: ``<name>_count`` says how many. Where they are less
than half, the mean is missing. Directions are averaged as unit vectors, and depart by -180 to 180 degrees.
"""

import argparse
import datetime as dt

import netCDF4
import numpy as np

HALF_WINDOW = 43200  # s
FEWEST = 720  # minutes, half of those in a window
MISSING = -9999.0


def running_mean(time: np.ndarray, values: np.ndarray, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mean of `values`, NaN left out, within half a window around each time of `at`; and how many they are."""
    first, last = np.searchsorted(time, at - HALF_WINDOW), np.searchsorted(time, at + HALF_WINDOW)
    there = np.isfinite(values)
    counts = np.concatenate([[0], np.cumsum(there)])
    sums = np.concatenate([[0], np.cumsum(np.where(there, values, 0))])
    count = counts[last] - counts[first]
    mean = np.full(at.size, np.nan, dtype=sums.dtype)
    np.divide(sums[last] - sums[first], count, out=mean, where=count >= FEWEST)
    return mean, count


def smooth(time: np.ndarray, values: np.ndarray, at: np.ndarray, circular: bool) -> tuple[np.ndarray, ...]:
    """Running mean, departure from it and count at the times of `at`, which are some of `time`."""
    now = values[np.searchsorted(time, at)]
    if not circular:
        mean, count = running_mean(time, values, at)
        return mean, now - mean, count
    vector, count = running_mean(time, np.exp(1j * np.radians(values)), at)
    mean = np.degrees(np.angle(vector)) % 360
    return mean, (now - mean + 180) % 360 - 180, count


def main() -> None:
    """Read the days, write the running means of the one in the middle."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--day", type=dt.date.fromisoformat, required=True)
    parser.add_argument("inputs", nargs="+")
    parser.add_argument("output")
    options = parser.parse_args()

    midnight = dt.datetime.combine(options.day, dt.time(), dt.UTC).timestamp()
    sources = [netCDF4.Dataset(path) for path in options.inputs]
    time, first = np.unique(np.concatenate([source["time"][:] for source in sources]), return_index=True)
    at = time[(time >= midnight) & (time < midnight + 86400)]
    if not at.size:
        parser.exit(1, f"smooth_met.py: no sample of {options.day} in {', '.join(options.inputs)}\n")

    with netCDF4.Dataset(options.output, "w", format="NETCDF4") as target:
        target.setncatts({"Conventions": "CF-1.8", "title": "Surface meteorology, 24-hour running means"})
        target.setncatts({name: getattr(sources[0], name) for name in ("site_id", "facility_id")})
        target.createDimension("time", at.size)
        variable = target.createVariable("time", "f8", ("time",))
        variable.setncatts({"units": "seconds since 1970-01-01 00:00:00", "standard_name": "time"})
        variable[:] = at
        for name in [name for name in sources[0].variables if name not in ("time", "precipitation")]:
            source = sources[0][name]
            parts = [each[name][:].astype(np.float64).filled(np.nan) for each in sources]
            mean, departure, count = smooth(time, np.concatenate(parts)[first], at, source.units == "degree")
            results = {"mean24h": ("24-hour running mean", mean), "departure": ("departure from it", departure)}
            for suffix, (what, values) in results.items():
                variable = target.createVariable(f"{name}_{suffix}", "f4", ("time",), fill_value=MISSING, zlib=True)
                variable.setncatts({"units": source.units, "long_name": f"{source.long_name}, {what}"})
                variable[:] = np.ma.masked_invalid(values)
            variable = target.createVariable(f"{name}_count", "i2", ("time",), zlib=True)
            variable.setncatts({"units": "1", "long_name": f"{source.long_name}, minutes behind the running mean"})
            variable[:] = count


if __name__ == "__main__":
    main()
