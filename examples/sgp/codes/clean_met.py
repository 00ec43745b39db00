#!/usr/bin/env python3
"""Surface meteorology, level 1: one UTC day with everything masked that the quality flags call bad.

Usage: clean_met.py --day YYYY-MM-DD INPUT... OUTPUT

ARM gives each variable a companion ``qc_<variable>`` whose bits are tests that failed; global attributes say whether a
test makes a value ``Bad`` or only ``Indeterminate``. Values with a bad bit, ARM's missing value and values that are not
finite become missing; indeterminate ones are kept. Values and units are as delivered.
"""

import argparse
import datetime as dt

import netCDF4
import numpy as np

CALM = 0.0  # m/s: in slower wind the vane does not follow, and the direction is masked

MISSING = np.float32(-9999)
VARIABLES = {  # name here: (name in the ARM file, what a value stands for)
    "pressure": ("atmos_pressure", "time: mean"),
    "temperature": ("temp_mean", "time: mean"),
    "relative_humidity": ("rh_mean", "time: mean"),
    "wind_speed": ("wspd_arith_mean", "time: mean"),
    "wind_direction": ("wdir_vec_mean", "time: mean"),
    "precipitation": ("tbrg_precip_total_corr", "time: sum"),
}


def bad_bits(source: netCDF4.Dataset) -> int:
    """The bits of the quality flags that make a value bad, as a mask."""
    tests = range(1, 33)
    return sum(1 << (n - 1) for n in tests if getattr(source, f"qc_bit_{n}_assessment", None) == "Bad")


def read(source: netCDF4.Dataset, name: str) -> np.ndarray:
    """One variable as float32, NaN where it is bad or missing."""
    source.set_auto_mask(False)
    values = source[name][:].astype(np.float32)
    bad = (source["qc_" + name][:] & bad_bits(source)) != 0
    return np.where(bad | (values == MISSING) | ~np.isfinite(values), np.nan, values)


def main() -> None:
    """Read the inputs, keep the samples of the day in the order of time, write the output."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--day", type=dt.date.fromisoformat, required=True)
    parser.add_argument("inputs", nargs="+")
    parser.add_argument("output")
    options = parser.parse_args()

    midnight = dt.datetime.combine(options.day, dt.time(), dt.UTC).timestamp()
    times, columns = [], {name: [] for name in VARIABLES}
    for path in options.inputs:
        with netCDF4.Dataset(path) as source:
            times.append(source["base_time"][:] + np.asarray(source["time_offset"][:]))
            for name, (arm_name, _) in VARIABLES.items():
                columns[name].append(read(source, arm_name))
            attributes = {name: getattr(source, name) for name in ("site_id", "facility_id", "location_description")}
            units = {name: source[arm_name].units for name, (arm_name, _) in VARIABLES.items()}
            long_names = {name: source[arm_name].long_name for name, (arm_name, _) in VARIABLES.items()}
    time, first = np.unique(np.concatenate(times), return_index=True)
    first = first[(time >= midnight) & (time < midnight + 86400)]
    if not first.size:
        parser.exit(1, f"clean_met.py: no sample of {options.day} in {', '.join(options.inputs)}\n")
    time = np.concatenate(times)[first]
    data = {name: np.concatenate(parts)[first] for name, parts in columns.items()}
    data["wind_direction"][data["wind_speed"] < CALM] = np.nan

    with netCDF4.Dataset(options.output, "w", format="NETCDF4") as target:
        target.setncatts({"Conventions": "CF-1.8", "title": "Surface meteorology, bad values masked", **attributes})
        target.createDimension("time", time.size)
        variable = target.createVariable("time", "f8", ("time",))
        variable.setncatts({"units": "seconds since 1970-01-01 00:00:00", "standard_name": "time"})
        variable[:] = time
        for name, (arm_name, cell_methods) in VARIABLES.items():
            variable = target.createVariable(name, "f4", ("time",), fill_value=MISSING, zlib=True)
            variable.setncatts({"units": units[name], "long_name": long_names[name]})
            variable.setncatts({"cell_methods": cell_methods, "arm_name": arm_name})
            variable[:] = np.ma.masked_invalid(data[name])
        if CALM:
            target["wind_direction"].comment = f"missing where the wind is slower than {CALM} m/s"


if __name__ == "__main__":
    main()
