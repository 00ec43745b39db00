#!/usr/bin/env python3
"""Put made-up hours of a day into incoming/. Usage: deliver.py DAY STATION [HOURS]; 24 hours unless you say so."""

import sys
from pathlib import Path

day, station = sys.argv[1:3]
hours = int(sys.argv[3]) if len(sys.argv) > 3 else 24
incoming = Path(__file__).resolve().parent / "incoming"
incoming.mkdir(exist_ok=True)
for hour in range(hours):
    tips = {"ANK": 1, "BOL": 2, "CIV": 3}[station] * (hour % 4)
    rows = [f"{station},{hour:02d}:{minute:02d},{tips}" for minute in (0, 15, 30, 45)]
    name = f"hour_{station}_{day.replace('-', '')}_{hour:02d}.csv"
    (incoming / name).write_text("\n".join(["station,time,tips", *rows, ""]))
