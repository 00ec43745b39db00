#!/usr/bin/env python3
"""Mean temperature of a day. Usage: average.py INPUT... OUTPUT."""

import csv
import sys
from statistics import fmean

*inputs, output = sys.argv[1:]
temperatures = []
for path in inputs:
    with open(path, newline="") as file:
        temperatures += [float(row["temperature"]) for row in csv.DictReader(file) if row["temperature"]]
with open(output, "w") as file:
    file.write(f"readings,mean_temperature\n{len(temperatures)},{fmean(temperatures):.2f}\n")
