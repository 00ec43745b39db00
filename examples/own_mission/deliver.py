#!/usr/bin/env python3
"""Put made-up readings into incoming/: as many days as you say, from 1 May 2024 on. Usage: deliver.py [DAYS]."""

import sys
from datetime import date, timedelta
from math import cos, pi
from pathlib import Path

incoming = Path(__file__).resolve().parent / "incoming"
incoming.mkdir(exist_ok=True)
for day in range(int(sys.argv[1]) if len(sys.argv) > 1 else 3):
    rows = [f"{hour:02d}:00,{18 + day - 6 * cos(2 * pi * (hour - 2) / 24):.1f}" for hour in range(24)]
    rows[7] = "07:00,"  # nobody looked
    name = f"reading_{date(2024, 5, 1) + timedelta(days=day):%Y%m%d}.csv"
    (incoming / name).write_text("\n".join(["time,temperature", *rows, ""]))
