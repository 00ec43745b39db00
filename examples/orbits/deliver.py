#!/usr/bin/env python3
"""Put made-up orbits with their frames into incoming/. Usage: deliver.py ORBIT..., of which 101 is the first."""

import sys
from datetime import datetime, timedelta
from pathlib import Path

LASTS = timedelta(minutes=95)

incoming = Path(__file__).resolve().parent / "incoming"
incoming.mkdir(exist_ok=True)
for orbit in map(int, sys.argv[1:]):
    start = datetime(2024, 5, 6, 20, 30) + (orbit - 101) * LASTS
    (incoming / f"orbit_{orbit}.txt").write_text(f"start {start.isoformat()}\nend {(start + LASTS).isoformat()}\n")
    for number in range(7):  # one each quarter of an hour
        time = start + number * timedelta(minutes=15)
        for camera, light in (("L", 10), ("R", 20)):
            frame = incoming / f"frame_{camera}_{time:%Y%m%dT%H%M%S}.pgm"
            frame.write_text(f"P2\n4 1\n255\n{' '.join(4 * [str(light * (number + 1))])}\n")
