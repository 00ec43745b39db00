#!/usr/bin/env python3
"""Rain at one station on one day. Usage: day.py HOUR... GAIN OUTPUT."""

import csv
import sys
from pathlib import Path

*hours, gain, output = map(Path, sys.argv[1:])
rows = [row for hour in hours for row in csv.DictReader(hour.read_text().splitlines())]
rain = sum(int(row["tips"]) for row in rows) * float(gain.read_text())
output.write_text(f"station,hours,rain_mm\n{rows[0]['station']},{len(hours)},{rain:.1f}\n")
